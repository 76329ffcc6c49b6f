import Bytes
import Foundation
import Testing

@testable import ETL

/// If these fail, an extractor reads files twice, skips some, or goes on in the wrong one.
struct CSVSourceTests {
    @Test func filesAreReadInTheOrderOfTheirNames() throws {
        let folder = try TestFolder()
        for name in ["b.csv", "a.csv", "a10.csv", "a2.csv", "z.txt"] { try folder.write(name, "n\n\(name)\n") }
        try FileManager.default.createDirectory(atPath: folder.path + "/folder.csv", withIntermediateDirectories: true)
        try folder.write("empty.csv", "")
        let plan = CSVPlan.test(folder.path + "/*.csv")
        let (rows, checkpoints) = try plan.read()
        #expect(rows.map(\.text) == ["a.csv", "a10.csv", "a2.csv", "b.csv"].map { #"{"n":"\#($0)"}"# })
        // Each file has a checkpoint of its own: with those of the first two, the others are left, and nothing is with all.
        #expect(try plan.read(from: Array(checkpoints.prefix(2))).rows.map(\.text) == rows.dropFirst(2).map(\.text))
        #expect(try plan.read(from: checkpoints).rows.isEmpty)
        // A file that appears later is read, wherever its name stands.
        try folder.write("a1.csv", "n\nnew\n")
        #expect(try plan.read(from: checkpoints).rows.map(\.text) == [#"{"n":"new"}"#])
    }

    @Test(arguments: ["/nothing-*.csv", "/missing.csv", "/"])
    func noFileIsAnErrorThatNamesThePattern(_ pattern: String) throws {
        let folder = try TestFolder()
        let error = #expect(throws: CSVError.self) { _ = try CSVSource(CSVPlan.test(folder.path + pattern)) }
        #expect(error?.code == "csv.files" && error?.message.contains(folder.path + pattern) == true)
    }

    @Test func aFileThatVanishesIsAnErrorThatNamesIt() throws {
        let folder = try TestFolder()
        let path = try folder.write("a.csv", "n\n1\n")
        var source = try CSVSource(CSVPlan.test(folder.path + "/*.csv"))
        try FileManager.default.removeItem(atPath: path)
        var batch = CSVBatch()
        var arena = Arena()
        var error: CSVError?
        do { _ = try source.next(into: &batch, arena: &arena, maxRows: 1, maxBytes: 1) } catch let caught { error = caught }
        #expect(error?.code == "csv.file" && error?.message.contains(path) == true)
    }

    // header, typed column, what the message names
    @Test(arguments: [("a,b,a", nil, "'a'"), ("a,b", "c", "'c'"), ("a,\"b", nil, "closed")] as [(String, String?, String)])
    func aHeaderThatCannotBeIsAnError(header: String, column: String?, word: String) throws {
        let folder = try TestFolder()
        let path = try folder.write("f.csv", header + "\n1,2,3\n")
        let error = #expect(throws: CSVError.self) { try CSVPlan.test(path, columns: column.map { [($0, .int)] } ?? []).read() }
        #expect(error?.code == "csv.header" && error?.message.contains(word) == true && error?.message.contains(path) == true)
    }

    @Test func aGrownFileGoesOnAndAChangedOneDoesNot() throws {
        let folder = try TestFolder()
        let path = try folder.write("f.csv", "n\n1\n2")
        let plan = CSVPlan.test(path)
        let checkpoint = try #require(try plan.read().checkpoints.last)
        try folder.write("f.csv", "n\n1\n2\n3\n")
        #expect(try plan.read(from: [checkpoint]).rows == [FoundRow(text: #"{"n":"3"}"#, row: 3, line: 4, offset: 6, nextOffset: 8)])
        try folder.write("f.csv", "n\r\n7\r\n8\r\n")
        #expect(try plan.read(from: [checkpoint]).rows.map(\.text) == [#"{"n":"7"}"#, #"{"n":"8"}"#])
        for content in ["n\n1\n23\n4\n", "n\n1"] {
            try folder.write("f.csv", content)
            let result = Result { try plan.read(from: [checkpoint]).rows.map(\.text) }
            if content.hasPrefix("n\n1\n2") {
                #expect((result.failureError as? CSVError)?.code == "csv.file_changed")
            } else {
                // Shorter than the checkpoint's head: another file.
                #expect(try result.get() == [#"{"n":"1"}"#])
            }
        }
    }

    @Test func aLongFileChangedBeforeTheCheckpointIsRefused() throws {
        let folder = try TestFolder()
        let text = "n\n" + (0..<5000).map { "\($0)\n" }.joined()
        let plan = CSVPlan.test(try folder.write("f.csv", text))
        let checkpoint = try #require(try plan.read(maxRows: 4000).checkpoints.first)
        try folder.write("f.csv", text.replacingOccurrences(of: "\n3900\n", with: "\n39x0\n"))
        let changed = #expect(throws: CSVError.self) { try plan.read(from: [checkpoint]) }
        #expect(changed?.code == "csv.file_changed")
        try folder.write("f.csv", String(text.prefix(8000)))
        let truncated = #expect(throws: CSVError.self) { try plan.read(from: [checkpoint]) }
        #expect(truncated?.code == "csv.file_changed")
    }

