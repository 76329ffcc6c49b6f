extension PlanBuilder {
    func buildLookups() {
        let used = Set(
            (topology.stages?.value ?? []).flatMap { $0.value.value.steps?.value ?? [] }.compactMap {
                $0.value.lookup?.value.table?.value
            })
        for entry in topology.lookups?.value ?? [] {
            if !used.contains(entry.name) {
                reader.report("lookup.unused", "no step uses lookup `\(entry.name)`", at: entry.position, severity: .warning)
            }
            let section = entry.value.value
            guard let csv = section.csv?.value, let path = csv.path else { continue }
            let absolute = absolutePath(path.value, from: directory)
            switch fileKind(absolute) {
            case .file: break
            case .missing: reader.report("file.missing", "no file `\(path.value)`", at: path.position, "it would be \(absolute)")
            case .directory: reader.report("file.missing", "`\(path.value)` is a folder, not a file", at: path.position)
            case .unreadable:
                reader.report("file.missing", "file `\(path.value)` can't be read", at: path.position, "check its permissions")
            }
            let columns = Dictionary((csv.columns?.value ?? []).map { ($0.name, $0.value.value) }) { first, _ in first }
            guard let key = section.key else { continue }
            lookups.append(
                LookupPlan(
                    name: entry.name, key: key.value, source: .csv(path: absolute, columns: columns), position: entry.position))
        }
    }

    func buildExtractors() {
        for entry in topology.extractors?.value ?? [] {
            let section = entry.value.value
            let topic = topic(section.to)
            guard let csv = section.csv?.value, let plan = csvPlan(csv), let topic, !section.isBroken else { continue }
            extractors.append(
                ExtractorPlan(name: entry.name, to: topic.name, key: section.key?.value, csv: plan, position: entry.position))
        }
    }

    private func csvPlan(_ section: CSVSection) -> CSVPlan? {
        let header = CSVSection.header.value(section.header)
        let columns = (section.columns?.value ?? []).map { (name: $0.name, type: $0.value.value) }
        if !header, columns.isEmpty, let place = section.columns?.keyPosition ?? section.header?.keyPosition {
            reader.report("key.missing", "without a header, `columns` must name the columns, in order", at: place)
        }
        let delimiter = CSVSection.delimiter.value(section.delimiter)
        let quote = CSVSection.quote.value(section.quote)
        if delimiter == quote, let place = section.delimiter?.position ?? section.quote?.position {
            reader.report("value.range", "`delimiter` and `quote` are the same byte", at: place)
        }
        guard let path = section.path, let delimiterByte = delimiter.utf8.first, let quoteByte = quote.utf8.first else {
            return nil
        }
        let glob = absolutePath(path.value, from: directory)
        if !matchesAnyFile(glob) {
            reader.report(
                "file.missing", "no file matches `\(path.value)`", at: path.position, "it would be \(glob)", severity: .warning)
        }
        return CSVPlan(
            path: glob,
            delimiter: delimiterByte,
            quote: quoteByte,
            header: header,
            nullValues: CSVSection.nullValues.value(section.nullValues).map(\.value),
            columns: columns,
            onBadRow: CSVSection.onBadRow.value(section.onBadRow))
    }
}
