/// The candidate that a misspelt name most likely meant; nil: none is near.
func nearest(_ name: String, among candidates: [String]) -> String? {
    let limit = max(1, name.utf8.count / 3)
    guard name.utf8.count <= 64 else { return nil }
    var best: (distance: Int, name: String)?
    for candidate in candidates where candidate.utf8.count <= 64 && candidate != name {
        let distance = candidate.lowercased() == name.lowercased() ? 0 : editDistance(Array(name.utf8), Array(candidate.utf8))
        if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.name
}

/// How many bytes to insert, delete, change or swap with their neighbour to make one of the other.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var previous = Array(0...b.count)
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var cost = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
            row.append(cost)
        }
        before = previous
        previous = row
    }
    return previous[b.count]
}
