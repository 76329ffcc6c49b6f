import JSONSchema
import Testing

/// A schema and values: those before `:` are valid, those behind it aren't. Values are separated by `;`.
struct Case: Sendable, CustomTestStringConvertible {
    var schema: String
    var valid: [String]
    var invalid: [String]
    var testDescription: String { schema }

    init(_ schema: String, _ valid: [String], not invalid: [String]) {
        self.schema = schema
        self.valid = valid
        self.invalid = invalid
    }

    func check(_ options: JSONSchema.Options = .init(), sourceLocation: SourceLocation = #_sourceLocation) throws {
        var validator = Validator(try compile(schema, options))
        for text in valid {
            let failures = explain(text, &validator)
            #expect(failures == [], "\(text) against \(schema)", sourceLocation: sourceLocation)
            #expect(isValid(text, &validator), "\(text) against \(schema)", sourceLocation: sourceLocation)
        }
        for text in invalid {
            #expect(!isValid(text, &validator), "\(text) against \(schema)", sourceLocation: sourceLocation)
            #expect(!explain(text, &validator).isEmpty, "\(text) against \(schema)", sourceLocation: sourceLocation)
        }
    }
}

func compile(_ schema: String, _ options: JSONSchema.Options = .init()) throws -> JSONSchema {
    try JSONSchema(Array(schema.utf8), options)
}

func isValid(_ text: String, _ validator: inout Validator) -> Bool {
    var text = text
    return text.withUTF8 { validator.isValid(UnsafeRawBufferPointer($0)) }
}

func explain(_ text: String, _ validator: inout Validator) -> [SchemaFailure] {
    var text = text
    return text.withUTF8 { validator.explain(UnsafeRawBufferPointer($0)) }
}

/// `pointer keyword rule` of each failure.
func failures(_ schema: String, _ value: String) throws -> [String] {
    var validator = Validator(try compile(schema))
    return explain(value, &validator).map { "\($0.pointer) \($0.keyword) \($0.rule)" }
}

/// `code line:column` of each problem; empty: the schema is right.
func problems(_ schema: String, _ options: JSONSchema.Options = .init()) -> [String] {
    do throws(SchemaProblems) {
        return try JSONSchema(Array(schema.utf8), options).warnings.map { "\($0.code) \($0.place.line):\($0.place.column)" }
    } catch {
        return error.problems.map { "\($0.code) \($0.place.line):\($0.place.column)" }
    }
}
