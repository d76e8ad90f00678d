"""Retention (thời hạn lưu giữ): what is given up of finished messages in time, and what never is.

Three periods, each counted from when a message was last written: of its **attempts** (the lines of its story
with what was answered), of its **contents** (original, payload, files: the row still says what they were, but
no blob is kept for its sake any more), of its **evidence** (verdict and raw receipt; the receipt's id stays).
Never given up: a message that is not finished (held, dead, refused, in doubt, waiting, on its way) or whose
source is still to be told; one whose lane is still at work, for what comes after it may be made from it; the
row itself, with the digests of all that was; the inbox, by which a second arrival is known; the evidence log,
whose entries are digests and stay as provable as before.

All is done in short transactions, each of which may be the last.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ebrvt_connect.model.message import State
from ebrvt_connect.store import schema
from ebrvt_connect.store.alone import alone_with
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.shards import insert_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta

FINISHED = frozenset({State.DONE, State.CANCELLED, State.SUPERSEDED})
"""What nobody can take up again; a refused one may be sent once more by a person."""

_M, _P, _A, _META = schema.message, schema.pruned, schema.attempt, schema.store_meta
_RANGE = 1000
_LAST = "upkeep"
_TENDING = 0x6562727600000009
"""Among the advisory locks of the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How long each is kept after a message was finished; None: for ever."""

    attempts: timedelta | None = None
    contents: timedelta | None = None
    evidence: timedelta | None = None


@dataclass(slots=True)
class Pruned:
    """How many were given up, or would be: lines of stories, messages' contents, messages' evidence."""

    attempts: int = 0
    contents: int = 0
    evidence: int = 0


def due(database: sa.Engine, periods: Periods, now: datetime) -> Pruned:
    """How many are due; nothing is changed. Raises as `reading`."""
    counted = Pruned()
    for name, period, counting in (
        ("attempts", periods.attempts, _attempts_due),
        ("contents", periods.contents, _contents_due),
        ("evidence", periods.evidence, _evidence_due),
    ):
        if period is not None:
            with reading(database) as tx:
                found = tx.scalar(sa.select(sa.func.count()).select_from(counting(now - period).subquery()))
            setattr(counted, name, found or 0)
    return counted


def prune(
    database: sa.Engine, periods: Periods, now: datetime, *, stopping: Callable[[], bool] = lambda: False
) -> Pruned:
    """Give up what is due, in small batches, all of it or until `stopping`; raises as `writing`."""
    done = Pruned()
    if periods.attempts is not None:
        before = now - periods.attempts
        done.attempts = _in_ranges(database, _A.c.id, _attempts_due(before), _forget_attempts, now, stopping)
    if periods.contents is not None:
        before = now - periods.contents
        done.contents = _in_ranges(database, _M.c.id, _contents_due(before), _give_up_contents, now, stopping)
    if periods.evidence is not None:
        before = now - periods.evidence
        done.evidence = _in_ranges(database, _M.c.id, _evidence_due(before), _give_up_evidence, now, stopping)
    return done


@contextmanager
def tending(database: sa.Engine) -> Iterator[bool]:
    """Whether this daemon gives up and collects just now; several at once would only do the work twice."""
    with alone_with(database, _TENDING) as alone:
        yield alone


def note_upkeep(database: sa.Engine, told: Mapping[str, Any]) -> None:
    """Write down how the last round of upkeep went (plain JSON values), for whoever asks."""
    with writing(database) as tx:
        values = {"value": json.dumps(told, ensure_ascii=False)}
        insert = insert_for(tx, _META).values(key=_LAST, **values)
        tx.execute(insert.on_conflict_do_update(index_elements=["key"], set_=values))


def last_upkeep(database: sa.Engine) -> dict[str, Any] | None:
    """How the last round went; None before the first."""
    with reading(database) as tx:
        found = tx.scalar(sa.select(_META.c.value).where(_META.c.key == _LAST))
    told: dict[str, Any] | None = None if found is None else json.loads(found)
    return told


def _in_ranges(
    database: sa.Engine,
    key: sa.Column[Any],
    query: sa.Select[Any],
    give_up: Callable[[sa.Connection, list[int], datetime], None],
    now: datetime,
    stopping: Callable[[], bool],
) -> int:
    """Range by range of ids, so that no statement reads the whole table while the writer waits."""
    with reading(database) as tx:
        last = tx.scalar(sa.select(sa.func.max(key))) or 0
    given_up = 0
    for first in range(1, last + 1, _RANGE):
        if stopping():
            break
        in_range = query.where(key >= first, key < first + _RANGE)
        with reading(database) as tx:
            if tx.execute(in_range.limit(1)).first() is None:
                continue
        with writing(database) as tx:
            ids = list(tx.scalars(in_range))
            give_up(tx, ids, now)
        given_up += len(ids)
    return given_up


def _finished(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Finished, told, and nothing in its lane, nor of what its source is told, still on its way."""
    behind, told = _M.alias("behind"), _M.alias("told")
    return (
        # Not by the index of states: nearly all are done, and a range of ids holds a thousand.
        _M.c.state.concat("").in_([state.value for state in FINISHED]),
        _M.c.untold == 0,
        _M.c.updated_at < before,
        ~sa.exists().where(behind.c.target == _M.c.target, behind.c.lane == _M.c.lane, behind.c.in_lane == 1),
        ~sa.exists().where(told.c.origin_id == _M.c.id, told.c.in_lane == 1),
    )


def _attempts_due(before: datetime) -> sa.Select[Any]:
    return sa.select(_A.c.id).join_from(_A, _M, _M.c.id == _A.c.message_id).where(*_finished(before))


def _contents_due(before: datetime) -> sa.Select[Any]:
    """Whatever it has: one without any is noted as well, and not looked at again."""
    joined = sa.select(_M.c.id).join_from(_M, _P, _P.c.message_id == _M.c.id, isouter=True)
    return joined.where(_P.c.contents_at.is_(None), *_finished(before))


def _evidence_due(before: datetime) -> sa.Select[Any]:
    joined = sa.select(_M.c.id).join_from(_M, _P, _P.c.message_id == _M.c.id, isouter=True)
    return joined.where(_P.c.evidence_at.is_(None), *_finished(before))


def _forget_attempts(tx: sa.Connection, ids: list[int], now: datetime) -> None:
    del now
    tx.execute(_A.delete().where(_A.c.id.in_(ids)))


def _give_up_contents(tx: sa.Connection, ids: list[int], now: datetime) -> None:
    _note(tx, ids, {"contents_at": now})


def _give_up_evidence(tx: sa.Connection, ids: list[int], now: datetime) -> None:
    """What the receipt was called stays: later messages of the same thing are sent under it."""
    emptied = {
        name: sa.case((_M.c[name].is_(None), None), else_=sa.literal(empty, _M.c[name].type))
        for name, empty in (("receipt_raw", b""), ("receipt_note", ""))
    }
    tx.execute(_M.update().where(_M.c.id.in_(ids)).values(verdict="", **emptied))
    _note(tx, ids, {"evidence_at": now})


def _note(tx: sa.Connection, ids: list[int], values: dict[str, datetime]) -> None:
    insert = insert_for(tx, _P)
    noted = insert.on_conflict_do_update(index_elements=["message_id"], set_=values)
    if ids:
        tx.execute(noted, [{"message_id": one, **values} for one in ids])
