"""The real processes of the test: brokers, a Postgres server, and the pipeline's own, each of which may be killed."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL


class Failure(Exception):
    """The test can't go on."""


def script(*arguments, timeout=150, check=True):
    """Runs one of scripts/; gives the NAME=value lines it printed."""
    command = [str(ROOT / "scripts" / arguments[0]), *map(str, arguments[1:])]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if check and ran.returncode:
        raise Failure(f"scripts/{' '.join(map(str, arguments[:2]))} failed ({ran.returncode}): {ran.stderr.strip()}")
    return dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)


class Services:
    """A Kafka cluster and a Postgres server in a folder of their own."""

    def __init__(self, brokers):
        self.dir = Path(tempfile.mkdtemp(prefix="etl-chaos-"))
        self.dir.chmod(0o755)  # the server's user must be able to enter
        self.kafka, self.postgres = self.dir / "kafka", self.dir / "postgres"
        self.restarts = []
        self.started = script("kafka", "start", "--dir", self.kafka, "--brokers", brokers)
        self.bootstrap = self.started["bootstrap"]
        self.url = script("postgres", "start", self.postgres, 0, "scram")["url"]

    def restart_later(self, name, *arguments):
        """Restarts a service without waiting for it."""
        log = open(self.dir / f"restart-{name}.log", "a")
        command = [str(ROOT / "scripts" / arguments[0]), *map(str, arguments[1:])]
        self.restarts.append((name, subprocess.Popen(command, stdout=log, stderr=log)))

    def settled(self, timeout_s=120):
        """Waits until every restart is done."""
        for name, process in self.restarts:
            if process.wait(timeout=timeout_s):
                raise Failure(f"{name} didn't come back; its log is {self.dir}/restart-{name}.log")
        self.restarts = []

    def end(self, keep):
        for name, process in self.restarts:
            process.wait(timeout=120)
        if (self.kafka / "cluster").exists():
            script("kafka", "destroy", self.kafka, check=False)
        if (self.postgres / "data").exists():
            script("postgres", "destroy", self.postgres, check=False)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


class Fleet:
    """The pipeline's processes by name. Each has a log that spans its lives."""

    def __init__(self, directory, environment):
        self.dir, self.environment = directory / "logs", environment
        self.dir.mkdir()
        self.living, self.commands, self.unexpected = {}, {}, []
        self.lives = 0

    def start(self, name, command):
        assert name not in self.living, f"{name} runs"
        self.commands[name] = command
        with open(self.dir / f"{name}.log", "ab") as log:
            log.write(f"--- {time.strftime('%H:%M:%S')} {' '.join(command)}\n".encode())
            log.flush()
            self.living[name] = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                 start_new_session=True)
        self.lives += 1

    def reap(self):
        """Names and exit statuses of those that ended by themselves since the last call."""
        ended = [(name, process.poll()) for name, process in self.living.items() if process.poll() is not None]
        for name, _ in ended:
            del self.living[name]
        return ended

    def kill(self, name):
        """kill -9; False where it had just ended by itself."""
        process = self.living[name]
        if process.poll() is not None:
            return False
        process.kill()
        process.wait()
        del self.living[name]
        return process.returncode == KILLED

    def end(self, name, timeout_s=40):
        """SIGTERM, and the exit status; None where it had to be killed because it didn't end in time."""
        process = self.living.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def kill_all(self):
        for process in self.living.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        self.living = {}

    def tail(self, name, lines=4):
        text = (self.dir / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join("    " + line[:400] for line in text[-lines:])


def environment(library):
    """What the pipeline's processes get: Debian's librdkafka, or the newer one."""
    result = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    if library == "new":
        newer = ROOT / ".venv/librdkafka"
        if not (newer / "librdkafka.so.1").exists():
            raise Failure("the newer librdkafka isn't there; scripts/setup gets it")
        result["LD_LIBRARY_PATH"] = str(newer)
    return result
