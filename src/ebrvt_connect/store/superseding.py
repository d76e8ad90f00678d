"""Superseding: what is held, and of which nothing has ever left, gives up its place to a newer version.

It happens where the two meet: when the newer one is stored and an older one is held, and when the older one
comes to be held while the newer one already waits behind it.

What was refused has no place any more, but its correction needs it: things behind it (a dossier's progress)
could not be taken without it. So the correction goes where the refused one was, unless something behind it
is under way, and what the target held back meanwhile goes again after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import Effect, explain
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.ledger import Exchange, Step
from ebrvt_connect.store import rows, schema

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.model.message import Message

SUPERSEDED_BY = explain(
    "SUPERSEDED_BY_NEWER",
    "Nơi gửi đã sửa lại; bản mới hơn (thông điệp số {message_id}) thay thế bản này trước khi gửi đi.",
    "Không cần thao tác với bản này; xem diễn biến của bản mới.",
)

_M = schema.message
NEVER_LEFT = (
    _M.c.state == State.HELD.value,
    sa.or_(_M.c.attempts == 0, _M.c.effect == Effect.REJECTED.value),
)
"""Held for a person, and never sent or refused there: a newer version may take its place."""
GIVES_WAY = sa.or_(sa.and_(*NEVER_LEFT), _M.c.state == State.REFUSED.value)
"""Of these a newer version may take the place."""
_UNDER_WAY = (State.SENDING.value, State.IN_DOUBT.value, State.AWAITING.value)
_MOST_CORRECTIONS = 5


@dataclass(frozen=True, slots=True)
class Heir:
    """A newer version of a thing: its message, and what makes it one of the same thing."""

    id: int
    link: str
    source: str
    target: str
    kind: str
    external_id: str
    lane: str
    replaces: tuple[str, ...] = ()
    """Other external ids the same thing may be held under."""

    @property
    def same(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Earlier and later versions of the thing."""
        return (
            _M.c.link == self.link,
            _M.c.source == self.source,
            _M.c.kind == self.kind,
            _M.c.external_id.in_((self.external_id, *self.replaces)),
        )

    @property
    def beside(self) -> tuple[sa.ColumnElement[bool], ...]:
        """What keeps a place in its lane."""
        return (_M.c.target == self.target, _M.c.lane == self.lane, _M.c.in_lane == 1)


def heir_of(tx: sa.Connection, held: Message) -> Heir | None:
    """The newest version of the same thing that waits behind a message to be judged."""
    row = tx.execute(
        sa.select(_M.c.id, _M.c.target, _M.c.lane)
        .where(_M.c.link == held.link, _M.c.source == held.source, _M.c.kind == held.kind.value)
        .where(_M.c.external_id == held.external_id, _M.c.id > held.id)
        .where(_M.c.in_lane == 1, _M.c.state == State.RECEIVED.value)
        .order_by(_M.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return Heir(row.id, held.link, held.source, row.target, held.kind.value, held.external_id, row.lane)


def supersede(tx: sa.Connection, heir: Heir, now: datetime) -> None:
    """Held predecessors give up their place in the lane to `heir` (`Event.SUPERSEDED`), and say so.

    A refused one leaves it its place, and what was held behind that goes again.
    """
    replaced = tx.execute(
        _M.update()
        .where(*heir.same, *NEVER_LEFT, _M.c.id < heir.id)
        .values(state=State.SUPERSEDED.value, in_lane=0, untold=0, next_at=None, updated_at=now)
        .returning(_M.c.id, _M.c.place, _M.c.target, _M.c.lane)
    ).all()
    if replaced:
        _write_down(tx, [row.id for row in replaced], heir, now)
    places = [row.place for row in replaced if (row.target, row.lane) == (heir.target, heir.lane)]
    if places:
        # Versions in between move up with it, in their own order, or it would overtake them.
        tx.execute(
            _M.update()
            .where(*heir.same, *heir.beside, _M.c.id <= heir.id, _M.c.place > min(places))
            .values(stands_at=min(places))
        )
    _follow_refused(tx, heir, now)


def let_corrections_pass(tx: sa.Connection, held: Message, now: datetime) -> None:
    """Something was sent and is held: what corrects a refused thing before it, and waits behind, passes."""
    waiting = tx.execute(
        sa.select(_M.c.id, _M.c.kind, _M.c.external_id)
        .where(_M.c.link == held.link, _M.c.source == held.source, _M.c.target == held.target)
        .where(_M.c.lane == held.lane, _M.c.in_lane == 1, _M.c.state == State.RECEIVED.value)
        .where(_M.c.kind != held.kind.value, _M.c.id > held.id)
        .order_by(_M.c.id)
        .limit(_MOST_CORRECTIONS)
    ).all()
    for row in waiting:
        heir = Heir(row.id, held.link, held.source, held.target, row.kind, row.external_id, held.lane)
        _follow_refused(tx, heir, now)


def _follow_refused(tx: sa.Connection, heir: Heir, now: datetime) -> None:
    last = tx.execute(
        sa.select(_M.c.state, _M.c.place)
        .where(*heir.same, _M.c.target == heir.target, _M.c.lane == heir.lane, _M.c.id < heir.id)
        .order_by(_M.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None or last.state != State.REFUSED.value:
        return
    under_way = tx.scalar(sa.select(sa.func.max(_M.c.place)).where(*heir.beside, _M.c.state.in_(_UNDER_WAY)))
    place = max(last.place, under_way or 0)
    tx.execute(_M.update().where(_M.c.id == heir.id, _M.c.place > place).values(stands_at=place))
    _send_again(tx, heir, last.place, now)


def _send_again(tx: sa.Connection, heir: Heir, place: int, now: datetime) -> None:
    """What the target held back for want of it, and surely has not taken, is queued again behind it."""
    doubted = sa.exists().where(
        schema.attempt.c.message_id == _M.c.id, schema.attempt.c.effect == Effect.RECONCILE_FIRST.value
    )
    again = tx.scalars(
        _M.update()
        .where(*heir.beside, _M.c.link == heir.link, _M.c.kind != heir.kind, _M.c.place >= place)
        .where(_M.c.state == State.HELD.value, _M.c.attempts > 0, ~doubted)
        .values(state=State.RECEIVED.value, rung=0, untold=0, next_at=None, updated_at=now)
        .values(effect=None, code="", reason_vi="", advice_vi="")
        .returning(_M.c.id)
    ).all()
    if again:
        detail = f"{heir.source}: goes again after message {heir.id}, which corrects what was refused"
        line = _line("requeued", detail, now)
        tx.execute(schema.attempt.insert(), [rows.exchange_values(id_, line) for id_ in again])


def _line(code: str, detail: str, now: datetime) -> Exchange:
    return Exchange(step=Step.PERSON, attempt=0, started_at=now, ended_at=now, code=code, detail=detail)


def _write_down(tx: sa.Connection, replaced: list[int], heir: Heir, now: datetime) -> None:
    detail = f"{heir.source}: message {heir.id}, a newer version, takes its place"
    line = _line(State.SUPERSEDED.value, detail, now)
    tx.execute(schema.attempt.insert(), [rows.exchange_values(id_, line) for id_ in replaced])
    told = {
        "effect": None,
        "code": SUPERSEDED_BY.code,
        "reason_vi": SUPERSEDED_BY.sentence_vi.format(message_id=heir.id),
        "advice_vi": SUPERSEDED_BY.advice_vi,
    }
    tx.execute(_M.update().where(_M.c.id.in_(replaced)).values(**told))
