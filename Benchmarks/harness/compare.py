"""Runs commands alternately on one work, counts what came out each time, and prints medians and ratios."""
import dataclasses
import itertools
import os
import re
import shlex
import signal
import statistics
import time

from machine import COUNTRIES, Process
from works import DDL, Input

TIMEOUT_S = 300
numbers = itertools.count(int(time.time()) % 1000000)


@dataclasses.dataclass
class Run:
    wall: float
    cpu: float
    peak_mb: float
    wrong: str = ""  # what is wrong about it; empty: nothing


class Comparison:
    def __init__(self, work, records, servers):
        self.work, self.servers = work, servers
        self.input = Input(work, records, servers)

    def run(self, command):
        """One run into fresh topics or a fresh table."""
        name = f"b{next(numbers)}"
        out, table = f"{name}.out", f"bench_{name}"
        self.outputs = [out, f"{out}.dlq"] if self.work.steps else [out]
        in_table = self.work.sink != "topic"
        if in_table:
            self._make_table(table)
            self.servers.make_topics(1, [f"{name}.out.dlq"])
        else:
            self.servers.make_topics(self.work.partitions, self.outputs)
        words = {"name": name, "bootstrap": self.servers.bootstrap, "in": self.input.name, "out": out, "dlq": f"{out}.dlq",
                 "group": f"g-{name}", "records": str(self.input.records), "csv": str(self.input.csv),
                 "dsn": self.servers.dsn if in_table else "", "table": table, "countries": str(COUNTRIES)}
        command = [re.sub(r"\{(\w+)\}", lambda match: words[match[1]], word) for word in shlex.split(command)]
        process = Process(command, self.servers.folder / "log", **{key.upper(): value for key, value in words.items()})
        while not process.ended():
            if time.monotonic() - process.began > TIMEOUT_S:
                process.stop(signal.SIGKILL)
            time.sleep(0.01)
        wall = time.monotonic() - process.began
        wrong = self._wrong(table if in_table else None)
        if process.status:
            wrong = f"status {process.status}: {process.complaint()}"
        if in_table:
            self.servers.sql(f"drop table {table}")
        else:
            self.servers.kadm("delete", *self.outputs)
        return Run(wall, process.cpu, process.peak_mb, wrong)

    def _make_table(self, table):
        self.servers.sql(f"create table {table} {DDL}")
        self.servers.sql("drop table if exists etl_offsets")
        if self.work.sink == "upsert":
            self.servers.sql(f"insert into {table} select * from {self.input.full_table()}")
        self.servers.settle_tables()

    def _wrong(self, table):
        if not table:
            got = [counts[0] for counts in self.servers.kadm("count", *self.outputs)]
            want = [self.input.out, self.input.dead][:len(got)]
            return "" if got == want else f"{got} came out, not {want}"
        got = self.servers.sql(f"select count(*), count(distinct order_id), count(*) filter (where status = 'stale') from {table}")
        want = f"{self.input.out}|{self.input.out}|0"
        return "" if got == want else f"rows|orders|stale are {got}, not {want}"


def compare(name, work, servers, records, runs, control, alone):
    """Prints one table. True where every run's counts were right."""
    commands = dict(work.commands)
    if alone and "bare" in commands:
        del commands["bare"]
    first = next(iter(commands))
    if control:
        commands["A/A"] = commands[first]
    comparison = Comparison(work, records, servers)
    results = {label: [] for label in commands}
    for _ in range(runs):
        for label, command in commands.items():
            run = comparison.run(command)
            results[label].append(run)
            print(f"  {label}: CPU {run.cpu:.2f} s, wall {run.wall:.2f} s, {run.peak_mb:.0f} MB"
                  + (f", WRONG: {run.wrong}" if run.wrong else ""), flush=True)
    report(name, work, comparison.input, runs, first, results)
    return not any(run.wrong for found in results.values() for run in found)


def report(name, work, made, runs, first, results):
    def spread(label, key):
        values = [getattr(run, key) for run in results[label]]
        return statistics.median(values), f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"

    print(f"\n**{name}**: {work.what}. {made.records:,} records of {made.bytes / made.records:.0f} B, {runs} runs, load after "
          f"{os.getloadavg()[0]:.1f}\n")
    print(f"| | CPU s | to {first} | wall s | to {first} | CPU ns a record | a byte | peak MB | counts |")
    print("|---|---|---|---|---|---|---|---|---|")
    for label, found in results.items():
        (cpu, cpu_text), (wall, wall_text) = spread(label, "cpu"), spread(label, "wall")
        peak = statistics.median(run.peak_mb for run in found)
        right = sum(not run.wrong for run in found)
        print(f"| {label} | {cpu_text} | {cpu / spread(first, 'cpu')[0]:.2f}× | {wall_text} | {wall / spread(first, 'wall')[0]:.2f}× "
              f"| {cpu / made.records * 1e9:.0f} | {cpu / made.bytes * 1e9:.2f} | {peak:.0f} "
              f"| {'right' if right == len(found) else f'WRONG in {len(found) - right}'} |")
    print(flush=True)
