"""What a client that shares nothing with the engine sees in Kafka and Postgres."""
import time
from dataclasses import dataclass

import psycopg
from confluent_kafka import (Consumer, ElectionType, IsolationLevel, KafkaError, KafkaException, Producer, TopicCollection,
                             TopicPartition)
from confluent_kafka.admin import AdminClient, OffsetSpec


@dataclass
class Seen:
    """A record as it lies in a topic."""
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: dict


class Kafka:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})

    def end(self, topic, partitions=6):
        """How many records were ever written to a topic, those of open transactions too; None while a broker is away."""
        latest = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(partitions)}
        try:
            asked = self.admin.list_offsets(latest, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=1)
            return sum(answer.result().offset for answer in asked.values())
        except KafkaException:
            return None

    def layout(self, topic):
        """{partition: (leader, replicas, those in sync)}; None while it can't be told."""
        try:
            asked = self.admin.describe_topics(TopicCollection([topic]), request_timeout=5)[topic].result()
            return {at.id: (at.leader.id if at.leader else None, [node.id for node in at.replicas], [node.id for node in at.isr])
                    for at in asked.partitions}
        except KafkaException:
            return None

    def whole(self, topics):
        """Whether every replica of these topics is in sync."""
        layouts = [self.layout(topic) for topic in topics]
        return all(layout and all(len(at[1]) == len(at[2]) for at in layout.values()) for layout in layouts)

    def prefer(self, topic, partitions):
        """Moves the leaders of partitions to the first of their replicas."""
        asked = self.admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, at) for at in partitions])
        try:
            asked.result(timeout=10)
        except (KafkaException, TimeoutError):
            pass  # whether leaders moved is looked at afterwards

    def delete(self, topic):
        self.admin.delete_topics([topic], operation_timeout=20)[topic].result()

    def consumer(self, group, isolation="read_committed"):
        return Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": group, "isolation.level": isolation, "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "earliest", "log_level": 2})

    def partitions(self, consumer, topic):
        metadata = consumer.list_topics(topic, timeout=20).topics[topic]
        if metadata.error:
            raise KafkaException(metadata.error)
        return list(metadata.partitions)

    def read(self, topic, isolation="read_committed", timeout_s=120):
        """All records of a topic, up to the end of each partition."""
        consumer = self.consumer("chaos-checker", isolation)
        try:
            waiting = set(self.partitions(consumer, topic))
            consumer.assign([TopicPartition(topic, partition, 0) for partition in waiting])
            records, deadline = [], time.monotonic() + timeout_s
            while waiting:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"could not read {topic} to its end in {timeout_s} s; partitions {sorted(waiting)} are open")
                for message in consumer.consume(10000, 0.2):
                    error = message.error()
                    if error is None:
                        records.append(Seen(topic, message.partition(), message.offset(), message.key(), message.value(),
                                            dict(message.headers() or [])))
                    elif error.code() == KafkaError._PARTITION_EOF:
                        waiting.discard(message.partition())
                    elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                        raise KafkaException(error)
            return records
        finally:
            consumer.close()

    def behind(self, group, topic, ends):
        """How many partitions a group hasn't committed up to `ends` ({partition: offset after its last record})."""
        consumer = self.consumer(group)
        try:
            committed = consumer.committed([TopicPartition(topic, partition) for partition in ends], timeout=10)
            return sum(1 for at in committed if at.offset < ends[at.partition])
        except KafkaException:
            return len(ends)
        finally:
            consumer.close()


def topics_of(broker):
    """The topics that a broker knows; none while it is away."""
    try:
        return set(AdminClient({"bootstrap.servers": broker, "log_level": 2}).list_topics(timeout=2).topics)
    except KafkaException:
        return set()


def producer(bootstrap):
    return Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 0, "log_level": 2})


def ends_of(records):
    """The offset after the last record of each partition."""
    ends = {}
    for record in records:
        ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
    return ends


def table(url):
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select * from orders")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor]
