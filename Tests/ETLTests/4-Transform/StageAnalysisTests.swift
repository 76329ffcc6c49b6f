import Testing

@testable import ETL

private func problems(_ stage: StagePlan) -> [Problem] {
    do {
        _ = try compile(stage)
        return []
    } catch let error as StageProblems {
        return error.problems
    } catch {
        Issue.record(error)
        return []
    }
}

/// Someone who writes a topology wants to see every mistake at once, each at its place, before the first record.
@Test func everyProblemIsReportedAtItsPlace() {
    let found = problems(
        stage(
            .check(name: "a", expression: cel("message.q >= ", line: 2), onFailure: .deadLetter),
            .filter(cel("mesage.q > 1", line: 3)),
            .set([(["t"], cel("message.x + country.region", line: 4))]),
            .lookup(table: "countries", key: cel("message.country", line: 5), alias: "country", onMissing: .deadLetter),
            .set([(["t"], cel("message.x + country.regoin", line: 6))]),
            .validate(fields: [field("a", pattern: "(?=x)")]),
            .filter(cel("'text'", line: 8)),
            .rename([(["a"], ["a", "b"])]),
            .remove([[""]])))
    #expect(
        found.map(\.code) == [
            "expression.syntax", "expression.name", "expression.name", "expression.name", "pattern.syntax", "expression.type",
            "path.overlap", "path.empty",
        ])
    #expect(found.prefix(6).map(\.position.line) == [2, 3, 4, 6, 7, 8])
    #expect(found[1].suggestion?.contains("message") == true)
    #expect(found[2].message.contains("before the lookup"))
    #expect(found[2].position.column == 13)
    #expect(found[3].suggestion == "did you mean `region`?")
    #expect(found[3].position.column == 21)
}

@Test func anAliasMustNotHideAnotherName() {
    #expect(problems(stage(lookup("message.a", as: "message"))).map(\.code) == ["lookup.alias"])
    #expect(problems(stage(lookup("message.a", as: "a"), lookup("message.b", as: "a"))).map(\.code) == ["lookup.alias"])
}

@Test func aMissingTableIsAProblem() {
    let missing = stage(.lookup(table: "nowhere", key: cel("message.a"), alias: "n", onMissing: .keep))
    #expect(problems(missing).map(\.code) == ["lookup.unknown"])
}

/// A record is read once unless slots can't say what it has become.
@Test(arguments: [
    (stage(set(("a", "1")), filter("message.b > 1"), set(("c", "message.a + 1")), remove("d")), 1),
    (stage(set(("a.b", "1")), check("has(message.a.c)")), 1),
    (stage(set(("a", "1")), check("has(message.b)")), 1),
    (stage(set(("a.b", "1")), set(("c", "message.a"))), 2),
    (stage(set(("a", "{}")), set(("a.b", "1"))), 2),
    (stage(remove("a"), validate(field("a.b"))), 2),
    (stage(keep("a")), 1), (stage(keep("a"), filter("message.a > 1")), 2), (stage(keep("a"), rekey("key")), 1),
    (stage(keep("a"), keep("a"), keep("a")), 3),
    (stage(set(("a", "message.a.b"))), 1),
])
func recordsAreReadOnceWhereOnceIsEnough(_ stage: StagePlan, _ parts: Int) {
    #expect(StageAction.parts(StageAnalysis(stage, columns: [:]).actions).count == parts)
}

@Test func aTestOfAFieldBesideOneThatWasSetSeesTheNewObject() throws {
    #expect(try run(stage(set(("a.b", "1")), set(("c", "has(message.a.c)"))), "{}").text == #"{"a":{"b":1},"c":false}"#)
    #expect(
        try run(stage(lookup("message.x", as: "c", .keep), set(("r", "has(c.region)"))), #"{"x":"DE"}"#).text
            == #"{"x":"DE","r":true}"#)
}

/// What `validate` has made sure of, expressions after it are checked against, until a step changes the field.
@Test(arguments: [
    (stage(validate(field("a", .string)), check("message.a > 1")), ["expression.type"]),
    (stage(check("message.a > 1"), validate(field("a", .string))), []),
    (stage(validate(field("a", .integer)), check("message.a > 1 && message.a < 2.5")), []),
    (stage(validate(field("a", .string)), check("message.a == 5")), ["expression.constant"]),
    (stage(validate(field("a", .string)), set(("a", "1")), check("message.a > 1")), []),
    (stage(validate(field("a", .string)), set(("a", "1")), validate(field("a", .number)), check("message.a > 1")), []),
    (stage(validate(field("a.b", .string)), remove("a"), check("message.a.b > 1")), []),
    (stage(validate(field("a", .boolean)), filter("message.a")), []),
    (stage(validate(field("a", .string)), filter("message.a")), ["expression.type"]),
    (stage(check("partition == 'x'")), ["expression.constant"]),
])
func expressionsAreCheckedAgainstWhatIsKnown(_ stage: StagePlan, _ codes: [String]) {
    #expect(StageAnalysis(stage, columns: [:]).problems.map(\.code) == codes)
}
