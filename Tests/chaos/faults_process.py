"""Faults of the pipeline's own processes: killed, stopped for longer than their session lasts, joined and left."""
import signal
import subprocess
import time

SESSION_S = 4  # session.timeout.ms in orders.yaml
TRANSACTION_S = 10  # after it brokers end an open transaction


class Stage:
    """A stage, of which a second instance, b, comes and goes."""

    def __init__(self, name, pipeline, rng):
        self.name, self.pipeline, self.rng = name, pipeline, rng
        self.second = f"{name}#b"
        pipeline.start(name)

    def kill(self):
        """kill -9, mostly amid a transaction; the successor comes at once or a little later."""
        name = self.second if self.pipeline.fleet.lives(self.second) and self.rng.random() < 0.4 else self.name
        if self.rng.random() < 0.85:
            self.pipeline.in_transaction(name)
            time.sleep(self.rng.uniform(0, 0.05))
        else:
            time.sleep(self.rng.uniform(0, 1))
        if not self.pipeline.fleet.kill(name):
            return False
        self.pipeline.count(f"{self.name}: kill -9")
        time.sleep(self.rng.uniform(0, 0.6))
        self.pipeline.start(name)
        return True

    def zombie(self):
        """Stopped for longer than its session lasts, sometimes longer than its transaction; mostly the other instance takes its
        partitions over. Then it wakes and goes on with what it had in its hands."""
        if self.rng.random() < 0.75:
            self.pipeline.start(self.second)
            time.sleep(SESSION_S / 2)
        self.pipeline.in_transaction(self.name)
        if not self.pipeline.fleet.signal(self.name, signal.SIGSTOP):
            return False
        stopped_s = self.rng.choice([SESSION_S, SESSION_S, TRANSACTION_S]) + self.rng.uniform(1, 3)
        time.sleep(stopped_s)
        self.pipeline.fleet.signal(self.name, signal.SIGCONT)
        self.pipeline.count(f"{self.name}: zombie")
        time.sleep(self.rng.uniform(0, 2))
        return True

    def join_or_leave(self):
        if self.pipeline.fleet.lives(self.second):
            self.pipeline.leave(self.second)
            self.pipeline.count(f"{self.name}: instance leaves")
        else:
            self.pipeline.start(self.second)
            self.pipeline.count(f"{self.name}: instance joins")
        time.sleep(self.rng.uniform(0, 2))
        return True

    def finish(self):
        pass


class Extractor:
    """The extractor lives only as long as there are rows, so whatever befalls it befalls it amid its work."""

    def __init__(self, name, pipeline, rng):
        self.name, self.pipeline, self.rng = name, pipeline, rng

    def kill(self):
        self.pipeline.start(self.name)
        time.sleep(self.rng.uniform(0, 1))
        if not self.pipeline.fleet.kill(self.name):
            return False
        self.pipeline.count("extractor: kill -9")
        time.sleep(self.rng.uniform(0, 0.6))
        self.pipeline.start(self.name)
        return True

    def zombie(self):
        """Stopped, and a successor started; when it wakes one of the two has fenced the other, which must say so and end."""
        self.pipeline.start(self.name)
        time.sleep(self.rng.uniform(0, 0.5))
        if not self.pipeline.fleet.signal(self.name, signal.SIGSTOP):
            return False
        process = self.pipeline.fleet.take(self.name)
        self.pipeline.two_extractors_until = time.monotonic() + 90
        self.pipeline.start(self.name)
        time.sleep(self.rng.uniform(1, 4))
        process.send_signal(signal.SIGCONT)
        try:
            status = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.pipeline.fail(f"the extractor that another one fenced didn't end in 60 s:\n{self.pipeline.fleet.tail(self.name)}")
            process.kill()
            process.wait()
            return True
        if status not in (0, 1):
            self.pipeline.fail(f"the extractor that another one fenced ended with status {status}")
        self.pipeline.note(f"extractor that woke up behind its successor ended with status {status}")
        self.pipeline.count("extractor: zombie")
        return True

    def finish(self):
        pass
