internal import Bytes
internal import YAML

extension ValueType where Value == String {
    /// Any text; an unquoted number or `true` is its text.
    static var text: Self {
        ValueType(shape: .text) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .text)
                return nil
            }
            return reader.text(value)?.text
        }
    }

    /// A name that becomes part of others: of groups, topics, metrics.
    static var name: Self {
        ValueType(shape: .name) { value, reader in
            guard let name = ValueType.text.read(value, reader) else { return nil }
            checkName(name, value.label, at: SourcePosition(value.node.place), reader)
            return name
        }
    }

    /// A number with its digits as written.
    static var decimal: Self {
        ValueType(shape: .decimal) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .decimal)
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            guard text.isPlain, isJSONNumber(text.text) else {
                reader.reportType(value, .decimal, text.isPlain ? nil : "remove the quotes")
                return nil
            }
            return text.text
        }
    }

    /// Text, number, boolean or null, as JSON text.
    static var scalar: Self {
        ValueType(shape: .scalar) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .scalar)
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            if text.isPlain {
                if Scalar.nulls.contains(text.text) { return "null" }
                if let flag = yamlBoolean(text.text) { return flag ? "true" : "false" }
                if isJSONNumber(text.text) { return text.text }
            }
            return JSONText.string(text.text).text
        }
    }

    /// A single byte, for CSV.
    static var byte: Self {
        ValueType(shape: .text) { value, reader in
            guard let text = ValueType.text.read(value, reader) else { return nil }
            guard text.utf8.count == 1, let byte = text.utf8.first, byte != 0x0A, byte != 0x0D, byte != 0 else {
                let message = "`\(value.label)` must be one byte, not `\(reader.shown(text))`"
                reader.report("value.range", message, at: SourcePosition(value.node.place), "write a tab as \"\\t\"")
                return nil
            }
            return text
        }
    }
}

extension ValueType where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        ValueType(shape: .integer(range)) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .integer(range))
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            let digits = text.text.hasPrefix("-") ? text.text.dropFirst() : text.text[...]
            guard text.isPlain, !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                reader.reportType(value, .integer(range), !text.isPlain && Int(text.text) != nil ? "remove the quotes" : nil)
                return nil
            }
            guard let number = Int(text.text), range.contains(number) else {
                let message =
                    "`\(value.label)` must be \(range.lowerBound) to \(range.upperBound), not `\(reader.shown(text.text))`"
                reader.report("value.range", message, at: SourcePosition(value.node.place))
                return nil
            }
            return number
        }
    }
}

extension ValueType where Value == Double {
    static func number(_ range: ClosedRange<Double>) -> Self {
        ValueType(shape: .number(range)) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .number(range))
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            guard text.isPlain, isJSONNumber(text.text), let number = Double(text.text) else {
                reader.reportType(value, .number(range), !text.isPlain && Double(text.text) != nil ? "remove the quotes" : nil)
                return nil
            }
            guard range.contains(number) else {
                let message =
                    "`\(value.label)` must be \(range.lowerBound) to \(range.upperBound), not `\(reader.shown(text.text))`"
                reader.report("value.range", message, at: SourcePosition(value.node.place))
                return nil
            }
            return number
        }
    }
}

extension ValueType where Value == Bool {
    static var boolean: Self {
        ValueType(shape: .boolean) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .boolean)
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            if text.isPlain, let flag = yamlBoolean(text.text) { return flag }
            let meant: [String: String] = [
                "yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false",
            ]
            reader.reportType(value, .boolean, meant[text.text.lowercased()].map { "write `\($0)`, unquoted" })
            return nil
        }
    }
}

extension ValueType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of an enumeration's raw values.
    static var choice: Self {
        let names = Value.allCases.map(\.rawValue)
        return ValueType(shape: .choice(names)) { value, reader in
            guard value.node.scalar != nil else {
                reader.reportType(value, .choice(names))
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            if let choice = Value(rawValue: text.text) { return choice }
            reader.reportType(value, .choice(names), nearest(to: text.text, among: names).map { "did you mean `\($0)`?" })
            return nil
        }
    }
}

extension ValueType where Value == ExpressionPlan {
    /// CEL; what it means is checked later.
    static var expression: Self {
        ValueType(shape: .expression) { value, reader in
            let position = SourcePosition(value.node.place)
            guard let scalar = value.node.scalar else {
                reader.reportType(value, .expression, "quote an expression that starts with `{` or `[`")
                return nil
            }
            guard let text = reader.text(value) else { return nil }
            guard text.text.utf8.contains(where: { $0 > 0x20 }), !(scalar.style == .plain && text.text == "~") else {
                reader.report("value.empty", "`\(value.label)` must be an expression, not nothing", at: position)
                return nil
            }
            return ExpressionPlan(source: text.text, written: scalar.text, node: value.node, expansion: text.expansion)
        }
    }
}

