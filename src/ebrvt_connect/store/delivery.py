"""What a drain reads and writes: windows of due messages, and one fenced commit for all that has come."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ebrvt_connect.model.document import DocumentStatus, StatusCode
from ebrvt_connect.model.dossier import DossierStatus, ProgressEntry
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.report import ReportStatus
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.crash_points import crash_point
from ebrvt_connect.store.limit_rows import LimitRows
from ebrvt_connect.store.proof_rows import enter_changes
from ebrvt_connect.store.shards import BY_ITSELF, due_heads, insert_for, one_of
from ebrvt_connect.store.superseding import heir_of, let_corrections_pass, supersede

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.ledger import Change, Decisions, Due, NewMessage, Pause

_M = schema.message
_FENCE = (
    _M.c.id == sa.bindparam("was_id"),
    _M.c.state == sa.bindparam("was_state"),
    _M.c.attempts == sa.bindparam("was_attempts"),
)
_CHANGED = (
    "state",
    "in_lane",
    "rung",
    "updated_at",
    "next_at",
    "doubt_since",
    "effect",
    "code",
    "reason_vi",
    "advice_vi",
    "verdict",
    "origin_id",
    "payload_sha256",
    "payload_bytes",
    "payload_type",
    "payload_facts",
    "receipt_external_id",
    "receipt_raw",
    "receipt_note",
)
_APPLY = _M.update().where(*_FENCE).values({name: sa.bindparam(f"to_{name}") for name in _CHANGED})
_MARK = (
    _M.update()
    .where(*_FENCE)
    .values(
        state=State.SENDING.value,
        attempts=_M.c.attempts + 1,
        updated_at=sa.bindparam("to_updated_at"),
        first_sent_at=sa.func.coalesce(_M.c.first_sent_at, sa.bindparam("to_updated_at")),
        next_at=None,
    )
)
_THESE = sa.select(_M).where(
    _M.c.id.in_(sa.bindparam("these", expanding=True)),
    # On PostgreSQL each statement sees what was committed last: a person may have ended one of them just now.
    one_of(_M.c.state, BY_ITSELF),
)
_SIBLINGS = (
    sa.select(_M)
    .where(_M.c.target == sa.bindparam("of_target"), _M.c.lane == sa.bindparam("of_lane"))
    .where(_M.c.in_lane == 0, _M.c.state == State.DONE.value, _M.c.id != sa.bindparam("but_id"))
    .order_by(_M.c.place, _M.c.id)
)
_TOLD = _M.update().where(_M.c.id == sa.bindparam("was_id"), _M.c.untold == 1).values(untold=0)


@cache
def _inserting(dialect: str) -> Any:  # noqa: ANN401 - two dialects' inserts have no common type
    """The insert of a message, made once: making statements costs more than running them."""
    insert = postgresql.insert(_M) if dialect == "postgresql" else sqlite.insert(_M)
    return insert.on_conflict_do_nothing(index_elements=["idem_key"]).returning(_M.c.id, _M.c.idem_key)


@cache
def _window(*, judging_only: bool) -> sa.Select[Any]:
    """The query of a shard's due lane heads, made once."""
    return (
        sa.select(_M.c.id)
        .where(_M.c.target == sa.bindparam("of_target"), _M.c.shard == sa.bindparam("of_shard"))
        .where(_M.c.in_lane == 1, *due_heads(sa.bindparam("now"), judging_only=judging_only))
        .order_by(_M.c.priority.desc(), _M.c.deadline.nulls_last(), _M.c.place)
        .limit(sa.bindparam("most"))
    )


class _SomebodyElse(Exception):
    """A group met a fence; it is written again one by one to find out whose."""


