package import Bytes
package import JSON

/// Values as JSON objects that tell their type, so that programs can exchange them exactly: `{"int":"5"}`,
/// `{"list":[{"double":"-0.0"},{"bytes":"AP8="}]}`, `{"map":[[{"string":"a"},{"null":null}]]}`, `{"optional":null}`.
package enum TypedValue {
    /// What is wrong with a text that should be a typed value.
    package struct Malformed: Error {
        package var message: String

        package init(message: String) { self.message = message }
    }

    /// Reads a typed value that a scanner has checked as JSON.
    ///
    /// - Parameters:
    ///   - typed: the value as it came from the scanner or from `materialize`; what it points to must outlive the result.
    ///   - record: the text that `typed` came from.
    ///   - arena: where lists, maps, bytes and optionals go.
    package static func read(
        _ typed: Value, record: UnsafeRawBufferPointer, arena: inout Arena
    ) throws(Malformed) -> Value {
        let object = materialize(typed, record: record, arena: &arena)
        guard object.tag == .map, object.length == 1, let pair = object.items else {
            throw Malformed(message: "a typed value is an object with one member, like {\"int\":\"5\"}")
        }
        let kind = String(decoding: pair[0].bytes, as: UTF8.self)
        let content = pair[1]
        switch (kind, content.tag) {
        case ("null", .null): return .null
        case ("bool", .bool): return .bool(content.isTrue)
        case ("string", .string): return .string(content.bytes)
        case ("int", .string): if let number = Int64(text(content)) { return .int(number) }
        case ("uint", .string): if let number = UInt64(text(content)) { return .uint(number) }
        case ("double", .string): if let number = double(text(content)) { return .double(number) }
        case ("bytes", .string):
            let target = arena.allocate(content.bytes.count)
            if let count = Base64.decode(content.bytes, to: target.assumingMemoryBound(to: UInt8.self)) {
                return Value(.bytes, length: UInt32(count), bits: UInt64(UInt(bitPattern: target)))
            }
        case ("type", .string):
            if let tag = Tag(typeName: text(content)) { return Value(.type, aux: UInt16(tag.rawValue)) }
        case ("timestamp", .string):
            if let (seconds, nanoseconds) = TimestampText.parse(content.bytes) {
                return .timestamp(seconds: seconds, nanoseconds: nanoseconds)
            }
        case ("duration", .string): if let nanoseconds = DurationText.parse(content.bytes) { return .duration(nanoseconds) }
        case ("decimal", .string):
            let decimal = Decimal.parse(content.bytes)
            if decimal.state == .ok, let value = withUnsafeMutablePointer(to: &arena, { decimal.value(in: $0) }) { return value }
        case ("list", .list): return try list(content, record, &arena)
        case ("map", .list): return try map(content, record, &arena)
        case ("optional", .null): return Value(.optional)
        case ("optional", .map):
            let value = try read(content, record: record, arena: &arena)
            let place = arena.allocate(MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: 1)
            place.pointee = value
            return Value(.optional, length: 1, bits: UInt64(UInt(bitPattern: place)))
        default: break
        }
        let shown = content.tag == .string ? "\"\(text(content).prefix(40))\"" : content.tag.typeName
        throw Malformed(message: "\"\(kind.prefix(40))\" can't be \(shown)")
    }

    private static func text(_ value: Value) -> String { String(decoding: value.bytes, as: UTF8.self) }

    private static func double(_ text: String) -> Double? {
        switch text {
        case "NaN": .nan
        case "Infinity": .infinity
        case "-Infinity": -.infinity
        default: text.utf8.allSatisfy { $0.isDigit || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0) } ? Double(text) : nil
        }
    }

    private static func list(
        _ content: Value, _ record: UnsafeRawBufferPointer, _ arena: inout Arena
    ) throws(Malformed) -> Value {
        let open = materialize(content, record: record, arena: &arena)
        let count = Int(open.length)
        let target = arena.allocate(count * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: count)
        if let items = open.items {
            for index in 0..<count { target[index] = try read(items[index], record: record, arena: &arena) }
        }
        return Value(.list, length: open.length, bits: UInt64(UInt(bitPattern: target)))
    }

    private static func map(
        _ content: Value, _ record: UnsafeRawBufferPointer, _ arena: inout Arena
    ) throws(Malformed) -> Value {
        let open = materialize(content, record: record, arena: &arena)
        let count = Int(open.length)
        let target = arena.allocate(count * 2 * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: count * 2)
        if let items = open.items {
            for index in 0..<count {
                let pair = materialize(items[index], record: record, arena: &arena)
                guard pair.tag == .list, pair.length == 2, let parts = pair.items else {
                    throw Malformed(message: "a map's entry is a list of key and value")
                }
                let key = try read(parts[0], record: record, arena: &arena)
                guard [.bool, .int, .uint, .string].contains(key.tag) else {
                    throw Malformed(message: "a map's key is a bool, int, uint or string, not \(key.tag.typeName)")
                }
                target[index * 2] = key
                target[index * 2 + 1] = try read(parts[1], record: record, arena: &arena)
            }
        }
        return Value(.map, length: open.length, bits: UInt64(UInt(bitPattern: target)))
    }
}

extension Value {
    /// Elements of a list or map that isn't raw.
    fileprivate var items: UnsafePointer<Value>? { pointer?.assumingMemoryBound(to: Value.self) }
}
