import BenchmarkSubjects
import CAllocations
import Testing

/// What is done for each record doesn't allocate once it is warm: an allocation costs more than most steps, and what is never
/// allocated can't grow.
@Suite struct AllocationTests {
    @Test(arguments: Subject.areas.map(\.name))
    func nothingIsAllocatedForARecord(area: String) throws {
        let make = try #require(Subject.areas.first { $0.name == area }).make
        for subject in try make() {
            subject.run(10_000)
            let before = ca_allocations()
            subject.run(10_000)
            #expect(ca_allocations() - before == 0, "allocations in 10,000 calls: \(subject.name)")
        }
    }

    /// Else the test above would pass whatever is allocated.
    @Test func allocationsAreCounted() {
        let before = ca_allocations()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 16)
        let after = ca_allocations()
        memory.deallocate()
        #expect(after == before + 1)
    }
}
