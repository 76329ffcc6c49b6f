internal import Bytes
internal import JSON

/// Where a value stands: a document, and a node in it.
struct Location: Hashable {
    var document: Int
    var node: Int
}

/// A schema with an identifier of its own, and the names in it that references may use.
struct Resource {
    /// Absolute where anything told so; without a fragment.
    var uri: String
    var root: Location
    var dialect: Dialect
    var anchors: [String: Location] = [:]
    var dynamicAnchors: [String: Location] = [:]
}

/// The documents a schema is made of, the resources in them, and which of their values are schemas.
struct Registry {
    private(set) var documents: [Document] = []
    private(set) var resources: [Resource] = []
    /// The resource of each value that is known to be a schema, in the order they were found for the first document.
    private(set) var schemas: [Location: Int] = [:]
    private(set) var found: [Location] = []
    var problems: [SchemaProblem] = []

    private var resourceByURI: [String: Int] = [:]
    /// What may be referred to and hasn't been read yet.
    private var given: [String: [UInt8]]
    private let load: ((String) -> [UInt8]?)?
    private let fallback: Dialect

    /// - Parameters:
    ///   - given: other documents by absolute URI.
    ///   - load: asked for `file:` URIs that aren't among them.
    ///   - fallback: the dialect of documents without `$schema`.
    init(given: [String: [UInt8]], load: ((String) -> [UInt8]?)?, fallback: Dialect) {
        self.given = Dictionary(given.map { (Self.withoutFragment($0.key), $0.value) }) { first, _ in first }
        self.load = load
        self.fallback = fallback
    }

    /// Most files a schema may be made of.
    private static let mostDocuments = 1000

    // MARK: Documents

    mutating func add(_ text: [UInt8], uri: String) throws(SchemaProblem) -> Location {
        let document = try Document(text, uri: uri)
        documents.append(document)
        let root = Location(document: documents.count - 1, node: 0)
        var dialect = fallback
        if let name = document.member("$schema", of: 0) {
            if let known = self.dialect(named: name, in: document) { dialect = known }
        }
        resources.append(Resource(uri: uri, root: root, dialect: dialect))
        let resource = resources.count - 1
        if !uri.isEmpty { resourceByURI[uri] = resource }
        walk(root, resource)
        return root
    }

    private mutating func dialect(named node: Int, in document: Document) -> Dialect? {
        guard let text = document.text(node) else {
            report("schema.value", "`$schema` must be a URI", at: node, document)
            return nil
        }
        let uri = Self.withoutFragment(text)
        if let known = Dialect.named(uri) { return known }
        if Dialect.isOther(uri) {
            report(
                "schema.dialect", "the dialect `\(text)` isn't supported", at: node, document,
                "there are \(Dialect.draft2020URI) and \(Dialect.draft7URI)#")
            return nil
        }
        guard uri != document.uri, let resource = resource(named: uri) else {
            if uri != document.uri {
                report(
                    "schema.dialect", "`\(text)` is unknown; read as 2020-12", at: node, document,
                    "there are \(Dialect.draft2020URI) and \(Dialect.draft7URI)#", severity: .warning)
            }
            return nil
        }
        return vocabularies(of: resource)
    }

    /// The dialect that a meta-schema's `$vocabulary` describes.
    private mutating func vocabularies(of resource: Int) -> Dialect {
        let root = resources[resource].root
        let document = documents[root.document]
        var dialect = resources[resource].dialect
        guard let list = document.member("$vocabulary", of: root.node) else { return dialect }
        let members = document.members(of: list)
        let names = Set(members.map { document.string($0.key) })
        func has(_ name: String) -> Bool { names.contains("https://json-schema.org/draft/2020-12/vocab/\(name)") }
        dialect.applies = has("applicator")
        dialect.validates = has("validation")
        dialect.assertsFormat = has("format-assertion")
        let known = [
            "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "format-assertion", "content",
        ]
        for (key, value) in members where document.kind(value) == .true {
            let name = document.string(key)
            if !known.contains(where: { name == "https://json-schema.org/draft/2020-12/vocab/\($0)" }) {
                report("schema.vocabulary", "the vocabulary `\(name)` is required, but unknown", at: key, document)
            }
        }
        return dialect
    }

