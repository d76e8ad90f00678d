"""The daemon of the soak (R14): run as a script until all is settled, or killed and started again.

    python -m tests.torture.soak_daemon FOLDER DOCUMENTS SEED

The remotes keep journals outside the ledger, count every effect, and play the fault a seeded plan has for a
document: one in twenty has one, the same in whichever life of the daemon it is met. What was played is in the
journal too, so that a fault is not played again after a kill.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import Means
from ebrvt_connect.errors import ReconcileFirst, Rejected, RetryLater
from ebrvt_connect.model.message import Kind, Receipt
from ebrvt_connect.ports.adapter import Batch, Pending
from ebrvt_connect.ports.blobs import Blobs
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT, TROUBLE, item
from tests.integration.engine.crashing_daemon import DECIDES_AFTER, SMALL_BYTES, DurableRemote

WINDOW = 2_000
"""So many documents are offered ahead of those told back: a steady stream, not one backlog."""
DOCUMENTS_A_LANE = 20
_BATCH = 50
_PART_WITH_FAULTS = 0.05
_LONGEST = timedelta(hours=6)
_SLOW_SECONDS = 0.5
_SOON = timedelta(milliseconds=30)
_LOOK_SECONDS = 0.5


class Fault(StrEnum):
    """What may be the matter with one document, or with the word about it that is told back."""

    BUSY = "busy"
    """Nothing happened there; up to three times in a row."""
    LOST_BEFORE = "lost before"
    """Cut before it was there."""
    LOST_AFTER = "lost after"
    """It is there, and the answer never came."""
    SLOW = "slow"
    REJECTED = "rejected"
    DECIDED_LATER = "decided later"
    OFFERED_TWICE = "offered twice"


BACK = (Fault.BUSY, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.SLOW)
"""What can be the matter on the way back."""


def planned(seed: int, system: str, number: int) -> tuple[Fault, int] | None:
    """The fault of a document at a remote, and how often it is played; None for 19 in 20."""
    chance = random.Random(f"{seed}:{system}:{number}")
    if chance.random() >= _PART_WITH_FAULTS:
        return None
    fault = chance.choice(tuple(Fault) if system == "axis" else BACK)
    return fault, chance.randint(1, 3) if fault is Fault.BUSY else 1


class SoakRemote(DurableRemote):
    """Plays the plan; its journal outlives the daemon, not the machine."""

    def __init__(self, name: str, folder: Path, blobs: Blobs, items: int, seed: int) -> None:
        super().__init__(name, folder, blobs, items)
        self.seed = seed
        self.journal.execute("PRAGMA synchronous=OFF")
        self.journal.execute("CREATE INDEX IF NOT EXISTS effect_key ON effect (key)")
        self.journal.execute("CREATE INDEX IF NOT EXISTS asked_key ON asked (key)")
        self.journal.execute(
            "CREATE TABLE IF NOT EXISTS played"
            " (key TEXT, fault TEXT, times INTEGER, PRIMARY KEY (key, fault))"
        )

    def _fetch(self, kind, checkpoint):
        if kind is not Kind.DOCUMENT or self.name != "dms":
            return
        done = int(checkpoint or 0)
        while done < (until := min(self.told_back() + WINDOW, self.items)):
            numbers = range(done, min(done + _BATCH, until))
            done = numbers.stop
            again = [n for n in range(max(numbers.start - _BATCH, 0), numbers.stop) if self._twice(n)]
            yield Batch(tuple(_offered(n) for n in (*numbers, *again)), str(done))

    def told_back(self) -> int:
        """Of how many documents it has been told what became of them."""
        with self.lock:
            return int(self.journal.execute("SELECT coalesce(max(id), 0) FROM effect").fetchone()[0])

    def _twice(self, number: int) -> bool:
        """Whether this one is offered a second time, with its own batch or the next."""
        plan = planned(self.seed, "axis", number)
        return plan == (Fault.OFFERED_TWICE, 1) and self._plays(f"d{number}", *plan)

    def _plays(self, key: str, fault: Fault, times: int) -> bool:
        """Whether it is to be played (once more); then it counts as played."""
        with self.lock:
            found = self.journal.execute(
                "SELECT times FROM played WHERE key = ? AND fault = ?", (key, fault)
            ).fetchone()
            if found is not None and found[0] >= times:
                return False
            self.journal.execute(
                "INSERT INTO played VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                (key, fault),
            )
        return True

    def _undecided(self, work) -> bool:
        key = work.message.idem_key
        if planned(self.seed, self.name, number_of(key)) != (Fault.DECIDED_LATER, 1):
            return False
        with self.lock:
            asked = self.journal.execute("SELECT count(*) FROM asked WHERE key = ?", (key,)).fetchone()[0]
        return bool(asked < DECIDES_AFTER)

    def _submit(self, work, payload) -> Receipt | Pending:
        key = work.message.idem_key
        plan = planned(self.seed, self.name, number_of(key))
        fault = plan[0] if plan is not None and self._plays(key, *plan) else None
        if plan == (Fault.REJECTED, 1):
            fault = Fault.REJECTED  # a no is a no, also for who was killed before he could note it
        self._fails_before(fault)
        self.blobs.read(payload.blob.sha256)
        with self.lock:
            self.journal.execute(
                "INSERT INTO effect (key, lane, sha, pid) VALUES (?, ?, ?, NULL)",
                (key, work.message.lane, payload.blob.sha256),
            )
        if fault is Fault.LOST_AFTER:
            raise ReconcileFirst(TROUBLE, "reply lost after acceptance", system=self.name)
        receipt = Receipt(external_id=key, raw=b"accepted")
        return Pending(receipt, _SOON) if fault is Fault.DECIDED_LATER else receipt

    def _fails_before(self, fault: Fault | None) -> None:
        if fault is Fault.BUSY:
            raise RetryLater(TROUBLE, "busy", system=self.name)
        if fault is Fault.LOST_BEFORE:
            raise ReconcileFirst(TROUBLE, "cut while sending", system=self.name)
        if fault is Fault.REJECTED:
            raise Rejected(TROUBLE, "not accepted", system=self.name)
        if fault is Fault.SLOW:
            self.slowness.wait(_SLOW_SECONDS)


def _offered(number: int):
    return item(number, lane=f"lane{number // DOCUMENTS_A_LANE}")


def number_of(key: str) -> int:
    """The document's number in an idempotency key (`out:d17:1`, `out:d17:1>SENT`)."""
    return int(key.split(":")[1][1:])


def main(folder: Path, documents: int, seed: int) -> int:
    """0 when all is settled."""
    clock = SystemClock()
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", clock.now())
    blobs = LedgerBlobs(ledger.database, LocalBlobs(folder / "blobs"), clock, small_bytes=SMALL_BYTES)
    systems = {name: SoakRemote(name, folder, blobs, documents, seed) for name in ("dms", "axis")}
    settings = replace(FAST, poll=timedelta(milliseconds=200), seal_every=timedelta(minutes=1))
    means = Means(stamp=lambda digest: b"token:" + digest)
    engine = Engine(ledger, systems, [OUT], {}, settings, clock, means=means)
    engine.start()
    until = clock.monotonic() + _LONGEST.total_seconds()
    # Whether all is settled is dear to ask: asked only in the end.
    while systems["dms"].told_back() < documents and clock.monotonic() < until:
        systems["dms"].slowness.wait(_LOOK_SECONDS)
    settled = engine.run_until_settled(_LONGEST)
    engine.stop()
    return 0 if settled else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
