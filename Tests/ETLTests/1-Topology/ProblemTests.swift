import Bytes
import Kafka
import Testing

@testable import ETL

/// A slip in a topology that goes unnoticed shows only in production.
@Suite struct ProblemTests {
    private static let topics = "topics: {a: {name: a}, b: {name: b}}"

    /// Expected: code, place, what message and suggestion contain.
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var expected: [String]
        var testDescription: String { text }

        init(_ text: String, _ expected: String...) {
            self.text = text
            self.expected = expected
        }

        /// A stage that goes from a to b, with more.
        static func stage(_ more: String, _ expected: String...) -> Case {
            var result = Case("name: x\n\(topics)\nstages:\n  s:\n    from: a\n    to: b\n\(more)")
            result.expected = expected
            return result
        }

        /// A stage that loads; its postgres mapping is line 6.
        static func load(_ postgres: String, _ expected: String...) -> Case {
            var result = Case("name: x\ntopics: {a: {name: a}}\nstages:\n  s:\n    from: a\n    load: {postgres: \(postgres)}")
            result.expected = expected
            return result
        }

        static func top(_ more: String, _ expected: String...) -> Case {
            var result = Case("name: x\n\(topics)\nstages: {s: {from: a, to: b}}\n\(more)")
            result.expected = expected
            return result
        }
    }

    static let keys: [Case] = [
        .stage("    stpes: []", "key.unknown 7:5 unknown key `stpes`; did you mean `steps`?"),
        .stage("    zzz: []", "key.unknown 7:5 unknown key `zzz`; a stage has: `from`, `to`, `threads`"),
        .top("http: {listen: x}", "value.range 4:16 `x` in `listen` is no host:port"),
        .top("http: {listen: '0.0.0.0:80'}", "http.open 4:16 0.0.0.0:80 can be reached from other hosts"),
        .top("http: {listen: '[::]:80', token: abcdefghijklmnop}", "http.plain 4:16 `token` crosses the network"),
        .top("http: {token: short}", "http.token_short 4:15"),
        .top("http: {token: 'with a space in it'}", "value.range 4:15 `token` may only have printable ASCII"),
        .top("http: {tls: {certificate: c.pem}}", "key.missing 4:8 `key` is missing in `tls`"),
        .top("circuit_breaker: {failures: 0}", "value.range 4:29"),
        .stage("    steps: [{explode: {field: a, as: b}}]", "key.not_available 7:14 `explode`"),
        .stage("    steps: [{validate: {schema: s.json}}]", "file.missing 7:33 no schema can be read from `s.json`"),
        .stage("    steps: [{validate: {fields: {a: {type: string}}, assert_format: true}}]", "rule.unfit 7:54 `assert_format`"),
        .top("lookups: {l: {key: k, jsonl: {path: x}}}", "lookup.unused", "key.not_available 4:23 `jsonl`"),
        .top("extractors: {e: {to: a, schedule: x, rest: {url: u}}}", "key.not_available 4:25", "key.not_available 4:38"),
        .load("{url: 'host=h', table: t}, s3: {}", "key.not_available 6:49", "key.conflict 6:49 `load` has `postgres` and `s3`"),
        Case("name: x\ntopics: {a: {name: a}}\nstages: {s: {from: a, load: {s3: {bucket: b}}}}", "key.not_available 3:30"),
        Case(
            "topics: {a: {name: a}, b: {name: b}}\nstages: {s: {from: a, to: b}}",
            "key.missing 1:1 `name` is missing in the topology"),
        Case("name: x", "key.missing 1:1 the topology has no stages and no extractors"),
        Case(
            "name: x\n\(topics)\nstages: {s: {from: a}}", "topic.unused 2:24", "key.missing 3:10 a stage needs one of `to`, `load`"),
        .stage("    load: {postgres: {url: 'host=h', table: t}}", "key.conflict 7:5 a stage has `to` and `load`; keep one of them"),
        .stage("    steps: [{filter: a, rekey: b}]", "key.conflict 7:25 a step has `filter` and `rekey`"),
        .stage("    steps: [{}]", "key.missing 7:13 a step needs one of"),
        .stage("    steps: [{fliter: a}]", "key.unknown 7:14 unknown key `fliter`; did you mean `filter`?"),
        .stage("    to: b", "key.duplicate 7:5 key `to` is written twice"),
        .stage("    threads:", "value.empty 7:5 `threads` is empty"),
        .stage(
            "    steps: [{validate: {fields: {f: {minimun: 1}}}}]",
            "key.unknown 7:38 unknown key `minimun`; did you mean `minimum`?"),
        .stage("    steps: [{check: {name: c}}]", "key.missing 7:14 `expr` is missing in `check`"),
    ]

    /// A cluster's properties, which stand from line 5 on.
    private static func kafka(_ properties: String, _ expected: String...) -> Case {
        var result = Case.top("")
        result.text =
            "name: x\n\(topics)\nstages: {s: {from: a, to: b}}\nkafka: {bootstrap_servers: 'h:1', properties: {\n\(properties)}}"
        result.expected = expected
        return result
    }

    /// What a broker would refuse much later, or what only seems to protect.
    static let security: [Case] = [
        kafka("linger.mx: 5", "property.unknown 5:1 Kafka property linger.mx isn't known"),
        kafka("linger.ms: soon", "property.value 5:12 Kafka property linger.ms can't be 'soon'"),
        kafka("security.protocol: tls", "property.value 5:20 Kafka property security.protocol can't be 'tls'"),
        kafka(
            "sasl.username: u", "kafka.login_unused 5:1 `sasl.username` has no effect with `security.protocol: plaintext`; write"),
        kafka(
            "security.protocol: sasl_plaintext,\nsasl.mechanism: PLAIN, sasl.username: u, sasl.password: pw12,\nssl.ca.location: t.yaml",
            "kafka.tls_unused 7:1 `ssl.ca.location` has no effect with `security.protocol: sasl_plaintext`; write `security.protocol: sasl_ssl`"
        ),
        kafka(
            "security.protocol: sasl_ssl, sasl.username: u, sasl.password: pw12",
            "kafka.mechanism_missing 5:1 without `sasl.mechanism`"),
        kafka(
            "security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: u", "key.missing 5:30 `sasl.password` is missing"),
        kafka("security.protocol: ssl, ssl.ca.location: certs/ca.pem", "file.missing 5:42 no file `certs/ca.pem`; it would be /"),
        kafka("security.protocol: ssl, ssl.key.location: data", "file.missing 5:43 `data` is a folder, not a file"),
        kafka(
            "security.protocol: ssl, enable.ssl.certificate.verification: 'false'",
            "kafka.tls_unverified 5:62 with `enable.ssl.certificate.verification: false` anyone on the way can pose as the broker"),
        kafka("security.protocol: ssl, ssl.endpoint.identification.algorithm: none", "kafka.tls_unverified 5:64"),
        kafka("security.protocol: ssl, ssl.ca.location: countries.csv, ssl.key.password: pw12"),
    ]

    static let values: [Case] = [
        .top("memory_mb: lots", "value.type 4:12 `memory_mb` must be a whole number, not `lots`"),
        .top("memory_mb: \"64\"", "value.type 4:12 `memory_mb` must be a whole number, not the text `64`; remove the quotes"),
        .top("memory_mb: \"${M:-64}\""),
        .top("memory_mb: 1", "value.range 4:12 `memory_mb` must be 16 to 1048576, not `1`"),
        .top("commit_interval_ms: 99999999999999999999999", "value.range 4:21"),
        .top(
            "delivery: exactly-once",
            "value.type 4:11 `delivery` must be one of `exactly_once`, `at_least_once`, not `exactly-once`; did you mean"),
        .top("kafka: localhost", "value.type 4:8 `kafka` must be a mapping, not `localhost`"),
        .top("kafka: {bootstrap_servers: 'h:99999'}", "value.range 4:28"),
        .top("kafka: {bootstrap_servers: h, properties: {group.id: g}}", "property.reserved 4:44"),
        .top("retry: {full_jitter: yes}", "value.type 4:22 `full_jitter` must be true or false, not `yes`; write `true`"),
        .top("retry: {initial_ms: 500, max_ms: 100}", "value.range 4:34"),
        .top("dead_letter: {max_rate: 2}", "value.range 4:25"),
        .top("environment: ../x", "environment.name 4:14"),
        .stage("    threads: 0", "value.range 7:14 `threads` must be 1 to 256, not `0`"),
        .stage("    threads: 7", "threads.idle 7:14"),
        .stage("    threads: [1]", "value.type 7:14 `threads` must be a whole number, not a list"),
        .stage("    steps: {filter: a}", "value.type 7:12 `steps` must be a list, not a mapping"),
        .stage("    steps: [{filter: }]", "value.empty 7:22"),
        .stage("    steps: [{remove: [a..b]}]", "value.path 7:23 `a..b` is no field path"),
        .stage("    steps: [{remove: email}]", "value.type 7:22 `remove` must be a list, not `email`; write [ ] around it"),
        .stage("    steps: [{set: {.a: x}}]", "value.path 7:20"),
        .stage(
            "    steps: [{keep: []}, {remove: []}]", "step.empty 7:13 `keep` names no field",
            "step.empty 7:25 `remove` names no field"),
        .stage("  t: null"),
        .top("kafka: {bootstrap_servers: h, properties: {a: null, b: ~}}"),
        .stage("    steps: [{validate: {fields: {f: {type: strnig}}}}]", "value.type 7:44 `type` must be one of"),
        .stage(
            "    steps: [{validate: {fields: {f: {minimum: '1'}}}}]", "value.type 7:47 `minimum` must be a number, not the text `1`"
        ),
        .stage("    steps: [{validate: {fields: {f: {minimum: 5, maximum: 1}}}}]", "value.range 7:59"),
        .stage("    steps: [{validate: {fields: {f: {type: string, minimum: 1}}}}]", "rule.unfit 7:52"),
        .stage("    steps: [{validate: {fields: {f: {type: integer, pattern: x}}}}]", "rule.unfit 7:53"),
        .stage("    steps: [{validate: {fields: {f: {min_length: 5, max_length: 4}}}}]", "value.range 7:65"),
        .stage("    steps: [{validate: {fields: {f: {enum: []}}}}]", "value.range 7:38"),
        Case("- a\n- b", "value.type 1:1 `a topology` must be a mapping, not a list"),
        Case("", "file.empty 1:1"),
        Case(
            "name: x\n\(topics)\nextractors: {e: {to: a, csv: {path: 'data/*', delimiter: '||'}}}", "topic.unused",
            "value.range 3:58"),
        Case(
            "name: x\n\(topics)\nextractors: {e: {to: a, csv: {path: 'data/*', delimiter: '\"'}}}", "topic.unused",
            "value.range 3:58"),
        Case(
            "name: x\n\(topics)\nextractors: {e: {to: a, csv: {path: 'data/*', header: false}}}", "topic.unused", "key.missing 3:47"
        ),
    ]

    static let names: [Case] = [
        .stage(
            "    steps: [{lookup: {table: contries, key: a}}]\nlookups: {countries: {key: code, csv: {path: countries.csv}}}",
            "name.unknown 7:30 unknown lookup `contries`; did you mean `countries`?", "lookup.unused 8:11"),
        .stage(
            "    steps: [{lookup: {table: c, key: a, as: message}}]\nlookups: {c: {key: code, csv: {path: countries.csv}}}",
            "name.reserved 7:45"),
        .stage(
            "    steps: [{lookup: {table: c, key: a}}, {lookup: {table: c, key: b}}]\nlookups: {c: {key: code, csv: {path: countries.csv}}}",
            "name.duplicate 7:60 a row of a lookup is already named `c`"),
        .stage(
            "    steps: [{lookup: {table: c, key: a}}]\nlookups: {c: {key: code, csv: {path: gone.csv}}}",
            "file.missing 8:38 no file `gone.csv`"),
        .stage("    steps: [{check: {name: c, expr: a}}, {check: {name: c, expr: b}}]", "name.duplicate 7:57"),
        .stage(
            "    steps: [{check: {name: Bad Name, expr: a}}]",
            "name.invalid 7:28 `Bad Name` is no name: names are lower-case letters, digits and `_`, a letter first; write `bad_name`"
        ),
        Case(
            "name: x\ntopics: {orders: {name: shop.orders}, b: {name: b}}\nstages: {s: {from: ordres, to: b}}",
            "topic.unused 2:10", "name.unknown 3:20 unknown topic `ordres`; did you mean `orders`?"),
        Case(
            "name: x\ntopics: {a: {name: shop.orders}, b: {name: b}}\nstages: {s: {from: shop.orders, to: b}}",
            "topic.unused 2:10", "name.unknown 3:20 unknown topic `shop.orders`; topics go by their short names: write `a`"),
        Case(
            "name: x\ntopics: {a: {name: 'a b'}, b: {name: b}}\nstages: {s: {from: a, to: b}}",
            "topic.name 2:20 `a b` is no name of a topic"),
        Case(
            "name: x\ntopics: {a: {name: a}, b: {name: a}}\nstages: {s: {from: a, to: b}}", "name.duplicate 2:34",
            "stage.same_topic"),
        Case("name: x\ntopics: {a: {name: p.q}, b: {name: p_q}}\nstages: {s: {from: a, to: b}}", "topic.collision 2:36"),
        Case(
            "name: x\ntopics: {a: {name: x.s.dlq}, b: {name: x.checkpoints}}\nstages: {s: {from: a, to: b}}",
            "topic.reserved 2:20", "topic.reserved 2:40"),
        Case("name: x\ntopics: {a: {name: a}, b: {name: x.s.parked}}\nstages: {s: {from: a, to: b}}", "topic.reserved 2:34"),
        Case(
            "name: x\ntopics: {a: {name: x.control}, b: {name: x.controls}}\nstages: {s: {from: a, to: b}}",
            "topic.reserved 2:20 topic `x.control` carries what `etl resume` asks of running stages"),
        Case("name: x\n\(topics)\nstages: {s: {from: a, to: a}}", "topic.unused", "stage.same_topic 3:27"),
        Case(
            "name: x\n\(topics)\nstages: {s: {from: a, to: b}, t: {from: b, to: a}}",
            "stage.cycle 3:10 records would go round for ever: `s` → `t` → `s`"),
        Case("name: x\n\(topics)\nstages: {S: {from: a, to: b}}", "name.invalid 3:10"),
        Case(
            "name: x\n\(topics)\nextractors: {s: {to: a, csv: {path: 'data/*'}}}\nstages: {s: {from: a, to: b}}",
            "name.duplicate 4:10"),
        Case(
            "name: x\n\(topics)\nextractors: {e: {to: a, csv: {path: 'none/*'}}}\nstages: {s: {from: a, to: b}}",
            "file.missing 3:37 no file matches"),
        .load("{url: 'host=h', table: t, mode: upsert}", "key.missing 6:54 `mode: upsert` needs `keys`"),
        .load(
            "{url: 'host=h', table: t, mode: upsert, keys: [idd], columns: [id, a]}",
            "name.unknown 6:69 key `idd` is not among `columns`; did you mean `id`?"),
        .load("{url: 'host=h', table: t, keys: [id]}", "key.unused 6:48"),
        .load("{url: 'host=h', table: t, columns: [a, a]}", "name.duplicate 6:61"),
        .load("{url: 'host=h', table: a.b.c}", "value.range 6:45"),
        .load("{url: 'http://u:topsecret@h', table: t}", "value.range 6:28 `url` is no Postgres connection string"),
        .load("{url: 'host=h', table: t, extra_fields: ignore, extra_column: more}", "key.conflict 6:70"),
        Case(
            "name: x\n\(topics)\nstages: {s: {from: a, to: b}}\n---\nname: x\n\(topics)\nstages: {s: {from: a, to: b}}",
            "name.duplicate 5:7"),
        Case(
            "name: x\n\(topics)\nstages: {s: {from: a, to: c}}\n---\nname: [\n---\nname: y\n\(topics)\nstages: {s: {from: d, to: b}}",
            "topic.unused", "name.unknown 3:27", "yaml.syntax 6:1", "topic.unused", "name.unknown 9:20"),
    ]

    /// Remarks that every one of these small topologies would get are left out: nothing writes `a`.
    @Test(arguments: keys + values + security + names)
    func problems(_ one: Case) throws {
        let problems = try load(one.text).problems.filter { $0.code != "topic.unwritten" }
        let found = problems.map { "\($0.code) \($0.position.line):\($0.position.column) \($0.text)" }
        #expect(found.count == one.expected.count, "\(found)")
        for (found, expected) in zip(found, one.expected) { #expect(found.hasPrefix(expected)) }
    }

    /// Debian's librdkafka can't log in to Kafka 4 by SCRAM; a newer one can.
    @Test func scramIsRemarkedOnWhereTheLibraryCannot() throws {
        let text =
            "name: x\n\(Self.topics)\nstages: {s: {from: a, to: b}}\nkafka: {bootstrap_servers: 'h:1', properties: {\n"
            + "security.protocol: sasl_ssl,\nsasl.mechanism: SCRAM-SHA-256, sasl.username: u, sasl.password: pw12}}"
        let found = try load(text).problems.first { $0.code == "kafka.scram_library" }
        #expect((found != nil) == (KafkaLog.scramAdvice != nil))
        if let found {
            #expect(found.severity == .warning && found.position.line == 6 && found.position.column == 17)
            #expect(found.text.contains("LD_LIBRARY_PATH") && found.text.contains("2.6.1"))
        }
    }

    @Test func certificatesAreFoundBesideTheTopology() throws {
        let files = try TopologyFiles([
            "t.yaml": "name: x\n\(Self.topics)\nstages: {s: {from: a, to: b}}\nkafka: {bootstrap_servers: 'h:1', properties: {"
                + "security.protocol: ssl, ssl.ca.location: tls/ca.pem, ssl.key.location: /absolute.key}}", "tls/ca.pem": "",
        ])
        let properties = try #require(files.load().plans.first?.kafka?.properties)
        #expect(properties["ssl.ca.location"] == files.path("tls/ca.pem"))
        #expect(properties["ssl.key.location"] == "/absolute.key")
    }

    @Test func aTopicNobodyWritesIsOnlyARemark() throws {
        let loaded = try load("name: x\n\(Self.topics)\nstages: {s: {from: a, to: b}}")
        #expect(loaded.problems.map(\.code) == ["topic.unwritten"])
        #expect(loaded.problems.map(\.severity) == [.warning])
        #expect(loaded.plans.count == 1)
    }

    @Test func aHealthyDocumentKeepsItsPlan() throws {
        let loaded = try load(
            "name: x\nname: z\n\(Self.topics)\nstages: {s: {from: a, to: b}}\n---\nname: y\n\(Self.topics)\nstages: {s: {from: a, to: b}}"
        )
        #expect(loaded.plans.map(\.name) == ["y"])
    }

    @Test func aFileThatIsMissingIsAProblem() throws {
        let loaded = try TopologyFiles().load("none.yaml")
        #expect(loaded.problems.map(\.code) == ["file.missing"])
        #expect(loaded.problemsAsText().contains("none.yaml:1:1: error: cannot read"))
    }

    @Test(arguments: [
        ("abc", "abc", 0), ("abc", "acb", 1), ("stpes", "steps", 1), ("a", "", 1), ("kitten", "sitting", 3), ("ca", "abc", 3),
    ])
    func distances(a: String, b: String, distance: Int) {
        #expect(editDistance(Array(a.unicodeScalars), Array(b.unicodeScalars)) == distance)
        #expect(editDistance(Array(b.unicodeScalars), Array(a.unicodeScalars)) == distance)
    }
}
