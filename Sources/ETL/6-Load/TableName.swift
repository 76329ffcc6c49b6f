import Postgres

/// A table's name as a topology writes it: exactly as the catalogue has it (capitals count), perhaps with its schema before it.
/// A part with a dot in it stands in double quotes.
struct TableName: Equatable {
    /// Nil: wherever the search path finds it.
    let schema: String?
    let name: String

    /// Nil: not a name of one or two parts.
    init?(_ text: String) {
        var parts: [String] = []
        var part = ""
        var quoted = false
        for character in text {
            switch character {
            case "\"": quoted.toggle()
            case "." where !quoted:
                parts.append(part)
                part = ""
            default: part.append(character)
            }
        }
        parts.append(part)
        guard !quoted, parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        schema = parts.count == 2 ? parts[0] : nil
        name = parts[parts.count - 1]
    }
}

/// The name among `known` that a person may have meant; nil: none is near.
func closestName(to name: String, among known: [String]) -> String? {
    func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
    let wanted = Array(name.lowercased())
    let ranked = known.map { (name: $0, distance: distance(wanted, Array($0.lowercased()))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(1, wanted.count / 3) else { return nil }
    return best.name
}
