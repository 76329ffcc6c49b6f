import Foundation
import Log
import Testing

@testable import ETL

/// If these fail, an extractor loses rows, writes them twice, or writes them in another order.
@Suite struct ExtractMemberTests {
    /// Small files, which share transactions, between two that need several batches.
    static func files() throws -> (folder: TestFolder, rows: [String]) {
        let folder = try TestFolder()
        var rows: [String] = []
        for (file, count) in [3, 7000, 1, 2, 5, 6000, 4].enumerated() {
            var text = "id\n"
            for row in 0..<count {
                text += "\(file)-\(row)\n"
                rows.append("\(file)-\(row)")
            }
            try folder.write("\(file).csv", text)
        }
        return (folder, rows)
    }

    static func prepare(_ folder: TestFolder, _ faults: [Fault]) throws -> (log: MemoryLog, context: MemberContext, extractor: ExtractorPlan) {
        let log = FaultyLog().make(faults)
        _ = try log.create(topics: [
            NewTopic(name: "in", partitions: 1), NewTopic(name: "t.e.dlq", partitions: 1),
            NewTopic(name: "t.checkpoints", partitions: 1, properties: ["cleanup.policy": "compact"]),
        ])
        try log.retain(topic: "in")
        let extractor = ExtractorPlan(name: "e", to: "in", key: nil, csv: .test(folder.path + "/*.csv"), position: place(1))
        return (log, .test(.test(extractors: [extractor]), log), extractor)
    }

    static func ids(_ log: MemoryLog) throws -> [String] {
        try everything(in: "in", of: log).map { String($0.value.dropFirst(7).dropLast(2)) }
    }

    @Test(arguments: Fault.all([.begin, .send, .commit], at: [1, 2]))
    func everyRowOnceWhateverFails(_ fault: Fault) throws {
        let (folder, rows) = try Self.files()
        let (log, context, extractor) = try Self.prepare(folder, [fault])
        // Fenced: another one took over, so this one ends, and goes on from its checkpoint when it is started again.
        if fault.kind == .fenced {
            let error = #expect(throws: ETLError.self) { try ExtractMember(context: context, extractor: extractor).run() }
            #expect(error?.code == "extract.fenced")
        }
        try ExtractMember(context: context, extractor: extractor).run()
        #expect(try Self.ids(log) == rows)
        // A new start finds every file read.
        try ExtractMember(context: context, extractor: extractor).run()
        #expect(try Self.ids(log).count == rows.count)
    }

    @Test(arguments: [LogError.Kind.retriable, .abortable, .fatal])
    func everyRowOnceWhenTheAbortFails(_ kind: LogError.Kind) throws {
        let (folder, rows) = try Self.files()
        let faults = [Fault(action: .send, kind: .abortable, at: 3), Fault(action: .abort, kind: kind, at: 1)]
        let (log, context, extractor) = try Self.prepare(folder, faults)
        try ExtractMember(context: context, extractor: extractor).run()
        #expect(try Self.ids(log) == rows)
    }

    @Test func smallFilesInOneTransactionEachHaveACheckpoint() throws {
        let folder = try TestFolder()
        for file in 0..<20 { try folder.write("\(file).csv", "id\n\(file)\n") }
        let (log, context, extractor) = try Self.prepare(folder, [])
        try ExtractMember(context: context, extractor: extractor).run()
        #expect(Set(try everything(in: "t.checkpoints", of: log).map(\.key)).count == 20)
        try ExtractMember(context: context, extractor: extractor).run()
        #expect(try Self.ids(log).count == 20)
        // More rows in one file, and a new file: only those are read.
        try folder.write("3.csv", "id\n3\n3b\n")
        try folder.write("99.csv", "id\n99\n")
        try ExtractMember(context: context, extractor: extractor).run()
        #expect(try Self.ids(log).suffix(2) == ["3b", "99"] && Self.ids(log).count == 22)
    }
}
