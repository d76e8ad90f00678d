"""Incidents in the ledger: what it says is wrong, what is open, and what is still to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import CATALOGUE, HeldForPerson, explain
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.alerts import Cause, Incident, What
from ebrvt_connect.resilience.breaker import Position
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.limit_rows import common_of
from ebrvt_connect.store.shards import BY_ITSELF, insert_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

INCIDENT_UNKNOWN = explain(
    "INCIDENT_UNKNOWN",
    "Không có sự cố số {incident} trong sổ cái.",
    "Xem danh sách bằng ebrvt incidents list --all rồi chọn đúng số.",
)
INCIDENT_CLOSED = explain(
    "INCIDENT_CLOSED",
    "Sự cố số {incident} đã kết thúc từ trước.",
    "Không cần làm gì; xem diễn biến bằng ebrvt incidents show {incident}.",
)
SYSTEM_AWAY = explain(
    "SYSTEM_AWAY",
    "Hệ thống {system} không phục vụ được.",
    "Chương trình tự thử lại và gửi tiếp khi {system} trở lại; nếu kéo dài, báo đơn vị vận hành {system}.",
)
MESSAGES_GIVEN_UP = explain(
    "MESSAGES_GIVEN_UP",
    "Có thông điệp gửi tới hệ thống {system} đã bỏ cuộc.",
    "Xem bằng ebrvt dead list --system {system}; gửi lại bằng ebrvt dead requeue hoặc bỏ qua bằng "
    "ebrvt dead skip.",
)
MESSAGES_HELD_LONG = explain(
    "MESSAGES_HELD_LONG",
    "Có thông điệp gửi tới hệ thống {system} bị giữ đã lâu mà chưa ai quyết định.",
    "Xem bằng ebrvt held list --system {system} rồi quyết định.",
)
_TO_RESUME_VI = "Khắc phục xong thì chạy: ebrvt resume {system}."

_M, _S, _C = schema.message, schema.system, schema.checkpoint
_I, _A, _L = schema.incident, schema.alert, schema.limit_state
NO_SOURCES: Mapping[str, str] = MappingProxyType({})
"""Links go by their own names."""
_LEASE = timedelta(minutes=5)
"""So long one daemon has for sending an alert before another may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What changes about incidents in one turn."""

    opened: Sequence[Cause] = ()
    changed: Sequence[Incident] = ()
    """As they are from now on."""
    opened_at: datetime | None = None
    """Where it was earlier than now: nothing could be written meanwhile."""
    told: Collection[str] = ()
    """The sinks that have been told already of what is opened."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.opened or self.changed)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert to be sent now."""

    id: int
    what: What
    nth: int
    sink: str
    attempts: int
    incident: Incident


