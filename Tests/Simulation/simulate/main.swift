import Simulation
import Glibc

let usage = """
    Usage: simulate [--from=SEED] [--seeds=N] [--trace] [--events]

    Runs the engine's real loops over a log in memory, a model of Postgres and a virtual clock, one seed after the other, and checks
    at every step that nothing is lost, doubled or out of order. A seed that fails is run again with its trace.

      --from=SEED   the first seed (1)
      --seeds=N     how many (1000)
      --trace       a line for each step of each seed
      --events      the members' own log lines, on standard error
      --help

    Exit status: 0 everything held, 1 a seed failed, 2 usage.
    """

struct Arguments {
    var from: UInt64 = 1
    var seeds: UInt64 = 1000
    var isTraced = false
    var showsEvents = false

    init?(_ words: [String]) {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let number = parts.count == 2 ? UInt64(parts[1]) : nil
            switch (parts[0], number) {
            case ("--from", let number?): from = number
            case ("--seeds", let number?): seeds = number
            case ("--trace", nil): isTraced = true
            case ("--events", nil): showsEvents = true
            default:
                print("simulate: '\(word)' isn't understood\n\n\(usage)")
                return nil
            }
        }
    }
}

func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func oneDecimal(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

func run(_ arguments: Arguments, in folder: String) throws -> Int32 {
    let simulation = try Simulation(folder: folder)
    defer { simulation.cleanUp() }
    let began = seconds()
    var steps = 0
    var digest: UInt64 = 0
    for seed in arguments.from..<arguments.from + arguments.seeds {
        let outcome = try simulation.run(
            seed: seed, showsEvents: arguments.showsEvents, trace: arguments.isTraced ? { print($0) } : nil)
        steps += outcome.steps
        digest = (digest ^ outcome.digest) &* 0x100_0000_01b3
        if let failure = outcome.failure {
            if !arguments.isTraced { _ = try simulation.run(seed: seed) { print($0) } }
            print("FAIL seed \(seed) after \(seed - arguments.from + 1) seeds, \(oneDecimal(seconds() - began)) s: \(failure)")
            print("Again: make simulate FROM=\(seed) SEEDS=1")
            return 1
        }
        let done = seed - arguments.from + 1
        if done % 1000 == 0 {
            print("\(done) seeds, \(steps) steps, \(oneDecimal(seconds() - began)) s")
            fflush(nil)
        }
    }
    print(
        "ok   \(arguments.seeds) seeds from \(arguments.from), \(steps) steps, \(oneDecimal(seconds() - began)) s, "
            + "digest \(String(digest, radix: 16))")
    return 0
}

let words = Array(CommandLine.arguments.dropFirst())
if words.contains("--help") || words.contains("-h") {
    print(usage)
    exit(0)
}
guard let arguments = Arguments(words) else { exit(2) }
var template = Array("/tmp/etl-simulate-XXXXXX".utf8CString)
guard template.withUnsafeMutableBufferPointer({ $0.baseAddress.flatMap { mkdtemp($0) } != nil }) else {
    print("simulate: can't make a folder in /tmp")
    exit(1)
}
let folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
var status: Int32 = 1
do { status = try run(arguments, in: folder) } catch { print("simulate: \(error)") }
exit(status)
