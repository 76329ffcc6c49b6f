import Bytes
import Testing
import class Foundation.ProcessInfo

/// Random numbers that can be had again: the seed is printed, and taken from ETL_TEST_SEED.
private struct SeededRandom: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init() {
        seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        state = seed
        print("seed \(seed)")
    }

    mutating func next() -> UInt64 {  // SplitMix64
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

private func with<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    Array(text.utf8).withUnsafeBytes(body)
}

private func shortest(_ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.maxDoubleBytes) { target in
        guard let start = target.baseAddress else { return "" }
        return String(decoding: target[..<NumberText.write(value, to: start)], as: UTF8.self)
    }
}

/// A number written wrong or read wrong is a wrong price in somebody's table.
@Suite struct NumberTextTests {
    static let doubles: [(String, NumberText.DoubleResult)] = [
        ("0", .value(0)), ("1.5", .value(1.5)), ("0.1", .value(0.1)), ("1e22", .value(1e22)), ("1e23", .value(1e23)),
        ("9007199254740993", .value(9007199254740992)), ("9007199254740993.00000000000000000000000000000000001",
        .value(9007199254740994)),
        ("2.2250738585072011e-308", .value(Double(bitPattern: 0xf_ffff_ffff_ffff))), ("4.9e-324",
        .value(.leastNonzeroMagnitude)), ("1.7976931348623158e308", .value(.greatestFiniteMagnitude)),
        ("1.7976931348623159e308", .overflow(.infinity)), ("-1e309", .overflow(-.infinity)), ("1e99999999999999999999",
        .overflow(.infinity)),
        ("1e-99999999999999999999", .value(0)), ("2e-324", .value(0)), ("0e99999", .value(0)), ("0.5", .value(0.5)),
        ("", .notANumber), ("nan", .notANumber), ("inf", .notANumber), ("1x", .notANumber), ("x1", .notANumber), ("1e",
        .notANumber), ("-", .notANumber),
        ("infinity", .notANumber), ("1.5 ", .notANumber), ("0x10", .notANumber),
    ]

    @Test(arguments: doubles) func readsDoubles(_ text: String, _ expected: NumberText.DoubleResult) {
        #expect(with(text, NumberText.double) == expected)
    }

    @Test func readsNegativeZero() {
        for text in ["-0", "-0.0", "-1e-400"] {
            guard case .value(let value) = with(text, NumberText.double) else {
                Issue.record("\(text) was not read")
                continue
            }
            #expect(value.sign == .minus && value == 0)
        }
    }

    static let texts: [(Double, String)] = [
        (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (-1.5, "-1.5"), (0.1, "0.1"), (0.1 + 0.2, "0.30000000000000004"), (100, "100.0"),
        (123456.789, "123456.789"),
        (1e5, "100000.0"), (1e20, "100000000000000000000.0"), (1e21, "1e21"), (1.5e300, "1.5e300"), (-1e-6, "-0.000001"), (1e-7,
        "1e-7"),
        (1.25e-7, "1.25e-7"), (.leastNonzeroMagnitude, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e308"),
        (9007199254740992, "9007199254740992.0"),
        (0.001, "0.001"), (0.0625, "0.0625"), (99999999999.9999, "99999999999.9999"), (1234567890123.5, "1234567890123.5"),
        (0.005, "0.005"), (430.76, "430.76"),
    ]

    @Test(arguments: texts) func writesTheShortest(_ value: Double, _ expected: String) {
        #expect(shortest(value) == expected)
    }

    @Test func whatIsWrittenReadsBackTheSame() {
        var random = SeededRandom()
        for i in 0..<4000 {
            let value: Double
            switch i % 3 {
            case 0: value = Double(bitPattern: random.next())
            case 1: value = Double(Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)) / [1, 10, 100, 1000, 10000,
            100000][i / 3 % 6]
            default: value = Double.random(in: -1000...1000, using: &random)
            }
            guard value.isFinite else { continue }
            let text = shortest(value)
            #expect(with(text, NumberText.double) == .value(value), "\(value.bitPattern), seed \(random.seed)")
            #expect(text.count <= NumberText.maxDoubleBytes)
            // Swift's own text is the shortest too: as many digits.
            func digits(_ text: String) -> Int {
                let all = text.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
                return all.reversed().drop { $0 == "0" }.count
            }
            #expect(digits(text) == digits(value.description), "\(text) \(value)")
        }
    }

    @Test(arguments: [0, 1, -1, 9, 10, 99, 100, -100, .max, .min, 1_000_000_000_000_000_000, 999_999_999_999_999_999] as [Int64])
    func writesIntegers(_ value: Int64) {
        var buffer = ByteBuffer()
        buffer.advance(NumberText.write(value, to: buffer.reserve(NumberText.maxIntBytes)))
        buffer.append(UInt8(ascii: " "))
        let unsigned = UInt64(bitPattern: value)
        buffer.advance(NumberText.write(unsigned, to: buffer.reserve(NumberText.maxIntBytes)))
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == "\(value) \(unsigned)")
    }

    static let decimals: [(Int64, Int, String)] = [
        (0, 0, "0"), (0, 2, "0.00"), (5, 0, "5"), (1250, 2, "12.50"), (-1250, 2, "-12.50"), (5, 3, "0.005"), (-5, 1, "-0.5"),
        (100, 3, "0.100"),
        (.max, 18, "9.223372036854775807"), (.min, 19, "-0.9223372036854775808"), (1, 40,
        "0." + String(repeating: "0", count: 39) + "1"),
    ]

    @Test(arguments: decimals) func writesDecimals(_ unscaled: Int64, _ scale: Int, _ expected: String) {
        var buffer = ByteBuffer()
        NumberText.append(decimal: unscaled, scale: scale, to: &buffer)
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == expected)
    }
}

