internal import Bytes
internal import JSON

/// A schema's text, parsed: its bytes and what stands where. Never changes, and keeps both for as long as it lives.
final class Document {
    /// Where it was got from, absolute or empty, without a fragment.
    let uri: String
    let view: TapeView
    private let bytes: UnsafeMutableRawBufferPointer
    private let tape: Tape

    /// How deeply a schema may be nested.
    static let maxDepth = 256

    init(_ text: [UInt8], uri: String) throws(SchemaProblem) {
        self.uri = uri
        bytes = .allocate(byteCount: max(text.count, 1), alignment: 16)
        bytes.copyBytes(from: text)
        var tape = Tape(maxDepth: Self.maxDepth)
        let result = tape.read(UnsafeRawBufferPointer(rebasing: bytes[..<text.count]))
        view = tape.view
        self.tape = tape
        if result.code != .ok {
            throw SchemaProblem(
                .error, code: "schema.syntax", "it isn't JSON: \(result.code)",
                at: Place(uri, at: result.offset, in: UnsafeRawBufferPointer(rebasing: bytes[..<text.count])))
        }
    }

    deinit { bytes.deallocate() }

    func kind(_ node: Int) -> TapeNode.Kind { view[node].kind }

    func string(_ node: Int) -> String { String(decoding: view.string(node), as: UTF8.self) }

    /// A string's content; nil: it is none.
    func text(_ node: Int?) -> String? {
        guard let node, kind(node) == .string else { return nil }
        return string(node)
    }

    func member(_ name: String, of object: Int) -> Int? {
        var name = name
        return name.withUTF8 { view.member(UnsafeRawBufferPointer($0), of: object) }
    }

    /// Keys and values of an object, those that count, in the order written.
    func members(of object: Int) -> [(key: Int, value: Int)] {
        guard kind(object) == .object else { return [] }
        var result: [(Int, Int)] = []
        var key = object + 1
        while key < Int(view[object].next) {
            if view[key].flags & TapeNode.Flags.repeated == 0 { result.append((key, key + 1)) }
            key = Int(view[key + 1].next)
        }
        return result
    }

    func elements(of array: Int) -> [Int] {
        guard kind(array) == .array else { return [] }
        var result: [Int] = []
        var element = array + 1
        while element < Int(view[array].next) {
            result.append(element)
            element = Int(view[element].next)
        }
        return result
    }

    /// The JSON Pointer (RFC 6901) that leads to a value.
    func pointer(to node: Int) -> String { view.pointer(to: node) }

    func place(_ node: Int) -> Place { Place(uri, at: view.offset(node), in: view.text) }
}

extension TapeView {
    /// The JSON Pointer (RFC 6901) that leads to a value.
    func pointer(to node: Int) -> String {
        var text = ""
        var current = 0
        descent: while current != node, nodes[current].kind == .object || nodes[current].kind == .array {
            let isObject = nodes[current].kind == .object
            var child = current + 1
            var index = 0
            while child < Int(nodes[current].next) {
                let value = isObject ? child + 1 : child
                if node < Int(nodes[value].next) {
                    text += "/" + (isObject ? escaped(child) : "\(index)")
                    if node == child, isObject { return text }
                    current = value
                    continue descent
                }
                child = Int(nodes[value].next)
                index += 1
            }
            return text
        }
        return text
    }

    private func escaped(_ key: Int) -> String {
        var text = ""
        for scalar in String(decoding: string(key), as: UTF8.self).unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
