#!/usr/bin/env python3
"""Kills a running pipeline again and again, then counts.

Orders in CSV files go through real Kafka into real Postgres: `etl extract`, a process for each stage and the loader, a second
instance of one stage that joins and leaves. While files arrive, a process chosen at random is killed (kill -9) at a random
moment, and started again. Then the pipeline drains, and a client that shares no code with it compares every topic, every
dead-letter topic and the table with an independent reading of the input: each good order once, each bad one once where it
belongs, byte for byte, in order.

Decisions come from the seed, moments don't: a seed gives the same input and faults, not the same interleaving.
Exit status: 0 all right, 1 something lost, doubled or wrong, 3 a service this needs is missing.
"""
import argparse
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import expect
import observe
import verdict
from machinery import ROOT, Failure, Fleet, Services, environment, script

TOPOLOGY = ROOT / "Tests/chaos/orders.yaml"
MALFORMED = [b'{"order_id": "o-1", "quantity": 3', b'{"customer_id": "\xff\xfe"}', b"{'quantity': 1}", b"",
             b'{"quantity": 1} trailing', b'{"quantity": 01}']
SHOWN = 5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000, help="orders in the CSV files (200000)")
    parser.add_argument("--kills", type=int, default=36, help="kill -9 of the pipeline's processes (36)")
    parser.add_argument("--seed", type=int, help="of the orders and the faults; random if absent, and printed")
    parser.add_argument("--brokers", type=int, default=3, help="in the cluster (3)")
    parser.add_argument("--with-broker-crash", action="store_true", help="kill -9 and restart brokers too")
    parser.add_argument("--with-postgres-crash", action="store_true", help="stop Postgres at once and restart it too")
    parser.add_argument("--library", choices=["debian", "new"], default="debian", help="the librdkafka to run on (debian)")
    parser.add_argument("--bin", type=Path, default=ROOT / ".build/release", help="where etl and etl-stage are")
    parser.add_argument("--drain-s", type=int, default=180, help="longest time to drain after the last fault (180)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    return parser.parse_args()


class Chaos:
    def __init__(self, given):
        self.given = given
        self.seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
        self.rng = random.Random(self.seed)
        self.counts = {}
        self.due = []  # (time, what to do), for what follows a fault
        self.injected = {}
        self.down = set()
        self.failures = []
        self.extracted = False

    # ---- Set up ----------------------------------------------------------------------------------------------------------------

    def set_up(self):
        for program in ("etl", "etl-stage"):
            if not (self.given.bin / program).exists():
                raise Failure(f"{self.given.bin / program} isn't built; swift build -c release builds it")
        found = script("kafka", "home", check=False)
        if found.get("kind") != "stock":
            raise Failure("needs a stock Apache Kafka; scripts/kafka says how to get one")
        env = environment(self.given.library)
        self.services = Services(self.given.brokers)
        self.dir = self.services.dir
        self.waiting, self.data = self.dir / "waiting", self.dir / "data"
        secrets = self.dir / "secrets"
        for folder in (self.waiting, self.data, secrets):
            folder.mkdir()
        (secrets / "postgres_url").write_text(self.services.url)
        env.update(CHAOS_BOOTSTRAP_SERVERS=self.services.bootstrap, CHAOS_DATA=str(self.data), ETL_SECRETS_DIR=str(secrets))
        self.fleet = Fleet(self.dir, env)
        self.kafka = observe.Kafka(self.services.bootstrap)
        self.producer = observe.producer(self.services.bootstrap)
        schema = str(TOPOLOGY.with_suffix(".sql"))
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", schema, self.services.url], check=True)
        made = subprocess.run([str(self.given.bin / "etl"), "topics", "create", f"--topology={TOPOLOGY}"], env=env,
                              capture_output=True, text=True, timeout=60)
        if made.returncode:
            raise Failure(f"etl topics create failed ({made.returncode}): {made.stdout}{made.stderr}")
        self.make_orders()

    def make_orders(self):
        """One file more than there are kills, so that there is work at every kill and after the last."""
        files = self.given.kills + 1
        for index in range(files):
            first, end = self.given.records * index // files, self.given.records * (index + 1) // files
            with open(self.waiting / f"orders-{index:04d}.csv", "wb") as out:
                command = [ROOT / "scripts/make-orders", end - first, self.seed * 1000 + index, "--first", first]
                command += ["--crlf"] * (index % 3 == 1) + ["--bom"] * (index % 4 == 2)
                subprocess.run(list(map(str, command)), stdout=out, check=True)

    # ---- The pipeline's processes ----------------------------------------------------------------------------------------------

    def start(self, name):
        if name == "extractor":
            command = [str(self.given.bin / "etl"), "extract", f"--topology={TOPOLOGY}", "--extractor=orders_csv"]
        else:
            stage, _, instance = name.partition("#")
            command = [str(self.given.bin / "etl-stage"), f"--topology={TOPOLOGY}", f"--stage={stage}",
                       f"--instance={instance or 'a'}"]
        self.fleet.start(name, command)

    def tend(self):
        """Does what is due, and starts again what ended though it shouldn't have."""
        for name, status in self.fleet.reap():
            if name == "extractor" and status == 0:
                self.extracted = True
            else:
                self.failures.append(f"{name} ended by itself with status {status}:\n{self.fleet.tail(name)}")
                self.later(1, lambda name=name: self.revive(name))
        now = time.monotonic()
        for entry in [entry for entry in self.due if entry[0] <= now]:
            self.due.remove(entry)
            entry[1]()

    def later(self, delay_s, action):
        self.due.append((time.monotonic() + delay_s, action))

    def tend_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            time.sleep(max(0, min(0.01, end - time.monotonic())))

    def tend_until(self, condition, timeout_s, what):
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                raise Failure(f"not {what} after {timeout_s} s")
            self.tend_for(0.05)

    # ---- Faults ----------------------------------------------------------------------------------------------------------------

    def count(self, fault):
        self.counts[fault] = self.counts.get(fault, 0) + 1

    def next_file(self):
        """The next file of orders arrives, and some records that are no JSON, from elsewhere, beside it."""
        file = min(self.waiting.iterdir())
        file.rename(self.data / file.name)
        self.extracted = False
        if "extractor" not in self.fleet.living:
            self.start("extractor")
        for _ in range(3):
            key = f"malformed-{len(self.injected)}"
            self.injected[key] = "parse."
            self.producer.produce("chaos.raw", self.rng.choice(MALFORMED), key,
                                  headers=[("x-source", b"elsewhere"), ("x-bytes", b"\x00\xff")])
        if self.producer.flush(60):
            raise Failure("could not inject malformed records")

    def revive(self, name):
        if name not in self.fleet.living:
            self.start(name)

    def kill(self, name):
        self.revive(name)
        if name == "extractor":  # a file is read within a moment of its short life: any moment of that
            self.tend_for(self.rng.uniform(0, 1))
        elif self.rng.random() < 0.85:
            self.in_transaction(name)
            self.tend_for(self.rng.uniform(0, 0.05))
        else:
            self.tend_for(self.rng.uniform(0, 1))
        if name in self.fleet.living and self.fleet.kill(name):
            self.count(f"kill -9 {name.partition('#')[0]}")
            self.later(self.rng.uniform(0, 0.6), lambda: self.revive(name))
            return True
        return False

    def in_transaction(self, name, timeout_s=12):
        """Waits until a process is most likely amid a transaction: the topic it writes (the loader: reads) has just grown by more
        than the markers that end one. To be killed while idle is no test, and most moments are idle: after a kill the group, and
        all that stands behind it, waits for the session timeout."""
        stage = name.partition("#")[0]
        topic = expect.TOPICS[min(["extractor", *expect.STAGES].index(stage), len(expect.TOPICS) - 1)]
        end, before = time.monotonic() + timeout_s, self.kafka.end(topic)
        while time.monotonic() < end and name in self.fleet.living:
            self.tend()
            now = self.kafka.end(topic)
            if now is not None and before is not None and now > before + 6:
                return
            before = now if before is None else before
        self.count("(no transaction came before the kill)")

    def join_or_leave(self):
        """The second instance of a stage comes or, in an orderly way, goes."""
        name = "enrich#b"
        if name in self.fleet.living:
            status = self.fleet.end(name)
            if status != 0:
                self.failures.append(f"{name} ended with status {status} on SIGTERM:\n{self.fleet.tail(name)}")
            self.count("enrich instance leaves")
        else:
            self.start(name)
            self.count("enrich instance joins")

    def crash_broker(self):
        broker = self.rng.randint(1, self.given.brokers)
        script("kafka", "crash", self.services.kafka, broker)
        self.count("broker kill -9")
        self.restart_service(self.rng.uniform(1, 4), f"broker-{broker}", "kafka", "restart", self.services.kafka, broker)

    def crash_postgres(self):
        script("postgres", "stop", self.services.postgres)
        self.count("Postgres immediate stop")
        self.restart_service(self.rng.uniform(0.5, 3), "postgres", "postgres", "restart", self.services.postgres)

    def restart_service(self, delay_s, name, *arguments):
        self.down.add(name)

        def restart():
            self.services.restart_later(name, *arguments)
            self.down.remove(name)

        self.later(delay_s, restart)

    def schedule(self):
        """By round: who is killed, each about as often; and the services that crash, well apart."""
        kills = self.given.kills
        victims = ["extractor", "validate", "enrich", "select", "load_postgres"]
        turns = [victims[index % len(victims)] for index in range(kills)]
        self.rng.shuffle(turns)
        services = {}
        if self.given.with_broker_crash:
            for share in (0.25, 0.65) if kills >= 20 else (0.25,):
                services.setdefault(int(kills * share), []).append(self.crash_broker)
        if self.given.with_postgres_crash:
            for share in (0.45, 0.85) if kills >= 20 else (0.6,):
                services.setdefault(int(kills * share), []).append(self.crash_postgres)
        return turns, services

    def run(self):
        for stage in expect.STAGES:
            self.start(stage)
        turns, services = self.schedule()
        for turn, victim in enumerate(turns):
            self.next_file()
            for crash in services.get(turn, []):
                # One service at a time: of three brokers two must live for anything to be written.
                self.tend_until(lambda: not self.down, 30, "every service started again")
                self.services.settled()
                crash()
            if turn % 4 == 2:
                self.join_or_leave()
            if victim == "enrich" and "enrich#b" in self.fleet.living and self.rng.random() < 0.5:
                victim = "enrich#b"
            for _ in range(20):
                if self.kill(victim):
                    break
                self.tend_for(0.1)
            else:
                self.failures.append(f"{victim} didn't live long enough to be killed")
            print(f"  {turn + 1}/{len(turns)} killed {victim}", flush=True)
        self.next_file()

    # ---- Afterwards ------------------------------------------------------------------------------------------------------------

    def drain(self):
        """Until the extractor has ended well and each stage has committed past the last record of its topic, from first to last."""
        self.tend_until(lambda: not self.due, 30, "everything started again")
        self.services.settled()
        deadline = time.monotonic() + self.given.drain_s

        def extracted():
            if "extractor" not in self.fleet.living and not self.extracted and not self.due:
                self.start("extractor")
            return self.extracted

        left = lambda: max(1, int(deadline - time.monotonic()))
        # The one that runs may have looked for files before the last came: only one that starts now has seen them all.
        self.tend_until(lambda: "extractor" not in self.fleet.living, left(), "extracted")
        self.extracted = False
        self.tend_until(extracted, left(), "extracted")
        self.topics = {}
        for stage, topic in expect.STAGES.items():
            self.topics[topic] = self.kafka.read(topic)
            ends = observe.ends_of(self.topics[topic])
            self.tend_until(lambda: not self.kafka.behind(f"etl.chaos.{stage}", topic, ends), left(), f"drained by stage {stage}")
        for name in list(self.fleet.living):
            status = self.fleet.end(name)
            if status != 0:
                self.failures.append(f"{name} ended with status {status} on SIGTERM:\n{self.fleet.tail(name)}")

    def judge(self):
        expected = expect.read(list(self.data.iterdir()), self.injected)
        places = [verdict.topic(topic, self.topics[topic], expected) for topic in expect.TOPICS]
        places.append(verdict.bad_rows(self.kafka.read(expect.EXTRACTOR_DLQ), expected))
        for stage, topic in expect.STAGES.items():
            sources = {(record.partition, record.offset): record for record in self.topics[topic]}
            places.append(verdict.dead_letters(stage, self.kafka.read(f"chaos.{stage}.dlq"), sources, expected))
        places.append(verdict.table(observe.table(self.services.url), expected))
        undone = sum(len(self.kafka.read(topic, "read_uncommitted")) - len(self.topics[topic]) for topic in expect.TOPICS)
        bad = sum(map(len, expected.dead.values())) + len(expected.bad_rows)
        print(f"\n{self.given.records:,} orders and {len(self.injected)} injected records: {len(expected.table):,} belong in the "
              f"table,\n{expected.refunded:,} are refunded, {bad:,} are bad. {undone:,} records were written and undone by aborted "
              "transactions.\n")
        print("| fault survived | times |\n|---|---:|")
        for fault, times in sorted(self.counts.items()):
            print(f"| {fault} | {times} |")
        print("\n| place | expected | found | lost | doubled | wrong |\n|---|---:|---:|---:|---:|---:|")
        for place in places:
            print(f"| {place.name} | {place.expected:,} | {place.found:,} | {len(place.lost)} | {len(place.doubled)} "
                  f"| {len(place.wrong)} |")
        print()
        for place in places:
            print(f"{'ok  ' if place.right else 'FAIL'} chaos: {place.name}")
            for kind in ("lost", "doubled", "wrong"):
                for what in getattr(place, kind)[:SHOWN]:
                    print(f"     {kind}: {what}")
        print(f"{'FAIL' if self.failures else 'ok  '} chaos: every process ended only when it was told to, and then with status 0")
        for failure in self.failures[:SHOWN]:
            print(f"     {failure}")
        return all(place.right for place in places) and not self.failures


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chaos, right, began = Chaos(given), False, time.monotonic()
    print(f"chaos: --seed {chaos.seed} --records {given.records} --kills {given.kills} --brokers {given.brokers} "
          f"--library {given.library}", flush=True)
    try:
        chaos.set_up()
        chaos.run()
        chaos.drain()
        right = chaos.judge()
    except Exception as failure:  # whatever ends the test early is a failure of the test, and said in its own form
        print(f"FAIL chaos: {failure}")
        if not isinstance(failure, Failure):
            traceback.print_exc()
        for text in chaos.failures[:SHOWN]:
            print(f"     {text}")
        if not hasattr(chaos, "services"):
            return 3
    finally:
        keep = given.keep or not right
        if hasattr(chaos, "fleet"):
            chaos.fleet.kill_all()
        if hasattr(chaos, "services"):
            chaos.services.end(keep)
            if keep:
                print(f"logs: {chaos.dir}/logs")
    print(f"chaos: {'all right' if right else 'NOT right'} after {time.monotonic() - began:.0f} s; again with --seed {chaos.seed}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
