// Hot path: per record.
import CBytes
import Glibc

/// A field of a row: where it stands, counted from the row's first byte, without the quotes around it.
struct CSVField: BitwiseCopyable {
    enum Quoting: UInt8 {
        case none
        case quoted
        /// Quoted, with doubled quotes in it.
        case doubled
    }

    var start: UInt32
    var count: UInt32
    var quoting: Quoting
}

/// What `CSVReader.next` found.
enum CSVRowKind {
    case row
    case bad(CSVRowCode, String)
    case end
}

/// Cuts a CSV file (RFC 4180) into rows and fields, with constant memory.
///
/// - Rows end with LF or CRLF; the last may lack it. A lone CR is content. A byte order mark at the start is skipped. Lines without a
///   single byte are skipped where rows have more than one column.
/// - A field is quoted if its first byte is the quote; inside, a doubled quote is one quote. Quotes anywhere else are an error,
///   never guessed at.
/// - **After a bad row** reading goes on at the next line. With an error of quotes, the row ends at the first newline behind the
///   error: behind the text that follows a closing quote, or behind the opening quote that is never closed. So one stray
///   quote costs one row, not the rest of the file. A row above the bound ends the same way if it is in quotes at the bound, else
///   at the first newline behind the bound.
///
/// Positions are byte offsets in the file, so reading can start again at any row.
struct CSVReader: ~Copyable {
    let file: CSVFile
    private let chunkBytes: Int
    private let maxRowBytes: Int
    let quote: UInt8
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes in the buffer, and where its first byte stands in the file.
    private var filled = 0
    private var bufferOffset: Int64 = 0
    private var isAtEnd = false
    private var index: CSVIndex
    private var nextEntry = 0

    private var fieldStorage: UnsafeMutablePointer<CSVField>
    private let fieldLimit: Int
    /// Fields of the latest row, also those beyond the limit that aren't kept.
    private(set) var fieldCount = 0
    private var rowStart = 0
    private var rowEnd = 0
    private var contentEnd = 0
    /// Where the next row starts, if it isn't in the buffer.
    private var farNext: Int64?
    /// Count of quotes up to the next row's start, as the index counts.
    private var quotesBeforeRow: UInt32 = 0
    /// Whether `content` isn't all of the latest row.
    private(set) var isCut = false
    /// Of the latest row's content: bit 0: some byte isn't ASCII; bit 1: some byte has to be escaped in JSON.
    private(set) var traits: Int32 = 0
    /// Set once the number of columns is known.
    var skipsBlankLines = true

    /// Of the latest row, bad ones too, counted from 1 without header and blank lines.
    private(set) var row: Int64 = 0
    /// Line the latest row starts at, counted from 1.
    private(set) var line: Int64 = 1
    private var nextLine: Int64 = 1

    /// Opens a regular file.
    /// - Parameter fieldLimit: how many fields of a row are kept; more are counted only.
    static func open(_ path: String, delimiter: UInt8, quote: UInt8, chunkBytes: Int = 1 << 20, maxRowBytes: Int = 16 << 20,
                     fieldLimit: Int = 65_536) throws(CSVError) -> CSVReader {
        guard delimiter < 0x80, quote < 0x80, delimiter != quote, ![delimiter, quote].contains(where: { $0 == 10 || $0 == 13 }) else {
            throw CSVError(code: "csv.options", "Delimiter and quote of '\(path)' must be two different ASCII characters, not line ends")
        }
        let file = try CSVFile.open(path)
        let hasByteOrderMark = try file.bytes(from: 0, count: 3) == [0xef, 0xbb, 0xbf]
        var reader = CSVReader(file, delimiter, quote, chunkBytes, maxRowBytes, fieldLimit)
        if hasByteOrderMark { reader.farNext = 3 }
        return reader
    }

    private init(_ file: consuming CSVFile, _ delimiter: UInt8, _ quote: UInt8, _ chunkBytes: Int, _ maxRowBytes: Int, _ fieldLimit: Int) {
        self.file = file
        self.chunkBytes = chunkBytes
        self.maxRowBytes = maxRowBytes
        self.quote = quote
        self.fieldLimit = fieldLimit
        capacity = chunkBytes
        buffer = .allocate(capacity: chunkBytes)
        fieldStorage = .allocate(capacity: fieldLimit)
        index = CSVIndex(delimiter: delimiter, quote: quote)
    }

    deinit {
        buffer.deallocate()
        fieldStorage.deallocate()
    }

