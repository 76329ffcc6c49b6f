import CEL
import Foundation
import Testing

/// What a user would lose: dates that are right, in every zone, and a clear word where there is no such time.
@Suite struct TimeTests {
    @Test(arguments: [
        // Text to timestamp and back.
        Case("timestamp('2024-02-29T23:59:59Z')", "2024-02-29T23:59:59Z"),
        Case("timestamp('2024-02-29T23:59:59.120+01:30')", "2024-02-29T22:29:59.12Z"),
        Case("timestamp('0001-01-01T00:00:00Z')", "0001-01-01T00:00:00Z"),
        Case("timestamp('9999-12-31T23:59:59.999999999Z')", "9999-12-31T23:59:59.999999999Z"),
        Case("timestamp(0)", "1970-01-01T00:00:00Z"), Case("timestamp(-1)", "1969-12-31T23:59:59Z"),
        Case("int(timestamp('1970-01-02T00:00:00.9Z'))", "86400"), Case("string(timestamp(1))", "'1970-01-01T00:00:01Z'"),
        Case("timestamp(message.t)", ["message.t": "\"2026-03-01T12:00:00Z\""], "2026-03-01T12:00:00Z"),
        Case("timestamp('2023-02-29T00:00:00Z')", "error: value can't be converted in timestamp('2023-02-29T00:00:00Z')"),
        Case("timestamp('2023-01-01')", "error: value can't be converted in timestamp('2023-01-01')"),
        Case("timestamp('2023-01-01T24:00:00Z')", "error: value can't be converted in timestamp('2023-01-01T24:00:00Z')"),
        Case("timestamp('2023-01-01T00:00:00')", "error: value can't be converted in timestamp('2023-01-01T00:00:00')"),
        Case(
            "timestamp('2023-01-01T00:00:00.1234567890Z')",
            "error: value can't be converted in timestamp('2023-01-01T00:00:00.1234567890Z')"),
        Case("timestamp('0001-01-01T00:00:00+00:01')", "error: value can't be converted in timestamp('0001-01-01T00:00:00+00:01')"),
        Case("timestamp(253402300800)", "error: time or duration out of range in timestamp(253402300800)"),
        Case("timestamp(1.5)", "compile: no matching overload for 'timestamp' on (double) at offset 0"),
        // Durations.
        Case("duration('1h30m')", "5400s"), Case("duration('-1.5s')", "-1.5s"), Case("duration('1ms2us3ns')", "0.001002003s"),
        Case("duration('1µs')", "0.000001s"), Case("duration('.5m')", "30s"), Case("duration('0')", "0s"),
        Case("duration('+2h')", "7200s"), Case("duration('1.0000000019s')", "1.000000001s"),
        Case("duration('9223372036.854775807s')", "9223372036.854775807s"),
        Case("duration('-9223372036.854775808s')", "-9223372036.854775808s"),
        Case("duration('9223372036.854775808s')", "error: value can't be converted in duration('9223372036.854775808s')"),
        Case("duration('1')", "error: value can't be converted in duration('1')"),
        Case("duration('1 s')", "error: value can't be converted in duration('1 s')"),
        Case("duration('')", "error: value can't be converted in duration('')"),
        Case("duration('1d')", "error: value can't be converted in duration('1d')"),
        Case("string(duration('90m'))", "'5400s'"),
        // Arithmetic and order.
        Case("timestamp('2024-02-28T00:00:00Z') + duration('48h')", "2024-03-01T00:00:00Z"),
        Case("duration('-1ns') + timestamp('1970-01-01T00:00:00Z')", "1969-12-31T23:59:59.999999999Z"),
        Case("timestamp('2024-01-01T00:00:00Z') - timestamp('2023-12-31T23:59:59.5Z')", "0.5s"),
        Case("timestamp(0) - duration('0.25s')", "1969-12-31T23:59:59.75Z"), Case("duration('1m') - duration('61s')", "-1s"),
        Case("duration('60s') == duration('1m')", "true"), Case("timestamp(1) < timestamp('1970-01-01T00:00:01.5Z')", "true"),
        Case("duration('1s') > duration('999ms')", "true"), Case("timestamp(1) == timestamp(1)", "true"),
        Case("dyn(timestamp(1)) == duration('1s')", "false"), Case("type(timestamp(0)) == google.protobuf.Timestamp", "true"),
        Case("type(duration('1s'))", "google.protobuf.Duration"),
        Case(
            "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
            "error: time or duration out of range in timestamp('9999-12-31T23:59:59Z') + duration('1s')"),
        Case(
            "timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')",
            "error: time or duration out of range in timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')"),
        Case("timestamp(0) + 1", "compile: no matching overload for '+' on (google.protobuf.Timestamp, int) at offset 0"),
        Case("duration('1s') * 2", "compile: no matching overload for '*' on (google.protobuf.Duration, int) at offset 0"),
    ])
    func times(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    /// A leap day, a Thursday, one second before midnight in UTC.
    @Test(arguments: [
        ("getFullYear()", "2024"), ("getMonth()", "1"), ("getDate()", "29"), ("getDayOfMonth()", "28"), ("getDayOfWeek()", "4"),
        ("getDayOfYear()", "59"), ("getHours()", "23"), ("getMinutes()", "59"), ("getSeconds()", "59"),
        ("getMilliseconds()", "987"),
        ("getDate('+00:01')", "1"), ("getMonth('+00:01')", "2"), ("getDayOfWeek('00:01')", "5"), ("getDayOfYear('+00:01')", "60"),
        ("getHours('-10:30')", "13"), ("getMinutes('-10:30')", "29"), ("getHours('UTC')", "23"), ("getHours('Europe/Berlin')", "0"),
        ("getHours('America/New_York')", "18"), ("getMinutes('Asia/Kathmandu')", "44"), ("getHours(message.zone)", "5"),
        ("getHours('Mars/Olympus')", "compile"), ("getHours('../../etc/passwd')", "compile"), ("getHours('+24:00')", "compile"),
        ("getHours('/etc/localtime')", "compile"), ("getHours(message.nowhere)", "error: unknown time zone"),
    ])
    func parts(_ call: String, _ expected: String) {
        let fields = ["message.zone": "\"Asia/Kolkata\"", "message.nowhere": "\"Nowhere\""]
        let result = evaluated("timestamp('2024-02-29T23:59:59.987654321Z')." + call, fields)
        #expect(result == expected || (!expected.first.map(\.isNumber)! && result.hasPrefix(expected)), "\(result)")
    }

    @Test(arguments: [
        ("getHours()", "-26"), ("getMinutes()", "-1601"), ("getSeconds()", "-96061"), ("getMilliseconds()", "-500"),
        ("getDate()", "error: no matching overload for (google.protobuf.Duration) in dyn(duration('-26h41m1.5s')).getDate()"),
    ])
    func durationParts(_ call: String, _ expected: String) {
        #expect(evaluated("dyn(duration('-26h41m1.5s'))." + call) == expected)
    }

    /// Every zone at random moments, beside what `date` says: the same database read by another program.
    @Test func zones() throws {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        print("FUZZ_SEED=\(seed)")
        var random = Random(seed)
        let zones = [
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Europe/Dublin",
            "Asia/Tehran", "Pacific/Apia", "America/Sao_Paulo", "Asia/Gaza", "Antarctica/Troll", "Etc/GMT+5", "Asia/Kolkata",
        ]
        for zone in zones {
            // From 1850 to 2400, and the days around two changes of a year beyond the file's list.
            var moments = (0..<200).map { _ in Int64(random.below(17_000_000_000)) - 3_786_000_000 }
            moments += (0..<200).map { _ in 2_531_000_000 + Int64(random.below(32_000_000)) }
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("zones-\(UUID().uuidString)")
            try moments.map { "@\($0)" }.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(at: file) }
            let date = Process()
            date.executableURL = URL(fileURLWithPath: "/bin/date")
            date.arguments = ["-f", file.path, "+%Y %-m %-d %-H %-M %-S %w %-j"]
            date.environment = ["TZ": zone, "LC_ALL": "C"]
            let output = Pipe()
            date.standardOutput = output
            try date.run()
            let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
            date.waitUntilExit()
            try #require(lines.count == moments.count)
            for (moment, line) in zip(moments, lines) {
                let parts = ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "DayOfWeek", "DayOfYear"]
                    .map { "string(timestamp(key).get\($0)('\(zone)')" + ($0 == "Month" || $0 == "DayOfYear" ? " + 1)" : ")") }
                let ours = evaluated("[" + parts.joined(separator: ", ") + "].join(' ')", ["key": "\(moment)"])
                #expect(ours == "'\(line)'", "\(zone) at \(moment)")
            }
        }
    }
}

/// Numbers that follow from a seed.
struct Random {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
