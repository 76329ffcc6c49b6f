import Foundation
import Glibc
import TestServices

/// One of the built commands, running as a process.
final class Program {
    private let process: pid_t
    /// Readable (as end of file) once the process has ended: it alone holds the other end.
    private let life: Int32
    private let output: String

    struct Ended {
        /// -signal if a signal ended it.
        let status: Int32
        let out: String
        let err: String
    }

    /// Starts it, its output in `folder`, with these variables besides this process' own.
    init(_ name: String, _ arguments: [String], in folder: String, variables: [String: String] = [:]) throws {
        let built = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let path = built.appendingPathComponent(name).path
        output = folder + "/" + UUID().uuidString
        // A named pipe, which only this child opens for writing: other children, started at the same time, can't inherit it.
        guard mkfifo(output, 0o600) == 0 else { throw ServiceError("no pipe at \(output)") }
        life = open(output, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output + ".out", O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, output + ".err", O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 3, output, O_WRONLY, 0)
        let words = ([path] + arguments).map { strdup($0) }
        let all = ProcessInfo.processInfo.environment.merging(variables) { $1 }.map { strdup("\($0)=\($1)") }
        defer { (words + all).forEach { free($0) } }
        var process = pid_t()
        let error = posix_spawn(&process, path, &actions, nil, words + [nil], all + [nil])
        self.process = process
        guard error == 0 else { throw ServiceError("can't run \(path): \(String(cString: strerror(error)))") }
    }

    func signal(_ number: Int32) { kill(process, number) }

    var err: String { (try? String(contentsOfFile: output + ".err", encoding: .utf8)) ?? "" }
    var hasEnded: Bool { ends(withinMs: 0) }

    /// Its end. It is killed where that doesn't come in time.
    func wait(seconds: Int32 = 60) throws -> Ended {
        let inTime = ends(withinMs: seconds * 1000)
        if !inTime { kill(process, SIGKILL) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        close(life)
        let out = (try? String(contentsOfFile: output + ".out", encoding: .utf8)) ?? ""
        guard inTime else { throw ServiceError("didn't end within \(seconds) s; it wrote: \(out)\(err)") }
        return Ended(status: status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f), out: out, err: err)
    }

    private func ends(withinMs time: Int32) -> Bool {
        var descriptor = pollfd(fd: life, events: 0, revents: 0)
        while true {
            let found = poll(&descriptor, 1, time)
            if found >= 0 || errno != EINTR { return found > 0 }
        }
    }
}

extension Topology {
    /// A stage's process.
    func stage(_ name: String, _ more: String...) throws -> Program {
        try Program("etl-stage", ["--topology=\(file)", "--stage=\(name)"] + more, in: folder, variables: variables)
    }

    func etl(_ words: String...) throws -> Program.Ended { try Program("etl", words, in: folder, variables: variables).wait() }
}
