import ETL
import Foundation
import Postgres
import Testing

/// What a JSON value becomes in a column. A wrong row here is a value silently changed on its way into the warehouse.
@Suite struct PostgresConversionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var type: String
        var json: String
        /// What Postgres shows, or the refusal's code after a `!`.
        var result: String?

        init(_ type: String, _ json: String, _ result: String?) {
            self.type = type
            self.json = json
            self.result = result
        }

        var testDescription: String { "\(type) ← \(json.prefix(60))" }
    }

    static let scalars: [Case] = [
        Case("boolean", "true", "true"), Case("boolean", "false", "false"), Case("boolean", "null", nil),
        Case("boolean", "1", "!load.conversion"), Case("boolean", #""true""#, "!load.conversion"),
        Case("smallint", "-32768", "-32768"), Case("smallint", "32767", "32767"), Case("smallint", "32768", "!load.range"),
        Case("integer", "-2147483648", "-2147483648"), Case("integer", "2147483647", "2147483647"),
        Case("integer", "2147483648", "!load.range"), Case("integer", "-0", "0"), Case("integer", "3.0", "!load.conversion"),
        Case("integer", "1e2", "!load.conversion"), Case("integer", #""1""#, "!load.conversion"),
        Case("integer", "99999999999999999999", "!load.range"), Case("integer", "1e400", "!load.conversion"),
        Case("bigint", "9223372036854775807", "9223372036854775807"),
        Case("bigint", "-9223372036854775808", "-9223372036854775808"),
        Case("bigint", "9223372036854775808", "!load.range"),
        Case("double precision", "0.1", "0.1"), Case("double precision", "-0.0", "-0"),
        Case("double precision", "5e-324", "5e-324"),
        Case("double precision", "1.7976931348623157e308", "1.7976931348623157e+308"),
        Case("double precision", "1e400", "!load.range"),
        Case("double precision", "1e-400", "!load.range"), Case("double precision", "0e-400", "0"),
        Case("double precision", "7", "7"),
        Case("double precision", "123456789012345678901234567890", "1.2345678901234568e+29"),
        Case("real", "0.1", "0.1"), Case("real", "3.4028235e38", "3.4028235e+38"), Case("real", "3.5e38", "!load.range"),
        Case("real", "1e-46", "!load.range"), Case("real", "1.4e-45", "1e-45"), Case("real", "16777217", "1.6777216e+07"),
        // Just above the middle between two floats, while its double stands exactly on it: rounding twice would round down.
        Case("real", "1.00000005960464477540", "1.0000001"), Case("real", "1.00000005960464477539", "1"),
        Case("text", #""plain""#, "plain"), Case("text", #""""#, ""), Case("text", #""a\n\"\u00fc\ud83d\ude00""#, "a\n\"ü😀"),
        Case("text", "5", "!load.conversion"), Case("text", "{}", "!load.conversion"),
        Case("text", #""a\u0000b""#, "!load.conversion"),
        Case("varchar(3)", #""äöü""#, "äöü"), Case("varchar(3)", #""äöüx""#, "!load.range"),
        Case("varchar(3)", #""ab  ""#, "!load.range"),
        Case("varchar", #""any length""#, "any length"), Case("char(3)", #""a""#, "a"), Case("char(3)", #""abcd""#, "!load.range"),
        Case("date", #""2026-02-28""#, "2026-02-28"), Case("date", #""2024-02-29""#, "2024-02-29"),
        Case("date", #""2026-02-29""#, "!load.conversion"), Case("date", #""1900-02-29""#, "!load.conversion"),
        Case("date", #""0001-01-01""#, "0001-01-01"), Case("date", #""1999-12-31""#, "1999-12-31"),
        Case("date", #""9999-12-31""#, "9999-12-31"),
        Case("date", #""0000-03-01""#, "0001-03-01 BC"), Case("date", #""2026-13-01""#, "!load.conversion"),
        Case("date", #""2026-1-1""#, "!load.conversion"), Case("date", #""2026-01-01T""#, "!load.conversion"),
        Case("date", "20260101", "!load.conversion"),
        Case("time", #""23:59:59.999999""#, "23:59:59.999999"), Case("time", #""24:00:00""#, "!load.conversion"),
        Case("time", #""12:00""#, "!load.conversion"), Case("time(3)", #""12:00:00.1234""#, "!load.range"),
        Case("timestamptz", #""2026-07-01T12:34:56.123456Z""#, "2026-07-01 12:34:56.123456+00"),
        Case("timestamptz", #""2026-07-01t12:34:56z""#, "2026-07-01 12:34:56+00"),
        Case("timestamptz", #""2026-07-01 00:30:00+05:30""#, "2026-06-30 19:00:00+00"),
        Case("timestamptz", #""2026-12-31T23:30:00-01:00""#, "2027-01-01 00:30:00+00"),
        Case("timestamptz", #""1999-12-31T23:59:59.5Z""#, "1999-12-31 23:59:59.5+00"),
        Case("timestamptz", #""2026-07-01T12:34:56.1234560000Z""#, "2026-07-01 12:34:56.123456+00"),
        Case("timestamptz", #""2026-07-01T12:34:56.1234567Z""#, "!load.range"),
        Case("timestamptz(3)", #""2026-07-01T12:34:56.123Z""#, "2026-07-01 12:34:56.123+00"),
        Case("timestamptz(3)", #""2026-07-01T12:34:56.1234Z""#, "!load.range"),
        Case("timestamptz(0)", #""2026-07-01T12:34:56.000Z""#, "2026-07-01 12:34:56+00"),
        Case("timestamptz", #""2026-07-01T12:34:56""#, "!load.conversion"),
        Case("timestamptz", #""2026-07-01T12:34:60Z""#, "!load.conversion"),
        Case("timestamptz", #""2026-07-01T12:34:56.Z""#, "!load.conversion"),
        Case("timestamptz", #""2026-07-01T12:34:56+0100""#, "!load.conversion"),
        Case("timestamptz", #""2026-07-01T12:34:56Zx""#, "!load.conversion"),
        Case("timestamptz", #""infinity""#, "!load.conversion"),
        Case("timestamptz", "1767225600", "!load.conversion"),
        Case("timestamp", #""2026-07-01T12:34:56.5""#, "2026-07-01 12:34:56.5"),
        Case("timestamp", #""2026-07-01T12:34:56Z""#, "!load.conversion"),
        Case("uuid", #""0123abcd-EF01-2345-6789-abcdef012345""#, "0123abcd-ef01-2345-6789-abcdef012345"),
        Case("uuid", #""0123abcdef0123456789abcdef012345""#, "!load.conversion"),
        Case("uuid", #""0123abcg-ef01-2345-6789-abcdef012345""#, "!load.conversion"),
        Case("bytea", #""""#, #"\x"#), Case("bytea", #""AP8=""#, #"\x00ff"#), Case("bytea", #""AAECAw==""#, #"\x00010203"#),
        Case("bytea", #""AP8""#, "!load.conversion"), Case("bytea", #""AP9=""#, "!load.conversion"),
        Case("bytea", #""A===""#, "!load.conversion"),
        Case("bytea", #""=AAA""#, "!load.conversion"), Case("bytea", #""\\x00""#, "!load.conversion"),
        Case("jsonb", #"{"b":1.50,"a":[true,null,"\u00e4"]}"#, #"{"a": [true, null, "ä"], "b": 1.50}"#),
        Case("jsonb", "1.50", "1.50"),
        Case("jsonb", #""a\"b""#, #""a\"b""#), Case("jsonb", "true", "true"), Case("jsonb", "null", nil),
        Case("jsonb", #"{"a":"\u0000"}"#, "!load.conversion"), Case("jsonb", #"{"a":"\\u0000"}"#, #"{"a": "\\u0000"}"#),
        Case("jsonb", #""\u0000""#, "!load.conversion"), Case("jsonb", "12345678901234567890123", "12345678901234567890123"),
        Case("json", #"{"b": 1,  "a":"\u0000"}"#, #"{"b": 1,  "a":"\u0000"}"#), Case("json", #""x""#, #""x""#),
        Case("mood", #""fine""#, "fine"), Case("mood", "1", "!load.conversion"), Case("mood", #""unheard""#, "!load.rejected"),
        Case("positive", "5", "5"), Case("positive", "0", "!load.rejected"), Case("positive", "null", "!load.null"),
        Case("small_positive", "7", "7"), Case("small_positive", "2147483648", "!load.range"),
    ]

    static let numerics: [Case] = [
        Case("numeric", "0", "0"), Case("numeric", "-0.00", "0.00"), Case("numeric", "1", "1"), Case("numeric", "-1.50", "-1.50"),
        Case("numeric", "10000", "10000"), Case("numeric", "0.0001", "0.0001"), Case("numeric", "0.00001", "0.00001"),
        Case("numeric", "123456789.123456789", "123456789.123456789"), Case("numeric", "1e3", "1000"),
        Case("numeric", "1.5E+3", "1500"),
        Case("numeric", "1.50e1", "15.0"), Case("numeric", "1e-3", "0.001"), Case("numeric", "12e-3", "0.012"),
        Case("numeric", "0e999999999999", "0"), Case("numeric", "1e999999999999", "!load.range"),
        Case("numeric", "1e-999999999999", "!load.range"), Case("numeric", "1e131072", "!load.range"),
        Case("numeric", "1e-16384", "!load.range"),
        Case("numeric", "99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        Case("numeric", #""1.5""#, "!load.conversion"), Case("numeric", "true", "!load.conversion"),
        Case("numeric(5,2)", "999.99", "999.99"), Case("numeric(5,2)", "1000", "!load.range"), Case("numeric(5,2)", "1.5", "1.50"),
        Case("numeric(5,2)", "1.500", "1.50"), Case("numeric(5,2)", "1.505", "!load.range"), Case("numeric(5,2)", "-0.01", "-0.01"),
        Case("numeric(5,2)", "1e2", "100.00"), Case("numeric(5,2)", "0.00000", "0.00"), Case("numeric(5)", "12345", "12345"),
        Case("numeric(5)", "1.5", "!load.range"), Case("numeric(2,-3)", "99000", "99000"),
        Case("numeric(2,-3)", "99500", "!load.range"),
        Case("numeric(2,-3)", "100000", "!load.range"), Case("numeric(2,4)", "0.0099", "0.0099"),
        Case("numeric(2,4)", "0.01", "!load.range"),
        Case("numeric(1000,0)", String(repeating: "9", count: 1000), String(repeating: "9", count: 1000)),
        Case("numeric", "0." + String(repeating: "0", count: 16382) + "1", "0." + String(repeating: "0", count: 16382) + "1"),
        Case("numeric", "1e131071", "1" + String(repeating: "0", count: 131_071)),
    ]

    static let arrays: [Case] = [
        Case("integer[]", "[]", "{}"), Case("integer[]", "[1,null,-3]", "{1,NULL,-3}"),
        Case("integer[]", "[1.0]", "!load.conversion"),
        Case("integer[]", "[[1]]", "!load.conversion"), Case("integer[]", "1", "!load.conversion"), Case("integer[]", "null", nil),
        Case("text[]", #"["a","b\"c",""]"#, #"{a,"b\"c",""}"#), Case("numeric(5,2)[]", "[1.5, 2]", "{1.50,2.00}"),
        Case("numeric(5,2)[]", "[1.555]", "!load.range"), Case("varchar(2)[]", #"["abc"]"#, "!load.range"),
        Case("boolean[]", "[true,false]", "{t,f}"),
        Case("timestamptz[]", #"["2026-01-01T00:00:00Z"]"#, #"{"2026-01-01 00:00:00+00"}"#),
        Case("uuid[]", #"["0123abcd-ef01-2345-6789-abcdef012345"]"#, "{0123abcd-ef01-2345-6789-abcdef012345}"),
        Case("jsonb[]", #"[{"a":1},[2]]"#, #"{"{\"a\": 1}",[2]}"#), Case("mood[]", #"["fine"]"#, "{fine}"),
        Case("bytea[]", #"["AA=="]"#, #"{"\\x00"}"#),
        Case("double precision[]", "[0.1, 2]", "{0.1,2}"),
    ]

    static let types = Set((scalars + numerics + arrays).map(\.type)).sorted()

    /// All values of a type in one batch, so that the good ones also prove that a refused one leaves no trace.
    @Test(arguments: types)
    func values(type: String) throws {
        let cases = (Self.scalars + Self.numerics + Self.arrays).filter { $0.type == type }
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            """
            CREATE TYPE mood AS ENUM ('fine', 'sad'); CREATE DOMAIN positive AS integer NOT NULL CHECK (VALUE > 0); \
            CREATE DOMAIN small_positive AS positive CHECK (VALUE < 1000); CREATE TABLE t (n int, v \(type)); SET timezone = 'UTC'
            """)
        var sink = try fixture.sink(fixture.plan())
        let rejected = sink.append(cases.enumerated().map { "{\"n\":\($0),\"v\": \($1.json) }" })
        let refused = try sink.flush(
            offsets: [SinkOffset(partition: 0, expected: nil, next: Int64(cases.count))], rejected: rejected)
        let found = rejected + refused.map(\.rejected)
        let rows = try fixture.rows("SELECT n, v::text FROM t")
        for (index, row) in cases.enumerated() {
            let code = found.first { $0.offset == Int64(index) }?.rejection.code
            let loaded = rows.first { $0[0] == "\(index)" }
            if let result = row.result, result.hasPrefix("!") {
                #expect(code == String(result.dropFirst()), "\(row.testDescription)")
                #expect(loaded == nil, "\(row.testDescription)")
            } else {
                #expect(code == nil, "\(row.testDescription)")
                #expect(loaded.map { $0[1] } == .some(row.result), "\(row.testDescription)")
            }
        }
        #expect(rows.count + found.count == cases.count)
    }

    /// Numbers as people never write them, against Postgres' own reading of the same text.
    @Test func randomNumerics() throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("ETL_TEST_SEED=\(seed)")
        var random = SplitMix(state: seed)
        var numbers: [String] = []
        for _ in 0..<3000 {
            func digits(_ most: Int) -> String {
                (0..<Int.random(in: 1...most, using: &random)).map { _ in
                    String("0001123456789".randomElement(using: &random) ?? "0")
                }.joined()
            }
            let whole = digits(20).drop { $0 == "0" }
            var text = (Bool.random(using: &random) ? "-" : "") + (whole.isEmpty ? "0" : whole)
            if Bool.random(using: &random) { text += "." + digits(20) }
            if Int.random(in: 0..<4, using: &random) == 0 { text += "e\(Int.random(in: -15...15, using: &random))" }
            numbers.append(text)
        }
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (v numeric, s text, d double precision, f real)")
        var sink = try fixture.sink(fixture.plan())
        let bad = try sink.load(numbers.map { "{\"v\":\($0),\"s\":\"\($0)\",\"d\":\($0),\"f\":\($0)}" }, expected: nil)
        #expect(bad == [])
        #expect(
            try fixture.rows(
                """
                SELECT s, v FROM t WHERE v::text <> s::numeric::text OR d <> s::double precision OR f <> s::real
                """) == [])
        #expect(try fixture.column("SELECT count(*) FROM t") == ["3000"])
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
