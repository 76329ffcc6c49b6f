import ETL
import Glibc
import Log

/// Runs seeds. One at a time, on the thread that asks.
package final class Simulation {
    /// What became of a seed.
    package struct Outcome {
        package var seed: UInt64
        /// Nil: everything held.
        package var failure: String?
        /// Boundary calls.
        package var steps: Int
        /// The same in every run of the seed.
        package var digest: UInt64
    }

    private static let dataSets = 24
    private let folder: String
    private let fibers = FiberPool()
    private var inputs: [(data: DataSet, plan: Plan)] = []

    /// - Parameter folder: where the input's files are written; must be there.
    package init(folder: String) throws {
        self.folder = folder
        for index in 0..<Self.dataSets {
            let data = try DataSet(index, below: folder)
            inputs.append((data, try Plan.simulated(data.folder)))
        }
    }

    /// Takes the input's files away again, and the folder.
    package func cleanUp() {
        for (data, _) in inputs {
            for file in data.files + ["\(data.folder)/sim.yaml"] { unlink(file) }
            rmdir(data.folder)
        }
        rmdir(folder)
    }

    /// - Parameters:
    ///   - trace: gets a line for each step.
    ///   - showsEvents: the members' own log lines go to standard error.
    package func run(seed: UInt64, showsEvents: Bool = false, trace: ((String) -> Void)? = nil) throws -> Outcome {
        var random = Random(seed: seed)
        let weather = Weather(&random, dataSets: inputs.count)
        let input = inputs[weather.data]
        var plan = input.plan
        plan.adapt(to: weather, showsEvents: showsEvents)
        trace?("seed \(seed): \(weather)")
        let world = try World(random, fibers, weather, input.data, plan, trace: trace)
        let fleet = Fleet(world)
        fleet.begin()
        world.scheduler.run()
        // What crashed processes left open has ended by then, and hides nothing any more.
        world.scheduler.pass(ms: 60_000)
        if world.failure == nil, let what = world.ledger.conclude(fleet.goals[.loader]) { world.fail(what) }
        fleet.tearDown()
        return Outcome(seed: seed, failure: world.failure, steps: world.scheduler.steps, digest: world.scheduler.digest)
    }
}
