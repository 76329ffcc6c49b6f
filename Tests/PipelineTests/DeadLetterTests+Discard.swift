import Foundation
import Glibc
import Kafka
import TestServices
import Testing

extension DeadLetterTests {
    @Test func discardedOnesAreInTheArchive() throws {
        let pipeline = try pipeline()
        try pipeline.send(
            (0..<6).map { TestRecord("k\($0)", "{\"quantity\":-\($0)}") } + [
                TestRecord("x", Array("{\"a\":\"".utf8) + [0xff] + Array("\"}".utf8))
            ], to: "raw")
        try runStage(pipeline, "validate")
        #expect(try dlq(pipeline, "discard", "--stage=validate", status: 2).contains("--yes"))
        let archive = "\(pipeline.folder)/gone.jsonl"
        let text = try dlq(
            pipeline, "discard", "--stage=validate", "--where=dlq.code == 'parse.utf8'", "--archive=\(archive)", "--yes")
        #expect(text.contains("1 discarded") && text.contains("6 × where.unmatched") && text.contains(archive), "\(text)")
        let kept = try objects(try String(contentsOfFile: archive, encoding: .utf8))
        #expect(kept.count == 1 && kept.first?["value_base64"] as? String == "eyJhIjoi/yJ9" && kept.first?["key"] as? String == "x")
        #expect(try dlq(pipeline, "show", "--stage=validate").contains("6 dead letters"))
        #expect(
            try dlq(pipeline, "discard", "--stage=validate", "--archive=/nowhere/x", "--yes", status: 1).contains("[archive.file]"))
        #expect(
            try dlq(pipeline, "show", "--stage=validate").contains("6 dead letters"), "nothing is passed that isn't in the file")
    }

    static let answers: [(answer: String?, discarded: Bool)] = [
        ("y", true), ("YES", true), ("n", false), ("", false), ("yes please", false), (nil, false),
    ]

    /// Asked on stderr, answered on a terminal; nil: the terminal is closed.
    @Test(arguments: answers.indices) func whoeverDiscardsIsAsked(_ index: Int) throws {
        let (answer, isDiscarded) = Self.answers[index]
        let pipeline = try pipeline()
        try pipeline.send([letter("a", "check.failed"), letter("b", "parse.utf8")], to: "validate.dlq")
        let terminal = try Terminal()
        let archive = "\(pipeline.folder)/gone.jsonl"
        let process = try pipeline.etl(
            [
                "dlq", "discard", "--topology=\(pipeline.file)", "--stage=validate", "--where=dlq.code == 'check.failed'",
                "--archive=\(archive)", "--format=json",
            ], inputFile: terminal.path)
        let question = "Discard 1 of 2 dead letters of \(pipeline.name).validate.dlq, into \(archive)? [y/N] "
        try pipeline.wait("the question: \(process.errors)") { process.errors.hasSuffix(question) || !process.isRunning }
        // Nobody was asked about this one.
        try pipeline.send([letter("c", "check.failed")], to: "validate.dlq")
        _ = try pipeline.read("validate.dlq")
        if let answer { terminal.write(answer + "\n") } else { terminal.close() }
        #expect(try process.wait() == (isDiscarded ? 0 : 1), "\(process.errors)")
        if isDiscarded {
            #expect(try objects(process.output).last?["discarded"] as? Int == 1, "nothing but JSON: \(process.output)")
            #expect(process.errors.hasSuffix(question))
            let kept = try objects(try String(contentsOfFile: archive, encoding: .utf8))
            #expect(kept.map { $0["key"] as? String } == ["a"])
        } else {
            #expect(process.errors.contains("nothing was discarded [dlq.declined]") && process.output.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: archive))
        }
        let left = try objects(try dlq(pipeline, "show", "--stage=validate", "--raw", "--format=json"))
        #expect(left.compactMap { $0["key"] as? String }.sorted() == (isDiscarded ? ["b", "c"] : ["a", "b", "c"]))
    }

    /// Where none is meant, nobody is asked and nothing is made, moved or written.
    @Test func whereNothingIsMeantNothingIsDone() throws {
        let pipeline = try pipeline()
        try pipeline.send([letter("a", "check.failed")], to: "validate.dlq")
        let terminal = try Terminal()
        let archive = "\(pipeline.folder)/gone.jsonl"
        let process = try pipeline.etl(
            [
                "dlq", "discard", "--topology=\(pipeline.file)", "--stage=validate", "--where=dlq.code == 'other'",
                "--archive=\(archive)",
            ], inputFile: terminal.path)
        #expect(try process.wait() == 0, "\(process.errors)")
        #expect(process.output.contains("0 discarded, 1 kept") && process.output.contains("1 × where.unmatched"))
        #expect(!FileManager.default.fileExists(atPath: archive))
        let group = "etl.\(pipeline.name).validate.replay"
        #expect(try pipeline.kafka.committedOffsets(group: group, topic: "\(pipeline.name).validate.dlq").allSatisfy { $0 == nil })
    }

    func letter(_ key: String, _ code: String) -> TestRecord {
        TestRecord(
            key, "{}", headers: [("code", code), ("topic", "x")].map { .init(name: "etl.dlq.\($0)", value: Array($1.utf8)) })
    }
}

/// A terminal for a command to read from: `path` is its end, what is written here is typed there.
private final class Terminal {
    let path: String
    private var descriptor: Int32

    init() throws {
        descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)), which Swift doesn't see.
        var (isLocked, number): (Int32, Int32) = (0, 0)
        guard descriptor >= 0, ioctl(descriptor, 0x4004_5431, &isLocked) == 0, ioctl(descriptor, 0x8004_5430, &number) == 0 else {
            throw ServiceError("no terminal: \(String(cString: strerror(errno)))")
        }
        path = "/dev/pts/\(number)"
    }

    deinit { close() }

    func write(_ text: String) { _ = text.withCString { Glibc.write(descriptor, $0, strlen($0)) } }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }
}
