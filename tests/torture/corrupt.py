"""R17: a store whose bytes have changed: flipped, overwritten, its log shortened, its shared memory gone.

Either nothing that counts is different, or it is told: `STORE_DAMAGED`, or a break of the chain with its
number. What counts is what the evidence log holds each message to, and that it is there. A daemon killed in
the midst of work whose write-ahead log is then shortened or spoiled says so, or goes on and loses nothing:
what it no longer knows is offered to it again, and goes out under the same key.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ebrvt_connect.codec.proof import entry_facts
from ebrvt_connect.errors import ConnectError
from ebrvt_connect.model.message import State
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.store.proof_audit import _NEVER_CHANGES, _WHILE_SETTLED, altered
from ebrvt_connect.store.proof_rows import facts_now
from ebrvt_connect.store.soundness import refuse_unsound
from tests.integration.engine.reckoning import effects, start
from tests.torture.outcome import Tried

SEEDS = 200
_ITEMS = 40
_PAGE = 4096
_PATIENCE_SECONDS = 300
_STARTS = 4

Damage = Callable[[Path, random.Random], None]


def _flip(place: Path, chance: random.Random) -> None:
    content = bytearray(place.read_bytes())
    for _ in range(chance.choice((1, 1, 8))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    place.write_bytes(content)


def _overwrite(place: Path, chance: random.Random) -> None:
    with place.open("r+b") as file:
        file.seek(_PAGE * chance.randrange(place.stat().st_size // _PAGE))
        file.write(chance.randbytes(_PAGE) if chance.random() < 0.5 else bytes(_PAGE))


def _shorten(place: Path, chance: random.Random) -> None:
    with place.open("r+b") as file:
        file.truncate(chance.randrange(place.stat().st_size))


def _remove(place: Path, _chance: random.Random) -> None:
    place.unlink()


AT_REST: tuple[tuple[str, Damage], ...] = (
    ("ledger.db", _flip),
    ("ledger.db", _overwrite),
    ("ledger.db", _shorten),
)
AFTER_A_KILL: tuple[tuple[str, Damage], ...] = (
    ("ledger.db-wal", _shorten),
    ("ledger.db-wal", _flip),
    ("ledger.db-shm", _remove),
)


def damaged(seeds: int = SEEDS) -> Tried:
    """All kinds by turns; one seed in ten damages a daemon's work in its midst."""
    outcome = Tried("R17", "sqlite")
    told: Counter[str] = Counter()
    with settled_store() as whole:
        for seed in range(seeds):
            chance = random.Random(f"R17:{seed}")
            with outcome.case(f"seed {seed}"):
                if seed % 10 == 9:
                    told[after_a_kill(seed, chance, outcome)] += 1
                else:
                    told[at_rest(whole, seed, chance)] += 1
                    outcome.messages += 2 * _ITEMS
            outcome.faults += 1
    outcome.told = ", ".join(f"{name}: {number}" for name, number in sorted(told.items()))
    return outcome


@dataclass(frozen=True)
class Whole:
    """A settled store, and what counts of it."""

    folder: Path
    counts: object


@contextmanager
def settled_store() -> Iterator[Whole]:
    """Everything is carried, linked and sealed, and nobody has it open."""
    root = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
    try:
        _until_settled(root)
        ledger = Ledger.open(f"sqlite:///{root}/ledger.db", datetime.now(UTC))
        try:
            while ProofLog(ledger.database).link(datetime.now(UTC)):
                pass
            counts = _what_counts(ledger)
        finally:
            ledger.close()
        yield Whole(root, counts)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def at_rest(whole: Whole, seed: int, chance: random.Random) -> str:
    """Damage a copy; how it was told. Raises `AssertionError` for what is different without being told."""
    file, damage = AT_REST[seed % len(AT_REST)]
    with tempfile.TemporaryDirectory(prefix="ebrvt-torture-") as folder:
        place = Path(folder) / file
        shutil.copy(whole.folder / file, place)
        damage(place, chance)
        ledger = None
        try:
            ledger = Ledger.open(f"sqlite:///{place}", datetime.now(UTC))
            refuse_unsound(ledger.database)
            log = ProofLog(ledger.database)
            if found := [*log.breaks(), *altered(ledger.database)]:
                assert all(one.number > 0 for one in found)
                return "break with its number"
            if _what_counts(ledger) == whole.counts:
                return "nothing that counts"
        except ConnectError as error:
            if error.code != "STORE_DAMAGED":
                raise
            return error.code
        finally:
            if ledger is not None:
                ledger.close()
    raise AssertionError("something counts and is different, and nothing tells")


def _what_counts(ledger: Ledger) -> object:
    """Of every message what its entry in the evidence log holds it to."""
    found = {}
    for message in ledger.messages():
        facts = entry_facts(facts_now(message))
        found[message.id] = (message.state, *(facts[name] for name in (*_NEVER_CHANGES, *_WHILE_SETTLED)))
    return found


def after_a_kill(seed: int, chance: random.Random, outcome: Tried) -> str:
    """Kill a daemon at work, damage what SQLite keeps beside the file, and let it go on."""
    file, damage = AFTER_A_KILL[seed // 10 % len(AFTER_A_KILL)]
    folder = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
    try:
        _killed_at_work(folder, chance)
        damage(folder / file, chance)
        if not _until_settled(folder):
            return "STORE_DAMAGED at its start"
        counted = Counter(key for key, _ in effects(folder, "axis"))
        lost = {f"out:d{n}:1" for n in range(_ITEMS)} - counted.keys()
        outcome.messages += 2 * _ITEMS
        outcome.lost += len(lost)
        assert not lost, f"lost after {file} was damaged: {sorted(lost)}"
        _assert_all_is_done(folder)
        again = sum(n - 1 for n in counted.values())
        outcome.doubled += again if file.endswith("-shm") else 0
        return f"went on, {'some' if again else 'nothing'} sent again under its key"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _killed_at_work(folder: Path, chance: random.Random) -> None:
    daemon = start(folder, _ITEMS)
    try:
        enough, deadline = chance.randint(3, _ITEMS - 5), time.monotonic() + _PATIENCE_SECONDS
        while _taken(folder) < enough and daemon.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        daemon.kill()
        daemon.wait()


def _taken(folder: Path) -> int:
    try:
        return len(effects(folder, "axis")) if (folder / "axis.db").exists() else 0
    except sqlite3.OperationalError:  # it is just being made
        return 0


def _until_settled(folder: Path) -> bool:
    """Run it to the end; False where it says that its store is damaged."""
    for _ in range(_STARTS):
        if start(folder, _ITEMS).wait(_PATIENCE_SECONDS) == 0:
            return True
        if "STORE_DAMAGED" in (folder / "daemon.log").read_text():
            return False
    raise AssertionError((folder / "daemon.log").read_text()[-1000:])


def _assert_all_is_done(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        states = dict(database.execute("SELECT state, count(*) FROM message GROUP BY state"))
    assert states == {State.DONE.value: 2 * _ITEMS}
