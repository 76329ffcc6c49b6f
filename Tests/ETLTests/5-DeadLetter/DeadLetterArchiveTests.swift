import Foundation
import Testing

@testable import ETL

/// The file of discarded letters: what a torn end, another run and a foreign file mean to it.
@Suite struct DeadLetterArchiveTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "/etl-archive.\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func add(_ key: String, to archive: DeadLetterArchive) throws {
        try TestLetter(key, "{}").withRecord { try archive.append($0, topic: "t.s.dlq") }
        try archive.sync()
    }

    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Cut anywhere in the last line, the file gets whole lines only: what was torn, again.
    @Test func aTornLineIsCutOff() throws {
        try withPath { path in
            try add("first", to: DeadLetterArchive(path: path))
            let first = try Data(contentsOf: URL(fileURLWithPath: path))
            try add("second", to: DeadLetterArchive(path: path))
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for length in first.count...whole.count {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                try add(length == whole.count ? "third" : "second", to: DeadLetterArchive(path: path))
                let found = try lines(path)
                #expect(found.last == "" && found.count == (length == whole.count ? 4 : 3), "cut at \(length)")
                for line in found.dropLast() { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)).starts(with: whole), "cut at \(length)")
            }
        }
    }

    /// Longer than what is read at once, and the only line there is.
    @Test func aLongTornLineIsCutOff() throws {
        try withPath { path in
            let torn = #"{"topic":"t.s.dlq","partition":0,"value":""# + String(repeating: "x", count: 200_000)
            for before in ["", "{}\n"] {
                try (before + torn).write(toFile: path, atomically: true, encoding: .utf8)
                try add("k", to: DeadLetterArchive(path: path))
                let found = try lines(path)
                #expect(found.count == (before.isEmpty ? 2 : 3) && found.dropLast().last?.contains(#""key":"k""#) == true)
            }
        }
    }

    /// A text of somebody's that was named by mistake loses nothing.
    @Test func whatIsNoLetterStays() throws {
        try withPath { path in
            try "notes\nof mine".write(toFile: path, atomically: true, encoding: .utf8)
            try add("k", to: DeadLetterArchive(path: path))
            let found = try lines(path)
            #expect(found.count == 4 && found[0] == "notes" && found[1] == "of mine" && found[2].contains(#""key":"k""#))
        }
    }

    @Test func whileARunWritesToItAnotherDoesNot() throws {
        try withPath { path in
            let first = try DeadLetterArchive(path: path)
            let error = #expect(throws: ETLError.self) { try DeadLetterArchive(path: path) }
            #expect(error?.code == "archive.file" && error?.message.contains("another run writes to the archive") == true)
            try add("k", to: first)
            #expect(try lines(path).count == 2)
        }
    }
}
