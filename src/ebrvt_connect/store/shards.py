"""Shards: how work is found. Sixteen flags a system, raised with the message, cleared by the drain.

A shard is drained by one daemon at a time, whatever the dispatcher says: the row tells who holds it. (DBOS
3.4 now and then begins two workflows of one partition: it looks which runs and which comes first in one
statement and claims in the next, and between the two an older one, delayed until then, may begin.) What a
daemon that nobody knows any more holds is free.

Raising is an upsert even where the flag is up already: it locks the row, so that on PostgreSQL a drain
clearing the flag and a submitter storing a message can never miss each other. Flags come before message
rows in a transaction, sorted, so that nobody waits in a circle and ids follow the order of commits.
A sequence number is used for one activation only: a workflow id used twice is silently nothing.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.ledger import Rest
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ebrvt_connect.ports.ledger import Activate

SHARDS_DIFFER = explain(
    "STORE_SHARDS_DIFFER",
    "Sổ cái đang có {found} ngăn hàng đợi, cấu hình lại ghi {wanted}, mà vẫn còn thông điệp chưa xong "
    "hoặc tiến trình khác đang chạy.",
    "Đặt lại engine.shards = {found}; muốn đổi thì chờ mọi thông điệp xử lý xong và dừng mọi tiến trình.",
)

_WAKE_GRAIN = timedelta(milliseconds=250)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RECEIVED = State.RECEIVED.value
BY_ITSELF = tuple(
    state.value
    for state in (
        State.RECEIVED,
        State.QUEUED,
        State.SENDING,
        State.IN_DOUBT,
        State.AWAITING,
        State.WAITING,
    )
)
"""States a message leaves without a person."""
_NOT_LEFT = (State.QUEUED.value, State.WAITING.value)
"""States in which a deadline ends a message that was judged."""
_PARTS = (Kind.PROGRESS.value,)
"""Kinds that are judged only when what they belong to has been taken: its message is their origin."""

DEFAULT_SHARDS = 16
_FIXING = 0x6562727600000003
"""Among the advisory locks of the database."""
_KNOCK = "knock"
EARLIER = schema.message.alias("earlier")
"""Another message, looked at beside `message`."""
_HERE = (
    schema.message.c.target == sa.bindparam("of_target"),
    schema.message.c.shard == sa.bindparam("of_shard"),
)
_UNTOLD = sa.select(sa.exists().where(*_HERE, schema.message.c.untold == 1))
_NEXT = (
    sa.select(schema.message.c.target, schema.message.c.shard)
    .where(
        sa.tuple_(schema.message.c.target, schema.message.c.shard)
        > sa.tuple_(sa.bindparam("of_target"), sa.bindparam("of_shard"))
    )
    .order_by(schema.message.c.target, schema.message.c.shard)
    .limit(1)
)


def insert_for(tx: sa.Connection, table: sa.Table) -> Any:  # noqa: ANN401 - two dialects' inserts have no common type
    """An INSERT of the connection's own dialect, for its ON CONFLICT."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


@cache
def raising(dialect: str) -> Any:  # noqa: ANN401 - see insert_for
    """The upsert that raises a flag, made once: making statements costs more than running them."""
    flags = schema.shard
    insert = postgresql.insert(flags) if dialect == "postgresql" else sqlite.insert(flags)
    return insert.on_conflict_do_update(
        index_elements=["system", "shard"],
        set_={"pending": 1, "seq": flags.c.seq + 1},
        where=flags.c.pending == 0,
    ).returning(flags.c.system, flags.c.shard, flags.c.seq)


def wake_bucket(at: datetime) -> datetime:
    """The moment rounded up, so that many retries share one waking."""
    return at + (_EPOCH - at) % _WAKE_GRAIN


