// Hot path: per record.
import Bytes
import CRE2
import JSON

/// What the switch in `run` leaves out: rarer operators and the functions.
extension Machine {
    @inline(never)
    mutating func call(_ node: Node, _ index: UInt32) -> Value {
        if stepsLeft < 0 { return fail(.tooManySteps, Position.node(index)) }
        switch node.operation {
        case .addChain: return addChain(node, index)
        case .list, .map: return construct(node, index)
        case .negate: return negate(load(node.a), index)
        case .in:
            let value = load(node.a)
            return inList(value, node, index)
        case .failing: return .error(UInt16(truncatingIfNeeded: node.a.raw), node: Position.node(index))
        case .select: return select(node, index)
        case .hasKey: return hasKey(node, index)
        case .index: return subscripted(node, index)
        case .optionalSelect, .optionalIndex: return optionalMember(node, index)
        case .optionalSlot: return optionalSlot(node, index)
        case .all, .exists, .existsOne, .mapped, .filtered, .mappedFiltered, .mapBuilt, .mapBuiltFiltered, .mapMerged,
            .mapMergedFiltered, .sortedBy:
            return comprehension(node, index)
        case .bind: return bind(node)
        case .optionalMapped, .optionalFlatMapped: return optionalMapped(node, index)
        case .optionalOr, .optionalOrValue: return optionalAlternative(node, index)
        case .replaceLimited: return replaceLimited(node, index)
        case .fullYear, .month, .date, .dayOfMonth, .dayOfWeek, .dayOfYear, .hours, .minutes, .seconds, .milliseconds:
            return timePart(node, index)
        default: break
        }
        let first = load(node.a)
        if let failure = failure(first, Position.node(index, operand: 1)) { return failure }
        if node.count == 1 { return unary(node.operation, first, index) }
        let second = load(node.b)
        if let failure = failure(second, Position.node(index, operand: 2)) { return failure }
        if node.count == 2 { return binary(node.operation, first, second, index) }
        let third = load(node.c)
        if let failure = failure(third, Position.node(index, operand: 3)) { return failure }
        return ternary(node.operation, first, second, third, index)
    }

    private mutating func unary(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        switch operation {
        case .dyn: return value
        case .typeOf: return Value(.type, aux: UInt16((value.tag == .type ? Tag.type : value.tag).rawValue))
        case .toInt: return toInt(value, index)
        case .toUint: return toUint(value, index)
        case .toDouble: return toDouble(value, index)
        case .toString: return toString(value, index)
        case .toBool: return toBool(value, index)
        case .toBytes: return toBytes(value, index)
        case .toDecimal: return toDecimal(value, index)
        case .toTimestamp: return toTimestamp(value, index)
        case .toDuration: return toDuration(value, index)
        case .negate: return negate(value, index)
        case .size:
            switch value.tag {
            case .string: return .int(Int64(value.bytes.codePointCount))
            case .bytes: return .int(Int64(value.length))
            case .list: return .int(Int64(elements(value).count))
            case .map: return .int(Int64(elements(value).count / 2))
            default: return noOverload(value, index)
            }
        case .optionalOf: return some(value)
        case .optionalOfNonZero: return isZero(value) ? Value(.optional) : some(value)
        case .greatest, .least: return extreme(operation, value, index)
        case .absolute, .sign, .squareRoot, .isNaN, .isInfinite, .isFinite, .ceiling, .floor, .round, .truncate, .bitNot,
            .decimalSign:
            return mathematics(operation, value, index)
        case .range: return value.tag == .int ? range(value.int, index) : noOverload(value, index)
        case .base64Encode: return value.tag == .bytes ? base64Encoded(value) : noOverload(value, index)
        default: break
        }
        switch (operation, value.tag) {
        case (.lowerAscii, .string): return changeCase(value, from: UInt8(ascii: "A"))
        case (.upperAscii, .string): return changeCase(value, from: UInt8(ascii: "a"))
        case (.trim, .string): return trim(value)
        case (.quote, .string): return quoted(value)
        case (.reverse, .string): return reversedText(value)
        case (.base64Decode, .string): return base64Decoded(value, index)
        case (.hasValue, .optional): return .bool(value.length == 1)
        case (.optionalValue, .optional): return content(value) ?? fail(.noValue, Position.node(index))
        case (_, .list): return listFunction(operation, value, index)
        default: return noOverload(value, index)
        }
    }

