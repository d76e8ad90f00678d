"""One daemon of several, to be stopped, killed or frozen: run as a script with its orders as JSON.

    python company_daemon.py '{"folder": "...", "url": "...", "items": 40}'

What its remotes are told takes effect at once and is journalled in a file outside this process, and only
the answer takes its time: so it is as with a real remote, whatever becomes of the daemon meanwhile. It ends
by itself when all is settled, or on SIGTERM, as `ebrvt run` does.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import RetryLater
from ebrvt_connect.model.message import Receipt
from ebrvt_connect.ports.adapter import NotThere, Settled
from ebrvt_connect.store import connect
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT
from tests.integration.engine.crashing_daemon import SMALL_BYTES, DurableRemote


@dataclass(frozen=True)
class Orders:
    """What a daemon is told; times in seconds."""

    folder: str
    url: str
    items: int
    instance: str = ""
    answer_after: float = 0.05
    in_flight: int = 8
    feedback: bool = True
    heartbeat_every: float = 0.3
    dead_after: float = 3.0
    locks_kept: float = 2.0
    sweep_every: float = 3600.0
    stop_within: float = 20.0
    settle_within: float = 180.0
    freeze_at_call: int = 0


class PromptRemote(DurableRemote):
    """Takes everything, at once.

    What it has seen is appended to files in single writes: a daemon that is frozen in the midst of anything
    holds no lock of a remote, as it would not in earnest.
    """

    tells_back = True

    def feedback(self, message, record, outcome):
        return super().feedback(message, record, outcome) if self.tells_back else ()

    def _undecided(self, work) -> bool:
        del work
        return False

    def _acknowledge(self, kind, batch) -> None:
        del kind
        for one in batch.items:
            note(self.folder, self.name, "acknowledged", one.external_id)

    def _submit(self, work, payload) -> Receipt:
        del payload
        note(self.folder, self.name, "effect", work.message.idem_key)
        self._take_time()
        return Receipt(external_id=work.message.idem_key, raw=b"accepted")

    def _effects(self) -> int:
        return len(noted(self.folder, self.name, "effect"))

    def _ask_after(self, work, payload):
        del payload
        key = work.message.idem_key
        note(self.folder, self.name, "asked", key)
        there = any(one == key for _pid, one in noted(self.folder, self.name, "effect"))
        return Settled(Receipt(external_id=key)) if there else NotThere()


def note(folder: Path, system: str, what: str, key: str) -> None:
    """Append what this process has had a remote do."""
    file = os.open(folder / f"{system}.{what}", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.write(file, f"{os.getpid()} {key}\n".encode())
    os.close(file)


def noted(folder: Path, system: str, what: str) -> list[tuple[int, str]]:
    """(pid, key) of everything that was noted, in its order."""
    path = folder / f"{system}.{what}"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(pid), key) for pid, _, key in (line.partition(" ") for line in lines)]


def freeze_at(engine: Engine, nth: int) -> None:
    """Stop this process (SIGSTOP) when it is about to make its n-th call, which is marked already."""
    senders, left = engine._shared.senders, iter(range(1, 1_000_000))
    begin = senders.submit

    def submit(*job):
        if next(left) == nth:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.5)  # another thread may have been the first to hear of it
        return begin(*job)

    senders.submit = submit


def main(orders: Orders) -> int:
    """0 when all is settled, or when told to stop and all calls ended in time; else 1."""
    faulthandler.register(signal.SIGUSR1)  # whoever waits in vain asks where it stands
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    connect.LOCKS_KEPT = timedelta(seconds=orders.locks_kept)
    clock = SystemClock()
    ledger = Ledger.open(orders.url, clock.now())
    folder = Path(orders.folder)
    blobs = LedgerBlobs(ledger.database, LocalBlobs(folder / "blobs"), clock, small_bytes=SMALL_BYTES)
    systems = {
        name: PromptRemote(name, folder, blobs, orders.items, orders.answer_after) for name in ("dms", "axis")
    }
    systems["dms"].tells_back = orders.feedback
    limits = SystemLimits(orders.in_flight, 100_000.0)
    settings = replace(
        FAST,
        executor=orders.instance,
        limits={"axis": limits, "dms": limits},
        heartbeat_every=timedelta(seconds=orders.heartbeat_every),
        dead_after=timedelta(seconds=orders.dead_after),
        sweep_every=timedelta(seconds=orders.sweep_every),
    )
    engine = Engine(ledger, systems, [OUT], {}, settings, clock)
    if orders.freeze_at_call:
        freeze_at(engine, orders.freeze_at_call)
    engine.start()
    until = clock.monotonic() + orders.settle_within
    settled = False
    while not (stopping.is_set() or settled) and clock.monotonic() < until:
        with suppress(RetryLater):  # the ledger is busy, or has taken its locks back
            settled = engine.run_until_settled(timedelta(seconds=0.2))
    ended = engine.stop(timedelta(seconds=orders.stop_within))
    sys.stdout.write(json.dumps({"pid": os.getpid(), "settled": settled, "ended": ended}) + "\n")
    return 0 if ended and (settled or stopping.is_set()) else 1


if __name__ == "__main__":
    sys.exit(main(Orders(**json.loads(sys.argv[1]))))
