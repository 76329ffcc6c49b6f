import JSON

/// One overload of an operator, function or method: what arity, type checks, suggestions and the instruction come from.
/// A method's target is its first parameter.
struct Overload {
    enum Style { case `operator`, function, method }
    var style: Style
    var name: String
    var parameters: [TypeSet]
    var result: TypeSet
    var operation: Operation

    init(_ style: Style, _ name: String, _ parameters: [TypeSet], _ result: TypeSet, _ operation: Operation) {
        self.style = style
        self.name = name
        self.parameters = parameters
        self.result = result
        self.operation = operation
    }
}

extension Overload {
    static func named(_ name: String, _ style: Style) -> [Overload] { all[Key(name: name, style: style)] ?? [] }

    static func names(_ style: Style) -> [String] { Set(all.keys.filter { $0.style == style }.map(\.name)).sorted() }

    private struct Key: Hashable {
        var name: String
        var style: Style
    }

    private static let all = Dictionary(grouping: operators + functions + methods) { Key(name: $0.name, style: $0.style) }

    private static let operators: [Overload] =
        arithmetic("-", .subtract) + arithmetic("*", .multiply) + arithmetic("/", .divide) + arithmetic("+", .add)
        + comparison("<", .less) + comparison("<=", .lessEqual) + comparison(">", .greater) + comparison(">=", .greaterEqual)
        + [
            Overload(.operator, "+", [.string, .string], .string, .add),
            Overload(.operator, "+", [.bytes, .bytes], .bytes, .add),
            Overload(.operator, "+", [.list, .list], .list, .add),
            Overload(.operator, "%", [[.int, .uint], [.int, .uint]], [.int, .uint], .modulo),
            Overload(.operator, "-", [[.int, .double, .decimal]], [.int, .double, .decimal], .negate),
            Overload(.operator, "!", [.bool], .bool, .not),
            Overload(.operator, "==", [.any, .any], .bool, .equal),
            Overload(.operator, "!=", [.any, .any], .bool, .notEqual),
            Overload(.operator, "in", [.any, [.list, .map]], .bool, .in),
        ]

    private static func arithmetic(_ name: String, _ operation: Operation) -> [Overload] {
        [Overload(.operator, name, [.number, .number], .number, operation)]
    }

    private static func comparison(_ name: String, _ operation: Operation) -> [Overload] {
        [TypeSet.number, .string, .bytes, .bool].map { Overload(.operator, name, [$0, $0], .bool, operation) }
    }

    private static let functions: [Overload] = [
        Overload(.function, "size", [[.string, .bytes, .list, .map]], .int, .size),
        Overload(.function, "matches", [.string, .string], .bool, .matchesDynamic),
        Overload(.function, "dyn", [.any], .any, .dyn),
        Overload(.function, "type", [.any], .type, .typeOf),
        Overload(.function, "int", [[.number, .string]], .int, .toInt),
        Overload(.function, "uint", [[.number, .string]], .uint, .toUint),
        Overload(.function, "double", [[.number, .string]], .double, .toDouble),
        Overload(.function, "string", [[.number, .string, .bytes, .bool]], .string, .toString),
        Overload(.function, "bool", [[.bool, .string]], .bool, .toBool),
        Overload(.function, "bytes", [[.bytes, .string]], .bytes, .toBytes),
        Overload(.function, "decimal", [[.number, .string]], .decimal, .toDecimal),
    ]

    private static let methods: [Overload] = [
        Overload(.method, "size", [[.string, .bytes, .list, .map]], .int, .size),
        Overload(.method, "contains", [.string, .string], .bool, .contains),
        Overload(.method, "startsWith", [.string, .string], .bool, .startsWith),
        Overload(.method, "endsWith", [.string, .string], .bool, .endsWith),
        Overload(.method, "matches", [.string, .string], .bool, .matchesDynamic),
        Overload(.method, "charAt", [.string, .int], .string, .charAt),
        Overload(.method, "indexOf", [.string, .string], .int, .indexOf),
        Overload(.method, "indexOf", [.string, .string, .int], .int, .indexOf),
        Overload(.method, "lastIndexOf", [.string, .string], .int, .lastIndexOf),
        Overload(.method, "lastIndexOf", [.string, .string, .int], .int, .lastIndexOf),
        Overload(.method, "lowerAscii", [.string], .string, .lowerAscii),
        Overload(.method, "upperAscii", [.string], .string, .upperAscii),
        Overload(.method, "trim", [.string], .string, .trim),
        Overload(.method, "substring", [.string, .int], .string, .substring),
        Overload(.method, "substring", [.string, .int, .int], .string, .substring),
        Overload(.method, "replace", [.string, .string, .string], .string, .replace),
        Overload(.method, "replace", [.string, .string, .string, .int], .string, .replaceLimited),
        Overload(.method, "split", [.string, .string], .list, .split),
        Overload(.method, "split", [.string, .string, .int], .list, .split),
        Overload(.method, "join", [.list], .string, .join),
        Overload(.method, "join", [.list, .string], .string, .join),
    ]
}
