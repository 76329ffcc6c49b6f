import HTTPServer
import Testing

/// If these fail, somebody without the token gets in, or somebody with it doesn't.
@Suite struct BearerTokenTests {
    @Test(arguments: [
        ("Bearer abcdefgh", true), ("bearer abcdefgh", true), ("BEARER abcdefgh", true), (nil, false), ("", false), ("Bearer", false),
        ("Bearer ", false), ("Bearer abcdefg", false), ("Bearer abcdefghi", false), ("Bearer abcdefghabcdefgh", false),
        ("Bearer Abcdefgh", false), ("Bearer  abcdefgh", false), ("Basic abcdefgh", false), ("abcdefgh", false),
    ] as [(String?, Bool)])
    func matches(_ header: String?, _ expected: Bool) {
        #expect(BearerToken("abcdefgh").matches(header) == expected)
    }

    @Test func anEmptySecretLetsNobodyIn() {
        #expect(!BearerToken("").matches("Bearer "))
        #expect(!BearerToken("").matches("Bearer x"))
    }
}
