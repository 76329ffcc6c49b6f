internal import CRdkafka
internal import Log
internal import Synchronization

/// Connected clients for questions, kept from one question to the next: each new one costs a connection (with TLS and login) and
/// three threads, and a running process asks for its lag every second.
final class Inquirers: Sendable {
    /// A client on its way from one thread to another: whoever took it out is the only one to have it.
    struct Inquirer: @unchecked Sendable {
        let client: Client
        let group: String?
    }

    /// One for the topics, one for a group's offsets, and room for two stages more.
    private static let most = 4
    private let kept = Mutex<[Inquirer]>([])

    /// The one that was used last and fits, if it is still connected.
    func take(group: String?) -> Inquirer? {
        while let found = kept.withLock({ kept -> Inquirer? in
            guard let index = kept.lastIndex(where: { group == nil || $0.group == group }) else { return nil }
            return kept.remove(at: index)
        }) {
            // What happened while nobody looked is told now.
            while rd_kafka_poll(found.client.handle, 0) > 0 {}
            if found.client.voice.isConnected, found.client.voice.refusal == nil { return found }
        }
        return nil
    }

    func keep(_ inquirer: Inquirer) {
        let oldest = kept.withLock { kept -> Inquirer? in
            kept.append(inquirer)
            return kept.count > Self.most ? kept.removeFirst() : nil
        }
        oldest?.client.destroy(waitMs: 0)
    }
}

extension KafkaLog {
    /// Asks something by a connected client, which is kept for the next question unless this one failed.
    func ask<Answer>(group: String? = nil, _ question: (Client) throws(LogError) -> Answer) throws(LogError) -> Answer {
        if let kept = inquirers.take(group: group) {
            do throws(LogError) {
                let answer = try question(kept.client)
                inquirers.keep(kept)
                return answer
            } catch {
                // A connection may have died unnoticed; what a new client says is the truth, and says why.
                guard error.kind == .retriable else { throw error }
            }
        }
        let client = try inquirer(group: group)
        let answer = try question(client)
        inquirers.keep(Inquirers.Inquirer(client: client, group: group))
        return answer
    }
}
