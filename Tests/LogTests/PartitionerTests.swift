import Log
import Testing

/// If these fail, records with the same key land in different partitions than other clients put them, and lose their order.
struct PartitionerTests {
    // From Kafka's UtilsTest.testMurmur2, kafkajs' murmur2.spec.js, and the hash of nothing.
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107), ("0", 272_173_970), ("1", 1_311_020_360), ("128", 2_053_105_854), ("2187", -2_081_355_488),
        ("16384", 204_404_061), ("10000000", -1_778_616_326), ("170859375", 102_939_717), ("", 275_646_681),
    ] as [(String, Int32)])
    func hashesAsJavaDoes(key: String, hash: Int32) {
        Array(key.utf8).withUnsafeBytes { #expect(Int32(bitPattern: Partitioner.murmur2($0)) == hash) }
    }

    @Test(arguments: [
        // key, input partition, input count, output count, key changed, expected
        ("21", 5, 6, 6, false, 5), ("21", 5, 6, 6, true, (-973_932_308 & 0x7fff_ffff) % 6),
        ("21", 5, 6, 4, false, (-973_932_308 & 0x7fff_ffff) % 4), ("", 5, 6, 4, false, 275_646_681 % 4),
        (nil, 5, 6, 6, false, 5), (nil, 5, 6, 4, false, 1), (nil, 5, 6, 6, true, 5), (nil, 2, 3, 7, true, 2),
    ] as [(String?, Int32, Int32, Int32, Bool, Int32)])
    func choosesThePartition(key: String?, input: Int32, inputCount: Int32, outputCount: Int32, changed: Bool, expected: Int32) {
        Array((key ?? "").utf8 + [0]).withUnsafeBytes { bytes in
            let span = key == nil ? UnsafeRawBufferPointer(start: nil, count: 0) : UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            #expect(Partitioner.partition(for: input, key: span, inputCount: inputCount, outputCount: outputCount, keyChanged: changed)
                == expected)
        }
    }
}
