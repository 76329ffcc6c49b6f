import Bytes
import Testing

@testable import ETL

struct RuleCase: CustomTestStringConvertible, Sendable {
    var rule: FieldRule
    var input: String
    /// Nil: the record passes.
    var message: String?
    var testDescription: String { "\(rule.expectation): \(input)" }

    init(_ rule: FieldRule, _ input: String, _ message: String? = nil) {
        self.rule = rule
        self.input = input
        self.message = message
    }
}

@Test(arguments: [
    // presence
    RuleCase(field("a"), #"{"a":0}"#), RuleCase(field("a"), #"{"b":0}"#, "a: required, but missing"),
    RuleCase(field("a", required: false), "{}"), RuleCase(field("a.b"), #"{"a":5}"#, "a.b: required, but missing"),
    RuleCase(field("a", .string), #"{"a":null}"#, "a: expected string, got null"),
    RuleCase(field("a", .string, nullable: true), #"{"a":null}"#),
    RuleCase(field("a", .string, nullable: true), "{}", "a: required, but missing"),
    // type
    RuleCase(field("a", .string), #"{"a":""}"#), RuleCase(field("a", .string), #"{"a":1}"#, "a: expected string, got integer"),
    RuleCase(field("a", .integer), #"{"a":-1}"#), RuleCase(field("a", .integer), #"{"a":3.0}"#),
    RuleCase(field("a", .integer), #"{"a":30e-1}"#),
    RuleCase(field("a", .integer), #"{"a":3.5}"#, "a: expected integer, got number"),
    RuleCase(field("a", .integer), #"{"a":123456789012345678901234567890}"#),
    RuleCase(field("a", .integer), #"{"a":1e400}"#),
    RuleCase(field("a", .integer), #"{"a":1e-400}"#, "a: expected integer, got number"),
    RuleCase(field("a", .integer), #"{"a":"3"}"#, "a: expected integer, got string"),
    RuleCase(field("a", .number), #"{"a":3}"#), RuleCase(field("a", .number), #"{"a":1e400}"#),
    RuleCase(field("a", .number), #"{"a":true}"#, "a: expected number, got boolean"),
    RuleCase(field("a", .boolean), #"{"a":false}"#), RuleCase(field("a", .object), #"{"a":{}}"#),
    RuleCase(field("a", .array), #"{"a":[]}"#),
    RuleCase(field("a", .array), #"{"a":{}}"#, "a: expected array, got object"),
    // bounds, exactly
    RuleCase(field("a", .integer, min: "1"), #"{"a":1}"#),
    RuleCase(field("a", .integer, min: "1"), #"{"a":0}"#, "a: expected integer >= 1"),
    RuleCase(field("a", .integer, min: "1"), #"{"a":1.0}"#), RuleCase(field("a", min: "1"), #"{"a":"not a number"}"#),
    RuleCase(field("a", .number, above: "0"), #"{"a":0.00000000000000000000000000001}"#),
    RuleCase(field("a", .number, above: "0"), #"{"a":1e-400}"#),
    RuleCase(field("a", .number, above: "0"), #"{"a":-1e-400}"#, "a: expected number > 0"),
    RuleCase(field("a", .number, above: "0"), #"{"a":0.0}"#, "a: expected number > 0"),
    RuleCase(field("a", .number, above: "0"), #"{"a":0}"#, "a: expected number > 0"),
    RuleCase(field("a", .number, max: "0.1"), #"{"a":0.1}"#),
    RuleCase(field("a", .number, max: "0.1"), #"{"a":0.10000000000000000001}"#, "a: expected number <= 0.1"),
    RuleCase(field("a", .number, below: "0.1"), #"{"a":0.09999999999999999999999}"#),
    RuleCase(field("a", .number, min: "2.5"), #"{"a":2}"#, "a: expected number >= 2.5"),
    RuleCase(field("a", .number, min: "2.5"), #"{"a":3}"#),
    RuleCase(field("a", .number, max: "-2.5"), #"{"a":-2}"#, "a: expected number <= -2.5"),
    RuleCase(field("a", .number, max: "-2.5"), #"{"a":-3}"#),
    RuleCase(
        field("a", .integer, max: "9223372036854775807"), #"{"a":9223372036854775808}"#,
        "a: expected integer <= 9223372036854775807"),
    RuleCase(field("a", .integer, max: "9223372036854775807"), #"{"a":9223372036854775807}"#),
    RuleCase(field("a", .integer, min: "9007199254740993"), #"{"a":9007199254740992}"#, "a: expected integer >= 9007199254740993"),
    RuleCase(
        field("a", .integer, above: "9223372036854775807"), #"{"a":9223372036854775807}"#,
        "a: expected integer > 9223372036854775807"),
    RuleCase(field("a", .integer, max: "1e30"), #"{"a":9223372036854775807}"#),
    RuleCase(field("a", .integer, min: "-1e30"), #"{"a":-9223372036854775808}"#),
    RuleCase(field("a", .number, max: "1e400"), #"{"a":1e399}"#),
    RuleCase(field("a", .number, max: "1e399"), #"{"a":1e400}"#, "a: expected number <= 1e399"),
    RuleCase(field("a", .number, min: "1", above: "1"), #"{"a":1}"#, "a: expected number >= 1 and > 1"),
    // lengths in code points
    RuleCase(field("a", .string, length: 2...3), #"{"a":"éé"}"#), RuleCase(field("a", .string, length: 2...3), #"{"a":"😀😀😀"}"#),
    RuleCase(field("a", .string, length: 2...3), #"{"a":"\ud83d\ude00"}"#, "a: expected string of 2 to 3 characters"),
    RuleCase(field("a", .string, length: 2...3), #"{"a":"abcd"}"#, "a: expected string of 2 to 3 characters"),
    RuleCase(field("a", .string, length: 2...3), #"{"a":""}"#, "a: expected string of 2 to 3 characters"),
    // patterns
    RuleCase(field("a", .string, pattern: #"^[A-Z]{2}\d+$"#), #"{"a":"DE12"}"#),
    RuleCase(field("a", .string, pattern: #"^[A-Z]{2}\d+$"#), #"{"a":"D12"}"#, #"a: expected string matching ^[A-Z]{2}\d+$"#),
    RuleCase(field("a", .string, pattern: #""\\"#), #"{"a":"x\"\\y"}"#), RuleCase(field("a", pattern: "x"), #"{"a":1}"#),
    // enum, by JSON's equality
    RuleCase(field("a", allowed: [#""EUR""#, #""US\u0044""#]), #"{"a":"USD"}"#),
    RuleCase(field("a", allowed: [#""EUR""#, #""USD""#]), #"{"a":"GBP"}"#, #"a: expected a value, one of "EUR", "USD""#),
    RuleCase(field("a", allowed: ["1"]), #"{"a":1.0}"#), RuleCase(field("a", allowed: ["10", "1e400"]), #"{"a":0.1e401}"#),
    RuleCase(
        field("a", allowed: ["9007199254740993"]), #"{"a":9007199254740992.0}"#, "a: expected a value, one of 9007199254740993"),
    RuleCase(field("a", allowed: ["true", "[1, {\"x\": 2, \"y\": null}]"]), #"{"a":[1.0,{"y":null,"x":2e0}]}"#),
    RuleCase(field("a", allowed: ["[1]"]), #"{"a":[1,2]}"#, "a: expected a value, one of [1]"),
    RuleCase(field("a", allowed: ["true"]), #"{"a":1}"#, "a: expected a value, one of true"),
    RuleCase(field("a", allowed: []), #"{"a":1}"#, "a: expected a value, one of "),
])
func fieldRulesAreJSONSchemas(_ row: RuleCase) throws {
    let outcome = try run(stage(validate(row.rule)), row.input)
    #expect(outcome.failure?.message == row.message)
    if row.message == nil { #expect(outcome.text == row.input) } else { #expect(outcome.failure?.code == .validateSchema) }
}

@Test func aDeadLetterNamesTheFirstFieldAndCountsTheOthers() throws {
    let rules = stage(validate(field("ok"), field("a/b.x~y", .integer, min: "1"), field("c"), field("d", .string)))
    let outcome = try run(rules, #"{"ok":1,"a/b":{"x~y":"three"},"d":4}"#)
    #expect(
        outcome.failure
            == RecordFailure(
                .validateSchema, step: "validate_1", "a/b.x~y: expected integer >= 1, got string (and 2 more fields)",
                pointer: "/a~1b/x~0y"))
}

/// Rules also hold for what earlier steps computed, which has no digits of the record.
@Test(arguments: [
    ("1 + 1", true), ("0.5 + 0.5", true), ("decimal('2.0')", true), ("1", false), ("0.1 + 0.2", false), ("2u", true), ("9u", false),
])
func rulesHoldForComputedValues(_ expression: String, _ passes: Bool) throws {
    let kinds = stage(set(("a", expression)), validate(field("a", .integer, max: "5", above: "0.9", allowed: ["2", "1.0", "9"])))
    let outcome = try run(kinds, "{}")
    #expect((outcome.failure == nil) == (passes || expression == "1"), "\(outcome)")
}

@Test(arguments: [
    ("3", true), ("3.0", true), ("30e-1", true), ("35e-1", false), ("3.5e1", true), ("0", true), ("0.000", true),
    ("1e99999999999999999999", true),
    ("1e-99999999999999999999", false), ("100e-2", true), ("100e-3", false), ("-0.10", false), ("1.10E+2", true),
])
func wholeNumbersAreKnownByTheirDigits(_ text: String, _ isWhole: Bool) {
    #expect(bytes(text) { WholeNumber.isWhole($0) } == isWhole)
}

@Test(
    arguments: [
        ("3", 3), ("3.9", 3), ("-3.9", -4), ("-3", -3), ("9223372036854775807", .max), ("9223372036854775808", nil),
        ("-9223372036854775808", .min),
        ("1e-60000", 0), ("-1e-60000", -1),
    ] as [(String, Int64?)])
func floorsAreExact(_ text: String, _ floor: Int64?) {
    #expect(bytes(text) { WholeNumber.floor($0) } == floor)
}
