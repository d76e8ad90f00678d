"""R13 in full: of three daemons on PostgreSQL one is lost for good, or frozen past its lease and thawed.

The times are those of production: a heartbeat every 5 s, dead after 60 s, a sweep every minute. What the lost
one had begun must be done within 90 s, by nobody's hand, and nothing twice. Every effect counts, whatever its
key, and takes place outside the daemon.
"""

from __future__ import annotations

import signal
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from ebrvt_connect.model.message import State
from ebrvt_connect.store.ledger import Ledger
from tests.integration.engine.company import Company, is_stopped
from tests.postgres.databases import Databases
from tests.postgres.server import running
from tests.torture.outcome import Tried

ROUNDS = 4
WITHIN_SECONDS = 90.0
_ITEMS = 60
_ORDERS = {
    "items": _ITEMS,
    "in_flight": 1,
    "feedback": False,
    "answer_after": 0.3,
    "heartbeat_every": 5.0,
    "dead_after": 60.0,
    "sweep_every": 60.0,
    "locks_kept": 20.0,
    "settle_within": 300.0,
}


def lost_or_frozen(rounds: int = ROUNDS) -> Tried:
    """R13: by turns, one is killed and never comes back, one is frozen in the midst of sending and thaws."""
    outcome = Tried("R13", "postgresql")
    slowest = 0.0
    with running(quick=True) as server:
        databases = Databases(server)
        try:
            for number in range(rounds):
                play = _frozen if number % 2 else _lost
                with outcome.case(f"round {number}"), databases.migrated() as url:
                    slowest = max(slowest, _round(url, play, outcome))
        finally:
            databases.close()
    outcome.told = f"resumed after {slowest:.0f} s at most"
    return outcome


def _round(url, play, outcome: Tried) -> float:
    with tempfile.TemporaryDirectory(prefix="ebrvt-torture-") as folder:
        company = Company(Path(folder), url)
        try:
            resumed = play(company)
            outcome.faults += 1
            outcome.messages += _ITEMS
            effects = company.effects()
            outcome.lost += _ITEMS - len(set(effects))
            outcome.doubled += len(effects) - len(set(effects))
            company.assert_all_is_done_once(_ITEMS)
        finally:
            company.close()
    if resumed > WITHIN_SECONDS:
        raise AssertionError(f"work resumed after {resumed:.0f} s, expected {WITHIN_SECONDS:.0f} s at most")
    return resumed


def _lost(company: Company) -> float:
    three = [company.start(**_ORDERS) for _ in range(3)]
    company.until(lambda: len(company.effects()) > 5 and _under_way(company.url))
    # The only call that is allowed is under way in whoever made the last effect.
    pid, _key = company.noted("effect")[-1]
    lost = next(daemon for daemon in three if daemon.pid == pid)
    lost.kill()
    lost.wait()
    resumed = _until_resumed(company)
    for daemon in three:
        if daemon is not lost:
            company.ended(daemon, 300)
    return resumed


def _frozen(company: Company) -> float:
    frozen = company.start(freeze_at_call=6, **_ORDERS)
    company.until(lambda: is_stopped(frozen))
    others = [company.start(**_ORDERS) for _ in range(2)]
    resumed = _until_resumed(company)
    frozen.send_signal(signal.SIGCONT)
    for daemon in (frozen, *others):
        company.ended(daemon, 300)
    return resumed


def _until_resumed(company: Company) -> float:
    """Seconds until everything that was under way is done."""
    begun, waiting = time.monotonic(), _under_way(company.url)
    while waiting:
        time.sleep(0.5)
        waiting = waiting & _open(company.url)
        if time.monotonic() - begun > 3 * WITHIN_SECONDS:
            raise AssertionError(f"messages {sorted(waiting)} are under way still")
    return time.monotonic() - begun


def _under_way(url: str) -> set[int]:
    return _ids(url, State.SENDING)


def _open(url: str) -> set[int]:
    return _ids(url, *(state for state in State if state is not State.DONE))


def _ids(url: str, *states: State) -> set[int]:
    ledger = Ledger.open(url, datetime.now(UTC))
    try:
        return {message.id for message in ledger.messages(states=states)}
    finally:
        ledger.close()
