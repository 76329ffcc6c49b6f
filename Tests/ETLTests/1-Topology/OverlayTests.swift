import Testing

@testable import ETL

@Suite struct OverlayTests {
    private static let base = """
        name: x
        memory_mb: 100
        topics:
          a: {name: a, partitions: 2}
          b: {name: b}
        stages:
          s: {from: a, to: b, steps: [{filter: one}, {filter: two}]}

        """

    private func plan(_ files: [String: String], _ environment: String? = nil, _ variables: [String: String] = [:]) throws -> Plan {
        let loaded = try TopologyFiles(files).load(environment: environment, variables: variables)
        #expect(loaded.problems.filter { $0.severity == .error } == [])
        return try #require(loaded.plans.first)
    }

    @Test func mappingsMergeAndAllElseIsReplaced() throws {
        let overlay = "memory_mb: 200\nkafka: {bootstrap_servers: k}\ntopics: {a: {partitions: 9}}\nstages: {s: {steps: [{filter: three}]}}"
        let plan = try plan(["t.yaml": Self.base, "t.production.yaml": overlay], "production")
        #expect(plan.memoryMB == 200)
        #expect(plan.kafka?.bootstrapServers == "k")
        #expect(plan.topics.prefix(2).map { "\($0.name) \($0.partitions)" } == ["a 9", "b 9"])
        #expect(plan.stages[0].steps.count == 1)
        #expect(plan.stages[0].steps[0].position.file.hasSuffix("t.production.yaml"))
    }

    @Test func theTopologyNamesItsOwnEnvironment() throws {
        let files = ["t.yaml": Self.base + "environment: ${E:-dev}\n", "t.dev.yaml": "memory_mb: 300", "t.prod.yaml": "memory_mb: 400"]
        #expect(try plan(files).memoryMB == 300)
        #expect(try plan(files, nil, ["E": "other"]).memoryMB == 100)
        #expect(try plan(files, "prod").memoryMB == 400)
    }

    @Test func nullTakesAKeyAway() throws {
        let plan = try plan(["t.yaml": Self.base + "kafka: {bootstrap_servers: k}\n", "t.test.yaml": "kafka: null"], "test")
        #expect(plan.kafka == nil)
    }

    @Test func problemsStandInTheFileTheyCameFrom() throws {
        let files = try TopologyFiles(["t.yaml": Self.base, "t.p.yaml": "\nmemory_mb: lots\ntopics:\n  a: {partitons: 3}\n"])
        let loaded = files.load(environment: "p")
        #expect(
            loaded.problems.filter { $0.severity == .error }.map { $0.position.description } == [
                "\(files.path("t.p.yaml")):2:12", "\(files.path("t.p.yaml")):4:7",
            ])
        #expect(loaded.problemsAsText().contains("    2 | memory_mb: lots\n      |            ^\n"))
    }

    @Test func aMissingOverlayIsAProblem() throws {
        let loaded = try TopologyFiles(["t.yaml": Self.base]).load(environment: "production")
        #expect(loaded.problems.filter { $0.severity == .error }.map(\.code) == ["file.missing"])
        #expect(loaded.plans.isEmpty)
        #expect(try TopologyFiles(["t.yaml": Self.base]).load(environment: "../x").problems.map(\.code) == ["environment.name"])
    }

    @Test func documentsAreMergedByName() throws {
        let files = try TopologyFiles([
            "t.yaml": Self.base + "---\n" + Self.base.replacing("name: x", with: "name: y"),
            "t.p.yaml": "name: y\nmemory_mb: 200\n---\nname: zz\nmemory_mb: 300\n---\ncommit_interval_ms: 7\n",
        ])
        let loaded = files.load(environment: "p")
        #expect(loaded.plans.map(\.memoryMB) == [100, 200])
        #expect(loaded.plans.map(\.commitIntervalMs) == [7, 7])
        #expect(loaded.problems.filter { $0.severity == .error }.map { "\($0.code) \($0.position.line)" } == ["name.unknown 4"])
    }
}
