// Hot path: per record.

/// Where an instruction's operand comes from, in 4 bytes: two bits of kind, thirty of index.
struct Operand: BitwiseCopyable, Equatable {
    var raw: UInt32

    static let maxIndex: UInt32 = 0x3fff_ffff

    init(raw: UInt32) { self.raw = raw }
    static func slot(_ index: UInt32) -> Operand { Operand(raw: index) }
    static func constant(_ index: UInt32) -> Operand { Operand(raw: 1 << 30 | index) }
    static func node(_ index: UInt32) -> Operand { Operand(raw: 2 << 30 | index) }
    /// A comprehension's variable.
    static func local(_ index: UInt32) -> Operand { Operand(raw: 3 << 30 | index) }

    var kind: UInt32 { raw >> 30 }
    var index: Int { Int(raw & Operand.maxIndex) }
    var isConstant: Bool { kind == 1 }
}

/// One instruction of a program, in 16 bytes. Nodes stand in post-order; operands that are slots, constants or variables are part
/// of the node that uses them. Operations of any number of operands keep them in the operand table: `a` is the start, `b` the
/// count.
struct Node: BitwiseCopyable {
    var operation: Operation
    /// How many operands a call has (1 to 3). Of `map`: 1 when its keys are known to differ. Of macros: how many variables.
    var count: UInt8
    var a: Operand
    var b: Operand
    var c: Operand

    init(_ operation: Operation, count: UInt8 = 0, _ a: Operand, _ b: Operand = Operand(raw: 0), _ c: Operand = Operand(raw: 0)) {
        self.operation = operation
        self.count = count
        self.a = a
        self.b = b
        self.c = c
    }
}

/// What a node does.
enum Operation: UInt8 {
    /// An error that was found when the program was compiled; `a`: its code.
    case failing
    // Any number of operands. `list` and `map` with optional entries: `c` is 1 more than the place of their flags.
    case and, or, addChain, list, map
    // Operators.
    case not, negate, add, subtract, multiply, divide, modulo
    case equal, notEqual, less, lessEqual, greater, greaterEqual
    case `in`
    /// `c`: the constant that holds the compiled set.
    case inSet
    case conditional
    // Members. `select` and `hasKey`: `b` is the key. `hasSlot`: `b` is the slot of the map the field would be in.
    case select, index, hasSlot, hasKey
    case optionalSelect, optionalIndex, optionalSlot
    /// `c`: number of the pattern.
    case matches
    /// The text is exactly `b`, as an anchored pattern without metacharacters says.
    case isText
    // Macros: `a` is the range, `b` the place of predicate and result in the operand table, `c` the number of the first variable,
    // `count` how many variables there are.
    case all, exists, existsOne, mapped, filtered, mappedFiltered
    case mapBuilt, mapBuiltFiltered, mapMerged, mapMergedFiltered, sortedBy
    case optionalMapped, optionalFlatMapped
    /// The operand table has the values of variables from `c` on, and last the expression they are used in.
    case bind
    // Calls of one to three operands, or (`replaceLimited`) as many as the operand table has.
    case dyn, typeOf, toInt, toUint, toDouble, toString, toBool, toBytes, toDecimal, toTimestamp, toDuration
    case size, contains, startsWith, endsWith, matchesDynamic
    case charAt, indexOf, lastIndexOf, lowerAscii, upperAscii, trim, substring, split, join
    case replace, replaceLimited, reverse, format, quote
    // Parts of a time. `c`: 1 more than the number of a time zone that was known when the program was compiled, or 0.
    case fullYear, month, date, dayOfMonth, dayOfWeek, dayOfYear, hours, minutes, seconds, milliseconds
    case slice, flatten, sort, distinct, first, last, range
    case setContains, setEquivalent, setIntersects
    case greatest, least, absolute, sign, squareRoot, isNaN, isInfinite, isFinite
    case bitAnd, bitOr, bitXor, bitNot, bitShiftLeft, bitShiftRight
    case ceiling, floor, round, truncate
    case optionalOf, optionalOfNonZero, optionalNone, hasValue, optionalValue, optionalOr, optionalOrValue, unwrapOptionals
    case decimalSign, decimalModulo
    case base64Encode, base64Decode
}
