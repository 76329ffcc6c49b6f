/// How records flow from stage to stage.
extension PlanBuilder {
    /// Topics nobody writes or uses, and cycles.
    func checkFlow() {
        let stages = topology.stages?.value ?? []
        let reads = Set(stages.compactMap { $0.value.value.from?.value })
        let writes = Set(
            stages.compactMap { $0.value.value.to?.value }
                + (topology.extractors?.value ?? []).compactMap { $0.value.value.to?.value })
        for entry in topology.topics?.value ?? [] where !reads.contains(entry.name) && !writes.contains(entry.name) {
            reader.report("topic.unused", "nothing reads or writes topic `\(entry.name)`", at: entry.position, severity: .warning)
        }
        for stage in stages {
            guard let from = stage.value.value.from, topics[from.value] != nil, !writes.contains(from.value) else { continue }
            reader.report(
                "topic.unwritten", "nothing in this topology writes topic `\(from.value)`", at: from.position,
                "fine where another producer does", severity: .warning)
        }
        checkCycles(stages)
    }

    private func checkCycles(_ stages: [Named<StageSection>]) {
        var next: [String: [Named<StageSection>]] = [:]
        for stage in stages {
            guard let from = stage.value.value.from?.value else { continue }
            next[from, default: []].append(stage)
        }
        var done: Set<String> = []
        for start in stages where !done.contains(start.name) {
            guard let cycle = cycle(from: start, next, &done) else { continue }
            let names = (cycle + [cycle[0]]).map { "`\($0.name)`" }.joined(separator: " → ")
            reader.report(
                "stage.cycle", "records would go round for ever: \(names)", at: cycle[0].position,
                "let one of them write another topic")
        }
    }

    /// A cycle of two stages or more that can be reached from `start`, walked without recursion.
    private func cycle(
        from start: Named<StageSection>, _ next: [String: [Named<StageSection>]], _ done: inout Set<String>
    ) -> [Named<StageSection>]? {
        func followers(_ stage: Named<StageSection>) -> [Named<StageSection>] {
            guard let to = stage.value.value.to?.value, to != stage.value.value.from?.value else { return [] }
            return next[to] ?? []
        }
        var path: [(stage: Named<StageSection>, left: [Named<StageSection>])] = [(start, followers(start))]
        var found: [Named<StageSection>]?
        while let last = path.last {
            guard let follower = last.left.first else {
                done.insert(last.stage.name)
                path.removeLast()
                continue
            }
            path[path.count - 1].left.removeFirst()
            if let index = path.firstIndex(where: { $0.stage.name == follower.name }) {
                found = found ?? path[index...].map(\.stage)
            } else if !done.contains(follower.name) {
                path.append((follower, followers(follower)))
            }
        }
        return found
    }

    /// Writers of a topic before its readers, otherwise as written. Stages in a cycle, which can't run, come last.
    func inRecordOrder(_ stages: [StagePlan]) -> [StagePlan] {
        func output(_ stage: StagePlan) -> String? {
            if case .topic(let name) = stage.ending { name } else { nil }
        }
        var waiting = stages
        var result: [StagePlan] = []
        while !waiting.isEmpty {
            let unwritten = Set(waiting.compactMap(output))
            let ready = waiting.filter { !unwritten.contains($0.from) }
            guard !ready.isEmpty else { return result + waiting }
            // Only the first: so a chain stays together where it can.
            result.append(ready[0])
            waiting.removeAll { $0.name == ready[0].name }
        }
        return result
    }
}
