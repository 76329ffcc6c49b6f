import Testing

@testable import ETL

@Suite struct PlanTests {
    private static let secrets = ["kafka_password": "hunter2hunter2", "postgres_url": "postgres://etl:s3cr3tpw@db:5432/shop"]

    @Test func everythingWrittenArrives() throws {
        let plan = try plan(wholeTopology, Self.secrets)
        #expect(plan.name == "orders")
        #expect(plan.kafka?.bootstrapServers == "localhost:9092")
        #expect(plan.kafka?.properties == ["sasl.password": "hunter2hunter2", "linger.ms": "5"])
        #expect(plan.logging.level == .debug && plan.logging.format == .text)
        #expect(plan.file.hasSuffix("/t.yaml") && plan.file.hasPrefix("/"))

        let lookup = try #require(plan.lookups.first)
        guard case .csv(let path, let columns) = lookup.source else { return }
        #expect(path.hasSuffix("/countries.csv") && columns == ["vat_rate": .decimal] && lookup.key == "code")

        let extractor = try #require(plan.extractor(named: "orders_csv"))
        #expect(extractor.to == "orders.raw" && extractor.key?.source == "message.customer_id")
        #expect(extractor.csv.delimiter == 9 && extractor.csv.quote == 34 && extractor.csv.header)
        #expect(extractor.csv.nullValues == ["", "NA"] && extractor.csv.onBadRow == .deadLetter)
        #expect(extractor.csv.columns.map(\.name) == ["quantity", "unit_price"])
        #expect(extractor.csv.path.hasPrefix("/") && extractor.csv.path.hasSuffix("/data/*.csv"))

        guard case .postgres(let postgres)? = plan.stage(named: "load_postgres")?.ending else {
            Issue.record("no loader")
            return
        }
        #expect(postgres.url == "postgres://etl:s3cr3tpw@db:5432/shop" && postgres.mode == .upsert && postgres.keys == ["order_id"])
        #expect(
            postgres.batchRows == 20_000 && postgres.batchMs == 500 && postgres.connections == 1
                && postgres.extraFields == .deadLetter)
    }

    @Test func stagesStandInTheOrderRecordsMeetThem() throws {
        let plan = try plan(wholeTopology, Self.secrets)
        #expect(plan.stages.map(\.name) == ["enrich", "pass", "load_postgres"])
        #expect(plan.stages.map(\.from) == ["orders.raw", "orders.enriched", "orders.load"])
        #expect(plan.stages.map(\.threads) == [2, 1, 1])
        #expect(plan.stages.map(\.delivery) == [.exactlyOnce, .atLeastOnce, .exactlyOnce])
        #expect(plan.group(of: plan.stages[0]) == "etl.orders.enrich")
    }

    @Test func topicsOfTheEngineFollowThoseWritten() throws {
        let plan = try plan(wholeTopology, Self.secrets)
        #expect(
            plan.topics.map { "\($0.name) \($0.partitions) \($0.role) \($0.partitionsWritten)" } == [
                "orders.raw 3 data true", "orders.enriched 3 data false", "orders.load 12 data true",
                "orders.enrich.dlq 3 deadLetter false", "orders.enrich.parked 3 parked false",
                "orders.pass.dlq 3 deadLetter false", "orders.pass.parked 3 parked false",
                "orders.load_postgres.dlq 12 deadLetter false", "orders.load_postgres.parked 12 parked false",
                "orders.orders_csv.dlq 3 deadLetter false", "orders.checkpoints 1 checkpoint true",
            ])
        #expect(plan.topics.last?.properties == ["cleanup.policy": "compact"])
        #expect(plan.topics[0].properties == ["retention.ms": "604800000"])
    }

    @Test func stepsKeepTheirOrderAndHaveNames() throws {
        let steps = try #require(try plan(wholeTopology, Self.secrets).stage(named: "enrich")).steps
        #expect(steps.map(\.name) == ["validate_1", "lookup_1", "set_1", "known", "rename_1", "set_2"])
        guard case .validate(let rules) = steps[0].kind, case .set(let targets) = steps[2].kind else {
            Issue.record("other steps")
            return
        }
        #expect(rules.map(\.path) == [["order_id"], ["quantity"], ["address", "city"], ["currency"]])
        #expect(rules[0].pattern == "^[0-9]+$" && rules[0].required && !rules[0].nullable && rules[0].maxLength == 20)
        #expect(rules[1].maximum == "100000000000000000000" && rules[1].type == .integer)
        #expect(!rules[2].required && rules[2].nullable)
        #expect(rules[3].allowed == ["\"EUR\"", "\"USD\"", "null", "1", "2.50", "true", "\"1\""])
        #expect(targets.map(\.path) == [["region"], ["address", "country"], ["empty"]])
        #expect(targets.map(\.value.source) == ["country.region", "country.name", "null"])
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let plan = try plan("name: x\ntopics: {a: {name: a}, b: {name: b}}\nstages: {s: {from: a, to: b}}\n")
        #expect(plan.kafka == nil)
        #expect(plan.commitIntervalMs == 100 && plan.memoryMB == 512)
        #expect(plan.retry.initialMs == 100 && plan.retry.maxMs == 30_000 && plan.retry.multiplier == 2 && plan.retry.fullJitter)
        #expect(plan.deadLetter.maxRate == 0.5 && plan.deadLetter.window == 1000 && plan.deadLetter.maxAttempts == 5)
        #expect(plan.logging.level == .info && plan.logging.format == .automatic)
        #expect(plan.topics.map(\.partitions) == [6, 6, 6, 6] && plan.topics.map(\.replication) == [-1, -1, -1, -1])
        #expect(plan.topics.map(\.name) == ["a", "b", "x.s.dlq", "x.s.parked"])
    }

    /// A guarantee that isn't true would be worse than none.
    @Test func guaranteesSayWhy() throws {
        let kafka = try plan(wholeTopology, Self.secrets)
        #expect(
            kafka.stages.map { kafka.guarantee(of: $0).text } == [
                "exactly once: outputs, dead letters and input offsets in one Kafka transaction",
                "at least once: input offsets are committed once outputs and dead letters are acknowledged; what came after the last commit "
                    + "is written again after a crash",
                "exactly once: rows and offsets in one Postgres transaction; rejected rows go to orders.load_postgres.dlq in a Kafka "
                    + "transaction that is repeated after a crash",
            ])
        let memory = try plan("name: x\ntopics: {a: {name: a}, b: {name: b}}\nstages: {s: {from: a, to: b}}\n")
        #expect(memory.guarantee(of: memory.stages[0]).text == "exactly once within this process; nothing survives it")
        #expect(!memory.guarantee(of: memory.stages[0]).isDurable)
    }

    @Test func thePlanIsPrintedWithoutSecrets() throws {
        let plan = try plan(wholeTopology, Self.secrets)
        for text in [plan.text, plan.json, Plan.json([plan]), "\(plan)", String(reflecting: plan)] {
            #expect(!text.contains("s3cr3tpw") && !text.contains("hunter2"), "\(text)")
        }
        var dumped = ""
        dump(plan, to: &dumped)
        #expect(!dumped.contains("s3cr3tpw") && !dumped.contains("hunter2"))
        #expect(plan.text.contains("postgres://etl:***@db:5432/shop"))
        #expect(plan.text.contains("group etl.orders.enrich, 2 threads"))
        #expect(plan.json.contains("\"group\": \"etl.orders.enrich\""))
    }

    @Test func expressionsKnowTheirPlace() throws {
        let text = """
            name: x
            topics: {a: {name: a}, b: {name: b}}
            stages:
              s:
                from: a
                to: b
                steps:
                  - filter: message.ä > ${LIMIT:-12} && key
                  - filter: 'it''s Q'
                  - filter: |
                      one
                      && Q
                  - set: {y: "\\"Q"}
            """
        let plan = try plan(text)
        func positions(_ step: Int, _ offsets: [Int]) -> [String] {
            let expression: ExpressionPlan? =
                switch plan.stages[0].steps[step].kind {
                case .filter(let expression): expression
                case .set(let targets): targets[0].value
                default: nil
                }
            return offsets.map { offset in
                expression.map { "\($0.position(at: offset).line):\($0.position(at: offset).column)" } ?? "none"
            }
        }
        #expect(positions(0, [0, 8, 10, 13, 14, 15, 19]) == ["8:17", "8:25", "8:26", "8:29", "8:29", "8:41", "8:45"])
        #expect(positions(1, [0, 5]) == ["9:18", "9:24"])
        #expect(positions(2, [0, 4, 7, 100]) == ["11:11", "12:11", "12:14", "13:11"])
        #expect(positions(3, [0, 1]) == ["13:19", "13:21"])
    }

    @Test func problemsOfExpressionsComeWithTheOthers() throws {
        let files = try TopologyFiles([
            "t.yaml":
                "name: x\ntopics: {a: {name: a}, b: {name: b}}\nstages:\n  s: {from: a, to: b, steps: [filter: nonsense]}\n  t: {from: a, too: b}\n"
        ])
        let loaded = loadTopologies(file: files.path("t.yaml"), variables: [:]) { plan in
            plan.stages.flatMap(\.steps).compactMap { step in
                guard case .filter(let expression) = step.kind else { return nil }
                return Problem(code: "cel.name", message: "unknown name", at: expression.position(at: 3))
            }
        }
        #expect(
            loaded.problems.filter { $0.severity == .error }.map { "\($0.code) \($0.position.line):\($0.position.column)" } == [
                "cel.name 4:42", "key.unknown 5:16",
            ])
        #expect(loaded.plans.isEmpty)
    }
}
