/// Which keywords a schema has, and what they mean.
struct Dialect: Equatable {
    enum Draft { case draft7, draft2020 }

    var draft: Draft
    /// Subschemas of values and members: 2020-12's applicator and unevaluated vocabularies.
    var applies = true
    /// Types, bounds, lengths: the validation vocabulary.
    var validates = true
    /// `format` is a rule, not a remark.
    var assertsFormat = false

    static let draft7 = Dialect(draft: .draft7)
    static let draft2020 = Dialect(draft: .draft2020)

    static let draft2020URI = "https://json-schema.org/draft/2020-12/schema"
    static let draft7URI = "http://json-schema.org/draft-07/schema"

    /// Of a `$schema` without its empty fragment; nil: none that is built in.
    static func named(_ uri: String) -> Dialect? {
        switch uri {
        case draft2020URI, "http://json-schema.org/draft/2020-12/schema": draft2020
        case draft7URI, "https://json-schema.org/draft-07/schema": draft7
        default: nil
        }
    }

    /// Drafts whose keywords mean other things.
    static func isOther(_ uri: String) -> Bool {
        let ends = ["draft-03/schema", "draft-04/schema", "draft-06/schema", "draft/2019-09/schema"]
        return uri.contains("json-schema.org/") && ends.contains { uri.hasSuffix($0) }
    }

    /// What a keyword's value holds.
    enum Holds { case schema, schemas, schemasByName, schemaOrSchemas, schemasOrNamesByName }

    /// Keywords that hold schemas.
    func holds(_ keyword: String) -> Holds? {
        let isNew = draft == .draft2020
        switch keyword {
        case "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else": return .schema
        case "allOf", "anyOf", "oneOf": return .schemas
        case "properties", "patternProperties", "definitions": return .schemasByName
        case "dependencies": return .schemasOrNamesByName
        case "items": return isNew ? .schema : .schemaOrSchemas
        case "additionalItems": return isNew ? nil : .schema
        case "unevaluatedProperties", "unevaluatedItems", "contentSchema": return isNew ? .schema : nil
        case "prefixItems": return isNew ? .schemas : nil
        case "dependentSchemas", "$defs": return isNew ? .schemasByName : nil
        default: return nil
        }
    }

    /// Keywords that hold no schemas.
    private static let others: Set<String> = [
        "$schema", "$id", "$ref", "$comment", "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
        "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties",
        "minProperties", "required", "format", "title", "description", "default", "examples", "readOnly", "writeOnly",
        "contentEncoding", "contentMediaType",
    ]
    private static let newOthers: Set<String> = [
        "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "maxContains", "minContains", "dependentRequired", "deprecated",
    ]

    func knows(_ keyword: String) -> Bool {
        holds(keyword) != nil || Self.others.contains(keyword) || (draft == .draft2020 && Self.newOthers.contains(keyword))
    }

    var keywords: [String] {
        let holding = [
            "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "allOf", "anyOf", "oneOf",
            "properties", "patternProperties", "definitions", "dependencies", "items", "additionalItems", "unevaluatedProperties",
            "unevaluatedItems", "prefixItems", "dependentSchemas", "$defs",
        ]
        return (holding + Self.others + Self.newOthers).filter { knows($0) }.sorted()
    }
}