class Shards:
    """The flags, and who is told of them."""

    def __init__(self, engine: sa.Engine, *, shards: int = DEFAULT_SHARDS) -> None:
        """`shards` is the number a lane is spread over."""
        self.database = engine
        self.shards = shards
        self._activate: Activate | None = None

    def activate_with(self, activate: Activate | None) -> None:
        """From now on tell this dispatcher. Without one no flag is raised: whoever sweeps is knocked for."""
        self._activate = activate

    def fix_shards(self, wanted: int, *, others: bool = False) -> None:
        """Settle the number of shards; `others`: whether other daemons are at work on this store.

        Raises `HeldForPerson` `STORE_SHARDS_DIFFER` while open messages lie in another number of them, or
        others count on it.
        """
        meta = schema.store_meta
        with writing(self.database) as tx:
            if tx.dialect.name == "postgresql":  # SQLite's writer is alone already
                tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_FIXING)))
            found = int(tx.scalar(sa.select(meta.c.value).where(meta.c.key == "shards")) or wanted)
            counted_on = others or tx.scalar(sa.select(sa.exists().where(schema.message.c.in_lane == 1)))
            if found != wanted and counted_on:
                raise HeldForPerson(
                    SHARDS_DIFFER,
                    f"store has {found} shards in use, configuration says {wanted}",
                    scope=Scope.STORE,
                    found=found,
                    wanted=wanted,
                )
            insert = insert_for(tx, meta).values(key="shards", value=str(wanted))
            tx.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": str(wanted)}))
        self.shards = wanted

    def shard_of(self, lane: str) -> int:
        """The shard a lane lies in; the same for ever."""
        return zlib.crc32(lane.encode()) % self.shards

    def raise_flags(self, tx: sa.Connection, touched: Iterable[tuple[str, int]]) -> None:
        """Raise the flags of these (system, shard), and activate those that were down."""
        if self._activate is None:
            self._knock(tx)
            return
        flags = [{"system": s, "shard": n, "pending": 1, "seq": 1} for s, n in sorted(set(touched))]
        if flags:  # in order, so that two that raise the same ones cannot wait for each other
            for raised in tx.execute(raising(tx.dialect.name), flags).all():
                self._activate(tx, raised.system, raised.shard, raised.seq, None)

    def knocks(self) -> str:
        """Another value whenever a process without a dispatcher (the command line) has made work since."""
        meta = schema.store_meta
        with reading(self.database) as tx:
            return tx.scalar(sa.select(meta.c.value).where(meta.c.key == _KNOCK)) or ""

    @staticmethod
    def _knock(tx: sa.Connection) -> None:
        knock = uuid4().hex
        insert = insert_for(tx, schema.store_meta).values(key=_KNOCK, value=knock)
        tx.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": knock}))

    def open_shard(self, system: str, shard: int, now: datetime, *, holder: str = "") -> bool:
        """Clear the flag (and a waking that has come), take the shard and commit, before anything is read.

        False where another living daemon holds it: that one looks once more before it lets go.
        """
        flags, living = schema.shard, sa.select(schema.executor.c.id)
        held_by_another = sa.and_(flags.c.holder != holder, flags.c.holder.in_(living))
        woken = sa.case((flags.c.wake_at <= now, None), else_=flags.c.wake_at)
        with writing(self.database) as tx:
            row = {"system": system, "shard": shard, "pending": 0, "seq": 0, "holder": holder}
            taken_by = tx.scalar(
                insert_for(tx, flags)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["system", "shard"],
                    set_={
                        "pending": 0,
                        "wake_at": woken,
                        "holder": sa.case((held_by_another, flags.c.holder), else_=holder),
                    },
                )
                .returning(flags.c.holder)
            )
        crash_point("after_shard_opened")
        return bool(taken_by == holder)

    def close_shard(
        self,
        system: str,
        shard: int,
        *,
        now: datetime,
        sendable: bool,
        not_before: datetime | None,
        holder: str = "",
    ) -> Rest:
        """Let go of the shard, and activate it again for due work, or set one waking for what is due later.

        Letting go comes first: it locks the row, so whoever raises the flag or wants the shard meanwhile
        waits, and nothing that was stored before is overlooked.
        """
        crash_point("before_shard_closed")
        with writing(self.database) as tx:
            _free(tx, system, shard, holder)
            due, later = self._outlook(tx, system, shard, now, sendable=sendable, not_before=not_before)
            rest = Rest(activated=due)
            if due:
                self.raise_flags(tx, [(system, shard)])
            elif later is not None:
                rest = Rest(activated=False, wake_at=self._wake(tx, system, shard, later, now))
        crash_point("after_shard_closed")
        return rest

    def let_go(self, system: str, shard: int, *, holder: str) -> None:
        """Let go of the shard and do nothing else: the sweep activates it again."""
        with writing(self.database) as tx:
            _free(tx, system, shard, holder)

    def _outlook(
        self,
        tx: sa.Connection,
        system: str,
        shard: int,
        now: datetime,
        *,
        sendable: bool,
        not_before: datetime | None,
    ) -> tuple[bool, datetime | None]:
        """Whether anything is due now, and when the next thing is; `not_before` for what may be sent then."""
        m = schema.message
        here = (m.c.target == system, m.c.shard == shard, m.c.in_lane == 1)
        judging_only = not sendable or not_before is not None
        due = _has_work(tx, system, shard, now, judging_only=judging_only)
        wanted = BY_ITSELF if sendable else (_RECEIVED,)
        later = [
            tx.scalar(
                sa.select(sa.func.min(m.c.next_at)).where(*here, m.c.state.in_(wanted), m.c.next_at > now)
            )
        ]
        if judging_only:
            still = sa.select(sa.func.min(m.c.deadline)).where(*here, m.c.state.in_(_NOT_LEFT))
            later.append(tx.scalar(still.where(m.c.deadline > now)))
        if sendable and not_before is not None:
            sending = _has_due(tx, system, shard, now, judging_only=False)
            later.append(not_before if sending else None)
        return due, min(filter(None, later), default=None)

    def _wake(self, tx: sa.Connection, system: str, shard: int, at: datetime, now: datetime) -> datetime:
        """One delayed activation, unless an earlier one stands."""
        flags = schema.shard
        at = wake_bucket(at)
        row = tx.execute(
            sa.select(flags.c.wake_at, flags.c.seq)
            .where(flags.c.system == system, flags.c.shard == shard)
            .with_for_update()  # another daemon's sweep counts on from here, too
        ).one_or_none()
        if self._activate is None or (row and row.wake_at is not None and now < row.wake_at <= at):
            return at if row is None or row.wake_at is None else min(row.wake_at, at)
        seq = (row.seq if row else 0) + 1
        insert = insert_for(tx, flags).values(system=system, shard=shard, pending=0, seq=seq, wake_at=at)
        tx.execute(
            insert.on_conflict_do_update(index_elements=["system", "shard"], set_={"seq": seq, "wake_at": at})
        )
        self._activate(tx, system, shard, seq, at)
        return at

    def due_shards(self, now: datetime, *, closed: Collection[str] = ()) -> list[tuple[str, int]]:
        """All (system, shard) with work due now, for the sweep.

        Of a paused system, and of those `closed` by their calendars, only what is to be judged or is overdue.

        A flag left up counts as work: with its activation gone, whatever is stored next would not raise it
        again and the shard would sleep.
        """
        s, f = schema.system, schema.shard
        with reading(self.database) as tx:
            paused = {*closed, *tx.scalars(sa.select(s.c.name).where(s.c.paused == 1))}
            flagged = tx.execute(sa.select(f.c.system, f.c.shard).where(f.c.pending == 1))
            found = {(str(system), int(shard)) for system, shard in flagged}
            for system, shard in _with_messages(tx):
                if _has_work(tx, system, shard, now, judging_only=system in paused):
                    found.add((system, shard))
        return sorted(found)

    def revive(self, shards: Collection[tuple[str, int]]) -> None:
        """Activate these whatever their flags say: their activations were lost (the sweep found none)."""
        flags = schema.shard
        with writing(self.database) as tx:
            for system, shard in sorted(shards):
                tx.execute(
                    flags.update().where(flags.c.system == system, flags.c.shard == shard).values(pending=0)
                )
            self.raise_flags(tx, shards)


