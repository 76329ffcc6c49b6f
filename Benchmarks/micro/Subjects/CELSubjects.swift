import Bytes
import CEL
import Glibc
import JSON

/// Expressions: on filled slots, from a record's bytes, many in turn, and over a list.
func celSubjects() throws -> [Subject] {
    let order = Slots(
        Record(Slots.order),
        ["order_id", "customer_id", "sku", "quantity", "unit_price", "currency", "country", "status", "express", "note"])
    let price = order.trie.find(["unit_price"]) ?? 0
    let country = order.trie.find(["country"]) ?? 0
    func byHand(_ frame: UnsafePointer<Value>) -> Bool {
        frame[price].tag == .double && frame[price].double > 100 && isGermanOrFrench(frame[country])
    }

    let filter = try order.program("message.unit_price > 100.0 && message.country in ['DE','FR']")
    let many = try Slots.expressions.map { try order.program($0) }
    let nested = Slots(Record(Record.nested), ["items"])
    let exists = try nested.program("message.items.exists(item, item.quantity > 9)")
    let wide = Slots(Record(Record.wide), ["items"])
    let keys = try [
        "item.quantity > 9", "item.quantity < 9 && item.currency == 'USD'",
        "item.quantity < 10 && item.currency == 'EUR' && item.price < 50.0 && item.sku == 'none'",
    ].map { try wide.program("message.items.exists(item, \($0))") }
    return [
        order.evaluate(
            "unit_price > 100.0 && country in ['DE','FR'], slots filled", [filter], target: 20, byHand: byHand),
        order.fromBytes("the same from the record's bytes", filter, byHand: byHand),
        order.evaluate("\(many.count) expressions in turn on one record, each", many, target: 20),
        nested.evaluate("items.exists(item, item.quantity > 9), 13 items, slots filled", [exists], calls: 40_000, target: 1500),
        nested.fromBytes("the same from the record's bytes", exists, calls: 40_000),
    ] + zip([1, 2, 4], keys).map { wide.evaluate("exists on 13 maps of 8 fields: keys asked of each: \($0)", [$1], calls: 40_000) }
        + zip(Slots.expressions, many).map { order.evaluate($0, [$1]) }
}

@inline(__always)
private func isGermanOrFrench(_ value: Value) -> Bool {
    guard value.tag == .string, value.length == 2, let text = value.pointer else { return false }
    let letters = text.loadUnaligned(as: UInt16.self).bigEndian
    return letters == 0x4445 || letters == 0x4652
}

/// A record, its slots as a scan filled them, and programs on them.
private final class Slots {
    static let expressions = [
        "message.quantity >= 1", "message.unit_price > 100.0", "message.status != 'refunded'", "message.currency == 'EUR'",
        "message.country in ['DE','FR']", "message.country in ['DE','FR','IT','ES','NL','BE','AT','PT','PL','SE','DK']",
        "has(message.note)", "message.order_id.startsWith('ord-')", "message.sku.matches('^[A-Z]{3}-[0-9]+$')",
        "message.sku.endsWith('7')", "message.quantity * 2 > 5", "message.unit_price * 2.0 < 1000.0",
        "message.quantity > 0 && message.quantity < 1000", "message.express || message.quantity > 10",
        "!message.express", "message.express ? message.quantity > 1 : message.quantity > 2", "size(message.sku) == 9",
        "message.customer_id.contains('42')", "message.status == 'paid' && message.currency != 'USD'",
        "message.quantity + 1 == 4", "message.unit_price >= 0.0 && message.unit_price <= 99999.0",
        "message.note == null", "message.status in ['paid', 'open']", "message.quantity % 2 == 1",
    ]

    static let order = """
        {"order_id":"ord-000012345","customer_id":"cust-4217","sku":"ABC-10027","quantity":3,"unit_price":129.95,"currency":"EUR",\
        "country":"DE","status":"paid","express":true,"note":null,"ordered_at":"2026-03-01T12:34:56Z"}
        """

