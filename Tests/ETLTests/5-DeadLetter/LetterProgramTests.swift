import Bytes
import Log
import Testing

@testable import ETL

/// `--where` and `--set`: which letters are meant, and what becomes of their values.
@Suite struct LetterProgramTests {
    static let object = letter("k1", #"{"quantity": -2, "a": {"b": 1}, "note": "x"}"#, partition: 1)

    static let matches: [(String, TestLetter, LetterProgram.Match)] = [
        (#"message.quantity < 0"#, object, .yes),
        (#"message.a.b == 1 && key == "k1" && has(message.note) && !has(message.nope)"#, object, .yes),
        (#"dlq.code == "check.failed" && dlq.step == 'positive' && dlq.attempt == 1"#, object, .yes),
        (#"dlq.code.startsWith("parse.")"#, object, .no),
        // The letter's own place, and where it came from.
        (#"topic == "t.s.dlq" && partition == 1 && offset == 7 && timestamp == 1700000000000"#, object, .yes),
        (#"dlq.topic == "in" && dlq.partition == 1 && dlq.offset == 5 && dlq.writer == "etl""#, object, .yes),
        (#"dlq.failed_at > "2026-01-03" && dlq.first_failed_at < "2026-01-03""#, object, .yes),
        (#"dlq.row == null && dlq.file == null && dlq.pointer == null"#, object, .yes),
        (#"headers.trace == "b" && headers["etl.dlq.stage"] == "s""#, object, .yes),
        (#""nope" in headers"#, object, .no),
        (#"value.contains("note")"#, object, .yes),
        (#"dlq["code"] == "check.failed""#, object, .yes),
        // A value that is no JSON object has no fields.
        (#"has(message.quantity)"#, TestLetter("k", "{"), .no),
        (#"value == "a,b,c" && dlq.writer == "unknown" && dlq.code == null"#, TestLetter("k", "a,b,c"), .yes),
        (#"value == null && key == null"#, TestLetter(nil, nil), .yes),
        (#"has(message.x)"#, TestLetter("k", "[1]"), .no),
        (#"message.quantity < 0"#, TestLetter("k", "[1]"), .failed("no such field: message.quantity")),
        (#"message.note < 0"#, object, .failed("no matching overload for (string, int) in message.note < 0")),
        (#"message.note"#, object, .failed("gives string, expected true or false")),
    ]

    @Test(arguments: matches) func filters(_ source: String, _ given: TestLetter, _ expected: LetterProgram.Match) throws {
        var program = try LetterProgram(topic: "t.s.dlq", filter: source, sets: [])
        // Twice: nothing of one record is left for the next.
        for _ in 0..<2 { #expect(given.withRecord { program.match($0, LetterFacts($0)) } == expected) }
        _ = Self.object.withRecord { program.match($0, LetterFacts($0)) }
        #expect(given.withRecord { program.match($0, LetterFacts($0)) } == expected)
    }

    static let repairs: [([String], TestLetter, String)] = [
        (["quantity=-message.quantity"], object, #"{"quantity": 2, "a": {"b": 1}, "note": "x"}"#),
        (["quantity=1", "a.c=message.quantity + 1"], object, #"{"quantity": 1, "a": {"b": 1,"c":2}, "note": "x"}"#),
        (
            ["note=dlq.code + '/' + headers.trace + '/' + key"], object,
            #"{"quantity": -2, "a": {"b": 1}, "note": "check.failed/b/k1"}"#
        ),
        (["n.e.w=[1, 2]"], object, #"{"quantity": -2, "a": {"b": 1}, "note": "x","n":{"e":{"w":[1,2]}}}"#),
        // What reads a whole object sees what was set in it before.
        (["a.b=2", "copy=message.a"], object, #"{"quantity": -2, "a": {"b": 2}, "note": "x","copy":{"b": 2}}"#),
        ([], TestLetter("k", "not JSON"), "not JSON"),
        (["x=1"], TestLetter("k", "not JSON"), "set.not_object: --set needs a JSON object; the value is none"),
        (["x=1"], TestLetter("k", nil), "set.not_object: --set needs a JSON object; the value is none"),
        (["x=message.nope"], object, "set.failed: --set x: no such field: message.nope"),
        (["note.deep=1"], object, "set.not_object: --set note.deep: lies below a field that is no object"),
        (["x=b'1'"], object, "set.not_json: --set x: gives bytes, which JSON has no form for"),
    ]

    @Test(arguments: repairs) func mends(_ sets: [String], _ given: TestLetter, _ expected: String) throws {
        #expect(try Self.repaired(sets, given) == expected)
    }

    static func repaired(_ sets: [String], _ given: TestLetter, startsEmpty: Bool = false) throws -> String {
        var program = try LetterProgram(topic: "t.s.dlq", filter: nil, sets: sets)
        return given.withRecord { record in
            var batch = OutputBatch()
            do throws(Failure) {
                let result = try program.repair(
                    record, LetterFacts(record), startsEmpty: startsEmpty, tells: false, into: &batch.arena)
                return String(decoding: result.value, as: UTF8.self)
            } catch {
                return "\(error.code): \(error.message)"
            }
        }
    }

    @Test func rowsBecomeObjects() throws {
        let row = TestLetter(nil, "17,abc,x")
        let sets = [#"id=int(value.split(",")[0])"#, #"name=value.split(",")[1]"#, "twice=message.id * 2"]
        #expect(try Self.repaired(sets, row, startsEmpty: true) == #"{"id":17,"name":"abc","twice":34}"#)
    }

    @Test func changesAreTold() throws {
        var program = try LetterProgram(topic: "t", filter: nil, sets: ["quantity=3.50", "added='ä'"])
        let changes = try Self.object.withRecord { record in
            var batch = OutputBatch()
            return try program.repair(record, LetterFacts(record), startsEmpty: false, tells: true, into: &batch.arena).changes
        }
        #expect(changes.map { "\($0.path) \($0.before ?? "nothing") \($0.after)" } == ["quantity -2 3.5", "added nothing \"ä\""])
    }

    @Test(
        arguments: [
            ("message.", nil, "expression.syntax"), ("nope == 1", nil, "expression.syntax"),
            ("dlq.cod == 'x'", nil, "expression.name"),
            ("1 + 1", nil, "expression.type"), (nil, "x", "expression.syntax"), (nil, "=1", "expression.syntax"),
            (nil, "a..b=1", "expression.syntax"), (nil, "x=1 +", "expression.syntax"), (nil, "x=dlq.nope", "expression.name"),
        ] as [(String?, String?, String)])
    func whatIsWrongIsSaidBeforeAnythingIsDone(_ filter: String?, _ set: String?, _ code: String) throws {
        let error = #expect(throws: ETLError.self) {
            _ = try LetterProgram(topic: "t", filter: filter, sets: set.map { [$0] } ?? [])
        }
        #expect(error?.code == code && error?.status == .usage)
        #expect(
            error?.message.contains(filter ?? set ?? "?") == true || set == "x=1 +" || set == "x=dlq.nope",
            "\(error?.message ?? "")")
    }
}
