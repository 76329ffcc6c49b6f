/// What can go wrong while an expression runs: the `aux` of an error value.
enum EvaluationError: UInt16 {
    case noSuchField = 1
    case noSuchKey
    case noMatchingOverload
    case divisionByZero
    case modulusByZero
    case integerOverflow
    case numberOutOfRange
    case conversion
    case indexOutOfBounds
    case decimalOverflow
    case decimalFromDouble
    case duplicateKey
    case invalidUTF8
    case invalidPattern
    case tooLarge
    case tooManySteps
    case unknownName
    case unknownFunction
    case invalidKey
    case timeOutOfRange
    case unknownTimeZone
    case noValue
    case invalidFormat
    case missingArgument
    case notComparable
    case negativeShift

    /// The message's beginning; the piece of the expression follows.
    var text: String {
        switch self {
        case .noSuchField: "no such field:"
        case .noSuchKey: "no such key:"
        case .noMatchingOverload: "no matching overload"
        case .divisionByZero: "division by zero in"
        case .modulusByZero: "modulus by zero in"
        case .integerOverflow: "integer overflow in"
        case .numberOutOfRange: "number out of range; use decimal():"
        case .conversion: "value can't be converted in"
        case .indexOutOfBounds: "index out of bounds:"
        case .decimalOverflow: "decimal overflow (more than 38 digits) in"
        case .decimalFromDouble: "a computed double has no exact digits; use decimal() on the field instead:"
        case .duplicateKey: "duplicate key in"
        case .invalidUTF8: "invalid UTF-8 in"
        case .invalidPattern: "invalid regular expression in"
        case .tooLarge: "value too large in"
        case .tooManySteps: "too many steps in"
        case .unknownName: "unknown name:"
        case .unknownFunction: "unknown function in"
        case .invalidKey: "a map's key is a string, int, uint or bool:"
        case .timeOutOfRange: "time or duration out of range in"
        case .unknownTimeZone: "unknown time zone in"
        case .noValue: "an optional without value in"
        case .invalidFormat: "invalid format in"
        case .missingArgument: "more clauses than arguments in"
        case .notComparable: "elements that have no order in"
        case .negativeShift: "shift by a negative number in"
        }
    }
}

/// Where an error happened: a node or one of its fused operands (four positions a node), an entry of the operand table, or the
/// root. An error value's `length`.
enum Position {
    static func node(_ index: UInt32, operand: UInt32 = 0) -> UInt32 { index << 2 | operand }
    static func tableEntry(_ index: UInt32) -> UInt32 { 1 << 31 | index }
    static let root = UInt32.max
}
