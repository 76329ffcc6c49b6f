import Foundation
import Glibc

/// A script of this package that starts and stops servers of one kind: `scripts/NAME`, or where that is missing the one that an
/// environment variable names.
struct ServiceScript: Sendable {
    let name: String
    private let path: String

    init(_ name: String, variable: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let own = root.appendingPathComponent("scripts/\(name)").path
        self.name = name
        if FileManager.default.isExecutableFile(atPath: own) {
            path = own
        } else if let named = ProcessInfo.processInfo.environment[variable] {
            path = named
        } else {
            throw ServiceError("no script to run \(name) with: there is no \(own), and \(variable) names none")
        }
    }

    /// Waits for the script and gives what it printed; throws that where it fails.
    @discardableResult
    func run(_ words: [String]) throws -> String {
        // Not Foundation's Process, which waits until all that the script has started have ended too, if they inherit from it.
        let file = "\(NSTemporaryDirectory())/etl-test-output.\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let command = ["/bin/bash", "-c", "exec \"$@\" >\"$0\" 2>&1 </dev/null", file, "/bin/bash", path] + words
        let argv = command.map { strdup($0) }
        defer { argv.forEach { free($0) } }
        var child = pid_t()
        guard posix_spawn(&child, "/bin/bash", nil, nil, argv + [nil], environ) == 0 else { throw ServiceError("no /bin/bash") }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        let output = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        guard status == 0 else {
            throw ServiceError("'\(name) \(words.joined(separator: " "))' ended with status \(status): \(output)")
        }
        return output
    }
}

/// A service that tests need can't be had.
public struct ServiceError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