/// Decimal bounds and amounts are exact, whatever their length.
@Suite struct DecimalTextTests {
    static let exact: [(String, DecimalText.Exact)] = [
        ("0", .value(unscaled: 0, scale: 0)), ("-0", .value(unscaled: 0, scale: 0)), ("0.00", .value(unscaled: 0, scale: 2)),
        ("1", .value(unscaled: 1, scale: 0)),
        ("12.50", .value(unscaled: 1250, scale: 2)), ("-12.50", .value(unscaled: -1250, scale: 2)), ("1e3",
        .value(unscaled: 1000, scale: 0)),
        ("1.5e3", .value(unscaled: 1500, scale: 0)), ("1.5E-3", .value(unscaled: 15, scale: 4)), ("100",
        .value(unscaled: 100, scale: 0)),
        ("0.001", .value(unscaled: 1, scale: 3)), ("1200e-1", .value(unscaled: 1200, scale: 1)), ("9223372036854775807",
        .value(unscaled: .max, scale: 0)),
        ("-9223372036854775808", .value(unscaled: .min, scale: 0)), ("9223372036854775808", .doesNotFit),
        ("-9223372036854775809", .doesNotFit),
        ("922337203685477580.70", .value(unscaled: .max, scale: 1)), ("1e18",
        .value(unscaled: 1_000_000_000_000_000_000, scale: 0)), ("1e19", .doesNotFit),
        ("100000000000000000000e-5", .value(unscaled: 1_000_000_000_000_000_000, scale: 3)), ("1e-400",
        .value(unscaled: 1, scale: 400)), ("1e-70000", .doesNotFit),
        ("0e99999999999", .value(unscaled: 0, scale: 0)), ("1e99999999999999999999", .doesNotFit), ("0.12345678901234567890",
        .value(unscaled: 1234567890123456789, scale: 19)),
        ("123456789.1234567891", .value(unscaled: 1234567891234567891, scale: 10)), ("1.00000000000000000000000000",
        .value(unscaled: 1_000_000_000_000_000_000, scale: 18)),
        ("", .notANumber), ("-", .notANumber), ("1.", .notANumber), (".5", .notANumber), ("1e", .notANumber), ("1e+",
        .notANumber), ("1x", .notANumber), (" 1", .notANumber),
        ("1.5.5", .notANumber), ("+1", .notANumber), ("NaN", .notANumber), ("1-1", .notANumber),
    ]

    @Test(arguments: exact) func readsExactly(_ text: String, _ expected: DecimalText.Exact) {
        #expect(with(text, DecimalText.exact) == expected)
        #expect(with(text, DecimalText.isNumber) == (expected != .notANumber))
    }

    /// Each is below the next; those in one row are equal.
    static let ascending: [[String]] = [
        ["-1e99999999999999"], ["-1e400"], ["-100", "-1e2", "-100.000"], ["-99.999999999999999999999999999999999999"], ["-1"],
        ["-0.5", "-5e-1"], ["-1e-400"],
        ["0", "-0", "0.000", "0e5", "-0.0e-9"], ["1e-400", "0.1e-399"], ["0.05", "5e-2", "0.050"], ["0.1"],
        ["0.10000000000000000000000000000000000001"], ["1", "1.0", "10e-1"],
        ["1.0000000000000000000000000000000000000000000001"], ["9.99"], ["10", "1e1", "1.0e1", "0.001e4"], ["10.5"], ["99"],
        ["100", "1E+2"],
        ["9223372036854775807"], ["9223372036854775808"], ["123456789012345678901234567890"],
        ["123456789012345678901234567890.5"], ["1e400", "10e399"], ["1e99999999999999"],
    ]

    @Test func comparesExactly() {
        for (i, row) in Self.ascending.enumerated() {
            for (j, other) in Self.ascending.enumerated() {
                for a in row {
                    for b in other {
                        let result = with(a) { left in with(b) { DecimalText.compare(left, $0) } }
                        #expect(result == (i < j ? -1 : i > j ? 1 : 0), "\(a) and \(b)")
                    }
                }
            }
        }
        #expect(with("1x") { left in with("1") { DecimalText.compare(left, $0) } } == nil)
        #expect(with("1") { left in with("") { DecimalText.compare(left, $0) } } == nil)
    }
}

@Suite struct UTF8TextTests {
    static let texts: [([UInt8], Int?)] = [
        ([], nil), (Array("plain".utf8), nil), (Array("é€😀\u{10ffff}".utf8), nil), ([0x61, 0x80], 1), ([0xc0, 0x80], 0),
        ([0xed, 0xa0, 0x80], 0),
        ([0xf4, 0x90, 0x80, 0x80], 0), (Array("éé".utf8) + [0xe2, 0x82], 4), (Array("0123456789abcdef0123".utf8) + [0xff], 20),
        ([0xe0, 0x9f, 0xbf], 0),
    ]

    @Test(arguments: texts) func findsTheFirstError(_ bytes: [UInt8], _ offset: Int?) {
        #expect(bytes.withUnsafeBytes { UTF8Text.firstError(in: $0) } == offset)
    }
}

@Suite struct ByteBufferTests {
    @Test func keepsWhatIsAppended() {
        var buffer = ByteBuffer(capacity: 1)
        var expected: [UInt8] = []
        for length in 0..<100 {
            let piece = (0..<length).map { UInt8($0 + length) }
            piece.withUnsafeBytes { buffer.append($0) }
            buffer.append(UInt8(length))
            expected += piece + [UInt8(length)]
        }
        #expect(Array(buffer.bytes) == expected)
        #expect(buffer.count == expected.count)
        buffer.reset()
        #expect(buffer.bytes.isEmpty)
    }
}
