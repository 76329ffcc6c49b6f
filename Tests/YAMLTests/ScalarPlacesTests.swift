import Testing

@testable import YAML

/// An error inside an expression points to its own character, however the expression was quoted. `@` marks the character meant, in the
/// file and in the value.
@Suite struct ScalarPlacesTests {
    @Test(arguments: [
        ("a: x + @y", "x + @y"),
        ("a: 'x + @y'", "x + @y"),
        ("a: 'it''s @y'", "it's @y"),
        (#"a: "x\t\"é\" \x41 \u00e9 @y""#, "x\t\"é\" A é @y"),
        ("a: ü + é @y", "ü + é @y"),
        ("a: x\n  and\n  @y", "x and @y"),
        ("a: 'x\n\n\n   @y'", "x\n\n@y"),
        ("a: \"x \\\n   @y\"", "x @y"),
        ("a: |\n  x\n  @y\n", "x\n@y\n"),
        ("a: |-\n\n    x\n      @y", "\nx\n  @y"),
        ("a: !!str  &b  'x @y'", "x @y"),
        ("{a: [\"@y\"]}", "@y"),
        ("a: [x, @y z]", "@y z"),
    ])
    func exact(file: String, value: String) throws {
        // The mark takes a column of its own, so it stays in both texts, in quotes' place of a letter.
        let source = file.replacing("@", with: "Q")
        let text = value.replacing("@", with: "Q")
        let root = try #require(parse(source).documents.first)
        let node = try #require(find(root, text))
        let index = try #require(text.firstIndex(of: "Q"))
        let offset = text.utf8.distance(from: text.startIndex, to: index)
        let run = try #require(node.runs.last { $0.offset <= offset })
        let column = run.column + text.utf8.dropFirst(run.offset).prefix(offset - run.offset).count { !isContinuation($0) }
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.contains("Q") })
        let expected = lines[line].unicodeScalars.prefix { $0 != "Q" }.count + 1
        #expect("\(run.line):\(column)" == "\(line + 1):\(expected)")
    }

    @Test func aFoldedBlockStandsAtItsFirstLine() throws {
        let node = try #require(parse("a: >\n\n  x\n  y\n").documents.first?["a"])
        #expect(node.runs.map { "\($0.line):\($0.column)" } == ["3:3"])
    }

    private func find(_ node: Node, _ text: String) -> Node? {
        if node.scalar?.text == text { return node }
        for child in (node.elements ?? []) + (node.entries ?? []).map(\.value) {
            if let found = find(child, text) { return found }
        }
        return nil
    }
}
