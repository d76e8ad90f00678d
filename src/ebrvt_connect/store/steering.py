"""A person's word about messages or a system, written down with who and why.

What a word makes of a message is decided by the one transition table (`engine.flow`), which is handed in
as a function; here it is applied and put into the message's story, and the drain is woken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import Effect, HeldForPerson, explain
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.ledger import KEEPS_PLACE, Act, Acted, Case, Exchange, Pause, Step
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.delivery import pause_row
from ebrvt_connect.store.intake_rows import IntakeRows
from ebrvt_connect.store.proof_rows import enter_act

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from ebrvt_connect.model.message import Message

MESSAGE_UNKNOWN = explain(
    "MESSAGE_UNKNOWN",
    "Không có thông điệp số {message_id} trong sổ cái.",
    "Xem lại danh sách thông điệp rồi chọn đúng số.",
)

_M, _A = schema.message, schema.attempt
_CAME_TO_NOTHING = tuple(s.value for s in (State.REFUSED, State.CANCELLED, State.SUPERSEDED))
_CLIMBING = (State.WAITING.value, State.IN_DOUBT.value)
"""States in which a message waits along the ladder."""
_DECIDED = (
    "state",
    "in_lane",
    "attempts",
    "rung",
    "released",
    "waived",
    "untold",
    "updated_at",
    "next_at",
    "deadline",
    "doubt_since",
    "effect",
    "code",
    "reason_vi",
    "advice_vi",
)
_APPLY = (
    _M.update()
    .where(_M.c.id == sa.bindparam("its_id"))
    .values({name: sa.bindparam(f"to_{name}") for name in _DECIDED})
)


class Steering(IntakeRows):
    """The ledger as people use it."""

    def act(
        self, message_id: int, decide: Callable[[Message], Act], *, by: str, why: str, now: datetime
    ) -> Message:
        """Apply what `decide` makes of the message; returns it as it is then.

        Raises `HeldForPerson` `MESSAGE_UNKNOWN`, and whatever refusal `decide` raises (nothing is changed).
        """
        acted = self.act_all((message_id,), lambda case: decide(case.message), by=by, why=why, now=now)
        for refusal in acted.refused:
            raise refusal
        return acted.done[0]

    def act_all(
        self, ids: Sequence[int], decide: Callable[[Case], Act], *, by: str, why: str, now: datetime
    ) -> Acted:
        """Apply what `decide` makes of each message, in one transaction, in the order of `ids`.

        Those it refuses (by raising `HeldForPerson`), and numbers of no message, are returned as refusals;
        the others go on. Thousands are better given in several calls: while one goes on nobody else writes.
        """
        with writing(self.database) as tx:
            wanted = _M.c.id.in_(ids)
            # The flags come first, as everywhere: a drain that commits meanwhile locks in this order, too.
            touched = tx.execute(sa.select(_M.c.target, _M.c.shard).where(wanted).distinct())
            self.raise_flags(tx, [(row.target, row.shard) for row in touched])
            locked = tx.execute(
                sa.select(_M.c.id, _M.c.waived).where(wanted).order_by(_M.c.id).with_for_update()
            )
            waived = {row.id: row.waived for row in locked}
            decided, refused = _decided(_cases(tx, ids), ids, decide)
            if decided:
                values = [_act_values(message, act, waived[message.id], now) for message, act in decided]
                tx.execute(_APPLY, values)
                said = f"{by}: {why}"
                tx.execute(_A.insert(), [_act_line(message, act, said, now) for message, act in decided])
            done = _messages(tx, [message.id for message, _ in decided])
            for message in done:
                enter_act(tx, message, now)
            return Acted(done, refused)

    def cases(self, ids: Sequence[int]) -> tuple[Case, ...]:
        """The messages of these numbers as a person's word would find them, in this order."""
        with reading(self.database) as tx:
            return tuple(_cases(tx, ids).values())

    def pause_system(self, system: str, *, by: str, why: str, now: datetime) -> bool:
        """Leave a system alone (tạm dừng); False when it already was. Judging goes on meanwhile."""
        with writing(self.database) as tx:
            return pause_row(tx, Pause(system, by, why, "", now))

    def resume_system(self, system: str, *, paused: Pause | None = None) -> bool:
        """Take a system up again (tiếp tục) and wake its shards; False when it was not paused.

        With `paused` only where that is the pause it still has: another's may have come meanwhile.
        """
        s = schema.system
        same = [] if paused is None else [s.c.paused_by == paused.by, s.c.paused_at == paused.at]
        with writing(self.database) as tx:
            self._wake_open(tx, system)
            resumed = tx.execute(
                s.update()
                .where(s.c.name == system, s.c.paused == 1, *same)
                .values(paused=0, paused_by="", paused_why="", paused_code="", paused_at=None)
            )
            return bool(resumed.rowcount)

    def wake_system(self, system: str, *, hurry: bool = False) -> None:
        """Wake every shard of the system that has anything open: it is well again.

        `hurry`: what has climbed the ladder meanwhile is due now, or it would wait on for hours.
        """
        with writing(self.database) as tx:
            self._wake_open(tx, system)  # flags first, as everywhere: else two might wait for each other
            if hurry:
                waiting = (_M.c.state.in_(_CLIMBING), _M.c.rung > 0, _M.c.next_at.is_not(None))
                tx.execute(_M.update().where(_M.c.target == system, *waiting).values(next_at=None))

    def _wake_open(self, tx: sa.Connection, system: str) -> None:
        shards = tx.scalars(sa.select(_M.c.shard).where(_M.c.target == system, _M.c.in_lane == 1).distinct())
        self.raise_flags(tx, [(system, shard) for shard in shards.all()])


