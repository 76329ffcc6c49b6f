import Testing

@testable import YAML

@Suite struct ParserTests {
    @Test func placesAreThoseOfKeysAndValues() throws {
        let node = try #require(parse("a: 1\nb:\n  - x\n  - 'y'\nc: {d: \"e\"}\n").documents.first)
        let entries = try #require(node.entries)
        #expect(entries.map(\.key) == ["a", "b", "c"])
        #expect(entries.map { "\($0.keyPlace.line):\($0.keyPlace.column)" } == ["1:1", "2:1", "5:1"])
        #expect(place(node["a"]) == "1:4")
        #expect(node["b"]?.elements?.map { place($0) } == ["3:5", "4:5"])
        #expect(node["b"]?.elements?[1].scalar == Scalar(text: "y", style: .singleQuoted))
        #expect(place(node["c"]?["d"]) == "5:8")
    }

    @Test func columnsCountCodePoints() throws {
        let node = try #require(parse("{ä😀: é, b: x}").documents.first)
        #expect(place(node["ä😀"]) == "1:6")
        #expect(place(node["b"]) == "1:12")
    }

    /// A person would look in the wrong place otherwise.
    @Test(arguments: [
        ("a: [1", "yaml.syntax", 1...2),
        ("a: 1\n b: 2\n", "yaml.syntax", 2...2),
        ("a:\n\t- x\n", "yaml.syntax", 2...2),
        ("a: {b: ${X}}\n", "yaml.syntax", 1...1),
        ("a: 1\nb: 2\na: 3\n", "key.duplicate", 3...3),
        ("a: &x {k: v}\nb:\n  <<: *x\n", "yaml.merge_key", 3...3),
        ("a: !foo b\n", "yaml.tag", 1...1),
        ("a: *nowhere\n", "yaml.alias", 1...1),
        ("a: &x [*x]\n", "yaml.alias", 1...1),
        ("? [a, b]\n: c\n", "key.type", 1...1),
        ("a: b\u{1}\n", "yaml.encoding", 1...1),
    ])
    func problems(text: String, code: String, lines: ClosedRange<Int>) {
        let problems = parse(text).problems
        #expect(problems.map(\.code) == [code])
        #expect(problems.allSatisfy { lines.contains($0.place.line) })
    }

    @Test func aDuplicateNamesBothPlaces() throws {
        let problem = try #require(parse("a: 1\nb:\n  c: 1\n  c: 2\n").problems.first)
        #expect("\(problem.place.line):\(problem.place.column)" == "4:3")
        #expect(problem.related.map { "\($0.place.line):\($0.place.column)" } == "3:3")
    }

    @Test func bracesOfVariablesAreExplained() {
        #expect(parse("a: {b: ${X}}\n").problems.first?.suggestion?.contains("quote") == true)
        #expect(parse("a:\n\t- x\n").problems.first?.suggestion == "indent with spaces, not tabs")
    }

    @Test func textThatIsNotUTF8IsRefused() throws {
        let problem = try #require(parseYAML(Array("a: 1\nb: ".utf8) + [0xFF, 0x0A], file: "f").problems.first)
        #expect(problem.code == "yaml.encoding")
        #expect(problem.place.line == 2)
        #expect(parseYAML([0xFF, 0xFE, 0x61, 0x00], file: "f").problems.map(\.code) == ["yaml.encoding"])
        #expect(parseYAML([0xEF, 0xBB, 0xBF] + Array("a: 1".utf8), file: "f").documents.first?["a"]?.scalar?.text == "1")
    }

    /// One document's slip must not hide what is wrong with the others.
    @Test func documentsAfterASyntaxErrorAreRead() {
        let file = parse("a: 1\n---\nb: [\n---\nc: 3\n---\nd: 4\nd: 5\n")
        #expect(file.documents.compactMap { $0.entries?.first?.key } == ["a", "c", "d"])
        #expect(file.problems.map(\.code) == ["yaml.syntax", "key.duplicate"])
        #expect(file.problems.map(\.document) == [nil, 2])
        #expect(file.problems.last?.place.line == 8)
        #expect(place(file.documents[1]["c"]) == "5:4")
    }

    @Test func anchorsAreCopied() throws {
        let node = try #require(parse("a: &x {k: [1, 2]}\nb: *x\nc: &s !!str 5\nd: *s\n").documents.first)
        #expect(node["b"]?["k"]?.elements?.count == 2)
        #expect(node["d"]?.scalar?.text == "5")
        #expect(place(node["c"]) == "3:13")
    }

    @Test func billionLaughsAreRefused() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        let file = parse(text)
        #expect(file.problems.map(\.code) == ["yaml.limit"])
        #expect(file.documents.isEmpty)
    }

    @Test func limitsHold() {
        #expect(parse(String(repeating: "[", count: 5000)).problems.map(\.code) == ["yaml.limit"])
        #expect(parse("a: &x [[[1]]]\nb: [[*x]]", Limits(depth: 5)).problems.map(\.code) == ["yaml.limit"])
        #expect(parse("a: 1", Limits(bytes: 3)).problems.map(\.code) == ["yaml.limit"])
        #expect(parse("[1, 2, 3]", Limits(nodes: 3)).problems.map(\.code) == ["yaml.limit"])
        #expect(parse("[1, 2, 3]", Limits(nodes: 4)).problems.isEmpty)
    }

    @Test(arguments: ["a:", "a: ~", "a: null", "a: NULL"])
    func nulls(text: String) throws {
        let node = try #require(parse(text).documents.first)
        #expect(node["a"]?.isNull == true)
        #expect(parse("a: \"\"").documents.first?["a"]?.isNull == false)
    }

    /// Whatever is typed, an editor may ask at any moment.
    @Test func mutatedTextsNeverCrash() {
        var random = SeededGenerator()
        let sample = Array(
            "a: &x {k: [1, 'tw''o', \"th\\x41ree\"]}\n---\nb: |\n  text\n  more\nc: >-\n  folded\n\n  text\nd: *x\n<<: *x\n".utf8)
        let pool = Array("&*!|>'\"%@`{}[],:?-#\n\t \\<\u{0}~x0é".utf8) + [0xFF]
        for _ in 0..<3000 {
            var text = sample
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text[at] = pool[Int.random(in: 0..<pool.count, using: &random)]
                case 1: text.insert(pool[Int.random(in: 0..<pool.count, using: &random)], at: at)
                default: text.removeSubrange(at..<min(text.count, at + Int.random(in: 1...5, using: &random)))
                }
                if text.isEmpty { text = sample }
            }
            let file = parseYAML(text, file: "f")
            for document in file.documents { walk(document) }
        }
    }

    private func walk(_ node: Node) {
        let runs = node.runs
        #expect(runs.first?.offset == 0)
        #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.offset < $1.offset }, "\(node)")
        #expect(runs.allSatisfy { $0.line >= 1 && $0.line <= node.place.source.lineCount + 1 && $0.column >= 1 })
        node.elements?.forEach(walk)
        node.entries?.forEach { walk($0.value) }
    }
}

func parse(_ text: String, _ limits: Limits = Limits()) -> YAMLFile { parseYAML(Array(text.utf8), file: "f.yaml", limits: limits) }

func place(_ node: Node?) -> String { node.map { "\($0.place.line):\($0.place.column)" } ?? "none" }
