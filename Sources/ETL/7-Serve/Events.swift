package import Log

// Every event there is: its name, its level, its sentence and its fields. Names are stable; dashboards and alerts use them.

package struct MemberStarted: Event {
    package static let name = "member.started"
    package var role: String
    package var member: String
    package var detail: String
    package var level: LoggingPlan.Level { .info }
    package var message: String { "\(role) started: \(detail)" }
    package var fields: [(String, FieldValue)] { [(role, .string(member))] }
}

package struct MemberStopped: Event {
    package static let name = "member.stopped"
    package var role: String
    package var member: String
    package var records: Int64
    package var level: LoggingPlan.Level { .info }
    package var message: String { "\(role) finished" }
    package var fields: [(String, FieldValue)] { [(role, .string(member)), ("records", .int(records))] }
}

package struct PartitionsChanged: Event {
    package enum Change: String { case assigned, revoked, lost }
    package static let name = "stage.partitions"
    package var stage: String
    package var topic: String
    package var change: Change
    package var partitions: [Int32]
    package var level: LoggingPlan.Level { change == .lost ? .warning : .info }
    package var message: String { "partitions \(change.rawValue): \(partitions.map(String.init).joined(separator: ", "))" }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(stage)), ("topic", .string(topic)), ("change", .string(change.rawValue)),
            ("partitions", .string(partitions.map(String.init).joined(separator: ","))),
        ]
    }
}

/// Something failed and is dealt with: what, and what is done about it.
package struct ClientFailed: Event {
    package static let name = "client.failed"
    package var member: String
    package var error: LogError
    package var reaction: String
    package var level: LoggingPlan.Level { .warning }
    package var message: String { "\(error.message); \(reaction)" }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(member)), ("code", .string(error.code)), ("kind", .string(error.kind.rawValue)),
            ("cause", .string(error.cause)),
        ]
    }
}

/// A service doesn't answer; it is tried again. Emitted at the first failure, then at each doubling of the attempts.
package struct ServiceAway: Event {
    package static let name = "service.away"
    package var member: String
    package var service: String
    package var reason: String
    package var attempt: Int
    package var retryInMs: Int64
    package var level: LoggingPlan.Level { .warning }
    package var message: String { "\(service) can't be reached (attempt \(attempt)): \(reason); trying again in \(retryInMs) ms" }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(member)), ("service", .string(service)), ("attempt", .int(Int64(attempt))),
            ("retry_in_ms", .int(retryInMs)),
        ]
    }
}

package struct ServiceBack: Event {
    package static let name = "service.back"
    package var member: String
    package var service: String
    package var attempts: Int
    package var level: LoggingPlan.Level { .info }
    package var message: String { "\(service) is back after \(attempts) attempts" }
    package var fields: [(String, FieldValue)] { [("stage", .string(member)), ("service", .string(service))] }
}

/// Records of one batch that became dead letters for the same reason: how many, and where the first is.
package struct RecordsRejected: Event {
    package static let name = "records.dead_lettered"
    package var stage: String
    package var step: String
    package var code: String
    package var reason: String
    package var topic: String
    package var partition: Int32
    package var offset: Int64
    package var count: Int
    package var level: LoggingPlan.Level { .warning }
    package var message: String { "\(count) record\(count == 1 ? "" : "s") to the dead letters: \(reason)" }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(stage)), ("step", .string(step)), ("code", .string(code)), ("topic", .string(topic)),
            ("partition", .int(Int64(partition))), ("offset", .int(offset)), ("count", .int(Int64(count))),
        ]
    }
}

/// The client gave records again that were processed already; they were dropped.
package struct RepeatsDropped: Event {
    package static let name = "records.repeated"
    package var stage: String
    package var topic: String
    package var count: Int64
    package var level: LoggingPlan.Level { .info }
    package var message: String { "\(count) records came again and were dropped" }
    package var fields: [(String, FieldValue)] {
        [("stage", .string(stage)), ("topic", .string(topic)), ("count", .int(count))]
    }
}

package struct DeadLettersRepeated: Event {
    package static let name = "load.dead_letters_recovered"
    package var stage: String
    package var topic: String
    package var partition: Int32
    package var count: Int
    package var level: LoggingPlan.Level { .info }
    package var message: String { "dead letters of a batch whose transaction a crash cut off were sent: \(count)" }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(stage)), ("topic", .string(topic)), ("partition", .int(Int64(partition))),
            ("count", .int(Int64(count))),
        ]
    }
}

package struct RowsRejected: Event {
    package static let name = "extract.rows_rejected"
    package var extractor: String
    package var file: String
    package var row: Int64
    package var code: String
    package var reason: String
    package var count: Int
    package var level: LoggingPlan.Level { .warning }
    package var message: String { "\(count) bad row\(count == 1 ? "" : "s") to the dead letters: \(reason)" }
    package var fields: [(String, FieldValue)] {
        [
            ("extractor", .string(extractor)), ("file", .string(file)), ("row", .int(row)), ("code", .string(code)),
            ("count", .int(Int64(count))),
        ]
    }
}

package struct Resumed: Event {
    package static let name = "extract.resumed"
    package var extractor: String
    package var detail: String
    package var level: LoggingPlan.Level { .info }
    package var message: String { "going on from the checkpoint: \(detail)" }
    package var fields: [(String, FieldValue)] { [("extractor", .string(extractor))] }
}

/// A line of the Kafka client's own.
package struct ClientLine: Event {
    package static let name = "client.log"
    private let facility: String
    private let text: String
    package let level: LoggingPlan.Level
    package var message: String { text }
    package var fields: [(String, FieldValue)] { [("facility", .string(facility))] }

    /// - Parameter syslogLevel: 3 error, 4 warning, 6 info, 7 debug. What librdkafka calls an error it mends by itself.
    package init(facility: String, text: String, syslogLevel: Int32) {
        self.facility = facility
        self.text = text
        level = syslogLevel <= 4 ? .warning : .debug
    }
}

package struct Stopping: Event {
    package static let name = "process.stopping"
    package var reason: String
    package var level: LoggingPlan.Level { .info }
    package var message: String { "stopping: \(reason)" }
    package var fields: [(String, FieldValue)] { [] }
}

package struct Failed: Event {
    package static let name = "process.failed"
    package var error: ETLError
    package var level: LoggingPlan.Level { .error }
    package var message: String { error.message }
    package var fields: [(String, FieldValue)] { [("code", .string(error.code))] }
}
