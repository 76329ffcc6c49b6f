import Foundation
import Simulation
import Testing

/// If these fail, a failing seed can't be looked at again.
@Suite struct SimulationTests {
    @Test func aSeedIsTheSameEachTime() throws {
        let folder = NSTemporaryDirectory() + "etl-simulation-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let simulation = try Simulation(folder: folder)
        for seed in 1...UInt64(20) {
            var traces: [[String]] = [[], []]
            var digests: Set<UInt64> = []
            for run in 0...1 {
                let outcome = try simulation.run(seed: seed) { traces[run].append($0) }
                #expect(outcome.failure == nil, "seed \(seed)")
                digests.insert(outcome.digest)
            }
            #expect(digests.count == 1 && traces[0] == traces[1] && traces[0].count > 20, "seed \(seed)")
        }
    }
}