def unknown(message_id: int) -> HeldForPerson:
    """There is no such message."""
    return HeldForPerson(MESSAGE_UNKNOWN, f"no message {message_id}", message_id=message_id)


def _decided(
    cases: dict[int, Case], ids: Sequence[int], decide: Callable[[Case], Act]
) -> tuple[list[tuple[Message, Act]], tuple[HeldForPerson, ...]]:
    """What becomes of each, and the refusals."""
    decided: list[tuple[Message, Act]] = []
    refused: list[HeldForPerson] = []
    for message_id in dict.fromkeys(ids):
        case = cases.get(message_id)
        if case is None:
            refused.append(unknown(message_id))
            continue
        try:
            decided.append((case.message, decide(case)))
        except HeldForPerson as refusal:
            refused.append(refusal)
    return decided, tuple(refused)


def _cases(tx: sa.Connection, ids: Collection[int]) -> dict[int, Case]:
    """The messages there are, in the order of `ids`, with what their stories say."""
    steps, doubted, newer = _last_steps(tx, ids), _doubted(tx, ids), _newer(tx, ids)
    return {
        message.id: Case(message, steps.get(message.id), message.id in doubted, newer.get(message.id))
        for message in _messages(tx, ids)
    }


def _messages(tx: sa.Connection, ids: Collection[int]) -> tuple[Message, ...]:
    found = {row.id: rows.message_of(row) for row in tx.execute(sa.select(_M).where(_M.c.id.in_(ids)))}
    return tuple(found[message_id] for message_id in dict.fromkeys(ids) if message_id in found)


def _last_steps(tx: sa.Connection, ids: Collection[int]) -> dict[int, Step]:
    """The last step that was tried with each; what people did is no step."""
    last = (
        sa.select(sa.func.max(_A.c.id))
        .where(_A.c.message_id.in_(ids), _A.c.step != Step.PERSON.value)
        .group_by(_A.c.message_id)
    )
    found = tx.execute(sa.select(_A.c.message_id, _A.c.step).where(_A.c.id.in_(last)))
    return {message_id: Step(step) for message_id, step in found}


def _doubted(tx: sa.Connection, ids: Collection[int]) -> set[int]:
    """Those that may have arrived: since the last doubtful sending the last question was not answered."""
    asked = _A.c.step == Step.ASK.value
    doubtful = sa.and_(_A.c.effect == Effect.RECONCILE_FIRST.value, ~asked)
    sent = sa.func.max(sa.case((doubtful, _A.c.id))).label("sent")
    question = sa.func.max(sa.case((asked, _A.c.id))).label("question")
    answer = sa.func.max(sa.case((sa.and_(asked, _A.c.effect.is_(None)), _A.c.id))).label("answer")
    found = (
        sa.select(_A.c.message_id, sent, question, answer)
        .where(_A.c.message_id.in_(ids))
        .group_by(_A.c.message_id)
    )
    return {
        row.message_id
        for row in tx.execute(found)
        if row.sent is not None and not (row.answer is not None and row.sent < row.answer == row.question)
    }


def _newer(tx: sa.Connection, ids: Collection[int]) -> dict[int, int]:
    """Of what each the newest later version is, where that is under way or has been delivered."""
    later = _M.alias("later")
    same = (later.c[name] == _M.c[name] for name in ("external_id", "link", "source", "target", "kind"))
    found = (
        sa.select(_M.c.id, sa.func.max(later.c.id))
        .join(later, sa.and_(*same, later.c.id > _M.c.id))
        .where(_M.c.id.in_(ids), _M.c.external_id != "", later.c.state.not_in(_CAME_TO_NOTHING))
        .group_by(_M.c.id)
    )
    return {row[0]: row[1] for row in tx.execute(found)}


def _act_values(message: Message, act: Act, waived: int, now: datetime) -> dict[str, object]:
    in_doubt = act.state is State.IN_DOUBT
    return {
        "its_id": message.id,
        "to_state": act.state.value,
        "to_in_lane": int(act.state in KEEPS_PLACE),
        "to_attempts": message.attempts + int(act.fences),
        "to_rung": 0,
        "to_released": message.released + int(act.released),
        "to_waived": waived or int(act.waives),
        "to_untold": int(act.untold),
        "to_updated_at": now,
        "to_next_at": None,
        "to_deadline": act.deadline if act.redates else message.deadline,
        # Whatever was sent of it was over by then.
        "to_doubt_since": message.updated_at if in_doubt else None,
        "to_effect": None,
        "to_code": act.code,
        "to_reason_vi": act.reason_vi,
        "to_advice_vi": act.advice_vi,
    }


def _act_line(message: Message, act: Act, said: str, now: datetime) -> dict[str, object]:
    line = Exchange(
        step=Step.PERSON, attempt=message.attempts, started_at=now, ended_at=now, code=act.action, detail=said
    )
    return rows.exchange_values(message.id, line)
