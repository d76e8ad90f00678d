"""A person's word about a message or a system, written down with who and why.

What a word makes of a message is decided by the one transition table (`engine.flow`), which is handed in
as a function; here it is applied and put into the message's story, and the drain is woken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, explain
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.ledger import KEEPS_PLACE, Act, Exchange, Pause, Step
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import writing
from ebrvt_connect.store.delivery import pause_row
from ebrvt_connect.store.intake_rows import IntakeRows
from ebrvt_connect.store.proof_rows import enter_act

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_connect.model.message import Message

MESSAGE_UNKNOWN = explain(
    "MESSAGE_UNKNOWN",
    "Không có thông điệp số {message_id} trong sổ cái.",
    "Xem lại danh sách thông điệp rồi chọn đúng số.",
)

_M = schema.message
_CLIMBING = (State.WAITING.value, State.IN_DOUBT.value)
"""States in which a message waits along the ladder."""


class Steering(IntakeRows):
    """The ledger as people use it."""

    def act(
        self, message_id: int, decide: Callable[[Message], Act], *, by: str, why: str, now: datetime
    ) -> Message:
        """Apply what `decide` makes of the message; returns it as it is then.

        Raises `HeldForPerson` `MESSAGE_UNKNOWN`, and lets pass what `decide` raises (nothing is changed).
        """
        with writing(self.database) as tx:
            row = tx.execute(sa.select(_M).where(_M.c.id == message_id).with_for_update()).one_or_none()
            if row is None:
                raise HeldForPerson(MESSAGE_UNKNOWN, f"no message {message_id}", message_id=message_id)
            message = rows.message_of(row)
            act = decide(message)
            tx.execute(_M.update().where(_M.c.id == message_id).values(**_act_values(message, act, now)))
            tx.execute(schema.attempt.insert().values(**_act_line(message, act, f"{by}: {why}", now)))
            self.raise_flags(tx, [(message.target, message.shard)])
            acted = rows.message_of(tx.execute(sa.select(_M).where(_M.c.id == message_id)).one())
            enter_act(tx, acted, now)
            return acted

    def pause_system(self, system: str, *, by: str, why: str, now: datetime) -> bool:
        """Leave a system alone (tạm dừng); False when it already was. Judging goes on meanwhile."""
        with writing(self.database) as tx:
            return pause_row(tx, Pause(system, by, why, "", now))

    def resume_system(self, system: str) -> bool:
        """Take a system up again (tiếp tục) and wake its shards; False when it was not paused."""
        s = schema.system
        with writing(self.database) as tx:
            self._wake_open(tx, system)
            resumed = tx.execute(
                s.update()
                .where(s.c.name == system, s.c.paused == 1)
                .values(paused=0, paused_by="", paused_why="", paused_code="", paused_at=None)
            )
            return bool(resumed.rowcount)

    def wake_system(self, system: str, *, hurry: bool = False) -> None:
        """Wake every shard of the system that has anything open: it is well again.

        `hurry`: what has climbed the ladder meanwhile is due now, or it would wait on for hours.
        """
        with writing(self.database) as tx:
            if hurry:
                waiting = (_M.c.state.in_(_CLIMBING), _M.c.rung > 0, _M.c.next_at.is_not(None))
                tx.execute(_M.update().where(_M.c.target == system, *waiting).values(next_at=None))
            self._wake_open(tx, system)

    def _wake_open(self, tx: sa.Connection, system: str) -> None:
        shards = tx.scalars(sa.select(_M.c.shard).where(_M.c.target == system, _M.c.in_lane == 1).distinct())
        self.raise_flags(tx, [(system, shard) for shard in shards.all()])


def _act_values(message: Message, act: Act, now: datetime) -> dict[str, object]:
    return {
        "state": act.state.value,
        "in_lane": int(act.state in KEEPS_PLACE),
        "attempts": message.attempts + int(act.fences),
        "rung": 0,
        "released": message.released + int(act.released),
        "untold": int(act.untold),
        "updated_at": now,
        "next_at": None,
        "doubt_since": None,
        "effect": None,
        "code": act.code,
        "reason_vi": act.reason_vi,
        "advice_vi": act.advice_vi,
    }


def _act_line(message: Message, act: Act, said: str, now: datetime) -> dict[str, object]:
    line = Exchange(
        step=Step.PERSON, attempt=message.attempts, started_at=now, ended_at=now, code=act.action, detail=said
    )
    return rows.exchange_values(message.id, line)
