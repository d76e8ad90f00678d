"""Collecting blobs that nobody names (dọn nội dung không còn dùng), and checking those that are named.

1. Read every digest that a row names, from all tables, a page at a time: messages with their originals
and payloads, the files their records name, what has arrived, the evidence log, frozen reports. 2. What was
set aside by an earlier run and is named after all is brought back; what is still not named a day later is
deleted. 3. What lies there, is not named and has not been put for a week is set aside, to be
looked at again.

A blob is written before the row that names it, so one that is not named may be about to be. It is young
then, whether it was written or only found to be there. Should that be misjudged (a clock that jumps, a
process frozen for a week), it has only been set aside, where it is read as before, and its row has a day
more to come. Nothing is remembered from one run to the next but what lies aside: a run may be killed
anywhere, and several may run at once.

The digests are kept in a filter of fixed size. It may take a stranger for one of them, and a blob then stays
until the next run, whose filter is another; it never misses one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ebrvt_connect.errors import ConnectError, HeldForPerson, explain
from ebrvt_connect.ports.blobs import BLOB_DAMAGED, BLOB_MISSING
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.shards import insert_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.ports.blobs import Blobs, CollectableBlobs, KeptBlob
    from ebrvt_connect.store.rows import AnyRow

BLOBS_SHARED = explain(
    "BLOBS_SHARED",
    "Kho nội dung này còn được {others} sổ cái khác dùng nên chưa dọn: sổ cái này không biết hết "
    "nội dung nào còn cần.",
    "Cho mỗi sổ cái một kho riêng; nếu sổ cái kia chắc chắn không còn dùng, chạy: "
    "ebrvt blobs collect --adopt.",
)

_M, _P, _I = schema.message, schema.pruned, schema.inbox
_E, _R, _META = schema.proof_entry, schema.report_snapshot, schema.store_meta
_ID = "ledger_id"
_PAGE = 500
_HEX_RUN = re.compile(r"[0-9a-f]{64,}")
"""What is longer is no digest; asked for at both ends, that would cost ten times as long."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHA256_HEX = 64
_CHECKED_LATELY = 100_000
_UNFINISHED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectPatience:
    """How long what nobody names is left alone."""

    unnamed: timedelta = timedelta(days=7)
    """Since it was last put, until it is set aside."""
    aside: timedelta = timedelta(days=1)
    """Since it was set aside, until it is deleted."""


@dataclass(slots=True)
class Collected:
    """What a run has done, or with `dry_run` would have done."""

    kept: int = 0
    """Blobs that were left where they are."""
    set_aside: int = 0
    set_aside_bytes: int = 0
    brought_back: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    unfinished: int = 0
    """Half-written ones that were deleted."""
    complete: bool = True
    """False where it was stopped halfway."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A blob that a message needs."""

    message_id: int
    title: str
    """What an operator calls the message."""
    role: str
    """`original`, `payload`, `attachment`."""
    sha256: str


@dataclass(frozen=True, slots=True)
class BlobFault:
    """A blob that is not as it should be, and a message it belongs to."""

    reference: Reference
    explanation: Explanation

    @property
    def sentence_vi(self) -> str:
        """What the operator reads."""
        return self.explanation.sentence_vi.format(sha256=self.reference.sha256)


