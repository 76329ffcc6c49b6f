import Foundation
import Kafka
import Log
import TestServices
import Testing

@testable import ETL

/// A replay that is killed at any moment and started again, until it is through: each letter went exactly once.
@Suite struct ReplayKillTests {
    @Test(.timeLimit(.minutes(14))) func killedAtAnyMomentItGoesOnWhereItWas() throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...1_000_000_000)
        print("killedAtAnyMomentItGoesOnWhereItWas: ETL_TEST_SEED=\(seed)")
        var random = Seeded(state: seed)
        let pipeline = try Pipeline(
            """
            name: NAME
            kafka: {bootstrap_servers: BOOTSTRAP}
            logging: {level: warning}
            commit_interval_ms: 20
            dead_letter: {max_attempts: 3}
            topics:
              raw: {name: NAME.raw, partitions: 3}
              out: {name: NAME.out, partitions: 3}
            stages:
              pass: {from: raw, to: out, steps: [{filter: "true"}]}
            """)
        try pipeline.createTopics()
        // Of each hundred ten were replayed too often, twenty aren't meant, and five can't be mended.
        let count = 10_000
        let letters = (0..<count).map { n in
            let value = n % 100 < 5 ? "[\(n)]" : "{\"n\":\(n)}"
            let headers = [
                ("topic", "\(pipeline.name).raw"), ("code", n % 5 == 4 ? "other" : "check.failed"), ("partition", "\(n % 3)"),
                ("attempt", n % 10 == 7 ? "4" : "1"), ("first_failed_at", "2026-01-02T03:04:05.678Z"),
            ]
            return TestRecord(
                "k\(n)", value, headers: headers.map { .init(name: "etl.dlq.\($0.0)", value: Array($0.1.utf8)) },
                partition: Int32(n % 3))
        }
        for start in stride(from: 0, to: count, by: 2000) {
            try pipeline.send(Array(letters[start..<start + 2000]), to: "pass.dlq")
        }

        // The last may find nothing left but what can't be mended, since the one before was killed after its last commit.
        func isThrough(_ process: CommandProcess, _ status: Int32) -> Bool {
            status == 0 || process.errors.contains("[replay.in_vain]")
        }
        var kills = 0
        var ended = false
        while !ended {
            // Slow enough at first that it lives to be killed.
            let process = try pipeline.etl(
                [
                    "dlq", "replay", "--topology=\(pipeline.file)", "--stage=pass", "--where=dlq.code != 'other'",
                    "--set=seen=true",
                    "--format=json",
                ] + (kills < 21 ? ["--rate=400/s"] : []))
            if kills < 21 {
                let before = try pipeline.end("raw")
                let after = Int64(random.next() % 300)
                try pipeline.wait("the replay writes: \(process.errors)") {
                    try !process.isRunning || pipeline.end("raw") > before + after
                }
                usleep(UInt32(random.next() % 30_000))  // the moment it is killed at, not a wait for anything
                ended = !process.isRunning
                process.kill()
                let status = try process.wait()
                if status == -9 { kills += 1 } else { #expect(isThrough(process, status), "\(process.errors)") }
            } else {
                #expect(isThrough(process, try process.wait(seconds: 60)), "\(process.errors)")
                ended = true
            }
        }
        #expect(kills >= 20, "it was killed \(kills) times")

        let back = try pipeline.read("raw").map { $0.keyText ?? "" }
        let parked = try pipeline.read("pass.parked").map { $0.keyText ?? "" }
        var left: [TestRecord] = []
        try PendingLetters(of: "\(pipeline.name).pass.dlq", log: pipeline.kafka, clock: SystemClock()).read(pipeline.kafka) {
            record in
            left.append(TestRecord(record))
            return true
        }
        func isMeant(_ n: Int) -> Bool { n % 5 != 4 }
        func isParked(_ n: Int) -> Bool { isMeant(n) && n % 10 == 7 }
        func isBad(_ n: Int) -> Bool { n % 100 < 5 }
        func keys(_ isIn: (Int) -> Bool) -> [String] { (0..<count).filter(isIn).map { "k\($0)" }.sorted() }
        #expect(back.sorted() == keys { isMeant($0) && !isParked($0) && !isBad($0) }, "each once")
        #expect(parked.sorted() == keys(isParked))
        #expect(left.compactMap(\.keyText).sorted() == keys { !isMeant($0) || (isBad($0) && !isParked($0)) })
        // What stayed is as it was.
        for letter in left {
            let n = Int(letter.keyText?.dropFirst() ?? "") ?? 0
            #expect(
                letter.value == letters[n].value && letter.headers == letters[n].headers && letter.partition == letters[n].partition
            )
        }
    }

    /// A broker that is away is waited for, and what it had half done is undone.
    @Test(.timeLimit(.minutes(14))) func aBrokerThatCrashesIsWaitedFor() throws {
        let broker = try KafkaBroker(directory: "\(NSTemporaryDirectory())/etl-test-kafka-replay.\(UUID().uuidString.prefix(8))")
        defer { broker.destroy() }
        let pipeline = try Pipeline(
            """
            name: NAME
            kafka: {bootstrap_servers: BOOTSTRAP}
            commit_interval_ms: 20
            topics: {raw: {name: NAME.raw, partitions: 2}, out: {name: NAME.out, partitions: 2}}
            stages: {pass: {from: raw, to: out, steps: [{filter: "true"}]}}
            """, bootstrap: broker.bootstrap)
        try pipeline.createTopics()
        let headers = [("topic", "\(pipeline.name).raw"), ("code", "check.failed")]
            .map { TestRecord.Header(name: "etl.dlq.\($0.0)", value: Array($0.1.utf8)) }
        try pipeline.send((0..<3000).map { TestRecord("k\($0)", "{}", headers: headers, partition: Int32($0 % 2)) }, to: "pass.dlq")
        let process = try pipeline.etl([
            "dlq", "replay", "--topology=\(pipeline.file)", "--stage=pass", "--rate=1000/s", "--format=json",
        ])
        try pipeline.wait("the replay writes: \(process.errors)") { try pipeline.end("raw") > 300 }
        try broker.crash()
        try broker.restart()
        #expect(try process.wait(seconds: 90) == 0, "\(process.errors.suffix(3000))")
        #expect(process.output.contains("\"replayed\":3000"), "\(process.output.suffix(500))")
        let back = try pipeline.read("raw").map { $0.keyText ?? "" }
        #expect(back.sorted() == (0..<3000).map { "k\($0)" }.sorted(), "each once")
    }

    private struct Seeded {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }
}
