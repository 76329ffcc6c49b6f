import JSON

/// What the machine reads of a program. An empty table has an address that is never read.
struct Tables: BitwiseCopyable {
    let nodes: UnsafePointer<Node>
    let operands: UnsafePointer<Operand>
    let constants: UnsafePointer<Value>
    let patterns: UnsafePointer<OpaquePointer>
    let zones: UnsafePointer<UnsafePointer<TimeZone>>
    let strictNumbers: Bool
}

extension Tables {
    /// Copies of a finished program's tables, to be deallocated by the caller.
    init(_ assembly: Assembly, strictNumbers: Bool) {
        nodes = Self.copy(assembly.nodes)
        operands = Self.copy(assembly.operands)
        constants = Self.copy(assembly.constants)
        patterns = Self.copy(assembly.patterns)
        zones = Self.copy(assembly.zones)
        self.strictNumbers = strictNumbers
    }

    func deallocate() {
        nodes.deallocate()
        operands.deallocate()
        constants.deallocate()
        patterns.deallocate()
        zones.deallocate()
    }

    private static func copy<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element> {
        let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(elements.count, 1))
        _ = copy.initialize(from: elements)
        return UnsafePointer(copy.baseAddress.unsafelyUnwrapped)  // the capacity isn't 0
    }

    static func base<Element>(_ elements: UnsafeBufferPointer<Element>) -> UnsafePointer<Element> {
        // The address of an empty table is never read.
        elements.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Element>.alignment).unsafelyUnwrapped
    }
}
