"""`etl dlq replay` is killed while it mends dead letters. What must hold: started again it goes on where its last transaction
ended, so that each letter comes back once, mended, whatever else breaks meanwhile."""
import json
import time

import observe
from machinery import Failure
from pipeline import REPLAY

IN, OUT, DEAD, STAGE = "chaos_replay.in", "chaos_replay.out", "chaos_replay.mend.dlq", "mend"
PARTITIONS = 3


class Replay:
    def __init__(self, name, pipeline, rng):
        self.pipeline, self.rng, self.sent = pipeline, rng, 0
        pipeline.fleet.expected.add("replay")
        pipeline.create_topics(REPLAY)
        pipeline.start(STAGE)
        self.producer = observe.producer(pipeline.services.bootstrap)

    def send(self, number):
        for _ in range(number):
            self.producer.produce(IN, b'{"id": %d, "good": false}' % self.sent, b"%d" % (self.sent % 50),
                                  on_delivery=self.pipeline.delivered)
            self.sent += 1
        if self.producer.flush(90):
            raise Failure(f"could not write to {IN} in 90 s")

    def start(self):
        self.pipeline.fleet.start("replay", [str(self.pipeline.given.bin / "etl"), "dlq", "replay", f"--topology={REPLAY}",
                                             f"--stage={STAGE}", "--set=good=true"])

    def refused(self, timeout_s=20):
        """Waits until the stage has refused some more."""
        end, before = time.monotonic() + timeout_s, self.pipeline.kafka.end(DEAD, PARTITIONS)
        self.send(self.rng.randint(100, 600))
        while time.monotonic() < end:
            now = self.pipeline.kafka.end(DEAD, PARTITIONS)
            if now is not None and before is not None and now > before:
                return
            before = now if before is None else before
            time.sleep(0.1)

    def kill(self):
        self.refused()
        self.start()
        time.sleep(self.rng.uniform(0, 1.2))
        if not self.pipeline.fleet.kill("replay"):
            self.ended()
            return False
        self.pipeline.count("etl dlq replay: kill -9")
        return True

    def ended(self):
        """The replay ended by itself, which it may when it is through, or when a service was away as it started."""
        with self.pipeline.fleet.lock:
            process = self.pipeline.fleet.living.pop("replay", None)
        status = process.poll() if process else 0
        if status != 0:
            self.pipeline.ended("replay", status)

    def finish(self):
        """Replays what is left until every record has come through, and looks at them."""
        end = time.monotonic() + 240
        while True:
            self.start()
            while self.pipeline.fleet.lives("replay") and time.monotonic() < end:
                time.sleep(0.1)
            self.ended()
            time.sleep(1)
            records = [json.loads(record.value) for record in self.pipeline.kafka.read(OUT)]
            missing = self.sent - len({record["id"] for record in records})
            if not missing or time.monotonic() > end:
                break
        if missing:
            self.pipeline.fail(f"{OUT}: {missing} of {self.sent} replayed records are missing:\n{self.pipeline.fleet.tail('replay')}")
        doubled = len(records) - len({record["id"] for record in records})
        if doubled and self.pipeline.given.delivery == "exactly_once":
            self.pipeline.fail(f"{OUT}: {doubled} replayed records are there twice")
        if not all(record["good"] is True for record in records):
            self.pipeline.fail(f"{OUT}: records came through that no replay had mended")
        self.pipeline.note(f"{self.sent} dead letters replayed, {missing} lost, {doubled} doubled")
        self.pipeline.leave(STAGE)