    var path: String { file.path }
    /// The latest row's first byte; fields count from here. Good until the next call.
    var base: UnsafePointer<UInt8> { UnsafePointer(buffer + rowStart) }
    /// At most `fieldLimit`. Good until the next call.
    var fields: UnsafeBufferPointer<CSVField> { UnsafeBufferPointer(start: fieldStorage, count: min(fieldCount, fieldLimit)) }
    /// The latest row's bytes without its line end; of a row above the bound, what is within it.
    var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: contentEnd - rowStart) }
    /// Where the latest row starts, and the one behind it.
    var offset: Int64 { bufferOffset + Int64(rowStart) }
    var nextOffset: Int64 { farNext ?? bufferOffset + Int64(rowEnd) }

    /// Goes to the first byte of a row that an earlier reader stopped at.
    mutating func move(to offset: Int64, row: Int64, line: Int64) {
        self.row = row
        nextLine = line
        farNext = offset
    }

    /// What `move` would need to go on behind the latest row.
    var position: (offset: Int64, row: Int64, line: Int64) { (nextOffset, row, nextLine) }

    /// The next row. Row numbers count from the call that `countingRows` is first true in.
    mutating func next(countingRows: Bool = true) throws(CSVError) -> CSVRowKind {
        while true {
            startRow()
            let kind = try readRow()
            if case .end = kind { return kind }
            if case .row = kind {
                countLines()
                if contentEnd == rowStart, skipsBlankLines { continue }
            }
            if countingRows { row += 1 }
            return kind
        }
    }

    private mutating func startRow() {
        if let far = farNext {
            bufferOffset = far
            filled = 0
            isAtEnd = false
            (rowStart, rowEnd) = (0, 0)
            farNext = nil
            restartIndex(at: 0)
        }
        rowStart = rowEnd
        line = nextLine
        fieldCount = 0
        isCut = false
    }

    /// The row is whole: what its bytes are like, and how many lines it has.
    private mutating func countLines() {
        traits = csv_traits(base, contentEnd - rowStart, quote == 0x22 ? 0x5c : 0x22)
        nextLine += 1
        if traits & 2 == 0 { return }
        var at = rowStart
        while let found = memchr(buffer + at, 10, contentEnd - at) {
            nextLine += 1
            at = found - UnsafeMutableRawPointer(buffer) + 1
        }
    }

    private mutating func restartIndex(at position: Int) {
        index.restart(at: position)
        nextEntry = 0
        quotesBeforeRow = 0
    }

    private mutating func readRow() throws(CSVError) -> CSVRowKind {
        var fieldStart = rowStart
        var quotesBefore = quotesBeforeRow
        while true {
            while nextEntry < index.count {
                let entry = index.entries[nextEntry]
                nextEntry += 1
                let position = Int(truncatingIfNeeded: entry & 0xffff_ffff)
                let quotes = UInt32(truncatingIfNeeded: entry >> 32)
                let isNewline = buffer[position] == 10
                let end = isNewline && position > fieldStart && buffer[position - 1] == 13 ? position - 1 : position
                guard addField(fieldStart, end, quotes &- quotesBefore) else { return try bad(limit: position) }
                quotesBefore = quotes
                fieldStart = position + 1
                guard isNewline else { continue }
                quotesBeforeRow = quotes
                contentEnd = end
                if contentEnd - rowStart > maxRowBytes { return try bad(limit: contentEnd) }
                rowEnd = position + 1
                return .row
            }
            if index.end < filled {
                index.step(buffer, limit: filled)
                nextEntry = 0
            } else if isAtEnd {
                return try lastRow(fieldStart, index.quoteCount &- quotesBefore)
            } else if filled - rowStart > maxRowBytes + 1 {
                return try bad(limit: filled)
            } else {
                fieldStart -= try fill()
            }
        }
    }

    /// The bytes from `fieldStart` on end with the file instead of a newline.
    private mutating func lastRow(_ fieldStart: Int, _ quotes: UInt32) throws(CSVError) -> CSVRowKind {
        if rowStart == filled { return .end }
        if index.isInQuotes { return try bad(limit: filled) }
        let end = filled > fieldStart && buffer[filled - 1] == 13 ? filled - 1 : filled
        guard addField(fieldStart, end, quotes) else { return try bad(limit: filled) }
        contentEnd = end
        if contentEnd - rowStart > maxRowBytes { return try bad(limit: contentEnd) }
        rowEnd = filled
        quotesBeforeRow = index.quoteCount
        return .row
    }

    /// Takes the field's bytes, which have `quotes` quotes in them; false: they aren't where they may be.
    private mutating func addField(_ start: Int, _ end: Int, _ quotes: UInt32) -> Bool {
        var field = CSVField(start: UInt32(truncatingIfNeeded: start - rowStart), count: UInt32(truncatingIfNeeded: end - start), quoting: .none)
        if quotes != 0 {
            guard buffer[start] == quote, end - start >= 2, buffer[end - 1] == quote else { return false }
            if quotes > 2 {
                guard hasDoubledQuotesOnly(start + 1, end - 1) else { return false }
            }
            field.quoting = quotes > 2 ? .doubled : .quoted
            field.start += 1
            field.count -= 2
        }
        if fieldCount < fieldLimit { fieldStorage[fieldCount] = field }
        fieldCount += 1
        return true
    }

    private func hasDoubledQuotesOnly(_ start: Int, _ end: Int) -> Bool {
        var at = start
        while at < end {
            guard let found = memchr(buffer + at, Int32(quote), end - at) else { return true }
            let position = found - UnsafeMutableRawPointer(buffer)
            guard position + 1 < end, buffer[position + 1] == quote else { return false }
            at = position + 2
        }
        return true
    }
}

