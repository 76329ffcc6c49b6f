import JSON

/// The operators, functions and methods of the language definition, and `decimal()`.
extension Overload {
    static let operators: [Overload] =
        arithmetic("-", .subtract) + arithmetic("*", .multiply) + arithmetic("/", .divide) + arithmetic("+", .add)
        + comparison("<", .less) + comparison("<=", .lessEqual) + comparison(">", .greater) + comparison(">=", .greaterEqual)
        + [
            Overload(.operator, "+", [.string, .string], .string, .add),
            Overload(.operator, "+", [.bytes, .bytes], .bytes, .add),
            Overload(.operator, "+", [.list, .list], .list, .add),
            Overload(.operator, "+", [.timestamp, .duration], .timestamp, .add),
            Overload(.operator, "+", [.duration, .timestamp], .timestamp, .add),
            Overload(.operator, "+", [.duration, .duration], .duration, .add),
            Overload(.operator, "-", [.timestamp, .timestamp], .duration, .subtract),
            Overload(.operator, "-", [.timestamp, .duration], .timestamp, .subtract),
            Overload(.operator, "-", [.duration, .duration], .duration, .subtract),
            Overload(.operator, "%", [[.int, .uint, .decimal], [.int, .uint, .decimal]], [.int, .uint, .decimal], .modulo),
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
        [TypeSet.number, .string, .bytes, .bool, .timestamp, .duration].map {
            Overload(.operator, name, [$0, $0], .bool, operation)
        }
    }

    static let standard: [Overload] =
        [
            Overload(.function, "size", [[.string, .bytes, .list, .map]], .int, .size),
            Overload(.function, "matches", [.string, .string], .bool, .matchesDynamic),
            Overload(.function, "dyn", [.any], .any, .dyn),
            Overload(.function, "type", [.any], .type, .typeOf),
            Overload(.function, "int", [[.number, .string, .timestamp]], .int, .toInt),
            Overload(.function, "uint", [[.number, .string]], .uint, .toUint),
            Overload(.function, "double", [[.number, .string]], .double, .toDouble),
            Overload(.function, "string", [[.number, .string, .bytes, .bool, .timestamp, .duration]], .string, .toString),
            Overload(.function, "bool", [[.bool, .string]], .bool, .toBool),
            Overload(.function, "bytes", [[.bytes, .string]], .bytes, .toBytes),
            Overload(.function, "decimal", [[.number, .string]], .decimal, .toDecimal),
            Overload(.function, "timestamp", [[.timestamp, .string, .int]], .timestamp, .toTimestamp),
            Overload(.function, "duration", [[.duration, .string]], .duration, .toDuration),
            Overload(.method, "size", [[.string, .bytes, .list, .map]], .int, .size),
            Overload(.method, "contains", [.string, .string], .bool, .contains),
            Overload(.method, "startsWith", [.string, .string], .bool, .startsWith),
            Overload(.method, "endsWith", [.string, .string], .bool, .endsWith),
            Overload(.method, "matches", [.string, .string], .bool, .matchesDynamic),
        ]
        + timeParts("getFullYear", .fullYear) + timeParts("getMonth", .month) + timeParts("getDate", .date)
        + timeParts("getDayOfMonth", .dayOfMonth) + timeParts("getDayOfWeek", .dayOfWeek)
        + timeParts("getDayOfYear", .dayOfYear) + timeParts("getHours", .hours, ofDuration: true)
        + timeParts("getMinutes", .minutes, ofDuration: true) + timeParts("getSeconds", .seconds, ofDuration: true)
        + timeParts("getMilliseconds", .milliseconds, ofDuration: true)

    /// Of a timestamp in UTC or in a time zone; some of a duration too.
    private static func timeParts(_ name: String, _ operation: Operation, ofDuration: Bool = false) -> [Overload] {
        [
            Overload(.method, name, [ofDuration ? [.timestamp, .duration] : .timestamp], .int, operation),
            Overload(.method, name, [.timestamp, .string], .int, operation),
        ]
    }
}
