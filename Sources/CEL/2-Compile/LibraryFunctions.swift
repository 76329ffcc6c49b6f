import JSON

/// Extension libraries, by the names cel-go gives them (https://pkg.go.dev/github.com/google/cel-go/ext), and our decimals.
extension Overload {
    static let libraries = strings + lists + math + optionals + decimals + others

    private static let strings: [Overload] = [
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
        Overload(.method, "reverse", [[.string, .list]], [.string, .list], .reverse),
        Overload(.method, "format", [.string, .list], .string, .format),
        Overload(.function, "strings.quote", [.string], .string, .quote),
    ]

    private static let lists: [Overload] = [
        Overload(.method, "slice", [.list, .int, .int], .list, .slice),
        Overload(.method, "flatten", [.list], .list, .flatten),
        Overload(.method, "flatten", [.list, .int], .list, .flatten),
        Overload(.method, "sort", [.list], .list, .sort),
        Overload(.method, "distinct", [.list], .list, .distinct),
        Overload(.method, "first", [.list], .optional, .first),
        Overload(.method, "last", [.list], .optional, .last),
        Overload(.function, "lists.range", [.int], .list, .range),
        Overload(.function, "sets.contains", [.list, .list], .bool, .setContains),
        Overload(.function, "sets.equivalent", [.list, .list], .bool, .setEquivalent),
        Overload(.function, "sets.intersects", [.list, .list], .bool, .setIntersects),
    ]

    private static let integers: TypeSet = [.int, .uint]

    private static let math: [Overload] =
        [
            Overload(.function, "math.greatest", [[.number, .list]], .number, .greatest),
            Overload(.function, "math.least", [[.number, .list]], .number, .least),
            Overload(.function, "math.abs", [.number], .number, .absolute),
            Overload(.function, "math.sign", [.number], .number, .sign),
            Overload(.function, "math.sqrt", [[.int, .uint, .double]], .double, .squareRoot),
            Overload(.function, "math.isNaN", [.double], .bool, .isNaN),
            Overload(.function, "math.isInf", [.double], .bool, .isInfinite),
            Overload(.function, "math.isFinite", [.double], .bool, .isFinite),
            Overload(.function, "math.bitAnd", [integers, integers], integers, .bitAnd),
            Overload(.function, "math.bitOr", [integers, integers], integers, .bitOr),
            Overload(.function, "math.bitXor", [integers, integers], integers, .bitXor),
            Overload(.function, "math.bitNot", [integers], integers, .bitNot),
            Overload(.function, "math.bitShiftLeft", [integers, .int], integers, .bitShiftLeft),
            Overload(.function, "math.bitShiftRight", [integers, .int], integers, .bitShiftRight),
        ]
        + [("ceil", .ceiling), ("floor", .floor), ("round", .round), ("trunc", .truncate)].map { name, operation in
            Overload(.function, "math." + name, [[.double, .decimal]], [.double, .decimal], operation)
        }

    private static let optionals: [Overload] = [
        Overload(.function, "optional.of", [.any], .optional, .optionalOf),
        Overload(.function, "optional.ofNonZeroValue", [.any], .optional, .optionalOfNonZero),
        Overload(.function, "optional.none", [], .optional, .optionalNone),
        Overload(.function, "optional.unwrap", [.list], .list, .unwrapOptionals),
        Overload(.method, "unwrapOpt", [.list], .list, .unwrapOptionals),
        Overload(.method, "hasValue", [.optional], .bool, .hasValue),
        Overload(.method, "value", [.optional], .any, .optionalValue),
        Overload(.method, "or", [.optional, .optional], .optional, .optionalOr),
        Overload(.method, "orValue", [.optional, .any], .any, .optionalOrValue),
    ]

    /// Arguments become decimals first (see `decimalOperators`), so numbers and numeric strings will do.
    private static let exact: TypeSet = [.number, .string]

    private static let decimals: [Overload] =
        [
            Overload(.function, "decimals.abs", [exact], .decimal, .absolute),
            Overload(.function, "decimals.neg", [exact], .decimal, .negate),
            Overload(.function, "decimals.sign", [exact], .int, .decimalSign),
            Overload(.function, "decimals.floor", [exact], .decimal, .floor),
            Overload(.function, "decimals.ceil", [exact], .decimal, .ceiling),
            Overload(.function, "decimals.mod", [exact, exact], .decimal, .decimalModulo),
            Overload(.function, "decimals.round", [exact], .decimal, .round),
            Overload(.function, "decimals.round", [exact, .int], .decimal, .round),
            Overload(.function, "decimals.trunc", [exact], .decimal, .truncate),
            Overload(.function, "decimals.trunc", [exact, .int], .decimal, .truncate),
        ]
        + decimalOperators.map { name, operation in
            let compares = ![.add, .subtract, .multiply, .divide].contains(operation)
            return Overload(.function, name, [exact, exact], compares ? .bool : .decimal, operation)
        }

    private static let decimalOperators: [(String, Operation)] = [
        ("decimals.add", .add), ("decimals.sub", .subtract), ("decimals.mul", .multiply), ("decimals.div", .divide),
        ("decimals.eq", .equal), ("decimals.ne", .notEqual), ("decimals.lt", .less), ("decimals.le", .lessEqual),
        ("decimals.lte", .lessEqual), ("decimals.gt", .greater), ("decimals.ge", .greaterEqual), ("decimals.gte", .greaterEqual),
    ]

    private static let others: [Overload] = [
        Overload(.function, "base64.encode", [.bytes], .string, .base64Encode),
        Overload(.function, "base64.decode", [.string], .bytes, .base64Decode),
    ]
}
