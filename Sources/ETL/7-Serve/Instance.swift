import Glibc

/// A name for this process that no other living process of this host has, and that its successor takes over: `<host>-<slot>`
/// with the lowest free slot. It is part of transactional ids: two processes with the same one would fence each other, while a
/// crashed process' successor with the same one ends what the crash left open at once.
package struct Instance: Sendable {
    package let name: String
    /// Never closed: the lock is the process's, and the system releases it even after kill -9. -1: none.
    private let descriptor: Int32

    /// - Parameter scope: what the name must be unique in: topology and stage.
    package init(scope: String) {
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, buffer.count - 1)
        let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        for slot in 0..<256 {
            let path = "\(folder)/etl.\(scope).\(slot).lock"
            let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
            if file < 0 { break }
            if flock(file, LOCK_EX | LOCK_NB) == 0 {
                name = "\(host)-\(slot)"
                descriptor = file
                return
            }
            close(file)
        }
        // Nowhere to keep a lock (a read-only container, where the host name is the pod's): unique all the same, but a crash's
        // open transaction has to time out.
        name = "\(host)-p\(getpid())"
        descriptor = -1
    }
}
