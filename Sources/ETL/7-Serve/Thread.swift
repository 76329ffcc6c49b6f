import CBytes
import Glibc
import Synchronization

/// A thread of the operating system for one member: blocking client loops don't belong on Swift's cooperative pool.
package struct Thread {
    private let handle: pthread_t

    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts `run` at once. `name` shows in `top -H` and debuggers (15 bytes).
    /// - Throws: when the system has no thread to give.
    package init(name: String, _ run: @escaping @Sendable () -> Void) throws(ETLError) {
        let body = Unmanaged.passRetained(Body(name, run))
        var handle: pthread_t = 0
        let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
        defer { attributes.deallocate() }
        pthread_attr_init(attributes)
        // Deep expressions recurse; their depth is bounded, and this holds it with room to spare.
        pthread_attr_setstacksize(attributes, 2 << 20)
        let status = pthread_create(
            &handle, attributes,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                body.name.withCString { cb_name_thread($0) }
                body.run()
                return nil
            }, body.toOpaque())
        pthread_attr_destroy(attributes)
        guard status == 0 else {
            body.release()
            throw ETLError(
                .failed, code: "process.thread", "can't start a thread for \(name): \(String(cString: strerror(status)))")
        }
        self.handle = handle
    }

    /// Waits until it has ended. To be called once.
    package func join() { pthread_join(handle, nil) }
}

/// SIGTERM and SIGINT as a call: the first asks to drain, the second ends the process at once.
package enum Signals {
    private static let state = Mutex<(isWatching: Bool, act: (@Sendable (String) -> Void)?)>((false, nil))

    /// From now on the signals are heard. Until `onStop` says what they do, the first ends the process with status 0: it has begun
    /// nothing. Must be called before any other thread starts, so that all inherit the mask.
    package static func watch() throws(ETLError) {
        let isFirst = state.withLock { state in
            defer { state.isWatching = true }
            return !state.isWatching
        }
        guard isFirst else { return }
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A reader that went away (etl … | head) is an error of write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let waiting = set
        _ = try Thread(name: "signals") {
            var set = waiting
            var received: Int32 = 0
            sigwait(&set, &received)
            guard let act = state.withLock({ $0.act }) else { _exit(0) }
            act(received == SIGTERM ? "SIGTERM" : "SIGINT")
            sigwait(&set, &received)
            _exit(128 + received)
        }
    }

    /// What the first signal does from now on.
    package static func onStop(_ act: @escaping @Sendable (_ name: String) -> Void) throws(ETLError) {
        state.withLock { $0.act = act }
        try watch()
    }
}
