"""Three daemons on one PostgreSQL against one on SQLite: signed REST messages per second, one machine.

Both stores are synced at every commit, and have been in use a moment: a few messages have gone before, and
PostgreSQL knows its tables. The messages are stored while the daemons run; the rate is taken from the ledger,
from the first one settled to the last.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.ports.adapter import Batch
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading
from ebrvt_connect.store.ledger import Ledger
from tests.bench.backlog import job_of, waited_for
from tests.bench.daemon import Daemon
from tests.bench.measure import Figure, Setup, against, aimed, noise
from tests.bench.signed import REST, SETTINGS
from tests.postgres.databases import Databases
from tests.postgres.server import running

if TYPE_CHECKING:
    from pathlib import Path

_WORKERS = 3
_RATIO = 1.0
_ROUNDS = 3
_MESSAGES = 3000
_WARM_UP = 100
_AT_ONCE = 500


def measure(setup: Setup) -> list[Figure]:
    rounds, count, workers = (_ROUNDS, _MESSAGES, _WORKERS) if setup.sizes.apart else (1, 24, 1)
    ours: list[float] = []
    theirs: list[float] = []
    with running(quick=False) as server, REST.remote() as remote:
        databases = Databases(server)
        for nth in range(rounds):
            noise.listen()
            with databases.migrated() as url:
                ours.append(_rate(url, setup.folder / f"pg{nth}", remote, setup.keys, workers, count))
            folder = setup.folder / f"sqlite{nth}"
            url = f"sqlite:///{folder}/ledger.db"
            theirs.append(_rate(url, folder, remote, setup.keys, 1, count))
        databases.close()
    figure = against(f"PostgreSQL, {workers} daemons", "/s", ours, "SQLite, one daemon", theirs)
    return [aimed(figure, _RATIO, ratio=True)]


def _rate(url: str, folder: Path, remote: str, keys: Path, daemons: int, count: int) -> float:
    folder.mkdir()
    warm = min(_WARM_UP, count)
    with ExitStack() as stack:
        ledger = Ledger.open(url, datetime.now(UTC))
        stack.callback(ledger.close)
        for _ in range(daemons):
            stack.enter_context(Daemon(job_of(url, folder, remote, keys)))
        _taken_in(ledger, range(warm))
        waited_for([ledger], warm)
        _known_to_its_database(ledger)
        # By then each daemon has heard of the others.
        time.sleep(SETTINGS.heartbeat_every.total_seconds() if count > warm else 0)
        begun = datetime.now(UTC)
        _taken_in(ledger, range(warm, warm + count))
        waited_for([ledger], warm + count)
        return _rate_since(ledger, begun)


def _taken_in(ledger: Ledger, numbers: range) -> None:
    """Stored and acknowledged page by page, as fetching does."""
    origin = Origin(link=REST.link.name, source="dms", target="axis", kinds=(REST.kind,))
    for first in numbers[::_AT_ONCE]:
        page = range(first, min(first + _AT_ONCE, numbers.stop))
        batch, now = Batch(tuple(map(REST.make_item, page)), "0"), datetime.now(UTC)
        ledger.store_batch(origin, batch, now)
        ledger.acknowledged(origin, batch.items, now)


def _known_to_its_database(ledger: Ledger) -> None:
    """What PostgreSQL does by itself within a minute of the first messages: without it plans are guesses."""
    if ledger.database.dialect.name == "postgresql":
        with ledger.database.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            session.execute(sa.text("ANALYZE"))


def _rate_since(ledger: Ledger, begun: datetime) -> float:
    """Settled in a second since then, from the first to the last."""
    at = schema.message.c.updated_at
    query = sa.select(sa.func.count(), sa.func.min(at), sa.func.max(at)).where(at >= begun)
    with reading(ledger.database) as tx:
        count, first, last = tx.execute(query).one()
    return float(count) / max((last - first).total_seconds(), 0.001)
