// Hot path: per record.
internal import JSON

extension Validator {
    mutating func arrays(_ first: Int32, _ end: Int32, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        let count = Int(view.nodes[node].count)
        for index in Int(first)..<Int(end) {
            let instruction = instructions + index
            switch instruction.pointee.operation {
            case .minItems where count >= instruction.pointee.limit, .maxItems where count <= instruction.pointee.limit: continue
            case .items:
                if items(instruction, node, own) { continue }
                isValid = false
                if !collects { return false }
                continue
            case .contains where contains(instruction, node, own): continue
            case .uniqueItems where uniqueness.isUnique(view, node): continue
            default: break
            }
            isValid = false
            if !fails(instruction, node) { return false }
        }
        return isValid
    }

    private mutating func items(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        let end = Int(view.nodes[node].next)
        let prefix = Int(instruction.pointee.b)
        let rest = instruction.pointee.c
        var element = node + 1
        var index = 0
        while element < end {
            let schema: Int32
            if index < prefix {
                schema = program.lists[Int(instruction.pointee.a) + index]
            } else if rest >= 0 {
                schema = rest
            } else {
                break
            }
            if !apply(schema, element, marks: -1) {
                isValid = false
                if !collects { return false }
            }
            if own >= 0 { marks.start[own + index] = 1 }
            element = Int(view.nodes[element].next)
            index += 1
        }
        return isValid
    }

    /// Whether enough elements, and not too many, are valid against a schema.
    private mutating func contains(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        let end = Int(view.nodes[node].next)
        let least = instruction.pointee.limit
        let most = Int(instruction.pointee.b)
        var element = node + 1
        var index = 0
        var found = 0
        silent += 1
        while element < end {
            if apply(instruction.pointee.a, element, marks: -1) {
                found += 1
                if own >= 0 {
                    marks.start[own + index] = 1
                } else if found > most || (found >= least && most == Int(Int32.max)) {
                    break
                }
            }
            element = Int(view.nodes[element].next)
            index += 1
        }
        silent -= 1
        foundTooMany = found > most
        return found >= least && found <= most
    }

    /// What no other keyword has looked at.
    mutating func unevaluated(_ first: Int32, _ end: Int32, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        let kind = view.nodes[node].kind
        for index in Int(first)..<Int(end) {
            let instruction = instructions + index
            let isObject = instruction.pointee.operation == .unevaluatedProperties
            guard kind == (isObject ? .object : .array) else { continue }
            let last = Int(view.nodes[node].next)
            var child = node + 1
            var position = 0
            while child < last {
                let value = isObject ? child + 1 : child
                if view.nodes[child].flags & TapeNode.Flags.repeated != 0 {
                    child = Int(view.nodes[value].next)
                    continue
                }
                if marks.start[own + position] == 0 {
                    if !apply(instruction.pointee.a, value, marks: -1) {
                        isValid = false
                        if !collects { return false }
                    }
                    marks.start[own + position] = 1
                }
                child = Int(view.nodes[value].next)
                position += 1
            }
        }
        return isValid
    }
}
