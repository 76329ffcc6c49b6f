import ETL

extension Plan {
    /// The pipeline every seed runs: files → raw → out → table. What breaks the rule passes it once it was replayed often enough.
    static func simulated(_ folder: String) throws(SimulationError) -> Plan {
        let path = "\(folder)/sim.yaml"
        try write(text(folder), to: path)
        let loaded = loadTopologies(file: path, variables: [:])
        guard let plan = loaded.plans.first, !loaded.problems.hasErrors else {
            throw SimulationError("the simulation's topology is wrong: \(loaded.problems)")
        }
        return plan
    }

    /// Cut as the seed says.
    mutating func adapt(to weather: Weather, showsEvents: Bool) {
        logging.level = showsEvents ? .info : .error
        logging.format = .text
        commitIntervalMs = weather.commitIntervalMs
        retry.initialMs = weather.retryInitialMs
        retry.maxMs = weather.retryMaxMs
        // The jitter isn't drawn from the seed.
        retry.fullJitter = false
        for index in stages.indices {
            switch stages[index].ending {
            case .topic: stages[index].delivery = weather.isExactlyOnce ? .exactlyOnce : .atLeastOnce
            case .postgres(var sink):
                sink.batchRows = weather.batchRows
                sink.batchMs = weather.batchMs
                stages[index].ending = .postgres(sink)
            }
        }
    }

    private static func text(_ folder: String) -> String {
        let attempt = "'\(DeadLetterHeader.attempt)'"
        return """
            name: sim
            topics:
              raw: {name: raw}
              out: {name: out}
            extractors:
              extract:
                to: raw
                key: "message.k + ''"
                csv: {path: "\(folder)/*.csv", columns: {n: int, bad: bool, heals: int}}
            stages:
              stage:
                from: raw
                to: out
                steps:
                  - check: {name: rule, expr: "!message.bad || (\(attempt) in headers && int(headers[\(attempt)]) > message.heals)"}
              load:
                from: out
                load:
                  postgres: {url: "postgres://localhost/sim", table: t, mode: append}
            """
    }
}
