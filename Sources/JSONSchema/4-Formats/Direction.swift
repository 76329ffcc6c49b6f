/// RFC 5893: labels in scripts that are written from right to left. Told apart by their blocks, which is what there is without
/// tables of directions.
enum Direction {
    private enum Class { case left, right, arabicNumber, europeanNumber, mark, other }

    private static func of(_ scalar: Unicode.Scalar) -> Class {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return .mark
        default: break
        }
        switch scalar.value {
        // They join letters and have no direction.
        case 0x200c, 0x200d: return .mark
        case 0x30...0x39, 0x6f0...0x6f9: return .europeanNumber
        case 0x660...0x669, 0x10e60...0x10e7e: return .arabicNumber
        case 0x590...0x8ff, 0xfb1d...0xfdff, 0xfe70...0xfeff, 0x10800...0x10fff, 0x1e800...0x1efff: return .right
        case 0x2d: return .other
        default: return .left
        }
    }

    /// Whether a label makes its domain one that the rule is for.
    static func isBidirectional(_ label: [Unicode.Scalar]) -> Bool {
        label.contains { [.right, .arabicNumber].contains(of($0)) }
    }

    /// Section 2.
    static func isValid(_ label: [Unicode.Scalar]) -> Bool {
        let classes = label.map { of($0) }
        guard let last = classes.last(where: { $0 != .mark }) else { return false }
        switch classes.first {
        case .right:
            return !classes.contains(.left) && last != .other
                && !(classes.contains(.europeanNumber) && classes.contains(.arabicNumber))
        case .left: return !classes.contains(.right) && !classes.contains(.arabicNumber) && last != .other
        default: return false
        }
    }
}
