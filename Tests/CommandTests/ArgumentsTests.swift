import Testing

@testable import Command

@Suite struct ArgumentsTests {
    static let command = Command(
        name: "etl-stage", summary: "Runs one stage.",
        options: [
            Option("topology", "FILE", "the topology"), Option("threads", "N", "threads"),
            Option("until-end", nil, "stop at the end"), Option("set", "FIELD=CEL", "repeats", repeats: true),
        ], examples: ["etl-stage --topology=orders.yaml"])

    @Test func bothFormsOfAValue() throws {
        for words in [["--topology=a.yaml", "--until-end"], ["--until-end", "--topology", "a.yaml"]] {
            let arguments = try Arguments(words, for: Self.command)
            #expect(arguments.value("topology") == "a.yaml")
            #expect(arguments.has("until-end"))
        }
        #expect(try Arguments(["--topology=a=b"], for: Self.command).value("topology") == "a=b")
    }

    @Test func anOptionThatRepeats() throws {
        #expect(try Arguments(["--set=a=1", "--set", "b=-2", "--set=a==3"], for: Self.command).list("set") == ["a=1", "b=-2", "a==3"])
        #expect(try Arguments([], for: Self.command).list("set").isEmpty)
    }

    @Test(arguments: [
        (["--topolgy=x"], "unknown option '--topolgy'; did you mean --topology? See 'etl-stage --help'."),
        (["--topology"], "--topology needs a value: --topology=FILE"),
        (["--topology", "--until-end"], "--topology needs a value: --topology=FILE"),
        (["--until-end=yes"], "--until-end takes no value, but 'yes' is given"),
        (["--threads=1", "--threads=2"], "--threads is given twice"),
        (["orders.yaml"], "unexpected 'orders.yaml'; see 'etl-stage --help'"),
        (["-x"], "unknown option '-x'; options are written --name=VALUE, see 'etl-stage --help'"),
    ]) func refusals(_ row: (words: [String], message: String)) {
        #expect(throws: UsageError(row.message)) { try Arguments(row.words, for: Self.command) }
    }

    @Test func numbersAreChecked() throws {
        let arguments = try Arguments(["--threads=0"], for: Self.command)
        #expect(throws: UsageError("--threads=0 is not a whole number from 1 to 64")) {
            try arguments.integer("threads", in: 1...64)
        }
        #expect(try Arguments(["--threads=8"], for: Self.command).integer("threads", in: 1...64) == 8)
        #expect(try Arguments([], for: Self.command).integer("threads", in: 1...64) == nil)
    }

    @Test func helpShowsEveryOption() {
        #expect(Self.command.help.contains("--topology=FILE  the topology"))
        #expect(Self.command.help.contains("--help"))
    }
}
