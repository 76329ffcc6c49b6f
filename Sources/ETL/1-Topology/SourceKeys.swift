/// A lookup table as written.
struct LookupSection: Sendable {
    static let key = Key("key", .text, required: true, "The column records are looked up by.")
    static let csv = Key("csv", .object(LookupCSVSection.type), "A CSV file with a header.")

    static let type = ObjectType(
        "a lookup", "A table joined to records by a key.",
        [
            key.field, csv.field, .unavailable("postgres", "A query, run again at intervals."),
            .unavailable("topic", "A compacted topic."), .unavailable("jsonl", "A file of JSON lines."),
        ], exactlyOne: [["csv", "postgres", "topic", "jsonl"]]
    ) { LookupSection($0) }

    var key: Written<String>?
    var csv: Written<LookupCSVSection>?

    init(_ keys: MappingReader) {
        key = keys[Self.key]
        csv = keys[Self.csv]
    }
}

struct LookupCSVSection: Sendable {
    static let path = Key("path", .text, required: true, "The file; relative to the topology.")
    static let columns = Key("columns", .map(ValueType<ColumnType>.choice), "Types of columns; those not named are strings.")

    static let type = ObjectType("`csv`", "A CSV file with a header.", [path.field, columns.field]) { LookupCSVSection($0) }

    var path: Written<String>?
    var columns: Written<[Named<ColumnType>]>?

    init(_ keys: MappingReader) {
        path = keys[Self.path]
        columns = keys[Self.columns]
    }
}

/// An extractor as written.
struct ExtractorSection: Sendable {
    static let to = Key("to", .text, required: true, "The topic it writes.")
    static let key = Key("key", .expression, "The records' key. Absent: none.")
    static let csv = Key("csv", .object(CSVSection.type), "CSV files.")

    static let type = ObjectType(
        "an extractor", "A source of records.",
        [
            to.field, key.field, csv.field, .unavailable("schedule", "When it runs, as cron has it."),
            .unavailable("rest", "A REST API."), .unavailable("kafka", "A topic of another cluster."),
        ], exactlyOne: [["csv", "rest", "kafka"]]
    ) { ExtractorSection($0) }

    var to: Written<String>?
    var key: Written<ExpressionPlan>?
    var csv: Written<CSVSection>?
    var isBroken: Bool

    init(_ keys: MappingReader) {
        to = keys[Self.to]
        key = keys[Self.key]
        csv = keys[Self.csv]
        isBroken = keys.isBroken
    }
}

struct CSVSection: Sendable {
    static let path = Key("path", .text, required: true, "A glob; relative to the topology.")
    static let delimiter = DefaultKey("delimiter", .byte, default: ",", "Stands between fields: one byte.")
    static let quote = DefaultKey("quote", .byte, default: "\"", "Stands around fields; twice inside them: one byte.")
    static let header = DefaultKey(
        "header", .boolean, default: true, "The first row names the columns. False: `columns` does, in order.")
    static let nullValues = DefaultKey(
        "null_values", .list(.text), default: [Written(value: "", position: .nowhere, keyPosition: .nowhere)], shownAs: "[\"\"]",
        "Unquoted fields that are null.")
    static let columns = Key("columns", .map(ValueType<ColumnType>.choice), "Types of columns; those not named are strings.")
    static let onBadRow = DefaultKey(
        "on_bad_row", .choice, default: CSVPlan.OnBadRow.deadLetter, "What becomes of a row that can't be read.")

    static let type = ObjectType(
        "`csv`", "CSV files, each read once, and again from where it grew.",
        [path.field, delimiter.field, quote.field, header.field, nullValues.field, columns.field, onBadRow.field]
    ) { CSVSection($0) }

    var path: Written<String>?
    var delimiter: Written<String>?
    var quote: Written<String>?
    var header: Written<Bool>?
    var nullValues: Written<[Written<String>]>?
    var columns: Written<[Named<ColumnType>]>?
    var onBadRow: Written<CSVPlan.OnBadRow>?

    init(_ keys: MappingReader) {
        path = keys[Self.path]
        delimiter = keys[Self.delimiter]
        quote = keys[Self.quote]
        header = keys[Self.header]
        nullValues = keys[Self.nullValues]
        columns = keys[Self.columns]
        onBadRow = keys[Self.onBadRow]
    }
}

extension SourcePosition {
    /// Of what nobody wrote.
    public static let nowhere = SourcePosition(file: "", line: 0, column: 0)
}
