import Foundation
import JSON
import Log
import Testing

@testable import ETL

private func plan(_ csv: String, key: String = "code", columns: [String: ColumnType] = [:]) throws -> LookupPlan {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("lookup-\(UUID().uuidString).csv")
    try Data(csv.utf8).write(to: file)
    return LookupPlan(name: "countries", key: key, source: .csv(path: file.path, columns: columns), position: place(1))
}

private func joined(_ plan: LookupPlan, _ expression: String, _ input: String) throws -> String {
    let tables = try LookupTables.load([plan])
    var program = try StageProgram.compile(stage: stage(lookup("message.k"), set(("r", expression))), lookups: tables, inputPartitions: 1,
                                           outputPartitions: 1)
    return run(&program, input)
}

private func run(_ program: inout StageProgram, _ input: String) -> String {
    var batch = OutputBatch()
    return run(&program, Given(input), &batch).text
}

@Test(arguments: [
    ("[country.region, country.vat]", #"{"k":"DE"}"#, #"{"k":"DE","r":["EU, north",0.190]}"#),
    ("country", #"{"k":"FR"}"#, #"{"k":"FR","r":{"code":"FR","region":null,"vat":20.0,"n":-7,"ok":false}}"#),
    ("decimal(message.p) * country.vat", #"{"k":"DE","p":0.10}"#, #"{"k":"DE","p":0.10,"r":0.01900}"#),
    ("country.n + 1", #"{"k":"DE"}"#, #"{"k":"DE","r":2}"#),
])
func aRowsColumnsHaveTheirTypes(_ expression: String, _ input: String, _ expected: String) throws {
    let csv = "code,region,vat,n,ok\r\nDE,\"EU, north\",0.190,1,TRUE\nFR,,20.0,-7,false\n"
    #expect(try joined(plan(csv, columns: ["vat": .decimal, "n": .int, "ok": .bool]), expression, input) == expected)
}

@Test func integerKeysMatchHoweverTheyAreTyped() throws {
    for columns in [[:], ["code": ColumnType.int]] {
        let found = try joined(plan("code,name\n5,five\n-12345678901,far\n", columns: columns), "country.name", #"{"k":5}"#)
        #expect(found == #"{"k":5,"r":"five"}"#)
        #expect(try joined(plan("code,name\n5,five\n", columns: columns), "country.name", #"{"k":"5"}"#) == #"{"k":"5","r":"five"}"#)
    }
}

@Test(arguments: [
    ("code,r\nDE,1\nFR,2\nDE,3\n", [:], "lookup.duplicate", ":4: the key 'DE' stands in line 2 already"),
    ("code,r\n,1\n", [:], "lookup.key", ":2: the key column 'code' is empty"),
    ("code,r\nDE\n", [:], "lookup.row", ":2: the row has 1 fields"),
    ("code,r\nDE,\"a\n", [:], "lookup.row", ":2: a quoted field isn't closed"),
    ("code,r\nDE,x\n", ["r": .int], "lookup.row", ":2: column 'r' isn't of type int"),
    ("code,r\nDE,9223372036854775808\n", ["r": .int], "lookup.row", ":2: the number in column 'r' doesn't fit int"),
    ("id,r\nDE,1\n", [:], "lookup.column", "which has: id, r"),
    ("code,code\nDE,1\n", [:], "lookup.column", "stands twice"),
    ("code,r\nDE,1\n", ["x": .int], "lookup.column", "Column 'x'"),
    ("code,r\nDE,1\n", ["r": .json], "lookup.column", "can't be json"),
    ("", [:], "lookup.file", "has no header"),
] as [(String, [String: ColumnType], String, String)])
func whatIsWrongWithAFileIsSaidWithItsLine(_ csv: String, _ columns: [String: ColumnType], _ code: String, _ message: String) throws {
    let plan = try plan(csv, columns: columns)
    let error = #expect(throws: LookupError.self) { _ = try plan.load() }
    #expect(error?.code == code)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
}

@Test func aFileThatIsNotThereIsSaid() {
    let plan = LookupPlan(name: "x", key: "code", source: .csv(path: "/nowhere/x.csv", columns: [:]), position: place(1))
    #expect(throws: LookupError.self) { _ = try plan.readColumns() }
}

/// Every key is found among many, and none that isn't there; whatever its length.
@Test func manyKeysAreFound() throws {
    var csv = "code,n\n"
    for n in 0..<5000 { csv += "\(String(repeating: "k", count: n % 23))\(n),\(n)\n" }
    let table = try plan(csv, columns: ["n": .int]).load()
    #expect(table.rowCount == 5000)
    for n in 0..<6000 {
        let found = bytes("\(String(repeating: "k", count: n % 23))\(n)") { table.index.find($0).map { $0[1].int } }
        #expect(found == (n < 5000 ? Int64(n) : nil))
    }
}
