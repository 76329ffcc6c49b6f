import Kafka
import Log
import TestServices
import Testing

@testable import ETL

/// What a loader makes of its position in Postgres when the topic is another's.
@Suite struct LoadPositionTests {
    /// Somebody resets a pipeline: the topic is deleted and made anew, what Postgres knows stays. Nothing of the new one is passed by.
    @Test func aTopicMadeAnewIsNotPassedBy() throws {
        let pipeline = try Pipeline(
            """
            name: NAME
            kafka: {bootstrap_servers: BOOTSTRAP}
            topics: {in: {name: NAME.in, partitions: 2}}
            stages: {load: {from: in, load: {postgres: {url: "${secret:postgres_url}", table: t, mode: append}}}}
            """)
        try pipeline.createTopics()
        try pipeline.sql("CREATE TABLE t (id int)")
        func send(_ range: Range<Int>) throws {
            try pipeline.send(range.map { TestRecord("k\($0)", "{\"id\":\($0)}", partition: Int32($0 % 2)) }, to: "in")
        }
        func load() throws -> (status: Int32, errors: String) {
            let process = try pipeline.stage("load", "--until-end")
            return (try process.wait(seconds: 60), process.errors)
        }
        try send(0..<100)
        let first = try load()
        #expect(try first.status == 0 && pipeline.count("t") == 100, "\(first.errors.suffix(800))")

        try pipeline.sql("UPDATE etl_offsets SET updated_at = updated_at - interval '1 hour'")
        let topic = "\(pipeline.name).in"
        try KafkaBroker.shared().tool("topics", "--delete", "--topic", topic)
        try pipeline.wait("the topic is made anew") {
            try pipeline.kafka.create(topics: [NewTopic(name: topic, partitions: 2)]) == [.created]
        }
        try send(1000..<1200)
        let second = try load()
        #expect(second.status == 1 && second.errors.contains("load.topic_made_anew"), "\(second.errors.suffix(1500))")
        #expect(try pipeline.count("t") == 100)

        try pipeline.sql("DELETE FROM etl_offsets WHERE topic = '\(topic)'")
        let third = try load()
        #expect(try third.status == 0 && pipeline.count("t") == 300, "\(third.errors.suffix(800))")
        // And from then on as ever.
        try send(1200..<1300)
        let fourth = try load()
        #expect(try fourth.status == 0 && pipeline.count("t") == 400, "\(fourth.errors.suffix(800))")
    }
}
