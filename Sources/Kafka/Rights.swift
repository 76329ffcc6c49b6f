internal import CRdkafka

/// What a request asks brokers' authorizer for, so that a refusal can name it.
/// Operations and resources: Kafka's documentation, "Authorization and ACLs", "Operations and Resources on Protocols".
struct Rights {
    var settings = ClientSettings()
    /// The operation on the topic, as kafka-acls.sh writes it: `Read`, `Write`, `Describe`, `Create`.
    var operation = "Describe"
    var topic = ""
    /// Where the broker doesn't say which of several topics it refuses.
    var topics: [String] = []
    var group = ""
    var transactionalId = ""

    /// "user etl may not READ topic orders.raw: …"; nil: the error is about something else.
    func refusal(_ error: rd_kafka_resp_err_t) -> String? {
        switch error {
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
            if topics.count > 1 { return sentence(operation, "topic", topics) }
            guard !topic.isEmpty else { return nil }
            let more = operation == "Describe" ? "; Read and Write include it" : ""
            return sentence(operation, "topic", topic, more)
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
            guard !group.isEmpty else { return nil }
            return sentence("Read", "group", group)
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            guard !transactionalId.isEmpty else { return nil }
            return sentence("Write", "transactional-id", transactionalId)
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            if operation == "Create" { return sentence("Create", "topic", topic) }
            return "\(settings.who) may not IDEMPOTENT_WRITE on the cluster, nor WRITE any topic; "
                + "ask for an ACL that allows Write on the topics it sends to"
        default: return nil
        }
    }

    private func sentence(_ operation: String, _ kind: String, _ name: String, _ more: String = "") -> String {
        sentence(operation, kind, [name], more)
    }

    private func sentence(_ operation: String, _ kind: String, _ names: [String], _ more: String = "") -> String {
        let resource = kind == "transactional-id" ? "transactional id" : kind
        let principal = settings.user.isEmpty ? "" : " --allow-principal User:\(settings.user)"
        return "\(settings.who) may not \(operation.uppercased()) \(resource) \(names.joined(separator: " or ")); ask for an ACL: "
            + "kafka-acls.sh --add\(principal) --operation \(operation)" + names.map { " --\(kind) \($0)" }.joined() + more
    }
}
