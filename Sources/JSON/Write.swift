// Hot path: per record.
public import Bytes

extension Scanner {
    /// After a successful scan of the same record into the same frame: the record with the edits applied, values taken from
    /// `frame`, spliced from the input's own bytes and copied into `output`. Returns `record` itself, not copied, where nothing
    /// differs.
    ///
    /// A value that is set takes the place of the member's (the last one's, where the key comes more than once; the others go), or
    /// comes behind the object's last member. Parents that aren't there, or are no objects, become objects. What isn't touched
    /// stays byte for byte, white space and digits included. A slot that holds exactly what the scan read touches nothing.
    ///
    /// Where a value has no JSON form (see `JSONWriter.canWrite`) the result's base address is nil and `unwritableSlot` says which.
    public mutating func write(_ record: UnsafeRawBufferPointer, frame: UnsafePointer<Value>,
                               into output: inout Arena) -> UnsafeRawBufferPointer {
        unwritableSlot = nil
        requireScanned(record)
        if splice.isFlat, lastMember[0] < 0, frame[0].tag == .map { return append(record, frame, into: &output) }
        let anySet = splice.markChanges(frame)
        guard anySet || splice.keeps, let start = record.baseAddress else { return record }
        let base = start.assumingMemoryBound(to: UInt8.self)
        splice.operations.count = 0
        let text = JSONSpan(base: base, count: record.count)
        let first = text.skipWhite(0)
        let last = text.skipWhiteBack(record.count)
        if base[first] == UInt8(ascii: "{") {
            edit(object: 0, open: first, end: last, text)
        } else if splice.isPresent(0), splice.isChanged(0) {
            push(first, last, .object, 0)
        }
        guard splice.operations.count > 0 else { return record }
        if let slot = splice.run(record, frame) {
            unwritableSlot = slot
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return output.copy(splice.output.bytes)
    }

    /// The usual case: new members of the root, of which the record has none.
    private mutating func append(_ record: UnsafeRawBufferPointer, _ frame: UnsafePointer<Value>, into output: inout Arena)
        -> UnsafeRawBufferPointer
    {
        guard let start = record.baseAddress else { return record }
        let text = JSONSpan(base: start.assumingMemoryBound(to: UInt8.self), count: record.count)
        let contentEnd = text.skipWhiteBack(text.skipWhiteBack(record.count) - 1)
        if let slot = splice.append(record, open: text.skipWhite(0), contentEnd: contentEnd, frame) {
            unwritableSlot = slot
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return splice.output.buffer.count > 0 ? output.copy(splice.output.bytes) : record
    }

    /// Finds what is to be done in the object at `open..<end`, from its end to its start. Recursion is bounded by the paths.
    private mutating func edit(object node: Int, open: Int, end: Int, _ text: JSONSpan) {
        let stamp = splice.stamp
        var i = Int(lastMember[node])
        while i >= 0 {
            let member = members.start[i]
            if member.slot >= 0 { splice.seen[Int(member.slot)] = stamp }
            i = Int(member.previous)
        }
        // Behind the last member, or behind the bracket.
        let contentEnd = text.skipWhiteBack(end - 1)
        let append = splice.operations.count
        let appends = hasMissingMembers(node)
        if appends { push(contentEnd, contentEnd, .membersAfterComma, node) }
        let cleared = editMembers(of: node, contentEnd: contentEnd, text)
        if appends, cleared || contentEnd == open + 1 { splice.operations.start[append].content = .members }
    }

    private func hasMissingMembers(_ node: Int) -> Bool {
        for i in 0..<Int(splice.nodes[node].childCount) {
            let child = splice.setChild(i, of: node)
            if splice.isPresent(child), splice.seen[child] != splice.stamp { return true }
        }
        return false
    }

    /// Returns whether no member of the object stays.
    private mutating func editMembers(of node: Int, contentEnd: Int, _ text: JSONSpan) -> Bool {
        let stamp = splice.stamp
        let keepsOnly = splice.nodes[node].edits.keepsOnly
        /// The removal that the next one, which stands before it, may join; -1: none.
        var run = -1
        var cleared = false
        var i = Int(lastMember[node])
        while i >= 0 {
            let member = members.start[i]
            i = Int(member.previous)
            let slot = Int(member.slot)
            guard slot >= 0, splice.nodes[slot].edits.isTracked else {
                if keepsOnly { remove(member, contentEnd, text, &run, &cleared) }
                continue
            }
            let isLast = splice.handled[slot] != stamp
            splice.handled[slot] = stamp
            let edits = splice.nodes[slot].edits
            let value = Int(member.value)
            if edits.isSet {
                guard splice.isChanged(slot) else { continue }
                if isLast, splice.isPresent(slot) {
                    push(value, Int(member.end), .value, slot)
                } else {
                    remove(member, contentEnd, text, &run, &cleared)
                }
                continue
            }
            let isObject = text.base[value] == UInt8(ascii: "{")
            if edits.keepsOnly {
                let stays = splice.isPresent(slot) || (edits.isKept && isObject)
                if !isLast || !stays {
                    remove(member, contentEnd, text, &run, &cleared)
                } else if isObject {
                    edit(object: slot, open: value, end: Int(member.end), text)
                } else {
                    push(value, Int(member.end), .object, slot)
                }
            } else if splice.isChanged(slot) {
                if !isLast {
                    remove(member, contentEnd, text, &run, &cleared)
                } else if isObject {
                    edit(object: slot, open: value, end: Int(member.end), text)
                } else if splice.isPresent(slot) {
                    push(value, Int(member.end), .object, slot)
                }
            }
        }
        finish(&run, contentEnd, text, &cleared)
        return cleared
    }

    /// Removes a member with the comma that parts it from the next; adjacent removals become one.
    private mutating func remove(_ member: Member, _ contentEnd: Int, _ text: JSONSpan, _ run: inout Int, _ cleared: inout Bool) {
        let end = Int(member.end)
        let next = end == contentEnd ? end : text.skipWhite(text.skipWhite(end) + 1)
        if run >= 0 {
            if next == Int(splice.operations.start[run].start) {
                splice.operations.start[run].start = member.key
                return
            }
            finish(&run, contentEnd, text, &cleared)
        }
        run = splice.operations.count
        push(Int(member.key), next, .nothing, 0)
    }

    /// Where the last members go, the comma before them goes too.
    private mutating func finish(_ run: inout Int, _ contentEnd: Int, _ text: JSONSpan, _ cleared: inout Bool) {
        guard run >= 0 else { return }
        let operation = splice.operations.start[run]
        if Int(operation.end) == contentEnd {
            let before = text.skipWhiteBack(Int(operation.start))
            if text.base[before - 1] == UInt8(ascii: ",") {
                splice.operations.start[run].start = UInt32(truncatingIfNeeded: text.skipWhiteBack(before - 1))
            } else {
                cleared = true
            }
        }
        run = -1
    }

    private mutating func push(_ start: Int, _ end: Int, _ content: Splice.Content, _ slot: Int) {
        splice.operations.append(Splice.Operation(start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
                                                  slot: Int32(truncatingIfNeeded: slot), content: content))
    }
}

/// Finds its way in checked JSON text by offsets.
struct JSONSpan: BitwiseCopyable {
    let base: UnsafePointer<UInt8>
    let count: Int

    func skipWhite(_ start: Int) -> Int {
        var i = start
        while i < count, base[i] <= 0x20 { i += 1 }
        return i
    }

    /// Behind the last byte before `end` that isn't white space.
    func skipWhiteBack(_ end: Int) -> Int {
        var i = end
        while i > 0, base[i - 1] <= 0x20 { i -= 1 }
        return i
    }
}
