internal import CPostgres

/// Cancels what a connection's server process is doing, from any thread. It outlives its connection safely.
public final class Canceller: @unchecked Sendable {
    // Immutable after init, and libpq allows PQcancel on it from any thread.
    private let handle: OpaquePointer?

    init(_ handle: OpaquePointer?) { self.handle = handle }

    deinit { PQfreeCancel(handle) }

    /// Asks the server, over a connection of its own. The statement then fails with SQLSTATE 57014 (kind `service`), unless it
    /// has just ended. Returns false if the server couldn't be asked.
    @discardableResult
    public func cancel() -> Bool {
        var words = [CChar](repeating: 0, count: 256)
        return PQcancel(handle, &words, Int32(words.count)) == 1
    }
}

extension Connection {
    /// For another thread that wants to end a long wait.
    public var canceller: Canceller { Canceller(PQgetCancel(handle)) }
}
