/// What a stage or extractor promises, and what the promise rests on.
public struct Guarantee: Sendable, Equatable {
    public var delivery: Delivery
    /// False: it ends with the process.
    public var isDurable: Bool
    public var reason: String

    /// "exactly once: outputs, dead letters and input offsets in one Kafka transaction".
    public var text: String {
        let promise = delivery == .exactlyOnce ? "exactly once" : "at least once"
        return isDurable ? "\(promise): \(reason)" : "\(promise) within this process; \(reason)"
    }
}

extension Plan {
    /// What a stage promises.
    public func guarantee(of stage: StagePlan) -> Guarantee {
        Guarantee(delivery: stage.delivery, isDurable: kafka != nil, reason: reason(stage))
    }

    /// What an extractor promises.
    public func guarantee(of extractor: ExtractorPlan) -> Guarantee {
        let reason = kafka == nil ? "nothing survives it" : "records and the checkpoint in one Kafka transaction"
        return Guarantee(delivery: .exactlyOnce, isDurable: kafka != nil, reason: reason)
    }

    private func reason(_ stage: StagePlan) -> String {
        let deadLetters = deadLetterTopic(of: stage.name)
        switch (stage.ending, stage.delivery, kafka != nil) {
        case (.topic, _, false): return "nothing survives it"
        case (.postgres, .exactlyOnce, false):
            return "rows and offsets in one Postgres transaction; nothing but the rows survives it"
        case (.postgres, .atLeastOnce, false): return "nothing but the rows survives it"
        case (.topic, .exactlyOnce, true): return "outputs, dead letters and input offsets in one Kafka transaction"
        case (.topic, .atLeastOnce, true):
            return
                "input offsets are committed once outputs and dead letters are acknowledged; "
                + "what came after the last commit is written again after a crash"
        case (.postgres, .exactlyOnce, true):
            return
                "rows and offsets in one Postgres transaction; "
                + "rejected rows go to \(deadLetters) in a Kafka transaction that is repeated after a crash"
        case (.postgres(let table), .atLeastOnce, true):
            let again = table.mode == .upsert ? "replaced by themselves" : "inserted again"
            return "input offsets are committed after the rows; after a crash the last rows are \(again)"
        }
    }
}
