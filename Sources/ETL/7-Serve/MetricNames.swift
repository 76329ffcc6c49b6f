/// A metric as declared: `/metrics` and docs/metrics.md are made from it.
package struct Metric: Sendable, Equatable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }
    package let name: String
    package let kind: Kind
    package let labels: [String]
    /// One sentence.
    package let help: String

    init(_ name: String, _ kind: Kind, _ labels: [String], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }
}

/// Every metric there is. Names are stable; dashboards and alerts use them. `stage` is the name of a stage, loader or extractor.
package enum Metrics {
    static let part = ["topology", "stage"]

    static let received = Metric(
        "etl_records_received_total", .counter, part, "Records read from the topic or source, and committed since.")
    static let written = Metric("etl_records_written_total", .counter, part, "Records or rows written.")
    static let dead = Metric("etl_records_dead_lettered_total", .counter, part, "Records that became dead letters.")
    static let dropped = Metric("etl_records_dropped_total", .counter, part, "Records that a step dropped on purpose.")
    static let repeated = Metric(
        "etl_records_repeated_total", .counter, part, "Records the client gave again, which were not processed again.")
    static let deadByCode = Metric(
        "etl_dead_letters_total", .counter, part + ["step", "code"], "Dead letters by the step and the code of the failure.")
    static let lag = Metric(
        "etl_lag_records", .gauge, part + ["partition"],
        "Records between the group's committed offset and the partition's end, of partitions assigned here.")
    static let assigned = Metric("etl_partitions_assigned", .gauge, part, "Partitions assigned to this process.")
    static let paused = Metric(
        "etl_partitions_paused", .gauge, part,
        "Partitions assigned to this process that are paused because too many of their records failed.")
    static let partitionPaused = Metric(
        "etl_partition_paused", .gauge, part + ["partition"], "1 for each partition that is paused for its failures.")
    static let members = Metric(
        "etl_members_joined", .gauge, part, "Threads of this process that are members of the consumer group.")
    static let transactions = Metric(
        "etl_transactions_total", .counter, part + ["outcome"], "Kafka transactions, by outcome: committed, aborted.")
    static let batchSeconds = Metric(
        "etl_batch_seconds", .histogram, part, "Time to run the steps over a polled batch and hand its output to the client.")
    static let commitSeconds = Metric(
        "etl_commit_seconds", .histogram, part,
        "Time to commit: a Kafka transaction; a loader's batch in its database, from handing it over to the answer.")
    static let phases = Metric(
        "etl_phase_seconds_total", .counter, part + ["phase"], "Time of the members' threads by phase: poll, process, send, commit."
    )
    static let breaker = Metric(
        "etl_circuit_breaker_state", .gauge, part + ["service", "state"],
        "1 for the state a service's circuit breaker is in: closed (it works), open (away), half_open (being tried).")
    static let breakerFailures = Metric(
        "etl_service_failures_total", .counter, part + ["service"], "Failures of a service, each of which is tried again.")
    static let breakerOpenings = Metric(
        "etl_circuit_breaker_opened_total", .counter, part + ["service"], "How often a service came to count as away.")
    static let ready = Metric("etl_ready", .gauge, ["topology"], "1 while /health/ready says ready.")
    static let build = Metric("etl_build_info", .gauge, ["version"], "1; the version is in the label.")
    static let cpu = Metric("process_cpu_seconds_total", .counter, [], "User and system time of the process, in seconds.")
    static let memory = Metric("process_resident_memory_bytes", .gauge, [], "Resident memory of the process.")
    static let started = Metric(
        "process_start_time_seconds", .gauge, [], "When the process began its work, in seconds since 1970.")

    package static let all = [
        received, written, dead, dropped, repeated, deadByCode, lag, assigned, paused, partitionPaused, members, transactions,
        batchSeconds, commitSeconds, phases, breaker, breakerFailures, breakerOpenings, ready, build, cpu, memory, started,
    ]

    /// docs/metrics.md.
    package static var reference: String {
        var text = """
            # Metrics

            What `/metrics` of `etl-stage --http=…` and `etl run --http=…` gives, in Prometheus' text format 0.0.4. Made from
            `Sources/ETL/7-Serve/MetricNames.swift`; a test compares. Histograms have the usual `_bucket`, `_sum` and `_count`, with
            bounds of \(Histogram.bounds.map(Exposition.number).joined(separator: ", ")) seconds.

            | metric | type | labels | meaning |
            |---|---|---|---|

            """
        for metric in all {
            text +=
                "| `\(metric.name)` | \(metric.kind.rawValue) | \(metric.labels.map { "`\($0)`" }.joined(separator: " ")) "
                + "| \(metric.help) |\n"
        }
        return text
    }
}
