"""What runs on this machine: the tools built here, throw-away servers, and one process measured."""
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "Benchmarks"
TOOLS = ROOT / ".build/bench"
RELEASE = ROOT / ".build/release"
COUNTRIES = HERE / "work/countries.csv"
PACKAGES = ["g++", "make", "librdkafka-dev", "libpq-dev", "libsimdjson-dev"]


class Failed(Exception):
    """What can't be measured, and why."""


def missing_packages():
    found = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *PACKAGES], capture_output=True, text=True)
    there = {line.split()[0] for line in found.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in PACKAGES if package not in there]


def build_tools():
    missing = missing_packages()
    if missing:
        print(f"bench: missing {' '.join(missing)}; scripts/setup bench installs them", flush=True)
        subprocess.run([ROOT / "scripts/setup", "bench"], check=True)
    subprocess.run(["make", "-s", "-C", HERE, f"OUT={TOOLS}"], check=True)


class Servers:
    """A Kafka and a PostgreSQL of this run's own, started when first asked for."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="etl-bench."))
        self.folder.chmod(0o755)  # the server's user must be able to enter it
        self._bootstrap = self._dsn = None

    @property
    def bootstrap(self):
        if not self._bootstrap:
            self._bootstrap = self._start(["scripts/kafka", "start", "--dir", self.folder / "kafka"], KAFKA_HEAP="1g")["bootstrap"]
        return self._bootstrap

    @property
    def dsn(self):
        if not self._dsn:
            port = self._start(["scripts/postgres", "start", self.folder / "postgres", "0", "trust"])["port"]
            self._dsn = f"host=127.0.0.1 port={port} user=etl dbname=etl"
        return self._dsn

    def _start(self, command, **environment):
        ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
        if ran.returncode:
            raise Failed(ran.stderr.strip())
        return dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)

    def close(self):
        for name, used in (("kafka", self._bootstrap), ("postgres", self._dsn)):
            if used:
                subprocess.run([f"scripts/{name}", "destroy", self.folder / name], cwd=ROOT, stdout=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.folder])

    def kadm(self, *words):
        ran = subprocess.run([TOOLS / "kadm", *map(str, words)], env={**os.environ, "BOOTSTRAP": self.bootstrap},
                             capture_output=True, text=True, timeout=300)
        if ran.returncode:
            raise Failed(f"kadm {' '.join(map(str, words))}: {ran.stderr.strip()}")
        return [[int(number) for number in line.split()[1:]] for line in ran.stdout.splitlines()]

    def make_topics(self, partitions, names, within_s=60):
        """New topics, when the broker knows them and each partition has a leader."""
        self.kadm("create", partitions, *names)
        deadline = time.monotonic() + within_s
        while self.kadm("partitions", *names) != [[partitions]] * len(names):
            if time.monotonic() > deadline:
                raise Failed(f"topics {' '.join(names)} have no leaders after {within_s} s")
            time.sleep(0.1)

    def settle_tables(self):
        """Does now what Postgres would do at some time of a later run, and count to that: vacuum, and a checkpoint."""
        for statement in ("vacuum (analyze)", "checkpoint"):
            self.sql(statement, user="postgres")

    def sql(self, statement, user="etl"):
        ran = subprocess.run(["psql", "-qAtX", f"{self.dsn} user={user}", "-v", "ON_ERROR_STOP=1", "-c", statement], capture_output=True, text=True)
        if ran.returncode:
            raise Failed(ran.stderr.strip())
        return ran.stdout.strip()


class Process:
    """A command under measurement, in a process group of its own."""

    def __init__(self, command, log, **environment):
        self.log = log
        self.began = time.monotonic()
        with open(log, "w", encoding="utf-8") as out:
            self.child = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                                          env={**os.environ, **environment}, start_new_session=True)
        self.usage = self.status = None

    def ended(self):
        if self.usage is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.usage, self.status = usage, os.waitstatus_to_exitcode(status)
                self.child.returncode = self.status
        return self.usage is not None

    def stop(self, with_signal=signal.SIGTERM, within_s=30):
        """Ends it, by force after a while."""
        deadline = time.monotonic() + within_s
        if not self.ended():
            os.kill(self.child.pid, with_signal)
        while not self.ended():
            if time.monotonic() > deadline:
                os.killpg(self.child.pid, signal.SIGKILL)
            time.sleep(0.02)

    def complaint(self):
        text = Path(self.log).read_text(encoding="utf-8", errors="replace").strip()
        return "\n".join(text.splitlines()[-5:])

    def proc(self):
        """CPU seconds so far, resident MB now, threads."""
        stat = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), resident / 1024, int(stat[17])

    def threads(self):
        """CPU seconds so far of each thread there is, by its number: (name, seconds)."""
        found = {}
        for task in Path(f"/proc/{self.child.pid}/task").glob("*"):
            try:
                found[task.name] = (task / "comm").read_text().strip(), int((task / "schedstat").read_text().split()[0]) / 1e9
            except OSError:  # it has just ended
                continue
        return found

    @property
    def cpu(self):
        return self.usage.ru_utime + self.usage.ru_stime

    @property
    def peak_mb(self):
        return self.usage.ru_maxrss / 1024


def describe():
    """The machine and how busy it is, for the head of a report."""
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    load = os.getloadavg()
    return f"{os.cpu_count()} cores, {model}; load before {load[0]:.1f}; {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC"