class Delivery(LimitRows):
    """The ledger as drains use it."""

    def heads(
        self,
        system: str,
        shard: int,
        *,
        now: datetime,
        limit: int,
        judging_only: bool,
        in_hand: Collection[int] = (),
    ) -> list[Due]:
        """The shard's lane heads that are due: by priority, then by deadline, then by their places.

        Whole rows are read of the new ones alone: the rest of the window is there at every look.
        """
        query = _window(judging_only=judging_only)
        asked = {"of_target": system, "of_shard": shard, "now": now, "most": limit + len(in_hand)}
        with reading(self.database) as tx:
            found = [id_ for id_ in tx.scalars(query, asked) if id_ not in in_hand][:limit]
            if not found:
                return []
            read = {row.id: rows.due_of(row) for row in tx.execute(_THESE, {"these": found})}
        return [read[id_] for id_ in found if id_ in read]

    def untold(self, system: str, shard: int, *, limit: int) -> list[Due]:
        """Messages whose source is still to be told what became of them."""
        query = (
            sa.select(_M)
            .where(_M.c.target == system, _M.c.shard == shard, _M.c.untold == 1)
            .order_by(_M.c.id)
            .limit(limit)
        )
        with reading(self.database) as tx:
            return [rows.due_of(row) for row in tx.execute(query)]

    def commit(self, decisions: Decisions) -> frozenset[int]:
        """Write everything in one transaction; returns the ids whose fence did not hold."""
        try:
            with writing(self.database) as tx:
                self._write_together(tx, decisions)
                crash_point("in_commit")
        except _SomebodyElse:
            with writing(self.database) as tx:
                return self._write_one_by_one(tx, decisions)
        crash_point("after_settle")
        return frozenset()

    def _write_together(self, tx: sa.Connection, decisions: Decisions) -> None:
        """The common case: every fence holds. The row count of many is a sum: a miss does not say whose."""
        now = decisions.now
        kept = [change for change in decisions.changes if not change.told]
        told = [change for change in decisions.changes if change.told]
        self._insert_messages(tx, [new for change in decisions.changes for new in change.feedback], now)
        _all_of(tx, _APPLY, [rows.change_values(change, now) for change in kept])
        _all_of(tx, _TOLD, [{"was_id": change.was.id} for change in told])
        _all_of(tx, _MARK, [_mark_values(message, now) for message in decisions.sending])
        self._write_story(tx, decisions.changes)
        enter_changes(tx, kept, now)
        self._let_newer_pass(tx, kept, now)
        for pause in decisions.pauses:
            pause_row(tx, pause)

    def _write_one_by_one(self, tx: sa.Connection, decisions: Decisions) -> frozenset[int]:
        now = decisions.now
        fenced: set[int] = set()
        applied: list[Change] = []
        for change in decisions.changes:
            statement, values = (
                (_TOLD, {"was_id": change.was.id})
                if change.told
                else (_APPLY, rows.change_values(change, now))
            )
            if tx.execute(statement, values).rowcount == 1:
                applied.append(change)
            else:
                fenced.add(change.was.id)
        for message in decisions.sending:
            if tx.execute(_MARK, _mark_values(message, now)).rowcount != 1:
                fenced.add(message.id)
        self._insert_messages(tx, [new for change in applied for new in change.feedback], now)
        self._write_story(tx, applied)
        enter_changes(tx, [change for change in applied if not change.told], now)
        self._let_newer_pass(tx, applied, now)
        for pause in decisions.pauses:
            pause_row(tx, pause)
        return frozenset(fenced)

    @staticmethod
    def _let_newer_pass(tx: sa.Connection, changes: Sequence[Change], now: datetime) -> None:
        """What came to be held gives way: to a newer version of it, or to what must be there before it."""
        for change in changes:
            if change.state is not State.HELD:
                continue
            if change.was.attempts:
                let_corrections_pass(tx, change.was, now)
            elif heir := heir_of(tx, change.was):
                supersede(tx, heir, now)

    @staticmethod
    def _write_story(tx: sa.Connection, changes: Sequence[Change]) -> None:
        lines = [rows.exchange_values(c.was.id, c.exchange) for c in changes if c.exchange is not None]
        if lines:
            tx.execute(schema.attempt.insert(), lines)

    def _insert_messages(self, tx: sa.Connection, news: Sequence[NewMessage], now: datetime) -> None:
        """Flags first, then rows; the same key a second time is nothing."""
        if not news:
            return
        self.raise_flags(tx, {(new.target, self.shard_of(new.lane)) for new in news})
        self._insert_all(tx, news, now)

    def _insert_all(self, tx: sa.Connection, news: Sequence[NewMessage], now: datetime) -> dict[str, int]:
        """Rows in this order, whose ids are the order in their lanes; the ids by key, of those that are new.

        The ids of one statement ascend with its rows in both databases, but neither promises it.
        """
        values = [rows.new_values(new, self.shard_of(new.lane), now) for new in news]
        made = {row.idem_key: row.id for row in tx.execute(_inserting(tx.dialect.name), values)}
        ids = [made[key] for key in dict.fromkeys(new.idem_key for new in news) if key in made]
        if ids != sorted(ids):
            raise RuntimeError("the database has given out ids in another order than that of its rows")
        return made

    def _insert_message(self, tx: sa.Connection, new: NewMessage, now: datetime) -> int | None:
        """The new row's id, or None where the key was there already."""
        found: int | None = tx.scalar(
            _inserting(tx.dialect.name), rows.new_values(new, self.shard_of(new.lane), now)
        )
        return found

    def origin_of(self, message: Message, record: Record) -> Message | None:
        """The message of the thing `record` tells about or belongs to; None for a thing of its own."""
        match record:
            case DocumentStatus():
                query = _document_told_of(message, record)
            case ProgressEntry():
                query = _dossier_taken_before(message)
            case DossierStatus() | ReportStatus() if message.origin_id is not None:
                query = sa.select(_M).where(_M.c.id == message.origin_id)
            case _:
                return None
        with reading(self.database) as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else rows.message_of(row)

    def siblings_of(self, message: Message) -> tuple[Message, ...]:
        """What the same target has of the same lane already, by its receipt or a person's word, in order."""
        asked = {"of_target": message.target, "of_lane": message.lane, "but_id": message.id}
        with reading(self.database) as tx:
            return tuple(rows.message_of(row) for row in tx.execute(_SIBLINGS, asked))

    def paused(self) -> dict[str, Pause]:
        """The systems that are left alone."""
        s = schema.system
        with reading(self.database) as tx:
            return {row.name: rows.pause_of(row) for row in tx.execute(sa.select(s).where(s.c.paused == 1))}

    def note_breaker(self, system: str, state: str, now: datetime) -> None:
        """Keep the breaker's state for people to see."""
        with writing(self.database) as tx:
            upsert_system(tx, system, {"breaker": state, "breaker_at": now})


