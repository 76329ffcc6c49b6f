/// A step as written: a mapping with one key, its kind.
struct StepSection: Sendable {
    static let validate = Key("validate", .object(ValidateSection.type), "Checks types and values of fields.")
    static let check = Key("check", .object(CheckSection.type), "A rule with a name.")
    static let filter = Key("filter", .expression, "Keeps the records for which it is true.")
    static let lookup = Key("lookup", .object(LookupStepSection.type), "Joins a row of a lookup table.")
    static let set = Key("set", .map(.expression), "Sets fields, in this order. A dotted name is a path.")
    static let remove = Key("remove", .list(.path), "Removes fields.")
    static let keep = Key("keep", .list(.path), "Removes all fields but these.")
    static let rename = Key("rename", .map(.path), "Gives fields other names: old to new.")
    static let rekey = Key("rekey", .expression, "Sets the record's key, and so its partition.")
    private static let fields = [
        validate.field, check.field, filter.field, lookup.field, set.field, remove.field, keep.field, rename.field, rekey.field,
        .unavailable("explode", "One record for each element of a list."), .unavailable("route", "Chooses the topic."),
        .unavailable("metric", "A business metric."),
    ]

    static let type = ObjectType("a step", "One transformation.", fields, exactlyOne: [fields.map(\.name)]) { StepSection($0) }

    var validate: Written<ValidateSection>?
    var check: Written<CheckSection>?
    var filter: Written<ExpressionPlan>?
    var lookup: Written<LookupStepSection>?
    var set: Written<[Named<ExpressionPlan>]>?
    var remove: Written<[Written<[String]>]>?
    var keep: Written<[Written<[String]>]>?
    var rename: Written<[Named<[String]>]>?
    var rekey: Written<ExpressionPlan>?

    init(_ keys: MappingReader) {
        validate = keys[Self.validate]
        check = keys[Self.check]
        filter = keys[Self.filter]
        lookup = keys[Self.lookup]
        set = keys[Self.set]
        remove = keys[Self.remove]
        keep = keys[Self.keep]
        rename = keys[Self.rename]
        rekey = keys[Self.rekey]
    }
}

struct ValidateSection: Sendable {
    static let fields = Key("fields", .map(.object(FieldRuleSection.object)), "Rules by field. A dotted name is a path.")
    static let schema = Key(
        "schema", .text, "A JSON Schema file (2020-12 or draft-07); a relative path starts at the topology's folder.")
    static let assertFormat = DefaultKey(
        "assert_format", .boolean, default: false, "With `schema`: `format` is a rule rather than a remark.")

    static let type = ObjectType(
        "`validate`", "Rules for fields, or a JSON Schema.", [fields.field, schema.field, assertFormat.field],
        exactlyOne: [["fields", "schema"]]
    ) { ValidateSection($0) }

    var fields: Written<[Named<FieldRuleSection>]>?
    var schema: Written<String>?
    var assertFormat: Written<Bool>?

    init(_ keys: MappingReader) {
        fields = keys[Self.fields]
        schema = keys[Self.schema]
        assertFormat = keys[Self.assertFormat]
    }
}

/// JSON Schema's keywords of the same meaning. https://json-schema.org/draft/2020-12/json-schema-validation
struct FieldRuleSection: Sendable {
    static let type = Key("type", .choice as ValueType<FieldRule.JSONType>, "The value's type. Absent: any.")
    static let required = DefaultKey("required", .boolean, default: true, "The field must be there; null counts as there.")
    static let nullable = DefaultKey("nullable", .boolean, default: false, "Null is allowed.")
    static let minimum = Key("minimum", .decimal, "The least number.")
    static let maximum = Key("maximum", .decimal, "The greatest number.")
    static let exclusiveMinimum = Key("exclusive_minimum", .decimal, "Numbers must be greater.")
    static let exclusiveMaximum = Key("exclusive_maximum", .decimal, "Numbers must be less.")
    static let minLength = Key("min_length", .integer(0...1_000_000_000), "The least length of a string, in code points.")
    static let maxLength = Key("max_length", .integer(0...1_000_000_000), "The greatest length of a string, in code points.")
    static let pattern = Key("pattern", .text, "RE2; matches anywhere in the string unless anchored.")
    static let allowed = Key("enum", .list(.scalar), "The values it may have.")

    static let object = ObjectType(
        "a field's rule", "What one field must be.",
        [
            type.field, required.field, nullable.field, minimum.field, maximum.field, exclusiveMinimum.field,
            exclusiveMaximum.field,
            minLength.field, maxLength.field, pattern.field, allowed.field,
        ]
    ) { FieldRuleSection($0) }

    var type: Written<FieldRule.JSONType>?
    var required: Written<Bool>?
    var nullable: Written<Bool>?
    var minimum: Written<String>?
    var maximum: Written<String>?
    var exclusiveMinimum: Written<String>?
    var exclusiveMaximum: Written<String>?
    var minLength: Written<Int>?
    var maxLength: Written<Int>?
    var pattern: Written<String>?
    var allowed: Written<[Written<String>]>?

    init(_ keys: MappingReader) {
        type = keys[Self.type]
        required = keys[Self.required]
        nullable = keys[Self.nullable]
        minimum = keys[Self.minimum]
        maximum = keys[Self.maximum]
        exclusiveMinimum = keys[Self.exclusiveMinimum]
        exclusiveMaximum = keys[Self.exclusiveMaximum]
        minLength = keys[Self.minLength]
        maxLength = keys[Self.maxLength]
        pattern = keys[Self.pattern]
        allowed = keys[Self.allowed]
    }
}

struct CheckSection: Sendable {
    static let name = Key("name", .name, required: true, "Tells it apart in dead letters and metrics.")
    static let expr = Key("expr", .expression, required: true, "True for a good record.")
    static let onFailure = DefaultKey("on_failure", .choice, default: StepPlan.OnFailure.deadLetter, "What becomes of the others.")

    static let type = ObjectType("`check`", "A rule with a name.", [name.field, expr.field, onFailure.field]) { CheckSection($0) }

    var name: Written<String>?
    var expr: Written<ExpressionPlan>?
    var onFailure: Written<StepPlan.OnFailure>?

    init(_ keys: MappingReader) {
        name = keys[Self.name]
        expr = keys[Self.expr]
        onFailure = keys[Self.onFailure]
    }
}

struct LookupStepSection: Sendable {
    static let table = Key("table", .text, required: true, "The lookup.")
    static let key = Key("key", .expression, required: true, "What is looked up.")
    static let alias = Key("as", .name, "What expressions call the row. Default: the table's name.")
    static let onMissing = DefaultKey(
        "on_missing", .choice, default: StepPlan.OnMissing.deadLetter,
        "What becomes of a record without a row; keep: the row is null.")

    static let type = ObjectType(
        "`lookup`", "Joins a row of a lookup table.", [table.field, key.field, alias.field, onMissing.field]
    ) { LookupStepSection($0) }

    var table: Written<String>?
    var key: Written<ExpressionPlan>?
    var alias: Written<String>?
    var onMissing: Written<StepPlan.OnMissing>?

    init(_ keys: MappingReader) {
        table = keys[Self.table]
        key = keys[Self.key]
        alias = keys[Self.alias]
        onMissing = keys[Self.onMissing]
    }
}
