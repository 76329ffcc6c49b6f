internal import Bytes

/// "did you mean …?", or what there is when nothing is near.
func suggest(_ name: String, among names: some Collection<String>, called what: String) -> String? {
    if let near = nearest(to: name, among: names) { return "did you mean `\(near)`?" }
    guard !names.isEmpty else { return nil }
    let shown = names.prefix(12).map { "`\($0)`" }.joined(separator: ", ")
    return "\(what): \(shown)\(names.count > 12 ? " …" : "")"
}
