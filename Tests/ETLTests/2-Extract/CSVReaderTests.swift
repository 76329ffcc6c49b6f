import Bytes
import Testing

@testable import ETL

/// If these fail, rows are lost, glued together or read as something the file doesn't say.
struct CSVReaderTests {
    struct Case: CustomStringConvertible, Sendable {
        var description: String
        var text: String
        /// JSON of each row; for a bad row its code, a space and its raw bytes.
        var rows: [String]
        var lines: [Int64]?
        var maxRowBytes = 16 << 20

        init(_ description: String, _ text: String, _ rows: [String], lines: [Int64]? = nil, maxRowBytes: Int = 16 << 20) {
            self.description = description
            self.text = text
            self.rows = rows
            self.lines = lines
            self.maxRowBytes = maxRowBytes
        }
    }

    static let cases: [Case] = [
        Case("empty file", "", []),
        Case("byte order mark only", "\u{feff}", []),
        Case("header only", "a,b\n", []),
        Case("header without newline", "a,b", []),
        Case("plain", "a,b\n1,2\n3,4\n", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#], lines: [2, 3]),
        Case("byte order mark", "\u{feff}a,b\n1,2\n", [#"{"a":"1","b":"2"}"#]),
        Case("CRLF", "a,b\r\n1,2\r\n\"3\",\"4\"\r\n", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#], lines: [2, 3]),
        Case("no newline at the end", "a,b\n1,2", [#"{"a":"1","b":"2"}"#]),
        Case("no newline after a quoted field", "a,b\n1,\"2\"", [#"{"a":"1","b":"2"}"#]),
        Case("empty last field at the end", "a,b\n1,", [#"{"a":"1","b":null}"#]),
        Case("CR at the end", "a,b\n1,2\r", [#"{"a":"1","b":"2"}"#]),
        Case("a CR inside a line is content", "a,b\n1\r2,3\n", [#"{"a":"1\r2","b":"3"}"#]),
        Case("quoted delimiter, newline, quote", "a,b\n\"x,y\",\"1\n2\"\n\"say \"\"hi\"\"\",\"\"\"\"\n3,4\n",
             [#"{"a":"x,y","b":"1\n2"}"#, #"{"a":"say \"hi\"","b":"\""}"#, #"{"a":"3","b":"4"}"#], lines: [2, 4, 5]),
        Case("quoted CRLF", "a,b\r\n\"1\r\n2\",3\r\n", [#"{"a":"1\r\n2","b":"3"}"#]),
        Case("null and empty", "a,b\n,\"\"\n", [#"{"a":null,"b":""}"#]),
        Case("white space is content", "a,b\n 1 ,\t2\n", [#"{"a":" 1 ","b":"\t2"}"#]),
        Case("what JSON escapes", "a,b\n\\,\u{1}\u{1f}\n/,\u{8}\u{c}\n", [#"{"a":"\\","b":"\u0001\u001f"}"#, #"{"a":"/","b":"\b\f"}"#]),
        Case("UTF-8", "ä,b\n€,😀\n", [#"{"ä":"€","b":"😀"}"#]),
        Case("names are escaped", "\"a\"\"\",\"b\nc\"\n1,2\n", [#"{"a\"":"1","b\nc":"2"}"#], lines: [3]),
        Case("blank lines are no rows", "\na,b\n\n1,2\n\r\n\n3,4\n\n", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#], lines: [4, 7]),
        Case("blank lines of one column are rows", "a\n\n1\n", [#"{"a":null}"#, #"{"a":"1"}"#]),
        Case("too few, too many", "a,b\n1\n1,2,3\n1,2\n", ["csv.fields 1", "csv.fields 1,2,3", #"{"a":"1","b":"2"}"#], lines: [2, 3, 4]),
        Case("text after a closing quote", "a,b\n\"1\"x,2\n3,4\n", ["csv.quote \"1\"x,2", #"{"a":"3","b":"4"}"#], lines: [2, 3]),
        Case("text after a closing quote on a later line", "a,b\n\"1\n2\" ,\"x\ny\"\n3,4\n",
             ["csv.quote \"1\n2\" ,\"x", "csv.quote y\"", #"{"a":"3","b":"4"}"#], lines: [2, 4, 5]),
        Case("a quote inside an unquoted field", "a,b\n5\",2\n3,4\n5\",6\"\n7,8\n",
             ["csv.quote 5\",2", #"{"a":"3","b":"4"}"#, "csv.quote 5\",6\"", #"{"a":"7","b":"8"}"#], lines: [2, 3, 4, 5]),
        Case("an unclosed quote costs one line", "a,b\n1,\"2\n3,4\n\"5\n6\",7\n8,9",
             ["csv.quote 1,\"2\n3,4\n\"5", "csv.quote 6\",7", #"{"a":"8","b":"9"}"#], lines: [2, 5, 6]),
        Case("an unclosed quote to the end", "a,b\n1,\"2\n3,4\n5,6\n", ["csv.quote 1,\"2", #"{"a":"3","b":"4"}"#, #"{"a":"5","b":"6"}"#], lines: [2, 3, 4]),
        Case("an unclosed quote behind closed ones", "a,b,c\n\"1\n\",2,\"3\n4,5,6\n", ["csv.quote \"1\n\",2,\"3", #"{"a":"4","b":"5","c":"6"}"#], lines: [2, 4]),
        Case("an unclosed quote at the very end", "a,b\n1,\"", ["csv.quote 1,\""]),
        Case("one quote", "a,b\n\"", ["csv.quote \""]),
        Case("a long row", "a,b\n1,23456789\n1,234567890\n3,4\n", [#"{"a":"1","b":"23456789"}"#, "csv.row_size 1,23456789", #"{"a":"3","b":"4"}"#],
             lines: [2, 3, 4], maxRowBytes: 10),
        Case("a long row to the end", "a,b\n1,2\n1,23456789012345678901234567890", [#"{"a":"1","b":"2"}"#, "csv.row_size 1,23456789"], maxRowBytes: 10),
        Case("a long quoted row", "a,b\n\"1\",\"2\n3\n4\n5\n67890\"\n3,4\n",
             ["csv.row_size \"1\",\"2", "csv.fields 3", "csv.fields 4", "csv.fields 5", "csv.quote 67890\"", #"{"a":"3","b":"4"}"#], maxRowBytes: 10),
        Case("a long row with CRLF", "a,b\r\n1,23456789\r\n1,234567890\r\n3,4\r\n",
             [#"{"a":"1","b":"23456789"}"#, "csv.row_size 1,23456789", #"{"a":"3","b":"4"}"#], maxRowBytes: 10),
    ]

    @Test(arguments: cases)
    func readsTheSameInChunksOfAnySize(_ c: Case) throws {
        let folder = try TestFolder()
        let plan = CSVPlan.test(try folder.write("f.csv", c.text))
        let whole = try plan.read(maxRowBytes: c.maxRowBytes).rows
        #expect(whole.map(\.text) == c.rows)
        #expect(whole.map(\.row) == Array(1...).prefix(c.rows.count).map(Int64.init))
        if let lines = c.lines { #expect(whole.map(\.line) == lines) }
        for size in 1...64 { #expect(try plan.read(chunkBytes: size, maxRowBytes: c.maxRowBytes).rows == whole, "chunks of \(size)") }
    }

    @Test(arguments: cases)
    func goesOnExactlyAtEveryRow(_ c: Case) throws {
        let folder = try TestFolder()
        let plan = CSVPlan.test(try folder.write("f.csv", c.text))
        let (rows, checkpoints) = try plan.read(maxRowBytes: c.maxRowBytes, maxRows: 1)
        #expect(rows.map(\.text) == c.rows)
        for (index, checkpoint) in checkpoints.enumerated() {
            let rest = try plan.read(chunkBytes: 7, maxRowBytes: c.maxRowBytes, from: [checkpoint]).rows
            #expect(rest == Array(rows.dropFirst(index + 1)), "after row \(index + 1)")
        }
    }

    @Test func otherDelimiterQuoteNullsAndNoHeader() throws {
        let folder = try TestFolder()
        let path = try folder.write("f.csv", "1;'a;''b\"';NULL\n'NULL';\\N;\"\n")
        let plan = CSVPlan.test(path, columns: [("x", .string), ("y", .string), ("z", .string)], delimiter: ";", quote: "'", header: false,
                                nullValues: ["NULL", "\\N"])
        #expect(try plan.read().rows.map(\.text) == [#"{"x":"1","y":"a;'b\"","z":null}"#, #"{"x":"NULL","y":null,"z":"\""}"#])
    }

    @Test(arguments: [
        [0xff], [0xc3], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82],
    ] as [[UInt8]])
    func invalidUTF8IsABadRow(_ bytes: [UInt8]) throws {
        let folder = try TestFolder()
        let path = try folder.write("f.csv", Array("a,b\n".utf8) + bytes + Array(",2\n3,4\n".utf8))
        let rows = try CSVPlan.test(path).read().rows
        #expect(rows.map { String($0.text.prefix(8)) } == ["csv.utf8", #"{"a":"3""#])
        // Raw bytes are kept as they are.
        var source = try CSVSource(CSVPlan.test(path))
        var batch = CSVBatch()
        var arena = Arena()
        #expect(try source.next(into: &batch, arena: &arena, maxRows: 1, maxBytes: 1000))
        #expect(Array(batch.badRows[0].raw) == bytes + Array(",2".utf8))
    }

    /// A stray quote on every line must not make the reader look at the whole file for each.
    @Test func badRowsEverywhereTakeNoLongerThanTheyShould() throws {
        let folder = try TestFolder()
        for line in ["1,5\"\n", "x\",y\n", "\"a\"b,c\n", "1,\"2\"\"\n", "1,2\"\"\n"] {
            let path = try folder.write("f.csv", "a,b\n" + String(repeating: line, count: 20_000))
            let start = ContinuousClock.now
            let rows = try CSVPlan.test(path).read().rows
            #expect(rows.allSatisfy { $0.text.hasPrefix("csv.quote") })
            #expect(rows.last?.nextOffset == Int64(4 + line.utf8.count * 20_000))
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }
}
