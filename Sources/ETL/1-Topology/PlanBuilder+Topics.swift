extension PlanBuilder {
    func buildTopics() {
        let written = topology.topics?.value ?? []
        let first = written.first?.value.value.partitions?.value ?? TopicSection.defaultPartitions
        var firstPlaces: [String: SourcePosition] = [:]
        for entry in written {
            let section = entry.value.value
            guard let name = section.name else { continue }
            checkTopicName(name.value, at: name.position)
            if let place = firstPlaces[name.value] {
                reader.report(
                    Problem(
                        code: "name.duplicate", message: "two topics are named `\(name.value)`", at: name.position,
                        suggestion: "use one short name for it", related: [.init(message: "the other is here", position: place)]))
            } else if let like = firstPlaces.first(where: { collide($0.key, name.value) }) {
                reader.report(
                    "topic.collision",
                    "topics `\(like.key)` and `\(name.value)` differ only in `.` and `_`, which Kafka's metrics can't tell apart",
                    at: name.position, severity: .warning)
            }
            firstPlaces[name.value] = firstPlaces[name.value] ?? name.position
            let topic = TopicPlan(
                alias: entry.name,
                name: name.value,
                partitions: Int32(section.partitions?.value ?? first),
                replication: replication(section.replication),
                properties: dictionary(section.properties),
                role: .data,
                partitionsWritten: section.partitions != nil,
                position: name.position)
            topics[entry.name] = topic
            dataTopics.append(topic)
        }
        checkReserved(firstPlaces)
    }

    private func replication(_ written: Written<Int>?) -> Int32 {
        if let written, written.value == 0 {
            reader.report("value.range", "`replication` must be at least 1, or -1 for the broker's default", at: written.position)
        }
        return Int32(TopicSection.replication.value(written))
    }

    /// https://kafka.apache.org: letters, digits, `.`, `_`, `-`; at most 249; neither `.` nor `..`.
    private func checkTopicName(_ name: String, at position: SourcePosition) {
        let isLegal = { (byte: UInt8) in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F, 0x2D: true
            default: false
            }
        }
        if name.isEmpty || name == "." || name == ".." || !name.utf8.allSatisfy(isLegal) {
            reader.report(
                "topic.name", "`\(reader.shown(name))` is no name of a topic", at: position,
                "Kafka takes letters, digits, `.`, `_` and `-`")
        } else if name.utf8.count > 249 {
            reader.report("topic.name", "the topic's name has \(name.utf8.count) characters; Kafka takes at most 249", at: position)
        }
    }

    private func collide(_ a: String, _ b: String) -> Bool {
        a != b && a.utf8.count == b.utf8.count
            && zip(a.utf8, b.utf8).allSatisfy { $0 == $1 || ($0 == 0x2E && $1 == 0x5F) || ($0 == 0x5F && $1 == 0x2E) }
    }

    /// Topics the engine makes for itself can't carry records as well.
    private func checkReserved(_ names: [String: SourcePosition]) {
        for stage in topology.stages?.value ?? [] {
            checkReserved("dlq", "dead-letter topic", of: stage.name, at: stage.position, names)
            checkReserved("parked", "topic of parked dead letters", of: stage.name, at: stage.position, names)
        }
        for extractor in topology.extractors?.value ?? [] {
            checkReserved("dlq", "dead-letter topic", of: extractor.name, at: extractor.position, names)
        }
        for (ending, what) in [
            ("checkpoints", "holds the extractors' checkpoints"), ("control", "carries what `etl resume` asks of running stages"),
        ] {
            guard let place = names["\(name).\(ending)"] else { continue }
            reader.report("topic.reserved", "topic `\(name).\(ending)` \(what)", at: place, "give it another name")
        }
    }

    private func checkReserved(
        _ ending: String, _ what: String, of owner: String, at position: SourcePosition, _ names: [String: SourcePosition]
    ) {
        let own = "\(name).\(owner).\(ending)"
        if let place = names[own] {
            reader.report("topic.reserved", "topic `\(own)` is the \(what) of `\(owner)`", at: place, "give it another name")
        }
        if own.utf8.count > 249 {
            reader.report("topic.name", "the \(what) `\(own)` would be longer than Kafka's 249 characters", at: position)
        }
    }

    /// A dead letter is the record with its headers added, so its topic must take what the record's takes, and a little more.
    private func deadLetterProperties(_ like: TopicPlan?) -> [String: String] {
        guard let limit = like?.properties["max.message.bytes"].flatMap({ Int32($0) }) else { return [:] }
        let room: Int32 = 65_536
        return ["max.message.bytes": String(limit > Int32.max - room ? Int32.max : limit + room)]
    }

    /// Dead-letter and parked topics of stages, then dead-letter topics of extractors, then the checkpoint topic.
    func derivedTopics(_ plan: Plan) -> [TopicPlan] {
        func letters(_ name: String, at position: SourcePosition, like topic: String, _ role: TopicPlan.Role) -> TopicPlan {
            let like = plan.topic(named: topic)
            return TopicPlan(
                alias: name, name: name, partitions: like?.partitions ?? Int32(TopicSection.defaultPartitions),
                replication: like?.replication ?? -1, properties: deadLetterProperties(like), role: role, partitionsWritten: false,
                position: position)
        }
        var result = plan.stages.flatMap { stage in
            [
                letters(plan.deadLetterTopic(of: stage.name), at: stage.position, like: stage.from, .deadLetter),
                letters(plan.parkedTopic(of: stage.name), at: stage.position, like: stage.from, .parked),
            ]
        }
        // With `on_bad_row: stop` too: a row whose key can't be computed is a dead letter all the same.
        for extractor in plan.extractors {
            let topic = plan.deadLetterTopic(of: extractor.name)
            result.append(letters(topic, at: extractor.position, like: extractor.to, .deadLetter))
        }
        if let first = plan.extractors.first {
            result.append(
                TopicPlan(
                    alias: plan.checkpointTopic, name: plan.checkpointTopic, partitions: 1,
                    replication: plan.topic(named: first.to)?.replication ?? -1, properties: ["cleanup.policy": "compact"],
                    role: .checkpoint, partitionsWritten: true, position: first.position))
        }
        return result
    }
}
