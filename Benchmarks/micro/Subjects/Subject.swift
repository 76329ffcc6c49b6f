/// An operation on the way of a record, to be measured: what it costs (`microbench`), how often it allocates (`microbench --allocations`).
package struct Subject {
    package var name: String
    /// How many calls make a round that is long enough to time.
    package var calls: Int
    /// Makes so many calls.
    package var run: (Int) -> Void
    /// The same without this project's machinery.
    package var byHand: ((Int) -> Void)?
    /// Nanoseconds that it shall not exceed.
    package var target: Double?

    init(_ name: String, calls: Int, target: Double? = nil, byHand: ((Int) -> Void)? = nil, run: @escaping (Int) -> Void) {
        self.name = name
        self.calls = calls
        self.run = run
        self.byHand = byHand
        self.target = target
    }

    /// By area. Making them reads topologies, so it is put off until one is asked for. Run in the project's folder.
    package static let areas: [(name: String, make: @Sendable () throws -> [Subject])] = [
        ("json", jsonSubjects), ("stage", stageSubjects), ("cel", celSubjects), ("csv", csvSubjects), ("copy", copySubjects),
    ]
}

/// Why a subject can't be made.
struct SubjectError: Error, CustomStringConvertible {
    var description: String
}

/// Keeps the optimizer from leaving a result out.
@inline(never)
func use<T: BitwiseCopyable>(_ value: T) {}