def _document_told_of(message: Message, record: DocumentStatus) -> sa.Select[Any]:
    """The document a status tells about: the one it was made for, else the newest by what it names.

    A document between two of our own agencies is known twice, once on its way out and once on its way in.
    A status goes back to where its document came from; only a recall (13) travels with it.
    """
    made_for = _M.c.id == (message.origin_id or 0)
    named = []
    if record.about_external_id:
        named.append(_M.c.external_id == record.about_external_id)
    if record.about is not None and record.about.document_id:
        named.append(_M.c.business_key == record.about.document_id)
    between = _M.c.source.in_((message.source, message.target))
    expected = message.source if record.code == StatusCode.RECALL else message.target
    return (
        sa.select(_M)
        .where(_M.c.kind == Kind.DOCUMENT.value)
        # Each alternative is found by an index; with all names under one AND the whole table would be read.
        .where(sa.or_(made_for, *(sa.and_(between, name) for name in named)))
        .order_by(sa.case((made_for, 0), (_M.c.source == expected, 1), else_=2), _M.c.id.desc())
        .limit(1)
    )


def _dossier_taken_before(message: Message) -> sa.Select[Any]:
    """The latest revision of the dossier that the target of this progress entry has taken."""
    return (
        sa.select(_M)
        .where(_M.c.target == message.target, _M.c.lane == message.lane, _M.c.in_lane == 0)
        .where(_M.c.kind == Kind.DOSSIER.value, _M.c.source == message.source)
        .where(_M.c.state == State.DONE.value)
        .order_by(_M.c.place.desc(), _M.c.id.desc())
        .limit(1)
    )


def pause_row(tx: sa.Connection, pause: Pause) -> bool:
    """Pause a system unless it is already; the first reason stands. Returns whether it was this one."""
    s = schema.system
    if tx.scalar(sa.select(s.c.paused).where(s.c.name == pause.system)):
        return False
    upsert_system(
        tx,
        pause.system,
        {
            "paused": 1,
            "paused_by": pause.by,
            "paused_why": pause.reason_vi,
            "paused_code": pause.code,
            "paused_at": pause.at,
        },
    )
    return True


def upsert_system(tx: sa.Connection, name: str, values: dict[str, Any]) -> None:
    """Set columns of a system's row, making it if need be."""
    blank = {"paused": 0, "paused_by": "", "paused_why": "", "paused_code": "", "breaker": ""}
    insert = insert_for(tx, schema.system).values(name=name, **{**blank, **values})
    tx.execute(insert.on_conflict_do_update(index_elements=["name"], set_=values))


def _mark_values(message: Message, now: datetime) -> dict[str, Any]:
    return {
        "was_id": message.id,
        "was_state": message.state.value,
        "was_attempts": message.attempts,
        "to_updated_at": now,
    }


def _all_of(tx: sa.Connection, statement: sa.Update, values: Sequence[dict[str, Any]]) -> None:
    if values and tx.execute(statement, values).rowcount != len(values):
        raise _SomebodyElse
