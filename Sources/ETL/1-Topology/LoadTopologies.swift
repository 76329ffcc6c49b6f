internal import YAML

/// What came of a file.
public struct LoadedTopologies: Sendable {
    /// Of the documents without an error, in the order written.
    public var plans: [Plan] = []
    /// Of all documents, by place.
    public var problems: [Problem] = []
    /// What no text about the file may show.
    public var secrets = Secrets()
    /// Texts of the files, to show lines of.
    var sources: [String: Source] = [:]
    /// All documents, as written.
    var topologies: [Topology] = []

    /// The plan of that name.
    public func plan(named name: String) -> Plan? { plans.first { $0.name == name } }
}

/// Reads every topology of a file and makes plans of those without an error.
///
/// - Parameters:
///   - environment: `production` merges `orders.production.yaml` over `orders.yaml`, which must then exist; nil: what the topology's own
///     `environment` says, if that file exists.
///   - variables: what `${NAME}` stands for; nil: the process's environment.
///   - checkExpressions: problems of the expressions of a plan. The plan may lack stages and extractors that are wrong otherwise.
public func loadTopologies(
    file: String, environment: String? = nil, variables: [String: String]? = nil, checkExpressions: ((Plan) -> [Problem])? = nil
) -> LoadedTopologies {
    var loader = TopologyLoader(file: file, environment: environment, variables: variables ?? processEnvironment())
    loader.load(checkExpressions)
    var result = loader.result
    result.problems = result.problems.map { $0.redacted(result.secrets) }.sortedByPlace()
    return result
}

private struct TopologyLoader {
    let file: String
    let absoluteFile: String
    let environment: String?
    let variables: Variables
    var result = LoadedTopologies()
    /// Each overlay is read once.
    private var overlays: [String: Overlay] = [:]

    /// Nil documents: it is wrong, and so is every topology it belongs to.
    private struct Overlay {
        var documents: [Node]?
        var used: Set<Int> = []
    }

    init(file: String, environment: String?, variables: [String: String]) {
        self.file = file
        absoluteFile = absolutePath(file)
        self.environment = environment
        self.variables = Variables(environment: variables, directory: splitPath(absoluteFile).directory)
    }

    private var start: SourcePosition { SourcePosition(file: file, line: 1, column: 1) }

    mutating func load(_ checkExpressions: ((Plan) -> [Problem])?) {
        guard let yaml = read(file) else { return }
        if let environment, !isEnvironmentName(environment) {
            let message = "`\(environment.prefix(60))` is no name of an environment"
            result.problems.append(Problem(code: "environment.name", message: message, at: start, suggestion: "use letters, digits, `_` and `-`"))
            return
        }
        let roots = yaml.documents.enumerated().filter { !$0.element.isNull }
        if roots.isEmpty, yaml.problems.isEmpty {
            result.problems.append(Problem(code: "file.empty", message: "the file holds no topology", at: start))
        }
        var names: [String: SourcePosition] = [:]
        for (index, root) in roots {
            let isWhole = !yaml.problems.contains { $0.document == index }
            load(root, isWhole: isWhole, isOnly: roots.count == 1, &names, checkExpressions)
        }
        reportUnusedOverlays()
    }

    private mutating func load(
        _ written: Node, isWhole: Bool, isOnly: Bool, _ names: inout [String: SourcePosition], _ check: ((Plan) -> [Problem])?
    ) {
        let reader = FieldReader(variables: variables)
        let (root, overlayIsWhole) = overlaid(written, isOnly: isOnly, reader)
        let position = SourcePosition(root.place)
        let value = FieldReader.Value(node: root, label: "a topology", keyPosition: position, isSecret: false)
        defer {
            result.secrets.formUnion(reader.secrets)
            result.problems += reader.problems
        }
        guard let topology = reader.read(Topology.type, value) else { return }
        result.topologies.append(topology)
        if let name = topology.name {
            if let first = names[name.value] {
                let related = Problem.Related(message: "the other is here", position: first)
                reader.report(
                    Problem(code: "name.duplicate", message: "two topologies are named `\(name.value)`", at: name.position, related: [related]))
            }
            names[name.value] = names[name.value] ?? name.position
        }
        let plan = PlanBuilder(topology, reader: reader, file: absoluteFile).build()
        for problem in check?(plan) ?? [] { reader.report(problem) }
        if isWhole, overlayIsWhole, reader.errorCount == 0 { result.plans.append(plan) }
    }

