internal import CYAML

/// Reads all documents of a YAML file. After a syntax error it goes on with the next document.
public func parseYAML(_ bytes: [UInt8], file: String, limits: Limits = Limits()) -> YAMLFile {
    guard bytes.count <= limits.bytes else {
        let source = Source(file: file, bytes: [])
        let message = "the file has \(bytes.count) bytes; at most \(limits.bytes) are read"
        return YAMLFile(
            source: source, documents: [], problems: [YAMLProblem(code: "yaml.limit", message: message, place: source.start)])
    }
    let source = Source(file: file, bytes: bytes)
    var result = YAMLFile(source: source, documents: [], problems: [])
    var nodes = 0
    var firstLine = 1
    while true {
        var parser = Parser(
            source: source, firstLine: firstLine, limits: limits, nodes: nodes, documentsBefore: result.documents.count)
        let stoppedAt = parser.parse()
        result.documents += parser.documents
        // libyaml looks ahead: what is wrong at the start of a document may already have stopped the one before.
        result.problems += parser.problems.filter { new in !result.problems.contains { $0.isSame(as: new) } }
        nodes = parser.nodes
        guard let stoppedAt, nodes <= limits.nodes, result.problems.count < 1000, let next = source.nextDocument(after: stoppedAt)
        else { return result }
        firstLine = next
    }
}

extension Source {
    /// The first line after `line` that starts a document.
    fileprivate func nextDocument(after line: Int) -> Int? {
        var number = line + 1
        while number <= lineCount {
            let start = lineStarts[number - 1]
            let end = start + 3
            if end <= bytes.count, bytes[start..<end].elementsEqual("---".utf8),
                end == bytes.count || bytes[end] == 0x20 || Source.lineBreak(bytes, end) > 0
            {
                return number
            }
            number += 1
        }
        return nil
    }
}

/// One run of libyaml over the file, from a line on.
private struct Parser: ~Copyable {
    private let source: Source
    private let firstLine: Int
    private let limits: Limits
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    /// What each anchor of the document names, with the nodes it counts and how deep it goes.
    private var anchors: [String: (node: Node, nodes: Int, depth: Int)] = [:]
    private var openAnchors: Set<String> = []
    private(set) var nodes: Int
    private let documentsBefore: Int
    private var documentLine: Int
    /// Places come in order, so each is found from the one before.
    private var lastPlace: Place?
    private(set) var documents: [Node] = []
    private(set) var problems: [YAMLProblem] = []

    init(source: Source, firstLine: Int, limits: Limits, nodes: Int, documentsBefore: Int) {
        self.source = source
        self.firstLine = firstLine
        self.limits = limits
        self.nodes = nodes
        self.documentsBefore = documentsBefore
        documentLine = firstLine
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// Nil at the end of the file, else the first line of the document in which an error stopped it.
    mutating func parse() -> Int? {
        guard yaml_parser_initialize(parser) == 1 else {
            problems.append(problem("yaml.limit", "out of memory", source.start))
            return source.lineCount
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        let source = source
        let start = source.lineStarts[firstLine - 1]
        return source.bytes.withUnsafeBufferPointer { bytes in
            let rest = UnsafeBufferPointer(rebasing: bytes[start...])
            yaml_parser_set_input_string(parser, rest.baseAddress, rest.count)
            do throws(YAMLProblem) {
                try parseDocuments()
                return nil
            } catch {
                problems.append(error)
                return documentLine
            }
        }
    }

    private mutating func parseDocuments() throws(YAMLProblem) {
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_END_EVENT: return
            case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
            case YAML_DOCUMENT_START_EVENT:
                documentLine = Int(event.start_mark.line) + firstLine
                anchors = [:]
                openAnchors = []
                var root = try next()
                defer { yaml_event_delete(&root) }
                let problemsBefore = problems.count
                documents.append(try node(root, depth: 0).node)
                for index in problemsBefore..<problems.count { problems[index].document = documentsBefore + documents.count - 1 }
            default: continue
            }
        }
    }

