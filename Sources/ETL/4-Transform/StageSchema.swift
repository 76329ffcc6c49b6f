internal import JSONSchema

/// A step's schema, compiled for one thread, and what of it can be looked at in the frame's slots.
struct StageSchema {
    let plan: SchemaPlan
    let schema: JSONSchema
    let fields: SchemaFields

    /// - Throws: what is wrong with the schema; a plan made from a topology has been through it once.
    init(_ plan: SchemaPlan) throws(SchemaProblems) {
        self.plan = plan
        schema = try plan.compile()
        fields = schema.fields()
    }
}
