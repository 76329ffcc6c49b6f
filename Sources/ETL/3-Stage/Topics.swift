package import Log

/// What the topics a plan needs look like on the broker.
package struct TopicCheck {
    package enum State: Equatable {
        case right
        case missing
        /// The topology writes another partition count than the topic has.
        case wrongPartitions(actual: Int32)
    }
    package let topic: TopicPlan
    package let state: State
}

extension Plan {
    /// Compares topics with the broker's: all, or those of these names. Others aren't asked for: the right to may be missing.
    package func checkTopics(_ log: any RecordLog, names: Set<String>? = nil) throws(LogError) -> [TopicCheck] {
        let topics = topics.filter { names?.contains($0.name) ?? true }
        let described = try log.describe(topics: topics.map(\.name))
        return zip(topics, described).map { topic, actual in
            guard let actual else { return TopicCheck(topic: topic, state: .missing) }
            let isRight = !topic.partitionsWritten || actual.partitions == topic.partitions
            return TopicCheck(topic: topic, state: isRight ? .right : .wrongPartitions(actual: actual.partitions))
        }
    }

    /// Creates those of these topics that are missing; says what became of each.
    package func createTopics(_ wanted: [TopicPlan], _ log: any RecordLog) throws(LogError) -> [(
        topic: TopicPlan, outcome: TopicCreation
    )] {
        let outcomes = try log.create(
            topics: wanted.map {
                NewTopic(name: $0.name, partitions: $0.partitions, replication: $0.replication, properties: $0.properties)
            })
        return zip(wanted, outcomes).map { ($0, $1) }
    }

    /// What is missing is asked for again for a while: topics just made are known to one broker before the others.
    private func settledChecks(_ log: any RecordLog, names: Set<String>?, patiently: Bool) throws(LogError) -> [TopicCheck] {
        let clock = SystemClock()
        let endMs = clock.nowMs() + (patiently ? 2000 : 0)
        while true {
            let checks = try checkTopics(log, names: names)
            if clock.nowMs() >= endMs || !checks.contains(where: { $0.state == .missing }) { return checks }
            clock.wait(ms: 100)
        }
    }

    /// Makes sure that every topic is there and as the topology says, or says what to do.
    package func requireTopics(_ log: any RecordLog, create: Bool, names: Set<String>? = nil) throws(ETLError) {
        do {
            var missing: [TopicPlan] = []
            for check in try settledChecks(log, names: names, patiently: !create) {
                switch check.state {
                case .right: break
                case .missing: missing.append(check.topic)
                case .wrongPartitions(let actual):
                    throw ETLError(
                        .failed, code: "topic.partitions",
                        "topic \(check.topic.name) has \(actual) partitions, the topology says \(check.topic.partitions): "
                            + "write 'partitions: \(actual)' in the topology, or create the topic anew (more partitions change "
                            + "which "
                            + "partition a key is in, so order per key holds only from then on)")
                }
            }
            guard !missing.isEmpty else { return }
            guard create else {
                throw ETLError(
                    .failed, code: "log.topic_missing",
                    "topic\(missing.count == 1 ? "" : "s") \(missing.map(\.name).joined(separator: ", ")) "
                        + "\(missing.count == 1 ? "doesn't" : "don't") exist; make \(missing.count == 1 ? "it" : "them") with "
                        + "'etl topics create --topology=\(file)'")
            }
            for (topic, outcome) in try createTopics(missing, log) {
                if case .failed(let error) = outcome {
                    throw ETLError(.failed, code: error.code, "can't create topic \(topic.name): \(error.message)")
                }
            }
        } catch let error as LogError {
            throw ETLError(error)
        } catch let error as ETLError {
            throw error
        } catch {
            throw ETLError(.failed, code: "log.unknown", "\(error)")
        }
    }
}
