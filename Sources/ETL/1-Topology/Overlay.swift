internal import YAML

/// `orders.yaml`, `production` → `orders.production.yaml` in the same folder.
func overlayFile(of file: String, environment: String) -> String {
    let (directory, stem, ending) = splitPath(file)
    let name = ending.isEmpty ? "\(stem).\(environment)" : "\(stem).\(environment).\(ending)"
    return directory.isEmpty ? name : directory == "/" ? "/\(name)" : "\(directory)/\(name)"
}

/// Becomes part of a file's name, so it must not lead elsewhere.
func isEnvironmentName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 100
        && name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: true
            default: false
            }
        }
}

extension Node {
    /// Mappings merge, key by key; everything else is replaced. Every node keeps the place in the file it came from.
    func merged(with overlay: Node) -> Node {
        guard var entries, let changes = overlay.entries else { return overlay }
        for change in changes {
            if let index = entries.firstIndex(where: { $0.key == change.key }) {
                let both = entries[index].value.entries != nil && change.value.entries != nil
                if !both { entries[index].keyPlace = change.keyPlace }
                entries[index].value = entries[index].value.merged(with: change.value)
            } else {
                entries.append(change)
            }
        }
        return Node(content: .mapping(entries), place: place)
    }
}
