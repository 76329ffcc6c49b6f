import Bytes
import Testing

@testable import JSON

/// What expressions and outputs see of a record.
@Suite struct SlotTests {
    @Test func triesGiveEachPathOneSlot() {
        var trie = SlotTrie()
        let city = trie.slot(["address", "city"])
        #expect(trie.slot(["address", "city"]) == city)
        #expect(trie.find(["address"]) != nil)
        #expect(trie.find(["address", "zip"]) == nil)
        #expect(trie.find([]) == 0 && trie.slot([]) == 0)
        #expect(trie.path(of: city) == ["address", "city"])
        let zip = trie.slot(["address", "zip"])
        #expect(trie.slots(below: trie.slot(["address"])) == [city, zip])
        #expect(trie.slotCount == 4)
        // Keys are bytes: one é isn't the other.
        #expect(trie.slot(["\u{e9}"]) != trie.slot(["e\u{301}"]))
    }

    static let values: [(String, String)] = [
        ("1", "int 1 1"), ("-0", "int 0 -0"), ("-12", "int -12 -12"), ("9223372036854775807",
        "int 9223372036854775807 9223372036854775807"),
        ("-9223372036854775808", "int -9223372036854775808 -9223372036854775808"),
        ("9223372036854775808", "double 9.223372036854776e+18 9223372036854775808 out of range"),
        ("-9223372036854775809", "double -9.223372036854776e+18 -9223372036854775809 out of range"),
        ("99999999999999999999", "double 1e+20 99999999999999999999 out of range"),
        ("1.0", "double 1.0 1.0"), ("1e2", "double 100.0 1e2"), ("-0.0", "double -0.0 -0.0"), ("0.1", "double 0.1 0.1"),
        ("1e400", "double inf 1e400 out of range"), ("-1e400", "double -inf -1e400 out of range"), ("1e-400", "double 0.0 1e-400"),
        ("-1e-400", "double -0.0 -1e-400"), ("5e-324", "double 5e-324 5e-324"), ("1.7976931348623157e308",
        "double 1.7976931348623157e+308 1.7976931348623157e308"),
        ("9007199254740993.0", "double 9007199254740992.0 9007199254740993.0"), ("0.30000000000000004",
        "double 0.30000000000000004 0.30000000000000004"),
        ("123456789012345678901.5", "double 1.2345678901234568e+20 123456789012345678901.5"),
        ("true", "true"), ("false", "false"), ("null", "null"), (#""""#, "plain "), (#""abc""#, "plain abc"),
        (#""é""#, "plain é"),
        (#""a\nb""#, "string a\nb"), (#""\u00e9\ud83d\ude00\/""#, "string é😀/"), (#""\u0000""#, "string \0"),
        (#""01234567890123456789\t""#, "string 01234567890123456789\t"), ("[1, 2]", "list [1, 2]"), ("{ }", "map { }"),
        (#"{"a":[{}]}"#, #"map {"a":[{}]}"#),
    ]

    @Test(arguments: values) func readsValues(_ document: String, _ expected: String) {
        let scan = Scan(["order_id", "other"])
        for text in [#"{"order_id":\#(document)}"#, #"{ "x" : [1] , "order_id" : \#(document) , "z":0}"#,
                     #"{"order\u005fid":\#(document)}"#] {
            #expect(scan(text).code == .ok)
            #expect(scan.show("order_id") == expected)
            #expect(scan.show("other") == "absent")
            #expect(scan.show("") == "map " + text)
        }
        #expect(scan(document).code == .ok)
        #expect(scan.show("") == expected)
    }

    /// Document, then what a, a.b, a.b.c and x hold.
    static let duplicates: [(String, [String])] = [
        (#"{"x":1,"x":2}"#, ["absent", "absent", "absent", "int 2 2"]),
        (#"{"x":1,"\u0078":"y"}"#, ["absent", "absent", "absent", "plain y"]),
        (#"{"a":{"b":{"c":1}},"a":{"b":{}}}"#, [#"map {"b":{}}"#, "map {}", "absent", "absent"]),
        (#"{"a":{"b":{"c":1}},"a":7}"#, ["int 7 7", "absent", "absent", "absent"]),
        (#"{"a":{"b":{"c":1},"b":null}}"#, [#"map {"b":{"c":1},"b":null}"#, "null", "absent", "absent"]),
        (#"{"a":{"b":{"c":1},"b":{}}}"#, [#"map {"b":{"c":1},"b":{}}"#, "map {}", "absent", "absent"]),
        (#"{"a":1,"a":{"b":{"c":2,"c":3}}}"#, [#"map {"b":{"c":2,"c":3}}"#, #"map {"c":2,"c":3}"#, "int 3 3", "absent"]),
        (#"{"a":{"x":5,"b":[]}}"#, [#"map {"x":5,"b":[]}"#, "list []", "absent", "absent"]),
        (#"{"z":{"a":{"b":1}},"y":[{"x":1}]}"#, ["absent", "absent", "absent", "absent"]),
    ]

    @Test(arguments: duplicates) func lastDuplicateWins(_ document: String, _ expected: [String]) {
        let scan = Scan(["a.b.c", "x"])
        for _ in 0..<3 {  // again, with keys predicted
            #expect(scan(document).code == .ok)
            #expect(["a", "a.b", "a.b.c", "x"].map(scan.show) == expected)
        }
    }

    @Test func predictionNeverChangesWhatIsRead() {
        var random = SeededRandom()
        let keys = ["a", "ab", "abc", "order_id", "customer_id", "customer_ie", "a_key_of_exactly_29_bytes_xx",
        "a_key_of_exactly_30_bytes__xx", "n"]
        let paths = keys + keys.map { "n." + $0 }
        let warm = Scan(paths)
        for round in 0..<3000 {
            // Orders change slowly, then at random, then slowly again.
            let shuffled = round % 1000 > 600 ? keys.shuffled(using: &random) : keys
            let some = shuffled.filter { _ in Int.random(in: 0..<10, using: &random) > 0 }
            let number = Int.random(in: 0..<99, using: &random)
            let body = some.map { "\"\($0)\":" + ($0 == "n" ? #"{"ab":\#(round),"x":1,"abc":"t"}"# : "\(number)") }
            let document = "{" + body.joined(separator: round % 7 == 0 ? " , " : ",") + "}"
            let fresh = Scan(paths)
            #expect(warm(document) == fresh(document))
            let (a, b) = (paths.map(warm.show), paths.map(fresh.show))
            #expect(a == b, "\(document), seed \(random.seed)")
            if a != b { return }
        }
    }

    @Test func manyKeysAreFound() {
        let keys = (0..<500).map { "key_number_\($0)_of_many" } + (0..<300).map { "k\($0)" }
        let scan = Scan(keys)
        #expect(scan("{" + keys.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}").code == .ok)
        for (i, key) in keys.enumerated() { #expect(scan[key].int == Int64(i)) }
    }

    @Test func longNumbersKeepTheirDigits() {
        let scan = Scan(["n"], capacity: 1 << 18)
        let number = "1" + String(repeating: "0", count: 70_000) + ".5e-70000"
        #expect(scan(#"{"n":\#(number),"m":1}"#).code == .ok)
        #expect(scan["n"].double == 1)
        #expect(text(digits(of: scan["n"], record: scan.record)) == number)
    }

    @Test func unknownKeysAreReported() {
        let scan = Scan(["known", "deep.er"], unknown: true)
        #expect(scan(#"{"known":1,"a":[1, 2],"deep":{"x":1},"b\n":"q","a":{"r":0},"known":3, "c" : null }"#).code == .ok)
        var arena = Arena()
        let members = scan.scanner.unknownKeys(scan.record, arena: &arena).map { text($0.key) + "=" + text($0.value) }
        #expect(members == [#"a={"r":0}"#, "b\n=\"q\"", "c=null"])
        #expect(scan(#"{"known":1}"#).code == .ok)
        #expect(scan.scanner.unknownKeys(scan.record, arena: &arena).isEmpty)
        let all = Scan(unknown: true, capacity: 1 << 21)
        #expect(all("{" + (0..<100_000).map { "\"k\($0 % 50_000)\":\($0)" }.joined(separator: ",") + "}").code == .ok)
        let many = all.scanner.unknownKeys(all.record, arena: &arena)
        #expect(many.count == 50_000)
        #expect(text(many[7].value) == "50007")
    }

    @Test func materializeGivesOneLevel() {
        let scan = Scan(["l", "m"])
        let document = #"{"l":[1, "a\tb",[2,[3]],{"x":[]},null,true , 1.50],"m":{"k":1,"q":"]}","k":[ ],"\u0071":{"a":"}"}}}"#
        #expect(scan(document).code == .ok)
        let list = materialize(scan["l"], record: scan.record, arena: &scan.arena)
        let items = UnsafeBufferPointer(start: list.pointer?.assumingMemoryBound(to: Value.self), count: Int(list.length))
        #expect(items.map(scan.show) == ["int 1 1", "string a\tb", "list [2,[3]]", #"map {"x":[]}"#, "null", "true",
        "double 1.5 1.50"])
        let map = materialize(scan["m"], record: scan.record, arena: &scan.arena)
        let pairs = UnsafeBufferPointer(start: map.pointer?.assumingMemoryBound(to: Value.self), count: Int(map.length) * 2)
        #expect(pairs.map(scan.show) == ["plain k", "list [ ]", "plain q", #"map {"a":"}"}"#])
        for empty in ["[]", "[ ]", "{}", "{\n}"] {
            #expect(scan(#"{"l":\#(empty)}"#).code == .ok)
            #expect(materialize(scan["l"], record: scan.record, arena: &scan.arena).length == 0)
        }
        // Outside of the record there are no offsets to keep.
        let elsewhere = scan.string("[1,2.50,18446744073709551615]")
        let raw = Value(.list, flags: Value.Flags.raw, length: elsewhere.length, bits: elsewhere.bits)
        let row = materialize(raw, record: scan.record, arena: &scan.arena)
        let cells = UnsafeBufferPointer(start: row.pointer?.assumingMemoryBound(to: Value.self), count: Int(row.length))
        #expect(cells.map(scan.show) == ["int 1", "double 2.5", "double 1.8446744073709552e+19 out of range"])
        let members = scan.string(#"{"a":1,"b":2.50,"c":{"a":3}}"#)
        let rawMap = Value(.map, flags: Value.Flags.raw, length: members.length, bits: members.bits)
        let values = ["a", "b", "c", "d"].map { lookUp(scan.string($0), in: rawMap, record: scan.record, arena: &scan.arena).value }
        #expect(values.map(scan.show) == ["int 1", "double 2.5", #"map {"a":3}"#, "absent"])
    }
}