class Named:
    """The digests that rows name, in 16 MiB however many they are; now and then it takes in a stranger."""

    _BITS = 1 << 27

    def __init__(self) -> None:
        """Empty; no two are mistaken alike."""
        self._field = bytearray(self._BITS // 8)
        self._salt = os.urandom(16)

    def add(self, sha256: str) -> None:
        """From now on it is named."""
        for bit in self._bits(sha256):
            self._field[bit >> 3] |= 1 << (bit & 7)

    def __contains__(self, sha256: str) -> bool:
        return all(self._field[bit >> 3] & (1 << (bit & 7)) for bit in self._bits(sha256))

    def _bits(self, sha256: str) -> Iterator[int]:
        mixed = hashlib.blake2b(sha256.encode(), digest_size=16, salt=self._salt).digest()
        return (int.from_bytes(mixed[n : n + 4]) % self._BITS for n in range(0, 16, 4))


def ledger_id(database: sa.Engine) -> str:
    """The ledger's own id (32 hex digits), given to it when it is first asked for; raises as `writing`."""
    asked = sa.select(_META.c.value).where(_META.c.key == _ID)
    with reading(database) as tx:
        found: str | None = tx.scalar(asked)
    if found is not None:
        return found
    with writing(database) as tx:
        insert = insert_for(tx, _META).values(key=_ID, value=uuid.uuid4().hex)
        tx.execute(insert.on_conflict_do_nothing(index_elements=["key"]))
        return str(tx.scalar(asked))


def named_blobs(database: sa.Engine, stopping: Callable[[], bool] = lambda: False) -> Named | None:
    """All digests that rows name, but those of messages whose contents have been given up.

    None when `stopping` says so before all are read.
    """
    named = Named()
    for query in (_of_messages(), _of_inbox(), _of_entries(), _of_reports()):
        for nth, row in enumerate(_paged(database, query)):
            if nth % _PAGE == 0 and stopping():
                return None
            for value in row[1:]:
                for run in _HEX_RUN.findall(value or ""):
                    if len(run) == _SHA256_HEX:
                        named.add(run)
    return named


def collect(
    database: sa.Engine,
    blobs: CollectableBlobs,
    now: datetime,
    patience: CollectPatience,
    *,
    dry_run: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Collected:
    """Collect what nobody names; with `dry_run` only count it. It ends early when `stopping` says so.

    Raises `HeldForPerson` `BLOBS_SHARED` where contents of another ledger lie there too, else
    as `reading` and the blobs do.
    """
    _refuse_shared(database, blobs)
    named, done = named_blobs(database, stopping), Collected()
    if named is None:
        done.complete = False
        return done
    for blob in blobs.aside():
        if stopping():
            done.complete = False
            return done
        _look_again(blobs, blob, named, now - patience.aside, done, dry_run=dry_run)
    for blob in blobs.kept():
        if stopping():
            done.complete = False
            return done
        if blob.since >= now - patience.unnamed or blob.sha256 in named:
            done.kept += 1
            continue
        done.set_aside += 1
        done.set_aside_bytes += blob.size_bytes
        if not dry_run:
            blobs.set_aside(blob.sha256)
    for name, _size in list(blobs.unfinished(now - _UNFINISHED_FOR)):
        done.unfinished += 1
        if not dry_run:
            blobs.clear(name)
    return done


def _look_again(
    blobs: CollectableBlobs, blob: KeptBlob, named: Named, before: datetime, done: Collected, *, dry_run: bool
) -> None:
    """The second look at what was set aside."""
    if blob.sha256 in named:
        done.brought_back += 1
        if not dry_run:
            blobs.bring_back(blob.sha256)
    elif blob.since < before:
        done.deleted += 1
        done.deleted_bytes += blob.size_bytes
        if not dry_run:
            blobs.delete(blob.sha256)


def adopt(database: sa.Engine, blobs: CollectableBlobs) -> None:
    """All that lies there is this ledger's: those that were here before are gone for good."""
    own = ledger_id(database)
    blobs.own(own)
    for other in blobs.owners() - {own}:
        blobs.disown(other)


def _refuse_shared(database: sa.Engine, blobs: CollectableBlobs) -> None:
    own = ledger_id(database)
    blobs.own(own)
    if others := blobs.owners() - {own}:
        raise HeldForPerson(
            BLOBS_SHARED,
            f"the blobs also belong to {len(others)} other ledgers: {', '.join(sorted(others))}",
            others=len(others),
        )


def references(database: sa.Engine) -> Iterator[Reference]:
    """What messages need: their originals, payloads, and the files their records name, oldest message first.

    Not of messages whose contents have been given up.
    """
    for row in _paged(database, _of_messages()):
        for role, sha256 in (("original", row.original_sha256), ("payload", row.payload_sha256)):
            if sha256:
                yield Reference(row.id, row.title, role, sha256)
        for sha256 in files_of(row.record):
            yield Reference(row.id, row.title, "attachment", sha256)


def check(blobs: Blobs, needed: Iterable[Reference], *, read: bool = True) -> Iterator[BlobFault]:
    """What of it is missing or, where it is `read`, not what it was; each message's own line.

    Raises what keeps the store from being read at all.
    """

    @lru_cache(_CHECKED_LATELY)
    def wrong(sha256: str) -> Explanation | None:
        return _wrong(blobs, sha256, read=read)

    for reference in needed:
        if (explanation := wrong(reference.sha256)) is not None:
            yield BlobFault(reference, explanation)


def _wrong(blobs: Blobs, sha256: str, *, read: bool) -> Explanation | None:
    try:
        if not read:
            return None if blobs.has(sha256) else BLOB_MISSING
        digest = hashlib.sha256()
        for piece in blobs.chunks(sha256):
            digest.update(piece)
    except OSError:  # a disk that cannot read it back
        return BLOB_DAMAGED
    except ConnectError as failure:
        known = {BLOB_MISSING.code: BLOB_MISSING, BLOB_DAMAGED.code: BLOB_DAMAGED}
        if failure.code not in known:
            raise
        return known[failure.code]
    return None if digest.hexdigest() == sha256 else BLOB_DAMAGED


def files_of(record: str) -> Iterator[str]:
    """The digests a record names as such (`sha256`), at whatever depth."""
    try:
        left: list[Any] = [json.loads(record)] if record else []
    except ValueError:
        return
    while left:
        node = left.pop()
        if isinstance(node, dict):
            digest = node.get("sha256")
            if isinstance(digest, str) and _DIGEST.fullmatch(digest):
                yield digest
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


def _paged(database: sa.Engine, query: sa.Select[Any]) -> Iterator[AnyRow]:
    """Page by page, each in a short transaction: a long one would keep the database from tidying up."""
    key = query.selected_columns[0]
    after = 0
    while True:
        with reading(database) as tx:
            page = tx.execute(query.where(key > after).order_by(key).limit(_PAGE)).all()
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _of_messages() -> sa.Select[Any]:
    """A verdict names files, too: those of the record it is about."""
    columns = (
        _M.c.id,
        _M.c.original_sha256,
        _M.c.payload_sha256,
        _M.c.record,
        _M.c.payload_facts,
        _M.c.title,
    )
    joined = sa.select(*columns).join_from(_M, _P, _P.c.message_id == _M.c.id, isouter=True)
    return joined.where(_P.c.contents_at.is_(None))


def _of_inbox() -> sa.Select[Any]:
    joined = sa.select(_I.c.id, _I.c.sha256)
    joined = joined.join_from(_I, _P, _P.c.message_id == _I.c.message_id, isouter=True)
    return joined.where(_P.c.contents_at.is_(None))


def _of_entries() -> sa.Select[Any]:
    joined = sa.select(_E.c.id, _E.c.body)
    joined = joined.join_from(_E, _P, _P.c.message_id == _E.c.message_id, isouter=True)
    return joined.where(_P.c.contents_at.is_(None))


def _of_reports() -> sa.Select[Any]:
    return sa.select(_R.c.id, _R.c.record)
