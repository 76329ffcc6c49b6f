import Log
import Testing

@testable import ETL

struct StageCase: CustomTestStringConvertible, Sendable {
    var stage: StagePlan
    var input: String?
    var expected: String
    var testDescription: String { "\(input ?? "null") → \(expected)" }

    init(_ stage: StagePlan, _ input: String?, _ expected: String) {
        self.stage = stage
        self.input = input
        self.expected = expected
    }
}

/// What no step names must come out as it went in, byte for byte.
@Test(arguments: [
    StageCase(stage(set(("z", "1"))), #"{"a":1.10,"b":1E5,"c":12345678901234567890,"d":0.1000,"e":1e400,"f":-0}"#,
              #"{"a":1.10,"b":1E5,"c":12345678901234567890,"d":0.1000,"e":1e400,"f":-0,"z":1}"#),
    StageCase(stage(set(("z", "message.c"), ("y", "message.d"))), #"{"c":12345678901234567890,"d":0.1000}"#,
              #"{"c":12345678901234567890,"d":0.1000,"z":12345678901234567890,"y":0.1000}"#),
    StageCase(stage(set(("z", "1"))), "  { \"a\" : [ 1 , 2 ] ,\t\"b\" : {} }\n", "  { \"a\" : [ 1 , 2 ] ,\t\"b\" : {},\"z\":1 }\n"),
    StageCase(stage(set(("z", "1"))), #"{"a":"\u00e9\/\n","\u0062":"é😀"}"#, #"{"a":"\u00e9\/\n","\u0062":"é😀","z":1}"#),
    StageCase(stage(filter("true")), " {\"a\" : 1.0 } ", " {\"a\" : 1.0 } "),
    StageCase(stage(set(("a", "message.a"))), #"{"a":1.50,"a":2.50}"#, #"{"a":1.50,"a":2.50}"#),
    StageCase(stage(set(("a", "message.a + 1"))), #"{"a":1,"b":0,"a":2}"#, #"{"b":0,"a":3}"#),
    StageCase(stage(set(("b", "message.a"))), #"{"a":"x\"\\y\u0041"}"#, #"{"a":"x\"\\y\u0041","b":"x\"\\yA"}"#),
    StageCase(stage(set(("b", "message.a"))), #"{"a":{"x":[1.0,{"y":1e3}]}}"#, #"{"a":{"x":[1.0,{"y":1e3}]},"b":{"x":[1.0,{"y":1e3}]}}"#),
    StageCase(stage(), "anything, even no JSON", "anything, even no JSON"),
    StageCase(stage(set(("a", "1"))), nil, "null"),
    StageCase(stage(), nil, "null"),
    StageCase(stage(), "", ""),
])
func untouchedBytesStay(_ row: StageCase) throws {
    #expect(try run(row.stage, row.input).text == row.expected)
}

@Test(arguments: [
    // set
    StageCase(stage(set(("total", "message.q * message.p"))), #"{"q":3,"p":2.5}"#, #"{"q":3,"p":2.5,"total":7.5}"#),
    StageCase(stage(set(("a", "1"), ("b", "message.a + 1"), ("a", "message.b * 10"))), "{}", #"{"a":20,"b":2}"#),
    StageCase(stage(set(("a.b.c", "1"))), "{}", #"{"a":{"b":{"c":1}}}"#),
    StageCase(stage(set(("a.b", "1"), ("a.c", "message.a.b + 1"))), #"{"a":{"x":0}}"#, #"{"a":{"x":0,"b":1,"c":2}}"#),
    StageCase(stage(set(("a", "null"))), #"{"a":{"x":0}}"#, #"{"a":null}"#),
    StageCase(stage(set(("s", "message.s + '\"\\n'"))), #"{"s":"é"}"#, #"{"s":"é\"\n"}"#),
    StageCase(stage(set(("m", "{'k': [1, 'two', null]}"))), "{}", #"{"m":{"k":[1,"two",null]}}"#),
    // set, then what lies above or below it
    StageCase(stage(set(("a", "{'b': 1}"), ("c", "message.a.b + 1"))), #"{"a":5}"#, #"{"a":{"b":1},"c":2}"#),
    StageCase(stage(set(("a.b", "1"), ("c", "message.a"))), #"{"a":{"x":1.0}}"#, #"{"a":{"x":1.0,"b":1},"c":{"x":1.0,"b":1}}"#),
    StageCase(stage(set(("a.b", "1")), check("has(message.a)")), "{}", #"{"a":{"b":1}}"#),
    StageCase(stage(set(("x", "1")), set(("n", "size(message)"))), #"{"a":1}"#, #"{"a":1,"x":1,"n":2}"#),
    // remove
    StageCase(stage(remove("a")), #"{"a":1,"b":2,"c":3}"#, #"{"b":2,"c":3}"#),
    StageCase(stage(remove("b")), #"{"a":1,"b":2,"c":3}"#, #"{"a":1,"c":3}"#),
    StageCase(stage(remove("c")), #"{"a":1,"b":2,"c":3}"#, #"{"a":1,"b":2}"#),
    StageCase(stage(remove("a", "b", "c", "d")), #"{"a":1,"b":2,"c":3}"#, "{}"),
    StageCase(stage(remove("a.b")), #"{"a":{"b":1},"b":2}"#, #"{"a":{},"b":2}"#),
    StageCase(stage(remove("a.b")), #"{"a":5}"#, #"{"a":5}"#),
    StageCase(stage(remove("a", "a.b")), #"{"a":{"b":1},"c":1}"#, #"{"c":1}"#),
    StageCase(stage(remove("a"), set(("b", "has(message.a)"))), #"{"a":1}"#, #"{"b":false}"#),
    StageCase(stage(remove("a"), set(("a.x", "1"))), #"{"a":{"x":0,"y":0}}"#, #"{"a":{"x":1}}"#),
    // keep
    StageCase(stage(keep("b", "n.x")), #"{"a":1,"b":2.0,"n":{"x":1,"y":2}}"#, #"{"b":2.0,"n":{"x":1}}"#),
    StageCase(stage(keep("b"), set(("a", "has(message.a)"))), #"{"a":1,"b":2}"#, #"{"b":2,"a":false}"#),
    StageCase(stage(set(("t", "message.a"), ("u", "2")), keep("t", "b")), #"{"a":1,"b":2}"#, #"{"b":2,"t":1}"#),
    StageCase(stage(keep("a", "b"), keep("b", "c")), #"{"a":1,"b":2,"c":3}"#, #"{"b":2}"#),
    // rename
    StageCase(stage(rename(("a", "b"))), #"{"a":1.0,"c":2}"#, #"{"c":2,"b":1.0}"#),
    StageCase(stage(rename(("a", "b"))), #"{"a":1,"b":[2]}"#, #"{"b":1}"#),
    StageCase(stage(rename(("x", "b"))), #"{"a":1,"b":[2] }"#, #"{"a":1,"b":[2] }"#),
    StageCase(stage(rename(("a", "n.m"))), #"{"a":null}"#, #"{"n":{"m":null}}"#),
    StageCase(stage(rename(("a", "b")), set(("b.y", "2"))), #"{"a":{"x":1}}"#, #"{"b":{"x":1,"y":2}}"#),
    StageCase(stage(rename(("a", "b"), ("b", "c"))), #"{"a":1,"b":2}"#, #"{"c":1}"#),
    // filter and check
    StageCase(stage(filter("message.s != 'refunded'")), #"{"s":"refunded"}"#, "dropped"),
    StageCase(stage(filter("message.s != 'refunded'")), #"{"s":"paid"}"#, #"{"s":"paid"}"#),
    StageCase(stage(check("message.q >= 1", .drop)), #"{"q":0}"#, "dropped"),
    StageCase(stage(check("message.q >= 1", .warn)), #"{"q":0}"#, #"{"q":0}"#),
    StageCase(stage(check("message.q >= 1", .warn)), #"{}"#, #"{}"#),
    // lookup
    StageCase(stage(lookup(), set(("r", "country.region"), ("v", "country.vat_rate"))), #"{"country":"DE"}"#, #"{"country":"DE","r":"EU","v":0.19}"#),
    StageCase(stage(lookup(), set(("r", "country.region"))), #"{"country":5}"#, #"{"country":5,"r":null}"#),
    StageCase(stage(lookup(), set(("r", "country.region"))), #"{"country":"Z\u00fc\"rich"}"#, #"{"country":"Z\u00fc\"rich","r":"Alps"}"#),
    StageCase(stage(lookup(), set(("row", "country"))), #"{"country":"FR"}"#,
              #"{"country":"FR","row":{"code":"FR","region":"EU","vat_rate":0.20,"since":1957}}"#),
    StageCase(stage(lookup("message.country", as: "c", .keep), set(("r", "c == null ? 'none' : c.region"))), #"{"country":"XX"}"#,
              #"{"country":"XX","r":"none"}"#),
    StageCase(stage(lookup("message.country", as: "c", .keep), set(("r", "c == null ? 'none' : c.region"))), "{}", #"{"r":"none"}"#),
    StageCase(stage(lookup("message.country", as: "c", .drop)), #"{"country":"XX"}"#, "dropped"),
    StageCase(stage(lookup("message.a", as: "a"), lookup("message.b", as: "b"), set(("s", "a.since - b.since"))), #"{"a":"DE","b":"5"}"#,
              #"{"a":"DE","b":"5","s":1952}"#),
])
func stepsDoWhatTheySay(_ row: StageCase) throws {
    #expect(try run(row.stage, row.input).text == row.expected)
}

@Test(arguments: [
    StageCase(stage(filter("true")), "", "parse.empty"),
    StageCase(stage(filter("true")), " \n", "parse.empty"),
    StageCase(stage(filter("true")), "{\"a\":1", "parse.syntax"),
    StageCase(stage(filter("true")), "{\"a\":1}}", "parse.syntax"),
    StageCase(stage(filter("true")), "{\"a\":NaN}", "parse.syntax"),
    StageCase(stage(filter("true")), "[1]", "parse.not_object"),
    StageCase(stage(filter("true")), "null", "parse.not_object"),
    StageCase(stage(filter("true")), String(repeating: "[", count: 600) + String(repeating: "]", count: 600), "parse.depth"),
    StageCase(stage(check("message.q >= 1")), #"{"q":0}"#, "check.failed"),
    StageCase(stage(check("message.q >= 1")), "{}", "expression.error"),
    StageCase(stage(check("message.q >= 1", .drop)), "{}", "expression.error"),
    StageCase(stage(check("message.q")), #"{"q":1}"#, "expression.error"),
    StageCase(stage(filter("message.q")), #"{"q":1}"#, "expression.error"),
    StageCase(stage(set(("a.b", "message.x"))), "{}", "expression.error /a/b"),
    StageCase(stage(set(("a", "1.0 / message.x"))), #"{"x":0.0}"#, "set.not_json /a"),
    StageCase(stage(set(("a", "b'x'"))), "{}", "set.not_json /a"),
    StageCase(stage(set(("a", "[b'x']"))), "{}", "set.not_json /a"),
    StageCase(stage(set(("a", "type(1)"))), "{}", "set.not_json /a"),
    StageCase(stage(set(("a.b", "1"))), #"{"a":null}"#, "set.not_object /a/b"),
    StageCase(stage(set(("a.b.c", "1"))), #"{"a":{"b":[1]}}"#, "set.not_object /a/b/c"),
    StageCase(stage(rename(("x", "a.b"))), #"{"a":1,"x":1}"#, "set.not_object /a/b"),
    StageCase(stage(lookup()), #"{"country":"XX"}"#, "lookup.missing"),
    StageCase(stage(lookup()), #"{"country":null}"#, "lookup.missing"),
    StageCase(stage(lookup()), "{}", "lookup.missing"),
    StageCase(stage(lookup()), #"{"country":["DE"]}"#, "lookup.key_type"),
    StageCase(stage(lookup()), #"{"country":1.5}"#, "lookup.key_type"),
    StageCase(stage(lookup("message.country + 1")), #"{"country":"DE"}"#, "expression.error"),
    StageCase(stage(rekey("message.k")), #"{"k":[1]}"#, "rekey.type"),
    StageCase(stage(rekey("message.k")), #"{"k":1.5}"#, "rekey.type"),
    StageCase(stage(rekey("message.k")), "{}", "expression.error"),
])
func failuresHaveCodeAndPointer(_ row: StageCase) throws {
    #expect(try run(row.stage, row.input).text == row.expected)
}

@Test func invalidUTF8IsADeadLetterWithItsOffset() throws {
    var given = Given("")
    given.value = Array(#"{"a":""#.utf8) + [0xff] + Array("\"}".utf8)
    let outcome = try run(stage(filter("true")), given)
    #expect(outcome.text == "parse.utf8")
    #expect(outcome.failure?.message.contains("byte 6") == true)
}

@Test(arguments: [
    ("message.k", #"{"k":"new"}"#, "new"), ("message.k", #"{"k":"\u00e9"}"#, "é"), ("message.k", #"{"k":17}"#, "17"),
    ("message.k", #"{"k":true}"#, "true"), ("message.k", #"{"k":null}"#, nil), ("message.k", #"{"k":12345678901234567890}"#, "12345678901234567890"),
    ("decimal(message.k)", #"{"k":1.50}"#, "1.50"), ("key + message.k", #"{"k":"!"}"#, "k!"),
] as [(String, String, String?)])
func rekeyTakesScalars(_ expression: String, _ input: String, _ key: String?) throws {
    let outcome = try run(stage(rekey(expression)), input)
    #expect(outcome.text == input)
    #expect(outcome.key == key)
}

@Test func laterStepsSeeTheNewKey() throws {
    #expect(try run(stage(rekey("message.k"), set(("old", "key"))), #"{"k":7}"#).text == #"{"k":7,"old":"7"}"#)
}

/// A key's records must stay in one partition, whatever the stage does to keys and partition counts.
@Test func partitionsFollowTheKey() throws {
    let keyed = Given("{}", key: "customer-1")
    #expect(try run(stage(), keyed).partition == 3)
    #expect(try run(stage(filter("true")), keyed).partition == 3)
    let hashed = bytes("customer-1") { Partitioner.partition(of: $0, count: 12) }
    #expect(try run(stage(), keyed, inputs: 6, outputs: 12).partition == hashed)
    #expect(try run(stage(rekey("'customer-1'")), Given("{}", key: "other"), inputs: 12, outputs: 12).partition == hashed)
    #expect(try run(stage(), Given("{}", key: nil), inputs: 6, outputs: 2).partition == 1)
}

@Test func expressionsSeeWhatStandsBesideTheMessage() throws {
    let step = set(("v", "[key, headers.trace, topic, partition, offset, timestamp]"))
    let given = Given("{}", key: "k1", headers: [("trace", "first"), ("trace", "last"), ("other", nil)])
    #expect(try run(stage(step), given).text == #"{"v":["k1","last","orders.raw",3,42,1700000000000]}"#)
    #expect(try run(stage(set(("v", "key"))), Given("{}", key: nil)).text == #"{"v":null}"#)
    #expect(try run(stage(set(("v", "headers.trace"))), Given("{}")).text == "expression.error /v")
    #expect(try run(stage(set(("v", "has(headers.trace)"))), given).text == #"{"v":true}"#)
    #expect(try run(stage(set(("v", "headers"))), given).text == #"{"v":{"trace":"last","other":null}}"#)
    var bytes = Given("{}")
    bytes.key = [0xff, 0x00]
    #expect(try run(stage(set(("v", "type(key) == bytes"))), bytes).text == #"{"v":true}"#)
}

/// Records meet the same program one after the other: nothing of one may show in the next.
@Test func aProgramRemembersNothing() throws {
    var program = try compile(stage(lookup("message.country", as: "c", .keep), set(("r", "c == null ? message.x : c.region")),
                                    check("message.r != 'no'", .warn)))
    var batch = OutputBatch()
    for _ in 0..<3 {
        #expect(run(&program, Given(#"{"country":"DE"}"#), &batch).text == #"{"country":"DE","r":"EU"}"#)
        #expect(run(&program, Given(#"{"x":"no"}"#), &batch).text == #"{"x":"no","r":"no"}"#)
        #expect(run(&program, Given("{}"), &batch).text == "expression.error /r")
        #expect(run(&program, Given("{"), &batch).failure?.step == "")
        #expect(run(&program, Given(nil), &batch).text == "null")
    }
    let counters = program.takeCounters()
    #expect(counters == StageCounters(records: 15, out: 9, dropped: 0, dead: 6, warned: [0, 0, 3]))
    #expect(program.takeCounters() == StageCounters(warned: [0, 0, 0]))
}
