"""topologies/orders.yaml as it stands, by `etl run` on the in-memory log, beside the sum of the rivals' programs for its parts."""
import collections
import shutil
import statistics
import time

from compare import TIMEOUT_S, numbers
from machine import COUNTRIES, Process, RELEASE, ROOT, TOOLS
from works import DDL, WORKS, Input

THREADS = {"orders_csv": "CSV", "validate": "validate", "enrich": "enrich", "select": "select", "load_postgres": "load"}


def pipeline(servers, runs, records):
    made = Input(WORKS["E1"], records, servers)
    wanted = int(made._shell(f"{made.orders} | python3 Benchmarks/work/expect.py {COUNTRIES}").split()[0])
    folder = _topology(servers, made)
    results = {"bare, one after the other": [], "ours": []}
    stages = collections.defaultdict(list)
    right = True
    for _ in range(runs):
        for label in results:
            if label == "ours":
                process, wall, parts, rows = _ours(servers, folder)
                for part, seconds in parts.items():
                    stages[part].append(seconds)
            else:
                process, wall, rows = _bare(servers, made)
            wrong = "" if process.status == 0 and rows == wanted else f", WRONG: {rows} rows, not {wanted}; {process.complaint()}"
            right = right and not wrong
            results[label].append((process.cpu, wall, process.peak_mb))
            print(f"  {label}: CPU {process.cpu:.2f} s, wall {wall:.2f} s, {process.peak_mb:.0f} MB{wrong}", flush=True)
    print(f"\n**pipeline**: topologies/orders.yaml, {made.records:,} CSV rows of {made.bytes / made.records:.0f} B into a table, {runs} "
          "runs; bare: csv2kafka, then w2, then bare_pg upsert, over Kafka\n")
    print("| | CPU s | wall s | CPU ns a record | peak MB | counts |\n|---|---|---|---|---|---|")
    for label, found in results.items():
        cpu, wall, peak = (statistics.median(column) for column in zip(*found))
        print(f"| {label} | {cpu:.2f} | {wall:.2f} | {cpu / made.records * 1e9:.0f} | {peak:.0f} | {'right' if right else 'WRONG'} |")
    print("\n| thread of | CPU ns a record of the file |\n|---|---|")
    for part, values in sorted(stages.items(), key=lambda item: list(THREADS.values()).index(item[0]) if item[0] in THREADS.values() else 9):
        print(f"| {part} | {statistics.median(values) / made.records * 1e9:.0f} |")
    print(flush=True)
    return right


def _topology(servers, made):
    """The repository's topology beside other data: the same columns under the table's names."""
    folder = servers.folder / "orders"
    for name in ("data", "lookups", "secrets"):
        (folder / name).mkdir(parents=True)
    (folder / "secrets/postgres_url").write_text(servers.dsn, encoding="utf-8")
    shutil.copy(ROOT / "topologies/orders.yaml", folder)
    shutil.copy(COUNTRIES, folder / "lookups/countries.csv")
    with open(made.csv, encoding="utf-8") as source, open(folder / "data/orders-1.csv", "w", encoding="utf-8") as target:
        target.write(source.readline().replace(",ts,", ",ordered_at,"))
        shutil.copyfileobj(source, target)
    return folder


def _wait(process, sample=lambda: None):
    while not process.ended():
        if time.monotonic() - process.began > TIMEOUT_S:
            process.stop()
        sample()
        time.sleep(0.01)
    return time.monotonic() - process.began


def _ours(servers, folder):
    servers.sql("drop table if exists orders, etl_offsets")
    servers.sql((ROOT / "topologies/orders.sql").read_text(encoding="utf-8"))
    servers.settle_tables()
    process = Process([RELEASE / "etl", "run", f"--topology={folder / 'orders.yaml'}", "--embedded", "--format=json"],
                      servers.folder / "log", ETL_SECRETS_DIR=str(folder / "secrets"))
    threads = {}
    wall = _wait(process, lambda: threads.update(process.threads()))
    parts = collections.Counter()
    for name, seconds in threads.values():
        parts[THREADS.get(name, "others")] += seconds
    return process, wall, parts, int(servers.sql("select count(*) from orders"))


def _bare(servers, made):
    name = f"b{next(numbers)}"
    table, topics = f"bench_{name}", [f"{name}.raw", f"{name}.out", f"{name}.out.dlq"]
    servers.sql(f"drop table if exists etl_offsets; create table {table} {DDL}")
    servers.settle_tables()
    servers.make_topics(6, topics)
    process = Process(["sh", "-c", f"{TOOLS}/csv2kafka {made.csv} {topics[0]} && {TOOLS}/w2 {topics[0]} {topics[1]} {made.records} && "
                       f"{TOOLS}/bare_pg {topics[1]} '{servers.dsn}' g-{name} {table} upsert"], servers.folder / "log",
                      BOOTSTRAP=servers.bootstrap, COUNTRIES=str(COUNTRIES))
    wall = _wait(process)
    rows = int(servers.sql(f"select count(*) from {table}"))
    servers.sql(f"drop table {table}")
    servers.kadm("delete", *topics)
    return process, wall, rows
