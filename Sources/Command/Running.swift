package import ETL
internal import HTTPServer
package import Log

/// Runs parts of a plan until they are done or a signal asks to stop, showing progress.
package func execute(
    _ session: Session, log: any RecordLog, extractors: [ExtractorPlan], stages: [StagePlan], instance: String,
    threads: Int? = nil, follow: Bool, http: HTTPPlan? = nil, progress: Progress?
) throws(ETLError) {
    let lookups: LookupTables
    do { lookups = try LookupTables.load(session.plan.lookups) } catch {
        throw ETLError(.topology, code: error.code, error.message)
    }
    let run = Run(
        plan: session.plan, log: log, journal: session.journal, instance: instance, lookups: lookups, extractors: extractors,
        stages: stages, threads: threads)
    // The table shows what goes on, and the summary what was refused and why.
    if progress?.drawsOverLogs == true { session.journal.raise(to: .error) }
    try Signals.onStop { name in run.requestStop(name) }
    // After the signals: the server's thread, too, must leave them to the one that waits for them.
    let server = try http?.start(for: run, version: version)
    defer { server?.stop() }
    defer { progress?.finish(run) }
    do {
        try run.execute(follow: follow) { run in progress?.tick(run) }
    } catch {
        throw ETLError(error.status, code: error.code, session.plan.secrets.redact(error.message))
    }
}