    private mutating func listFunction(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        switch operation {
        case .join: return join(value, nil, index)
        case .reverse: return reversedList(value)
        case .flatten: return flattened(value, levels: 1, index)
        case .sort: return sorted(value, index)
        case .distinct: return distinct(value, index)
        case .first, .last:
            let items = elements(value)
            return items.isEmpty ? Value(.optional) : some(items[operation == .first ? 0 : items.count - 1])
        case .unwrapOptionals: return unwrapped(value, index)
        default: return noOverload(value, index)
        }
    }

    private mutating func binary(_ operation: Operation, _ first: Value, _ second: Value, _ index: UInt32) -> Value {
        switch (operation, first.tag, second.tag) {
        case (.matchesDynamic, .string, .string): return matchesDynamic(first, second, index)
        case (.charAt, .string, .int): return charAt(first, second, index)
        case (.substring, .string, .int): return substring(first, second, nil, index)
        case (.indexOf, .string, .string): return indexOf(first, second, from: nil, index)
        case (.lastIndexOf, .string, .string): return lastIndexOf(first, second, upTo: nil, index)
        case (.split, .string, .string): return split(first, second, limit: -1)
        case (.join, .list, .string): return join(first, second, index)
        case (.format, .string, .list): return format(first, second, index)
        case (.flatten, .list, .int): return flattened(first, levels: second.int, index)
        case (.setContains, .list, .list), (.setEquivalent, .list, .list), (.setIntersects, .list, .list):
            return compareSets(operation, first, second, index)
        case (.bitAnd, _, _), (.bitOr, _, _), (.bitXor, _, _), (.bitShiftLeft, _, _), (.bitShiftRight, _, _):
            return bits(operation, first, second, index)
        case (.decimalModulo, .decimal, .decimal): return decimals(.modulo, first, second, index)
        case (.round, .decimal, .int), (.truncate, .decimal, .int): return rounded(operation, first, scale: second.int, index)
        default: return noOverload(first, second, index)
        }
    }

    private mutating func ternary(
        _ operation: Operation, _ first: Value, _ second: Value, _ third: Value, _ index: UInt32
    ) -> Value {
        switch (operation, first.tag, second.tag, third.tag) {
        case (.substring, .string, .int, .int): return substring(first, second, third, index)
        case (.indexOf, .string, .string, .int): return indexOf(first, second, from: third, index)
        case (.lastIndexOf, .string, .string, .int): return lastIndexOf(first, second, upTo: third, index)
        case (.split, .string, .string, .int): return split(first, second, limit: third.int)
        case (.replace, .string, .string, .string): return replace(first, second, third, limit: -1, index)
        case (.slice, .list, .int, .int): return slice(first, second.int, third.int, index)
        default:
            var error = noOverload(first, second, index)
            error.bits = (error.bits & ~0xff) | 3 | UInt64(third.tag.rawValue) << 24
            return error
        }
    }

    private mutating func replaceLimited(_ node: Node, _ index: UInt32) -> Value {
        let start = node.a.raw
        let target = allocateValues(4)
        for offset in UInt32(0)..<4 {
            let value = load(operands[Int(start &+ offset)])
            if let failure = failure(value, Position.tableEntry(start &+ offset)) { return failure }
            guard value.tag == (offset == 3 ? .int : .string) else {
                return noOverload(value, at: Position.tableEntry(start &+ offset))
            }
            target[Int(offset)] = value
        }
        return replace(target[0], target[1], target[2], limit: target[3].int, index)
    }

    /// A pattern that isn't constant is compiled for each evaluation: slow, and rarely meant.
    private func matchesDynamic(_ text: Value, _ pattern: Value, _ index: UInt32) -> Value {
        let source = pattern.pointer?.assumingMemoryBound(to: CChar.self)
        guard let compiled = cre2_compile(source, Int(pattern.length), nil, 0) else {
            return fail(.invalidPattern, Position.node(index, operand: 2))
        }
        defer { cre2_free(compiled) }
        return .bool(matches(text, compiled))
    }
}
