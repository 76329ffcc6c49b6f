// Hot path: per record.

/// JSON Pointers (RFC 6901), relative ones, and patterns.
enum PointerText {
    static func isPointer(_ text: UnsafeRawBufferPointer) -> Bool {
        if text.count == 0 { return true }
        guard text[0] == UInt8(ascii: "/") else { return false }
        for index in 0..<text.count where text[index] == UInt8(ascii: "~") {
            guard index + 1 < text.count, text[index + 1] & 0xfe == 0x30 else { return false }
        }
        return true
    }

    /// https://json-schema.org/draft/2020-12/relative-json-pointer
    static func isRelativePointer(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        let count = cursor.skipDigits()
        guard count >= 1, count == 1 || text[0] != 48 else { return false }
        if cursor.take(UInt8(ascii: "#")) { return cursor.isAtEnd }
        return isPointer(UnsafeRawBufferPointer(rebasing: text[cursor.index...]))
    }

    /// A pattern of ECMA-262, whether or not it can be run here.
    @inline(never)
    static func isPattern(_ text: UnsafeRawBufferPointer) -> Bool {
        do throws(PatternError) {
            _ = try PatternTranslation.translate(String(decoding: text, as: UTF8.self))
            return true
        } catch {
            return error.isUnsupported
        }
    }
}
