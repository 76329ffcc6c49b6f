import Kafka
import Log
import Testing

@Suite struct PropertyTests {
    struct Case {
        var properties: [String: String]
        var code: String
        var words: [String]
        var absent = "\u{0}"
    }

    @Test(arguments: [
        Case(properties: ["no.such.thing": "1"], code: "log.property_unknown", words: ["no.such.thing"]),
        Case(properties: ["linger.ms": "soon"], code: "log.property_value", words: ["linger.ms", "soon"]),
        Case(properties: ["sasl.mechanism ": "hunter2"], code: "log.property_unknown", words: ["sasl.mechanism "], absent: "hunter2"),
        Case(properties: ["sasl.kerberos.min.time.before.relogin": "hunter2"], code: "log.property_value",
             words: ["sasl.kerberos.min.time.before.relogin"], absent: "hunter2"),
        Case(properties: ["security.protocol": "sasl_ssl", "sasl.mechanism": "GSS", "sasl.password": "hunter2"],
             code: "", words: [], absent: "hunter2"),
        Case(properties: ["enable.auto.commit": "true"], code: "log.property_forbidden", words: ["enable.auto.commit", "must stay false"]),
        Case(properties: ["auto.commit.enable": "true"], code: "log.property_forbidden", words: []),
        Case(properties: ["isolation.level": "read_uncommitted"], code: "log.property_forbidden", words: ["isolation.level"]),
        Case(properties: ["auto.offset.reset": "earliest"], code: "log.property_forbidden", words: ["auto.offset.reset", "error"]),
        Case(properties: ["enable.idempotence": "false"], code: "log.property_forbidden", words: ["enable.idempotence"]),
        Case(properties: ["bootstrap.servers": "a:1"], code: "log.property_forbidden", words: ["bootstrap_servers"]),
        Case(properties: ["group.id": "mine"], code: "log.property_forbidden", words: ["group.id"]),
        Case(properties: ["enable.auto.commit": "false", "isolation.level": "read_committed"], code: "", words: []),
        Case(properties: ["linger.ms": "50", "fetch.min.bytes": "1000", "compression.type": "lz4"], code: "", words: []),
    ])
    func propertiesAreCheckedAtOnce(_ row: Case) {
        let error = logError { _ = try KafkaLog(bootstrapServers: "127.0.0.1:1", properties: row.properties) }
        #expect((error?.code ?? "") == row.code, "\(String(describing: error))")
        for word in row.words { #expect(error?.message.contains(word) == true, "\(word)") }
        #expect(error?.message.contains(row.absent) != true)
        #expect(error == nil || error?.kind == .configuration)
    }

    @Test func serversMustBeNamed() {
        #expect(logError { _ = try KafkaLog(bootstrapServers: " ,") }?.message.contains("bootstrap_servers") == true)
    }
}
