import Foundation
import Glibc

/// `etl` or `etl-stage` as a process of its own, as this build made it. Killed when nobody holds it any more.
public final class CommandProcess {
    public enum Program: String, Sendable { case etl, stage = "etl-stage" }

    public let words: [String]
    private let process: pid_t
    private let files: String
    private var ended: Int32?

    /// - Parameters:
    ///   - environment: added to this process's.
    ///   - directory: where it runs; nil: here.
    ///   - input: what it reads on stdin; nil: the file `inputFile`, from `directory`.
    public init(
        _ program: Program, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
        input: String? = nil, inputFile: String = "/dev/null"
    ) throws {
        words = [program.rawValue] + arguments
        files = "\(NSTemporaryDirectory())/etl-test-command.\(UUID().uuidString)"
        // A shell that becomes the command: posix_spawn alone can't change the folder everywhere.
        let script = "cd \"$1\" && in=\"$2\" && shift 2 && exec \"$@\" >\"$0.out\" 2>\"$0.err\" <\"$in\""
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: files + ".in")) }
        let source = input == nil ? inputFile : files + ".in"
        let line = ["/bin/sh", "-c", script, files, directory ?? ".", source, try Self.path(program)] + arguments
        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }
        let argv = line.map { strdup($0) }
        let envp = variables.map { strdup("\($0.key)=\($0.value)") }
        defer { (argv + envp).forEach { free($0) } }
        var child = pid_t()
        guard posix_spawn(&child, "/bin/sh", nil, nil, argv + [nil], envp + [nil]) == 0 else { throw ServiceError("no /bin/sh") }
        process = child
    }

    deinit {
        if ended == nil {
            Glibc.kill(process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        for suffix in [".in", ".out", ".err"] { try? FileManager.default.removeItem(atPath: files + suffix) }
    }

    public var output: String { text(".out") }
    public var errors: String { text(".err") }
    /// What everybody on the machine can read of it, as `ps` shows it.
    public var shownByPs: String {
        String(decoding: FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data(), as: UTF8.self)
    }
    public var isRunning: Bool { reap() == nil }

    public func terminate() { send(SIGTERM) }
    /// kill -9.
    public func kill() { send(SIGKILL) }

    private func send(_ signal: Int32) {
        if reap() == nil { Glibc.kill(process, signal) }
    }

    /// Its exit status; of one that a signal ended, the signal's number below zero.
    @discardableResult
    public func wait(seconds: Double = 40) throws -> Int32 {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            if let status = reap() { return status }
            // A pause between two looks at the condition.
            usleep(5000)
        }
        throw ServiceError("\(words.joined(separator: " ")) didn't end in \(seconds) s: \(errors.suffix(2000))")
    }

    private func reap() -> Int32? {
        if let ended { return ended }
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        ended = status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
        return ended
    }

    private func text(_ suffix: String) -> String {
        String(decoding: FileManager.default.contents(atPath: files + suffix) ?? Data(), as: UTF8.self)
    }

    /// Beside the test's own program; else where a debug build puts it.
    private static func path(_ program: Program) throws -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folders = [
            URL(fileURLWithPath: own).deletingLastPathComponent().path, root.appendingPathComponent(".build/debug").path,
        ]
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(program.rawValue)") {
            return "\(folder)/\(program.rawValue)"
        }
        throw ServiceError("there is no \(program.rawValue) beside the tests; build it with 'swift build'")
    }
}
