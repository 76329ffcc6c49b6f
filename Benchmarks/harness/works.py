"""The works that commands are compared on: what goes in, what must come out, and what is run."""
import dataclasses
import subprocess

from machine import COUNTRIES, Failed, RELEASE, TOOLS

DDL = ("(order_id text primary key, customer_id text not null, ts timestamptz not null, country text, currency text, sku text, "
       "quantity int not null, unit_price numeric(12,2) not null, status text, email text)")


@dataclasses.dataclass(frozen=True)
class Work:
    """`{…}` in a command: name bootstrap in out dlq group records csv dsn table countries; a topology has them as variables."""
    what: str
    commands: dict  # by name; the first is what ratios refer to
    source: str = "topic"  # or csv
    sink: str = "topic"  # or append, upsert: a table
    steps: bool = False  # what comes out follows from expect.py, dead letters included
    clean: bool = False
    shape: tuple = ()  # options of orders.c
    share: float = 1  # of the records asked for
    partitions: int = 6


def stage(topology):
    return f"{RELEASE}/etl-stage --topology=Benchmarks/topologies/{topology}.yaml --stage=out --until-end --create-topics"


W2 = f"{TOOLS}/w2 {{in}} {{out}} {{records}}"
PG = f"{TOOLS}/bare_pg {{in}} '{{dsn}}' {{group}} {{table}}"
ETL = f"{RELEASE}/etl"

WORKS = {
    "W1": Work("copy key and value", {"bare": f"{TOOLS}/w1 {{in}} {{out}} {{records}}", "ours": stage("W1")}),
    "W2": Work("validate, look up, compute, filter; at least once", {"bare": W2, "ours": stage("W2")}, steps=True),
    "W3": Work("W2 exactly once", {"bare": W2 + " --eos 200", "ours": stage("W3")}, steps=True),
    "L1": Work("append to Postgres", {"bare": PG + " append", "ours": stage("L1")}, sink="append", clean=True),
    "L2": Work("upsert over a full table", {"bare": PG + " upsert", "ours": stage("L2")}, sink="upsert", clean=True),
    "E1": Work("CSV to Kafka", {"bare": f"{TOOLS}/csv2kafka {{csv}} {{out}}",
                                "ours": f"{ETL} extract --topology=Benchmarks/topologies/E1.yaml --create-topics"},
               source="csv", clean=True),
    "nested": Work("W2 on orders of 1.8 KB", {"bare": W2, "ours": stage("nested")}, steps=True, shape=("--shape", "nested"), share=.2),
    "nested-shuffled": Work("the same, keys in any order", {"bare": W2, "ours": stage("nested")}, steps=True, share=.2,
                            shape=("--shape", "nested", "--shuffled")),
    "order-shuffled": Work("W2, keys in any order", {"bare": W2, "ours": stage("W2")}, steps=True, shape=("--shuffled",)),
    "event": Work("events of 60 B", {"ours": stage("event")}, steps=True, clean=True, shape=("--shape", "event")),
    "event-shuffled": Work("the same, keys in any order", {"ours": stage("event")}, steps=True, clean=True,
                           shape=("--shape", "event", "--shuffled")),
    "memory": Work("W2 in 512 MB and in 128 MB", {"512 MB": stage("W2"), "128 MB": stage("memory")}, steps=True),
    "threads": Work("W2 on one and on two threads", {"1 thread": stage("W2"), "2 threads": stage("threads")}, steps=True),
    "partitions": Work("W2 from 600 partitions into 600", {"bare": W2, "ours": stage("W2")}, steps=True, partitions=600),
    "large": Work("W2 on orders of 0.95 MB", {"bare": W2, "ours": stage("W2")}, steps=True, shape=("--shape", "large"), share=.001),
    "ten": Work("W2 on ten times as many records", {"bare": W2, "ours": stage("W2")}, steps=True, share=10),
}


class Input:
    """A work's records, made once for a run of the benchmarks: a topic or a file, its bytes and what must come out."""
    made = {}

    def __init__(self, work, records, servers):
        self.records = max(1, round(records * work.share))
        self.servers = servers
        options = list(work.shape) + (["--clean"] if work.clean else [])
        self.name = "-".join(["bench", str(self.records), str(work.partitions), *(option.lstrip("-") for option in options)])
        self.orders = f"{TOOLS}/orders {self.records} {' '.join(options)}"
        self.csv = servers.folder / f"{self.name}.csv"
        if work.source == "csv":
            self.bytes = self._once("csv", self._make_csv)
        else:
            self.bytes = self._once("topic", lambda: self._fill(work.partitions))
        if work.steps:
            self.out, self.dead = self._once("expected", self._expect)
        else:
            self.out, self.dead = self.records, 0

    def _once(self, what, make):
        key = (what, self.name)
        if key not in Input.made:
            Input.made[key] = make()
        return Input.made[key]

    def _shell(self, command):
        ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True,
                             env={"BOOTSTRAP": self.servers.bootstrap, "PATH": "/usr/local/bin:/usr/bin:/bin"})
        if ran.returncode:
            raise Failed(f"{command}: {ran.stderr.strip()}")
        return ran.stdout

    def _make_csv(self):
        self._shell(f"{self.orders} | python3 Benchmarks/work/to_csv.py > {self.csv}")
        return self.csv.stat().st_size

    def _fill(self, partitions):
        self.servers.make_topics(partitions, [self.name])
        self._shell(f"{self.orders} --keyed | {TOOLS}/fill {self.name}")
        [[records, size]] = self.servers.kadm("count", self.name)
        if records != self.records:
            raise Failed(f"topic {self.name} has {records} records, not {self.records}")
        return size

    def _expect(self):
        out, dead, _ = map(int, self._shell(f"{self.orders} | python3 Benchmarks/work/expect.py {COUNTRIES}").split())
        return out, dead

    def full_table(self):
        """A table with every order, for upserts."""
        def make():
            self.servers.sql(f"create table bench_full {DDL}")
            self._shell(f"{self.orders} | python3 Benchmarks/work/to_csv.py | psql -qX '{self.servers.dsn}' "
                        "-c 'copy bench_full from stdin (format csv, header)'")
            self.servers.sql("update bench_full set status = 'stale'")
            return "bench_full"
        return self._once("table", make)
