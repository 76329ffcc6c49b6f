import Command
import ETL
import Glibc
import JSON
import JSONSchema

/// Validates the data of each line of standard input against its schema: `{"id":…,"schema":…,"data":…}`, and if wanted
/// `"assert_format":true`, `"remotes":{URI:schema}` and `"dialect":URI` for schemas without `$schema`.
func evalSchemas() throws {
    var lines = StandardInput()
    var tape = Tape(maxDepth: 600)
    while let line = try lines.next() {
        if line.allSatisfy({ $0 <= 0x20 }) { continue }
        writeAll(line.withUnsafeBytes { evalSchema($0, &tape) } + "\n", to: 1)
    }
}

private func evalSchema(_ line: UnsafeRawBufferPointer, _ tape: inout Tape) -> String {
    let result = tape.read(line)
    guard result.code == .ok else { return reply("null", error: "the line isn't JSON: \(result.code) at byte \(result.offset)") }
    let view = tape.view
    let id = member("id", view).map { String(decoding: view.source($0), as: UTF8.self) } ?? "null"
    guard let schemaNode = member("schema", view), let dataNode = member("data", view) else {
        return reply(id, error: "the line has no `schema` or no `data`")
    }
    var options = JSONSchema.Options()
    options.assertsFormat = member("assert_format", view).map { view[$0].kind == .true } ?? false
    if let dialect = member("dialect", view) {
        options.defaultsToDraft7 = String(decoding: view.string(dialect), as: UTF8.self).contains("draft-07")
    }
    if let remotes = member("remotes", view), view[remotes].kind == .object {
        var key = remotes + 1
        while key < Int(view[remotes].next) {
            options.documents[String(decoding: view.string(key), as: UTF8.self)] = Array(view.source(key + 1))
            key = Int(view[key + 1].next)
        }
    }
    do throws(SchemaProblems) {
        var validator = Validator(try JSONSchema(Array(view.source(schemaNode)), options))
        return reply(id, validator.explain(view.source(dataNode)))
    } catch {
        return reply(id, error: error.problems.prefix(5).map(\.text).joined(separator: "; "))
    }
}

private func member(_ name: String, _ view: TapeView) -> Int? {
    var name = name
    return name.withUTF8 { view.member(UnsafeRawBufferPointer($0), of: 0) }
}

private func reply(_ id: String, error: String) -> String {
    var text = "{\"id\":\(id),\"error\":"
    appendJSONString(error, to: &text)
    return text + "}"
}

private func reply(_ id: String, _ failures: [SchemaFailure]) -> String {
    var text = "{\"id\":\(id),\"valid\":\(failures.isEmpty),\"errors\":["
    for (index, failure) in failures.enumerated() {
        text += index == 0 ? "{" : ",{"
        let members = [
            ("pointer", failure.pointer), ("keyword", failure.keyword), ("rule", failure.rule), ("message", failure.message),
        ]
        for (index, (name, value)) in members.enumerated() {
            text += (index == 0 ? "\"" : ",\"") + name + "\":"
            appendJSONString(value, to: &text)
        }
        text += "}"
    }
    return text + "]}"
}

/// Lines of standard input, without their ends.
private struct StandardInput {
    private var buffer: [UInt8] = []
    private var start = 0
    private var searched = 0
    private var isAtEnd = false

    /// Nil at the end.
    mutating func next() throws -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer {
                    start = end + 1
                    searched = start
                }
                return buffer[start..<end]
            }
            searched = buffer.count
            if isAtEnd {
                defer { start = buffer.count }
                return start < buffer.count ? buffer[start...] : nil
            }
            try fill()
        }
    }

    private mutating func fill() throws {
        buffer.removeFirst(start)
        searched -= start
        start = 0
        var count = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { memory, used in
            repeat { count = read(0, memory.baseAddress, 1 << 16) } while count < 0 && errno == EINTR
            used = max(count, 0)
        }
        if count < 0 {
            throw ETLError(.failed, code: "eval.input", "can't read standard input: \(String(cString: strerror(errno)))")
        }
        isAtEnd = count == 0
        buffer += chunk
    }
}
