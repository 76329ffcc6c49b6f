/// A compiled file of the tz database (TZif, RFC 9636): checked as it is read, since it comes from outside.
struct TimeZoneFile {
    let zone: TimeZone

    private struct Header {
        var version: UInt8
        var isUTCount, isStandardCount, leapCount, timeCount, typeCount, charCount: Int

        init?(_ bytes: ArraySlice<UInt8>) {
            guard bytes.count >= 44, bytes.prefix(4).elementsEqual("TZif".utf8) else { return nil }
            let start = bytes.startIndex
            version = bytes[start + 4]
            let counts = (0..<6).map { Int(TimeZoneFile.number(bytes, start + 20 + $0 * 4, 4)) }
            guard counts.allSatisfy({ $0 >= 0 && $0 < 100_000 }) else { return nil }
            (isUTCount, isStandardCount, leapCount) = (counts[0], counts[1], counts[2])
            (timeCount, typeCount, charCount) = (counts[3], counts[4], counts[5])
        }

        func bodyLength(_ width: Int) -> Int {
            timeCount * (width + 1) + typeCount * 6 + charCount + leapCount * (width + 4) + isStandardCount + isUTCount
        }
    }

    /// Nil: it isn't one, or is damaged.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard var header = Header(bytes) else { return nil }
        var rest = bytes.dropFirst(44)
        var width = 4
        if header.version >= UInt8(ascii: "2") {
            // The first block has 32-bit times for old readers; the second one has it all.
            rest = rest.dropFirst(header.bodyLength(4))
            guard let second = Header(rest) else { return nil }
            header = second
            width = 8
            rest = rest.dropFirst(44)
        }
        guard rest.count >= header.bodyLength(width), header.typeCount > 0 else { return nil }
        let times = rest.startIndex
        let numbers = times + header.timeCount * width
        let types = numbers + header.timeCount
        var offsets: [Int64] = []
        for type in 0..<header.typeCount { offsets.append(Self.number(rest, types + type * 6, 4)) }
        var changes: [(time: Int64, offset: Int64)] = []
        for index in 0..<header.timeCount {
            let type = Int(rest[numbers + index])
            let time = Self.number(rest, times + index * width, width)
            guard type < offsets.count, changes.last.map({ $0.time <= time }) ?? true else { return nil }
            changes.append((time, offsets[type]))
        }
        let footer = width == 8 ? rest.dropFirst(header.bodyLength(8)).dropFirst().prefix { $0 != 0x0a } : []
        zone = TimeZone(first: offsets[0], changes: changes, rule: DaylightRule(Array(footer)))
    }

    /// A big-endian two's complement number.
    private static func number(_ bytes: ArraySlice<UInt8>, _ start: Int, _ width: Int) -> Int64 {
        var value = Int64(Int8(bitPattern: bytes[start]))
        for index in 1..<width { value = value << 8 | Int64(bytes[start + index]) }
        return value
    }
}
