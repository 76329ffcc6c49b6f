import Log

/// A call that crosses the boundary between engine and log.
enum LogAction: String, CaseIterable {
    case poll, begin, send, sendOffsets, commit, abort, commitOffsets, committed
    case makeConsumer, makeProducer, makeReader, read, describe, offsets, groupOffsets, acknowledged, flush
}

/// What a seed has in store, drawn at its start: how the pipeline is cut, and which faults come how often. Each fault is left out in
/// half of the seeds, so that there are seeds where one comes alone and often.
struct Weather {
    // How the pipeline is cut.
    var data: Int
    var rawPartitions: Int
    var outPartitions: Int
    var stages: Int
    var loaders: Int
    var isExactlyOnce: Bool
    var commitIntervalMs: Int
    var batchRows: Int
    var batchMs: Int
    var retryInitialMs: Int
    var retryMaxMs: Int
    /// A member that isn't heard of for longer loses its partitions.
    var sessionMs: Int
    /// How long after a commit readers see it.
    var commitDelayMs: Int
    /// Records a poll gives at most.
    var pollRecords: Int
    /// How dead letters are replayed; nil: not at all.
    var replay: ReplayWeather?

    // Faults, in a thousand of the calls they can come in.
    var crash: Int
    var freeze: Int
    var stop: Int
    var scale: Int
    var brokerAway: Int
    var postgresAway: Int
    var retriable: Int
    var abortable: Int
    var fenced: Int
    var fatal: Int
    var unknownOutcome: Int
    var sinkFails: Int
    var sinkConflicts: Int
    /// Postgres refuses a statement for good (a right was taken away): the process ends and is started again.
    var sinkForbids: Int
    /// A partition's new leader shows less than its last one has told.
    var lagging: Int
    /// Of what a dead client had sent: the service does it later.
    var late: Int
    /// Faults end after so many steps; then everything must come to its end.
    var faultSteps: Int

    init(_ random: inout Random, dataSets: Int) {
        func rate(_ random: inout Random, _ rates: [Int]) -> Int { random.chance(500) ? 0 : random.one(of: rates) }
        data = random.below(dataSets)
        rawPartitions = random.within(1...3)
        outPartitions = random.within(1...3)
        stages = random.within(1...3)
        loaders = random.within(1...2)
        isExactlyOnce = random.chance(700)
        commitIntervalMs = random.one(of: [1, 10, 50])
        batchRows = random.one(of: [1, 3, 10, 100])
        batchMs = random.one(of: [1, 20, 200])
        retryInitialMs = random.one(of: [1, 50])
        retryMaxMs = random.one(of: [100, 400])
        sessionMs = random.one(of: [400, 2000])
        commitDelayMs = random.one(of: [0, 5, 100])
        pollRecords = random.one(of: [1, 4, 1000])
        crash = rate(&random, [3, 10, 25])
        freeze = rate(&random, [3, 10, 30])
        stop = rate(&random, [2, 6])
        scale = rate(&random, [2, 6])
        brokerAway = rate(&random, [2, 5])
        postgresAway = rate(&random, [2, 5])
        retriable = rate(&random, [5, 30, 80])
        abortable = rate(&random, [5, 30, 80])
        fenced = rate(&random, [3, 15])
        fatal = rate(&random, [3, 15])
        unknownOutcome = rate(&random, [20, 100])
        sinkFails = rate(&random, [10, 60])
        sinkConflicts = rate(&random, [10, 60])
        sinkForbids = rate(&random, [3, 15])
        lagging = rate(&random, [30, 200])
        late = random.one(of: [0, 300, 700])
        faultSteps = random.one(of: [100, 300, 700, 1500])
        let replay = ReplayWeather(&random)
        self.replay = random.chance(350) ? replay : nil
    }
}

/// What is replayed, and how.
struct ReplayWeather {
    /// How many runs there are over the stage's letters, and over the loader's. After the third of each come the parked ones.
    var runs: [Int]
    /// Between two runs, or two looks whether there is anything to replay.
    var pauseMs: Int
    var maxAttempts: Int
    /// The stage's letters are mended (`--set`); otherwise it is the stage that lets them through some day.
    var mends: Bool
    var hasFilter: Bool
    /// Brokers refuse some records for their size.
    var refusesLarge: Bool
    var limit: Int64?
    var rate: Double?

    init(_ random: inout Random) {
        runs = [random.within(1...6), random.within(1...6)]
        pauseMs = random.one(of: [1, 20, 200])
        maxAttempts = random.within(1...3)
        mends = random.chance(500)
        hasFilter = random.chance(250)
        refusesLarge = random.chance(200)
        limit = random.chance(200) ? Int64(random.within(1...3)) : nil
        rate = random.chance(200) ? random.one(of: [20, 500]) : nil
    }
}

extension LogAction {
    /// The classes of error this call can end in, without having done anything.
    var kinds: [LogError.Kind] {
        switch self {
        case .poll, .commitOffsets: [.retriable, .fenced, .fatal]
        case .begin, .send, .sendOffsets, .commit: [.retriable, .abortable, .fenced, .fatal]
        case .abort: [.retriable, .abortable, .fenced, .fatal]
        case .committed, .makeConsumer, .makeProducer, .describe, .offsets, .groupOffsets, .makeReader, .read, .flush:
            [.retriable]
        case .acknowledged: [.fatal]
        }
    }

    /// Calls that may have had their effect though they end in an error.
    var canBeUnknown: Bool {
        switch self {
        case .commit, .abort, .sendOffsets, .commitOffsets, .send: true
        default: false
        }
    }
}

extension Weather {
    mutating func fault(in action: LogAction, _ random: inout Random) -> LogError.Kind? {
        for kind in action.kinds where random.chance(rate(of: kind)) { return kind }
        return nil
    }

    private func rate(of kind: LogError.Kind) -> Int {
        switch kind {
        case .retriable: retriable
        case .abortable: abortable
        case .fenced: fenced
        case .fatal: fatal
        case .configuration, .offsetOutOfRange: 0
        }
    }

    /// Faults are over.
    mutating func clear() {
        crash = 0
        freeze = 0
        stop = 0
        scale = 0
        brokerAway = 0
        postgresAway = 0
        retriable = 0
        abortable = 0
        fenced = 0
        fatal = 0
        unknownOutcome = 0
        sinkFails = 0
        sinkConflicts = 0
        sinkForbids = 0
        lagging = 0
    }
}
