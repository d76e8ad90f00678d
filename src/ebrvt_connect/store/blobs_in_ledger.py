"""Small contents in the ledger's own database; larger ones wherever others lie.

A file of its own costs two or three syncs and some twenty calls to the system, a row beside those that are
written anyway next to nothing. So what is small waits in memory and is written by whichever transaction
commits next, as its last statement: the row that names a content is in that one or a later one, so no row
is ever on the disk before the content it names. What no transaction came for is named by no row.

What is here is read from anywhere: from memory while it waits and shortly after, else from its row, else
from where larger contents lie (older stores have their small ones there, too).
"""

from __future__ import annotations

import hashlib
import io
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.blobs import CollectableBlobs, KeptBlob
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import bring_along, reading, writing
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from ebrvt_connect.ports.clock import Clock

SMALL_BYTES = 32 * 1024
_MOST_WAITING_BYTES = 16 * 1024 * 1024
_LATELY_BYTES = 4 * 1024 * 1024
_PAGE = 500

_C = schema.content
_BYTES = sa.select(_C.c.bytes).where(_C.c.sha256 == sa.bindparam("sha256"))
_THERE = sa.select(_C.c.id).where(_C.c.sha256 == sa.bindparam("sha256"))


@dataclass(frozen=True, slots=True)
class _Content:
    octets: bytes
    since: datetime


class Waiting:
    """Small contents of this process that no transaction has written yet, and those written lately."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._lock = threading.Lock()
        self._waiting: dict[str, _Content] = {}
        self._waiting_bytes = 0
        self._lately: OrderedDict[str, bytes] = OrderedDict()
        self._lately_bytes = 0

    def take(self, sha256: str, content: _Content) -> bool:
        """Have it written by whoever writes next; False where too much waits already."""
        with self._lock:
            if sha256 not in self._waiting:
                if self._waiting_bytes + len(content.octets) > _MOST_WAITING_BYTES:
                    return False
                self._waiting_bytes += len(content.octets)
            self._waiting[sha256] = content
        return True

    def find(self, sha256: str) -> bytes | None:
        """The bytes, where they are still in memory."""
        with self._lock:
            waits = self._waiting.get(sha256)
            return self._lately.get(sha256) if waits is None else waits.octets

    def write(self, tx: sa.Connection) -> Collection[str]:
        """Everything that waits; in order, so that two writers cannot wait for each other's rows."""
        with self._lock:
            found = sorted(self._waiting.items())
        if found:
            rows = [
                {"sha256": sha256, "size_bytes": len(one.octets), "bytes": one.octets, "since": one.since}
                for sha256, one in found
            ]
            tx.execute(_keeping(tx.dialect.name), rows)
            crash_point("after_contents_before_commit")
        return [sha256 for sha256, _ in found]

    def written(self, brought: Collection[str]) -> None:
        """They are on the disk; kept a while, for what was made last is sent next."""
        with self._lock:
            for sha256 in brought:
                content = self._waiting.pop(sha256, None)
                if content is not None:
                    self._waiting_bytes -= len(content.octets)
                    self._remember(sha256, content.octets)

    def forget(self, sha256: str) -> None:
        """It was deleted; where it waits to be written anew, it still does."""
        with self._lock:
            self._lately_bytes -= len(self._lately.pop(sha256, b""))

    def _remember(self, sha256: str, octets: bytes) -> None:
        if sha256 not in self._lately:
            self._lately[sha256] = octets
            self._lately_bytes += len(octets)
        while self._lately_bytes > _LATELY_BYTES:
            _, oldest = self._lately.popitem(last=False)
            self._lately_bytes -= len(oldest)


