/// Which labels of host names in all languages are allowed: RFC 5891, section 4.2, with the characters of RFC 5892.
enum InternationalLabel {
    static func isValid(_ label: [Unicode.Scalar]) -> Bool {
        guard let first = label.first, first != "-", label.last != "-" else { return false }
        if label.count >= 4, label[2] == "-", label[3] == "-" { return false }
        switch first.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return false
        default: break
        }
        return label.indices.allSatisfy { isAllowed(label, at: $0) }
    }

    private static func isAllowed(_ label: [Unicode.Scalar], at index: Int) -> Bool {
        let scalar = label[index]
        let before = index > 0 ? label[index - 1] : nil
        let after = index + 1 < label.count ? label[index + 1] : nil
        // RFC 5892, appendix A: allowed in some places only.
        switch scalar.value {
        case 0x200c: return isVirama(before) || joins(label, around: index)
        case 0x200d: return isVirama(before)
        case 0xb7: return before == "l" && after == "l"
        case 0x375: return after.map { isScript($0, 0x370...0x3ff, 0x1f00...0x1fff) } ?? false
        case 0x5f3, 0x5f4: return before.map { isScript($0, 0x591...0x5f4, 0xfb1d...0xfb4f) } ?? false
        case 0x30fb:
            return label.contains { isScript($0, 0x3041...0x309f, 0x30a1...0x30fa, 0x30fc...0x30ff) || $0.properties.isIdeographic }
        case 0x660...0x669: return !label.contains { (0x6f0...0x6f9).contains($0.value) }
        case 0x6f0...0x6f9: return !label.contains { (0x660...0x669).contains($0.value) }
        // RFC 5892, section 2.6: exceptions.
        case 0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007: return true
        case 0x640, 0x7fa, 0x302e, 0x302f, 0x3031...0x3035, 0x303b: return false
        case 0x2d: return true
        default: break
        }
        switch scalar.properties.generalCategory {
        case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark, .decimalNumber:
            return !scalar.properties.isDefaultIgnorableCodePoint && isStable(scalar)
        default: return false
        }
    }

    /// Case folding and compatible forms don't change it.
    private static func isStable(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x80 else { return true }
        return scalar.properties.lowercaseMapping == String(scalar) && !(0xff00...0xffef).contains(scalar.value)
    }

    private static func isVirama(_ scalar: Unicode.Scalar?) -> Bool { scalar?.properties.canonicalCombiningClass == .virama }

    /// Between letters of a script that joins them (Arabic and Syriac, mostly).
    private static func joins(_ label: [Unicode.Scalar], around index: Int) -> Bool {
        func isJoining(_ scalar: Unicode.Scalar) -> Bool { (0x620...0x77f).contains(scalar.value) }
        return label[..<index].last.map(isJoining) ?? false && label[(index + 1)...].first.map(isJoining) ?? false
    }

    private static func isScript(_ scalar: Unicode.Scalar, _ ranges: ClosedRange<UInt32>...) -> Bool {
        ranges.contains { $0.contains(scalar.value) }
    }
}

/// RFC 3492: Unicode in letters, digits and hyphens.
enum Punycode {
    static func decode(_ text: UnsafeRawBufferPointer) -> [Unicode.Scalar]? {
        var output: [UInt32] = []
        var next = 0
        if let hyphen = text.lastIndex(of: UInt8(ascii: "-")) {
            output = text[..<hyphen].map { UInt32($0) }
            next = hyphen + 1
        }
        var n: UInt32 = 128
        var i: UInt32 = 0
        var bias: UInt32 = 72
        while next < text.count {
            let old = i
            var weight: UInt32 = 1
            var k: UInt32 = 36
            while true {
                guard next < text.count, let digit = digit(text[next]) else { return nil }
                next += 1
                let (product, over) = digit.multipliedReportingOverflow(by: weight)
                let (sum, carry) = i.addingReportingOverflow(product)
                if over || carry { return nil }
                i = sum
                let threshold = k <= bias ? 1 : min(k - bias, 26)
                if digit < threshold { break }
                let (heavier, tooHeavy) = weight.multipliedReportingOverflow(by: 36 - threshold)
                if tooHeavy { return nil }
                weight = heavier
                k += 36
            }
            let count = UInt32(output.count) + 1
            bias = adapt(i - old, count, isFirst: old == 0)
            n += i / count
            i %= count
            guard n <= 0x10ffff else { return nil }
            output.insert(n, at: Int(i))
            i += 1
        }
        let scalars = output.compactMap { Unicode.Scalar($0) }
        return scalars.count == output.count ? scalars : nil
    }

    static func encode(_ scalars: [Unicode.Scalar]) -> [UInt8]? {
        var output = scalars.filter(\.isASCII).map { UInt8($0.value) }
        let basic = output.count
        if basic > 0 { output.append(UInt8(ascii: "-")) }
        var n: UInt32 = 128
        var delta: UInt32 = 0
        var bias: UInt32 = 72
        var handled = UInt32(basic)
        // Longer ones are no labels, and can't overflow below.
        guard scalars.count <= 253 else { return nil }
        while Int(handled) < scalars.count {
            guard let least = scalars.map(\.value).filter({ $0 >= n }).min() else { return nil }
            delta += (least - n) * (handled + 1)
            n = least
            for scalar in scalars {
                if scalar.value < n { delta += 1 }
                guard scalar.value == n else { continue }
                var q = delta
                var k: UInt32 = 36
                while true {
                    let threshold = k <= bias ? 1 : min(k - bias, 26)
                    if q < threshold { break }
                    output.append(letter(threshold + (q - threshold) % (36 - threshold)))
                    q = (q - threshold) / (36 - threshold)
                    k += 36
                }
                output.append(letter(q))
                bias = adapt(delta, handled + 1, isFirst: Int(handled) == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            n += 1
        }
        return output
    }

    private static func adapt(_ delta: UInt32, _ count: UInt32, isFirst: Bool) -> UInt32 {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / count
        var k: UInt32 = 0
        while delta > 455 {
            delta /= 35
            k += 36
        }
        return k + 36 * delta / (delta + 38)
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        if byte.isDigit { return UInt32(byte) - 22 }
        return byte.isLetter ? UInt32(byte | 0x20) - 97 : nil
    }

    private static func letter(_ digit: UInt32) -> UInt8 { UInt8(digit < 26 ? digit + 97 : digit + 22) }
}
