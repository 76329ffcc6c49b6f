internal import JSONSchema

extension PlanBuilder {
    /// Reads a step's schema and everything it refers to; nil: something is wrong with it, which is reported.
    func schema(_ written: Written<String>, _ section: ValidateSection) -> SchemaPlan? {
        let path = absolutePath(written.value, from: directory)
        let text: [UInt8]
        switch readFile(path, limit: Self.mostSchemaBytes) {
        case .success(let bytes): text = bytes
        case .failure(let error):
            reader.report(
                "file.missing", "no schema can be read from `\(reader.shown(written.value))`: \(error.reason)",
                at: written.position,
                "it would be \(reader.shown(path))")
            return nil
        }
        var plan = SchemaPlan(
            path: written.value, uri: "file://" + path, text: text, documents: [:],
            assertsFormat: ValidateSection.assertFormat.value(section.assertFormat))
        let files = ReadFiles()
        do throws(SchemaProblems) {
            let schema = try plan.compile { files.read($0) }
            report(schema.warnings, schemaPath: path, written)
        } catch {
            report(error.problems, schemaPath: path, written)
            return nil
        }
        plan.documents = files.texts
        return plan
    }

    private static let mostSchemaBytes = 16 << 20

    /// Files that a schema has asked for.
    private final class ReadFiles {
        var texts: [String: [UInt8]] = [:]

        func read(_ uri: String) -> [UInt8]? {
            guard uri.hasPrefix("file:///"),
                case .success(let bytes) = readFile(String(uri.dropFirst("file://".count)), limit: PlanBuilder.mostSchemaBytes)
            else { return nil }
            texts[uri] = bytes
            return bytes
        }
    }

    /// Problems stand where they are in the schema's file; of one in a document without a file the step tells.
    private func report(_ problems: [SchemaProblem], schemaPath: String, _ written: Written<String>) {
        for problem in problems {
            var position = written.position
            var message = problem.message
            if problem.place.uri.hasPrefix("file://") {
                // The schema goes by the name it has in the topology's folder, like the topology itself.
                let file = String(problem.place.uri.dropFirst("file://".count))
                position = SourcePosition(
                    file: file == schemaPath ? shownPath(written.value) : file, line: problem.place.line,
                    column: problem.place.column)
            } else {
                message += " (\(problem.place.uri):\(problem.place.line):\(problem.place.column))"
            }
            let severity: Problem.Severity = problem.severity == .error ? .error : .warning
            reader.report(
                Problem(severity, code: problem.code, message: message, at: position, suggestion: problem.suggestion))
        }
    }

    /// A file of the topology's folder, from where the topology was named.
    private func shownPath(_ path: String) -> String {
        let folder = splitPath(topology.position.file).directory
        return path.hasPrefix("/") || folder.isEmpty ? path : folder + "/" + path
    }
}

extension SchemaPlan {
    /// For one thread.
    /// - Parameter load: asked for files that aren't among `documents`.
    func compile(load: ((String) -> [UInt8]?)? = nil) throws(SchemaProblems) -> JSONSchema {
        var options = JSONSchema.Options()
        options.uri = uri
        options.assertsFormat = assertsFormat
        options.documents = documents
        options.load = load
        return try JSONSchema(text, options)
    }
}