class LedgerBlobs(CollectableBlobs):
    """Contents of up to `small_bytes` in the ledger, all others `beyond`; any number of threads."""

    def __init__(
        self, database: sa.Engine, beyond: CollectableBlobs, clock: Clock, *, small_bytes: int = SMALL_BYTES
    ) -> None:
        """The database's tables are there already."""
        self._database = database
        self._beyond = beyond
        self._clock = clock
        self._small_bytes = small_bytes
        self._waiting = bring_along(database, Waiting)

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here, set aside or not."""
        if self._waiting.find(sha256) is not None:
            return True
        with reading(self._database) as tx:
            there = tx.scalar(_THERE, {"sha256": sha256}) is not None
        return there or self._beyond.has(sha256)

    def kept(self) -> Iterator[KeptBlob]:
        """Everything that is not set aside; what lies in both places comes twice."""
        yield from self._rows(_C.c.since, _C.c.aside.is_(None))
        yield from self._beyond.kept()

    def aside(self) -> Iterator[KeptBlob]:
        """What is set aside."""
        yield from self._rows(_C.c.aside, _C.c.aside.is_not(None))
        yield from self._beyond.aside()

    def set_aside(self, sha256: str) -> None:
        """Set aside, as of now."""
        if not self._changed(sha256, _C.c.aside.is_(None), aside=self._clock.now()):
            self._beyond.set_aside(sha256)

    def bring_back(self, sha256: str) -> None:
        """Take back what was set aside; its age begins anew."""
        if not self._changed(sha256, _C.c.aside.is_not(None), aside=None, since=self._clock.now()):
            self._beyond.bring_back(sha256)

    def delete(self, sha256: str) -> None:
        """Delete for good what is set aside."""
        with writing(self._database) as tx:
            gone = tx.execute(_C.delete().where(_C.c.sha256 == sha256, _C.c.aside.is_not(None))).rowcount
        self._waiting.forget(sha256)
        if not gone:
            self._beyond.delete(sha256)

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Only what is larger can be left half written."""
        return self._beyond.unfinished(before)

    def clear(self, name: str) -> None:
        """Delete something half written, unless somebody is writing it."""
        self._beyond.clear(name)

    def owners(self) -> frozenset[str]:
        """The ledgers whose larger contents lie in the same place."""
        return self._beyond.owners()

    def own(self, ledger: str) -> None:
        """Note that this ledger's larger contents lie there."""
        self._beyond.own(ledger)

    def disown(self, ledger: str) -> None:
        """Note that this ledger is gone for good."""
        self._beyond.disown(ledger)

    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        held, flow = bytearray(), iter(chunks)
        for chunk in flow:
            held += chunk
            if len(held) > self._small_bytes:
                return self._put_beyond(chain((bytes(held),), flow))
        octets = bytes(held)
        sha256 = hashlib.sha256(octets).hexdigest()
        if self._waiting.take(sha256, _Content(octets, self._clock.now())):
            return BlobRef(sha256=sha256, size_bytes=len(octets))
        return self._put_beyond((octets,))

    def _put_beyond(self, chunks: Iterable[bytes]) -> BlobRef:
        return self._beyond.put(chunks, limit_bytes=sys.maxsize)  # the caller's limit is in the chunks

    def _open(self, sha256: str) -> BinaryIO:
        octets = self._waiting.find(sha256)
        if octets is None:
            with reading(self._database) as tx:
                octets = tx.scalar(_BYTES, {"sha256": sha256})
        return self._beyond.open(sha256) if octets is None else io.BytesIO(octets)

    def _changed(self, sha256: str, so_far: sa.ColumnElement[bool], **values: datetime | None) -> bool:
        with writing(self._database) as tx:
            changing = _C.update().where(_C.c.sha256 == sha256, so_far).values(values)
            return tx.execute(changing).rowcount > 0

    def _rows(self, since: sa.Column[Any], which: sa.ColumnElement[bool]) -> Iterator[KeptBlob]:
        """Page by page, each in a short transaction."""
        query = sa.select(_C.c.id, _C.c.sha256, _C.c.size_bytes, since).where(which).order_by(_C.c.id)
        after = 0
        while True:
            with reading(self._database) as tx:
                page = tx.execute(query.where(_C.c.id > after).limit(_PAGE)).all()
            yield from (KeptBlob(*row[1:]) for row in page)
            if len(page) < _PAGE:
                return
            after = page[-1].id


@cache
def _keeping(dialect: str) -> Any:  # noqa: ANN401 - two dialects' inserts have no common type
    """The insert of a content, made once; what is there already is young again, and not aside."""
    insert = postgresql.insert(_C) if dialect == "postgresql" else sqlite.insert(_C)
    anew = {"since": insert.excluded.since, "aside": None}
    return insert.on_conflict_do_update(index_elements=["sha256"], set_=anew)
