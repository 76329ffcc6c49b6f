/// The text of a YAML file with its lines found, so that a place in it can be shown.
public final class Source: Sendable {
    /// The path as it was given; what places are printed with.
    public let file: String
    /// The text as UTF-8, without a byte-order mark.
    let bytes: [UInt8]
    /// Offset of each line's first byte. Lines end where libyaml ends them: LF, CR, CRLF, NEL, LS, PS.
    let lineStarts: [Int]

    /// The first character.
    var start: Place { Place(source: self, line: 1, column: 1, byte: 0) }

    public init(file: String, bytes: [UInt8]) {
        self.file = file
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        self.bytes = text
        var starts = [0]
        var at = 0
        while at < text.count {
            let length = Source.lineBreak(text, at)
            at += max(length, 1)
            if length > 0 { starts.append(at) }
        }
        lineStarts = starts
    }

    /// Lines count from 1. Nil past the end. Without its line break.
    public func line(_ number: Int) -> String? {
        guard number >= 1, number <= lineStarts.count else { return nil }
        let start = lineStarts[number - 1]
        var end = number < lineStarts.count ? lineStarts[number] : bytes.count
        while end > start, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    public var lineCount: Int { lineStarts.count }

    /// The place of a byte.
    func place(ofByte offset: Int) -> Place {
        let offset = min(max(offset, 0), bytes.count)
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        let column = bytes[lineStarts[low]..<offset].count { !isContinuation($0) }
        return Place(source: self, line: low + 1, column: column + 1, byte: offset)
    }

    /// The byte a line and column (both from 1) stand at. From a place before it on the same line the way is shorter.
    func byte(line: Int, column: Int, from known: Place? = nil) -> Int {
        guard line <= lineStarts.count else { return bytes.count }
        var at = lineStarts[line - 1]
        var left = column - 1
        if let known, known.line == line, known.column <= column {
            at = known.byte
            left = column - known.column
        }
        while at < bytes.count, left > 0 {
            at += 1
            while at < bytes.count, isContinuation(bytes[at]) { at += 1 }
            left -= 1
        }
        return at
    }

    /// Length in bytes of the line break at `at`; 0: none there.
    static func lineBreak(_ bytes: [UInt8], _ at: Int) -> Int {
        switch bytes[at] {
        case 0x0A: return 1
        case 0x0D: return at + 1 < bytes.count && bytes[at + 1] == 0x0A ? 2 : 1
        case 0xC2: return at + 1 < bytes.count && bytes[at + 1] == 0x85 ? 2 : 0
        case 0xE2:
            let isBreak = at + 2 < bytes.count && bytes[at + 1] == 0x80 && (bytes[at + 2] == 0xA8 || bytes[at + 2] == 0xA9)
            return isBreak ? 3 : 0
        default: return 0
        }
    }
}

/// A place in a YAML file. Line and column count from 1, columns in Unicode code points.
public struct Place: Sendable {
    public var source: Source
    public var line: Int
    public var column: Int
    /// Offset in the source's text.
    var byte: Int

    public var file: String { source.file }
}

/// Whether a byte goes on with a UTF-8 sequence another byte began.
func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
