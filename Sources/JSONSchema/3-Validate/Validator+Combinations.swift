// Hot path: per record.
internal import JSON

extension Validator {
    /// Keywords that look at any value: what it equals, and schemas applied to the same value.
    mutating func combinations(_ first: Int32, _ end: Int32, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        for index in Int(first)..<Int(end) {
            let instruction = instructions + index
            let a = instruction.pointee.a
            switch instruction.pointee.operation {
            case .ref: if apply(a, node, marks: own) { continue }
            case .dynamicRef: if apply(dynamicTarget(instruction), node, marks: own) { continue }
            case .allOf: if allOf(instruction, node, own) { continue }
            case .conditional: if conditional(instruction, node, own) { continue }
            case .constant, .enumeration:
                if isNamed(instruction, node) { continue }
                if !fails(instruction, node) { return false }
            case .anyOf:
                if anyOf(instruction, node, own) { continue }
                if !fails(instruction, node) { return false }
            case .oneOf:
                if oneOf(instruction, node, own) { continue }
                if !fails(instruction, node) { return false }
            default:
                silent += 1
                let matches = apply(a, node, marks: -1)
                silent -= 1
                if !matches { continue }
                if !fails(instruction, node) { return false }
            }
            isValid = false
            if !collects { return false }
        }
        return isValid
    }

    /// Core specification, section 8.2.3.2: the outermost schema of that name on the way here.
    private mutating func dynamicTarget(_ instruction: UnsafePointer<Instruction>) -> Int32 {
        let targets = program.dynamicTargets.baseAddress.unsafelyUnwrapped + Int(instruction.pointee.b) * program.resourceCount
        for index in 0..<scope.count {
            let target = targets[Int(scope.start[index])]
            if target >= 0 { return target }
        }
        return instruction.pointee.a
    }

    private mutating func allOf(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        for index in Int(instruction.pointee.a)..<Int(instruction.pointee.a + instruction.pointee.b)
        where !apply(program.lists[index], node, marks: own) {
            isValid = false
            if !collects { return false }
        }
        return isValid
    }

    /// What is evaluated counts only where it comes to something.
    private mutating func applyApart(_ schema: Int32, _ node: Int, _ own: Int) -> Bool {
        guard own >= 0 else { return apply(schema, node, marks: -1) }
        let apart = openMarks(node)
        let isValid = apply(schema, node, marks: apart)
        closeMarks(apart, into: isValid ? own : -1)
        return isValid
    }

    private mutating func anyOf(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        var isValid = false
        silent += 1
        for index in Int(instruction.pointee.a)..<Int(instruction.pointee.a + instruction.pointee.b)
        where applyApart(program.lists[index], node, own) {
            isValid = true
            if own < 0 { break }
        }
        silent -= 1
        return isValid
    }

    private mutating func oneOf(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        var matching = 0
        silent += 1
        for index in Int(instruction.pointee.a)..<Int(instruction.pointee.a + instruction.pointee.b)
        where applyApart(program.lists[index], node, own) {
            matching += 1
            if matching > 1 { break }
        }
        silent -= 1
        return matching == 1
    }

    private mutating func conditional(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        silent += 1
        let holds = applyApart(instruction.pointee.a, node, own)
        silent -= 1
        let consequence = holds ? instruction.pointee.b : instruction.pointee.c
        return consequence < 0 || apply(consequence, node, marks: own)
    }

    private mutating func isNamed(_ instruction: UnsafePointer<Instruction>, _ node: Int) -> Bool {
        for index in Int(instruction.pointee.a)..<Int(instruction.pointee.a + instruction.pointee.b) {
            let value = program.values[index]
            if Equality.isEqual(view, node, value.view, value.node) { return true }
        }
        return false
    }
}
