// Hot path: per record.

/// Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7).
func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index < bytes.count {
        let first = bytes[index]
        if first < 0x80 {
            index += 1
            continue
        }
        let width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
        guard first >= 0xc2, first <= 0xf4, index + width <= bytes.count else { return false }
        let second = bytes[index + 1]
        let (low, high): (UInt8, UInt8) =
            switch first {
            case 0xe0: (0xa0, 0xbf)
            case 0xed: (0x80, 0x9f)
            case 0xf0: (0x90, 0xbf)
            case 0xf4: (0x80, 0x8f)
            default: (0x80, 0xbf)
            }
        guard second >= low, second <= high else { return false }
        for offset in 2..<max(width, 2) where bytes[index + offset] & 0xc0 != 0x80 { return false }
        index += width
    }
    return true
}
