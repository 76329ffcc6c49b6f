import Bytes
import CEL
import Glibc
import JSON

/// Expressions on an order: on filled slots, from its bytes, and many expressions in turn.
func celBenchmarks() -> [Measurement] {
    let order = Order()
    var results: [Measurement] = []
    let price = order.trie.find(["unit_price"]) ?? 0
    let country = order.trie.find(["country"]) ?? 0

    let filter = order.program("message.unit_price > 100.0 && message.country in ['DE','FR']")
    results.append(
        order.measure("unit_price > 100.0 && country in ['DE','FR'], slots filled", [filter], target: 20) { frame in
            frame[price].tag == .double && frame[price].double > 100 && isGermanOrFrench(frame[country])
        })

    results.append(
        order.fromBytes("the same from the record's bytes (\(order.bytes.count))", filter, target: 120) { frame in
            frame[price].tag == .double && frame[price].double > 100 && isGermanOrFrench(frame[country])
        })

    let many = Order.expressions.map(order.program)
    results.append(order.measure("\(many.count) expressions in turn on one record, each", many, target: 20, byHand: nil))
    for (source, program) in zip(Order.expressions, many) { results.append(order.measure(source, [program], byHand: nil)) }
    return results
}

@inline(__always)
private func isGermanOrFrench(_ value: Value) -> Bool {
    guard value.tag == .string, value.length == 2, let text = value.pointer else { return false }
    let letters = text.loadUnaligned(as: UInt16.self).bigEndian
    return letters == 0x4445 || letters == 0x4652
}

/// An order as the pipelines here have them, its slots and a scanner for them.
private final class Order {
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

    var bytes = Array(
        """
        {"order_id":"ord-000012345","customer_id":"cust-4217","sku":"ABC-10027","quantity":3,"unit_price":129.95,"currency":"EUR",\
        "country":"DE","status":"paid","express":true,"note":null,"ordered_at":"2026-03-01T12:34:56Z"}
        """.utf8)
    private(set) var trie = SlotTrie()
    private var frame: UnsafeMutablePointer<Value>
    private let record: UnsafeMutableRawBufferPointer

    init() {
        for name in [
            "order_id", "customer_id", "sku", "quantity", "unit_price", "currency", "country", "status", "express", "note",
        ] {
            trie.slot([name])
        }
        record = .allocate(byteCount: bytes.count + 64, alignment: 16)
        record.copyBytes(from: bytes)
        frame = .allocate(capacity: trie.slotCount)
        var scanner = Scanner(trie)
        var arena = Arena()
        _ = scanner.scan(UnsafeRawBufferPointer(rebasing: record[..<bytes.count]), into: frame, arena: &arena)
    }

    private var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: record[..<bytes.count]) }

    func program(_ source: String) -> CELProgram {
        struct Names: NameResolver {
            let trie: SlotTrie
            var roots: [String] { ["message"] }
            mutating func slot(for path: [String]) -> Int? { path.first == "message" ? trie.find(Array(path.dropFirst())) : nil }
        }
        var names = Names(trie: trie)
        do { return try CELProgram.compile(source, resolver: &names) } catch {
            print("\(source): \(error)")
            exit(1)
        }
    }

    func measure(
        _ name: String, _ programs: [CELProgram], target: Double? = nil, byHand: ((UnsafePointer<Value>) -> Bool)?
    ) -> Measurement {
        let arena = UnsafeMutablePointer<Arena>.allocate(capacity: 1)
        arena.initialize(to: Arena())
        defer { arena.deinitialize(count: 1).deallocate() }
        let frame = UnsafePointer(self.frame)
        let text = text
        // As a pipeline holds them: without counting references from call to call.
        let held = programs.map { Unmanaged.passUnretained($0) }
        let turn: (Int) -> Void = { calls in
            held.withUnsafeBufferPointer { held in
                var next = 0
                for _ in 0..<calls {
                    held[next]._withUnsafeGuaranteedRef { use($0.evaluate(frame, record: text, arena: &arena.pointee)) }
                    next = next + 1 == held.count ? 0 : next + 1
                    if next == 0 { arena.pointee.reset() }
                }
            }
        }
        let hand = byHand.map { body in
            nanoseconds(calls: 2_000_000) { calls in
                for _ in 0..<calls { use(body(opaque(frame))) }
            }
        }
        return Measurement(
            name: name, nanoseconds: nanoseconds(calls: 480_000, turn), byHand: hand,
            allocations: allocations(calls: 48_000, turn), target: target)
    }

    func fromBytes(
        _ name: String, _ program: CELProgram, target: Double, byHand: (UnsafePointer<Value>) -> Bool
    ) -> Measurement {
        let arena = UnsafeMutablePointer<Arena>.allocate(capacity: 1)
        arena.initialize(to: Arena())
        defer { arena.deinitialize(count: 1).deallocate() }
        var narrow = SlotTrie()
        let frame = UnsafeMutablePointer<Value>.allocate(capacity: trie.slotCount)
        defer { frame.deallocate() }
        for slot in 1..<trie.slotCount { narrow.slot(trie.path(of: slot)) }
        var scanner = Scanner(narrow)
        let text = text
        let ours: (Int) -> Void = { calls in
            for _ in 0..<calls {
                if scanner.scan(text, into: frame, arena: &arena.pointee).code == .ok {
                    use(program.evaluate(frame, record: text, arena: &arena.pointee))
                }
                arena.pointee.reset()
            }
        }
        let hand = nanoseconds(calls: 300_000) { calls in
            for _ in 0..<calls {
                if scanner.scan(text, into: frame, arena: &arena.pointee).code == .ok { use(byHand(opaque(UnsafePointer(frame)))) }
                arena.pointee.reset()
            }
        }
        return Measurement(
            name: name, nanoseconds: nanoseconds(calls: 300_000, ours), byHand: hand,
            allocations: allocations(calls: 30_000, ours), target: target)
    }
}

/// The same pointer, of which the optimizer knows nothing.
@inline(never)
private func opaque(_ frame: UnsafePointer<Value>) -> UnsafePointer<Value> { frame }
