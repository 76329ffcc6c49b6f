// Hot path: per record.
internal import Bytes
internal import JSON
internal import Log

extension StageProgram {
    /// Puts what expressions want of the record beside its message into their slots.
    mutating func fillContext(_ record: LogRecord) {
        if context.key >= 0 { frame[Int(context.key)] = Self.text(record.key) }
        if context.partition >= 0 { frame[Int(context.partition)] = .int(Int64(record.partition)) }
        if context.offset >= 0 { frame[Int(context.offset)] = .int(record.offset) }
        if context.timestamp >= 0 { frame[Int(context.timestamp)] = record.timestamp < 0 ? .null : .int(record.timestamp) }
        if headers.count > 0 { fillHeaders(record.headers) }
        if context.headers >= 0 { fillAllHeaders(record.headers) }
    }

    /// Bytes as a string where they are UTF-8, else as bytes; null stays null.
    static func text(_ bytes: UnsafeRawBufferPointer) -> Value {
        guard bytes.baseAddress != nil else { return .null }
        if UTF8Text.firstError(in: bytes) == nil { return .string(bytes) }
        return Value(.bytes, length: UInt32(truncatingIfNeeded: bytes.count), bits: UInt64(UInt(bitPattern: bytes.baseAddress)))
    }

    /// The last header of each name wanted; absent where there is none.
    private func fillHeaders(_ given: UnsafeBufferPointer<LogHeader>) {
        for header in 0..<headers.count {
            let wanted = headers.base[header]
            var value = Value.absent
            var index = given.count - 1
            while index >= 0 {
                if Self.equal(given[index].name, wanted.name) {
                    value = Self.text(given[index].value)
                    break
                }
                index -= 1
            }
            frame[Int(wanted.slot)] = value
        }
    }

    /// All headers as one map; the last of a name wins.
    @inline(never)
    private mutating func fillAllHeaders(_ given: UnsafeBufferPointer<LogHeader>) {
        let pairs = arena.allocate(given.count * 2 * MemoryLayout<Value>.stride).bindMemory(
            to: Value.self, capacity: given.count * 2)
        var count = 0
        for (index, header) in given.enumerated() {
            let isLast = !given[(index + 1)...].contains { Self.equal($0.name, header.name) }
            guard isLast else { continue }
            pairs[count * 2] = Self.text(header.name)
            pairs[count * 2 + 1] = Self.text(header.value)
            count += 1
        }
        frame[Int(context.headers)] = Value(.map, length: UInt32(truncatingIfNeeded: count), bits: UInt64(UInt(bitPattern: pairs)))
    }

    private static func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        var index = 0
        while index < a.count {
            if a[index] != b[index] { return false }
            index += 1
        }
        return true
    }
}
