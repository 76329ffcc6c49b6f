internal import Glibc
internal import Log

/// The file that discarded dead letters are written to before they are passed: one JSON line each (`LetterJSON`). One thread.
///
/// It is on disk before the position moves. A run that is killed between the two discards the same letters again at its next
/// start, so the file may hold a letter twice, with the same topic, partition and offset; it never lacks one.
package final class DeadLetterArchive {
    package let path: String
    private let descriptor: Int32
    private var lines = LetterJSON()
    private var buffer: [UInt8] = []

    /// Opens the file for appending, and makes it if need be, for its owner only: it holds records.
    package init(path: String) throws(ETLError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ETLError(
                .failed, code: "archive.file",
                "can't open the archive '\(path)': \(String(cString: strerror(errno))); name another "
                    + "with --archive=FILE. Nothing was discarded")
        }
    }

    deinit { close(descriptor) }

    func append(_ record: LogRecord, topic: String) throws(LogError) {
        buffer.append(contentsOf: lines.line(record, topic: topic))
        if buffer.count > 1 << 20 { try write() }
    }

    /// Returns when everything appended is on disk.
    func sync() throws(LogError) {
        guard !buffer.isEmpty || isUnsynced else { return }
        try write()
        if fsync(descriptor) != 0 { throw failure("fsync") }
        isUnsynced = false
    }
    private var isUnsynced = false

    private func write() throws(LogError) {
        var written = 0
        while written < buffer.count {
            let count = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { throw failure("writing") }
            written += count
        }
        isUnsynced = isUnsynced || written > 0
        buffer.removeAll(keepingCapacity: true)
    }

    private func failure(_ what: String) -> LogError {
        LogError(
            .configuration, code: "archive.file",
            "\(what) the archive '\(path)' failed: \(String(cString: strerror(errno))); what isn't in it was not discarded")
    }
}
