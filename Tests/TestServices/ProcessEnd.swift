import Glibc
import Synchronization

/// What remains to be done when the test process ends, e.g. to stop the servers that its tests shared.
///
/// The process then ends by `_exit`, as the commands do: tests whose brokers are away leave threads of librdkafka behind, and
/// `exit` would clean up (OpenSSL's memory, for one) what they use.
enum ProcessEnd {
    private static let works = Mutex<[@Sendable () -> Void]>([])

    static func add(_ work: @escaping @Sendable () -> Void) {
        works.withLock { $0.append(work) }
        comeFirst()
    }

    /// `exit` begins with what was registered last. librdkafka registers its own when the process makes its first client, so this
    /// is called whenever a test asks for a broker.
    static func comeFirst() {
        on_exit(
            { status, _ in
                for work in ProcessEnd.works.withLock({ $0 }) { work() }
                fflush(nil)
                _exit(status)
            }, nil)
    }
}
