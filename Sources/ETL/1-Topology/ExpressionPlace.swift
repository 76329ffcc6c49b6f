internal import YAML

extension ExpressionPlan {
    /// A stretch of the expression that stands in the file from this place on.
    public struct Run: Sendable, Equatable {
        /// In the expression, UTF-8 bytes.
        public var offset: Int
        public var line: Int
        public var column: Int
        /// All of it stands for one thing in the file, a variable, and so has one place.
        public var isVariable: Bool
    }

    /// The place in the file of a byte of the expression: exact across quotes, escapes, folded lines and literal blocks; inside
    /// the value of a
    /// variable, the `${`. An offset past the end is the end.
    public func position(at utf8Offset: Int) -> SourcePosition {
        let run =
            runs.last { $0.offset <= utf8Offset } ?? Run(offset: 0, line: position.line, column: position.column, isVariable: false)
        let before =
            run.isVariable
            ? 0 : source.utf8.dropFirst(run.offset).prefix(max(0, utf8Offset - run.offset)).count { $0 & 0xC0 != 0x80 }
        return SourcePosition(file: position.file, line: run.line, column: run.column + before)
    }
}

extension ExpressionPlan {
    /// An expression whose text came from a YAML scalar, `written`, by replacing variables.
    init(source: String, written: String, node: Node, expansion: Variables.Expansion) {
        let asWritten = ExpressionPlan(source: written, position: SourcePosition(node.place), runs: node.expressionRuns)
        var runs: [Run] = []
        for (index, piece) in expansion.pieces.enumerated() {
            let end = index + 1 < expansion.pieces.count ? expansion.pieces[index + 1].offset : .max
            guard end > piece.offset else { continue }
            let start = asWritten.position(at: piece.written)
            runs.append(Run(offset: piece.offset, line: start.line, column: start.column, isVariable: piece.isVariable))
            guard !piece.isVariable else { continue }
            for run in asWritten.runs where run.offset > piece.written && run.offset - piece.written + piece.offset < end {
                runs.append(
                    Run(offset: run.offset - piece.written + piece.offset, line: run.line, column: run.column, isVariable: false))
            }
        }
        let first = runs.first.map { SourcePosition(file: node.place.file, line: $0.line, column: $0.column) }
        self.init(source: source, position: first ?? asWritten.position(at: 0), runs: runs)
    }
}
