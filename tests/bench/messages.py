"""Messages per second through ledger and engine, from offered to delivered, against a bare loop of the calls.

SQLite in WAL mode with FULL sync, 500 lanes, 16 calls in flight, the real dispatcher; offered means that
the source has them, so fetching is in it. The bare loop prepares and submits the same things and keeps
no record: what durability costs. The sinks: one in memory that does nothing, and a remote over HTTP that
answers at once or after 20 ms; payloads lie in memory, or as blobs synced to the disk as in production.
Write commits are counted in SQLite's own write-ahead log, the dispatcher's included.
"""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import LinkSpec, SystemLimits
from ebrvt_connect.model.message import Kind, Receipt
from ebrvt_connect.ports.adapter import Work
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from tests.bench.loopback import Loopback
from tests.bench.measure import Figure, Setup, against, noise, spread
from tests.integration.engine.bench import FAST, item

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebrvt_connect.model.message import Message, Payload
    from ebrvt_connect.ports.adapter import Item
    from ebrvt_connect.ports.blobs import Blobs

_LANES = 500
_IN_FLIGHT = 16
_ROUNDS = 5
_WARM_UP = 20
_TRIES = 5
_PATIENCE = timedelta(seconds=120)
_LINK = LinkSpec(
    name="out", kinds=(Kind.DOCUMENT,), source="dms", target="axis", every=timedelta(milliseconds=200)
)
_LIMITS = SystemLimits(_IN_FLIGHT, 1_000_000.0)


@dataclass(frozen=True, slots=True)
class Variant:
    """A sink to deliver to."""

    name: str
    thinks_seconds: float | None = None
    """How long the remote takes over HTTP; None: a sink in memory."""
    synced: bool = False
    """Payloads on disk."""


_VARIANTS = (
    Variant("sink in memory"),
    Variant("HTTP, answer at once", 0.0),
    Variant("HTTP, answer after 20 ms", 0.02),
    Variant("HTTP, answer at once, blobs on disk", 0.0, synced=True),
)


def measure(setup: Setup) -> list[Figure]:
    found: list[Figure] = []
    for nth, variant in enumerate(_VARIANTS if setup.sizes.apart else (_VARIANTS[0], _VARIANTS[-1])):
        with ExitStack() as stack:
            url = ""
            if variant.thinks_seconds is not None:
                url = stack.enter_context(Loopback(variant.thinks_seconds))
            province = Province(setup.folder / str(nth), url, synced=variant.synced)
            found += measured(variant.name, province, setup)
    return found


def measured(name: str, province: Province, setup: Setup) -> list[Figure]:
    """Rounds by turns with the bare loops; one more with the log watched."""
    count, rounds = setup.sizes.messages, min(_ROUNDS, setup.sizes.rounds)
    ways = {"bare loop": 1, f"bare loop, {_IN_FLIGHT} at once": _IN_FLIGHT}
    ours: list[float] = []
    cpu: list[float] = []
    bare: dict[str, list[float]] = {way: [] for way in ways}
    with province:
        province.carry(_WARM_UP)
        for _ in range(rounds):
            noise.listen()
            begun = time.process_time()
            ours.append(count / province.carry(count))
            cpu.append((time.process_time() - begun) / count)
            for way, at_once in ways.items():
                bare[way].append(count / province.bare(count, at_once))
        commits = province.commits_for(count)
    if not province.url:
        del bare[f"bare loop, {_IN_FLIGHT} at once"]  # nothing to wait for
    return [
        *(against(name, "/s", ours, way, theirs) for way, theirs in bare.items()),
        Figure("  CPU for each message", 1000 * statistics.median(cpu), "ms", spread_percent=spread(cpu)),
        Figure("  write commits for each message", commits / count, ""),
    ]


class HttpSink(MemorySystem):
    """Posts each payload to a remote; otherwise as the one in memory."""

    transport: HttpTransport

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        request = HttpRequest(
            operation="sendEdoc",
            method="POST",
            path="/sendEdoc",
            headers=(("Content-Type", "application/json"),),
            body=self.blobs.read(payload.blob.sha256),
            safe=True,
        )
        self.transport.send(request)
        return super()._submit(work, payload)


