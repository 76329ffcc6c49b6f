import BenchmarkSubjects
import Glibc

/// Prints what single operations cost, beside the same written by hand. Areas on the command line choose; run in the project's folder.
@main
enum Main {
    static func main() {
        let wanted = CommandLine.arguments.dropFirst()
        let areas = Subject.areas.map(\.name)
        if let unknown = wanted.first(where: { !areas.contains($0) }) {
            print("microbench [AREA]…: no area '\(unknown)'; there are \(areas.joined(separator: ", "))")
            exit(2)
        }
        print(Measurement.heading)
        do {
            for area in Subject.areas where wanted.isEmpty || wanted.contains(area.name) {
                for subject in try area.make() { print(Measurement(subject).line) }
            }
        } catch {
            print("microbench: \(error)")
            exit(1)
        }
    }
}
