"""What the ledger's questions cost with 1,000 to 1,000,000 finished messages in it; `growth.svg` shows it.

SQLite. Finished rows are copies of two that really went through (a document, and what was told back about it)
with their attempt, arrival and entry in the evidence log, 20 documents a lane. On top lie, at every size, the
same few open messages. CPU time of this thread: what waits for the disk has its own benchmark (`engine`).
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.model.message import State
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.proof import ProofLog
from tests.bench.measure import Figure, noise, spread
from tests.integration.engine.bench import Bench, item
from tests.torture.drawing import Panel, svg

if TYPE_CHECKING:
    from tests.bench.measure import Setup

_SIZES, _TINY_SIZES = (1_000, 10_000, 100_000, 1_000_000), (20, 40)
_PICTURE = Path("var") / "bench" / "growth.svg"
_OPEN = 64
_LANE = 20
_TURNS, _LONGEST_SECONDS = 7, 3.0
_FLAT = 3.0
"""A question whose answer does not depend on finished rows may cost so many times as much at most: an index
grows in depth, and less of it is in the cache."""

Act = Callable[[], object]


@dataclass(frozen=True)
class Question:
    """What is asked of the ledger, and whether finished rows may make it dearer."""

    what: str
    act: Act
    flat: bool = True


def measure(setup: Setup) -> list[Figure]:
    sizes = _SIZES if setup.sizes.apart else _TINY_SIZES
    place = setup.folder / "ledger.db"
    found: dict[str, dict[int, float]] = {}
    flat: dict[str, bool] = {}
    spreads: dict[str, float] = {}
    with _settled_template(place) as bench:
        for size in sizes:
            _fill(place, size // 2)
            noise.listen()
            for question in _questions(bench, size):
                times = _timed(question.act)
                flat[question.what] = question.flat
                spreads[question.what] = spread(times)
                found.setdefault(question.what, {})[size] = statistics.median(times)
    if setup.sizes.apart:
        _draw(found)
    return [_figure(what, at, spreads[what], flat=flat[what]) for what, at in found.items()]


def _figure(what: str, at: dict[int, float], swing: float, *, flat: bool) -> Figure:
    """What it costs at the largest size, against the smallest."""
    least, most = min(at), max(at)
    ratio = at[most] / at[least]
    return Figure(
        f"{what}, {most:,} messages",
        at[most] * 1000,
        "ms",
        peer=f"with {least:,}",
        theirs=at[least] * 1000,
        ratio=ratio,
        spread_percent=swing,
        target=f"<= {_FLAT:g}x" if flat else "",
        met=ratio <= _FLAT if flat else None,
    )


@contextmanager
def _settled_template(place: Path) -> Iterator[Bench]:
    """A ledger in which one document has gone through, with what was told back about it."""
    bench = Bench(f"sqlite:///{place}")
    try:
        bench.store(item(0, lane="lane0"))
        bench.drain()
        assert bench.states() == bench.states("out~feedback") == [State.DONE]
        ProofLog(bench.ledger.database).link(bench.clock.now())
        yield bench
    finally:
        bench.close()


def _fill(place: Path, documents: int) -> None:
    """Copies of what went through, up to so many documents; the chain of evidence is one in number only."""
    with closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA synchronous=OFF")
        there, newest = database.execute(
            "SELECT sum(link = 'out' AND in_lane = 0), max(id) FROM message"
        ).fetchone()
        first = max(newest - _FIRST_ID, 0) // 2 + 1
        for table, renamed in _COPIES.items():
            kept = [r[1] for r in database.execute(f"PRAGMA table_info({table})") if r[1] not in renamed]
            database.execute(
                f"WITH RECURSIVE made (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM made"
                f" WHERE n + 1 < {first + documents - there})"
                f" INSERT INTO {table} ({', '.join([*kept, *renamed])})"
                f" SELECT {', '.join([*kept, *renamed.values()])} FROM made, {table} AS was WHERE was.id <= 2"
            )
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_FIRST_ID = 1_000_000
_NUMBERED = f"{_FIRST_ID} + 2 * n + was.id"
_COPIES = {
    "message": {
        "id": _NUMBERED,
        "idem_key": "was.idem_key || '/' || n",
        "lane": f"'lane' || (n / {_LANE})",
        "shard": f"(n / {_LANE}) % 16",
        "external_id": "was.external_id || '/' || n",
        "business_key": "was.business_key || '/' || n",
        "origin_id": f"CASE WHEN was.id = 2 THEN {_FIRST_ID} + 2 * n + 1 END",
    },
    "attempt": {"id": _NUMBERED, "message_id": _NUMBERED},
    "inbox": {
        "id": _NUMBERED,
        "external_id": "was.external_id || '/' || n",
        "message_id": _NUMBERED,
    },
    "proof_entry": {"id": _NUMBERED, "message_id": _NUMBERED, "nth": "1 + 2 * n + was.id"},
}
"""Of each table the columns that differ between copies; `n` is the document's number."""


def _questions(bench: Bench, size: int) -> Iterator[Question]:
    """Everything the engine asks all day, then what people ask now and then."""
    ledger, now = bench.ledger, bench.clock.now()
    numbers = iter(range(10 * size, 1_000_000_000))

    def store() -> None:
        bench.store(*(item(n, lane=f"lane{n}") for n in (next(numbers) for _ in range(_OPEN))))

    def carry() -> None:
        store()
        bench.drain()

    store()
    yield Question("start: opened", lambda: Ledger.open(ledger.url, now).close())
    yield Question(
        "lane heads of a shard",
        lambda: [
            ledger.heads("axis", shard, now=now, limit=_OPEN, judging_only=False) for shard in range(16)
        ],
    )
    yield Question("due shards (the sweep)", lambda: ledger.due_shards(now))
    yield Question("whether all is settled", ledger.settled)
    yield Question("newest message", ledger.newest_id)
    yield Question(f"{_OPEN} stored and carried", carry)
    log = ProofLog(ledger.database)
    while log.link(now):
        pass
    yield Question("evidence linked", lambda: log.link(now))
    yield Question("evidence, how it stands", log.standing)
    yield Question("one message's story", lambda: list(ledger.stories("d0/7")))
    yield Question("held messages", lambda: ledger.held(limit=50))
    yield Question("status: counts and links", ledger.link_statistics, flat=False)


def _timed(act: Act) -> list[float]:
    """Seconds of CPU, a few times over."""
    act()
    times: list[float] = []
    begun = time.monotonic()
    while len(times) < _TURNS and (not times or time.monotonic() - begun < _LONGEST_SECONDS):
        at = time.process_time()
        act()
        times.append(max(time.process_time() - at, 1e-6))
    return times


def _draw(found: dict[str, dict[int, float]]) -> None:
    """Four lines a panel, so that each can be told."""
    lines = {what: [(float(n), 1000 * s) for n, s in at.items()] for what, at in found.items()}
    names = list(lines)
    panels = [
        Panel("CPU (ms)", {name: lines[name] for name in names[at : at + 4]}, "messages", logarithmic=True)
        for at in range(0, len(names), 4)
    ]
    _PICTURE.parent.mkdir(parents=True, exist_ok=True)
    _PICTURE.write_text(svg("What the ledger's questions cost as it grows", panels))