    /// The resource with this absolute URI, read if need be; nil: nobody knows it.
    mutating func resource(named uri: String) -> Int? {
        if let known = resourceByURI[uri] { return known }
        if let text = given.removeValue(forKey: uri) ?? metaSchema(uri) ?? loaded(uri) {
            guard documents.count < Self.mostDocuments else { return nil }
            do throws(SchemaProblem) { _ = try add(text, uri: uri) } catch {
                problems.append(error)
            }
            return resourceByURI[uri]
        }
        // One of those given may hold it under an identifier of its own.
        while let (other, text) = given.min(by: { $0.key < $1.key }) {
            given[other] = nil
            do throws(SchemaProblem) { _ = try add(text, uri: other) } catch {
                continue  // nobody has referred to it by its own name
            }
            if let known = resourceByURI[uri] { return known }
        }
        return nil
    }

    private func loaded(_ uri: String) -> [UInt8]? { uri.hasPrefix("file:") ? load?(uri) : nil }

    private func metaSchema(_ uri: String) -> [UInt8]? { MetaSchemas.text(of: uri).map { Array($0.utf8) } }

    // MARK: Schemas

    /// Takes note of a schema and of all in it.
    private mutating func walk(_ location: Location, _ outer: Int) {
        guard schemas[location] == nil else { return }
        let document = documents[location.document]
        var resource = outer
        switch document.kind(location.node) {
        case .true, .false: return note(location, resource)
        case .object: break
        default:
            return report("schema.value", "a schema must be an object, true or false", at: location.node, document)
        }
        resource = identify(location, document, outer)
        note(location, resource)
        let dialect = resources[resource].dialect
        for (key, value) in document.members(of: location.node) {
            let keyword = document.string(key)
            guard let holds = dialect.holds(keyword) else {
                checkKnown(keyword, key, document, dialect)
                continue
            }
            walk(keyword, value, holds, Location(document: location.document, node: value), resource)
        }
    }

    private mutating func walk(_ keyword: String, _ value: Int, _ holds: Dialect.Holds, _ location: Location, _ resource: Int) {
        let document = documents[location.document]
        let kind = document.kind(value)
        func at(_ node: Int) -> Location { Location(document: location.document, node: node) }
        switch holds {
        case .schema: walk(location, resource)
        case .schemaOrSchemas where kind != .array: walk(location, resource)
        case .schemas, .schemaOrSchemas:
            guard kind == .array, holds == .schemaOrSchemas || document.view[value].count > 0 else {
                return report("schema.value", "`\(keyword)` must be an array of schemas, at least one", at: value, document)
            }
            for element in document.elements(of: value) { walk(at(element), resource) }
        case .schemasByName, .schemasOrNamesByName:
            guard kind == .object else {
                return report("schema.value", "`\(keyword)` must be an object of schemas", at: value, document)
            }
            for (_, member) in document.members(of: value) {
                if holds == .schemasOrNamesByName, document.kind(member) == .array { continue }
                walk(at(member), resource)
            }
        }
    }

    private mutating func note(_ location: Location, _ resource: Int) {
        schemas[location] = resource
        if location.document == 0 { found.append(location) }
    }

    /// A keyword that only looks like one says nothing at all. `example` is OpenAPI's, and says no more there.
    private mutating func checkKnown(_ keyword: String, _ key: Int, _ document: Document, _ dialect: Dialect) {
        guard !dialect.knows(keyword), keyword != "example", let near = nearest(to: keyword, among: dialect.keywords) else {
            return
        }
        report(
            "schema.keyword", "the keyword `\(keyword)` is unknown and says nothing", at: key, document, "did you mean `\(near)`?",
            severity: .warning)
    }

