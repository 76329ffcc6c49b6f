internal import CRE2

/// A regular expression of ECMA-262, run by RE2. One thread at a time: RE2 locks where threads share one.
final class Pattern {
    private let compiled: OpaquePointer
    /// In RE2's syntax.
    let translation: String

    /// - Throws: why it can't be run.
    init(_ source: String) throws(PatternError) {
        var text = try PatternTranslation.translate(source)
        translation = text
        var message = [CChar](repeating: 0, count: 256)
        let found = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { cre2_compile($0.baseAddress, $0.count, &message, message.count) }
        }
        guard let found else {
            throw PatternError(String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        compiled = found
    }

    deinit { cre2_free(compiled) }

    /// Good as long as the pattern lives.
    var matcher: PatternMatcher { PatternMatcher(compiled: compiled) }
}

/// What runs a pattern, without counting references to it.
struct PatternMatcher: BitwiseCopyable {
    fileprivate let compiled: OpaquePointer

    /// Whether it matches anywhere in `text`, which must be UTF-8.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        cre2_matches(compiled, text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count)
    }
}

/// Why a pattern can't be used.
struct PatternError: Error, Equatable {
    var message: String
    /// It is right by ECMA-262, but needs what RE2 hasn't got.
    var isUnsupported = false
    /// What to do.
    var suggestion: String?

    init(_ message: String, isUnsupported: Bool = false, suggestion: String? = nil) {
        self.message = message
        self.isUnsupported = isUnsupported
        self.suggestion = suggestion
    }
}
