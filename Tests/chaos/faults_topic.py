"""A topic is deleted under a stage that runs. What must hold: the stage ends by itself and names the topic; with the topic made
again and the stage started, what arrives then is written once, and what was written before isn't written again."""
import time

import observe
from machinery import Failure
from pipeline import SIDE

IN, OUT, STAGE = "chaos_side.in", "chaos_side.out", "copy"
ENDS_IN_S = 90


class Topic:
    def __init__(self, name, pipeline, rng):
        self.pipeline, self.rng = pipeline, rng
        self.sent = 0
        self.pipeline.fleet.expected.add(STAGE)
        self.pipeline.create_topics(SIDE)

    def send(self, number):
        producer = observe.producer(self.pipeline.services.bootstrap)  # one that has never seen the topic missing
        for _ in range(number):
            producer.produce(IN, b'{"id": %d}' % self.sent, b"%d" % (self.sent % 50), on_delivery=self.pipeline.delivered)
            self.sent += 1
        if producer.flush(90):
            raise Failure(f"could not write to {IN} in 90 s")

    def copied(self, timeout_s=120):
        """Waits until all that was sent is in the output, and says what is there more than once, or missing."""
        end = time.monotonic() + timeout_s
        while True:
            records = self.pipeline.kafka.read(OUT)
            missing = self.sent - len({record.value for record in records})
            if not missing or time.monotonic() > end:
                break
            time.sleep(0.5)
        if missing:
            self.pipeline.fail(f"{OUT}: {missing} of {self.sent} records are missing:\n{self.pipeline.fleet.tail(STAGE)}")
        doubled = len(records) - len({record.value for record in records})
        if doubled and self.pipeline.given.delivery == "exactly_once":
            self.pipeline.fail(f"{OUT}: {doubled} records are there twice")

    def committed(self, timeout_s=60):
        ends, end = observe.ends_of(self.pipeline.kafka.read(IN)), time.monotonic() + timeout_s
        while self.pipeline.kafka.behind(f"etl.chaos_side.{STAGE}", IN, ends):
            if time.monotonic() > end:
                raise Failure(f"stage {STAGE} didn't commit what it had copied in {timeout_s} s")
            time.sleep(0.2)

    def deleted(self):
        fleet = self.pipeline.fleet
        self.pipeline.start(STAGE)
        self.send(self.rng.randint(50, 500))
        self.copied()
        self.committed()
        process = fleet.living[STAGE]
        self.pipeline.kafka.delete(IN)
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < ENDS_IN_S:
            time.sleep(0.1)
        took = time.monotonic() - began
        status, said = process.poll(), fleet.tail(STAGE, lines=3)
        if status is None:
            self.pipeline.fail(f"the stage whose topic was deleted didn't end in {ENDS_IN_S} s:\n{said}")
            fleet.kill(STAGE)
        else:
            fleet.take(STAGE)
            fleet.living.pop(STAGE, None)
            if status <= 0 or not any(IN in line for line in fleet.last(STAGE, 3)):
                self.pipeline.fail(f"the stage whose topic was deleted ended with status {status}, not naming it:\n{said}")
            self.pipeline.note(f"stage whose topic was deleted ended with status {status}")
        self.pipeline.say(f"the stage ended {took:.1f} s after its topic was deleted, with status {status}")
        self.pipeline.create_topics(SIDE)
        self.pipeline.start(STAGE)
        self.send(self.rng.randint(50, 500))
        self.copied()
        self.committed()
        self.pipeline.count("topic: deleted under a stage")
        return True

    def finish(self):
        self.pipeline.leave(STAGE)
