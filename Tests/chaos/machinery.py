"""The real processes of the test: brokers, a Postgres server, and the pipeline's own, each of which may be killed."""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL


class Failure(Exception):
    """The test can't go on."""


def script(*arguments, timeout=300, check=True):
    """Runs one of scripts/; gives the NAME=value lines it printed."""
    command = [str(ROOT / "scripts" / arguments[0]), *map(str, arguments[1:])]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if check and ran.returncode:
        raise Failure(f"scripts/{' '.join(map(str, arguments[:2]))} failed ({ran.returncode}): {ran.stderr.strip()}")
    return dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)


class Services:
    """A Kafka cluster and a Postgres server in a folder of their own. The loader reaches Postgres through a proxy; the table
    lies in a small file system, where one can be mounted, so that it can be filled."""

    def __init__(self, brokers):
        self.dir = Path(tempfile.mkdtemp(prefix="etl-chaos-"))
        self.dir.chmod(0o755)  # the server's user must be able to enter
        self.kafka, self.postgres, self.disk = self.dir / "kafka", self.dir / "postgres", self.dir / "disk"
        self.started = script("kafka", "start", "--dir", self.kafka, "--brokers", brokers)
        self.bootstrap = self.started["bootstrap"]
        server = script("postgres", "start", self.postgres, 0, "scram")
        self.url, self.proxy = server["url"], Proxy(int(server["port"]))
        self.url_by_proxy = self.url.replace(f":{server['port']}/", f":{self.proxy.port}/")
        self.tablespace = "pg_default"
        if self.mount_disk():
            self.tablespace = "small"
            superuser = self.url.replace("etl:etl-secret@", "postgres:postgres-secret@")
            command = f"create tablespace small owner etl location '{self.disk}/table'"
            subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", command, superuser], check=True)

    def mount_disk(self):
        """Whether there is a small file system for the table: only root may mount, and not in every sandbox."""
        self.disk.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=384m", "tmpfs", str(self.disk)],
                                                       capture_output=True).returncode == 0
        if mounted:
            (self.disk / "table").mkdir()
            shutil.chown(self.disk / "table", "postgres")
        return mounted

    def end(self, keep):
        if (self.kafka / "cluster").exists():
            script("kafka", "destroy", self.kafka, check=False)
        if (self.postgres / "data").exists():
            script("postgres", "destroy", self.postgres, check=False)
        if os.path.ismount(self.disk):
            subprocess.run(["umount", "-l", str(self.disk)], check=False)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


class Fleet:
    """The pipeline's processes by name. Each has a log that spans its lives. Any thread may call."""

    def __init__(self, directory, environment):
        self.dir, self.environment = directory / "logs", environment
        self.dir.mkdir()
        self.lock, self.living, self.expected = threading.RLock(), {}, set()
        self.all = []

    def lives(self, name):
        with self.lock:
            return name in self.living and self.living[name].poll() is None

    def start(self, name, command):
        """Does nothing where it runs."""
        with self.lock:
            if name in self.living:
                return
            with open(self.dir / f"{name}.log", "ab") as log:
                log.write(f"--- {time.strftime('%H:%M:%S')} {' '.join(command)}\n".encode())
                log.flush()
                self.living[name] = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                                     stderr=log, start_new_session=True)
                self.all.append(self.living[name])

    def reap(self):
        """Names and exit statuses of those that ended by themselves since the last call, though nobody waits for that."""
        with self.lock:
            ended = [(name, process.poll()) for name, process in self.living.items()
                     if process.poll() is not None and name not in self.expected]
            for name, _ in ended:
                del self.living[name]
            return ended

    def kill(self, name):
        """kill -9; False where it had just ended by itself, or had not been started."""
        with self.lock:
            process = self.living.get(name)
            if process is None or process.poll() is not None:
                return False
            process.kill()
            process.wait()
            del self.living[name]
            return process.returncode == KILLED

    def signal(self, name, number):
        """False where it doesn't run."""
        with self.lock:
            if not self.lives(name):
                return False
            self.living[name].send_signal(number)
            return True

    def take(self, name):
        """Its process, which the caller looks after from now on; None where it doesn't run."""
        with self.lock:
            return self.living.pop(name) if self.lives(name) else None

    def end(self, name, timeout_s=60):
        """SIGTERM, and the exit status; None where it had to be killed because it didn't end in time."""
        process = self.take(name)
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def kill_all(self):
        for process in self.all:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.living = {}

    def last(self, name, lines=4):
        """What it said last."""
        return (self.dir / f"{name}.log").read_text(errors="replace").splitlines()[-lines:]

    def tail(self, name, lines=4):
        """The same for people."""
        return "\n".join("    " + line[:600] for line in self.last(name, lines))


def environment(library):
    """What the pipeline's processes get: Debian's librdkafka, or the newer one."""
    result = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    if library == "new":
        newer = ROOT / ".venv/librdkafka"
        if not (newer / "librdkafka.so.1").exists():
            raise Failure("the newer librdkafka isn't there; scripts/setup gets it")
        result["LD_LIBRARY_PATH"] = str(newer)
    return result