    @Test func checkpointsSurviveTheirTextAndUnknownKeys() throws {
        let checkpoint = CSVCheckpoint(file: "/ä \"x\"\n.csv", offset: 1 << 40, row: 3, line: 4, head: .max, tail: 0)
        func parse(_ text: String) throws -> CSVCheckpoint { try Array(text.utf8).withUnsafeBytes { try CSVCheckpoint.parse($0) } }
        #expect(try parse(checkpoint.text) == checkpoint)
        #expect(try parse(checkpoint.text.dropLast() + #","later":{"x":[1]}}"#) == checkpoint)
        for broken in ["", "{", "{}", "[]", checkpoint.text.replacingOccurrences(of: "\"row\":3", with: "\"row\":-3")] {
            #expect(throws: CSVError.self) { try parse(broken) }
        }
    }

    @Test func batchesEndAtTheirBounds() throws {
        let folder = try TestFolder()
        let plan = CSVPlan.test(try folder.write("f.csv", "n\n" + String(repeating: "123\n", count: 100)))
        var source = try CSVSource(plan)
        var batch = CSVBatch(capacity: 1)
        var arena = Arena()
        #expect(try source.next(into: &batch, arena: &arena, maxRows: 30, maxBytes: 1 << 20))
        #expect(batch.rows.count == 30)
        // {"n":"123"} is 11 bytes: the tenth reaches 100.
        #expect(try source.next(into: &batch, arena: &arena, maxRows: 30, maxBytes: 100))
        #expect(batch.rows.count == 10)
    }

    @Test func randomFilesComeBackAsTheyWereWritten() throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...1_000_000_000)
        print("randomFilesComeBackAsTheyWereWritten: ETL_TEST_SEED=\(seed)")
        var random = CSVRandom(state: seed)
        let folder = try TestFolder()
        for round in 0..<60 {
            let columns = Int.random(in: 1...6, using: &random)
            let newline = Bool.random(using: &random) ? "\n" : "\r\n"
            var expected: [[String?]] = []
            var text = (0..<columns).map { "c\($0)" }.joined(separator: ",") + newline
            for _ in 0..<Int.random(in: 0...200, using: &random) {
                let row = (0..<columns).map { _ in random.field() }
                expected.append(row)
                text += row.map { random.written($0) }.joined(separator: ",") + newline
            }
            if Bool.random(using: &random), expected.last?.last?.map({ !$0.isEmpty }) == true { text.removeLast() }
            let plan = CSVPlan.test(try folder.write("f.csv", text))
            let chunk = Int.random(in: 1...5000, using: &random)
            let (rows, checkpoints) = try plan.read(chunkBytes: chunk, maxRows: Int.random(in: 1...50, using: &random))
            let got = try rows.map { row in
                let object = try #require(try JSONSerialization.jsonObject(with: Data(row.text.utf8)) as? [String: Any], "\(row)")
                return (0..<columns).map { object["c\($0)"] as? String }
            }
            #expect(got == expected, "round \(round)")
            // Rows stand one behind the other, and the file goes on at any checkpoint.
            #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.nextOffset == $1.offset })
            if let checkpoint = checkpoints.randomElement(using: &random) {
                let rest = try plan.read(from: [checkpoint]).rows
                #expect(rest == Array(rows.suffix(rest.count)))
                #expect(checkpoint.contains("\"row\":\(rows.count - rest.count),"))
            }
        }
    }
}

extension Result {
    fileprivate var failureError: Failure? { if case .failure(let error) = self { error } else { nil } }
}

private struct CSVRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Content made of what is tricky; nil: null.
    mutating func field() -> String? {
        if Int.random(in: 0..<8, using: &self) == 0 { return nil }
        let alphabet: [Unicode.Scalar] = ["a", "b", "\"", ",", "\n", "\r", "\\", "\t", "ä", "€", "😀", " ", "\u{0}", "x", "y", "z"]
        var text = String.UnicodeScalarView()
        let length = Int.random(in: 0..<4, using: &self) == 0 ? Int.random(in: 0...300, using: &self) : Int.random(in: 0...8, using: &self)
        for _ in 0..<length { text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &self)]) }
        return String(text)
    }

    mutating func written(_ field: String?) -> String {
        guard let field else { return "" }
        let needsQuotes = field.isEmpty || field.unicodeScalars.contains { "\",\n\r".unicodeScalars.contains($0) }
        if !needsQuotes, Bool.random(using: &self) { return field }
        return "\"" + field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }
}
