import Foundation
import Glibc
import Synchronization

/// A TCP relay in front of a Postgres server that can lose the connection at a chosen moment. Connect through it without TLS.
public final class PostgresProxy: Sendable {
    /// When the connection is lost; each applies once, to the next connection that gets there.
    public enum Fault: Sendable, Equatable {
        case none
        /// The client's COMMIT never reaches the server.
        case beforeCommit
        /// The server gets the COMMIT; the client loses the connection at once, whatever the server is doing.
        case duringCommit
        /// The server has answered the COMMIT; the client never hears it.
        case afterCommit
        /// After so many bytes from the client.
        case afterBytes(Int)
    }

    public let port: Int
    private let target: Int
    private let listener: Int32
    private let fault = Mutex(Fault.none)

    public init(target: Int) throws {
        self.target = target
        (listener, port) = Relay.listener()
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(self.listener, nil, nil)
                if client < 0 { return }
                Thread.detachNewThread { self.relay(client) }
            }
        }
    }

    public func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    public func fail(_ kind: Fault) { fault.withLock { $0 = kind } }

    /// Whether the fault has happened.
    public var hasFailed: Bool { fault.withLock { $0 == .none } }

    private func relay(_ client: Int32) {
        let server = Relay.connected(to: target)
        var buffer = [UInt8](repeating: 0, count: 65536)
        var total = 0
        var endsAtAnswer = false
        relaying: while true {
            var descriptors = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0), pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            poll(&descriptors, 2, -1)
            if descriptors[0].revents != 0 {
                let count = read(client, &buffer, buffer.count)
                if count <= 0 { break }
                total += count
                let isCommit = buffer[..<count].contains("COMMIT\0")  // the end of a query's text
                let due = fault.withLock { fault -> Fault in
                    let now = fault
                    switch fault {
                    case .beforeCommit, .duringCommit, .afterCommit: if !isCommit { return .none }
                    case .afterBytes(let limit): if total < limit { return .none }
                    case .none: return .none
                    }
                    fault = .none
                    return now
                }
                if due == .beforeCommit { break }
                if case .afterBytes = due { break }
                Relay.send(buffer[..<count], to: server)
                if due == .duringCommit { break }
                if due == .afterCommit { endsAtAnswer = true }
            }
            if descriptors[1].revents != 0 {
                let count = read(server, &buffer, buffer.count)
                if count <= 0 { break }
                // The answer to COMMIT; if something before it failed, the fault waits for the next one.
                if endsAtAnswer {
                    if buffer[..<count].contains("COMMIT\0") { break relaying }
                    endsAtAnswer = false
                    fail(.afterCommit)
                }
                Relay.send(buffer[..<count], to: client)
            }
        }
        Glibc.close(client)
        Glibc.close(server)
    }
}

extension ArraySlice<UInt8> {
    fileprivate func contains(_ word: String) -> Bool { firstRange(of: Array(word.utf8)) != nil }
}
