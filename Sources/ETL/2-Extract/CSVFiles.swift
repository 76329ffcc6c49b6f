import Glibc

/// The files a glob stands for.
enum CSVFiles {
    /// Regular files (and what links to one) that match a glob(3) pattern, sorted by name as bytes.
    static func matching(_ pattern: String) throws(CSVError) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        switch glob(pattern, GLOB_ERR | GLOB_NOSORT | GLOB_MARK, nil, &found) {
        case 0: break
        case GLOB_NOMATCH: throw none(pattern)
        case GLOB_NOSPACE: throw CSVError(code: "csv.files", "Failed to expand '\(pattern)': out of memory")
        default: throw CSVError(code: "csv.files", "Failed to expand '\(pattern)': a folder can't be read; check its permissions")
        }
        var paths: [String] = []
        for index in 0..<Int(found.gl_pathc) {
            guard let path = found.gl_pathv[index] else { continue }
            let name = String(cString: path)
            // GLOB_MARK: folders end with a slash.
            if !name.hasSuffix("/") { paths.append(name) }
        }
        if paths.isEmpty { throw none(pattern) }
        return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func none(_ pattern: String) -> CSVError {
        CSVError(code: "csv.files", "No file matches '\(pattern)'; check the path")
    }
}
