#!/usr/bin/env python3
"""Breaks a running pipeline in every way it must survive, again and again, then counts.

Orders in CSV files go through real Kafka into real Postgres: `etl extract`, a process for each stage and the loader, a second
instance of each that joins and leaves. While files arrive, processes are killed and stopped, brokers crash, hang and restart,
leaders and coordinators move, Postgres crashes, hangs and has no room, its connections are cut, a topic is deleted: faults of
different lanes (faults.py) at the same time. Then the pipeline drains, and a client that shares no code with it compares every
topic, every dead-letter topic and the table with an independent reading of the input: each good order once, each bad one once
where it belongs, byte for byte, in order.

Decisions come from the seed, moments don't: a seed gives the same input and faults, not the same interleaving.
Exit status: 0 all right, 1 something lost, doubled, out of order or wrong, 3 a service this needs is missing.
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
import faults
import observe
import report
from machinery import ROOT, Failure, Services, script
from pipeline import Pipeline


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=300, help="how many in all (300)")
    parser.add_argument("--records", type=int, default=200_000, help="orders in the CSV files, about (200000)")
    parser.add_argument("--seed", type=int, help="of the orders and the faults; random if absent, and printed")
    parser.add_argument("--delivery", choices=["exactly_once", "at_least_once"], default="exactly_once",
                        help="at_least_once: nothing may be lost; what comes again is counted (exactly_once)")
    parser.add_argument("--only", metavar="KINDS", default="",
                        help="only these kinds, by comma: a lane (kafka), a fault (zombie) or both (kafka.crash)")
    parser.add_argument("--brokers", type=int, default=3, help="in the cluster (3)")
    parser.add_argument("--library", choices=["debian", "new"], default="debian", help="the librdkafka to run on (debian)")
    parser.add_argument("--bin", type=Path, default=ROOT / ".build/release", help="where etl and etl-stage are")
    parser.add_argument("--faults-s", type=int, default=3600, help="longest time for the faults (3600)")
    parser.add_argument("--drain-s", type=int, default=300, help="longest time to drain after the last fault (300)")
    parser.add_argument("--on-failure", metavar="COMMAND", help="run by a shell while everything is still there")
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    return parser.parse_args()


class Chaos:
    def __init__(self, given):
        self.given = given
        self.seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)

    def set_up(self):
        for program in ("etl", "etl-stage"):
            if not (self.given.bin / program).exists():
                raise Failure(f"{self.given.bin / program} isn't built; swift build -c release builds it")
        if script("kafka", "home", check=False).get("kind") != "stock":
            raise Failure("needs a stock Apache Kafka; scripts/kafka says how to get one")
        self.services = Services(self.given.brokers)
        self.pipeline = Pipeline(self.given, self.seed, self.services)

    def tend_until(self, condition, timeout_s, what):
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                raise Failure(f"not {what} after {timeout_s} s")
            self.pipeline.tend()
            time.sleep(0.05)

    def run(self):
        plan = faults.plan(self.given.faults, random.Random(self.seed), set(filter(None, self.given.only.split(","))))
        if self.services.tablespace == "pg_default" and "disk_full" in plan.get("postgres", []):
            plan["postgres"] = [fault for fault in plan["postgres"] if fault != "disk_full"]
            print("chaos: no file system may be mounted here, so Postgres' disk is never full", flush=True)
        for stage in expect.STAGES:
            self.pipeline.start(stage)
        lanes = [faults.Lane(name, turns, self.pipeline, self.seed) for name, turns in plan.items()]
        for lane in lanes:
            lane.start()

        def over():
            for lane in lanes:
                if lane.error:
                    raise Failure(f"lane {lane.name}: {lane.error}") from lane.error
            return not any(lane.is_alive() for lane in lanes)

        self.tend_until(over, self.given.faults_s, "through with the faults")
        self.pipeline.next_file()

    def drain(self):
        """Until the extractor has ended well and each stage has committed past the last record of its topic, from first to last."""
        pipeline, deadline = self.pipeline, time.monotonic() + self.given.drain_s

        def extracted():
            if not pipeline.extracted:
                pipeline.start("extractor")
            return pipeline.extracted

        left = lambda: max(1, int(deadline - time.monotonic()))
        # The one that runs may have looked for files before the last came: only one that starts now has seen them all.
        self.tend_until(lambda: "extractor" not in pipeline.fleet.living, left(), "extracted")
        pipeline.extracted = False
        self.tend_until(extracted, left(), "extracted")
        self.topics = {}
        for stage, topic in expect.STAGES.items():
            self.topics[topic] = pipeline.kafka.read(topic)
            ends = observe.ends_of(self.topics[topic])
            self.tend_until(lambda: not pipeline.kafka.behind(f"etl.chaos.{stage}", topic, ends), left(),
                            f"drained by stage {stage}")
        for name in list(pipeline.fleet.living):
            pipeline.leave(name)


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chaos, right, began = Chaos(given), False, time.monotonic()
    print(f"chaos: --seed {chaos.seed} --faults {given.faults} --records {given.records} --delivery {given.delivery} "
          f"--library {given.library}{' --only ' + given.only if given.only else ''}", flush=True)
    try:
        chaos.set_up()
        chaos.run()
        broken_s = time.monotonic() - began
        chaos.drain()
        right = report.judge(chaos.pipeline, chaos.topics)
        print(f"chaos: set up and faults {broken_s:.0f} s, drained and counted {time.monotonic() - began - broken_s:.0f} s more")
    except Exception as failure:  # whatever ends the test early is a failure of the test, and said in its own form
        print(f"FAIL chaos: {failure}", flush=True)
        if given.on_failure:
            subprocess.run(given.on_failure, shell=True, check=False)
        if not isinstance(failure, Failure) or failure.__cause__:
            traceback.print_exc()
        if not hasattr(chaos, "services"):
            return 3
        if hasattr(chaos, "pipeline"):
            report.failures(chaos.pipeline)
    finally:
        keep = given.keep or not right
        if hasattr(chaos, "pipeline"):
            chaos.pipeline.fleet.kill_all()
        if hasattr(chaos, "services"):
            chaos.services.end(keep)
            if keep:
                print(f"logs: {chaos.services.dir}/logs")
    print(f"chaos: {'all right' if right else 'NOT right'} after {time.monotonic() - began:.0f} s; again with --seed {chaos.seed}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