// Rare: bad rows, and reading chunks.
extension CSVReader {
    /// Says what is wrong with the row, of whose bytes those below `limit` count, and finds its end.
    @inline(never)
    private mutating func bad(limit: Int) throws(CSVError) -> CSVRowKind {
        let isTooLong = limit - rowStart > maxRowBytes
        let (error, at) = firstQuoteError(isTooLong ? rowStart + maxRowBytes : limit)
        let isSize = error == nil || (isTooLong && error == Self.unclosed)
        try endRow(atNewlineFrom: at)
        restartIndex(at: rowEnd)
        return isSize ? .bad(.rowSize, "the row is longer than \(maxRowBytes) bytes") : .bad(.quote, error ?? "")
    }

    private static var unclosed: String { "a quoted field isn't closed" }

    /// The first quote that stands where none may, below `limit`; else the one that is never closed.
    private func firstQuoteError(_ limit: Int) -> (String?, Int) {
        var at = rowStart
        while at < limit {
            if buffer[at] == quote {
                let opening = at
                at += 1
                while true {
                    while at < limit, buffer[at] != quote { at += 1 }
                    if at >= limit { return (Self.unclosed, opening) }
                    at += 1
                    if at < limit, buffer[at] == quote { at += 1 } else { break }
                }
                let isEnd = at >= limit || index.isDelimiter(buffer[at]) || buffer[at] == 10
                    || (buffer[at] == 13 && (at + 1 >= filled || buffer[at + 1] == 10))
                if !isEnd { return ("text follows a closing quote", at) }
            } else {
                while at < limit, !index.isDelimiter(buffer[at]), buffer[at] != 10 {
                    if buffer[at] == quote { return ("a quote stands inside an unquoted field", at) }
                    at += 1
                }
            }
            at += 1
        }
        return (nil, limit)
    }

    private mutating func endRow(atNewlineFrom from: Int) throws(CSVError) {
        var lines: Int64 = 0
        for at in rowStart..<from where buffer[at] == 10 { lines += 1 }
        if let found = memchr(buffer + from, 10, filled - from) {
            let newline = found - UnsafeMutableRawPointer(buffer)
            contentEnd = newline > rowStart && buffer[newline - 1] == 13 ? newline - 1 : newline
            rowEnd = newline + 1
            lines += 1
        } else {
            (contentEnd, rowEnd) = (filled, filled)
            if !isAtEnd {
                farNext = try file.newline(behind: bufferOffset + Int64(filled))
                lines += 1
                isCut = true
            }
        }
        // However the bytes came in chunks, no more than the bound is shown.
        if contentEnd - rowStart > maxRowBytes {
            contentEnd = rowStart + maxRowBytes
            isCut = true
        }
        nextLine += lines
    }

    /// Reads the next chunk behind the row's bytes, which move to the buffer's start; returns how far they moved.
    @inline(never)
    private mutating func fill() throws(CSVError) -> Int {
        let moved = rowStart
        let kept = filled - rowStart
        if kept + chunkBytes > capacity { grow(to: max(capacity * 2, kept + chunkBytes)) }
        if moved > 0, kept > 0 { memmove(buffer, buffer + moved, kept) }
        filled = kept
        (rowStart, rowEnd) = (0, 0)
        bufferOffset += Int64(moved)
        index.moved(down: moved)
        nextEntry = 0
        let count = try file.read(buffer + filled, chunkBytes, at: bufferOffset + Int64(filled))
        if count == 0 { isAtEnd = true }
        filled += count
        return moved
    }

    private mutating func grow(to bytes: Int) {
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes)
        larger.update(from: buffer, count: filled)
        buffer.deallocate()
        buffer = larger
        capacity = bytes
    }
}
