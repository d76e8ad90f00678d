"""A daemon to be killed: run as a script, with its store and its remotes' journal in the folder it is given.

    python crashing_daemon.py FOLDER ITEMS [POSTGRESQL_URL]

With a URL the ledger lies there, any number of these may run on the same folder, and the remotes take their
time, so that there is a middle in which to be killed.

The remotes commit to a SQLite file of their own before they answer, count every effect, and now and then
lose a reply after acceptance or turn somebody away. Every third document the axis only takes, and decides
about it when it has been asked twice. The script ends by itself when all is settled.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import Means
from ebrvt_connect.errors import ReconcileFirst, RetryLater
from ebrvt_connect.model.message import BlobRef, Kind, Payload, Receipt, State
from ebrvt_connect.ports.adapter import AskAgain, Batch, NotThere, Pending, Settled, Sink, Source
from ebrvt_connect.ports.blobs import Blobs
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.crash_points import CRASH_AT
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.testing.memory import NoSettings
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT, TROUBLE, item, told

SLOWLY, HELD = "slowly", "held"
"""Files by which a test slows the remotes of this folder: while the first lies there, calls take seconds, so
that others can join in; while the second does, calls wait once there are so many effects as it says."""
_SLOWLY_SECONDS = 2.0
LANES = 7
DECIDES_AFTER = 2
_SOON = timedelta(milliseconds=30)
_BATCH = 10
_PATIENCE = timedelta(seconds=150)
"""Only a guard against hanging: how long it takes is the machine's affair."""


def _in_wal(journal: sqlite3.Connection) -> None:
    """Two daemons that begin together both switch the mode; SQLite does not wait for the other's switch."""
    deadline = time.monotonic() + 30
    while True:
        try:
            journal.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        else:
            return


class DurableRemote(Source, Sink):
    """Offers `items` documents, and accepts anything any number of times: each acceptance is a row."""

    system_kind: ClassVar[str] = "durable"
    settings_type: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, name: str, folder: Path, blobs: Blobs, items: int, seconds: float = 0.0) -> None:
        self.name = name
        self.folder = folder
        self.seconds = seconds
        self.slowness = threading.Event()
        self.blobs = blobs
        self.items = items
        self.lock = threading.Lock()
        self.journal = sqlite3.connect(folder / f"{name}.db", check_same_thread=False, isolation_level=None)
        _in_wal(self.journal)
        self.journal.execute(
            "CREATE TABLE IF NOT EXISTS effect"
            " (id INTEGER PRIMARY KEY, key TEXT, lane TEXT, sha TEXT, pid INTEGER)"
        )
        self.journal.execute("CREATE TABLE IF NOT EXISTS asked (key TEXT)")
        self.journal.execute("CREATE TABLE IF NOT EXISTS acknowledged (external_id TEXT PRIMARY KEY)")
        self.calls = 0

    @classmethod
    def open(cls, _settings, _surroundings):
        raise RuntimeError("made by hand")

    def ping(self) -> str:
        return self.name

    def close(self) -> None:
        self.journal.close()

    def feedback(self, message, _record, outcome):
        return told(message, outcome) if self.name == "dms" else ()

    def _fetch(self, kind, checkpoint):
        if kind is not Kind.DOCUMENT or self.name != "dms":
            return
        done = int(checkpoint or 0)
        while done < self.items:
            numbers = range(done, min(done + _BATCH, self.items))
            done = numbers.stop
            yield Batch(tuple(item(n, lane=f"lane{n % LANES}") for n in numbers), str(done))

    def _acknowledge(self, _kind, batch) -> None:
        with self.lock:
            for one in batch.items:
                self.journal.execute("INSERT OR IGNORE INTO acknowledged VALUES (?)", (one.external_id,))

    def _prepare(self, work) -> Payload:
        """Every other one too large for the ledger."""
        padding = bytes(SMALL_BYTES) if work.message.id % 2 else b""
        content = [work.message.idem_key.encode(), work.record.model_dump_json().encode(), padding]
        blob: BlobRef = self.blobs.put(content, limit_bytes=10_000_000)
        return Payload(blob=blob, media_type="application/json")

    def _undecided(self, work) -> bool:
        """Whether this one is decided about later, and not yet."""
        if self.name != "axis" or int(work.message.external_id[1:]) % 3 != 0:
            return False
        with self.lock:
            query = "SELECT count(*) FROM asked WHERE key = ?"
            asked = self.journal.execute(query, (work.message.idem_key,)).fetchone()[0]
        return bool(asked < DECIDES_AFTER)

    def _submit(self, work, payload) -> Receipt | Pending:
        with self.lock:
            self.calls += 1
            calls = self.calls
        if calls % 11 == 0:
            raise RetryLater(TROUBLE, "busy", system=self.name)
        self.blobs.read(payload.blob.sha256)
        self._take_time()
        with self.lock:
            self.journal.execute(
                "INSERT INTO effect (key, lane, sha, pid) VALUES (?, ?, ?, ?)",
                (work.message.idem_key, work.message.lane, payload.blob.sha256, os.getpid()),
            )
        if calls % 7 == 0:
            raise ReconcileFirst(TROUBLE, "reply lost after acceptance", system=self.name)
        receipt = Receipt(external_id=str(calls), raw=b"accepted")
        return Pending(receipt, _SOON) if self._undecided(work) else receipt

    def _take_time(self) -> None:
        """As long as the test wants this call to last."""
        self.slowness.wait(_SLOWLY_SECONDS if (self.folder / SLOWLY).exists() else self.seconds)
        with suppress(FileNotFoundError):
            while self._effects() >= int((self.folder / HELD).read_text() or 0):
                self.slowness.wait(0.02)

    def _effects(self) -> int:
        with self.lock:
            return int(self.journal.execute("SELECT count(*) FROM effect").fetchone()[0])

    def _ask_after(self, work, _payload):
        with self.lock:
            found = self.journal.execute(
                "SELECT id FROM effect WHERE key = ?", (work.message.idem_key,)
            ).fetchone()
            self.journal.execute("INSERT INTO asked VALUES (?)", (work.message.idem_key,))
        if found is None:
            return NotThere()
        receipt = Receipt(external_id=str(found[0]))
        if not self._undecided(work):
            return Settled(receipt)
        return AskAgain(_SOON) if work.message.state is State.AWAITING else Pending(receipt, _SOON)


