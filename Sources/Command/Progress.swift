package import ETL
import Glibc

/// Shows how a run goes: a table redrawn in place on a terminal, a JSON line a second elsewhere; a table or one JSON object at
/// the end.
package final class Progress {
    /// One part of a run at one moment.
    package struct Row: Equatable {
        package var name: String
        package var role: Counters.Role
        package var counts: Counters.Batch
        package var lag: Int64?
        /// Records in a second, over the last second or so.
        package var rate: Double

        package init(name: String, role: Counters.Role, counts: Counters.Batch, lag: Int64?, rate: Double) {
            self.name = name
            self.role = role
            self.counts = counts
            self.lag = lag
            self.rate = rate
        }
    }

    private let isTerminal: Bool
    /// Lines of others on the same terminal would break the table.
    package var drawsOverLogs: Bool { isTerminal && isatty(2) == 1 }
    private let json: Bool
    private let startedMs = monotonicMs()
    private var shownMs: Int64 = 0
    private var drawnLines = 0
    private var samples: [String: (ms: Int64, received: Int64, rate: Double)] = [:]

    /// - Parameter format: `text` or `json`; nil: a table that lives on a terminal, JSON lines elsewhere.
    package init(format: String?) {
        isTerminal = isatty(1) == 1 && format != "json"
        json = format.map { $0 == "json" } ?? (isatty(1) == 0)
    }

    package func tick(_ run: Run) {
        let now = monotonicMs()
        guard now - shownMs >= (isTerminal ? 200 : 1000) else { return }
        shownMs = now
        let rows = rows(run, now)
        if isTerminal {
            erase()
            let text = Self.table(rows)
            drawnLines = text.split(separator: "\n").count
            writeAll(text, to: 1)
        } else if json {
            writeAll(Self.line(rows, event: "progress", topology: run.plan.name, elapsedMs: now - startedMs), to: 1)
        }
    }

    /// The last word: totals and the mean rate.
    package func finish(_ run: Run) {
        let elapsed = max(monotonicMs() - startedMs, 1)
        let rows = run.parts.map { part in
            Row(
                name: part.counters.name, role: part.counters.role, counts: part.counters.now, lag: part.counters.lag,
                rate: Double(part.counters.now.received) * 1000 / Double(elapsed))
        }
        if json {
            writeAll(Self.line(rows, event: "summary", topology: run.plan.name, elapsedMs: elapsed), to: 1)
        } else {
            erase()
            writeAll("\(Self.table(rows))\(run.plan.name): finished in \(Self.seconds(elapsed))\n", to: 1)
        }
        for part in run.parts {
            for rejection in part.counters.rejections where !json {
                let what = "  \(part.counters.name): \(rejection.count) × \(rejection.code)"
                writeAll("\(what), first at \(rejection.place): \(rejection.reason)\n", to: 1)
            }
        }
    }

    private func rows(_ run: Run, _ now: Int64) -> [Row] {
        run.parts.map { part in
            let counts = part.counters.now
            var sample = samples[part.counters.name] ?? (now, counts.received, 0)
            if now - sample.ms >= 1000 || sample.rate == 0, now > sample.ms {
                sample = (now, counts.received, Double(counts.received - sample.received) * 1000 / Double(now - sample.ms))
            }
            samples[part.counters.name] = sample
            return Row(
                name: part.counters.name, role: part.counters.role, counts: counts, lag: part.counters.lag, rate: sample.rate)
        }
    }

    private func erase() {
        if drawnLines > 0 { writeAll("\u{1b}[\(drawnLines)A\u{1b}[J", to: 1) }
        drawnLines = 0
    }

    /// The rows as a table for people.
    package static func table(_ rows: [Row]) -> String {
        let head = ["", "in", "out", "dead", "dropped", "rate/s", "lag"]
        let body = rows.map { row in
            [
                row.name, grouped(row.counts.received), grouped(row.counts.written), grouped(row.counts.dead),
                grouped(row.counts.dropped),
                grouped(Int64(row.rate)), row.role == .extractor ? "" : row.lag.map(grouped) ?? "?",
            ]
        }
        let widths = head.indices.map { column in ([head] + body).map { $0[column].count }.max() ?? 0 }
        return ([head] + body).map { cells in
            cells.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + pad : pad + cell
            }.joined(separator: "  ") + "\n"
        }.joined()
    }

    /// The rows as one JSON line.
    package static func line(_ rows: [Row], event: String, topology: String, elapsedMs: Int64) -> String {
        var text = "{\"event\":\"\(event)\",\"topology\":\"\(topology)\",\"elapsed_ms\":\(elapsedMs),\"parts\":["
        text += rows.map { row in
            "{\"name\":\"\(row.name)\",\"role\":\"\(row.role.rawValue)\",\"in\":\(row.counts.received),"
                + "\"out\":\(row.counts.written),\"dead\":\(row.counts.dead),"
                + "\"dropped\":\(row.counts.dropped),\"warned\":\(row.counts.warned),"
                + "\"rate\":\(Int64(row.rate)),\"lag\":\(row.lag.map(String.init) ?? "null")}"
        }.joined(separator: ",")
        return text + "]}\n"
    }

    private static func grouped(_ number: Int64) -> String {
        var text = ""
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + String(text.reversed())
    }

    private static func seconds(_ ms: Int64) -> String {
        let tenths = String(ms % 1000 / 100)
        return "\(ms / 1000).\(tenths) s"
    }
}
