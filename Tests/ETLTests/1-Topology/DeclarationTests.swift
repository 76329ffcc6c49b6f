import Testing
import YAML

@testable import ETL

/// What is declared feeds the reference: a key without words, or a default that its own rule refuses, would be printed there.
@Suite struct DeclarationTests {
    @Test func everyKeyIsExplained() {
        walk(topologyShape, "") { object, field, path in
            #expect(field.doc.hasSuffix("."), "\(path)")
            #expect(field.name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }, "\(path)")
            #expect(!(field.isRequired && field.defaultText != nil), "\(path)")
            #expect(object.fields.count { $0.name == field.name } == 1, "\(path)")
            for group in object.exactlyOne { #expect(group.allSatisfy { object.field(named: $0) != nil }, "\(path)") }
        }
    }

    @Test func defaultsKeepTheirOwnRules() {
        walk(topologyShape, "") { _, field, path in
            guard let text = field.defaultText else { return }
            let fits =
                switch field.shape {
                case .integer(let range): Int(text).map(range.contains) ?? false
                case .number(let range): Double(text).map(range.contains) ?? false
                case .boolean: text == "true" || text == "false"
                case .choice(let values): values.contains(text)
                default: !parseYAML(Array(text.utf8), file: "default").problems.contains { $0.code != "yaml.syntax" }
                }
            #expect(fits, "\(path): \(text)")
        }
    }

    @Test func unitsAreInTheNames() {
        var units: [String: String] = [:]
        walk(topologyShape, "") { _, field, _ in units[field.name] = field.unit }
        #expect(units["commit_interval_ms"] == "milliseconds" && units["memory_mb"] == "MiB" && units["threads"] == nil)
    }

    private func walk(_ object: ObjectShape, _ path: String, _ visit: (ObjectShape, Field, String) -> Void) {
        for field in object.fields {
            visit(object, field, "\(path).\(field.name)")
            walk(field.shape, "\(path).\(field.name)", visit)
        }
    }

    private func walk(_ shape: Shape, _ path: String, _ visit: (ObjectShape, Field, String) -> Void) {
        switch shape {
        case .list(let inner), .map(let inner): walk(inner, path, visit)
        case .object(let object): walk(object, path, visit)
        default: break
        }
    }
}