    /// The next event; the caller deletes it.
    private mutating func next() throws(YAMLProblem) -> yaml_event_t {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxProblem() }
        return event
    }

    /// The node an event starts, and how deep it goes.
    private mutating func node(_ event: yaml_event_t, depth: Int) throws(YAMLProblem) -> (node: Node, depth: Int) {
        let place = place(event.start_mark)
        nodes += 1
        guard nodes <= limits.nodes else {
            throw problem("yaml.limit", "the file has more than \(limits.nodes) values, aliases counted as copies", place)
        }
        guard depth <= limits.depth else {
            throw problem("yaml.limit", "mappings and lists are nested deeper than \(limits.depth)", place)
        }
        switch event.type {
        case YAML_ALIAS_EVENT:
            return try alias(named: text(event.data.alias.anchor), at: place, depth: depth)
        case YAML_SCALAR_EVENT:
            let data = event.data.scalar
            let node = scalar(data, at: place)
            remember(node, anchor: data.anchor, nodes: 1, depth: 0)
            return (node, 0)
        case YAML_SEQUENCE_START_EVENT:
            let data = event.data.sequence_start
            checkTag(data.tag, at: place, known: "tag:yaml.org,2002:seq")
            return try collection(anchor: data.anchor) { (parser: inout Parser) throws(YAMLProblem) in
                try parser.sequence(at: place, depth: depth)
            }
        case YAML_MAPPING_START_EVENT:
            let data = event.data.mapping_start
            checkTag(data.tag, at: place, known: "tag:yaml.org,2002:map")
            return try collection(anchor: data.anchor) { (parser: inout Parser) throws(YAMLProblem) in
                try parser.mapping(at: place, depth: depth)
            }
        default:
            throw problem("yaml.syntax", "a value was expected here", place)
        }
    }

    private mutating func collection(
        anchor: UnsafeMutablePointer<yaml_char_t>?,
        _ body: (inout Parser) throws(YAMLProblem) -> (node: Node, depth: Int)
    ) throws(YAMLProblem) -> (node: Node, depth: Int) {
        let before = nodes
        let name = anchor.map { text($0) }
        if let name { openAnchors.insert(name) }
        let result = try body(&self)
        if let name { openAnchors.remove(name) }
        remember(result.node, anchor: anchor, nodes: nodes - before + 1, depth: result.depth)
        return result
    }

    private mutating func sequence(at place: Place, depth: Int) throws(YAMLProblem) -> (node: Node, depth: Int) {
        var elements: [Node] = []
        var deepest = 0
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            if event.type == YAML_SEQUENCE_END_EVENT { break }
            let element = try node(event, depth: depth + 1)
            elements.append(element.node)
            deepest = max(deepest, element.depth)
        }
        return (Node(content: .sequence(elements), place: place), deepest + 1)
    }

    private mutating func mapping(at place: Place, depth: Int) throws(YAMLProblem) -> (node: Node, depth: Int) {
        var entries: [Node.Entry] = []
        var firstPlaces: [String: Place] = [:]
        var deepest = 0
        while true {
            var keyEvent = try next()
            defer { yaml_event_delete(&keyEvent) }
            if keyEvent.type == YAML_MAPPING_END_EVENT { break }
            let key = try node(keyEvent, depth: depth + 1).node
            var valueEvent = try next()
            defer { yaml_event_delete(&valueEvent) }
            let value = try node(valueEvent, depth: depth + 1)
            deepest = max(deepest, value.depth)
            guard let name = key.scalar else {
                add(problem("key.type", "a key must be text, not a mapping or a list", key.place, quoteVariable(key.place)))
                continue
            }
            if name.text == "<<", name.style == .plain {
                let message = "merge keys (`<<`) are not supported"
                add(problem("yaml.merge_key", message, key.place, "write the keys out, or name the whole value with an alias"))
            } else if let first = firstPlaces[name.text] {
                var duplicate = problem("key.duplicate", "key `\(name.text)` is written twice", key.place, "remove one of them")
                duplicate.related = ("`\(name.text)` was written first here", first)
                add(duplicate)
            } else {
                firstPlaces[name.text] = key.place
                entries.append(Node.Entry(key: name.text, keyPlace: key.place, value: value.node))
            }
        }
        return (Node(content: .mapping(entries), place: place), deepest + 1)
    }

    private mutating func alias(named name: String, at place: Place, depth: Int) throws(YAMLProblem) -> (node: Node, depth: Int) {
        guard let named = anchors[name] else {
            let message =
                openAnchors.contains(name)
                ? "alias `*\(name)` stands inside what it names" : "no anchor `&\(name)` before this alias"
            throw problem("yaml.alias", message, place)
        }
        nodes += named.nodes - 1
        guard nodes <= limits.nodes else {
            throw problem("yaml.limit", "the file has more than \(limits.nodes) values, aliases counted as copies", place)
        }
        guard depth + named.depth <= limits.depth else {
            throw problem("yaml.limit", "mappings and lists are nested deeper than \(limits.depth)", place)
        }
        return (named.node, named.depth)
    }

    private mutating func scalar(_ data: yaml_event_s.__Unnamed_union_data.__Unnamed_struct_scalar, at place: Place) -> Node {
        checkTag(data.tag, at: place, known: "tag:yaml.org,2002:str")
        let style: Scalar.Style =
            switch data.style {
            case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
            case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
            case YAML_LITERAL_SCALAR_STYLE: .literal
            case YAML_FOLDED_SCALAR_STYLE: .folded
            default: .plain
            }
        let text = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
        return Node(content: .scalar(Scalar(text: text, style: style)), place: place)
    }

    private mutating func remember(_ node: Node, anchor: UnsafeMutablePointer<yaml_char_t>?, nodes: Int, depth: Int) {
        guard let anchor else { return }
        anchors[text(anchor)] = (node, nodes, depth)
    }

    private mutating func checkTag(_ tag: UnsafeMutablePointer<yaml_char_t>?, at place: Place, known: String) {
        guard let tag else { return }
        let name = text(tag)
        guard name != known, name != "!" else { return }
        add(problem("yaml.tag", "tag `\(name)` is not supported", place, "remove the tag"))
    }

    /// libyaml's line counts from the line it started at. Anchors and tags before a value are not its place.
    private mutating func place(_ mark: yaml_mark_t) -> Place {
        var place = Place(source: source, line: Int(mark.line) + firstLine, column: Int(mark.column) + 1, byte: 0)
        let bytes = source.bytes
        var at = source.byte(line: place.line, column: place.column, from: lastPlace)
        defer { lastPlace = place }
        while at < bytes.count, bytes[at] == UInt8(ascii: "&") || bytes[at] == UInt8(ascii: "!") {
            let start = at
            while at < bytes.count, bytes[at] != 0x20, bytes[at] != 0x0A, bytes[at] != 0x0D { at += 1 }
            while at < bytes.count, bytes[at] == 0x20 { at += 1 }
            place.column += bytes[start..<at].count { !isContinuation($0) }
        }
        place.byte = at
        return place
    }

    private func text(_ characters: UnsafeMutablePointer<yaml_char_t>?) -> String {
        characters.map { String(cString: $0) } ?? ""
    }

    /// Of one run, at most as many as somebody may read.
    private mutating func add(_ problem: YAMLProblem) {
        if problems.count < 200 { problems.append(problem) }
    }

    private func problem(_ code: String, _ message: String, _ place: Place, _ suggestion: String? = nil) -> YAMLProblem {
        YAMLProblem(code: code, message: message, place: place, suggestion: suggestion)
    }

    private mutating func syntaxProblem() -> YAMLProblem {
        let state = parser.pointee
        let what = state.problem.map { String(cString: $0) } ?? "cannot be read"
        if state.error == YAML_READER_ERROR {
            let place = source.place(ofByte: source.lineStarts[firstLine - 1] + Int(state.problem_offset))
            return problem(
                "yaml.encoding", "the file is not UTF-8 text: \(what)", place, "save it as UTF-8, without control characters")
        }
        if state.error == YAML_MEMORY_ERROR {
            return problem("yaml.limit", "out of memory", source.place(ofByte: source.bytes.count))
        }
        let mark = place(state.problem_mark)
        var message = what
        if let context = state.context {
            let start = place(state.context_mark)
            message += " (\(String(cString: context)) at \(start.line):\(start.column))"
        }
        return problem("yaml.syntax", message, mark, hint(mark, what))
    }

    /// What most often lies behind one of libyaml's errors.
    private func hint(_ place: Place, _ what: String) -> String? {
        let line = source.line(place.line) ?? ""
        if line.utf8.prefix(while: { $0 == 0x20 || $0 == 0x09 }).contains(0x09) { return "indent with spaces, not tabs" }
        if let quote = quoteVariable(place) { return quote }
        if what.hasPrefix("mapping values are not allowed") { return "quote a value that contains `: `, and check the indentation" }
        if what.hasPrefix("did not find expected key") { return "check the indentation and the quotes around here" }
        return nil
    }

    /// Inside `{ }` and `[ ]` an unquoted `${NAME}` is YAML's own braces.
    private func quoteVariable(_ place: Place) -> String? {
        (source.line(place.line) ?? "").split(separator: "${").count > 1 ? "quote a value with ${…} inside { } or [ ]" : nil
    }
}
