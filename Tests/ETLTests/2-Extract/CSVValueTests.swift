import Testing

@testable import ETL

/// If these fail, a value is changed silently, or a good row refused.
struct CSVValueTests {
    // type, field as in the file, JSON or nil for csv.type
    static let cases: [(ColumnType, String, String?)] = [
        (.int, "0", "0"), (.int, "-0", "-0"), (.int, "-12", "-12"), (.int, "\"7\"", "7"), (.int, "", "null"),
        (.int, "123456789012345678901234567890", "123456789012345678901234567890"),
        (.int, "007", nil), (.int, "+5", nil), (.int, " 5", nil), (.int, "5.0", nil), (.int, "1e3", nil), (.int, "-", nil), (.int, "\"\"", nil),
        (.int, "1_000", nil), (.int, "٣", nil), (.int, "\"1\"\"\"", nil),
        (.double, "1.50", "1.50"), (.decimal, "19.99", "19.99"), (.double, "-1E+5", "-1E+5"), (.double, "1e400", "1e400"), (.decimal, "3", "3"),
        (.double, ".5", nil), (.double, "5.", nil), (.double, "NaN", nil), (.double, "1,5", nil), (.double, "01.5", nil), (.double, "1e", nil),
        (.bool, "true", "true"), (.bool, "FALSE", "false"), (.bool, "True", "true"), (.bool, "1", nil), (.bool, "yes", nil), (.bool, "truE ", nil),
        (.date, "2024-02-29", "\"2024-02-29\""), (.date, "2023-02-29", nil), (.date, "1900-02-29", nil), (.date, "2000-02-29", "\"2000-02-29\""),
        (.date, "2024-13-01", nil), (.date, "2024-1-1", nil), (.date, "2024-04-31", nil), (.date, "2024-00-10", nil), (.date, "2024/01/01", nil),
        (.timestamp, "2026-01-31T10:00:00Z", "\"2026-01-31T10:00:00Z\""), (.timestamp, "2026-01-31t10:00:00.123z", "\"2026-01-31t10:00:00.123z\""),
        (.timestamp, "2026-01-31T10:00:00+05:30", "\"2026-01-31T10:00:00+05:30\""), (.timestamp, "2026-01-31T10:00:00", nil),
        (.timestamp, "2026-01-31 10:00:00Z", nil), (.timestamp, "2026-01-31T24:00:00Z", nil), (.timestamp, "2026-01-31T10:60:00Z", nil),
        (.timestamp, "2016-12-31T23:59:60Z", "\"2016-12-31T23:59:60Z\""), (.timestamp, "2016-12-31T15:59:60-08:00", "\"2016-12-31T15:59:60-08:00\""),
        (.timestamp, "2016-12-31T22:59:60Z", nil), (.timestamp, "2026-01-31T10:00:00.Z", nil), (.timestamp, "2026-01-31T10:00:00.5", nil),
        (.timestamp, "2026-01-31T10:00:00+0530", nil), (.timestamp, "2026-01-31T10:00:00ZZ", nil), (.timestamp, "2026-02-30T10:00:00Z", nil),
        (.json, "\"{\"\"a\"\":[1,2.50,null]}\"", "{\"a\":[1,2.50,null]}"), (.json, "3", "3"), (.json, "\"\"\"x\"\"\"", "\"x\""), (.json, "", "null"),
        (.json, "x", nil), (.json, "\"\"", nil), (.json, "\"{\"\"a\"\":}\"", nil), (.json, "\"[1] 2\"", nil), (.json, "\"\"\"\\q\"\"\"", nil),
        (.string, "a\"b", nil),
    ]

    @Test(arguments: cases)
    func takesWhatTheTypeIsAndNothingElse(type: ColumnType, field: String, json: String?) throws {
        let folder = try TestFolder()
        // Comma is content here, so that it can stand in a field.
        let path = try folder.write("f.csv", "k;v\n1;\(field)\n2;\n")
        let rows = try CSVPlan.test(path, columns: [("v", type)], delimiter: ";").read().rows.map(\.text)
        let expected = json.map { #"{"k":"1","v":\#($0)}"# } ?? "csv.\(type == .string ? "quote" : "type") 1;\(field)"
        #expect(rows == [expected, #"{"k":"2","v":null}"#])
    }
}
