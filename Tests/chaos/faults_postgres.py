"""Faults of Postgres and of the way to it."""
import errno
import time

from machinery import script

FULL = "No space left on device"


class Postgres:
    def __init__(self, name, pipeline, rng):
        self.pipeline, self.rng = pipeline, rng
        self.dir, self.disk, self.proxy = pipeline.services.postgres, pipeline.services.disk, pipeline.services.proxy

    def away(self):
        self.pipeline.away["postgres"] = time.monotonic()

    def gone(self, verb):
        self.pipeline.in_transaction("load_postgres", timeout_s=5)
        self.away()
        script("postgres", verb, self.dir)
        time.sleep(self.rng.uniform(0.3, 3))
        script("postgres", "restart", self.dir)
        self.away()

    def stop(self):
        self.gone("stop")
        self.pipeline.count("Postgres: immediate stop")
        return True

    def kill(self):
        self.gone("kill")
        self.pipeline.count("Postgres: kill -9")
        return True

    def pause(self):
        self.pipeline.in_transaction("load_postgres", timeout_s=5)
        self.away()
        script("postgres", "pause", self.dir)
        time.sleep(self.rng.uniform(1, 8))
        script("postgres", "resume", self.dir)
        self.away()
        self.pipeline.count("Postgres: pause")
        return True

    def cut_copy(self):
        cut = self.proxy.cut("copy", self.rng.randrange(1, 12_000))
        if cut:
            self.pipeline.count("connection: cut amid COPY")
        else:
            self.pipeline.next_file()
        return cut

    def cut_commit(self):
        cut = self.proxy.cut("commit")
        if cut:
            self.pipeline.count("connection: cut as COMMIT is answered")
        else:
            self.pipeline.next_file()
        return cut

    def disk_full(self):
        """A file takes all room beside the table until Postgres has complained, and a little longer."""
        log = self.dir / "log"
        before = log.read_text(errors="replace").count(FULL)
        filler = self.disk / "filler"
        self.away()
        try:
            with open(filler, "wb", buffering=0) as file:
                try:
                    for block in (2**20, 4096):
                        while file.write(bytes(block)) == block:
                            pass
                except OSError as full:
                    if full.errno != errno.ENOSPC:
                        raise
            end = time.monotonic() + 15
            while not (came := log.read_text(errors="replace").count(FULL) > before) and time.monotonic() < end:
                self.pipeline.next_file()
                time.sleep(1)
            time.sleep(self.rng.uniform(0.5, 3))
        finally:
            filler.unlink(missing_ok=True)
        self.away()
        if came:
            self.pipeline.count("Postgres: disk full")
        return came

    def finish(self):
        pass
