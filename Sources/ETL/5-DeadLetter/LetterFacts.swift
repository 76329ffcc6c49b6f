package import Log

/// What a dead letter's headers say of it, whoever wrote it: this project, Kafka Connect, Spring Kafka or Kafka Streams.
///
/// Anybody can write a header, so every text is bounded, bytes that aren't UTF-8 are replaced, and a number that is none counts
/// as not given.
package struct LetterFacts: Equatable, Sendable {
    /// Whose headers these are. Where a record has those of several, the ones written last count: headers are appended.
    package enum Writer: String, Sendable, CaseIterable {
        case etl, connect = "kafka_connect", spring = "spring_kafka", streams = "kafka_streams"
        /// No header says why the record failed.
        case unknown
    }

    package var writer = Writer.unknown
    package var topology = ""
    /// The stage; a connector's or a consumer group's name with others.
    package var stage = ""
    package var step = ""
    /// Of other writers the exception's class.
    package var code = ""
    package var message = ""
    package var pointer = ""
    /// Where the record came from.
    package var topic: String?
    package var partition: Int32?
    package var offset: Int64?
    /// The record's own time, as written.
    package var timestamp: String?
    /// How often it has failed, at least 1.
    package var attempt = 1
    package var firstFailedAt: String?
    package var failedAt: String?
    /// Of a CSV row.
    package var file: String?
    package var row: Int64?

    /// At most this many bytes of a header are looked at.
    private static let longest = 500

    package init(_ record: LogRecord) {
        var last = LetterHeader.Family?.none
        for header in record.headers {
            guard let (family, name) = LetterHeader.family(of: header.name) else { continue }
            // What a replay left (attempt, stage) doesn't say that the record failed here last.
            if family != .etl || name == "code" { last = family }
        }
        for header in record.headers {
            guard let (family, name) = LetterHeader.family(of: header.name), header.value.baseAddress != nil else { continue }
            // The history that replays keep counts with every writer.
            if family == .etl, name == "attempt" || name == "first_failed_at" || last == .etl || last == nil {
                takeOwn(name, header.value)
            } else if family == last {
                take(family, name, header.value)
            }
        }
        writer =
            switch last {
            case .etl: .etl
            case .connect: .connect
            case .spring: .spring
            case .streams: .streams
            case nil: .unknown
            }
    }

    private mutating func takeOwn(_ name: Substring, _ value: UnsafeRawBufferPointer) {
        switch name {
        case "topology": topology = Self.text(value)
        case "stage": stage = Self.text(value)
        case "step": step = Self.text(value)
        case "code": code = Self.text(value)
        case "message": message = Self.text(value)
        case "pointer": pointer = Self.text(value)
        case "topic": topic = Self.text(value)
        case "partition": partition = Self.number(value).flatMap { Int32(exactly: $0) }
        case "offset": offset = Self.number(value)
        case "timestamp": timestamp = Self.text(value)
        case "attempt": attempt = Self.number(value).map { Int(min(max($0, 1), 1_000_000)) } ?? 1
        case "first_failed_at": firstFailedAt = Self.text(value)
        case "failed_at": failedAt = Self.text(value)
        case "file": file = Self.text(value)
        case "row": row = Self.number(value)
        default: break
        }
    }

    private mutating func take(_ family: LetterHeader.Family, _ name: Substring, _ value: UnsafeRawBufferPointer) {
        switch (family, name) {
        case (_, "topic"), (.spring, "original-topic"): topic = Self.text(value)
        case (_, "partition"), (.spring, "original-partition"): partition = Self.number(value).flatMap { Int32(exactly: $0) }
        case (_, "offset"), (.spring, "original-offset"): offset = Self.number(value)
        case (.connect, "connector.name"), (.spring, "original-consumer-group"): stage = Self.text(value)
        case (.connect, "stage"): step = Self.text(value)
        case (.connect, "exception.class.name"): code = Self.text(value)
        case (_, "exception.message"), (.spring, "exception-message"), (.streams, "message"): message = Self.text(value)
        case (.spring, "original-timestamp"):
            timestamp = Self.number(value).flatMap {
                (0...253_402_300_799_999).contains($0) ? formatTimestamp(milliseconds: $0) : nil
            }
        // What a listener threw is wrapped in an exception of the container's own: the cause says more.
        case (.spring, "exception-cause-fqcn"): code = Self.text(value)
        case (.spring, "exception-fqcn") where code.isEmpty: code = Self.text(value)
        case (.spring, "key-exception-fqcn") where code.isEmpty:
            code = Self.text(value)
            pointer = "key"
        case (.spring, "key-exception-message") where message.isEmpty: message = Self.text(value)
        // An exception's toString: its class, a colon, its message.
        case (.streams, "exception"): code = String(Self.text(value).prefix { $0 != ":" })
        default: break
        }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        guard bytes.count > longest else { return String(decoding: bytes, as: UTF8.self) }
        var end = longest
        while end > 0, bytes[end] & 0xc0 == 0x80 { end -= 1 }
        return String(decoding: bytes.prefix(end), as: UTF8.self) + "…"
    }

    /// Decimal digits, or (Spring) a big-endian int or long. Four or eight bytes that are all digits are taken for digits: as a
    /// binary number they would be a partition or offset beyond anything there is.
    private static func number(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        let isText =
            !bytes.isEmpty
            && bytes.enumerated().allSatisfy { index, byte in
                (0x30...0x39).contains(byte) || (index == 0 && byte == UInt8(ascii: "-") && bytes.count > 1)
            }
        if isText { return bytes.count <= 20 ? Int64(String(decoding: bytes, as: UTF8.self)) : nil }
        if bytes.count == 4 { return Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))) }
        if bytes.count == 8 { return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)) }
        return nil
    }
}

/// The headers that make a record a dead letter, by who writes them.
package enum LetterHeader {
    package enum Family: Sendable { case etl, connect, spring, streams }

    /// Names of Kafka Connect's are in its `DeadLetterQueueReporter`, Spring's in `KafkaHeaders` (`DLT_…`), those of Kafka Streams
    /// in KIP-1034.
    private static let prefixes: [(Family, String)] = [
        (.etl, DeadLetterHeader.prefix), (.connect, "__connect.errors."), (.spring, "kafka_dlt-"), (.streams, "__streams.errors."),
    ]

    /// Whose header it is, and the rest of its name; nil: the record's own.
    package static func family(of name: UnsafeRawBufferPointer) -> (Family, Substring)? {
        for (family, prefix) in prefixes {
            let length = prefix.utf8.count
            guard name.count > length, name.prefix(length).elementsEqual(prefix.utf8) else { continue }
            return (family, String(decoding: name.dropFirst(length), as: UTF8.self)[...])
        }
        return nil
    }
}