class Province:
    """Two systems and the engine between them; within `with` the engine runs."""

    def __init__(self, folder: Path, url: str, *, synced: bool) -> None:
        folder.mkdir()
        self.folder = folder
        self.url = url
        self.offered = 0
        clock = SystemClock()
        self.ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", clock.now())
        self.blobs: Blobs = LocalBlobs(folder / "blobs") if synced else MemoryBlobs()
        self.dms = MemorySystem(self.blobs)
        self.axis = HttpSink(self.blobs) if url else MemorySystem(self.blobs)
        if isinstance(self.axis, HttpSink):
            self.axis.transport = HttpTransport(HttpSettings(url=url), system="axis", clock=clock)
        settings = replace(FAST, limits={"axis": _LIMITS, "dms": _LIMITS})
        systems = {"dms": self.dms, "axis": self.axis}
        self.engine = Engine(self.ledger, systems, [_LINK], {}, settings, clock)

    def __enter__(self) -> None:
        self.engine.start()

    def __exit__(self, *_: object) -> None:
        self.engine.stop()
        self.ledger.close()
        if isinstance(self.axis, HttpSink):
            self.axis.transport.close()

    def carry(self, count: int) -> float:
        """Seconds from offering so many to the last one's arrival."""
        missing = threading.Semaphore(0)
        self.axis.on_submit = lambda _work: missing.release()
        items = self.items(count)
        begun = time.perf_counter()
        self.dms.outbox.extend(items)
        for _ in items:
            if not missing.acquire(timeout=_PATIENCE.total_seconds()):
                raise TimeoutError("not all messages have arrived")
        took = time.perf_counter() - begun
        self.settle()
        return took

    def bare(self, count: int, at_once: int) -> float:
        """Seconds for the same calls without ledger and engine."""
        some: Message = self.ledger.messages(limit=1)[0]
        works = [Work(some, one.record, None, None) for one in self.items(count) if one.record]

        def deliver(work: Work) -> Receipt:
            return self.axis.submit(work, self.axis.prepare(work))

        begun = time.perf_counter()
        if at_once == 1:
            for work in works:
                deliver(work)
        else:
            with ThreadPoolExecutor(at_once) as pool:
                for done in [pool.submit(deliver, work) for work in works]:
                    done.result()
        return time.perf_counter() - begun

    def items(self, count: int) -> list[Item]:
        """New ones, spread over the lanes."""
        numbers = range(self.offered, self.offered + count)
        self.offered = numbers.stop
        return [item(number, lane=f"lane{number % _LANES}") for number in numbers]

    def commits_for(self, count: int) -> int:
        """How often the database is written for so many messages, by whoever writes it."""
        for _ in range(_TRIES):
            with suppress(LogBegunAnew), commits_in(self.folder / "ledger.db") as commits:
                self.carry(count)
            if commits:
                return commits[0]
        raise LogBegunAnew

    def settle(self) -> None:
        if not self.engine.run_until_settled(_PATIENCE):
            raise TimeoutError("the engine has not settled")


class LogBegunAnew(Exception):
    """The write-ahead log was reset while it was watched: its commits cannot be counted."""


@contextmanager
def commits_in(database: Path) -> Iterator[list[int]]:
    """Write commits while the block runs, whoever makes them: the list has their number in the end.

    A reader whose snapshot lies in the write-ahead log keeps it from being begun anew; so something is
    written first. Raises `LogBegunAnew` where somebody was quicker.
    """
    told: list[int] = []
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("PRAGMA wal_autocheckpoint=0")
        reader.execute("CREATE TABLE IF NOT EXISTS bench (n INTEGER)")
        reader.execute("INSERT INTO bench VALUES (1)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM bench").fetchone()
        began = WrittenLog.of(database)
        yield told
        ended = WrittenLog.of(database)
    if began.salts != ended.salts:
        raise LogBegunAnew
    told.append(ended.commits - began.commits)


@dataclass(frozen=True, slots=True)
class WrittenLog:
    """The write-ahead log as it lies on disk."""

    salts: bytes
    """Another pair each time it is begun anew."""
    commits: int

    @classmethod
    def of(cls, database: Path) -> WrittenLog:
        """Count the frames that bear the database's size: the last of each commit (file format, 4.1)."""
        log = database.with_name(database.name + "-wal").read_bytes()
        page_bytes, salts = int.from_bytes(log[8:12]), log[16:24]
        frames = (log[at : at + 24] for at in range(32, len(log), 24 + page_bytes))
        return cls(salts, sum(frame[8:16] == salts and frame[4:8] != bytes(4) for frame in frames))
