import Glibc

/// A regular file open for reading at any place.
struct CSVFile: ~Copyable {
    let path: String
    private let descriptor: Int32

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    static func open(_ path: String) throws(CSVError) -> CSVFile {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failed("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CSVError(code: "csv.file", "Failed to read '\(path)': it isn't a regular file")
        }
        return CSVFile(path: path, descriptor: descriptor)
    }

    /// Up to `count` bytes from `offset` on; 0: the file ends there.
    func read(_ target: UnsafeMutableRawPointer, _ count: Int, at offset: Int64) throws(CSVError) -> Int {
        while true {
            let result = pread(descriptor, target, count, Int(offset))
            if result >= 0 { return result }
            if errno != EINTR { throw Self.failed("read", path) }
        }
    }

    /// `count` bytes from `offset` on; fewer at the file's end.
    func bytes(from offset: Int64, count: Int) throws(CSVError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count), alignment: 16)
        defer { buffer.deallocate() }
        guard let base = buffer.baseAddress else { return [] }
        var have = 0
        while have < count {
            let part = try read(base + have, count - have, at: offset + Int64(have))
            if part == 0 { break }
            have += part
        }
        return Array(buffer[..<have])
    }

    /// The offset behind the first newline at or behind `offset`; the file's end if there is none.
    func newline(behind offset: Int64) throws(CSVError) -> Int64 {
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { chunk.deallocate() }
        var at = offset
        while true {
            let count = try read(chunk, 64 << 10, at: at)
            if count == 0 { return at }
            if let found = memchr(chunk, 10, count) { return at + Int64(found - chunk) + 1 }
            at += Int64(count)
        }
    }

    /// The file's size now.
    func size() throws(CSVError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failed("read", path) }
        return Int64(status.st_size)
    }

    private static func failed(_ verb: String, _ path: String) -> CSVError {
        CSVError(code: "csv.file", "Failed to \(verb) '\(path)': \(String(cString: strerror(errno)))")
    }
}