class IncidentRows:
    """The incidents of one ledger; methods are short transactions, and raise as the ledger's do."""

    def __init__(self, database: sa.Engine) -> None:
        """Of the database the ledger lies in."""
        self._database = database

    # What is wrong.

    def causes(
        self,
        now: datetime,
        *,
        fetch_failing: timedelta,
        held_long: timedelta | None,
        sources: Mapping[str, str] = NO_SOURCES,
    ) -> tuple[Cause, ...]:
        """The troubles the ledger itself tells of, the same for whichever daemon asks.

        Paused systems (by the engine; what people pause is no trouble), systems behind an open breaker or not
        fetched from for so long (`sources` by link), messages given up, and messages held for so long.
        """
        with reading(self._database) as tx:
            not_fetched = {sources.get(link, link) for link in _not_fetched(tx, now - fetch_failing)}
            away = not_fetched.union(_behind_breakers(tx))
            paused = list(_paused(tx))
            away -= {cause.system for cause in paused}
            found = [*paused, *(_away(tx, name) for name in sorted(away))]
            found += _counted(tx, MESSAGES_GIVEN_UP.code, State.DEAD, now)
            if held_long is not None:
                found += _counted(tx, MESSAGES_HELD_LONG.code, State.HELD, now - held_long)
            return tuple(found)

    # What is open.

    def open(self) -> tuple[Incident, ...]:
        """Those that are not closed, and those that a person has closed while their cause was there."""
        live = sa.or_(_I.c.closed_at.is_(None), _I.c.dismissed == 1)
        with reading(self._database) as tx:
            return tuple(map(_incident, tx.execute(sa.select(_I).where(live).order_by(_I.c.id))))

    def incidents(self, *, closed: bool = False, limit: int = 100) -> tuple[Incident, ...]:
        """The open ones, or all, the newest first."""
        query = sa.select(_I).order_by(_I.c.id.desc()).limit(limit)
        if not closed:
            query = query.where(_I.c.closed_at.is_(None))
        with reading(self._database) as tx:
            return tuple(map(_incident, tx.execute(query)))

    def incident(self, number: int) -> Incident | None:
        """One by its number."""
        with reading(self._database) as tx:
            row = tx.execute(sa.select(_I).where(_I.c.id == number)).one_or_none()
            return None if row is None else _incident(row)

    def move(
        self,
        decide: Callable[[Sequence[Incident]], Moves],
        *,
        sinks: Collection[str],
        now: datetime,
    ) -> Moves:
        """Apply what `decide` makes of those that are open; returns what was really moved.

        What another daemon has opened meanwhile is not opened again. What is opened or closed is put down to
        be told to the sinks, in the same transaction.
        """
        if not decide(self.open()):
            return Moves()
        with writing(self._database) as tx:
            live = sa.or_(_I.c.closed_at.is_(None), _I.c.dismissed == 1)
            known = tx.execute(sa.select(_I).where(live).order_by(_I.c.id).with_for_update())
            found = tuple(map(_incident, known))
            was, moves = {one.id: one for one in found}, decide(found)
            opened = []
            for cause in moves.opened:
                number = _insert(tx, cause, moves.opened_at or now, now)
                if number is not None:
                    opened.append(cause)
                    _tell(tx, number, What.OPENED, sinks, now, told=moves.told)
            for one in moves.changed:
                _update(tx, one)
                if one.closed_at is not None and was[one.id].closed_at is None:
                    _tell(tx, one.id, What.CLOSED, sinks, now)
            return Moves(opened=opened, changed=moves.changed)

    def close(
        self, number: int, *, by: str, why: str, now: datetime, sinks: Collection[str] = ()
    ) -> Incident:
        """A person closes an incident (đóng sự cố); while its cause stays it is not opened again.

        Raises `HeldForPerson` `INCIDENT_UNKNOWN` or `INCIDENT_CLOSED`.
        """
        with writing(self._database) as tx:
            row = tx.execute(sa.select(_I).where(_I.c.id == number).with_for_update()).one_or_none()
            if row is None or row.closed_at is not None:
                said = INCIDENT_UNKNOWN if row is None else INCIDENT_CLOSED
                raise HeldForPerson(said, f"incident {number} is not open", incident=number)
            closed = replace(
                _incident(row), closed_at=now, closed_by=by, closed_why=why, dismissed=row.gone_at is None
            )
            _update(tx, closed)
            told = tx.scalars(sa.select(_A.c.sink).where(_A.c.incident_id == number).distinct())
            _tell(tx, number, What.CLOSED, {*sinks, *told}, now)
            return closed

    # What is to be told.

    def remind(self, number: int, nth: int, sinks: Collection[str], now: datetime) -> bool:
        """Put down the n-th reminder of an incident; False where another daemon has."""
        with reading(self._database) as tx:
            named = (_A.c.incident_id == number, _A.c.what == What.REMINDER.value, _A.c.nth >= nth)
            if tx.scalar(sa.select(sa.func.count()).select_from(_A).where(*named)):
                return False
        with writing(self._database) as tx:
            return bool(_tell(tx, number, What.REMINDER, sinks, now, nth=nth))

    def waiting(self, sinks: Collection[str], now: datetime, *, limit: int) -> list[Waiting]:
        """Alerts to be sent now to these sinks, each claimed for a few minutes, oldest first.

        An incident's later messages wait for its earlier ones.
        """
        earlier = _A.alias("earlier")
        before = sa.exists().where(
            earlier.c.incident_id == _A.c.incident_id,
            earlier.c.sink == _A.c.sink,
            earlier.c.sent_at.is_(None),
            earlier.c.next_at.is_not(None),
            earlier.c.id < _A.c.id,
        )
        query = (
            sa.select(_A)
            .where(_A.c.sink.in_(sinks), _A.c.sent_at.is_(None), _A.c.next_at <= now, ~before)
            .order_by(_A.c.id)
            .limit(limit)
        )
        with reading(self._database) as tx:
            due = tx.execute(query).all()
        return list(self._claimed(due, now)) if due else []

    def _claimed(self, due: Sequence[rows.AnyRow], now: datetime) -> Iterator[Waiting]:
        with writing(self._database) as tx:
            for row in due:
                mine = (_A.c.id == row.id, _A.c.sent_at.is_(None), _A.c.next_at == row.next_at)
                if tx.execute(_A.update().where(*mine).values(next_at=now + _LEASE)).rowcount:
                    about = tx.execute(sa.select(_I).where(_I.c.id == row.incident_id)).one()
                    yield Waiting(row.id, What(row.what), row.nth, row.sink, row.attempts, _incident(about))

    def sent(self, number: int, now: datetime) -> None:
        """An alert has gone through."""
        with writing(self._database) as tx:
            tx.execute(_A.update().where(_A.c.id == number).values(sent_at=now, next_at=None, code=""))

    def failed(self, number: int, code: str, again_at: datetime | None) -> None:
        """An alert has not gone through; None: it is given up."""
        values = {"attempts": _A.c.attempts + 1, "code": code, "next_at": again_at}
        with writing(self._database) as tx:
            tx.execute(_A.update().where(_A.c.id == number).values(values))

    def unsent(self) -> list[tuple[str, int, str]]:
        """The sinks with alerts that have failed: its name, how many wait, and a failure's code, each."""
        query = (
            sa.select(_A.c.sink, sa.func.count(), sa.func.max(_A.c.code))
            .where(_A.c.sent_at.is_(None), _A.c.attempts > 0)
            .group_by(_A.c.sink)
            .order_by(_A.c.sink)
        )
        with reading(self._database) as tx:
            return [(row[0], int(row[1]), row[2]) for row in tx.execute(query)]

    def told(self, number: int) -> list[dict[str, object]]:
        """What was told of an incident, to whom and when."""
        query = sa.select(_A).where(_A.c.incident_id == number).order_by(_A.c.id)
        with reading(self._database) as tx:
            return [
                {
                    "what": row.what,
                    "sink": row.sink,
                    "created_at": row.created_at,
                    "sent_at": row.sent_at,
                    "attempts": row.attempts,
                    "code": row.code,
                }
                for row in tx.execute(query)
            ]

    def forget(self, before: datetime) -> int:
        """Delete incidents that were closed before then, and what was told of them; returns how many."""
        old = sa.select(_I.c.id).where(_I.c.closed_at < before, _I.c.dismissed == 0)
        with reading(self._database) as tx:
            if not tx.scalar(sa.select(old.exists())):
                return 0
        with writing(self._database) as tx:
            tx.execute(_A.delete().where(_A.c.incident_id.in_(old)))
            return tx.execute(_I.delete().where(_I.c.closed_at < before, _I.c.dismissed == 0)).rowcount


