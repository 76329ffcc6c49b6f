import Command
import ETL
import JSON

/// Checks that a file is JSON, whatever value it holds.
func evalParse(_ file: String) throws {
    let text: [UInt8]
    switch readFile(file, limit: 1 << 30) {
    case .success(let bytes): text = bytes
    case .failure(let error): throw ETLError(.failed, code: "eval.file", "can't read \(file): \(error.reason)")
    }
    var tape = Tape(maxDepth: 512)
    let result = text.withUnsafeBytes { tape.read($0) }
    if result.code != .ok {
        throw ETLError(.failed, code: "eval.parse", "\(file) isn't JSON: \(result.code) at byte \(result.offset)")
    }
}
