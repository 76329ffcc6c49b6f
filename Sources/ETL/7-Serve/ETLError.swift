public import Log

/// How a command ends.
public enum ExitStatus: Int32, Sendable {
    case done = 0
    /// Failed while running.
    case failed = 1
    /// The command line is wrong.
    case usage = 2
    /// The topology is wrong.
    case topology = 3
    /// A service it needs can't be reached.
    case unreachable = 4
}

/// Why something stopped: what failed, with the value, where, and what to do.
public struct ETLError: Error, Equatable, Sendable {
    /// Dotted and stable.
    public var code: String
    public var message: String
    public var status: ExitStatus

    public init(_ status: ExitStatus, code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    public init(_ error: LogError) {
        self.init(error.kind == .retriable ? .unreachable : .failed, code: error.code, error.message)
    }
}
