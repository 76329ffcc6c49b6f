package import Bytes
package import Log

/// Why a record failed. Made only for records that do, so Strings are fine here.
package struct Failure: Error, Equatable, Sendable {
    /// Dotted and enumerable, e.g. `validate.schema`.
    package var code: String
    /// The step's name; `load` where the sink refused it; empty when the record couldn't be read at all.
    package var step: String
    /// For people; bounded, without the record's values.
    package var message: String
    /// JSON Pointer (RFC 6901) to the field at fault; empty: the whole record.
    package var pointer: String

    package init(code: String, step: String = "", message: String, pointer: String = "") {
        self.code = code
        self.step = step
        self.message = message
        self.pointer = pointer
    }
}

extension Failure {
    init(_ failure: RecordFailure) {
        self.init(code: failure.code.rawValue, step: failure.step, message: failure.message, pointer: failure.pointer)
    }

    init(_ rejection: Rejection) {
        self.init(code: rejection.code, step: "load", message: rejection.message, pointer: rejection.pointer)
    }
}

/// The names of the headers a dead letter carries.
package enum DeadLetterHeader {
    package static let prefix = "etl.dlq."
    package static let topology = "etl.dlq.topology"
    package static let stage = "etl.dlq.stage"
    package static let step = "etl.dlq.step"
    package static let code = "etl.dlq.code"
    package static let message = "etl.dlq.message"
    package static let pointer = "etl.dlq.pointer"
    package static let topic = "etl.dlq.topic"
    package static let partition = "etl.dlq.partition"
    package static let offset = "etl.dlq.offset"
    package static let timestamp = "etl.dlq.timestamp"
    package static let attempt = "etl.dlq.attempt"
    package static let firstFailedAt = "etl.dlq.first_failed_at"
    package static let failedAt = "etl.dlq.failed_at"
    /// Of a CSV row: the file and the number of the row in it.
    package static let file = "etl.dlq.file"
    package static let row = "etl.dlq.row"
}

