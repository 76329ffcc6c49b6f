import Glibc
import Synchronization

/// A value of a log line's field.
package enum FieldValue: Equatable, Sendable {
    case string(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
}

/// Something that happened and is worth a line. One struct for each kind of event; names and fields are in `Events.swift`.
package protocol Event {
    /// Dotted and stable, e.g. `stage.assigned`.
    static var name: String { get }
    var level: LoggingPlan.Level { get }
    /// A sentence for people.
    var message: String { get }
    /// In the order they are to be written. Never a record's content, never a secret.
    var fields: [(String, FieldValue)] { get }
}

/// Writes events to standard error, one line each: JSON for machines, text for people. Any thread.
package final class Journal: Sendable {
    private struct Settings {
        var level: LoggingPlan.Level
        var json: Bool
        var context: [(String, FieldValue)]
        var secrets: Secrets
    }
    private let settings: Mutex<Settings>

    /// - Parameters:
    ///   - context: fields of every line, e.g. topology and instance.
    ///   - secrets: what no line may show, whoever's words it quotes.
    package init(_ plan: LoggingPlan, context: [(String, FieldValue)] = [], secrets: Secrets = Secrets()) {
        let json: Bool =
            switch plan.format {
            case .json: true
            case .text: false
            case .automatic: isatty(2) == 0
            }
        settings = Mutex(Settings(level: plan.level, json: json, context: context, secrets: secrets))
    }

    /// From now on only events of this level and above.
    package func raise(to level: LoggingPlan.Level) {
        settings.withLock { if level.rank > $0.level.rank { $0.level = level } }
    }

    package func emit(_ event: some Event) {
        let (level, json, context, secrets) = settings.withLock { ($0.level, $0.json, $0.context, $0.secrets) }
        guard event.level.rank >= level.rank else { return }
        var line = ""
        let fields = context + event.fields
        if json {
            line += "{\"ts\":\"\(timestamp())\",\"level\":\"\(event.level.rawValue)\",\"event\":"
            appendJSONString(type(of: event).name, to: &line)
            line += ",\"message\":"
            appendJSONString(event.message, to: &line)
            for (name, value) in fields {
                line += ",\"\(name)\":"
                value.appendJSON(to: &line)
            }
            line += "}\n"
        } else {
            line += "\(timestamp()) \(event.level.rawValue.uppercased()) \(event.message)"
            let shown = fields.filter { $0.0 != "topology" && $0.0 != "instance" }
            if !shown.isEmpty { line += "  " + shown.map { "\($0.0)=\($0.1.text)" }.joined(separator: " ") }
            line += "\n"
        }
        writeAll(secrets.redact(line), to: 2)
    }

    /// Now, as RFC 3339 in UTC with milliseconds.
    private func timestamp() -> String {
        formatTimestamp(milliseconds: wallClockMs())
    }
}

extension LoggingPlan.Level {
    fileprivate var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}

extension FieldValue {
    fileprivate func appendJSON(to line: inout String) {
        switch self {
        case .string(let text): appendJSONString(text, to: &line)
        case .int(let number): line += String(number)
        case .double(let number): line += number.isFinite ? String(number) : "null"
        case .bool(let flag): line += flag ? "true" : "false"
        }
    }

    fileprivate var text: String {
        switch self {
        case .string(let text): text.contains(where: { $0 == " " || $0 == "\n" }) ? "\"\(text)\"" : text
        case .int(let number): String(number)
        case .double(let number): String(number)
        case .bool(let flag): flag ? "true" : "false"
        }
    }
}

/// Appends a JSON string literal.
package func appendJSONString(_ text: String, to line: inout String) {
    line += "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": line += "\\\""
        case "\\": line += "\\\\"
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        case let control where control.value < 0x20:
            let digits = String(control.value, radix: 16)
            line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: line.unicodeScalars.append(scalar)
        }
    }
    line += "\""
}

/// Writes all of it, whatever the descriptor takes at a time; gives up on an error (a closed pipe has no reader to tell).
package func writeAll(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { writeAll(UnsafeRawBufferPointer($0), to: descriptor) }
}

package func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
    var written = 0
    while written < bytes.count {
        let count = write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return }
        written += count
    }
}

/// Milliseconds since 1970.
package func wallClockMs() -> Int64 { clockMs(CLOCK_REALTIME) }
/// Milliseconds of a clock that never goes back.
package func monotonicMs() -> Int64 { clockMs(CLOCK_MONOTONIC) }

private func clockMs(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

/// RFC 3339 in UTC with milliseconds.
package func formatTimestamp(milliseconds: Int64) -> String {
    let rest = milliseconds % 1000
    let fraction = rest < 0 ? rest + 1000 : rest
    var seconds = time_t(milliseconds / 1000 - (rest < 0 ? 1 : 0))
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let year = Int(parts.tm_year) + 1900
    // A record's timestamp may be anything.
    let head = (0...9999).contains(year) ? "" : "\(year / 10_000)"
    // One String of known size: each dead letter has two of these.
    return head
        + String(unsafeUninitializedCapacity: 24) { text in
            func put(_ value: Int, at start: Int, width: Int, then mark: Unicode.Scalar) {
                var rest = value.magnitude
                for place in stride(from: start + width - 1, through: start, by: -1) {
                    text[place] = 48 + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                text[start + width] = UInt8(ascii: mark)
            }
            put(year % 10_000, at: 0, width: 4, then: "-")
            put(Int(parts.tm_mon) + 1, at: 5, width: 2, then: "-")
            put(Int(parts.tm_mday), at: 8, width: 2, then: "T")
            put(Int(parts.tm_hour), at: 11, width: 2, then: ":")
            put(Int(parts.tm_min), at: 14, width: 2, then: ":")
            put(Int(parts.tm_sec), at: 17, width: 2, then: ".")
            put(Int(fraction), at: 20, width: 3, then: "Z")
            return 24
        }
}
