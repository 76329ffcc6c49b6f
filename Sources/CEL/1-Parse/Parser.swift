/// Tokens to an expression, by the grammar of the CEL language definition: precedence climbing with one token of lookahead.
struct Parser {
    private var lexer: Lexer
    private var token: Token
    private var nesting = 0

    static func parse(_ source: [UInt8]) throws(CELError) -> Expression {
        var lexer = Lexer(source)
        let first = try lexer.next()
        if first.kind == .end { throw CELError("expected an expression, found nothing", at: 0) }
        var parser = Parser(lexer: lexer, token: first)
        let expression = try parser.expression()
        guard parser.token.kind == .end else { throw parser.unexpected("an operator or the end of the expression") }
        return expression
    }

    private init(lexer: Lexer, token: Token) {
        self.lexer = lexer
        self.token = token
    }

    // MARK: Grammar

    private mutating func expression() throws(CELError) -> Expression {
        nesting += 1
        defer { nesting -= 1 }
        if nesting > Expression.maxDepth { throw tooDeep(token.start) }
        let condition = try binary(1)
        guard token.kind == .question else { return condition }
        try advance()
        let first = try binary(1)
        try expect(.colon, "':' of the conditional")
        let second = try expression()
        return try node(.conditional(condition, first, second), condition.start, second.end, [condition, first, second])
    }

    private static func precedence(_ kind: Token.Kind) -> Int {
        switch kind {
        case .or: 1
        case .and: 2
        case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .in: 3
        case .plus, .minus: 4
        case .star, .slash, .percent: 5
        default: 0
        }
    }

    private mutating func binary(_ minimum: Int) throws(CELError) -> Expression {
        var left = try unary()
        while true {
            let kind = token.kind
            let level = Self.precedence(kind)
            guard level >= minimum else { return left }
            var operands = [left]
            repeat {
                try advance()
                operands.append(try binary(level + 1))
                // Chains of these give one node, however long they are.
            } while token.kind == kind && (kind == .or || kind == .and || kind == .plus)
            let name = String(kind.rawValue.dropFirst().dropLast())
            let end = operands[operands.count - 1].end
            left = try node(.operator(name, operands), left.start, end, operands)
        }
    }

    private mutating func unary() throws(CELError) -> Expression {
        let operation = token
        guard operation.kind == .not || operation.kind == .minus else { return try member() }
        var starts: [Int] = []
        while token.kind == operation.kind {
            starts.append(token.start)
            if starts.count > Expression.maxDepth { throw tooDeep(token.start) }
            try advance()
        }
        var operand: Expression
        if operation.kind == .minus, token.kind == .int || token.kind == .double || token.kind == .uint {
            let number = token
            try advance()
            let literal = try Literal.number(number, in: lexer.source, negative: true)
            operand = try suffixes(Expression(kind: .literal(literal), start: starts.removeLast(), end: number.end, depth: 1))
        } else {
            operand = try member()
        }
        for start in starts.reversed() {
            operand = try node(.operator(operation.kind == .not ? "!" : "-", [operand]), start, operand.end, [operand])
        }
        return operand
    }

    private mutating func member() throws(CELError) -> Expression { try suffixes(try primary()) }

    private mutating func suffixes(_ first: Expression) throws(CELError) -> Expression {
        var result = first
        while true {
            switch token.kind {
            case .dot:
                try advance()
                let optional = try skipQuestion()
                let name = token
                let field = try fieldName()
                if token.kind == .leftParenthesis, name.kind == .identifier, !optional {
                    let (arguments, end) = try arguments()
                    let kind = Expression.Kind.call(field, target: result, arguments: arguments, nameOffset: name.start)
                    result = try node(kind, result.start, end, [result] + arguments)
                } else {
                    result = try node(.select(result, field: field, optional: optional), result.start, name.end, [result])
                }
            case .leftBracket:
                try advance()
                let optional = try skipQuestion()
                let index = try expression()
                let end = token.end
                try expect(.rightBracket, "']'")
                result = try node(.index(result, index, optional: optional), result.start, end, [result, index])
            case .leftBrace:
                throw CELError("messages can't be made in an expression; expected an operator", at: token.start)
            default: return result
            }
        }
    }

    private mutating func primary() throws(CELError) -> Expression {
        let first = token
        switch first.kind {
        case .identifier: return try name(rooted: false, start: first.start)
        case .dot:
            try advance()
            guard token.kind == .identifier else { throw unexpected("a name after '.'") }
            return try name(rooted: true, start: first.start)
        case .int, .uint, .double:
            try advance()
            return leaf(.literal(try Literal.number(first, in: lexer.source, negative: false)), first)
        case .string, .bytes:
            try advance()
            return leaf(.literal(try Literal.quoted(first, in: lexer.source)), first)
        case .leftParenthesis:
            try advance()
            var inner = try expression()
            inner.start = first.start
            inner.end = token.end
            try expect(.rightParenthesis, "')'")
            return inner
        case .leftBracket:
            try advance()
            return try list(from: first.start)
        case .leftBrace: return try map()
        default: throw unexpected("an expression")
        }
    }

