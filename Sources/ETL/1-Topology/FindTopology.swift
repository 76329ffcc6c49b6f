internal import YAML

/// No topology of that name; says which there are.
public struct TopologyNotFound: Error, Sendable, Equatable {
    public var message: String
    public var suggestion: String?
    /// Names of the topologies in the folder.
    public var names: [String]
}

/// The file in `dir` that holds the topology `pipeline`. Files of environments (`orders.production.yaml`) are no topologies of
/// their own.
public func findTopology(pipeline: String, dir: String = "topologies", variables: [String: String]? = nil) -> Result<
    String, TopologyNotFound
> {
    guard let files = topologyFiles(dir: dir) else {
        let suggestion = "name the folder of the topologies with --dir, or a file with --topology"
        return .failure(TopologyNotFound(message: "cannot read folder `\(dir)`", suggestion: suggestion, names: []))
    }
    let variables = variables ?? processEnvironment()
    var names: [String] = []
    for file in files {
        let written = topologyNames(file: file, variables: variables)
        if written.contains(pipeline) { return .success(file) }
        names += written
    }
    let suggestion = names.isEmpty ? "it has none" : suggest(pipeline, among: names, called: "there are")
    return .failure(TopologyNotFound(message: "no topology `\(pipeline)` in `\(dir)`", suggestion: suggestion, names: names))
}

/// What `etl list` says of one topology.
public struct TopologyRow: Sendable, Equatable {
    public var name: String
    /// The path that was listed.
    public var file: String
    public var description: String
    public var extractors: [String]
    /// All stages, loaders as well.
    public var stages: [String]
    public var loaders: [String]
}

/// Every topology in a folder, wrong ones too, by file; nil: the folder can't be read.
public func listTopologies(dir: String = "topologies", variables: [String: String]? = nil) -> [TopologyRow]? {
    topologyFiles(dir: dir)?.flatMap { file in
        loadTopologies(file: file, variables: variables).topologies.map { topology in
            let stages = topology.stages?.value ?? []
            return TopologyRow(
                name: topology.name?.value ?? "",
                file: file,
                description: topology.description?.value ?? "",
                extractors: (topology.extractors?.value ?? []).map(\.name),
                stages: stages.map(\.name),
                loaders: stages.filter { $0.value.value.load != nil }.map(\.name))
        }
    }
}

/// YAML files of a folder, without those that are laid over others.
private func topologyFiles(dir: String) -> [String]? {
    guard let names = names(inDirectory: dir) else { return nil }
    let files = names.filter { ["yaml", "yml"].contains(splitPath($0).ending) && !$0.hasPrefix(".") }
    return files.filter { name in
        let (_, stem, ending) = splitPath(name)
        return !files.contains("\(splitPath(stem).stem).\(ending)") || splitPath(stem).ending.isEmpty
    }.map { dir.hasSuffix("/") ? dir + $0 : "\(dir)/\($0)" }
}

private func topologyNames(file: String, variables: [String: String]) -> [String] {
    guard case .success(let bytes) = readFile(file, limit: Limits().bytes) else { return [] }
    let variables = Variables(environment: variables, directory: splitPath(absolutePath(file)).directory)
    return parseYAML(bytes, file: file).documents.compactMap { $0["name"]?.scalar.map { variables.expand($0.text).text } }
}
