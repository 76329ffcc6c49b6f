import Command
import ETL
import Glibc
import Log

/// Runs a replay or a discarding until it is done or a signal asks to stop, showing how it goes, and says what it did.
func perform(_ plan: ReplayPlan, _ target: LetterTarget, archive: DeadLetterArchive?, json: Bool) throws {
    let isTerminal = isatty(1) == 1 && !json
    if isTerminal { target.session.journal.raise(to: .error) }
    let control = Control()
    let context = MemberContext(
        plan: target.session.plan, log: target.log, journal: target.session.journal,
        counters: Counters(name: plan.group, role: .stage), control: control, instance: "replay")
    var shownMs: Int64 = 0
    let program = try plan.program()
    try Signals.onStop { _ in control.requestStop() }
    let member = ReplayMember(context: context, plan: plan, program: program, archive: archive) { summary in
        let now = monotonicMs()
        guard now - shownMs >= (isTerminal ? 200 : 1000) else { return }
        shownMs = now
        if isTerminal { writeAll("\u{1b}[2K\r\(summary.text(plan))", to: 1) }
        if json { writeAll(summary.json(plan, event: "progress") + "\n", to: 1) }
    }
    // What was committed is done, also where it ends with an error.
    defer {
        if isTerminal { writeAll("\u{1b}[2K\r", to: 1) }
        member.summary.tell(plan, archive: archive?.path, json: json, wasStopped: control.shouldStop)
    }
    let summary: ReplaySummary
    do { summary = try member.run() } catch {
        throw ETLError(error.status, code: error.code, target.session.plan.secrets.redact(error.message))
    }
    if plan.action == .replay, summary.isInVain, !control.shouldStop {
        throw ETLError(
            .failed, code: "replay.in_vain", "no dead letter of \(plan.topic) was replayed: each that was meant stays for an error")
    }
}

extension ReplaySummary {
    /// Says on stdout what a run did.
    func tell(_ plan: ReplayPlan, archive: String?, json: Bool, wasStopped: Bool = false) {
        writeAll(
            json
                ? self.json(plan, event: "summary", archive: archive) + "\n"
                : report(plan, archive: archive, wasStopped: wasStopped), to: 1)
    }

    /// One line.
    fileprivate func text(_ plan: ReplayPlan) -> String {
        let done =
            plan.action == .discard ? "\(grouped(discarded)) discarded" : "\(grouped(replayed)) replayed, \(grouped(parked)) parked"
        let tenths = "\(elapsedMs / 1000).\(elapsedMs % 1000 / 100) s"
        return "\(plan.topic): \(done), \(grouped(kept)) kept in \(tenths) (\(grouped(Int64(rate)))/s)"
    }

    fileprivate func report(_ plan: ReplayPlan, archive: String?, wasStopped: Bool) -> String {
        var text = text(plan) + (wasStopped ? "; stopped, started again it goes on here" : "") + "\n"
        for reason in reasons {
            let first = reason.kept == .unmatched ? "" : ", first \(reason.place)"
            text += "  \(grouped(reason.count)) × \(reason.kept.code)\(first): \(reason.kept.message)\n"
        }
        if expired > 0 { text += "  \(counted(expired, "offset")) had gone before, by the topic's retention\n" }
        if discarded > 0, let archive {
            text +=
                "  they are in \(archive), and until its retention in the topic, where show and replay don't see them any more\n"
        }
        return text
    }

    fileprivate func json(_ plan: ReplayPlan, event: String, archive: String? = nil) -> String {
        var line = JSONLine()
        line.add("event", event)
        line.add("topic", plan.topic)
        line.add("group", plan.group)
        line.add("replayed", replayed)
        line.add("parked", parked)
        line.add("discarded", discarded)
        line.add("kept", kept)
        let reasons = reasons.map { reason in
            var line = JSONLine()
            line.add("code", reason.kept.code)
            line.add("count", reason.count)
            line.add("first", reason.place)
            line.add("message", reason.kept.message)
            return line.json
        }
        line.raw("reasons", "[\(reasons.joined(separator: ","))]")
        line.add("expired", expired)
        line.add("elapsed_ms", elapsedMs)
        line.add("rate", Int64(rate))
        if let archive, discarded > 0 { line.add("archive", archive) }
        return line.json
    }
}