SMALL_BYTES = 2048

IN_COMPANY = replace(
    FAST,
    heartbeat_every=timedelta(milliseconds=300),
    dead_after=timedelta(seconds=3),
    sweep_every=timedelta(seconds=1),
    drain_seconds=0.5,
)


OF_EVIDENCE = (
    "in_link_before_commit",
    "after_link",
    "in_seal_before_commit",
    "after_seal",
    "after_stamp_before_kept",
    "after_stamp_kept",
)
"""Crash points that come by themselves, some time after all else is settled."""


def until_stamped(log: ProofLog) -> None:
    deadline = time.monotonic() + 30
    while (at := log.standing()).stamped_until < at.entries and time.monotonic() < deadline:
        time.sleep(0.02)


def _stamped(digest: bytes) -> bytes:
    return b"token:" + digest


def main(folder: Path, items: int, url: str | None = None) -> int:
    """Run until settled; the exit code is 0 then, and 1 when that takes too long."""
    clock = SystemClock()
    ledger = Ledger.open(url or f"sqlite:///{folder}/ledger.db", clock.now())
    blobs = LedgerBlobs(ledger.database, LocalBlobs(folder / "blobs"), clock, small_bytes=SMALL_BYTES)
    seconds = 0.02 if url else 0.0
    systems = {name: DurableRemote(name, folder, blobs, items, seconds) for name in ("dms", "axis")}
    settings = replace(IN_COMPANY if url else FAST, seal_every=timedelta(milliseconds=50))
    engine = Engine(ledger, systems, [OUT], {}, settings, clock, means=Means(stamp=_stamped))
    engine.start()
    settled = engine.run_until_settled(_PATIENCE)
    if os.environ.get(CRASH_AT, "").partition(":")[0] in OF_EVIDENCE:
        until_stamped(ProofLog(ledger.database))
    engine.stop()
    sys.stdout.write(json.dumps({"settled": settled, "counts": ledger.counts()}) + "\n")
    return 0 if settled else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
