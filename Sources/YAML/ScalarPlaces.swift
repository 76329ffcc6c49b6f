extension Node {
    /// A stretch of a scalar's text that stands in the file as it is: from `offset` (UTF-8, in the text) on, the column grows with
    /// each code point.
    public struct Run: Sendable, Equatable {
        public var offset: Int
        public var line: Int
        public var column: Int

        public init(offset: Int, line: Int, column: Int) {
            self.offset = offset
            self.line = line
            self.column = column
        }
    }

    /// Where a scalar's text stands in the file: at least one run, the first at offset 0. Quotes, escapes, folded lines and
    /// literal blocks are
    /// followed exactly; all of a folded block (`>`) stands at its first line.
    public var runs: [Run] {
        guard let scalar else { return [Run(offset: 0, line: place.line, column: place.column)] }
        switch scalar.style {
        case .plain: return flowRuns(scalar, skipping: 0)
        case .singleQuoted, .doubleQuoted: return flowRuns(scalar, skipping: 1)
        case .literal, .folded: return blockRuns(scalar)
        }
    }

    private func flowRuns(_ scalar: Scalar, skipping quotes: Int) -> [Run] {
        let raw = place.source.bytes
        let text = Array(scalar.text.utf8)
        var (line, column) = (place.line, place.column + quotes)
        var at = place.byte + quotes
        var offset = 0
        var runs = [Run(offset: 0, line: line, column: column)]

        func start() {
            if runs[runs.count - 1].offset == offset { runs.removeLast() }
            runs.append(Run(offset: offset, line: line, column: column))
        }

        while offset < text.count, at < raw.count {
            let byte = raw[at]
            if let fold = fold(raw, at) {
                // One break was folded into a space; of more, all but the first stayed.
                offset += fold.breaks == 1 ? 1 : fold.breaks - 1
                at = fold.end
                line += fold.breaks
                column = fold.column
                start()
            } else if scalar.style == .singleQuoted, byte == UInt8(ascii: "'") {
                offset += 1
                at += 2
                column += 2
                start()
            } else if scalar.style == .doubleQuoted, byte == UInt8(ascii: "\\"), at + 1 < raw.count {
                if let fold = fold(raw, at + 1) {
                    at = fold.end
                    line += fold.breaks
                    column = fold.column
                } else {
                    let length = escapeLength(raw[at + 1])
                    offset = next(text, offset)
                    at += length
                    column += length
                }
                start()
            } else {
                offset = next(text, offset)
                at = next(raw, at)
                column += 1
            }
        }
        return runs
    }

    private func blockRuns(_ scalar: Scalar) -> [Run] {
        let source = place.source
        var line = place.line + 1
        func indent(_ line: Int) -> Int? {
            let text = source.line(line) ?? ""
            return text.utf8.contains { $0 != 0x20 } ? text.utf8.prefix { $0 == 0x20 }.count : nil
        }
        var firstText = line
        while firstText < source.lineCount, indent(firstText) == nil { firstText += 1 }
        guard let width = indent(firstText) else { return [Run(offset: 0, line: place.line, column: place.column)] }
        if scalar.style == .folded { return [Run(offset: 0, line: firstText, column: width + 1)] }
        var runs: [Run] = []
        var offset = 0
        for part in scalar.text.split(separator: "\n", omittingEmptySubsequences: false) {
            runs.append(Run(offset: offset, line: line, column: width + 1))
            offset += part.utf8.count + 1
            line += 1
        }
        return runs
    }
}

/// White space with line breaks in it, from `at` on: where it ends and at which column.
private func fold(_ raw: [UInt8], _ at: Int) -> (end: Int, breaks: Int, column: Int)? {
    var end = at
    var breaks = 0
    var column = 1
    while end < raw.count {
        let length = Source.lineBreak(raw, end)
        if length > 0 {
            breaks += 1
            end += length
            column = 1
        } else if raw[end] == 0x20 || raw[end] == 0x09 {
            end += 1
            column += 1
        } else {
            break
        }
    }
    return breaks > 0 ? (end, breaks, column) : nil
}

private func escapeLength(_ letter: UInt8) -> Int {
    switch letter {
    case UInt8(ascii: "x"): 4
    case UInt8(ascii: "u"): 6
    case UInt8(ascii: "U"): 10
    default: 2
    }
}

private func next(_ bytes: [UInt8], _ at: Int) -> Int {
    var at = at + 1
    while at < bytes.count, isContinuation(bytes[at]) { at += 1 }
    return at
}
