internal import JSON

extension FieldRule {
    /// What the rule asks for, in words: `expected integer >= 1`.
    var expectation: String {
        var text = type?.rawValue ?? "a value"
        var bounds: [String] = []
        if let minimum { bounds.append(">= \(minimum)") }
        if let exclusiveMinimum { bounds.append("> \(exclusiveMinimum)") }
        if let maximum { bounds.append("<= \(maximum)") }
        if let exclusiveMaximum { bounds.append("< \(exclusiveMaximum)") }
        if !bounds.isEmpty { text += " " + bounds.joined(separator: " and ") }
        switch (minLength, maxLength) {
        case (let low?, let high?): text += " of \(low) to \(high) characters"
        case (let low?, nil): text += " of at least \(low) characters"
        case (nil, let high?): text += " of at most \(high) characters"
        case (nil, nil): break
        }
        if let pattern { text += " matching \(pattern)" }
        if let allowed { text += ", one of \(allowed.joined(separator: ", "))" }
        if nullable { text += ", or null" }
        return "expected \(text)"
    }

    /// Why a value broke the rule, without the value: `quantity: expected integer >= 1, got string`.
    func message(_ fault: FieldFault, got tag: Tag, more: Int) -> String {
        var text = path.joined(separator: ".") + ": "
        switch fault {
        case .missing: text += "required, but missing"
        case .null, .type: text += "\(expectation), got \(tag.jsonName)"
        case .bounds, .length, .pattern, .allowed: text += expectation
        }
        if more > 0 { text += more == 1 ? " (and 1 more field)" : " (and \(more) more fields)" }
        return text
    }
}

extension Tag {
    /// JSON's word for the type of a value.
    var jsonName: String {
        switch self {
        case .absent: "nothing"
        case .null: "null"
        case .bool: "boolean"
        case .int, .uint: "integer"
        case .double, .decimal: "number"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "timestamp"
        case .duration: "duration"
        case .list: "array"
        case .map: "object"
        case .type: "type"
        case .optional: "optional"
        case .error: "error"
        }
    }
}
