import Foundation
import Glibc
import Synchronization

/// A TCP relay in front of a broker that goes away amid a request of a chosen kind, or is slow to answer one. Start the broker
/// with `--set advertised.listeners=CLIENTS://127.0.0.1:port`, so that clients come through it, and tell it the broker's own port.
public final class KafkaProxy: Sendable {
    public let port: Int
    private let listener: Int32
    private struct State {
        var target = 0
        var fatalKey: Int16?
        var isAway = false
        var slowKey: Int16?
        var beforeFirstAnswer = 0
        var connections: Set<Int32> = []
    }
    private let state = Mutex(State())

    public init() {
        (listener, port) = Relay.listener()
        Foundation.Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                let target = state.withLock { $0.isAway ? nil : $0.target }
                guard let target else {
                    Glibc.close(client)
                    continue
                }
                let server = Relay.connected(to: target)
                state.withLock { $0.connections.formUnion([client, server]) }
                Foundation.Thread.detachNewThread {
                    self.relay(client, server)
                    self.state.withLock { $0.connections.subtract([client, server]) }
                    Glibc.close(client)
                    Glibc.close(server)
                }
            }
        }
    }

    public func forward(to port: Int) { state.withLock { $0.target = port } }

    /// The next request with this key (Kafka's protocol guide, "API Keys") doesn't reach the broker, and nothing does after it:
    /// connections break and new ones are closed at once, until `comeBack`.
    public func goAway(atRequest key: Int16) { state.withLock { $0.fatalKey = key } }
    public var isAway: Bool { state.withLock { $0.isAway } }
    public func comeBack() { state.withLock { $0.isAway = false } }

    /// The first answer to a request with this key is held back for half a second.
    public func delayFirstAnswer(to key: Int16) { state.withLock { $0.slowKey = key } }
    /// How many such requests had come when that answer passed.
    public var requestsBeforeFirstAnswer: Int { state.withLock { $0.beforeFirstAnswer } }

    public func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
        state.withLock { for each in $0.connections { shutdown(each, Int32(SHUT_RDWR)) } }
    }

    private func relay(_ client: Int32, _ server: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var (requests, answers) = (Frames(), Frames())
        // Brokers answer a connection's requests in their order.
        var unanswered: [Int16] = []
        var held: [UInt8] = []
        var heldUntil: ContinuousClock.Instant?
        while true {
            var descriptors = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0), pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            poll(&descriptors, 2, heldUntil == nil ? -1 : 10)
            if let until = heldUntil, ContinuousClock.now >= until {
                state.withLock { $0.slowKey = nil }
                Relay.send(held[...], to: client)
                (held, heldUntil) = ([], nil)
            }
            if descriptors[0].revents != 0 {
                let count = read(client, &buffer, buffer.count)
                if count <= 0 { return }
                let keys = requests.add(buffer[..<count])
                unanswered += keys
                let isFatal = state.withLock { state in
                    state.beforeFirstAnswer += keys.count { $0 == state.slowKey }
                    guard let key = state.fatalKey, keys.contains(key) else { return state.isAway }
                    state.fatalKey = nil
                    state.isAway = true
                    for each in state.connections { shutdown(each, Int32(SHUT_RDWR)) }
                    return true
                }
                if isFatal { return }
                Relay.send(buffer[..<count], to: server)
            }
            if descriptors[1].revents != 0 {
                let count = read(server, &buffer, buffer.count)
                if count <= 0 { return }
                let answered = unanswered.prefix(answers.add(buffer[..<count]).count)
                unanswered.removeFirst(answered.count)
                if heldUntil == nil, let slow = state.withLock({ $0.slowKey }), answered.contains(slow) {
                    heldUntil = .now + .milliseconds(500)
                }
                if heldUntil != nil { held += buffer[..<count] } else { Relay.send(buffer[..<count], to: client) }
            }
        }
    }
}

/// Takes a connection's bytes apart: each request or answer is its size in four bytes, then what is collected here, the two
/// bytes that follow: a request's API key.
private struct Frames {
    private var head: [UInt8] = []
    private var left = 0

    mutating func add(_ bytes: ArraySlice<UInt8>) -> [Int16] {
        var keys: [Int16] = []
        var rest = bytes
        while let first = rest.first {
            if left > 0 {
                let skipped = min(left, rest.count)
                rest = rest.dropFirst(skipped)
                left -= skipped
                continue
            }
            head.append(first)
            rest = rest.dropFirst()
            guard head.count == 6 else { continue }
            let size = head[..<4].reduce(0) { $0 << 8 | Int($1) }
            keys.append(Int16(head[4]) << 8 | Int16(head[5]))
            left = size - 2
            head = []
        }
        return keys
    }
}
