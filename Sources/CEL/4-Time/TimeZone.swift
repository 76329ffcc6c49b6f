import Glibc
import Synchronization

/// Offsets from UTC: fixed, or of a place by the tz database (https://www.iana.org/time-zones), read from its compiled files
/// (RFC 9636).
struct TimeZone: BitwiseCopyable {
    /// Seconds since 1970 at which the offset changes, ascending, and the offset from then on.
    private let times: UnsafePointer<Int64>
    private let offsets: UnsafePointer<Int64>
    private let count: Int
    /// Before the first change.
    private let first: Int64
    /// After the last change.
    private let rule: DaylightRule?

    /// Seconds to add to UTC at a moment.
    func offset(at seconds: Int64) -> Int64 {
        if count == 0 || seconds >= times[count - 1], let rule { return rule.offset(at: seconds) }
        guard count > 0, seconds >= times[0] else { return first }
        var (low, high) = (0, count)  // times[low] <= seconds < times[high]
        while high - low > 1 {
            let middle = (low + high) / 2
            if times[middle] <= seconds { low = middle } else { high = middle }
        }
        return offsets[low]
    }

    init(first: Int64, changes: [(time: Int64, offset: Int64)] = [], rule: DaylightRule? = nil) {
        let times = UnsafeMutablePointer<Int64>.allocate(capacity: max(changes.count, 1))
        let offsets = UnsafeMutablePointer<Int64>.allocate(capacity: max(changes.count, 1))
        for (index, change) in changes.enumerated() {
            (times + index).initialize(to: change.time)
            (offsets + index).initialize(to: change.offset)
        }
        self.times = UnsafePointer(times)
        self.offsets = UnsafePointer(offsets)
        count = changes.count
        self.first = first
        self.rule = rule
    }

    // MARK: By name

    /// Zones that were asked for. They stay: there are some hundreds at most, and programs point to them.
    private struct Known: @unchecked Sendable {  // what the pointers lead to never changes
        var zones: [[UInt8]: UnsafePointer<TimeZone>] = [:]
    }

    private static let known = Mutex(Known())

    /// The zone of a name (`Europe/Berlin`, `UTC`) or a fixed offset (`+05:30`, `05:30`); nil: there is none. It lives as long as
    /// the process. From any thread; takes a lock.
    static func named(_ name: UnsafeRawBufferPointer) -> UnsafePointer<TimeZone>? {
        guard name.count <= 64 else { return nil }
        let name = Array(name)
        return known.withLock { known in
            if let zone = known.zones[name] { return zone }
            guard let zone = fixed(name) ?? read(name) else { return nil }
            let place = UnsafeMutablePointer<TimeZone>.allocate(capacity: 1)
            place.initialize(to: zone)
            known.zones[name] = UnsafePointer(place)
            return UnsafePointer(place)
        }
    }

    /// `[+-]hh:mm`, or UTC.
    private static func fixed(_ name: [UInt8]) -> TimeZone? {
        if name.elementsEqual("UTC".utf8) || name.elementsEqual("Z".utf8) { return TimeZone(first: 0) }
        let signed = name.first == UInt8(ascii: "+") || name.first == UInt8(ascii: "-")
        let digits = name.dropFirst(signed ? 1 : 0).map { $0 &- UInt8(ascii: "0") }
        guard digits.count == 5, digits[2] == UInt8(ascii: ":") - UInt8(ascii: "0") else { return nil }
        guard digits[0] < 10, digits[1] < 10, digits[3] < 6, digits[4] < 10 else { return nil }
        let hours = Int64(digits[0]) * 10 + Int64(digits[1])
        guard hours < 24 else { return nil }
        let seconds = hours * 3600 + (Int64(digits[3]) * 10 + Int64(digits[4])) * 60
        return TimeZone(first: name[0] == UInt8(ascii: "-") ? -seconds : seconds)
    }

    /// From the database's folder. A name may come from a record: it can't lead out of the folder.
    private static func read(_ name: [UInt8]) -> TimeZone? {
        let isPlain = name.allSatisfy { $0.isNamePart || [UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "+")].contains($0) }
        guard isPlain, let start = name.first, start.isNameStart else { return nil }
        let folder = getenv("TZDIR").map { String(cString: $0) } ?? "/usr/share/zoneinfo"
        let descriptor = open(folder + "/" + String(decoding: name, as: UTF8.self), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count) }
            if got < 0 { return nil }
            if got == 0 { break }
            count += got
        }
        return TimeZoneFile(bytes[..<count])?.zone
    }
}