/// Writes dead letters of one stage: the original key, value and headers byte for byte, plus why, where and when.
package struct DeadLetterWriter {
    private let topology: String
    private let stage: String
    private let topic: String
    /// Index of the dead-letter topic among the producer's topics, and its partition count.
    private let outputTopic: Int32
    private let outputPartitions: Int32

    /// - Parameter topic: the topic the stage reads.
    package init(topology: String, stage: String, topic: String, outputTopic: Int32, outputPartitions: Int32) {
        self.topology = topology
        self.stage = stage
        self.topic = topic
        self.outputTopic = outputTopic
        self.outputPartitions = outputPartitions
    }

    /// Appends the dead letter of `record` to `outputs`. With `copying`, its bytes are copied to the batch's arena, for a batch
    /// that outlives the poll the record came from; otherwise they must stay valid until the batch is sent.
    package func append(_ record: LogRecord, _ failure: Failure, nowMs: Int64, copying: Bool, to outputs: inout OutputBatch) {
        let earlier = earlierFailure(record)
        let now = formatTimestamp(milliseconds: nowMs)
        var added: [(String, String)] = [
            (DeadLetterHeader.topology, topology), (DeadLetterHeader.stage, stage), (DeadLetterHeader.step, failure.step),
            (DeadLetterHeader.code, failure.code), (DeadLetterHeader.message, bounded(failure.message)),
            (DeadLetterHeader.pointer, failure.pointer), (DeadLetterHeader.topic, topic),
            (DeadLetterHeader.partition, String(record.partition)), (DeadLetterHeader.offset, String(record.offset)),
        ]
        if record.timestamp >= 0 { added.append((DeadLetterHeader.timestamp, formatTimestamp(milliseconds: record.timestamp))) }
        added += [
            (DeadLetterHeader.attempt, earlier.attempt ?? "1"), (DeadLetterHeader.firstFailedAt, earlier.firstFailedAt ?? now),
            (DeadLetterHeader.failedAt, now),
        ]
        append(
            key: record.key, value: record.value, headers: record.headers, added: added,
            partition: record.partition % max(outputPartitions, 1), copying: copying, to: &outputs)
    }

    /// Appends the dead letter of a CSV row that could not be read: its value is the row as it stands in the file.
    package func append(
        row: UnsafeRawBufferPointer, file: String, number: Int64, code: String, message: String, nowMs: Int64,
        to outputs: inout OutputBatch
    ) {
        let now = formatTimestamp(milliseconds: nowMs)
        let added: [(String, String)] = [
            (DeadLetterHeader.topology, topology), (DeadLetterHeader.stage, stage), (DeadLetterHeader.step, "csv"),
            (DeadLetterHeader.code, code), (DeadLetterHeader.message, bounded(message)), (DeadLetterHeader.pointer, ""),
            (DeadLetterHeader.file, file), (DeadLetterHeader.row, String(number)),
            (DeadLetterHeader.attempt, "1"), (DeadLetterHeader.firstFailedAt, now), (DeadLetterHeader.failedAt, now),
        ]
        append(
            key: UnsafeRawBufferPointer(start: nil, count: 0), value: row, headers: UnsafeBufferPointer(start: nil, count: 0),
            added: added, partition: Int32(truncatingIfNeeded: number % Int64(max(outputPartitions, 1))), copying: true,
            to: &outputs)
    }

    private func append(
        key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, headers: UnsafeBufferPointer<LogHeader>,
        added: [(String, String)], partition: Int32, copying: Bool, to outputs: inout OutputBatch
    ) {
        func kept(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            copying && bytes.baseAddress != nil ? outputs.arena.copy(bytes) : bytes
        }
        let room = outputs.arena.allocate((headers.count + added.count) * MemoryLayout<LogHeader>.stride)
        let list = room.bindMemory(to: LogHeader.self, capacity: headers.count + added.count)
        var count = 0
        // A record that fails again after a replay has one history, not two: what an earlier failure added is replaced.
        for header in headers where !isOurs(header.name) {
            list[count] = LogHeader(name: kept(header.name), value: kept(header.value))
            count += 1
        }
        for (name, text) in added {
            list[count] = LogHeader(name: outputs.arena.copy(name), value: outputs.arena.copy(text))
            count += 1
        }
        outputs.append(
            OutputRecord(
                key: kept(key), value: kept(value), headers: UnsafeBufferPointer(start: list, count: count),
                topic: outputTopic, partition: partition))
    }

    /// What a replay told of the record's history with this stage. One that another stage's replay left says nothing of this one.
    private func earlierFailure(_ record: LogRecord) -> (attempt: String?, firstFailedAt: String?) {
        var attempt: String?
        var firstFailedAt: String?
        for header in record.headers where isOurs(header.name) {
            if header.name.elementsEqual(DeadLetterHeader.stage.utf8), !header.value.elementsEqual(stage.utf8) { return (nil, nil) }
            let name = String(decoding: header.name, as: UTF8.self)
            // Bounded, since anybody can write a header.
            if name == DeadLetterHeader.attempt { attempt = String(decoding: header.value.prefix(20), as: UTF8.self) }
            if name == DeadLetterHeader.firstFailedAt { firstFailedAt = String(decoding: header.value.prefix(40), as: UTF8.self) }
        }
        return (attempt, firstFailedAt)
    }

    private func isOurs(_ name: UnsafeRawBufferPointer) -> Bool {
        name.count > DeadLetterHeader.prefix.utf8.count
            && name.prefix(DeadLetterHeader.prefix.utf8.count).elementsEqual(DeadLetterHeader.prefix.utf8)
    }

    private func bounded(_ message: String) -> String {
        message.utf8.count <= 500 ? message : String(message.prefix(480)) + " …"
    }
}

extension Arena {
    /// The UTF-8 of a text, good until `reset`.
    package mutating func copy(_ text: String) -> UnsafeRawBufferPointer {
        var text = text
        return text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }
}
