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
    private var isUnsynced = false

    /// Opens the file for appending, and makes it if need be, for its owner only: it holds records. Of a file that ends within a
    /// letter the beginning is cut off: its position never moved, so it comes again.
    package init(path: String) throws(ETLError) {
        self.path = path
        var isNew = true
        var file = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        if file < 0, errno == EEXIST {
            isNew = false
            file = open(path, O_RDWR | O_APPEND | O_CLOEXEC)
        }
        guard file >= 0 else { throw Self.failure("opening", path) }
        descriptor = file
        // Another run's half of a line is none of a run that died.
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK
                ? ETLError(
                    .failed, code: "archive.file",
                    "another run writes to the archive '\(path)'; wait for it, or name another with --archive=FILE. "
                        + "Nothing was discarded")
                : Self.failure("locking", path)
        }
        if isNew { try Self.syncFolder(of: path) } else { try mendEnd() }
    }

    deinit {
        // A child that is just being made may hold the descriptor a moment longer.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

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

    // MARK: Opening

    private static func failure(_ what: String, _ path: String) -> ETLError {
        ETLError(
            .failed, code: "archive.file",
            "\(what) the archive '\(path)' failed: \(String(cString: strerror(errno))); name another with --archive=FILE. "
                + "Nothing was discarded")
    }

    /// A file that a crash may take with its folder's entry isn't on disk.
    private static func syncFolder(of path: String) throws(ETLError) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening the folder of", path) }
        defer { close(descriptor) }
        // Some file systems have nothing to sync there, and say so.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure("fsync of the folder of", path) }
    }

    /// After the last newline only the beginning of a letter is cut off. Anything else is somebody's, and gets its newline.
    private func mendEnd() throws(ETLError) {
        var about = stat()
        guard fstat(descriptor, &about) == 0 else { throw Self.failure("looking at", path) }
        guard about.st_mode & S_IFMT == S_IFREG else { return }
        let size = Int(about.st_size)
        guard size > 0 else { return }
        var start = size
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        search: while start > 0 {
            let from = max(0, start - piece.count)
            try read(&piece, at: from, count: start - from)
            for index in stride(from: start - from - 1, through: 0, by: -1) where piece[index] == UInt8(ascii: "\n") {
                start = from + index + 1
                break search
            }
            start = from
        }
        guard start < size else { return }
        let opening = Array(#"{"topic":""#.utf8.prefix(size - start))
        try read(&piece, at: start, count: opening.count)
        if piece.starts(with: opening) {
            guard ftruncate(descriptor, off_t(start)) == 0, fsync(descriptor) == 0 else { throw Self.failure("mending", path) }
        } else {
            buffer.append(UInt8(ascii: "\n"))
        }
    }

    private func read(_ piece: inout [UInt8], at offset: Int, count: Int) throws(ETLError) {
        var done = 0
        while done < count {
            let got = piece.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw Self.failure("reading", path) }
            done += got
        }
    }
}
