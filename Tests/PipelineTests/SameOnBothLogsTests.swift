import Foundation
import Log
import Testing

@testable import ETL

/// If this fails, what a person tried out in memory isn't what Kafka gives.
struct SameOnBothLogsTests {
    private static let yaml = """
        name: NAME
        kafka: {bootstrap_servers: KAFKA}
        logging: {level: error}
        topics:
          raw:       {name: NAME.raw, partitions: 3}
          validated: {name: NAME.validated}
          enriched:  {name: NAME.enriched}
          load:      {name: NAME.load}
        lookups:
          countries: {key: code, csv: {path: countries.csv, columns: {vat_rate: decimal}}}
        extractors:
          orders_csv: {to: raw, key: message.customer, csv: {path: "orders-*.csv", columns: {quantity: int, price: decimal}}}
        stages:
          validate:
            from: raw
            to: validated
            steps:
              - validate: {fields: {id: {type: string, nullable: false}, quantity: {type: integer, minimum: 1}}}
              - check: {name: positive_price, expr: message.price > 0}
          enrich:
            from: validated
            to: enriched
            steps:
              - lookup: {table: countries, key: message.country, as: country}
              - set: {region: country.region, total: decimal(message.quantity) * decimal(message.price)}
          select:
            from: enriched
            to: load
            steps:
              - filter: message.status != 'refunded'
              - remove: [email]
          load_postgres:
            from: load
            load: {postgres: {url: "${PG}", table: orders, mode: upsert, keys: [id]}}
        """
    private static let table = """
        CREATE TABLE orders (id text PRIMARY KEY, customer text, country text, quantity integer, price numeric(12, 2),
        status text, region text, total numeric CHECK (total < 1000), note text)
        """

    /// Good rows, and every 10th bad in one of the ways that each part of the pipeline refuses.
    private static func orders(_ ids: Range<Int>) -> String {
        var text = "id,customer,country,quantity,price,status,email,note\n"
        for id in ids {
            let (quantity, price, country, status) =
                switch id % 40 {
                case 5: ("0", "1.10", "AT", "paid")  // the validate stage: a rule
                case 15: ("two", "1.10", "AT", "paid")  // the extractor: no int
                case 25: ("2", "1.10", "ZZ", "paid")  // the enrich stage: no such country
                case 35: ("999", "9.99", "AT", "paid")  // the table's own check
                case 36: ("1", "-1.00", "AT", "paid")  // the validate stage: a check
                case 37: ("1", "1.00", "AT", "refunded")  // nowhere: filtered
                default: ("\(id % 7 + 1)", "\(id % 50).5\(id % 10)", id % 2 == 0 ? "AT" : "BR", "paid")
                }
            text += "o\(id),c\(id % 17),\(country),\(quantity),\(price),\(status),a@b.example,\"note, \(id) ü\n\"\"x\"\"\"\n"
        }
        return text
    }

    /// What must be the same: everything but times and offsets, which transaction markers move on Kafka as on the other.
    private struct Seen: Hashable {
        var partition: Int32
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [String]

        init(_ record: Record) {
            (partition, key, value) = (record.partition, record.key, record.value)
            let moving = [
                DeadLetterHeader.timestamp, DeadLetterHeader.offset, DeadLetterHeader.firstFailedAt, DeadLetterHeader.failedAt,
            ]
            headers = record.headers.map {
                "\($0.name)=\(moving.contains($0.name) ? "…" : $0.value.map { String(decoding: $0, as: UTF8.self) } ?? "null")"
            }
        }
    }

    @Test func everyTopicAndTheTableAreTheSame() throws {
        let topology = try Topology(
            Self.yaml,
            files: [
                "countries.csv": "code,region,vat_rate\nAT,EU,0.20\nBR,LATAM,0.17\n",
                "orders-1.csv": Self.orders(0..<600), "orders-2.csv": Self.orders(600..<1000),
            ])
        var tables: [[[String?]]] = []
        var topics: [[String: [Seen]]] = []
        for log in [MemoryLog(), try kafka()] as [any RecordLog] {
            let schema = try Schema(Self.table)
            let plan = try topology.plan(["PG": schema.url])
            try plan.requireTopics(log, create: true)
            if let memory = log as? MemoryLog { for topic in plan.topics { try memory.retain(topic: topic.name) } }
            try topology.run(log, ["PG": schema.url])
            tables.append(try schema.rows("SELECT * FROM orders ORDER BY id"))
            topics.append(
                try Dictionary(
                    uniqueKeysWithValues: plan.topics.filter { $0.role != .checkpoint }.map {
                        ($0.name, try log.read($0.name).map(Seen.init))
                    }))
        }
        let (name, memory, kafka) = (topology.name, topics[0], topics[1])
        // Each kind of bad row is where it belongs, so that sameness isn't sameness of nothing.
        let counts = [
            "raw": 975, "validated": 925, "enriched": 900, "load": 875, "orders_csv.dlq": 25, "validate.dlq": 50,
            "enrich.dlq": 25, "select.dlq": 0, "load_postgres.dlq": 25,
        ]
        for (topic, count) in counts { #expect(memory["\(name).\(topic)"]?.count == count, "\(topic)") }
        let codes = Set(memory.values.joined().flatMap(\.headers).filter { $0.hasPrefix("etl.dlq.code=") }.map { $0.dropFirst(13) })
        #expect(codes == ["csv.type", "validate.schema", "check.failed", "lookup.missing", "load.rejected"])
        #expect(memory.count == counts.count && tables[0].count == 850)
        for topic in memory.keys.sorted() {
            let isSame = memory[topic] == kafka[topic]
            #expect(isSame, "\(topic): \(memory[topic]?.count ?? -1) records in memory, \(kafka[topic]?.count ?? -1) on Kafka")
            #expect(Set((memory[topic] ?? []).map(\.partition)).count == (memory[topic]?.isEmpty == true ? 0 : 3), "\(topic)")
        }
        let isSame = tables[0] == tables[1]
        #expect(isSame, "\(tables[0].count) rows from memory, \(tables[1].count) from Kafka")
    }
}
