import Log
import Testing

/// If these fail, records with the same key land in different partitions than other clients put them, and lose their order.
struct PartitionerTests {
    // From Kafka's UtilsTest.testMurmur2 and Pekko's Murmur2Spec, which checks against Kafka's.
    @Test(
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107), ("1", -1_993_445_489), ("12", 126_087_238), ("123", -267_702_483), ("1234", -1_614_185_708),
            ("12345", -1_188_365_604), ("", 275_646_681),
        ] as [(String, Int32)])
    func hashesAsJavaDoes(key: String, hash: Int32) {
        Array(key.utf8).withUnsafeBytes { #expect(Int32(bitPattern: Partitioner.murmur2($0)) == hash) }
    }

    @Test(
        arguments: [
            // key, input partition, input count, output count, key changed, expected
            ("21", 5, 6, 6, false, 5), ("21", 5, 6, 6, true, (-973_932_308 & 0x7fff_ffff) % 6),
            ("21", 5, 6, 4, false, (-973_932_308 & 0x7fff_ffff) % 4), ("", 5, 6, 4, false, 275_646_681 % 4),
            (nil, 5, 6, 6, false, 5), (nil, 5, 6, 4, false, 1), (nil, 5, 6, 6, true, 5), (nil, 2, 3, 7, true, 2),
        ] as [(String?, Int32, Int32, Int32, Bool, Int32)])
    func choosesThePartition(key: String?, input: Int32, inputCount: Int32, outputCount: Int32, changed: Bool, expected: Int32) {
        Array((key ?? "").utf8 + [0]).withUnsafeBytes { bytes in
            let span =
                key == nil ? UnsafeRawBufferPointer(start: nil, count: 0) : UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            #expect(
                Partitioner.partition(for: input, key: span, inputCount: inputCount, outputCount: outputCount, keyChanged: changed)
                    == expected)
        }
    }
}
