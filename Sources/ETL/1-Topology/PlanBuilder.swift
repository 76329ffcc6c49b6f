/// Makes a plan from a topology as written: looks up names, fills in defaults, and reports what can't be meant.
///
/// With problems there is still a plan where possible, without the stages and extractors that are wrong, so that their
/// expressions can be checked too; nobody may run it.
final class PlanBuilder {
    let topology: Topology
    let reader: FieldReader
    let name: String
    let file: String
    let directory: String
    /// Topics as written, by alias.
    var topics: [String: TopicPlan] = [:]
    var dataTopics: [TopicPlan] = []
    var lookups: [LookupPlan] = []
    var extractors: [ExtractorPlan] = []
    var stages: [StagePlan] = []

    /// `file` is absolute.
    init(_ topology: Topology, reader: FieldReader, file: String) {
        self.topology = topology
        self.reader = reader
        self.file = file
        directory = splitPath(file).directory
        name = topology.name?.value ?? "unnamed"
    }

    func build() -> Plan {
        if topology.stages?.value.isEmpty ?? true, topology.extractors?.value.isEmpty ?? true {
            reader.report("key.missing", "the topology has no stages and no extractors", at: topology.position)
        }
        buildTopics()
        buildLookups()
        buildExtractors()
        buildStages()
        checkNames()
        checkFlow()
        var plan = Plan(
            name: name,
            description: topology.description?.value ?? "",
            file: file,
            commitIntervalMs: Topology.commitIntervalMs.value(topology.commitIntervalMs),
            memoryMB: Topology.memoryMB.value(topology.memoryMB),
            kafka: topology.kafka.flatMap { kafka($0.value) },
            logging: logging(topology.logging?.value),
            retry: retry(topology.retry?.value),
            deadLetter: deadLetter(topology.deadLetter?.value),
            topics: dataTopics,
            lookups: lookups,
            extractors: extractors,
            stages: stages)
        plan.circuitBreaker = circuitBreaker(topology.circuitBreaker?.value)
        plan.http = topology.http.flatMap { http($0) }
        plan.topics += derivedTopics(plan)
        plan.secrets = reader.secrets
        return plan
    }

    func dictionary(_ written: Written<[Named<String>]>?) -> [String: String] {
        Dictionary((written?.value ?? []).map { ($0.name, $0.value.value) }) { first, _ in first }
    }

    private func logging(_ written: LoggingSection?) -> LoggingPlan {
        LoggingPlan(level: LoggingSection.level.value(written?.level), format: LoggingSection.format.value(written?.format))
    }

    private func retry(_ written: RetrySection?) -> RetryPlan {
        let plan = RetryPlan(
            initialMs: RetrySection.initialMs.value(written?.initialMs),
            maxMs: RetrySection.maxMs.value(written?.maxMs),
            multiplier: RetrySection.multiplier.value(written?.multiplier),
            fullJitter: RetrySection.fullJitter.value(written?.fullJitter))
        if plan.initialMs > plan.maxMs, let position = (written?.maxMs ?? written?.initialMs)?.position {
            reader.report("value.range", "`max_ms` (\(plan.maxMs)) is less than `initial_ms` (\(plan.initialMs))", at: position)
        }
        return plan
    }

    private func deadLetter(_ written: DeadLetterSection?) -> DeadLetterPlan {
        DeadLetterPlan(
            maxRate: DeadLetterSection.maxRate.value(written?.maxRate),
            window: DeadLetterSection.window.value(written?.window),
            maxAttempts: DeadLetterSection.maxAttempts.value(written?.maxAttempts))
    }

    /// The topic an alias names; a problem where it names none.
    func topic(_ alias: Written<String>?) -> TopicPlan? {
        guard let alias else { return nil }
        if let topic = topics[alias.value] { return topic }
        let names = (topology.topics?.value ?? []).map(\.name)
        // A topic that is itself wrong is known all the same.
        if names.contains(alias.value) { return nil }
        let sameName = dataTopics.first { $0.name == alias.value }.map { "topics go by their short names: write `\($0.alias)`" }
        reader.report(
            "name.unknown", "unknown topic `\(alias.value)`", at: alias.position,
            sameName ?? suggest(alias.value, among: names, called: "there are") ?? "declare it under `topics`")
        return nil
    }

    /// A stage and an extractor of one name would share a dead-letter topic.
    private func checkNames() {
        let extractors = topology.extractors?.value ?? []
        for stage in topology.stages?.value ?? [] {
            guard let extractor = extractors.first(where: { $0.name == stage.name }) else { continue }
            reader.report(
                Problem(
                    code: "name.duplicate", message: "`\(stage.name)` is the name of an extractor and of a stage",
                    at: stage.position,
                    suggestion: "rename one of them",
                    related: [.init(message: "the extractor is here", position: extractor.position)]))
        }
    }
}
