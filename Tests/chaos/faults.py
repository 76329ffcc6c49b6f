"""Which faults there are, how often each comes, and the lanes that inject them: one for each process and service, at once."""
import random
import threading

import faults_kafka
import faults_postgres
import faults_process
import faults_replay
import faults_topic
from expect import STAGES

# By lane and fault: its share of 300 faults, and how many there are at least, however few there are in all. A lane's faults come
# one after another, those of different lanes at the same time: a broker restarts while a stage is killed while a connection to
# Postgres is cut.
SHARES = {
    ("extractor", "kill"): (36, 1),
    ("extractor", "zombie"): (6, 1),
    **{(stage, "kill"): (28, 1) for stage in STAGES},
    **{(stage, "zombie"): (6, int(stage == "load_postgres")) for stage in STAGES},
    **{(stage, "join_or_leave"): (8, 2 * (stage == "enrich")) for stage in STAGES},
    ("kafka", "crash"): (14, 1),
    ("kafka", "pause"): (10, 1),
    ("kafka", "rolling_restart"): (2, 0),
    ("kafka", "leaders"): (10, 1),
    ("kafka", "group_coordinator"): (8, 0),
    ("kafka", "transaction_coordinators"): (6, 0),
    ("postgres", "stop"): (8, 1),
    ("postgres", "kill"): (6, 0),
    ("postgres", "pause"): (6, 1),
    ("postgres", "cut_copy"): (8, 1),
    ("postgres", "cut_commit"): (6, 1),
    ("postgres", "disk_full"): (3, 0),
    ("topic", "deleted"): (3, 0),
    ("replay", "kill"): (12, 1),
}
LANES = {"extractor": faults_process.Extractor, **{stage: faults_process.Stage for stage in STAGES},
         "kafka": faults_kafka.Kafka, "postgres": faults_postgres.Postgres, "topic": faults_topic.Topic,
         "replay": faults_replay.Replay}


def plan(total, rng, wanted):
    """{lane: its faults in order}: so many in all, of the wanted kinds, kills of the stages making up the number."""
    counts = {key: max(least, round(share * total / 300)) for key, (share, least) in SHARES.items()
              if not wanted or f"{key[0]}.{key[1]}" in wanted or key[1] in wanted or key[0] in wanted}
    kills = [key for key in counts if key[1] == "kill" and key[0] in STAGES] or list(counts)
    turn = 0
    while (missing := total - sum(counts.values())) and turn < 10 * total:
        key = kills[turn % len(kills)]
        counts[key] = max(1, counts[key] + (1 if missing > 0 else -1))
        turn += 1
    lanes = {lane: [] for lane in LANES}
    for (lane, fault), number in counts.items():
        lanes[lane] += [fault] * number
    for faults in lanes.values():
        rng.shuffle(faults)
    return {lane: faults for lane, faults in lanes.items() if faults}


class Lane(threading.Thread):
    """Injects the faults of one lane, each as new orders arrive. What goes wrong is kept in `error`."""

    def __init__(self, name, turns, pipeline, seed):
        super().__init__(name=name, daemon=True)
        self.turns, self.pipeline, self.error = turns, pipeline, None
        self.faults = LANES[name](name, pipeline, random.Random(f"{seed} {name}"))

    def run(self):
        try:
            for turn in self.turns:
                self.pipeline.next_file()
                for _ in range(20):
                    if getattr(self.faults, turn)():
                        break
                else:
                    self.pipeline.fail(f"{self.name}: {turn} didn't come to pass")
            self.faults.finish()
        except Exception as error:  # told by the main thread
            self.error = error