    /// Reads a schema's identifiers; returns the resource it belongs to.
    private mutating func identify(_ location: Location, _ document: Document, _ outer: Int) -> Int {
        var resource = outer
        let node = location.node
        let dialect = resources[outer].dialect
        // In draft-07 what stands beside a reference says nothing.
        let isReference = dialect.draft == .draft7 && document.member("$ref", of: node) != nil
        if let id = document.member("$id", of: node), !isReference {
            if let text = document.text(id) {
                resource = identify(location, text, id, document, outer)
            } else {
                report("schema.value", "`$id` must be a URI", at: id, document)
            }
        }
        guard resources[resource].dialect.draft == .draft2020 else { return resource }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            guard let member = document.member(keyword, of: node) else { continue }
            guard let name = document.text(member), Self.isAnchor(name) else {
                report("schema.value", "`\(keyword)` must be a name of letters, digits, `_`, `-` and `.`", at: member, document)
                continue
            }
            if let other = resources[resource].anchors[name] ?? resources[resource].dynamicAnchors[name], other != location {
                report("schema.name", "the anchor `\(name)` is there twice", at: member, document)
            }
            if keyword == "$anchor" {
                resources[resource].anchors[name] = location
            } else {
                resources[resource].dynamicAnchors[name] = location
            }
        }
        return resource
    }

    private mutating func identify(_ location: Location, _ text: String, _ id: Int, _ document: Document, _ outer: Int) -> Int {
        let reference = URIReference(text)
        if let fragment = reference.fragment, !fragment.isEmpty {
            guard resources[outer].dialect.draft == .draft7 else {
                report("schema.value", "`$id` must have no fragment", at: id, document, "name the schema with `$anchor`")
                return outer
            }
            // draft-07's way to name a schema in a document.
            resources[outer].anchors[fragment] = location
            return outer
        }
        var absolute = URIReference(resources[outer].uri).resolve(reference)
        absolute.fragment = nil
        let uri = absolute.text
        if location == resources[outer].root {
            resources[outer].uri = uri
            resourceByURI[uri] = outer
            return outer
        }
        if let other = resourceByURI[uri], resources[other].root != location {
            report("schema.name", "the identifier `\(uri)` is there twice", at: id, document)
        }
        var dialect = resources[outer].dialect
        if let name = document.member("$schema", of: location.node), let own = self.dialect(named: name, in: document) {
            dialect = own
        }
        resources.append(Resource(uri: uri, root: location, dialect: dialect))
        resourceByURI[uri] = resources.count - 1
        return resources.count - 1
    }

    /// Section 8.2.2 of the core specification.
    private static func isAnchor(_ name: String) -> Bool {
        guard let first = name.utf8.first, first == UInt8(ascii: "_") || Self.isLetter(first) else { return false }
        return name.utf8.allSatisfy { Self.isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) || [0x2d, 0x2e, 0x5f].contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a }

    static func withoutFragment(_ uri: String) -> String {
        var reference = URIReference(uri)
        reference.fragment = nil
        return reference.text
    }

    mutating func report(
        _ code: String, _ message: String, at node: Int, _ document: Document, _ suggestion: String? = nil,
        severity: SchemaProblem.Severity = .error
    ) {
        problems.append(SchemaProblem(severity, code: code, message, suggestion, at: document.place(node)))
    }

    // MARK: References

    /// What a reference in a schema leads to, and its resource; nil: nothing is there. `anchor` tells the name it went by.
    mutating func resolve(_ reference: String, from resource: Int) -> Result<(target: Location, anchor: String?), Unresolved> {
        var absolute = URIReference(resources[resource].uri).resolve(URIReference(reference))
        let fragment = URIReference.decoded(absolute.fragment ?? "") ?? absolute.fragment ?? ""
        absolute.fragment = nil
        let uri = absolute.text
        // A reference into the document at hand needs no name.
        guard let found = uri == resources[resource].uri ? resource : self.resource(named: uri) else {
            return .failure(.document(uri))
        }
        if fragment.isEmpty { return .success((resources[found].root, nil)) }
        if fragment.utf8.first == UInt8(ascii: "/") {
            guard let target = follow(fragment, from: found) else { return .failure(.pointer(fragment)) }
            return .success((target, nil))
        }
        guard let target = resources[found].dynamicAnchors[fragment] ?? resources[found].anchors[fragment] else {
            return .failure(.anchor(fragment))
        }
        return .success((target, fragment))
    }

    enum Unresolved: Error {
        case document(String)
        case pointer(String)
        case anchor(String)
    }

    /// Follows a JSON Pointer from a resource's root; what it leads to is a schema from now on.
    private mutating func follow(_ pointer: String, from resource: Int) -> Location? {
        let root = resources[resource].root
        let document = documents[root.document]
        var node = root.node
        var inside = resource
        for token in pointer.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst() {
            let name = Self.unescaped(Array(token))
            switch document.kind(node) {
            case .object:
                guard let next = name.withUnsafeBytes({ document.view.member($0, of: node) }) else { return nil }
                node = next
            case .array:
                let text = String(decoding: name, as: UTF8.self)
                guard let index = Int(text), "\(index)" == text else { return nil }
                let elements = document.elements(of: node)
                guard elements.indices.contains(index) else { return nil }
                node = elements[index]
            default: return nil
            }
            inside = schemas[Location(document: root.document, node: node)] ?? inside
        }
        let target = Location(document: root.document, node: node)
        walk(target, inside)
        return target
    }

    /// RFC 6901: `~1` is a slash, `~0` a tilde.
    private static func unescaped(_ token: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < token.count {
            if token[index] == UInt8(ascii: "~"), index + 1 < token.count, token[index + 1] & 0xfe == 0x30 {
                result.append(token[index + 1] == 0x30 ? UInt8(ascii: "~") : UInt8(ascii: "/"))
                index += 2
            } else {
                result.append(token[index])
                index += 1
            }
        }
        return result
    }
}
