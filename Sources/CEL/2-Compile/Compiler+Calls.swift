import JSON

/// Calls of functions and methods: which overload is meant.
extension Compiler {
    mutating func call(
        _ name: String, _ target: Expression?, _ arguments: [Expression], _ offset: Int, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        if let target, let namespaced = namespaced(name, target) {
            return try call(function: namespaced, arguments, start, start, end)
        }
        guard let target else { return try call(function: name, arguments, offset, start, end) }
        if Overload.named(name, .method).isEmpty {
            return try refused(unknown(name, .method, offset), start, end, .unknownFunction)
        }
        var parts = [try compile(target)]
        for argument in arguments { parts.append(try compile(argument)) }
        return try call(name, .method, parts, offset, start, end)
    }

    /// `math.abs` for the method `abs` of the name `math`; nil: it is a method's call.
    private func namespaced(_ name: String, _ target: Expression) -> String? {
        guard let chain = chain(target), Overload.namespaces.contains(chain.names[0]) else { return nil }
        let full = (chain.names + [name]).joined(separator: ".")
        if !Overload.named(full, .function).isEmpty { return full }
        // A value may have the name of a namespace, and methods.
        let isValue = variables.contains(chain.names[0]) || resolver.roots.contains(chain.names[0])
        return isValue ? nil : full
    }

    private mutating func call(
        function name: String, _ arguments: [Expression], _ offset: Int, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        if Overload.named(name, .function).isEmpty {
            return try refused(unknown(name, .function, offset), start, end, .unknownFunction)
        }
        var parts: [Compiled] = []
        for argument in arguments { parts.append(try compile(argument)) }
        if parts.count > 1, name == "math.greatest" || name == "math.least" {
            if let wrong = parts.first(where: { $0.types.isDisjoint(with: .number) }), options.checksTypes {
                throw CELError("\(name)() compares numbers, not \(wrong.types.names)", at: wrong.start)
            }
            parts = [try emitTable(.list, parts, .list, start, end)]
        }
        return try call(name, .function, parts, offset, start, end)
    }

    private mutating func call(
        _ name: String, _ style: Overload.Style, _ parts: [Compiled], _ offset: Int, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        guard let (operation, types) = try overload(name, style, parts, offset) else {
            return failing(.noMatchingOverload, start, end)
        }
        if name.hasPrefix("decimals.") { return try decimalCall(operation, parts, types, start, end) }
        switch operation {
        case .matchesDynamic where parts[1].operand.isConstant && parts[1].types == .string: return try matches(parts, start, end)
        case .replaceLimited: return try emitTable(operation, parts, types, start, end)
        case .optionalNone:
            return Compiled(operand: assembly.constant(Value(.optional)), types: .optional, start: start, end: end)
        case .fullYear, .month, .date, .dayOfMonth, .dayOfWeek, .dayOfYear, .hours, .minutes, .seconds, .milliseconds:
            return try timePart(operation, parts, types, start, end)
        default: return try emit(operation, parts, types, start, end)
        }
    }

    /// `decimals.…`: the operation on the exact values of its arguments.
    private func decimalCall(
        _ operation: Operation, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        var exact = parts
        let numbers = operation == .round || operation == .truncate ? 1 : parts.count
        for index in 0..<numbers where parts[index].types != .decimal {
            exact[index] = try emit(.toDecimal, [parts[index]], .decimal, parts[index].start, parts[index].end)
        }
        return try emit(operation, exact, types, start, end)
    }

    /// A part of a time; a time zone that is known now is looked up now.
    private func timePart(
        _ operation: Operation, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        guard parts.count == 2, parts[1].operand.isConstant else { return try emit(operation, parts, types, start, end) }
        let name = assembly.constants[parts[1].operand.index]
        guard name.tag == .string else { return try emit(operation, parts, types, start, end) }
        guard let zone = TimeZone.named(name.bytes) else {
            let shown = String(decoding: name.bytes.prefix(64), as: UTF8.self)
            let error = CELError("unknown time zone '\(shown)'; write it as 'Europe/Berlin', '+02:00' or 'UTC'", at: parts[1].start)
            return try refused(error, start, end, .unknownTimeZone)
        }
        let node = Node(operation, count: 2, parts[0].operand, parts[1].operand, Operand(raw: assembly.zone(zone) + 1))
        return try emit(node, parts, types, start, end)
    }

    private func matches(_ parts: [Compiled], _ start: Int, _ end: Int) throws(CELError) -> Compiled {
        let source = assembly.constants[parts[1].operand.index]
        guard let plain = PatternText(Array(source.bytes)) else {
            let number: UInt32
            do throws(CELError) { number = try assembly.pattern(source, at: parts[1].start) } catch {
                return try refused(error, start, end, .invalidPattern)
            }
            let node = Node(.matches, count: 1, parts[0].operand, parts[1].operand, Operand(raw: number))
            return try emit(node, parts, .bool, start, end)
        }
        var text = parts[1]
        text.operand = assembly.constant(.string, plain.text)
        let operation: Operation =
            switch (plain.fromStart, plain.toEnd) {
            case (true, true): .isText
            case (true, false): .startsWith
            case (false, true): .endsWith
            case (false, false): .contains
            }
        return try emit(operation, [parts[0], text], .bool, start, end)
    }

    // MARK: Overloads

    /// The instruction for operands of these types, and what types its result may have. Nil: none fits, and that is for the
    /// evaluation to say.
    func overload(
        _ name: String, _ style: Overload.Style, _ parts: [Compiled], _ offset: Int
    ) throws(CELError) -> (operation: Operation, types: TypeSet)? {
        let named = Overload.named(name, style)
        let fitting = named.filter { $0.parameters.count == parts.count }
        guard !fitting.isEmpty else {
            if !options.checksTypes { return nil }
            let counts = Set(named.map { $0.parameters.count - (style == .method ? 1 : 0) }).sorted()
            let expected = counts.map(String.init).joined(separator: " or ")
            let given = parts.count - (style == .method ? 1 : 0)
            throw CELError("\(name)() takes \(expected) argument\(counts == [1] ? "" : "s"), not \(given)", at: offset)
        }
        let possible = fitting.filter { overload in
            zip(overload.parameters, parts).allSatisfy { !$0.isDisjoint(with: $1.types) }
        }
        guard let first = possible.first else {
            if !options.checksTypes { return (fitting[0].operation, .any) }
            throw noOverload(name, parts, offset)
        }
        return (first.operation, possible.reduce(TypeSet()) { $0.union($1.result) })
    }

    func noOverload(_ name: String, _ parts: [Compiled], _ offset: Int) -> CELError {
        let types = parts.map(\.types.names).joined(separator: ", ")
        return CELError("no matching overload for '\(name)' on (\(types))", at: offset)
    }

    private func unknown(_ name: String, _ style: Overload.Style, _ offset: Int) -> CELError {
        let other: Overload.Style = style == .function ? .method : .function
        let shown = name.count > 64 ? name.prefix(64) + "…" : name
        if !Overload.named(name, other).isEmpty {
            return style == .function
                ? CELError("'\(shown)' is a method: write value.\(shown)(…)", at: offset)
                : CELError("'\(shown)' is a function: write \(shown)(value)", at: offset)
        }
        let macros = style == .method ? Array(Self.macroExamples.keys) : ["has", "cel.bind"]
        let suggestion =
            nearest(name, among: Overload.names(style) + macros.sorted()) ?? nearest(name, among: Overload.names(other))
        return CELError("unknown \(style == .method ? "method" : "function") '\(shown)'", at: offset, suggestion: suggestion)
    }
}
