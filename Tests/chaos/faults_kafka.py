"""Faults of the brokers. One broker is away at a time: of three, two must live for anything to be written."""
import json
import time

import expect
from machinery import Failure, script

INTERNAL = ["__consumer_offsets", "__transaction_state"]


def coordinator(group, partitions):
    """The partition of __consumer_offsets that a group is kept in: Java's hash of its name."""
    number = 0
    for letter in group:
        number = (31 * number + ord(letter)) & 0xFFFFFFFF
    return abs(number - 2**32 if number >= 2**31 else number) % partitions


class Kafka:
    def __init__(self, name, pipeline, rng):
        self.pipeline, self.rng, self.dir = pipeline, rng, pipeline.services.kafka
        self.kafka = pipeline.kafka

    def away(self):
        self.pipeline.away["kafka"] = time.monotonic()

    def whole(self, timeout_s=150):
        """Waits until every replica is in sync."""
        end = time.monotonic() + timeout_s
        while not self.kafka.whole([*expect.TOPICS, *INTERNAL]):
            if time.monotonic() > end:
                raise Failure(f"not every replica was in sync again after {timeout_s} s")
            time.sleep(0.2)
        self.away()

    def broker(self):
        self.whole()
        return self.rng.randint(1, self.pipeline.given.brokers)

    def crash(self):
        broker = self.broker()
        self.away()
        script("kafka", "crash", self.dir, broker)
        time.sleep(self.rng.uniform(0.5, 4))
        script("kafka", "restart", self.dir, broker)
        self.pipeline.count("broker: kill -9")
        self.whole()
        return True

    def pause(self):
        """Shorter or longer than the brokers take to give one up (3 s), now and then than a transaction may take (10 s)."""
        broker = self.broker()
        self.away()
        script("kafka", "pause", self.dir, broker)
        time.sleep(self.rng.choice([self.rng.uniform(1, 8), self.rng.uniform(1, 8), self.rng.uniform(11, 16)]))
        script("kafka", "resume", self.dir, broker)
        self.pipeline.count("broker: pause")
        self.whole()
        return True

    def rolling_restart(self):
        for broker in range(1, self.pipeline.given.brokers + 1):
            self.whole()
            script("kafka", "restart", self.dir, broker)
        self.pipeline.count("brokers: rolling restart")
        self.whole()
        return True

    def move(self, topic, partitions=None):
        """Gives partitions another leader; False where none moved."""
        self.whole()
        before = self.kafka.layout(topic)
        wanted = []
        for partition in partitions or before:
            leader, replicas, _ = before[partition]
            others = [replica for replica in replicas if replica != leader]
            self.rng.shuffle(others)
            wanted.append({"topic": topic, "partition": partition, "replicas": [*others, leader]})
        order = self.pipeline.services.dir / "reassign.json"
        order.write_text(json.dumps({"version": 1, "partitions": wanted}))
        script("kafka", "reassign", f"--bootstrap-server={self.pipeline.services.bootstrap}", "--execute",
               f"--reassignment-json-file={order}")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.kafka.prefer(topic, [at["partition"] for at in wanted])
            after = self.kafka.layout(topic)
            if after and any(after[at["partition"]][0] not in (None, before[at["partition"]][0]) for at in wanted):
                time.sleep(self.rng.uniform(0, 2))
                return True
            time.sleep(0.3)
        return False

    def leaders(self):
        moved = self.move(self.rng.choice(expect.TOPICS))
        if moved:
            self.pipeline.count("partition leaders: moved")
        return moved

    def group_coordinator(self):
        stage = self.rng.choice(list(expect.STAGES))
        moved = self.move("__consumer_offsets", [coordinator(f"etl.chaos.{stage}", 6)])
        if moved:
            self.pipeline.count("group coordinator: moved")
        return moved

    def transaction_coordinators(self):
        moved = self.move("__transaction_state")
        if moved:
            self.pipeline.count("transaction coordinators: moved")
        return moved

    def finish(self):
        self.whole()
