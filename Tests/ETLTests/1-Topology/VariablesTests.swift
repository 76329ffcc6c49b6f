import Testing

@testable import ETL

@Suite struct VariablesTests {
    private func expand(_ text: String, _ files: TopologyFiles? = nil) -> Variables.Expansion {
        let environment = ["A": "1", "EMPTY": "", "NAME": "x y", "DB_PASSWORD": "hunter2", "ETL_SECRETS_DIR": files?.path("secrets") ?? "/none"]
        return Variables(environment: environment, directory: files?.directory ?? "/none").expand(text)
    }

    @Test(arguments: [
        ("plain", "plain"), ("${A}", "1"), ("a${A}b${NAME}c", "a1bx yc"), ("${NONE:-d}", "d"), ("${NONE:-}", ""), ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""), ("${A:-d}", "1"), ("${NONE:-localhost:9092}", "localhost:9092"), ("$${A}", "${A}"), ("$$${A}", "$${A}"),
        ("$A $ {A}", "$A $ {A}"), ("x$${${A}}", "x${1}"), ("é${A}é", "é1é"),
    ])
    func values(written: String, text: String) {
        let expansion = expand(written)
        #expect(expansion.text == text)
        #expect(expansion.failures.isEmpty)
    }

    @Test(arguments: [
        ("x ${NONE}", "variable.unset", 2), ("é${", "variable.syntax", 2), ("${}", "variable.syntax", 0), ("${1A}", "variable.syntax", 0),
        ("${a b}", "variable.syntax", 0), ("${secret:none}", "secret.missing", 0), ("${secret:../passwd}", "variable.syntax", 0),
        ("${secret:..}", "variable.syntax", 0), ("${file:none}", "file.missing", 0), ("${file:}", "variable.syntax", 0),
        ("${file:/}", "file.missing", 0),
    ])
    func failures(written: String, code: String, offset: Int) {
        #expect(expand(written).failures.map { "\($0.code) \($0.written)" } == ["\(code) \(offset)"])
    }

    @Test func filesAndSecretsAreRead() throws {
        let files = try TopologyFiles(["note.txt": "text\n", "secrets/pw": "s3cret\r\n", "secrets/A": "of the folder"])
        #expect(expand("[${file:note.txt}]", files).text == "[text]")
        #expect(expand("${file:note.txt}", files).secrets.isEmpty)
        #expect(expand("${file:secrets/pw}", files).secrets == ["s3cret"])
        #expect(expand("${secret:pw}", files).secrets == ["s3cret"])
        #expect(expand("${secret:A}", files).text == "of the folder")
        #expect(expand("${secret:NAME}", files).secrets == ["x y"])
        #expect(expand("${secret:none:-d}", files).text == "d")
        #expect(expand("${DB_PASSWORD}", files).secrets == ["hunter2"])
    }

    @Test func anUnsetVariableHasItsPlace() throws {
        let loaded = try load("name: x\ntopics: {a: {name: a}, b: {name: \"b${NON}\"}}\nstages: {s: {from: a, to: b}}", ["NONE": "1"])
        let problem = try #require(loaded.problems.first { $0.severity == .error })
        #expect(problem.text == "environment variable `NON` is not set; did you mean `NONE`?")
        #expect("\(problem.position.line):\(problem.position.column)" == "2:36")
    }

    @Test func onlyScalarsAreReplaced() throws {
        let loaded = try load("name: x\ntopics: {\"${K}\": {name: a}, b: {name: \"${S}\"}}\nstages: {s: {from: b, load: {}}}", ["K": "k", "S": "{x: y}"])
        #expect(loaded.problems.contains { $0.code == "name.invalid" })
        #expect(loaded.problems.contains { $0.code == "topic.name" && $0.message.contains("`{x: y}`") })
    }
}

/// A password in a log is a password lost.
@Suite struct SecretsTests {
    private static let secret = "tops3cretvalue"

    /// The secret stands where each kind of problem would quote it.
    @Test(arguments: [
        "name: \"${secret:S}\"", "name: x\nmemory_mb: ${secret:S}", "name: x\ndelivery: ${secret:S}", "name: x\nkafka: ${secret:S}",
        "name: x\nkafka: {bootstrap_servers: \"h:1,${secret:S}:x\"}", "name: x\ntopics: {a: {name: \"${secret:S} ${secret:S}\"}}",
        "name: x\nstages: {s: {from: \"${secret:S}\", load: {postgres: {url: \"${secret:S}\", table: \"..${secret:S}\"}}}}",
        "name: x\nstages: {s: {from: a, load: {postgres: {url: \"http://u:tops3cretvalue@h/d\", table: t}}}}",
        "name: x\nstages: {s: {from: a, load: {postgrse: {url: \"postgres://u:tops3cretvalue@h/d\", table: t}}}}",
        "name: x\nkafka: {bootstrap_servers: h, properties: {sasl.password: tops3cretvalue, group.id: x}}",
        "name: x\nkafka: {bootstrap_servers: h, propertis: {sasl.password: 'tops3cretvalue'}}",
        "name: x\nrest:\n  password: tops3cretvalue\n  passwrod: 1\nsecret_token: \"tops3cretvalue\"",
        "name: x\nextractors: {e: {to: \"${secret:S}\", csv: {path: \"${secret:S}\", delimiter: \"${secret:S}\"}}}",
        "name: x\nstages: {s: {from: a, to: b, steps: [{lookup: {table: \"${secret:S}\", key: k}}, {remove: [\"a..${secret:S}\"]}]}}",
    ])
    func neverInAReport(text: String) throws {
        let loaded = try load(text, ["S": Self.secret])
        #expect(loaded.problems.hasErrors)
        let all = loaded.problemsAsText() + loaded.problemsAsText(color: true) + loaded.problemsAsJSON() + "\(loaded.problems)"
        #expect(!all.contains(Self.secret), "\(all)")
    }

    @Test(arguments: [
        ("postgres://u:p@h:5/d", "postgres://u:***@h:5/d"), ("postgres://u@h/d", "postgres://u@h/d"),
        ("postgresql://h/d?user=u&password=p&sslmode=require", "postgresql://h/d?user=u&password=***&sslmode=require"),
        ("postgres://u:p:q@x@h/d", "postgres://u:***@h/d"), ("host=h password=p dbname=d", "host=h password=*** dbname=d"), ("", ""),
    ])
    func connectionsAreShownWithoutPasswords(connection: String, shown: String) {
        #expect(withoutPassword(connection) == shown)
    }

    @Test func secretsAreMaskedInAnyText() {
        var secrets = Secrets()
        for secret in ["abcd", "abcdefgh", "xy", ""] { secrets.insert(secret) }
        #expect(secrets.redact("1 abcdefgh abcd xy `xy` abc") == "1 *** *** xy `***` abc")
        #expect("\(secrets)" == "3 secrets")
    }
}