extension ValueType where Value == [String] {
    /// A dotted path into the record.
    static var path: Self {
        ValueType(shape: .path) { value, reader in
            guard let text = ValueType<String>.text.read(value, reader) else { return nil }
            return splitDots(text, at: SourcePosition(value.node.place), reader)
        }
    }
}

extension ValueType {
    static func list<Element>(_ element: ValueType<Element>) -> Self where Value == [Written<Element>] {
        ValueType(shape: .list(element.shape)) { value, reader in
            guard let nodes = value.node.elements else {
                reader.reportType(value, .list(element.shape), value.node.scalar == nil ? nil : "write [ ] around it")
                return nil
            }
            return nodes.compactMap { reader.read(element, value.element($0)) }
        }
    }

    static func map<Element>(_ element: ValueType<Element>, named: Bool = false) -> Self where Value == [Named<Element>] {
        ValueType(shape: .map(element.shape)) { value, reader in
            guard let entries = value.node.entries else {
                reader.reportType(value, .map(element.shape))
                return nil
            }
            if named, entries.count > mostNames {
                let message = "`\(value.label)` has \(entries.count) entries; at most \(mostNames) are taken"
                reader.report("value.range", message, at: SourcePosition(value.node.place))
                return nil
            }
            return entries.compactMap { entry in
                // A `null` written out, as an overlay does, takes the entry away.
                if case .object = element.shape, entry.value.isNull, entry.value.scalar?.text != "" { return nil }
                let position = SourcePosition(entry.keyPlace)
                if named { checkName(entry.key, "the name", at: position, reader) }
                let inner = FieldReader.Value(node: entry.value, label: entry.key, keyPosition: position, isSecret: value.isSecret)
                return reader.read(element, inner).map { Named(name: entry.key, position: position, value: $0) }
            }
        }
    }

    static func object(_ type: ObjectType<Value>) -> Self {
        ValueType(shape: .object(type.shape)) { value, reader in reader.read(type, value) }
    }
}

extension ValueType where Value == [Named<String>] {
    /// librdkafka's and Kafka's own properties: those named like secrets are secrets.
    static var properties: Self {
        ValueType(shape: .map(.text)) { value, reader in
            guard let entries = value.node.entries else {
                reader.reportType(value, .map(.text))
                return nil
            }
            return entries.compactMap { entry in
                if reader.isAbsent(entry.value) { return nil }
                let position = SourcePosition(entry.keyPlace)
                let inner = FieldReader.Value(
                    node: entry.value, label: entry.key, keyPosition: position, isSecret: looksSecret(entry.key))
                return reader.read(.text, inner).map { Named(name: entry.key, position: position, value: $0) }
            }
        }
    }
}

/// Topics, lookups, extractors or stages of one topology.
private let mostNames = 1000

func checkName(_ name: String, _ label: String, at position: SourcePosition, _ reader: FieldReader) {
    let bytes = Array(name.utf8)
    let isLower = { (byte: UInt8) in (0x61...0x7A).contains(byte) }
    guard let first = bytes.first, isLower(first), bytes.allSatisfy({ isLower($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
    else {
        let proposal = reader.secrets.contains(name) ? "" : proposedName(name)
        reader.report(
            "name.invalid", "`\(reader.shown(name))` is no name: names are lower-case letters, digits and `_`, a letter first",
            at: position,
            proposal.isEmpty ? nil : "write `\(proposal)`")
        return
    }
    if bytes.count > 100 { reader.report("name.invalid", "the name is longer than 100 characters", at: position) }
}

private func proposedName(_ name: String) -> String {
    let scalars = name.lowercased().unicodeScalars.prefix(100).map {
        ("a"..."z").contains($0) || ("0"..."9").contains($0) ? $0 : "_"
    }
    let start = scalars.drop { !("a"..."z").contains($0) }
    return String(String.UnicodeScalarView(start))
}

/// `address.city` → its names.
func splitDots(_ text: String, at position: SourcePosition, _ reader: FieldReader) -> [String]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !parts.contains("") else {
        reader.report(
            "value.path", "`\(reader.shown(text))` is no field path", at: position,
            "write names joined by single dots: `address.city`")
        return nil
    }
    return parts
}

func yamlBoolean(_ text: String) -> Bool? {
    switch text {
    case "true", "True", "TRUE": true
    case "false", "False", "FALSE": false
    default: nil
    }
}

/// RFC 8259, section 6.
func isJSONNumber(_ text: String) -> Bool {
    var rest = Array(text.utf8)[...]
    func digits() -> Int {
        let count = rest.prefix { (0x30...0x39).contains($0) }.count
        rest = rest.dropFirst(count)
        return count
    }
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    let leadingZero = rest.first == UInt8(ascii: "0")
    let whole = digits()
    guard whole > 0, !leadingZero || whole == 1 else { return false }
    if rest.first == UInt8(ascii: ".") {
        rest = rest.dropFirst()
        guard digits() > 0 else { return false }
    }
    if let e = rest.first, e | 0x20 == UInt8(ascii: "e") {
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard digits() > 0 else { return false }
    }
    return rest.isEmpty
}
