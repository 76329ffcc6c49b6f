import BenchmarkSubjects
import Glibc

/// `microbench [AREA]…` prints what single operations cost, beside the same written by hand. `microbench --allocations [AREA]…`
/// instead checks that none allocates once it is warm, and prints `ok` or `FAIL` for each. Run in the project's folder.
@main
enum Main {
    static func main() {
        var wanted = CommandLine.arguments.dropFirst()
        let checks = wanted.first == "--allocations"
        if checks { wanted.removeFirst() }
        let areas = Subject.areas.map(\.name)
        if let unknown = wanted.first(where: { !areas.contains($0) }) {
            print("microbench [--allocations] [AREA]…: no area '\(unknown)'; there are \(areas.joined(separator: ", "))")
            exit(2)
        }
        var failed = false
        if !checks { print(Measurement.heading) }
        do {
            for area in Subject.areas where wanted.isEmpty || wanted.contains(area.name) {
                for subject in try area.make() {
                    if checks { failed = !checkAllocations(subject) || failed } else { print(Measurement(subject).line) }
                }
            }
        } catch {
            print("FAIL microbench: \(error)")
            exit(1)
        }
        exit(failed ? 1 : 0)
    }

    /// An allocation costs more than most steps, and what never allocates can't grow. A batch of 1,000 may take one (a chunk of
    /// an arena, of a file), a record none.
    private static func checkAllocations(_ subject: Subject) -> Bool {
        let calls = 10_000
        guard countsAllocations() else {
            print("FAIL allocations: this build doesn't count them")
            return false
        }
        let count = allocations(calls: calls, warm: calls, subject.run)
        let isRight = count <= UInt64(calls / 1000)
        print(isRight ? "ok   allocations: \(subject.name)" : "FAIL allocations: \(subject.name): \(count) in \(calls) calls")
        return isRight
    }
}
