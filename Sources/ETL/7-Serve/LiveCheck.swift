import Kafka
import Log
import Postgres

/// What real services say against a plan, with the place in the topology that each thing hangs on: `etl validate --live`.
///
/// Changes nothing: topics and groups are only asked for, tables only looked at. What brokers can't be asked is in `notes`.
package struct LiveCheck {
    private let plan: Plan
    package private(set) var problems: [Problem] = []
    /// A service couldn't be reached at all.
    package private(set) var isUnreachable = false
    /// What was asked, and what couldn't be, a line each.
    package private(set) var notes: [String] = []

    /// Asks everything; takes a few seconds for each service that doesn't answer.
    package init(_ plan: Plan) {
        self.plan = plan
        if let kafka = plan.kafka { checkKafka(kafka) }
        for stage in plan.stages {
            if case .postgres(let table) = stage.ending { checkPostgres(table, plan.group(of: stage)) }
        }
        problems = problems.map { $0.redacted(plan.secrets) }
        notes = notes.map { plan.secrets.redact($0) }
    }

    private mutating func report(_ error: LogError, at position: SourcePosition, _ who: String = "") {
        if error.kind == .retriable { isUnreachable = true }
        problems.append(Problem(code: error.code, message: who + error.message, at: position))
    }

    // MARK: Kafka

    private mutating func checkKafka(_ kafka: KafkaPlan) {
        do throws(LogError) {
            let log = try KafkaLog(
                bootstrapServers: kafka.bootstrapServers, properties: kafka.properties,
                consumerProperties: kafka.consumerProperties, producerProperties: kafka.producerProperties)
            let inspection = try KafkaInspection(log)
            defer { inspection.close() }
            let known = checkTopics(inspection)
            checkRights(inspection, known)
            notes.append("asked Kafka at \(kafka.bootstrapServers) for \(plan.topics.count) topics and the rights to use them")
        } catch {
            let isOfLogin = error.code != "log.unreachable"
            report(error, at: isOfLogin ? kafka.securityPosition : kafka.position)
        }
    }

    /// The names of those that are there and may be seen.
    private mutating func checkTopics(_ inspection: KafkaInspection) -> Set<String> {
        let written = Set(plan.extractors.map(\.to) + plan.stages.compactMap { $0.output })
        var known: Set<String> = []
        for topic in plan.topics {
            do throws(LogError) {
                guard let found = try inspection.describe(topic.name, writing: topic.role != .data || written.contains(topic.name))
                else {
                    let message = "topic `\(topic.name)` doesn't exist"
                    let advice = "make it with 'etl topics create --topology=\(plan.file)'"
                    problems.append(Problem(code: "log.topic_missing", message: message, at: topic.position, suggestion: advice))
                    continue
                }
                known.insert(topic.name)
                compare(topic, found)
            } catch {
                report(error, at: topic.position)
            }
        }
        return known
    }

    private mutating func compare(_ topic: TopicPlan, _ found: TopicDescription) {
        if found.partitions != topic.partitions, topic.role != .deadLetter {
            problems.append(
                Problem(
                    topic.partitionsWritten ? .error : .warning, code: "topic.partitions",
                    message: "topic `\(topic.name)` has \(found.partitions) partitions, the plan says \(topic.partitions)",
                    at: topic.position, suggestion: "write `partitions: \(found.partitions)`"))
        }
        if topic.replication > 0, found.replication != topic.replication {
            problems.append(
                Problem(
                    .warning, code: "topic.replication",
                    message: "topic `\(topic.name)` has \(found.replication) replicas, the topology says \(topic.replication)",
                    at: topic.position))
        }
    }

    /// What each extractor and stage does with topics, group and transactional id. Topics that aren't there were reported.
    private mutating func checkRights(_ inspection: KafkaInspection, _ known: Set<String>) {
        var asksWrites = true
        func each(
            _ name: String, at position: SourcePosition, reads: [String], writes: [String], group: (name: String, topic: String)?,
            transactionalId: String?, _ live: inout LiveCheck
        ) {
            func attempt(_ body: () throws(LogError) -> Void) {
                do throws(LogError) { try body() } catch { live.report(error, at: position, "`\(name)`: ") }
            }
            for topic in reads where known.contains(topic) { attempt { () throws(LogError) in try inspection.read(topic) } }
            for topic in writes where known.contains(topic) {
                attempt { () throws(LogError) in if try !inspection.write(topic) { asksWrites = false } }
            }
            if let group, known.contains(group.topic) {
                attempt { () throws(LogError) in try inspection.commit(group: group.name, topic: group.topic) }
            }
            if let transactionalId { attempt { () throws(LogError) in try inspection.transact(transactionalId) } }
        }
        for extractor in plan.extractors {
            // Its transactional id is one for all processes: asking for it would end the transaction of one that runs.
            each(
                extractor.name, at: extractor.position, reads: [plan.checkpointTopic],
                writes: [extractor.to, plan.deadLetterTopic(of: extractor.name), plan.checkpointTopic], group: nil,
                transactionalId: nil, &self)
        }
        for stage in plan.stages {
            let isTransactional = stage.output == nil || stage.delivery == .exactlyOnce
            each(
                stage.name, at: stage.position, reads: [stage.from],
                writes: [stage.output, plan.deadLetterTopic(of: stage.name)].compactMap(\.self),
                group: (plan.group(of: stage), stage.from),
                transactionalId: isTransactional ? "etl.\(plan.name).\(stage.name).validate-0" : nil, &self)
        }
        if !asksWrites {
            notes.append(
                "not asked: the right to write each topic, for which librdkafka 2.3 is needed (\(KafkaLog.libraryVersion) runs)")
        }
    }

    // MARK: Postgres

    private mutating func checkPostgres(_ table: PostgresPlan, _ group: String) {
        do throws(SinkError) {
            for error in try PostgresSink.inspect(table, group: group) { report(error, table.places) }
            notes.append("asked Postgres for table \(table.table)")
        } catch {
            report(error, table.places)
        }
    }

    private mutating func report(_ error: SinkError, _ places: PostgresPlan.Places) {
        if error.kind == .service { isUnreachable = true }
        let position =
            switch error.part {
            case .url: places.url
            case .table: places.table
            case .key(let name): places.keys[name] ?? places.mode
            case .column(let name): places.columns[name] ?? places.table
            case .extraColumn: places.extraColumn
            }
        problems.append(Problem(error.isRemark ? .warning : .error, code: error.code, message: error.message, at: position))
    }
}

extension StagePlan {
    /// Full name of the topic it writes; nil: it ends in a sink.
    fileprivate var output: String? { if case .topic(let name) = ending { name } else { nil } }
}

extension LoadedTopologies {
    /// Adds what real services say against its plans. Gives what to tell beside the problems.
    package mutating func checkLive() -> (notes: [String], isUnreachable: Bool) {
        var notes: [String] = []
        var isUnreachable = false
        for plan in plans {
            let live = LiveCheck(plan)
            problems += live.problems
            notes += live.notes
            if live.isUnreachable { isUnreachable = true }
        }
        problems = problems.sortedByPlace()
        return (notes, isUnreachable)
    }
}
