import Testing

@testable import Bytes

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}

/// Whether a number is a multiple is decided by its digits, however large or small both are.
@Suite struct DecimalDivisorTests {
    @Test(arguments: [
        ("3", "9", true), ("3", "10", false), ("0.01", "19.99", true), ("0.01", "19.999", false), ("0.1", "1e-1", true),
        ("2", "1e400", true),
        ("3", "1e400", false), ("7", "7e1000000000", true), ("1e-400", "5", true), ("1e-400", "1e-401", false),
        ("100", "250", false), ("100", "2.5e3", true),
        ("0.3", "0.9000", true), ("-0", "0", false), ("1.5", "-4.5", true),
        ("12345678901234567890123456789012345", "24691357802469135780246913578024690", true),
        ("12345678901234567890123456789012345", "24691357802469135780246913578024691", false), ("1", "x", false),
        ("128", "1e7", true), ("256", "1e7", false),
    ])
    func multiples(_ divisor: String, _ number: String, _ expected: Bool) {
        guard let divisor = withBytes(divisor, { DecimalDivisor($0) }) else {
            #expect(!expected)
            return
        }
        #expect(withBytes(number) { divisor.divides($0) } == expected)
    }

    @Test(arguments: ["0", "-1", "", "a", "0.000", "12345678901234567890123456789012345678"])
    func noDivisors(_ text: String) { #expect(withBytes(text) { DecimalDivisor($0) } == nil) }

    @Test func hashesAreOfValues() {
        func hash(_ text: String) -> UInt64 { withBytes(text) { DecimalText.hash($0) { $0 &* 31 &+ $1 &* 0x9e37_79b9_7f4a_7c15 } } }
        for same in [
            ["1", "1.0", "10e-1", "0.1e1"], ["0", "-0", "0.0e9"], ["-12.5", "-125e-1"],
            ["123456789012345678901234567890", "12345678901234567890123456789e1"],
        ] {
            #expect(Set(same.map(hash)).count == 1)
        }
        #expect(Set(["1", "-1", "10", "1.1", "11", "0", "1e20", "12"].map(hash)).count == 8)
    }
}
