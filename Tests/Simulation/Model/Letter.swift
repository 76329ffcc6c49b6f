import ETL
import Log

/// A header, copied.
struct Header: Hashable {
    var name: [UInt8]
    /// Nil: Kafka's null.
    var value: [UInt8]?

    init(name: [UInt8], value: [UInt8]?) {
        self.name = name
        self.value = value
    }

    init(_ header: LogHeader) {
        name = Array(header.name)
        value = header.value.baseAddress == nil ? nil : Array(header.value)
    }

    /// Says something of a failure.
    static func isHistory(_ header: LogHeader) -> Bool { header.name.starts(with: DeadLetterHeader.prefix.utf8) }
}

/// A record's bytes, copied.
struct RecordCopy: Hashable {
    var key: [UInt8]
    var value: [UInt8]
    var headers: [Header]

    init(_ record: LogRecord) {
        key = Array(record.key)
        value = Array(record.value)
        headers = record.headers.map(Header.init)
    }
}

/// What a record's headers say of its failures: of a dead letter, or of a record that was one.
struct Letter {
    private(set) var code = ""
    private(set) var step = ""
    private(set) var topic = ""
    private(set) var stage = ""
    private(set) var row: Int?
    private(set) var attempt: Int?
    private(set) var firstFailedAt = ""
    private(set) var failedAt = ""
    /// How many headers say so.
    private(set) var count = 0
    private var partition: Int32?
    private var offset: Int64?

    init(_ record: LogRecord) {
        for header in record.headers where Header.isHistory(header) {
            count += 1
            let value = String(decoding: header.value, as: UTF8.self)
            switch String(decoding: header.name, as: UTF8.self) {
            case DeadLetterHeader.code: code = value
            case DeadLetterHeader.step: step = value
            case DeadLetterHeader.topic: topic = value
            case DeadLetterHeader.stage: stage = value
            case DeadLetterHeader.row: row = Int(value)
            case DeadLetterHeader.attempt: attempt = Int(value) ?? -1
            case DeadLetterHeader.firstFailedAt: firstFailedAt = value
            case DeadLetterHeader.failedAt: failedAt = value
            case DeadLetterHeader.partition: partition = Int32(value)
            case DeadLetterHeader.offset: offset = Int64(value)
            default: break
            }
        }
    }

    var place: Place? {
        guard let partition, let offset else { return nil }
        return Place(partition: partition, offset: offset)
    }

    /// Which attempt a stage makes of the record: the first, unless it failed there before.
    func attempt(at stage: String) -> Int { stage == self.stage ? attempt ?? 1 : 1 }
}
