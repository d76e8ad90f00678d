"""What many waiting messages cost: a backlog drained; start-up, rate and memory with 100,000 waiting.

Signed REST messages on SQLite with FULL sync, stored before a daemon in a process of its own is started. The
rate is taken from the ledger: so many settled between two moments. The one with few waiting is measured in
the same run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import Batch
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading
from ebrvt_connect.store.ledger import Ledger
from tests.bench.daemon import Daemon, Job
from tests.bench.measure import Figure, Setup, against, aimed, at_most, noise
from tests.bench.signed import REST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BACKLOG, WAITING, FEW = 10_000, 100_000, 2_000
_DRAINED_SECONDS, _STARTED_SECONDS, _MEMORY_MB, _RATE = 90.0, 2.0, 150.0, 0.8
_AT_ONCE = 500
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 900.0
_DONE = (schema.message.c.state == State.DONE.value,)


def measure(setup: Setup) -> list[Figure]:
    tiny = not setup.sizes.apart
    backlog, waiting, few = (24, 48, 12) if tiny else (BACKLOG, WAITING, FEW)
    with REST.remote() as url:
        drained = Run.of(setup, "backlog", url, stored=backlog, settled=backlog)
        empty = drained if tiny else Run.of(setup, "few", url, stored=few, settled=few)
        full = drained if tiny else Run.of(setup, "waiting", url, stored=waiting, settled=few)
    rate = against(f"with {waiting} waiting", "/s", [full.rate], f"with {few} waiting", [empty.rate])
    return [
        at_most(f"{backlog} waiting, all drained", drained.seconds, "s", _DRAINED_SECONDS),
        at_most(f"with {waiting} waiting: start-up", full.started, "s", _STARTED_SECONDS),
        aimed(rate, _RATE, ratio=True),
        at_most(f"with {waiting} waiting: peak memory", full.memory, "MB", _MEMORY_MB),
    ]


@dataclass(frozen=True, slots=True)
class Run:
    """How one daemon did."""

    started: float
    seconds: float
    """From its start until so many were settled."""
    rate: float
    memory: float

    @classmethod
    def of(cls, setup: Setup, name: str, remote: str, *, stored: int, settled: int) -> Run:
        """Store so many, and run a daemon until so many are settled."""
        noise.listen()
        folder = setup.folder / name
        folder.mkdir()
        url = f"sqlite:///{folder}/ledger.db"
        ledger = filled(url, stored)
        begun = time.perf_counter()
        with Daemon(job_of(url, folder, remote, setup.keys)) as daemon:
            waited_for([ledger], settled)
            seconds = time.perf_counter() - begun
        rate = rate_of(ledger)
        ledger.close()
        return cls(daemon.started_seconds, seconds, rate, daemon.memory_mb)


def job_of(url: str, folder: Path, remote: str, keys: Path) -> Job:
    return Job(url, str(folder / "blobs"), remote, str(keys))


def filled(url: str, count: int) -> Ledger:
    """A ledger with so many to be sent."""
    now = datetime.now(UTC)
    ledger = Ledger.open(url, now)
    origin = Origin(link="out", source="dms", target="axis", kinds=(REST.kind,))
    for first in range(0, count, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, count))
        # The daemon's own source has nothing, and begins where this ends.
        ledger.store_batch(origin, Batch(tuple(REST.make_item(n) for n in numbers), "0"), now)
    return ledger


def waited_for(ledgers: Sequence[Ledger], count: int) -> None:
    """Until so many are settled."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    query = sa.select(sa.func.count()).where(*_DONE)
    while True:
        with reading(ledgers[0].database) as tx:
            if (tx.scalar(query) or 0) >= count:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} messages have not been settled")
        time.sleep(_LOOK_SECONDS)


def rate_of(ledger: Ledger) -> float:
    """Settled in a second, from the first to the last."""
    at = schema.message.c.updated_at
    query = sa.select(sa.func.count(), sa.func.min(at), sa.func.max(at)).where(*_DONE)
    with reading(ledger.database) as tx:
        count, first, last = tx.execute(query).one()
    seconds: float = (last - first).total_seconds()
    return float(count) / max(seconds, 0.001)
