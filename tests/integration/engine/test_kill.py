"""kill -9 at every named point and at random moments: nothing lost, nothing doubled, lanes in order.

The remote's effects are journalled by the remote itself, and every effect counts, whatever its key.
"""

import random
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from ebrvt_connect.codec.proof import entry_facts
from ebrvt_connect.model.message import State
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.collecting import check, references
from ebrvt_connect.store.crash_points import KILLED, POINTS
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.store.proof_audit import altered
from ebrvt_connect.testing.clock import FakeClock
from tests.integration.engine.crashing_daemon import OF_EVIDENCE
from tests.integration.engine.reckoning import Reckoning, reckoned, start

A_RUN = 12
"""New documents offered at each run."""


def run(folder: Path, items: int, crash_at: str | None = None) -> int:
    return start(folder, items, crash_at).wait(240)


def assert_nothing_lost_or_doubled(folder: Path, items: int) -> None:
    nothing = Reckoning((), (), (), (), (), ())
    assert reckoned(folder, items) == nothing, (folder / "daemon.log").read_text()


def assert_every_effect_is_proven_once(ledger: Ledger) -> None:
    log = ProofLog(ledger.database)
    while log.link(FakeClock().now()):
        pass
    assert list(log.breaks()) == []
    assert list(altered(ledger.database)) == []
    messages = [message.id for message in ledger.messages()]
    entries = log.entries_of(messages)
    counted = Counter((entry.message_id, entry_facts(entry.body)["state"]) for entry in entries)
    assert set(counted.values()) <= {1}
    assert {message for message, state in counted if state == "done"} == set(messages)
    assert [entry.link.number for entry in sorted(entries, key=lambda e: e.link.number)] == [
        *range(1, len(entries) + 1)
    ]


def assert_the_books_agree(folder: Path, items: int) -> None:
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", FakeClock().now())
    try:
        assert ledger.counts() == {"out": {State.DONE: items}, "out~feedback": {State.DONE: items}}
        assert_every_effect_is_proven_once(ledger)
        blobs = LedgerBlobs(ledger.database, LocalBlobs(folder / "blobs"), FakeClock())
        assert list(check(blobs, references(ledger.database))) == []
    finally:
        ledger.close()
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # A drain reads only after a mark's commit: nothing was sent that had not been marked.
        assert database.execute("SELECT count(*) FROM message WHERE attempts = 0").fetchone() == (0,)


@pytest.mark.timeout(900)
def test_killed_at_every_named_point_in_turn(tmp_path):
    chance = random.Random(20261123)
    points = list(POINTS)
    chance.shuffle(points)
    items = 0
    for point in points:
        items += A_RUN
        times = chance.randint(1, 2)
        crash_at = f"{point}:{1 if point in OF_EVIDENCE else times}"
        assert run(tmp_path, items, crash_at) == KILLED, f"{crash_at} was not reached"
    assert run(tmp_path, items) == 0, (tmp_path / "daemon.log").read_text()
    assert_nothing_lost_or_doubled(tmp_path, items)
    assert_the_books_agree(tmp_path, items)


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_moments(tmp_path, seed):
    chance = random.Random(seed)
    items = 40
    for _ in range(3):
        daemon = start(tmp_path, items)
        try:
            code = daemon.wait(chance.uniform(0.7, 2.0))
        except subprocess.TimeoutExpired:
            daemon.kill()
            code = daemon.wait(60)
        if code == 0:
            items += 20
    assert run(tmp_path, items) == 0, (tmp_path / "daemon.log").read_text()
    assert_nothing_lost_or_doubled(tmp_path, items)
    assert_the_books_agree(tmp_path, items)
