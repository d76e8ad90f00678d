"""The durable world of a simulated remote (thế giới của hệ thống mô phỏng): rows, bytes and a journal.

One SQLite file a simulator, in WAL mode and synced at each commit, so what was answered survives a
kill -9; opening the same folder again goes on where it stopped. `memory_world` is the same thing
without a disk, for unit tests. Bytes up to `INLINE_BYTES` lie in the database and share the commit of
the request that brought them; larger ones are files named by their SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

INLINE_BYTES = 64 * 1024
_PART_SUFFIX = ".part"

_TABLES = """
CREATE TABLE IF NOT EXISTS item (
    ord INTEGER PRIMARY KEY AUTOINCREMENT,
    tab TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (tab, key)
);
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    facts TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS blob (sha256 TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
_PUT = (
    "INSERT INTO item (tab, key, body) VALUES (?, ?, ?) "
    "ON CONFLICT (tab, key) DO UPDATE SET body = excluded.body"
)


def utc_now() -> datetime:
    """The wall time of the sandbox."""
    return datetime.now(UTC)


class SqliteWorld:
    """A `ports.simulator.World` in one SQLite file and a folder of large bytes; safe for several threads."""

    def __init__(self, folder: Path | None, now: Callable[[], datetime] = utc_now) -> None:
        """Open or make the world in `folder`; without a folder it lives in memory only."""
        self._now = now
        self._lock = threading.RLock()
        self._depth = 0
        self._folder = folder / "blobs" if folder else None
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left_over in self._folder.glob("*" + _PART_SUFFIX):
                left_over.unlink()
        self._db = sqlite3.connect(
            folder / "world.db" if folder else ":memory:", isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file; the world can be opened again."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all within at the outermost end, or nothing.

        An inner block that fails takes back its own part only, so a simulator may catch and go on.
        """
        with self._lock:
            mark = f"level{self._depth}"
            self._db.execute("SAVEPOINT " + mark)
            self._depth += 1
            try:
                yield
                self._db.execute("RELEASE " + mark)
            except BaseException:
                self._db.execute("ROLLBACK TO " + mark)
                self._db.execute("RELEASE " + mark)
                raise
            finally:
                self._depth -= 1

    def put(self, table: str, key: str, row: Mapping[str, Any]) -> None:
        """Insert a row, or replace it in its place."""
        body = json.dumps(dict(row), ensure_ascii=False)
        with self._lock:
            self._db.execute(_PUT, (table, key, body))

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """A row of its own to the caller, or None."""
        with self._lock:
            found = self._db.execute(
                "SELECT body FROM item WHERE tab = ? AND key = ?", (table, key)
            ).fetchone()
        return None if found is None else _row(found[0])

    def delete(self, table: str, key: str) -> None:
        """Remove a row if it is there."""
        with self._lock:
            self._db.execute("DELETE FROM item WHERE tab = ? AND key = ?", (table, key))

    def rows(self, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All rows of a table as they are now, in the order they were first put."""
        with self._lock:
            found = self._db.execute(
                "SELECT key, body FROM item WHERE tab = ? ORDER BY ord", (table,)
            ).fetchall()
        return ((key, _row(body)) for key, body in found)

    def keep(self, chunks: Iterable[bytes]) -> BlobRef:
        """Keep bytes by their SHA-256."""
        with self.spool() as spool:
            for chunk in chunks:
                spool.write(chunk)
            return spool.keep()

    def spool(self) -> Spool:
        """A place to write bytes that arrive piece by piece; nothing is kept until `Spool.keep`."""
        return Spool(self)

    def open(self, sha256: str) -> BinaryIO:
        """Read kept bytes; raises `KeyError`."""
        with self._lock:
            found = self._db.execute("SELECT body FROM blob WHERE sha256 = ?", (sha256,)).fetchone()
        if found is not None:
            return io.BytesIO(found[0])
        if self._folder is None:
            raise KeyError(sha256)
        try:
            return (self._folder / Path(sha256).name).open("rb")
        except OSError as failure:
            raise KeyError(sha256) from failure

    def journal(self, event: str, **facts: object) -> None:
        """Append to the journal."""
        with self._lock:
            self._db.execute(
                "INSERT INTO journal (at, event, facts) VALUES (?, ?, ?)",
                (self._now().isoformat(), event, json.dumps(facts, ensure_ascii=False, default=str)),
            )

    def journal_entries(self) -> Iterator[dict[str, Any]]:
        """The journal from its beginning."""
        return self.journal_after(0)

    def journal_after(self, seq: int) -> Iterator[dict[str, Any]]:
        """The journal past an entry already seen."""
        with self._lock:
            found = self._db.execute(
                "SELECT seq, at, event, facts FROM journal WHERE seq > ? ORDER BY seq", (seq,)
            ).fetchall()
        return (
            {**json.loads(facts), "seq": seq, "at": at, "event": event} for seq, at, event, facts in found
        )

    def _keep_inline(self, sha256: str, body: bytes) -> None:
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (sha256, body))

    def _part(self) -> Path | None:
        return self._folder / (uuid.uuid4().hex + _PART_SUFFIX) if self._folder else None


class Spool:
    """Bytes on their way into a world: small ones wait in memory, large ones go to a file at once."""

    def __init__(self, world: SqliteWorld) -> None:
        """Begin empty."""
        self._world = world
        self._digest = hashlib.sha256()
        self._memory = bytearray()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self.size_bytes = 0

    def __enter__(self) -> Self:
        """Use it in a `with` block, so a broken arrival leaves no file behind."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what was not kept."""
        if self._file:
            self._file.close()
        if self._path:
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take the next piece."""
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        if self._file:
            self._file.write(chunk)
            return
        self._memory += chunk
        if len(self._memory) > INLINE_BYTES and (path := self._world._part()):  # noqa: SLF001 - one pair of classes
            self._path, self._file = path, path.open("wb")
            self._file.write(self._memory)
            self._memory.clear()

    def keep(self) -> BlobRef:
        """Make what was written part of the world, synced (small bytes: with the next commit)."""
        sha256 = self._digest.hexdigest()
        if self._file and self._path:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._path.replace(self._path.with_name(sha256))
            sync_folder(self._path.parent)
            self._file = self._path = None
        else:
            self._world._keep_inline(sha256, bytes(self._memory))  # noqa: SLF001 - one pair of classes
        return BlobRef(sha256=sha256, size_bytes=self.size_bytes)


def memory_world(now: Callable[[], datetime] = utc_now) -> SqliteWorld:
    """A world without a disk, for unit tests; gone when closed."""
    return SqliteWorld(None, now)


def _row(body: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(body)
    return row
