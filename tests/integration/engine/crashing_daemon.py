"""A daemon to be killed: run as a script, with its store and its remotes' journal in the folder it is given.

    python crashing_daemon.py FOLDER ITEMS

The remotes commit to a SQLite file of their own before they answer, count every effect, and now and then
lose a reply after acceptance or turn somebody away. The script ends by itself when all is settled.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.errors import ReconcileFirst, RetryLater
from ebrvt_connect.model.message import BlobRef, Kind, Payload, Receipt
from ebrvt_connect.ports.adapter import Batch, NotThere, Settled, Sink, Source
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import NoSettings
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT, TROUBLE, item, told

LANES = 7
_BATCH = 10


class DurableRemote(Source, Sink):
    """Offers `items` documents, and accepts anything any number of times: each acceptance is a row."""

    system_kind: ClassVar[str] = "durable"
    settings_type: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, name: str, folder: Path, blobs: LocalBlobs, items: int) -> None:
        self.name = name
        self.blobs = blobs
        self.items = items
        self.lock = threading.Lock()
        self.journal = sqlite3.connect(folder / f"{name}.db", check_same_thread=False, isolation_level=None)
        self.journal.execute("PRAGMA journal_mode=WAL")
        self.journal.execute(
            "CREATE TABLE IF NOT EXISTS effect (id INTEGER PRIMARY KEY, key TEXT, lane TEXT, sha TEXT)"
        )
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
        content = [work.message.idem_key.encode(), work.record.model_dump_json().encode()]
        blob: BlobRef = self.blobs.put(content, limit_bytes=10_000_000)
        return Payload(blob=blob, media_type="application/json")

    def _submit(self, work, payload) -> Receipt:
        with self.lock:
            self.calls += 1
            calls = self.calls
        if calls % 11 == 0:
            raise RetryLater(TROUBLE, "busy", system=self.name)
        self.blobs.read(payload.blob.sha256)
        with self.lock:
            self.journal.execute(
                "INSERT INTO effect (key, lane, sha) VALUES (?, ?, ?)",
                (work.message.idem_key, work.message.lane, payload.blob.sha256),
            )
        if calls % 7 == 0:
            raise ReconcileFirst(TROUBLE, "reply lost after acceptance", system=self.name)
        return Receipt(external_id=str(calls), raw=b"accepted")

    def _ask_after(self, work, _payload):
        with self.lock:
            found = self.journal.execute(
                "SELECT id FROM effect WHERE key = ?", (work.message.idem_key,)
            ).fetchone()
        return NotThere() if found is None else Settled(Receipt(external_id=str(found[0])))


def main(folder: Path, items: int) -> int:
    """Run until settled; the exit code is 0 then, and 1 when that takes too long."""
    clock = SystemClock()
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", clock.now())
    blobs = LocalBlobs(folder / "blobs")
    systems = {name: DurableRemote(name, folder, blobs, items) for name in ("dms", "axis")}
    engine = Engine(ledger, systems, [OUT], {}, FAST, clock)
    engine.start()
    settled = engine.run_until_settled(timedelta(seconds=60))
    engine.stop()
    sys.stdout.write(json.dumps({"settled": settled, "counts": ledger.counts()}) + "\n")
    return 0 if settled else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
