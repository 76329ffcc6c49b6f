extension PlanBuilder {
    func buildStages() {
        var built: [StagePlan] = []
        for entry in topology.stages?.value ?? [] {
            let errors = reader.errorCount
            let section = entry.value.value
            let from = topic(section.from)
            let steps = steps(of: section)
            let ending = ending(of: section)
            if let from, case .topic(from.name) = ending, let to = section.to {
                reader.report(
                    "stage.same_topic", "stage `\(entry.name)` reads and writes the same topic `\(to.value)`", at: to.position)
            }
            checkThreads(section, from)
            guard let from, let ending, !section.isBroken, reader.errorCount == errors else { continue }
            built.append(
                StagePlan(
                    name: entry.name,
                    from: from.name,
                    threads: StageSection.threads.value(section.threads),
                    delivery: section.delivery?.value ?? Topology.delivery.value(topology.delivery),
                    steps: steps,
                    ending: ending,
                    position: entry.position))
        }
        stages = inRecordOrder(built)
    }

    private func ending(of section: StageSection) -> StagePlan.Ending? {
        if let to = section.to { return topic(to).map { .topic($0.name) } }
        return section.load?.value.postgres.flatMap { postgres($0.value) }.map { .postgres($0) }
    }

    private func checkThreads(_ section: StageSection, _ from: TopicPlan?) {
        guard let threads = section.threads, let from, threads.value > Int(from.partitions) else { return }
        reader.report(
            "threads.idle",
            "topic `\(from.alias)` has \(from.partitions) partitions, so of \(threads.value) threads some have nothing to do",
            at: threads.position, severity: .warning)
    }

    private func postgres(_ section: PostgresSection) -> PostgresPlan? {
        let mode = PostgresSection.mode.value(section.mode)
        let keys = section.keys?.value ?? []
        let columns = section.columns?.value ?? []
        if mode == .upsert, keys.isEmpty, let place = section.keys?.keyPosition ?? section.mode?.position {
            reader.report("key.missing", "`mode: upsert` needs `keys`, the columns that tell rows apart", at: place)
        }
        if mode == .append, let keys = section.keys, !keys.value.isEmpty {
            reader.report(
                "key.unused", "`keys` mean nothing with `mode: append`", at: keys.keyPosition,
                "write `mode: upsert` if rows are to be replaced",
                severity: .warning)
        }
        checkUnique(keys, "key")
        checkUnique(columns, "column")
        if !columns.isEmpty {
            let names = columns.map(\.value)
            for key in keys where !names.contains(key.value) {
                reader.report(
                    "name.unknown", "key `\(key.value)` is not among `columns`", at: key.position,
                    suggest(key.value, among: names, called: "columns are"))
            }
        }
        if let extra = section.extraColumn {
            if section.extraFields?.value == .ignore {
                reader.report(
                    "key.conflict", "`extra_column` takes the extra fields that `extra_fields: ignore` drops",
                    at: extra.keyPosition,
                    "keep one of them")
            }
            if columns.contains(where: { $0.value == extra.value }) {
                reader.report(
                    "key.conflict", "`extra_column` `\(extra.value)` is also among `columns`", at: extra.position, "remove it there"
                )
            }
        }
        checkTable(section.table)
        checkConnection(section.url)
        guard let url = section.url, let table = section.table else { return nil }
        func places(_ names: [Written<String>]) -> [String: SourcePosition] {
            Dictionary(names.map { ($0.value, $0.position) }) { first, _ in first }
        }
        var plan = PostgresPlan(
            url: url.value,
            table: table.value,
            mode: mode,
            keys: keys.map(\.value),
            columns: columns.map(\.value),
            extraFields: PostgresSection.extraFields.value(section.extraFields),
            extraColumn: section.extraColumn?.value,
            batchRows: PostgresSection.batchRows.value(section.batchRows),
            batchMs: PostgresSection.batchMs.value(section.batchMs),
            connections: PostgresSection.connections.value(section.connections))
        plan.places = PostgresPlan.Places(
            url: url.position, table: table.position, mode: section.mode?.position ?? table.position, keys: places(keys),
            columns: places(columns), extraColumn: section.extraColumn?.position ?? table.position)
        return plan
    }

    private func checkUnique(_ names: [Written<String>], _ what: String) {
        var places: [String: SourcePosition] = [:]
        for name in names {
            if let first = places[name.value] {
                reader.report(
                    Problem(
                        code: "name.duplicate", message: "\(what) `\(name.value)` is named twice", at: name.position,
                        related: [.init(message: "it was named first here", position: first)]))
            } else if name.value.isEmpty {
                reader.report("value.empty", "a \(what)'s name is empty", at: name.position)
            }
            places[name.value] = places[name.value] ?? name.position
        }
    }

    private func checkTable(_ table: Written<String>?) {
        guard let table, !table.value.contains("\"") else { return }
        let parts = table.value.split(separator: ".", omittingEmptySubsequences: false)
        if parts.contains("") || parts.count > 2 {
            reader.report("value.range", "`\(table.value)` is no table", at: table.position, "write `table` or `schema.table`")
        }
    }

    private func checkConnection(_ url: Written<String>?) {
        guard let url else { return }
        let isURL = url.value.hasPrefix("postgres://") || url.value.hasPrefix("postgresql://")
        guard !isURL, url.value.contains("://") || !url.value.contains("=") else { return }
        reader.report(
            "value.range", "`url` is no Postgres connection string", at: url.position,
            "write postgresql://user@host:port/database, or libpq's key=value pairs")
    }
}