# --- what is wrong ------------------------------------------------------------------------------------


def _paused(tx: sa.Connection) -> Iterator[Cause]:
    for row in tx.execute(sa.select(_S).where(_S.c.paused == 1, _S.c.paused_code != "")):
        yield Cause(
            code=row.paused_code,
            system=row.name,
            reason_vi=row.paused_why,
            advice_vi=_TO_RESUME_VI.format(system=row.name),
        )


def _behind_breakers(tx: sa.Connection) -> Iterator[str]:
    """Those that something waits for: nobody asks the others whether they are back, nor misses them.

    By what all daemons share, not by what was noted of it for people: a note may have failed.
    """
    waits = sa.exists().where(_M.c.target == _L.c.system, _M.c.state.in_(BY_ITSELF))
    for row in tx.execute(sa.select(_L).where(_L.c.state.contains("breaker"), waits)):
        if common_of(row.state).breaker.position is not Position.CLOSED:
            yield row.system


def _not_fetched(tx: sa.Connection, before: datetime) -> Iterator[str]:
    """The links that could not be fetched."""
    yield from tx.scalars(sa.select(_C.c.link).where(_C.c.failing_since <= before))


def _away(tx: sa.Connection, system: str) -> Cause:
    """With how many messages wait for it after a failure, and the code that most of them failed with."""
    number = sa.func.count().label("number")
    waiting = (_M.c.target == system, _M.c.state.in_(BY_ITSELF), _M.c.effect.is_not(None))
    found = tx.execute(
        sa.select(_M.c.code, number).where(*waiting).group_by(_M.c.code).order_by(number.desc(), _M.c.code)
    ).all()
    cause = _cause(SYSTEM_AWAY.code, system, max(1, sum(row.number for row in found)))
    return replace(cause, reason_vi=f"{cause.reason_vi} [{found[0].code}]") if found else cause


