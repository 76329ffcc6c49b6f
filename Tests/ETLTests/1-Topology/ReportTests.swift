import Foundation
import Testing

@testable import ETL

@Suite struct ReportTests {
    @Test func textLooksLikeACompilers() throws {
        let files = try TopologyFiles(["t.yaml": "name: x\ntopics: {a: {name: a}, b: {name: b}}\nstages:\n  s:\n    from: a\n    to: b\n    stpes: []\n"])
        let text = files.load().problemsAsText().replacing(files.directory + "/", with: "")
        #expect(
            text == """
                t.yaml:5:11: warning: nothing in this topology writes topic `a`; fine where another producer does [topic.unwritten]
                    5 |     from: a
                      |           ^
                t.yaml:7:5: error: unknown key `stpes`; did you mean `steps`? [key.unknown]
                    7 |     stpes: []
                      |     ^
                1 error, 1 warning

                """)
    }

    @Test func relatedPlacesAreNotes() throws {
        let text = try load("name: x\nname: y\n").problemsAsText()
        #expect(text.contains("t.yaml:2:1: error: key `name` is written twice; remove one of them [key.duplicate]\n"))
        #expect(text.contains("t.yaml:1:1: note: `name` was written first here\n    1 | name: x\n      | ^\n"))
    }

    @Test func jsonHasEveryPart() throws {
        let json = try load("name: \"\u{1F600}\"\nname: y\n").problemsAsJSON()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let problems = try #require(object["problems"] as? [[String: Any]])
        let duplicate = try #require(problems.first { $0["code"] as? String == "key.duplicate" })
        #expect(duplicate["line"] as? Int == 2 && duplicate["column"] as? Int == 1 && duplicate["severity"] as? String == "error")
        #expect((duplicate["related"] as? [[String: Any]])?.first?["line"] as? Int == 1)
    }

    @Test func longLinesAndControlCharactersStayInBounds() throws {
        let long = String(repeating: "k: v, ", count: 500)
        let text = try load("name: x\nlogging: {\(long.replacing("k", with: "\u{9}k"))nope: 1}\n").problemsAsText()
        #expect(text.split(separator: "\n").allSatisfy { $0.hasPrefix("/") || ($0.count < 200 && !$0.contains("\t")) })
    }

    @Test func plansAreJSONToo() throws {
        let plan = try plan(wholeTopology, ["kafka_password": "a\"b\\c\u{1}defg", "postgres_url": "postgres://h/d"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(plan.json.utf8)) as? [String: Any])
        #expect((object["stages"] as? [[String: Any]])?.map { $0["name"] as? String } == ["enrich", "pass", "load_postgres"])
    }

    @Test func topologiesAreFoundByName() throws {
        let files = try TopologyFiles([
            "a.yaml": "name: one\n---\nname: two\n", "b.yml": "name: three\ndescription: d\nstages: {s: {load: {postgres: {}}}}\n",
            "a.production.yaml": "name: hidden\n", "broken.yaml": "name: [", "note.txt": "name: four",
        ])
        let dir = files.directory
        #expect(findTopology(pipeline: "two", dir: dir, variables: [:]) == .success("\(dir)/a.yaml"))
        #expect(findTopology(pipeline: "three", dir: dir + "/", variables: [:]) == .success("\(dir)/b.yml"))
        guard case .failure(let error) = findTopology(pipeline: "tree", dir: dir, variables: [:]) else {
            Issue.record("found")
            return
        }
        #expect(error.names == ["one", "two", "three"])
        #expect(error.suggestion == "did you mean `three`?")
        let rows = try #require(listTopologies(dir: dir, variables: [:]))
        #expect(rows.map(\.name) == ["one", "two", "three"])
        #expect(rows.last?.loaders == ["s"] && rows.last?.stages == ["s"] && rows.last?.description == "d")
        #expect(listTopologies(dir: dir + "/none") == nil)
        guard case .failure = findTopology(pipeline: "x", dir: dir + "/none") else {
            Issue.record("found")
            return
        }
    }
}

/// While a file is written, every prefix of it is checked.
@Suite struct TopologyFuzzTests {
    @Test func everyPrefixIsReported() throws {
        let files = try TopologyFiles()
        let bytes = Array((wholeTopology + "---\nname: y\n").utf8)
        for length in 0...bytes.count {
            let text = String(decoding: bytes[..<length], as: UTF8.self)
            try files.write("t.yaml", text)
            let loaded = files.load(variables: ["kafka_password": "pppppp", "postgres_url": "postgres://h/d"])
            if length.isMultiple(of: 9) { _ = loaded.problemsAsText() }
            #expect(length < 10 || !loaded.problems.isEmpty)
            for plan in loaded.plans { #expect(!plan.text.isEmpty) }
        }
    }

    /// Lines left out, doubled, swapped or moved: never a crash, and a plan only without errors.
    @Test func mixedUpLinesAreReported() throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("ETL_TEST_SEED=\(seed)")
        var random = Shuffled(state: seed)
        let files = try TopologyFiles(["countries.csv": "a,b\n"])
        let lines = wholeTopology.split(separator: "\n").map(String.init)
        for _ in 0..<400 {
            var mixed = lines
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<mixed.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: mixed.remove(at: at)
                case 1: mixed.insert(mixed[at], at: at)
                case 2: mixed.swapAt(at, Int.random(in: 0..<mixed.count, using: &random))
                default: mixed[at] = mixed[at].replacing(["1", "a", "{", ":"].randomElement(using: &random) ?? "", with: "")
                }
            }
            try files.write("t.yaml", mixed.joined(separator: "\n"))
            let loaded = files.load(variables: ["kafka_password": "pppppp", "postgres_url": "postgres://h/d"])
            #expect(loaded.plans.isEmpty == loaded.problems.hasErrors, "\(mixed.joined(separator: "\n"))")
            _ = loaded.problemsAsText() + loaded.problemsAsJSON()
        }
    }

    private struct Shuffled: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }
}
