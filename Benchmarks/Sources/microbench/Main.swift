/// Prints what single operations cost, beside the same written by hand. Names on the command line choose subjects.
@main
enum Main {
    static let subjects: [(name: String, run: @Sendable () -> [Measurement])] = [("cel", celBenchmarks)]

    static func main() {
        let wanted = CommandLine.arguments.dropFirst()
        print(Measurement.heading)
        for subject in subjects where wanted.isEmpty || wanted.contains(subject.name) {
            for measurement in subject.run() { print(measurement.line) }
        }
    }
}
