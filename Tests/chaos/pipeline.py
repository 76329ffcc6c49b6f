"""The pipeline under test: its input, its processes, and what is counted. Lanes of faults, a thread each, share it."""
import random
import re
import subprocess
import threading
import time

import expect
import observe
from machinery import ROOT, Failure, Fleet, environment

TOPOLOGY, SIDE, REPLAY = (ROOT / f"Tests/chaos/{name}.yaml" for name in ("orders", "side", "replay"))
BESIDE = {"copy": SIDE, "mend": REPLAY}  # stages of topologies beside the orders'
MALFORMED = [b'{"order_id": "o-1", "quantity": 3', b'{"customer_id": "\xff\xfe"}', b"{'quantity': 1}", b"",
             b'{"quantity": 1} trailing', b'{"quantity": 01}']
SERVICE_AWAY = 4  # exit status of a process that is started while a service can't be reached
AFTERMATH_S = 40  # for so long after a service came back, a process may end because it had been away


class Pipeline:
    def __init__(self, given, seed, services):
        self.given, self.seed, self.services = given, seed, services
        self.rng = random.Random(f"{seed} input")
        self.lock = threading.RLock()
        self.counts, self.notes, self.failures, self.injected = {}, {}, [], {}
        self.files, self.extracted, self.began = 0, False, time.monotonic()
        self.two_extractors_until = 0
        self.away = {}  # service → when it was last away
        self.data = services.dir / "data"
        secrets = services.dir / "secrets"
        for folder in (self.data, secrets):
            folder.mkdir()
        (secrets / "postgres_url").write_text(services.url_by_proxy)
        self.environment = environment(given.library)
        self.environment.update(CHAOS_BOOTSTRAP_SERVERS=services.bootstrap, CHAOS_DATA=str(self.data),
                                CHAOS_DELIVERY=given.delivery, ETL_SECRETS_DIR=str(secrets))
        self.fleet = Fleet(services.dir, self.environment)
        self.kafka = observe.Kafka(services.bootstrap)
        self.producer = observe.producer(services.bootstrap)
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-v", f"tablespace={services.tablespace}", "-f",
                        str(TOPOLOGY.with_suffix(".sql")), services.url], check=True)
        self.create_topics(TOPOLOGY)

    def create_topics(self, topology):
        made = subprocess.run([str(self.given.bin / "etl"), "topics", "create", f"--topology={topology}"], env=self.environment,
                              capture_output=True, text=True, timeout=90)
        if made.returncode:
            raise Failure(f"etl topics create failed ({made.returncode}): {made.stdout}{made.stderr}")
        self.known_everywhere(re.findall(r"name: ([\w.-]+), partitions|name: ([\w.-]+)\}", topology.read_text()))

    def known_everywhere(self, names, timeout_s=30):
        """Waits until each broker knows the topics: the controller answers before all have heard of them. A client may ask
        another broker than the one it was given, so all have to say so several times in a row."""
        end, topics, agreed = time.monotonic() + timeout_s, {one or other for one, other in names}, 0
        while agreed < 4:  # a broker that is away knows them before it serves again
            if time.monotonic() > end:
                raise Failure(f"not every broker knows topics {' '.join(sorted(topics))} {timeout_s} s after they were made")
            known = all(topics <= observe.topics_of(broker) for broker in self.services.bootstrap.split(","))
            agreed = agreed + 1 if known else 0
            time.sleep(0.15)

    # ---- Input -----------------------------------------------------------------------------------------------------------------

    def next_file(self):
        """The next file of orders arrives, and some records that are no JSON, from elsewhere, beside it."""
        with self.lock:
            index, size = self.files, max(20, self.given.records // self.given.faults)
            self.files += 1
            command = [ROOT / "scripts/make-orders", size, self.seed * 1000 + index, "--first", index * size]
            command += ["--crlf"] * (index % 3 == 1) + ["--bom"] * (index % 4 == 2)
            name = f"orders-{index:05d}.csv"
            arriving = self.services.dir / name
            with open(arriving, "wb") as out:
                subprocess.run(list(map(str, command)), stdout=out, check=True)
            arriving.rename(self.data / name)
            self.extracted = False
            self.start("extractor")
            for _ in range(2):
                key = f"malformed-{len(self.injected)}"
                self.injected[key] = "parse."
                self.producer.produce("chaos.raw", self.rng.choice(MALFORMED), key, on_delivery=self.delivered,
                                      headers=[("x-source", b"elsewhere"), ("x-bytes", b"\x00\xff")])
        if self.producer.flush(90):
            raise Failure("could not inject malformed records in 90 s")

    def delivered(self, error, message):
        if error:
            self.fail(f"the suite itself could not write {message.key()} to {message.topic()}: {error}")

    # ---- Processes -------------------------------------------------------------------------------------------------------------

    def start(self, name):
        """Starts a process, unless it runs: `extractor`, or a stage and an instance of it as in `enrich#b`."""
        if name == "extractor":
            command = [str(self.given.bin / "etl"), "extract", f"--topology={TOPOLOGY}", "--extractor=orders_csv"]
        else:
            stage, _, instance = name.partition("#")
            command = [str(self.given.bin / "etl-stage"), f"--topology={BESIDE.get(stage, TOPOLOGY)}", f"--stage={stage}",
                       f"--instance={instance or 'a'}"]
        self.fleet.start(name, command)

    def tend(self):
        """Starts again what ended by itself, and writes down what it shouldn't have ended for."""
        for name, status in self.fleet.reap():
            if name == "extractor" and status == 0:
                self.extracted = True
                continue
            self.ended(name, status)
            self.start(name)

    def ended(self, name, status):
        if status == SERVICE_AWAY and self.recently_away():
            self.note(f"{name.partition('#')[0]} ended with status 4, a service being away, and was started again")
        elif name == "extractor" and time.monotonic() < self.two_extractors_until and self.fenced(name):
            self.note("extractor fenced by one that was stopped before it had begun")
        else:
            self.fail(f"{name} ended by itself with status {status}:\n{self.fleet.tail(name)}")

    def recently_away(self):
        return any(time.monotonic() - last < AFTERMATH_S for last in self.away.values())

    def fenced(self, name):
        return any("[extract.fenced]" in line for line in self.fleet.last(name))

    def leave(self, name):
        """Ends a process in an orderly way. One that is asked to stop while a service is away doesn't wait for it, and says so."""
        status = self.fleet.end(name)
        if status == SERVICE_AWAY and self.recently_away() and any("asked to stop, so given up" in line for line in self.fleet.last(name)):
            self.note(f"{name.partition('#')[0]} was stopped while a service was away, and ended with status 4")
        elif status != 0:
            self.fail(f"{name} ended with status {status} on SIGTERM:\n{self.fleet.tail(name)}")

    def in_transaction(self, name, timeout_s=10):
        """Waits until a process is most likely amid a transaction: the topic it writes (the loader: reads) has just grown by more
        than the markers that end one. To be killed while idle is no test, and most moments are idle: after a kill the group, and
        all that stands behind it, waits for the session timeout."""
        stage = name.partition("#")[0]
        topic = expect.TOPICS[min(["extractor", *expect.STAGES].index(stage), len(expect.TOPICS) - 1)]
        end, before = time.monotonic() + timeout_s, self.kafka.end(topic)
        while time.monotonic() < end and self.fleet.lives(name):
            now = self.kafka.end(topic)
            if now is not None and before is not None and now > before + 6:
                return
            before = now if before is None else before
            time.sleep(0.01)
        self.note("no transaction came before the fault")

    # ---- What is counted -------------------------------------------------------------------------------------------------------

    def say(self, text):
        with self.lock:
            print(f"  {time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def count(self, fault):
        with self.lock:
            self.counts[fault] = self.counts.get(fault, 0) + 1
            self.say(f"{sum(self.counts.values())}/{self.given.faults} {fault}")

    def note(self, what):
        with self.lock:
            self.notes[what] = self.notes.get(what, 0) + 1

    def fail(self, what):
        with self.lock:
            self.failures.append(what)
            self.say("FAILURE " + what)