    private mutating func name(rooted: Bool, start: Int) throws(CELError) -> Expression {
        let word = token
        let name = text(word)
        try advance()
        if !rooted {
            switch name {
            case "true", "false": return leaf(.literal(.bool(name == "true")), word)
            case "null": return leaf(.literal(.null), word)
            default: break
            }
        }
        if Self.keywords.contains(name) || Self.reserved.contains(name) {
            throw CELError("'\(name)' is a reserved word; as a field write message.`\(name)`", at: word.start)
        }
        if token.kind == .leftParenthesis {
            let (arguments, end) = try arguments()
            return try node(.call(name, target: nil, arguments: arguments, nameOffset: word.start), start, end, arguments)
        }
        return Expression(kind: .name(name, rooted: rooted), start: start, end: word.end, depth: 1)
    }

    private mutating func fieldName() throws(CELError) -> String {
        let field = token
        guard field.kind == .identifier || field.kind == .quotedIdentifier else { throw unexpected("a field name after '.'") }
        var name = text(field)
        if field.kind == .quotedIdentifier { name = String(name.dropFirst().dropLast()) }
        try advance()
        if field.kind == .identifier, Self.keywords.contains(name) {
            throw CELError("'\(name)' is a reserved word; as a field write `\(name)` in backticks", at: field.start)
        }
        return name
    }

    private mutating func arguments() throws(CELError) -> ([Expression], end: Int) {
        try advance()
        var items: [Expression] = []
        while token.kind != .rightParenthesis || !items.isEmpty {
            items.append(try expression())
            if token.kind == .rightParenthesis { break }
            guard token.kind == .comma else { throw unexpected("',' or ')'") }
            try advance()
        }
        let end = token.end
        try advance()
        return (items, end)
    }

    private mutating func list(from start: Int) throws(CELError) -> Expression {
        var items: [Expression] = []
        var optional: Set<Int> = []
        while token.kind != .rightBracket {
            if try skipQuestion() { optional.insert(items.count) }
            items.append(try expression())
            if token.kind == .rightBracket { break }
            guard token.kind == .comma else { throw unexpected("',' or ']'") }
            try advance()
        }
        let end = token.end
        try advance()
        return try node(.list(items, optional: optional), start, end, items)
    }

    /// The `?` of `a.?b`, `a[?b]`, `[?a]` and `{?a: b}`.
    private mutating func skipQuestion() throws(CELError) -> Bool {
        guard token.kind == .question else { return false }
        try advance()
        return true
    }

    private mutating func map() throws(CELError) -> Expression {
        let start = token.start
        try advance()
        var entries: [Expression.Entry] = []
        var depth = 0
        while token.kind != .rightBrace {
            let optional = try skipQuestion()
            let key = try expression()
            try expect(.colon, "':' after a map's key")
            let value = try expression()
            depth = max(depth, key.depth, value.depth)
            entries.append(.init(key: key, value: value, isOptional: optional))
            if token.kind == .rightBrace { break }
            guard token.kind == .comma else { throw unexpected("',' or '}'") }
            try advance()
        }
        let end = token.end
        try advance()
        if depth >= Expression.maxDepth { throw tooDeep(start) }
        return Expression(kind: .map(entries), start: start, end: end, depth: depth + 1)
    }

    // MARK: Parts

    private func leaf(_ kind: Expression.Kind, _ token: Token) -> Expression {
        Expression(kind: kind, start: token.start, end: token.end, depth: 1)
    }

    private func node(
        _ kind: Expression.Kind, _ start: Int, _ end: Int, _ children: [Expression]
    ) throws(CELError) -> Expression {
        let depth = 1 + children.reduce(0) { max($0, $1.depth) }
        if depth > Expression.maxDepth { throw tooDeep(start) }
        return Expression(kind: kind, start: start, end: end, depth: depth)
    }

    private func tooDeep(_ offset: Int) -> CELError {
        CELError("expression nested deeper than \(Expression.maxDepth) levels", at: offset)
    }

    private mutating func advance() throws(CELError) { token = try lexer.next() }

    private mutating func expect(_ kind: Token.Kind, _ what: String) throws(CELError) {
        guard token.kind == kind else { throw unexpected(what) }
        try advance()
    }

    private func text(_ token: Token) -> String { String(decoding: lexer.source[token.start..<token.end], as: UTF8.self) }

    private func unexpected(_ expected: String) -> CELError {
        var found = token.kind.rawValue
        var suggestion: String?
        if token.kind == .identifier {
            let word = text(token)
            found = "'\(word.count > 40 ? word.prefix(40) + "…" : word)'"
            suggestion = ["and": "&&", "or": "||", "not": "!"][word.lowercased()]
        }
        return CELError("expected \(expected), found \(found)", at: token.start, suggestion: suggestion)
    }

    private static let keywords: Set<String> = ["false", "in", "null", "true"]
    private static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace",
        "return", "var", "void", "while",
    ]
}
