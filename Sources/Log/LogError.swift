/// What failed in the log, and what that means for whoever called.
public struct LogError: Error, Equatable, Sendable {
    /// What can be done about it. Every error of a broker or client is sorted into one of these, in one place.
    public enum Kind: String, Sendable {
        /// It may work if tried again, with the same client: the service is away or busy.
        case retriable
        /// The transaction can't be committed; abort it, go back to the last commit, go on.
        case abortable
        /// Another owns what this client held (its transactional id, its generation): abort nothing, start a new client
        /// from the last commit.
        case fenced
        /// The client is unusable; a new one may work.
        case fatal
        /// Trying again won't help until somebody changes something: no such topic, no permission, wrong password.
        case configuration
        /// The offset asked for is no longer (or not yet) in the log.
        case offsetOutOfRange
    }

    public var kind: Kind
    /// Dotted and stable, e.g. `log.topic_missing`; part of the documented list.
    public var code: String
    /// What failed, where (topic, partition, offset as far as known), and the broker's or client's own words.
    public var message: String
    /// The client's name of the error, e.g. `_TIMED_OUT`; empty where there is none.
    public var cause: String

    /// One record is at fault, not the service: sent again it fails again, until a limit is raised or the record changed.
    public var isOfRecord: Bool { code == "log.record_too_large" || code == "log.record_refused" }

    /// The service is away or busy, whatever has to be done about it here.
    public var isOfService: Bool { kind == .retriable || code == "log.delivery_timed_out" || code == "log.delivery_failed" }

    public init(_ kind: Kind, code: String, _ message: String, cause: String = "") {
        self.kind = kind
        self.code = code
        self.message = message
        self.cause = cause
    }
}