def _counted(tx: sa.Connection, code: str, state: State, until: datetime) -> Iterator[Cause]:
    """How many messages of each target stand so since then or longer."""
    query = (
        sa.select(_M.c.target, sa.func.count())
        .where(_M.c.state == state.value, _M.c.updated_at <= until)
        .group_by(_M.c.target)
        .order_by(_M.c.target)
    )
    for target, number in tx.execute(query):
        yield replace(_cause(code, target, int(number)), each_new=True)


def _cause(code: str, system: str, count: int) -> Cause:
    said = CATALOGUE[code]
    return Cause(
        code=code,
        system=system,
        reason_vi=said.sentence_vi.format(system=system),
        advice_vi=said.advice_vi.format(system=system),
        count=count,
    )


# --- rows ---------------------------------------------------------------------------------------------


def _incident(row: rows.AnyRow) -> Incident:
    values = {column.name: row._mapping[column.name] for column in _I.c}  # noqa: SLF001 - SQLAlchemy's own name
    return Incident(**{**values, "dismissed": bool(values["dismissed"])})


def _insert(tx: sa.Connection, cause: Cause, opened_at: datetime, now: datetime) -> int | None:
    """The new incident's number; None where it is open already."""
    insert = insert_for(tx, _I).values(
        system=cause.system,
        code=cause.code,
        place=cause.place,
        reason_vi=cause.reason_vi,
        advice_vi=cause.advice_vi,
        opened_at=opened_at,
        last_at=now,
        count=cause.count,
        returns=0,
        closed_by="",
        closed_why="",
        dismissed=0,
    )
    found: int | None = tx.scalar(insert.on_conflict_do_nothing().returning(_I.c.id))
    return found


def _update(tx: sa.Connection, incident: Incident) -> None:
    names = ("last_at", "count", "returns", "gone_at", "closed_at", "closed_by", "closed_why", "reason_vi")
    values = {name: getattr(incident, name) for name in names}
    tx.execute(_I.update().where(_I.c.id == incident.id).values(**values, dismissed=int(incident.dismissed)))


def _tell(
    tx: sa.Connection,
    number: int,
    what: What,
    sinks: Collection[str],
    now: datetime,
    *,
    nth: int = 0,
    told: Collection[str] = (),
) -> int:
    """Put down what is to be told to each sink, once; returns how many of that are new."""
    new = 0
    for sink in sorted(sinks):
        sent = now if sink in told else None
        row = {"incident_id": number, "what": what.value, "nth": nth, "sink": sink, "created_at": now}
        insert = insert_for(tx, _A).values(
            **row, next_at=None if sent else now, attempts=0, sent_at=sent, code=""
        )
        new += tx.execute(insert.on_conflict_do_nothing()).rowcount
    return new
