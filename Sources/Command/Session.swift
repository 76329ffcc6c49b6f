internal import Bytes
package import ETL
internal import Glibc
import Kafka
package import Log
import Synchronization

/// What a command line asks for, opened: the plan, its log, and a place to write events.
package struct Session {
    package let plan: Plan
    package let journal: Journal

    /// Reads the topology named by `--topology` (or, by name, `--pipeline`) with `--env`, and prints what is wrong with it.
    package init(_ arguments: Arguments, _ command: Command) throws {
        let plan = try Session.plan(arguments, command)
        knownSecrets.withLock { $0.formUnion(plan.secrets) }
        self.plan = plan
        journal = Journal(plan.logging, context: [("topology", .string(plan.name))], secrets: plan.secrets)
    }

    /// Without a topology: nothing but a cluster that needs no login.
    package init(bootstrapServers: String) {
        plan = Plan.empty(bootstrapServers: bootstrapServers)
        journal = Journal(plan.logging)
    }

    private static func plan(_ arguments: Arguments, _ command: Command) throws -> Plan {
        let file: String
        if let name = arguments.value("pipeline") {
            if arguments.value("topology") != nil { throw UsageError("--pipeline and --topology can't be given together") }
            switch findTopology(pipeline: name, dir: arguments.value("dir") ?? "topologies") {
            case .success(let path): file = path
            case .failure(let missing):
                throw ETLError(
                    .topology, code: "topology.not_found", missing.message + (missing.suggestion.map { "; \($0)" } ?? ""))
            }
        } else {
            file = try arguments.required("topology", command)
        }
        let loaded = load(file, arguments)
        if !loaded.problems.isEmpty { writeAll(loaded.problemsAsText(color: wantsColor(descriptor: 2)), to: 2) }
        if loaded.problems.hasErrors {
            let errors = loaded.problems.filter { $0.severity == .error }.count
            throw ETLError(
                .topology, code: "topology.invalid", "\(file) has \(errors) problem\(errors == 1 ? "" : "s"); nothing was started")
        }
        let plans = arguments.value("pipeline").map { name in loaded.plans.filter { $0.name == name } } ?? loaded.plans
        guard let plan = plans.first, plans.count == 1 else {
            throw ETLError(
                .topology, code: "topology.several",
                "\(file) holds several topologies: \(loaded.plans.map(\.name).joined(separator: ", ")); choose one with "
                    + "--pipeline=NAME")
        }
        return plan
    }

    /// Reads a topology with all its problems, those of its expressions too.
    package static func load(_ file: String, _ arguments: Arguments) -> LoadedTopologies {
        loadTopologies(file: file, environment: arguments.value("env")) { $0.checkExpressions() }
    }

    /// What is shown over HTTP: as the topology says, or where `--http` says; nil: nothing.
    package func http(_ arguments: Arguments) throws -> HTTPPlan? {
        guard let text = arguments.value("http") else { return plan.http }
        guard let listen = ListenAddress(text) else {
            throw UsageError("--http=\(text) is no HOST:PORT; write --http=127.0.0.1:9090, or 0.0.0.0:9090 for every interface")
        }
        var http = plan.http ?? HTTPPlan(listen: listen)
        http.listen = listen
        if let refusal = http.refusal { throw ETLError(.topology, code: "http.open", "--http=\(text): \(refusal)") }
        return http
    }

    /// The log the plan asks for. The in-memory one when there is no `kafka:`, or when `embedded`.
    package func openLog(embedded: Bool = false) throws(ETLError) -> any RecordLog {
        // The other half: what the log keeps around its records, and what members have in hand.
        guard let kafka = plan.kafka, !embedded else { return MemoryLog(memoryBytes: plan.memoryMB << 19) }
        let journal = journal
        do throws(LogError) {
            return try KafkaLog(
                bootstrapServers: kafka.bootstrapServers, properties: kafka.properties,
                consumerProperties: kafka.consumerProperties,
                producerProperties: kafka.producerProperties
            ) { line in
                journal.emit(ClientLine(facility: line.facility, text: line.text, syslogLevel: line.level))
            }
        } catch {
            throw ETLError(error)
        }
    }
}

/// Of the topologies this process has read: the last words of a command may quote a service, and services quote anything.
private let knownSecrets = Mutex(Secrets())

private func say(_ text: String) { writeAll(knownSecrets.withLock { $0.redact(text) }, to: 2) }

/// Not by way of `exit`, which cleans up what threads of librdkafka may still be using: clients of brokers that are away are left
/// behind, not waited for.
private func end(_ status: Int32) -> Never {
    fflush(nil)
    _exit(status)
}

/// Runs a command's body and ends the process with the status of what became of it.
package func runCommand(_ command: Command, _ words: [String], _ body: (Arguments) throws -> Void) -> Never {
    keepFreedMemory()
    do {
        if words.contains("--help") || words.contains("-h") {
            writeAll(command.help, to: 1)
            end(ExitStatus.done.rawValue)
        }
        try body(try Arguments(words, for: command))
        end(ExitStatus.done.rawValue)
    } catch let error as UsageError {
        writeAll("\(command.name): \(error.message)\n", to: 2)
        end(ExitStatus.usage.rawValue)
    } catch let error as ETLError {
        say("\(command.name): \(error.message) [\(error.code)]\n")
        end(error.status.rawValue)
    } catch let error as LogError {
        say("\(command.name): \(error.message) [\(error.code)]\n")
        end(ETLError(error).status.rawValue)
    } catch {
        say("\(command.name): \(error)\n")
        end(ExitStatus.failed.rawValue)
    }
}

/// The options most commands share.
package enum CommonOptions {
    package static let topology = Option("topology", "FILE", "the topology")
    package static let pipeline = Option("pipeline", "NAME", "find the topology of this name in --dir instead")
    package static let dir = Option("dir", "DIR", "where --pipeline looks (default: topologies)")
    package static let environment = Option("env", "NAME", "merge FILE's overlay of this environment, e.g. orders.production.yaml")
    package static let http = Option(
        "http", "HOST:PORT", "answer /metrics, /health/live, /health/ready, /status there (port 0: a free one, named in the log)")
    package static let format = Option("format", "text|json", "how to print (default: text)")
}
