"""A daemon in a process of its own, to be measured: `python -m tests.bench.daemon`, told all in a line.

It reads `{"store": URL, "blobs": FOLDER, "remote": URL, "keys": FOLDER}`, starts the engine, prints
how long that took, and when its input closes stops and prints its memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import MemorySystem
from ebrvt_connect.transport.clock import SystemClock
from tests.bench.signed import REST, SETTINGS


@dataclass(frozen=True, slots=True)
class Job:
    """What a daemon works on."""

    store: str
    blobs: str
    remote: str
    keys: str


class Daemon:
    """The child; within `with` its engine runs."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.started_seconds = 0.0
        self.memory_mb = 0.0
        """Known in the end."""

    def __enter__(self) -> Self:
        piped = subprocess.PIPE
        command = [sys.executable, "-m", "tests.bench.daemon"]
        self._child = subprocess.Popen(command, stdin=piped, stdout=piped, text=True)
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(asdict(self._job)) + "\n")
        self._child.stdin.flush()
        self.started_seconds = self._said()["started_seconds"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self.memory_mb = self._said()["memory_mb"]
        self._child.wait(60)

    def _said(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("the daemon has ended; see the messages above")
        told: dict[str, Any] = json.loads(line)
        return told


def serve(job: Job) -> None:
    clock = SystemClock()
    begun = time.perf_counter()
    ledger = Ledger.open(job.store, clock.now())
    blobs = LedgerBlobs(ledger.database, LocalBlobs(job.blobs), clock)
    with REST.opened(blobs, Path(job.keys), job.remote) as sink:
        systems = {"dms": MemorySystem(blobs), "axis": sink}
        engine = Engine(ledger, systems, [REST.link], {}, SETTINGS, clock)
        engine.start()
        print(json.dumps({"started_seconds": time.perf_counter() - begun}), flush=True)
        sys.stdin.read()
        engine.stop()
    ledger.close()
    print(json.dumps({"memory_mb": peak_mb()}), flush=True)


def peak_mb() -> float:
    """The most memory this process has had (not what it has inherited from the one that started it)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    serve(Job(**json.loads(sys.stdin.readline())))