    // MARK: Overlays

    private mutating func overlaid(_ root: Node, isOnly: Bool, _ reader: FieldReader) -> (node: Node, isWhole: Bool) {
        guard let (name, isDemanded) = wantedEnvironment(root, reader) else { return (root, true) }
        let path = overlayFile(of: file, environment: name)
        if !isDemanded, fileKind(absolutePath(path)) == .missing { return (root, true) }
        if overlays[path] == nil {
            let yaml = read(path)
            overlays[path] = Overlay(documents: yaml.flatMap { $0.problems.isEmpty ? $0.documents.filter { !$0.isNull } : nil })
        }
        guard let documents = overlays[path]?.documents else { return (root, false) }
        var result = root
        for (index, document) in documents.enumerated() {
            let own = document["name"]?.scalar?.text
            guard own == nil || isOnly && documents.count == 1 || own == root["name"]?.scalar?.text else { continue }
            overlays[path]?.used.insert(index)
            result = result.merged(with: document)
        }
        return (result, true)
    }

    /// The environment a document is meant for, and whether its file must exist.
    private func wantedEnvironment(_ root: Node, _ reader: FieldReader) -> (name: String, isDemanded: Bool)? {
        if let environment { return (environment, true) }
        guard let node = root["environment"], let scalar = node.scalar, !reader.isAbsent(node) else { return nil }
        let expansion = variables.expand(scalar.text)
        guard expansion.failures.isEmpty else { return nil }
        if !expansion.secrets.isEmpty { reader.keepSecret(expansion.text) }
        guard isEnvironmentName(expansion.text) else {
            let message = "`\(reader.shown(expansion.text))` is no name of an environment"
            reader.report("environment.name", message, at: SourcePosition(node.place), "use letters, digits, `_` and `-`")
            return nil
        }
        return (expansion.text, false)
    }

    private mutating func reportUnusedOverlays() {
        for overlay in overlays.values {
            for (index, document) in (overlay.documents ?? []).enumerated() where !overlay.used.contains(index) {
                let name = document["name"]?.scalar?.text ?? ""
                let place = SourcePosition(document["name"]?.place ?? document.place)
                let known = result.topologies.compactMap { $0.name?.value }
                let suggestion = suggest(name, among: known, called: "there are")
                let message = "\(file) has no topology `\(name)` to merge this into"
                result.problems.append(Problem(code: "name.unknown", message: message, at: place, suggestion: suggestion))
            }
        }
    }

    // MARK: Files

    private mutating func read(_ path: String) -> YAMLFile? {
        switch readFile(path, limit: Limits().bytes) {
        case .failure(let error):
            let position = SourcePosition(file: path, line: 1, column: 1)
            let code = error.isMissing ? "file.missing" : "file.unreadable"
            result.problems.append(Problem(code: code, message: "cannot read `\(path)`: \(error.reason)", at: position))
            return nil
        case .success(let bytes):
            let yaml = parseYAML(bytes, file: path)
            result.sources[path] = yaml.source
            result.problems += yaml.problems.map { Problem($0) }
            return yaml
        }
    }
}

extension Problem {
    init(_ problem: YAMLProblem) {
        self.init(code: problem.code, message: problem.message, at: SourcePosition(problem.place), suggestion: problem.suggestion)
        if let related = problem.related { self.related = [Related(message: related.message, position: SourcePosition(related.place))] }
    }

    func redacted(_ secrets: Secrets) -> Problem {
        var result = self
        result.message = secrets.redact(message)
        result.suggestion = suggestion.map { secrets.redact($0) }
        result.related = related.map { Related(message: secrets.redact($0.message), position: $0.position) }
        return result
    }
}
