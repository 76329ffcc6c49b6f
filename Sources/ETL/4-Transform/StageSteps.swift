// Hot path: per record.
internal import Bytes
internal import CEL
internal import JSON
internal import Log

extension StageProgram {
    /// Joins the row whose key the expression gives, or says what becomes of a record that has none.
    mutating func lookUp(_ instruction: Instruction) -> Verdict? {
        let key = evaluate(instruction)
        let row: UnsafePointer<Value>?
        switch key.tag {
        case .string: row = indexes.base[Int(instruction.source)].find(key.bytes)
        case .int, .uint, .bool, .decimal: row = indexes.base[Int(instruction.source)].find(plainText(key))
        case .null: row = nil
        case .error:
            guard CELProgram.isMissing(key) else { return failExpression(instruction, key) }
            row = nil
        default:
            guard let number = wideInteger(key) else { return fail(.lookupKeyType, instruction, key) }
            row = indexes.base[Int(instruction.source)].find(number)
        }
        guard let row else { return missRow(instruction, key) }
        var next = Int(instruction.first)
        let end = next + Int(instruction.count)
        while next < end {
            frame[Int(columns.base[next].slot)] = row[Int(columns.base[next].column)]
            next += 1
        }
        if instruction.target >= 0 { frame[Int(instruction.target)] = wholeRow(row, lookup: Int(instruction.source)) }
        if instruction.presence >= 0 { frame[Int(instruction.presence)] = emptyMap }
        return nil
    }

    private mutating func missRow(_ instruction: Instruction, _ key: Value) -> Verdict? {
        switch instruction.otherwise {
        case .dead: return fail(.lookupMissing, instruction, key)
        case .drop: return .dropped
        case .pass:
            for next in Int(instruction.first)..<Int(instruction.first + instruction.count) {
                frame[Int(columns.base[next].slot)] = .absent
            }
            if instruction.target >= 0 { frame[Int(instruction.target)] = .null }
            if instruction.presence >= 0 { frame[Int(instruction.presence)] = .null }
            return nil
        }
    }

    /// The row as a map by column name.
    @inline(never)
    private mutating func wholeRow(_ row: UnsafePointer<Value>, lookup: Int) -> Value {
        let names = columnNames.base[lookup]
        let pairs = arena.allocate(names.count * 2 * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: names.count * 2)
        for column in 0..<names.count {
            pairs[column * 2] = names.start[column]
            pairs[column * 2 + 1] = row[column]
        }
        return Value(.map, length: UInt32(truncatingIfNeeded: names.count), bits: UInt64(UInt(bitPattern: pairs)))
    }

    /// Gives the record another key: strings as they are, integers, bools and decimals as text, null as no key.
    mutating func rekey(_ instruction: Instruction, _ outputs: inout OutputBatch) -> Verdict? {
        let value = evaluate(instruction)
        switch value.tag {
        case .string: key = outputs.arena.copy(value.bytes)
        case .int, .uint, .bool, .decimal: key = outputs.arena.copy(plainText(value))
        case .null: key = UnsafeRawBufferPointer(start: nil, count: 0)
        case .error: return failExpression(instruction, value)
        default:
            guard let number = wideInteger(value) else { return fail(.rekeyType, instruction, value) }
            key = outputs.arena.copy(number)
        }
        if context.key >= 0 { frame[Int(context.key)] = value.tag == .null ? .null : .string(key) }
        return nil
    }

    /// A field can be written only into objects. Returns false if something it lies in is there but no object; else what isn't
    /// there is an object from now on.
    mutating func openParents(_ instruction: Instruction) -> Bool {
        let end = Int(instruction.first + instruction.count)
        for next in Int(instruction.first)..<end {
            let parent = frame[Int(parents.base[next])]
            if parent.tag != .map, parent.tag != .absent { return false }
        }
        for next in Int(instruction.first)..<end where frame[Int(parents.base[next])].tag == .absent {
            frame[Int(parents.base[next])] = emptyMap
        }
        return true
    }
}
