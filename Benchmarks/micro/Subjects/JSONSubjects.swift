import Bytes
import JSON

/// One exact pass over a record that fills the slots W2 wants.
func jsonSubjects() -> [Subject] {
    [
        scan("scan of an order", Record(Record.order), calls: 200_000),
        scan("scan of a nested order", Record(Record.nested), calls: 40_000),
    ]
}

private func scan(_ name: String, _ record: Record, calls: Int) -> Subject {
    let scan = Scan()
    return Subject("\(name) (\(record.bytes.count) B)", calls: calls) { scan.run(record.bytes, $0) }
}

private final class Scan {
    private var scanner: Scanner
    private let frame: UnsafeMutablePointer<Value>
    private var arena = Arena()

    init() {
        var trie = SlotTrie()
        for name in ["order_id", "customer_id", "country", "quantity", "unit_price", "status"] { trie.slot([name]) }
        scanner = Scanner(trie)
        frame = .allocate(capacity: trie.slotCount)
        frame.initialize(repeating: .absent, count: trie.slotCount)
    }

    deinit { frame.deallocate() }

    func run(_ record: UnsafeRawBufferPointer, _ calls: Int) {
        for _ in 0..<calls {
            arena.reset()
            use(scanner.scan(record, into: frame, arena: &arena).offset)
        }
    }
}
