"""What isn't a race: latency at a given rate, what an idle stage holds, a hundred stages in one process."""
import re
import statistics
import subprocess
import time

from compare import numbers
from machine import COUNTRIES, Failed, Process, RELEASE, Servers, TOOLS

RATE, SECONDS = 5000, 15


def latency(runs):
    """Percentiles of produce to visible at 5,000 records a second, on a broker of their own: one that deletes what a race left
    behind stalls every now and then. A new one compiles itself for its first half minute, so the first run doesn't count.
    """
    servers = Servers()
    try:
        return _latencies(servers, runs)
    finally:
        servers.close()


def _latencies(servers, runs):
    commands = {
        "bare, at least once": [TOOLS / "w2", "{in}", "{out}", "0"],
        "ours, at least once": [RELEASE / "etl-stage", "--topology=Benchmarks/topologies/latency.yaml", "--stage=out"],
        "bare, exactly once, 20 ms": [TOOLS / "w2", "{in}", "{out}", "0", "--eos", "20"],
        "ours, exactly once, 20 ms": [RELEASE / "etl-stage", "--topology=Benchmarks/topologies/latency-exactly-once.yaml",
                                      "--stage=out"],
    }
    commands = {"nothing between": None, **commands}
    found = {label: [] for label in commands}
    for label in ("bare, at least once", "bare, exactly once, 20 ms"):
        print(f"  warm-up: {_latency(servers, commands[label])}", flush=True)
    for _ in range(runs):
        for label, command in commands.items():
            found[label].append(_latency(servers, command))
            print(f"  {label}: {found[label][-1]}", flush=True)
    print(f"\n**latency**: produce to visible, {RATE:,} records a second for {SECONDS} s, {runs} runs, ms: median (min–max)\n")
    print("| | p50 | p99 | CPU s a million | not seen |\n|---|---|---|---|---|")
    for label, values in found.items():
        def cell(key, digits=1):
            column = [value[key] for value in values]
            return f"{statistics.median(column):.{digits}f} ({min(column):.{digits}f}–{max(column):.{digits}f})"
        print(f"| {label} | {cell('p50')} | {cell('p99')} | {cell('cpu', 2) if 'cpu' in values[0] else ''} "
              f"| {sum(value['missing'] for value in values):.0f} |")
    print(flush=True)
    return True


def _latency(servers, command):
    name = f"b{next(numbers)}"
    words = {"name": name, "bootstrap": servers.bootstrap, "in": f"{name}.in", "out": f"{name}.out" if command else f"{name}.in",
             "countries": str(COUNTRIES)}
    topics = sorted({words["in"], words["out"]}) + ([f"{name}.out.dlq"] if command else [])
    servers.make_topics(6, topics)
    environment = {key.upper(): value for key, value in words.items()}
    process = None
    if command:
        process = Process([str(word).format(**words) if "{" in str(word) else word for word in command], servers.folder / "log",
                          **environment)
        time.sleep(5)  # until the group has its partitions: lat's first seconds don't count either
    ran = subprocess.run([TOOLS / "lat", words["in"], words["out"], str(RATE), str(SECONDS)], capture_output=True, text=True,
                         env=environment)
    if process:
        process.stop()
    servers.kadm("delete", *topics)
    if ran.returncode:
        raise Failed(f"lat: {ran.stdout}{ran.stderr}" + (process.complaint() if process else ""))
    values = {key: float(value) for key, value in re.findall(r"(p50|p99|missing)=([\d.]+)", ran.stdout)}
    if process:
        values["cpu"] = process.cpu / (RATE * SECONDS) * 1e6
    return values


def _watch(label, process, warm_s=5, seconds=10):
    time.sleep(warm_s)
    if process.ended():
        raise Failed(f"{label} ended with status {process.status}: {process.complaint()}")
    before = process.proc()[0]
    time.sleep(seconds)
    after, resident, threads = process.proc()
    print(f"| {label} | {(after - before) / seconds * 100:.1f} % of a core | {resident:.0f} MB resident | {threads} threads |", flush=True)


def idle(servers):
    """What a waiting stage costs."""
    environment = {"BOOTSTRAP": servers.bootstrap}
    topology = "--topology=Benchmarks/topologies/idle.yaml"
    made = Process([RELEASE / "etl", "topics", "create", topology], servers.folder / "log", **environment)
    made.stop(with_signal=0)
    process = Process([RELEASE / "etl-stage", topology, "--stage=out"], servers.folder / "log", **environment)
    print("\n| | CPU | memory | |\n|---|---|---|---|")
    try:
        _watch("idle stage", process)
    finally:
        process.stop()
    return True


def stages(servers, count=100, records=10_000):
    """A hundred stages in one process, each reading the same topic: what they hold while they wait, and what a record costs."""
    name = f"b{next(numbers)}"
    source = f"{name}.in"
    lines = [f"name: {name}", "delivery: at_least_once", f'kafka: {{bootstrap_servers: "{servers.bootstrap}"}}', "topics:",
             f"  in: {{name: {source}}}"]
    lines += [f"  out{n}: {{name: {name}.out{n}, partitions: 1}}" for n in range(count)]
    lines += ["stages:"]
    lines += [f"  s{n}: {{from: in, to: out{n}, steps: [{{filter: message.status != 'refunded'}}]}}" for n in range(count)]
    path = servers.folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    servers.make_topics(1, [source])
    subprocess.run(f"{TOOLS}/orders {records} --keyed --clean | {TOOLS}/fill {source}", shell=True, check=True,
                   stdout=subprocess.DEVNULL, env={"BOOTSTRAP": servers.bootstrap})
    made = Process([RELEASE / "etl", "topics", "create", f"--topology={path}"], servers.folder / "log")
    made.stop(with_signal=0)
    process = Process([RELEASE / "etl", "run", f"--topology={path}"], servers.folder / "log")
    while not process.ended() and time.monotonic() - process.began < 300:
        time.sleep(0.05)
    wall = time.monotonic() - process.began
    process.stop()
    counts = {row[0] for row in servers.kadm("count", *(f"{name}.out{n}" for n in range(count)))}
    print(f"\n**stages**: {count} stages in one process, each reading the same {records:,} records of Kafka\n")
    print("| CPU s | wall s | CPU ns a record and stage | peak MB | counts |\n|---|---|---|---|---|")
    right = len(counts) == 1 and counts != {0} and process.status == 0
    print(f"| {process.cpu:.2f} | {wall:.2f} | {process.cpu / records / count * 1e9:.0f} | {process.peak_mb:.0f} "
          f"| {'right' if right else f'WRONG {sorted(counts)}: {process.complaint()}'} |\n", flush=True)
    return right
