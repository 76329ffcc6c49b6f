import Foundation
import Testing

@testable import ETL

/// A folder of its own for one test, gone with it.
final class TopologyFiles {
    let directory: String

    init(_ files: [String: String] = [:]) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("topology-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (name, text) in files { try write(name, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ name: String, _ text: String) throws {
        let folder = (path(name) as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: path(name), atomically: false, encoding: .utf8)
    }

    func load(_ name: String = "t.yaml", environment: String? = nil, variables: [String: String] = [:]) -> LoadedTopologies {
        loadTopologies(file: path(name), environment: environment, variables: variables)
    }
}

/// What is wrong with one text.
func load(_ text: String, _ variables: [String: String] = [:]) throws -> LoadedTopologies {
    let files = try TopologyFiles(["t.yaml": text, "countries.csv": "code,name\nDE,Germany\n", "data/1.csv": "a,b\n"])
    return files.load(variables: variables)
}

/// The only plan of a text without errors.
func plan(_ text: String, _ variables: [String: String] = [:]) throws -> Plan {
    let loaded = try load(text, variables)
    #expect(loaded.problems.filter { $0.severity == .error } == [])
    return try #require(loaded.plans.first)
}

/// Every part of a topology that this version knows.
let wholeTopology = """
    name: orders
    description: Orders into the warehouse.
    kafka:
      bootstrap_servers: ${KAFKA:-localhost:9092}
      properties: {sasl.password: "${secret:kafka_password}", linger.ms: 5}
    logging: {level: debug, format: text}
    topics:
      raw: {name: orders.raw, partitions: 3, replication: 1, properties: {retention.ms: "604800000"}}
      enriched: {name: orders.enriched}
      load: {name: orders.load, partitions: 12}
    lookups:
      countries: {key: code, csv: {path: countries.csv, columns: {vat_rate: decimal}}}
    extractors:
      orders_csv:
        to: raw
        key: message.customer_id
        csv:
          path: data/*.csv
          delimiter: "\\t"
          null_values: ["", NA]
          columns: {quantity: int, unit_price: decimal}
    stages:
      load_postgres:
        from: load
        load:
          postgres: {url: "${secret:postgres_url}", table: sales.orders, mode: upsert, keys: [order_id]}
      enrich:
        from: raw
        to: enriched
        threads: 2
        steps:
          - validate:
              fields:
                order_id: {type: string, pattern: "^[0-9]+$", max_length: 20}
                quantity: {type: integer, minimum: 1, maximum: 100000000000000000000}
                address.city: {required: false, nullable: true}
                currency: {enum: [EUR, USD, null, 1, 2.50, true, "1"]}
          - lookup: {table: countries, key: message.country, as: country, on_missing: keep}
          - set: {region: country.region, "address.country": country.name, empty: null}
          - check: {name: known, expr: "message.currency in ['EUR']", on_failure: warn}
          - rename: {ts: ordered_at}
          - set: {a: "1"}
      pass:
        from: enriched
        to: load
        delivery: at_least_once
        steps:
          - filter: message.status != 'refunded'
          - remove: [email, a.b]
          - keep: [order_id]
          - rekey: message.order_id
    """
