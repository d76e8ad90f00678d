"""Three daemons on one PostgreSQL against one on SQLite: signed REST messages per second, one machine.

Both stores are synced at every commit. The messages are stored while the daemons run; the rate is taken from
the ledger, from the first one settled to the last.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench.backlog import filled, job_of, rate_of, waited_for
from tests.bench.daemon import Daemon
from tests.bench.measure import Figure, Setup, against, aimed, noise
from tests.bench.signed import REST
from tests.postgres.databases import Databases
from tests.postgres.server import running

if TYPE_CHECKING:
    from pathlib import Path

_WORKERS = 3
_RATIO = 1.0
_ROUNDS = 3
_MESSAGES = 3000


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
    with ExitStack() as stack:
        filled(url, 0).close()
        for _ in range(daemons):
            stack.enter_context(Daemon(job_of(url, folder, remote, keys)))
        ledger = filled(url, count)
        stack.callback(ledger.close)
        waited_for([ledger], count)
        return rate_of(ledger)
