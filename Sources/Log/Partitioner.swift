// Hot path: per record.

/// Which partition a record goes to: the same one for the same key in every run and in every client of Kafka that uses
/// the Java client's default, so that order per key holds from end to end.
public enum Partitioner {
    /// The output partition of a record that came from an input partition.
    ///
    /// With key and partition count unchanged it is the input's own: whoever partitioned the input keeps the say. Else the key's
    /// hash decides; without a key the input partition modulo the count, so that the order within a partition survives.
    /// - Parameters:
    ///   - key: the output record's key; nil base: no key.
    ///   - outputCount: partitions of the output topic, at least 1.
    @inlinable
    public static func partition(
        for inputPartition: Int32, key: UnsafeRawBufferPointer, inputCount: Int32, outputCount: Int32,
        keyChanged: Bool
    ) -> Int32 {
        if !keyChanged, inputCount == outputCount { return inputPartition }
        if key.baseAddress == nil { return inputPartition % outputCount }
        return partition(of: key, count: outputCount)
    }

    /// The partition Java's default partitioner gives a key: `toPositive(murmur2(key)) % count`.
    @inlinable
    public static func partition(of key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
        Int32(bitPattern: murmur2(key) & 0x7fff_ffff) % count
    }

    /// 32-bit MurmurHash2 with the seed of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`).
    @inlinable
    public static func murmur2(_ key: UnsafeRawBufferPointer) -> UInt32 {
        let m: UInt32 = 0x5bd1_e995
        let count = key.count
        var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
        var at = 0
        while count - at >= 4 {
            var k = UInt32(littleEndian: key.loadUnaligned(fromByteOffset: at, as: UInt32.self)) &* m
            k ^= k >> 24
            hash = (hash &* m) ^ (k &* m)
            at += 4
        }
        let rest = count - at
        if rest == 3 { hash ^= UInt32(key[at + 2]) << 16 }
        if rest >= 2 { hash ^= UInt32(key[at + 1]) << 8 }
        if rest >= 1 { hash = (hash ^ UInt32(key[at])) &* m }
        hash ^= hash >> 13
        hash = hash &* m
        return hash ^ (hash >> 15)
    }
}
