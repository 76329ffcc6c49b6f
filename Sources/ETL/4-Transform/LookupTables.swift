internal import Bytes
internal import JSON

/// The lookup tables of a topology, by name. Made once for a process; every thread's programs share them.
public struct LookupTables: Sendable {
    private var tables: [String: LookupTable] = [:]

    public init(_ tables: [LookupTable] = []) {
        for table in tables { self.tables[table.name] = table }
    }

    public subscript(name: String) -> LookupTable? { tables[name] }

    /// Column names of each table.
    var columns: [String: [String]] { tables.mapValues(\.columns) }

    /// Reads every lookup's file.
    /// - Parameter plans: those of the topology, or those its stage needs.
    /// - Throws: the first problem of the first file that has one.
    public static func load(_ plans: [LookupPlan]) throws(LookupError) -> LookupTables {
        var tables: [LookupTable] = []
        for plan in plans { tables.append(try plan.load()) }
        return LookupTables(tables)
    }
}

/// Why a lookup's table can't be made of its file.
public struct LookupError: Error, Equatable, Sendable {
    /// `lookup.file`, `lookup.column`, `lookup.row`, `lookup.key`, `lookup.duplicate`; what the file's reader says keeps its code.
    public var code: String
    /// Starts with the file and, where there is one, the line.
    public var message: String

    init(_ code: String, _ message: String) {
        self.code = code
        self.message = message
    }
}
