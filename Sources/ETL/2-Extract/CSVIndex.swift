// Hot path: per record.
import CBytes

/// Finds the delimiters and newlines outside quotes, 64 bytes at a time: a byte is inside quotes where the number of quotes
/// before it is odd, which holds for doubled quotes too as long as the text is well formed; the reader checks that it is.
struct CSVIndex: ~Copyable {
    /// How far it looks ahead: little enough that looking again after a bad row costs little.
    static let stepBytes = 4096

    /// Positions (low half) with the count of quotes before them since `restart`, modulo 2^32 (high half).
    let entries: UnsafeMutablePointer<UInt64>
    private(set) var count = 0
    /// The first byte not looked at yet.
    private(set) var end = 0
    private var quotes: UInt64 = 0
    private let delimiter: UInt8
    private let quote: UInt8

    init(delimiter: UInt8, quote: UInt8) {
        self.delimiter = delimiter
        self.quote = quote
        entries = .allocate(capacity: Self.stepBytes)
    }

    deinit { entries.deallocate() }

    /// Whether `end` is inside quotes.
    var isInQuotes: Bool { quotes & 1 == 1 }
    func isDelimiter(_ byte: UInt8) -> Bool { byte == delimiter }
    /// Quotes before `end` since `restart`, modulo 2^32.
    var quoteCount: UInt32 { UInt32(truncatingIfNeeded: quotes) }

    /// Starts anew at a row's first byte.
    mutating func restart(at position: Int) {
        count = 0
        end = position
        quotes = 0
    }

    /// The buffer's content moved down by `distance`; there are no entries that haven't been used.
    mutating func moved(down distance: Int) {
        count = 0
        end -= distance
    }

    /// Looks at the next bytes, of which there are some below `limit`; earlier entries are gone.
    mutating func step(_ bytes: UnsafePointer<UInt8>, limit: Int) {
        count = 0
        let stop = min(limit, end + Self.stepBytes)
        while stop - end >= 64 {
            take(csv_scan64(bytes + end, delimiter, quote))
            end += 64
        }
        if end < stop { takeTail(bytes, stop) }
    }

    private mutating func take(_ masks: csv_masks) {
        var ends = masks.delimiters | masks.newlines
        if masks.quotes == 0 {
            if quotes & 1 == 1 { return }
        } else {
            let inside = csv_parity(masks.quotes) ^ (quotes & 1 == 1 ? UInt64.max : 0)
            ends &= ~inside
        }
        while ends != 0 {
            let bit = ends.trailingZeroBitCount
            let before = quotes &+ UInt64((masks.quotes & ((1 << UInt64(bit)) &- 1)).nonzeroBitCount)
            entries[count] = UInt64(end + bit) | before << 32
            count += 1
            ends &= ends &- 1
        }
        quotes &+= UInt64(masks.quotes.nonzeroBitCount)
    }

    private mutating func takeTail(_ bytes: UnsafePointer<UInt8>, _ stop: Int) {
        let length = stop - end
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { tail in
            guard let base = tail.baseAddress else { return }
            base.initialize(repeating: 0, count: 64)
            base.update(from: bytes + end, count: length)
            var masks = csv_scan64(base, delimiter, quote)
            // Zeros behind the end could be a delimiter of zero.
            let known = (UInt64(1) << UInt64(length)) &- 1
            masks.quotes &= known
            masks.delimiters &= known
            masks.newlines &= known
            take(masks)
        }
        end = stop
    }
}
