import ETL
import Testing

/// Times as logs and dead letters write them.
@Suite struct TimestampTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
    ])
    func rfc3339(milliseconds: Int64, text: String) { #expect(formatTimestamp(milliseconds: milliseconds) == text) }

    /// A record's timestamp is whatever its producer wrote.
    @Test(arguments: [Int64.min, .max, .max - 1, -62_135_596_800_000, -99_999_999_999_999])
    func anythingHasAText(milliseconds: Int64) { #expect(formatTimestamp(milliseconds: milliseconds).hasSuffix("Z")) }
}
