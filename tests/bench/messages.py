"""Signed messages per second through ledger and engine, from offered to receipted, against bare calls.

SQLite in WAL mode with FULL sync, payloads as blobs synced to the disk, attempts, receipts and evidence
stored, two messages a lane, 16 calls in flight, the real dispatcher; offered means that the source has them,
so fetching is in it. Bare are the same things, signed and sent as many at once, with no record kept. Write
commits are counted in SQLite's own write-ahead log, the dispatcher's included. A sink in memory that does
nothing shows what the engine alone costs.
"""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.ports.adapter import Work
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem
from ebrvt_connect.transport.clock import SystemClock
from tests.bench.measure import Figure, Setup, against, aimed, at_most, noise, spread
from tests.bench.signed import IN_FLIGHT, REST, SETTINGS, Kit, SignedSink
from tests.bench.signed_soap import SOAP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ports.adapter import Item, Sink

_ROUNDS = 3
_WARM_UP = 20
_TRIES = 5
_PATIENCE = timedelta(seconds=300)
_MOST_COMMITS = 0.5
_TARGETS = {"REST": (400, 0.4), "SOAP": (150, 0.7)}
"""The least rate (of two idle cores), and the least part of the bare calls' rate."""


def measure(setup: Setup) -> list[Figure]:
    found: list[Figure] = []
    for kit in (REST, SOAP):
        with kit.remote() as url, Province(setup.folder / kit.name, kit, url, setup.keys) as province:
            found += measured(province, setup)
    if setup.sizes.apart:
        with Province(setup.folder / "memory", REST, "", setup.keys) as province:
            found += engine_alone(province, setup)
    return found


def measured(province: Province, setup: Setup) -> list[Figure]:
    """Rounds by turns with the bare calls; one more with the log watched."""
    count, name = setup.sizes.messages, province.kit.name
    ours: list[float] = []
    bare: list[float] = []
    cpu: list[float] = []
    province.carry(_WARM_UP)
    for _ in range(min(_ROUNDS, setup.sizes.rounds)):
        noise.listen()
        ours.append(count / province.carry(count, cpu))
        bare.append(count / province.bare(count))
    commits = province.commits_for(count) / count
    least, part = _TARGETS[name]
    compared = against(f"{name}, signed and durable", "/s", ours, f"bare, {IN_FLIGHT} at once", bare)
    return [
        aimed(Figure(compared.what, compared.ours, "/s", spread_percent=spread(ours)), least),
        aimed(compared, part, ratio=True),
        Figure("  CPU for each message", statistics.median(cpu), "ms", spread_percent=spread(cpu)),
        at_most("  write commits for each message", commits, "", _MOST_COMMITS),
    ]


def engine_alone(province: Province, setup: Setup) -> list[Figure]:
    cpu: list[float] = []
    province.carry(_WARM_UP)
    rates = [setup.sizes.messages / province.carry(setup.sizes.messages, cpu) for _ in range(_ROUNDS)]
    return [
        Figure("sink in memory", statistics.median(rates), "/s", spread_percent=spread(rates)),
        Figure("  CPU for each message", statistics.median(cpu), "ms", spread_percent=spread(cpu)),
    ]


class Province:
    """A source in memory, a sink, and the engine between them; within `with` the engine runs."""

    def __init__(self, folder: Path, kit: Kit, url: str, keys: Path) -> None:
        """Without an address the sink is in memory, and so are the blobs."""
        folder.mkdir()
        self.folder = folder
        self.kit = kit
        self.offered = 0
        self._url = url
        self._keys = keys
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        clock = SystemClock()
        self.ledger = Ledger.open(f"sqlite:///{self.folder}/ledger.db", clock.now())
        self._stack.callback(self.ledger.close)
        blobs = self._blobs(clock) if self._url else MemoryBlobs()
        self.dms = MemorySystem(blobs)
        self._listen: Callable[[Callable[[Work], None]], None]
        if self._url:
            signed = self._opened(blobs)
            self.sink: Sink = signed
            self._listen = lambda told: setattr(signed, "delivered", told)
        else:
            silent = MemorySystem(blobs)
            self.sink = silent
            self._listen = lambda told: setattr(silent, "on_submit", told)
        systems = {"dms": self.dms, "axis": self.sink}
        self.engine = Engine(self.ledger, systems, [self.kit.link], {}, SETTINGS, clock)
        self.engine.start()
        self._stack.callback(self.engine.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _blobs(self, clock: SystemClock) -> LedgerBlobs:
        return LedgerBlobs(self.ledger.database, LocalBlobs(self.folder / "blobs"), clock)

    def _opened(self, blobs: LedgerBlobs | MemoryBlobs) -> SignedSink:
        return self._stack.enter_context(self.kit.opened(blobs, self._keys, self._url))

    def carry(self, count: int, cpu: list[float] | None = None) -> float:
        """Seconds from offering so many to the last one's arrival; milliseconds of CPU each into `cpu`."""
        missing = threading.Semaphore(0)
        self._listen(lambda _work: missing.release())
        items = self.items(count)
        used, begun = time.process_time(), time.perf_counter()
        self.dms.outbox.extend(items)
        for _ in items:
            if not missing.acquire(timeout=_PATIENCE.total_seconds()):
                raise TimeoutError("not all messages have arrived")
        took = time.perf_counter() - begun
        if cpu is not None:
            cpu.append(1000 * (time.process_time() - used) / count)
        if not self.engine.run_until_settled(_PATIENCE):
            raise TimeoutError("the engine has not settled")
        return took

    def bare(self, count: int) -> float:
        """Seconds for the same calls without ledger, engine and disk, as many at once."""
        some: Message = self.ledger.messages(limit=1)[0]
        works = [Work(some, one.record, None, None) for one in self.items(count) if one.record]
        with ExitStack() as stack:
            sink = stack.enter_context(self.kit.opened(MemoryBlobs(), self._keys, self._url))
            pool = stack.enter_context(ThreadPoolExecutor(IN_FLIGHT))
            sink.submit(works[0], sink.prepare(works[0]))
            begun = time.perf_counter()
            for done in [pool.submit(_sent, sink, work) for work in works]:
                done.result()
            return time.perf_counter() - begun

    def items(self, count: int) -> list[Item]:
        """New ones."""
        numbers = range(self.offered, self.offered + count)
        self.offered = numbers.stop
        return [self.kit.make_item(number) for number in numbers]

    def commits_for(self, count: int) -> int:
        """How often the database is written for so many messages, by whoever writes it."""
        for _ in range(_TRIES):
            with suppress(LogBegunAnew), commits_in(self.folder / "ledger.db") as commits:
                self.carry(count)
            if commits:
                return commits[0]
        raise LogBegunAnew


def _sent(sink: Sink, work: Work) -> object:
    return sink.submit(work, sink.prepare(work))


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
