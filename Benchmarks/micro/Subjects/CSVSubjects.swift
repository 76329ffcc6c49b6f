import Bytes
import ETL
import Glibc

/// Rows of a CSV file of orders as JSON objects; a tenth of them have doubled quotes in a field.
func csvSubjects() throws -> [Subject] {
    let rows = try Rows()
    return [Subject("row of a CSV file to JSON", calls: 100_000) { rows.run($0) }]
}

private final class Rows {
    private static let count = 100_000
    private let path: String
    private let plan: CSVPlan
    private var source: CSVSource
    private var batch = CSVBatch()
    private var arena = Arena(chunkBytes: 1 << 20, retainedBytes: 16 << 20)

    init() throws {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        path = "\(folder)/etl-microbench.\(getpid()).csv"
        var text = "order_id,customer_id,ts,country,currency,sku,quantity,unit_price,status,email\n"
        for row in 0..<Self.count {
            let email = row % 10 == 3 ? #""Buyer, ""\#(row)"" <user@example.com>""# : "user004217@example.com"
            text += "o-\(row),c-004217,2026-03-01T12:34:56.345Z,DE,EUR,SKU-10027,3,129.95,paid,\(email)\n"
        }
        guard let file = fopen(path, "w"), fputs(text, file) >= 0, fclose(file) == 0 else {
            throw SubjectError(description: "'\(path)' can't be written")
        }
        let extractors = try BenchmarkSubjects.plan("E1", ["CSV": path]).extractors
        guard let first = extractors.first else { throw SubjectError(description: "E1.yaml has no extractor") }
        plan = first.csv
        source = try CSVSource(plan)
    }

    deinit { unlink(path) }

    func run(_ calls: Int) {
        var left = calls
        while left > 0 {
            arena.reset()
            do {
                guard try source.next(into: &batch, arena: &arena, maxRows: min(left, 1000), maxBytes: 1 << 20) else {
                    source = try CSVSource(plan)
                    continue
                }
            } catch {
                print(error.message)
                exit(1)
            }
            left -= batch.rows.count
        }
    }
}
