/// Writes metrics in Prometheus' text format, version 0.0.4:
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
package struct Exposition {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"
    package private(set) var text = ""

    package init() {}

    /// One metric with a sample for each combination of label values.
    mutating func write(_ metric: Metric, _ samples: [(values: [String], number: Double)]) {
        begin(metric)
        for (values, number) in samples {
            assert(values.count == metric.labels.count, "\(metric.name) has the labels \(metric.labels)")
            text += "\(metric.name)\(Self.labels(metric.labels, values)) \(Self.number(number))\n"
        }
    }

    /// A histogram with a row of buckets for each combination of label values.
    mutating func write(histogram metric: Metric, _ rows: [(values: [String], histogram: Histogram)]) {
        begin(metric)
        for (values, histogram) in rows {
            let (counts, sum) = histogram.now
            var count: UInt64 = 0
            for (index, bound) in (Histogram.bounds.map(Self.number) + ["+Inf"]).enumerated() {
                count += counts[index]
                text += "\(metric.name)_bucket\(Self.labels(metric.labels + ["le"], values + [bound])) \(count)\n"
            }
            text += "\(metric.name)_sum\(Self.labels(metric.labels, values)) \(Self.number(sum))\n"
            text += "\(metric.name)_count\(Self.labels(metric.labels, values)) \(count)\n"
        }
    }

    private mutating func begin(_ metric: Metric) {
        let help = metric.help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        text += "# HELP \(metric.name) \(help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
    }

    private static func labels(_ names: [String], _ values: [String]) -> String {
        if names.isEmpty { return "" }
        let pairs = zip(names, values).map { name, value in
            "\(name)=\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }

    static func number(_ number: Double) -> String {
        if number == number.rounded(), number.magnitude < 1e15 { return String(Int64(number)) }
        return String(number)
    }
}

extension Run {
    /// What `/metrics` answers. Any thread.
    package func metrics(version: String) -> String {
        var out = Exposition()
        func each(_ metric: Metric, _ rows: (Part) -> [(more: [String], number: Double)]) {
            out.write(
                metric,
                parts.flatMap { part in
                    rows(part).map { (values: [plan.name, part.counters.name] + $0.more, number: $0.number) }
                })
        }
        func count(_ metric: Metric, _ value: (Counters.Batch) -> Int64) {
            each(metric) { [([], Double(value($0.counters.now)))] }
        }
        /// Of what reads a topic.
        func gauge(_ metric: Metric, _ value: (Telemetry) -> Int) {
            each(metric) { $0.reads == nil ? [] : [([], Double(value($0.telemetry)))] }
        }
        func services(_ metric: Metric, _ rows: (Service.Snapshot) -> [(more: [String], number: Double)]) {
            each(metric) { part in
                part.telemetry.services.map(\.snapshot).flatMap { service in
                    rows(service).map { ([service.name] + $0.more, $0.number) }
                }
            }
        }
        count(Metrics.received) { $0.received }
        count(Metrics.written) { $0.written }
        count(Metrics.dead) { $0.dead }
        count(Metrics.dropped) { $0.dropped }
        count(Metrics.repeated) { $0.repeated }
        each(Metrics.deadByCode) { part in part.counters.rejections.map { ([$0.step, $0.code], Double($0.count)) } }
        each(Metrics.lag) { part in
            part.telemetry.assigned.compactMap { number, state in state.lag.map { ([String(number)], Double($0)) } }
        }
        gauge(Metrics.assigned) { $0.assigned.count }
        gauge(Metrics.paused) { $0.pausedHere.count }
        each(Metrics.partitionPaused) { part in part.telemetry.pausedHere.map { ([String($0.partition)], 1) } }
        gauge(Metrics.members) { $0.joinedThreads }
        each(Metrics.transactions) { part in
            let (committed, aborted) = part.telemetry.transactions
            return [(["committed"], Double(committed)), (["aborted"], Double(aborted))]
        }
        let labelled = parts.map { (values: [plan.name, $0.counters.name], part: $0) }
        out.write(histogram: Metrics.batchSeconds, labelled.map { ($0.values, $0.part.telemetry.batchSeconds) })
        out.write(histogram: Metrics.commitSeconds, labelled.map { ($0.values, $0.part.telemetry.commitSeconds) })
        each(Metrics.phases) { part in Telemetry.Phase.allCases.map { ([$0.name], part.telemetry.seconds(of: $0)) } }
        services(Metrics.breaker) { service in
            ["closed", "open", "half_open"].map { ([$0], service.stateName == $0 ? 1 : 0) }
        }
        services(Metrics.breakerFailures) { [([], Double($0.failures))] }
        services(Metrics.breakerOpenings) { [([], Double($0.openings))] }
        let usage = ProcessUsage.now
        out.write(Metrics.ready, [([plan.name], notReady.isEmpty ? 1 : 0)])
        out.write(Metrics.build, [([version], 1)])
        out.write(Metrics.cpu, [([], usage.cpuSeconds)])
        out.write(Metrics.memory, [([], Double(usage.residentBytes))])
        out.write(Metrics.started, [([], Double(startedMs) / 1000)])
        return plan.secrets.redact(out.text)
    }
}