    private(set) var trie = SlotTrie()
    private let record: Record
    private var frame: UnsafeMutablePointer<Value>
    /// What the filled slots lead into.
    private var kept = Arena()

    init(_ record: Record, _ names: [String]) {
        self.record = record
        for name in names { trie.slot([name]) }
        frame = .allocate(capacity: trie.slotCount)
        frame.initialize(repeating: .absent, count: trie.slotCount)
        var scanner = Scanner(trie)
        use(scanner.scan(record.bytes, into: frame, arena: &kept).offset)
    }

    deinit { frame.deallocate() }

    func program(_ source: String) throws -> CELProgram {
        struct Names: NameResolver {
            let trie: SlotTrie
            var roots: [String] { ["message"] }
            mutating func slot(for path: [String]) -> Int? { path.first == "message" ? trie.find(Array(path.dropFirst())) : nil }
        }
        var names = Names(trie: trie)
        return try CELProgram.compile(source, resolver: &names)
    }

    /// On the filled slots; several programs in turn.
    func evaluate(
        _ name: String, _ programs: [CELProgram], calls: Int = 480_000, target: Double? = nil,
        byHand: ((UnsafePointer<Value>) -> Bool)? = nil
    ) -> Subject {
        // As a pipeline holds them: without counting references from call to call.
        let held = programs.map { Unmanaged.passUnretained($0) }
        let hand: ((Int) -> Void)? = byHand.map { body in { [self] calls in for _ in 0..<calls { use(body(opaque(frame))) } } }
        return Subject(name, calls: calls, target: target, byHand: hand) { [self] calls in
            withExtendedLifetime(programs) {
                held.withUnsafeBufferPointer { held in
                    // As a pipeline has them: not looked up in an object at each call.
                    let (frame, bytes) = (UnsafePointer(frame), record.bytes)
                    var arena = Arena()
                    var next = 0
                    var sum: UInt64 = 0
                    for _ in 0..<calls {
                        held[next]._withUnsafeGuaranteedRef { sum &+= $0.evaluate(frame, record: bytes, arena: &arena).bits }
                        next = next + 1 == held.count ? 0 : next + 1
                        if next == 0 { arena.reset() }
                    }
                    use(sum)
                }
            }
        }
    }

    /// The scan counted in.
    func fromBytes(
        _ name: String, _ program: CELProgram, calls: Int = 200_000, byHand: ((UnsafePointer<Value>) -> Bool)? = nil
    ) -> Subject {
        let scan = RecordScan(record, trie)
        return Subject(
            "\(name) (\(record.bytes.count) B)", calls: calls,
            byHand: byHand.map { body in { scan.run($0) { frame, _, _ in body(opaque(frame)) } } }
        ) { calls in
            scan.run(calls) { frame, record, arena in program.evaluate(frame, record: record, arena: &arena).isTrue }
        }
    }
}

/// Scans a record anew for each call of something on its slots.
private final class RecordScan {
    private let record: Record
    private var scanner: Scanner
    private let frame: UnsafeMutablePointer<Value>
    private var arena = Arena()

    init(_ record: Record, _ trie: SlotTrie) {
        self.record = record
        scanner = Scanner(trie)
        frame = .allocate(capacity: trie.slotCount)
        frame.initialize(repeating: .absent, count: trie.slotCount)
    }

    deinit { frame.deallocate() }

    func run(_ calls: Int, _ body: (UnsafePointer<Value>, UnsafeRawBufferPointer, inout Arena) -> Bool) {
        for _ in 0..<calls {
            arena.reset()
            if scanner.scan(record.bytes, into: frame, arena: &arena).code == .ok { use(body(frame, record.bytes, &arena)) }
        }
    }
}

/// The same pointer, of which the optimizer knows nothing.
@inline(never) @_optimize(none)
private func opaque(_ frame: UnsafePointer<Value>) -> UnsafePointer<Value> { frame }
