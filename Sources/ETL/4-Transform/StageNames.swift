internal import CEL
internal import JSON

/// The names a stage's expressions may use, and the slots their values will stand in.
///
/// Used twice: first to learn which paths each expression reads (`reads`), with slots that mean nothing; then, once it is
/// known which part of the program an expression belongs to, with the slots of that part.
struct StageNames: NameResolver {
    /// A value beside the message. Its slot is the same in every part of a program: it outlives a rescan.
    enum Context: Hashable {
        case key, topic, partition, offset, timestamp, headers
        case header(String)
        /// The whole row of the lookup with this number, or null.
        case row(Int)
        /// Null, or a map that only tells that there is a row.
        case rowPresence(Int)
        /// A map that only tells that headers are one.
        case headersPresence
        case column(lookup: Int, column: Int)
    }

    /// A name a lookup gives its row.
    struct Alias {
        var name: String
        var columns: [String]
    }

    /// A name that can't be used, or not yet.
    struct WrongName {
        var name: String
        var message: String
        var suggestion: String?
    }

    static let builtIn = ["message", "key", "headers", "topic", "partition", "offset", "timestamp"]

    /// Message paths asked for since this was last emptied.
    var reads: [[String]] = []
    /// What is wrong with the names asked for since this was last emptied.
    var wrongNames: [WrongName] = []
    /// Aliases in the order of their steps; those from `definedCount` on belong to steps that come later.
    var aliases: [Alias] = []
    var definedCount = 0
    /// In the order first asked for: the position is the context slot's number.
    private(set) var contexts: [Context] = []
    private var numbers: [Context: Int] = [:]
    private var unknownPaths: [[String]: Int] = [:]

    /// What is known of the message where the expression stands.
    var known = KnownTypes()

    /// The part expressions are compiled for; nil: only looking.
    var trie: SlotTrie?
    /// Slot of context number 0.
    var contextBase = 0

    var roots: [String] { Self.builtIn + aliases.prefix(definedCount).map(\.name) }

    mutating func slot(for path: [String]) -> Int? {
        guard let root = path.first else { return nil }
        switch (root, path.count) {
        case ("message", _): return messageSlot(Array(path.dropFirst()))
        case ("key", 1): return contextSlot(.key)
        case ("topic", 1): return contextSlot(.topic)
        case ("partition", 1): return contextSlot(.partition)
        case ("offset", 1): return contextSlot(.offset)
        case ("timestamp", 1): return contextSlot(.timestamp)
        case ("headers", 1): return contextSlot(.headers)
        case ("headers", 2): return contextSlot(.header(path[1]))
        default: return lookupSlot(path)
        }
    }

    mutating func parentSlot(for path: [String]) -> Int? {
        switch path.first {
        case "message"?:
            // An inner node of the trie, whose type every step keeps right: no read of what is in it.
            let parent = Array(path.dropFirst())
            return trie?.find(parent) ?? 0
        case "headers"? where path.count == 1: return contextSlot(.headersPresence)
        default:
            guard path.count == 1, let lookup = aliases.prefix(definedCount).firstIndex(where: { $0.name == path[0] }) else {
                return slot(for: path)
            }
            return contextSlot(.rowPresence(lookup))
        }
    }

    func types(of path: [String]) -> TypeSet {
        switch path.first {
        case "message"?:
            let types = known.types(at: Array(path.dropFirst()))
            return types.isEmpty ? .any : types
        case "topic"?: return .string
        case "partition"?, "offset"?: return .int
        default: return .any
        }
    }

    /// The slot of a context value in whatever part; nil: no expression asks for it.
    func slot(of context: Context) -> Int? { numbers[context].map { contextBase + $0 } }

    private mutating func messageSlot(_ path: [String]) -> Int {
        reads.append(path)
        if let slot = trie?.find(path) { return slot }
        if let number = unknownPaths[path] { return number }
        unknownPaths[path] = unknownPaths.count
        return unknownPaths.count - 1
    }

    private mutating func contextSlot(_ context: Context) -> Int {
        if let number = numbers[context] { return contextBase + number }
        numbers[context] = contexts.count
        contexts.append(context)
        return contextBase + contexts.count - 1
    }

    private mutating func lookupSlot(_ path: [String]) -> Int? {
        guard let lookup = aliases.firstIndex(where: { $0.name == path[0] }) else { return nil }
        guard lookup < definedCount else {
            wrongNames.append(
                WrongName(
                    name: path[0], message: "'\(path[0])' is used before the lookup that gives it",
                    suggestion: "move this step behind the lookup step with as: \(path[0])"))
            return nil
        }
        if path.count == 1 { return contextSlot(.row(lookup)) }
        guard path.count == 2 else { return nil }
        if let column = aliases[lookup].columns.firstIndex(of: path[1]) {
            return contextSlot(.column(lookup: lookup, column: column))
        }
        wrongNames.append(
            WrongName(
                name: path[1], message: "the table of lookup '\(path[0])' has no column '\(path[1])'",
                suggestion: suggest(path[1], among: aliases[lookup].columns, called: "its columns")))
        return nil
    }
}