def _free(tx: sa.Connection, system: str, shard: int, holder: str) -> None:
    flags = schema.shard
    mine = (flags.c.system == system, flags.c.shard == shard, flags.c.holder == holder)
    tx.execute(flags.update().where(*mine).values(holder=None))


def due_heads(
    now: datetime | sa.BindParameter[datetime], *, judging_only: bool
) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition on `message`: due now, and nothing before it in its lane keeps its place.

    A lane whose head waits, is in doubt or is held is left out altogether, or one poison lane would
    fill every window. What is only to be judged need not be the head: judging sends nothing. While nothing
    may be sent, a deadline still passes: who could not leave in time is due to be told so.
    """
    m = schema.message
    timely = sa.or_(m.c.next_at.is_(None), m.c.next_at <= now)
    if judging_only:
        overdue = sa.and_(one_of(m.c.state, _NOT_LEFT), m.c.deadline <= now)
        late = sa.and_(overdue, ~sa.exists().where(*standing_before()))
        return (sa.or_(sa.and_(judgeable(), timely), late),)
    return (one_of(m.c.state, BY_ITSELF), timely, ~sa.exists().where(*standing_before()))


def _with_messages(tx: sa.Connection) -> Iterator[tuple[str, int]]:
    """Every (system, shard) that ever had a message, from one to the next: nothing in between is read."""
    system, shard = "", -1
    while row := tx.execute(_NEXT, {"of_target": system, "of_shard": shard}).one_or_none():
        system, shard = row.target, row.shard
        yield system, shard


def _has_work(tx: sa.Connection, system: str, shard: int, now: datetime, *, judging_only: bool) -> bool:
    if _has_due(tx, system, shard, now, judging_only=judging_only):
        return True
    return bool(tx.scalar(_UNTOLD, {"of_target": system, "of_shard": shard}))


def _has_due(tx: sa.Connection, system: str, shard: int, now: datetime, *, judging_only: bool) -> bool:
    query = _any_due(judging_only=judging_only)
    return bool(tx.scalar(query, {"of_target": system, "of_shard": shard, "now": now}))


@cache
def _any_due(*, judging_only: bool) -> sa.Select[tuple[bool]]:
    m = schema.message
    due = due_heads(sa.bindparam("now"), judging_only=judging_only)
    return sa.select(sa.exists().where(*_HERE, m.c.in_lane == 1, *due))


def one_of(column: sa.Column[str], words: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a column has one of a few words of our own: written into the statement, which is made once."""
    return column.in_([sa.literal_column(f"'{word}'") for word in words])


def judgeable() -> sa.ColumnElement[bool]:
    """The condition on `message`: to be judged, and what it needs for that has gone before it."""
    m = schema.message
    return sa.and_(
        m.c.state == _RECEIVED,
        sa.or_(~one_of(m.c.kind, _PARTS), ~sa.exists().where(*standing_before())),
    )


def standing_before(*more: sa.ColumnElement[bool]) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition on `EARLIER`: it keeps a place before `message` in the same lane."""
    m = schema.message
    return (
        EARLIER.c.target == m.c.target,
        EARLIER.c.lane == m.c.lane,
        EARLIER.c.in_lane == 1,
        # As a pair: both databases walk the index with it, which they do not with an OR.
        sa.tuple_(EARLIER.c.place, EARLIER.c.id) < sa.tuple_(m.c.place, m.c.id),
        *more,
    )
