import Command
import ETL
import Glibc

/// One verb of `etl`.
struct Verb: Sendable {
    let command: Command
    let run: @Sendable (Arguments) throws -> Void
}

@main
enum Main {
    static let verbs: [(name: String, verb: Verb)] = [
        ("run", runVerb), ("validate", validateVerb), ("list", listVerb), ("extract", extractVerb), ("topics", topicsVerb),
        ("dlq", dlqVerb), ("eval", evalVerb),
        ("status", statusVerb), ("resume", resumeVerb),
    ]

    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        guard let name = words.first, name != "--help", name != "-h", name != "help" else {
            writeAll(help, to: words.isEmpty ? 2 : 1)
            exit(words.isEmpty ? ExitStatus.usage.rawValue : ExitStatus.done.rawValue)
        }
        if name == "--version" {
            writeAll("etl \(version)\n", to: 1)
            exit(ExitStatus.done.rawValue)
        }
        guard let verb = verbs.first(where: { $0.name == name })?.verb else {
            let near = nearest(name, verbs.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            writeAll("etl: unknown verb '\(name)'\(near) See 'etl --help'.\n", to: 2)
            exit(ExitStatus.usage.rawValue)
        }
        if name == "dlq" { runLetterVerb(Array(words.dropFirst())) }
        runCommand(verb.command, Array(words.dropFirst()), verb.run)
    }

    private static func runLetterVerb(_ words: [String]) -> Never {
        do {
            guard let (verb, words) = try DeadLetterVerbs.find(words) else { runCommand(dlqVerb.command, words, dlqVerb.run) }
            runCommand(verb.command, words, verb.run)
        } catch {
            writeAll("etl dlq: \(error.message)\n", to: 2)
            exit(ExitStatus.usage.rawValue)
        }
    }

    static var help: String {
        let width = verbs.map(\.name.count).max() ?? 0
        let rows = verbs.map { name, verb in
            "  \(name)\(String(repeating: " ", count: width - name.count))  \(verb.command.summary)\n"
        }.joined()
        return """
            Runs and looks after Kafka-native ETL pipelines.

            Usage: etl VERB [options]

            Verbs:
            \(rows)
            One stage, as a pod runs it: etl-stage --topology=FILE --stage=NAME
            More on a verb: etl VERB --help

            """
    }
}
