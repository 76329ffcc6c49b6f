import Foundation
import Log
import Testing

@testable import ETL

/// A line that Prometheus can't read loses the whole scrape.
@Suite struct MetricsTests {
    /// The text format, as its specification has it: families with HELP and TYPE before their samples, each once, nothing between.
    static func check(_ text: String) -> [String: Double] {
        var samples: [String: Double] = [:]
        var family = "", kind = ""
        var families = Set<String>()
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if let help = line.firstMatch(of: /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/) {
                family = String(help.1)
                #expect(families.insert(family).inserted, "\(family) comes twice")
                kind = ""
            } else if let type = line.firstMatch(of: /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/) {
                #expect(type.1 == family && kind == "")
                kind = String(type.2)
            } else if let sample = line.firstMatch(of: /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)$/) {
                let suffixes = kind == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                #expect(suffixes.contains { sample.1 == family + $0 }, "\(line) is not of \(family)")
                if kind == "counter" { #expect(family.hasSuffix("_total"), "\(family)") }
                let pair = /[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\\\|\\"|\\n)*"/
                var rest = sample.3.map { String($0) } ?? ""
                while !rest.isEmpty {
                    guard let match = rest.prefixMatch(of: pair) else {
                        Issue.record("labels of \(line)")
                        break
                    }
                    rest.removeSubrange(match.range)
                    if rest.hasPrefix(",") { rest.removeFirst() }
                }
                let name = String(sample.1) + (sample.2.map(String.init) ?? "")
                #expect(samples[name] == nil, "\(name) comes twice")
                #expect(Double(sample.4) != nil, "\(line)")
                samples[name] = Double(sample.4)
            } else {
                Issue.record("no line of the format: \(line)")
            }
        }
        return samples
    }

    static func run(_ stages: [StagePlan]) -> Run {
        let plan = Plan.test(stages: stages)
        return Run(
            plan: plan, log: MemoryLog(), journal: Journal(plan.logging), instance: "i", lookups: LookupTables([]), extractors: [],
            stages: stages)
    }

    @Test func theFormatIsRight() {
        let run = Self.run([StageMemberTests.stage(.exactlyOnce)])
        let part = run.parts[0]
        var batch = Counters.Batch()
        (batch.received, batch.written, batch.dead) = (7, 5, 2)
        part.counters.add(batch)
        part.counters.add(Counters.Rejection(code: "check.failed", step: "a \"quoted\"\\ step\nin two lines", reason: "r", place: "p", count: 2))
        part.telemetry.set([(partition: 3, position: 10, committed: nil)], thread: 0)
        part.telemetry.setLag([(partition: 3, end: 12, lag: 2)])
        for ms in [1, 1, 3, 700, 60_000] as [UInt64] { part.telemetry.commitSeconds.observe(nanoseconds: ms * 1_000_000) }
        let samples = Self.check(run.metrics(version: "1.2.3"))
        let own = "topology=\"t\",stage=\"s\""
        #expect(samples["etl_records_received_total{\(own)}"] == 7)
        #expect(samples["etl_dead_letters_total{\(own),step=\"a \\\"quoted\\\"\\\\ step\\nin two lines\",code=\"check.failed\"}"] == 2)
        #expect(samples["etl_lag_records{\(own),partition=\"3\"}"] == 2)
        // Buckets are cumulative: 1 ms is in the first, 3 ms up to 5 ms, 60 s beyond all.
        #expect(samples["etl_commit_seconds_bucket{\(own),le=\"0.001\"}"] == 2)
        #expect(samples["etl_commit_seconds_bucket{\(own),le=\"0.005\"}"] == 3)
        #expect(samples["etl_commit_seconds_bucket{\(own),le=\"10\"}"] == 4)
        #expect(samples["etl_commit_seconds_bucket{\(own),le=\"+Inf\"}"] == 5)
        #expect(samples["etl_commit_seconds_count{\(own)}"] == 5)
        #expect(abs((samples["etl_commit_seconds_sum{\(own)}"] ?? 0) - 60.705) < 1e-9)
        #expect(samples["etl_circuit_breaker_state{\(own),service=\"kafka\",state=\"closed\"}"] == 1)
        #expect(samples["etl_ready{topology=\"t\"}"] == 0)
        #expect((samples["process_resident_memory_bytes"] ?? 0) > 1_000_000)
        #expect((samples["process_cpu_seconds_total"] ?? 0) > 0)
    }

    /// Of Debian's package prometheus.
    static let promtool = ProcessInfo.processInfo.environment["ETL_PROMTOOL"] ?? "/usr/bin/promtool"

    /// Prometheus' own linter, where it is installed.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool))) func promtoolAgrees() throws {
        let file = NSTemporaryDirectory() + "/etl-metrics.\(UUID().uuidString)"
        try Self.run([StageMemberTests.stage(.exactlyOnce)]).metrics(version: "1").write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect(system("'\(Self.promtool)' check metrics <\(file)") == 0)
    }

    /// ETL_UPDATE_DOCS=1 writes it.
    @Test func theReferenceIsUpToDate() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("docs/metrics.md")
        if ProcessInfo.processInfo.environment["ETL_UPDATE_DOCS"] == "1" {
            try Metrics.reference.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == Metrics.reference, "run the tests with ETL_UPDATE_DOCS=1")
        for metric in Metrics.all { #expect(metric.help.hasSuffix("."), "\(metric.name)") }
        #expect(Set(Metrics.all.map(\.name)).count == Metrics.all.count)
    }
}
