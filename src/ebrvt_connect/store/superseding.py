"""Superseding: what is held, and of which nothing has ever left, gives up its place to a newer version.

It happens where the two meet: when the newer one is stored and an older one is held, and when the older one
comes to be held while the newer one already waits behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import explain
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
NEVER_LEFT = (_M.c.state == State.HELD.value, _M.c.attempts == 0)
"""Held for a person, and nothing of it has ever been sent: a newer version may take its place."""


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
    """Held predecessors give up their place in the lane to `heir` (`Event.SUPERSEDED`), and say so."""
    same = (
        _M.c.link == heir.link,
        _M.c.source == heir.source,
        _M.c.kind == heir.kind,
        _M.c.external_id == heir.external_id,
    )
    replaced = tx.execute(
        _M.update()
        .where(*same, *NEVER_LEFT, _M.c.id < heir.id)
        .values(state=State.SUPERSEDED.value, in_lane=0, untold=0, next_at=None, updated_at=now)
        .returning(_M.c.id, _M.c.place, _M.c.target, _M.c.lane)
    ).all()
    if not replaced:
        return
    _write_down(tx, [row.id for row in replaced], heir, now)
    places = [row.place for row in replaced if (row.target, row.lane) == (heir.target, heir.lane)]
    if places:
        # Versions in between move up with it, in their own order, or it would overtake them.
        tx.execute(
            _M.update()
            .where(*same, _M.c.target == heir.target, _M.c.lane == heir.lane, _M.c.in_lane == 1)
            .where(_M.c.id <= heir.id, _M.c.place > min(places))
            .values(stands_at=min(places))
        )


def _write_down(tx: sa.Connection, replaced: list[int], heir: Heir, now: datetime) -> None:
    line = Exchange(
        step=Step.PERSON,
        attempt=0,
        started_at=now,
        ended_at=now,
        code=State.SUPERSEDED.value,
        detail=f"{heir.source}: message {heir.id}, a newer version, takes its place",
    )
    tx.execute(schema.attempt.insert(), [rows.exchange_values(id_, line) for id_ in replaced])
    told = {
        "effect": None,
        "code": SUPERSEDED_BY.code,
        "reason_vi": SUPERSEDED_BY.sentence_vi.format(message_id=heir.id),
        "advice_vi": SUPERSEDED_BY.advice_vi,
    }
    tx.execute(_M.update().where(_M.c.id.in_(replaced)).values(**told))
