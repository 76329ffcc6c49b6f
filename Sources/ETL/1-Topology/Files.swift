internal import Glibc

/// Why a file can't be read, in the system's words.
package struct FileError: Error, Equatable {
    package var reason: String
    /// It isn't there, which for some files is no error.
    package var isMissing: Bool
}

/// All bytes of a regular file, or of a pipe, up to `limit`.
package func readFile(_ path: String, limit: Int) -> Result<[UInt8], FileError> {
    func failure(_ code: Int32) -> Result<[UInt8], FileError> {
        .failure(FileError(reason: String(cString: strerror(code)), isMissing: code == ENOENT || code == ENOTDIR))
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return failure(errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while true {
        var count = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, used in
            repeat { count = read(descriptor, buffer.baseAddress, 65_536) } while count < 0 && errno == EINTR
            used = max(count, 0)
        }
        if count < 0 { return failure(errno) }
        if count == 0 { return .success(bytes) }
        bytes += chunk
        if bytes.count > limit {
            return .failure(FileError(reason: "it has more than \(limit) bytes", isMissing: false))
        }
    }
}

enum FileKind { case missing, unreadable, directory, file }

func fileKind(_ path: String) -> FileKind {
    var status = stat()
    guard stat(path, &status) == 0 else { return errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable }
    if status.st_mode & S_IFMT == S_IFDIR { return .directory }
    return access(path, R_OK) == 0 ? .file : .unreadable
}

/// Names in a folder, sorted; nil: it can't be read.
func names(inDirectory path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Whether a glob (`data/*.csv`) matches any file.
func matchesAnyFile(_ pattern: String) -> Bool {
    var found = glob_t()
    defer { globfree(&found) }
    return glob(pattern, GLOB_NOSORT, nil, &found) == 0 && found.gl_pathc > 0
}

/// Without `.` and `..`; a relative path starts at `directory`.
func absolutePath(_ path: String, from directory: String = workingDirectory()) -> String {
    let path = path.hasPrefix("/") ? path : directory + "/" + path
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
}

func workingDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
}

/// `topologies/orders.yaml` → `topologies`, `orders`, `yaml`; the folder is empty where there is none.
func splitPath(_ path: String) -> (directory: String, stem: String, ending: String) {
    let slash = path.lastIndex(of: "/")
    let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ""
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (directory, String(name), "") }
    return (directory, String(name[..<dot]), String(name[name.index(after: dot)...]))
}

/// The process's environment.
func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let pair = String(cString: text)
        if let equals = pair.firstIndex(of: "=") { result[String(pair[..<equals])] = String(pair[pair.index(after: equals)...]) }
        entry += 1
    }
    return result
}
