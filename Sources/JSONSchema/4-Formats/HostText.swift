// Hot path: per record.
internal import Bytes

/// Host names by RFC 1123, and with letters of all languages (RFC 5890).
enum HostText {
    static func isHostname(_ text: UnsafeRawBufferPointer, international: Bool) -> Bool {
        guard text.count > 0 else { return false }
        if !international || !text.contains(where: { $0 >= 0x80 }) { return isASCII(text) }
        return isInternational(text)
    }

    /// Labels of letters, digits and hyphens, 63 at most, joined by dots, 253 in all.
    private static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= 253 else { return false }
        var start = 0
        for index in 0...text.count {
            if index < text.count, text[index] != UInt8(ascii: ".") {
                guard text[index].isLetter || text[index].isDigit || text[index] == UInt8(ascii: "-") else { return false }
                continue
            }
            guard isLabel(UnsafeRawBufferPointer(rebasing: text[start..<index])) else { return false }
            start = index + 1
        }
        return true
    }

    private static func isLabel(_ label: UnsafeRawBufferPointer) -> Bool {
        guard label.count >= 1, label.count <= 63, label[0] != UInt8(ascii: "-"), label[label.count - 1] != UInt8(ascii: "-") else {
            return false
        }
        guard label.count >= 4, label[2] == UInt8(ascii: "-"), label[3] == UInt8(ascii: "-") else { return true }
        return isEncoded(label)
    }

    /// Two hyphens in third and fourth place belong to names in Punycode (RFC 3492).
    @inline(never)
    private static func isEncoded(_ label: UnsafeRawBufferPointer) -> Bool {
        guard label[0] | 0x20 == UInt8(ascii: "x"), label[1] | 0x20 == UInt8(ascii: "n"),
            let scalars = Punycode.decode(UnsafeRawBufferPointer(rebasing: label[4...])), let encoded = Punycode.encode(scalars),
            encoded.count == label.count - 4,
            encoded.indices.allSatisfy({ encoded[$0] == label[$0 + 4] | (label[$0 + 4].isLetter ? 0x20 : 0) })
        else { return false }
        return scalars.contains { !$0.isASCII } && InternationalLabel.isValid(scalars)
            && (!Direction.isBidirectional(scalars) || Direction.isValid(scalars))
    }

    @inline(never)
    private static func isInternational(_ text: UnsafeRawBufferPointer) -> Bool {
        let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
        // RFC 3490, section 3.1: these are dots too.
        let labels = scalars.split(omittingEmptySubsequences: false) { ".\u{3002}\u{ff0e}\u{ff61}".unicodeScalars.contains($0) }
        let isBidirectional = labels.contains { Direction.isBidirectional(Array($0)) }
        var length = labels.count - 1
        for label in labels {
            let isASCII = label.allSatisfy(\.isASCII)
            let encoded = isASCII ? label.map { UInt8($0.value) } : Array("xn--".utf8) + (Punycode.encode(Array(label)) ?? [])
            length += encoded.count
            guard encoded.count <= 63, !isBidirectional || Direction.isValid(Array(label)) else { return false }
            if isASCII {
                guard encoded.allSatisfy({ $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "-") }),
                    encoded.withUnsafeBytes({ isLabel($0) })
                else { return false }
            } else if !InternationalLabel.isValid(Array(label)) {
                return false
            }
        }
        return length <= 253
    }
}
