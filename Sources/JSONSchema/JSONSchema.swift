internal import JSON

/// A JSON Schema, draft 2020-12 or draft-07, compiled with all it refers to. docs/json-schema.md says what is supported.
///
/// Never changes; but patterns in it are best run by one thread, so each thread compiles its own.
public final class JSONSchema {
    let program: Program
    /// Remarks on the schema.
    public let warnings: [SchemaProblem]

    /// What a schema is compiled with.
    public struct Options {
        /// Absolute, or empty: what relative references start from where the schema has no `$id`.
        public var uri = ""
        /// Whether `format` is a rule rather than a remark.
        public var assertsFormat = false
        /// Whether a document without `$schema` is of draft-07 rather than 2020-12.
        public var defaultsToDraft7 = false
        /// Other documents that may be referred to, by absolute URI. Nothing is fetched.
        public var documents: [String: [UInt8]] = [:]
        /// Asked for `file:` URIs that aren't among `documents`.
        public var load: ((String) -> [UInt8]?)?

        public init() {}
    }

    /// - Parameter text: JSON in UTF-8.
    /// - Throws: everything that is wrong with the schema at once.
    public init(_ text: [UInt8], _ options: Options = Options()) throws(SchemaProblems) {
        let registry = Registry(
            given: options.documents, load: options.load, fallback: options.defaultsToDraft7 ? .draft7 : .draft2020)
        var compiler = Compiler(registry, assertsFormat: options.assertsFormat)
        let root: Location
        do throws(SchemaProblem) { root = try compiler.registry.add(text, uri: options.uri) } catch {
            throw SchemaProblems(problems: [error])
        }
        guard let program = compiler.compile(root) else {
            throw SchemaProblems(problems: compiler.registry.problems.filter { $0.severity == .error })
        }
        self.program = program
        warnings = compiler.registry.problems
    }
}
