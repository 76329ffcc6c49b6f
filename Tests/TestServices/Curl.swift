import Foundation

/// What curl says of a URL: status and body; status 0: no answer.
public func curl(_ words: String...) -> (status: Int, body: String) { curl(words) }

public func curl(_ words: [String]) -> (status: Int, body: String) {
    let file = NSTemporaryDirectory() + "/etl-curl.\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let line = (["curl", "-s", "--max-time", "20", "-w", "\n%{http_code}"] + words).map { "'\($0)'" }.joined(separator: " ")
    _ = system("\(line) >\(file) 2>/dev/null")
    let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
    let parts = text.split(separator: "\n", omittingEmptySubsequences: false)
    return (parts.last.flatMap { Int($0) } ?? 0, parts.dropLast().joined(separator: "\n"))
}
