import Testing

@testable import ETL

/// What is said where requests to go on can't be heard.
@Suite struct RepeatedFailureTests {
    /// A right that is missing for an hour is looked for 3,600 times and told at once, then every ten minutes.
    @Test func aFailureThatLastsIsToldRarely() {
        var failure = RepeatedFailure()
        let told = (0...3600).filter { failure.isToBeTold("log.denied", 5_000_000 + Int64($0) * 1000) }
        #expect(told == [0, 600, 1200, 1800, 2400, 3000, 3600])
    }

    @Test func anotherFailureIsToldAtOnce() {
        var failure = RepeatedFailure()
        let told = ["a", "a", "b", "b", "a"].map { failure.isToBeTold($0, 1) }
        #expect(told == [true, false, true, false, true])
        let ends = [failure.ends(), failure.ends()]
        #expect(ends == [true, false])
        let again = failure.isToBeTold("a", 2)
        #expect(again, "it worked in between")
    }
}
