"""What people may do with a message: release, confirm, return, refuse, requeue, skip.

Each with a name and a reason. The source is told of every end a person decides, by the drain that is woken
for it.

What was given up goes on from the step that failed. It keeps its attempts, its key and its payload: one that
failed at being judged is judged again, one that failed at being sent is sent as it is, and one that may have
arrived is asked after first. A deadline that has passed would end it again at once, so a person says what
becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.engine import flow
from ebrvt_connect.engine.flow import Event
from ebrvt_connect.errors import Explanation, HeldForPerson, explain
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ports.ledger import Act, Acted, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ports.ledger import Case

ACTION_NOT_POSSIBLE = explain(
    "ACTION_NOT_POSSIBLE",
    "Thông điệp số {message_id} đang ở trạng thái “{state}” nên không thể thực hiện thao tác “{action}”.",
    "Xem lại trạng thái hiện tại của thông điệp rồi chọn thao tác phù hợp.",
)
DEADLINE_OVER = explain(
    "DEADLINE_OVER",
    "Thông điệp số {message_id} đã quá thời hạn ({deadline}) nên gửi lại ngay sẽ lại hết hạn.",
    "Đặt thời hạn mới (--deadline) hoặc bỏ thời hạn (--no-deadline), kèm lý do, rồi gửi lại.",
)
NEWER_VERSION = explain(
    "NEWER_VERSION",
    "Thông điệp số {message_id} đã có bản mới hơn (số {newer}): gửi lại bản cũ sẽ đè lên bản mới.",
    "Không cần gửi lại; nếu bản mới sai thì sửa ở nguồn rồi phát hành lại.",
)
RETURNED_BY_PERSON = explain(
    "RETURNED_BY_PERSON",
    "Cán bộ {by} đã trả lại: {why}",
    "Bổ sung, chỉnh sửa theo lý do đã nêu rồi phát hành lại.",
)
REFUSED_BY_PERSON = explain(
    "REFUSED_BY_PERSON",
    "Cán bộ {by} đã từ chối: {why}",
    "Liên hệ đơn vị phụ trách nếu cần làm rõ; thông điệp này không được gửi nữa.",
)
SKIPPED_BY_PERSON = explain(
    "SKIPPED_BY_PERSON",
    "Cán bộ {by} đã bỏ qua: {why}",
    "Thông điệp này không được gửi nữa; các thông điệp sau của cùng hồ sơ được gửi tiếp.",
)

CONFIRMED_BY_PERSON = explain(
    "CONFIRMED_BY_PERSON",
    "Cán bộ {by} xác nhận thông điệp đã đến nơi nhận: {why}",
    "Không cần thao tác gì thêm; thông điệp này không được gửi lại.",
)


_DECIDED_LATER = frozenset({Kind.REPORT})
"""That these have arrived settles nothing."""


_AT_ONCE = 1000
"""So many in one transaction: thousands take few commits, and others may write in between."""
_AGAIN_AT = {Step.JUDGE: Event.REQUEUED, Step.SUBMIT: Event.RESENT, Step.ASK: Event.REASKED}


@dataclass(frozen=True, slots=True)
class Term:
    """What becomes of a deadline (thời hạn) when a message is tried again; by itself it stays."""

    until: datetime | None = None
    """The new one."""
    lifted: bool = False
    """There is none from now on: it is tried until a person says otherwise."""


AS_IT_IS = Term()


class ActLedger(Protocol):
    """What a person's word asks of the ledger."""

    def act_all(
        self, ids: Sequence[int], decide: Callable[[Case], Act], *, by: str, why: str, now: datetime
    ) -> Acted:
        """Apply what `decide` makes of each message, in one transaction; what it refuses stays."""
        ...

    def act(
        self, message_id: int, decide: Callable[[Message], Act], *, by: str, why: str, now: datetime
    ) -> Message:
        """Apply what `decide` makes of the message; raises `HeldForPerson` `MESSAGE_UNKNOWN`."""
        ...


def release(ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime) -> Message:
    """Let a held message go on (cho gửi tiếp), whatever the gate says.

    Raises `HeldForPerson` `MESSAGE_UNKNOWN`, or `ACTION_NOT_POSSIBLE` when it is not held or its bytes
    could never be read.
    """

    def decide(message: Message) -> Act:
        if not message.record:
            raise _not_possible(message, Event.RELEASED)
        return Act(_next(message, Event.RELEASED), Event.RELEASED.value, released=True, waives=True)

    return ledger.act(message_id, decide, by=by, why=why, now=now)


def confirm(ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime) -> Message:
    """A held message did arrive (xác nhận đã đến nơi): it is done, and the source is told so.

    A report that did arrive is not approved yet: it awaits the decision and is asked after at once.

    Raises as `release`; `ACTION_NOT_POSSIBLE` also for a message that was never sent.
    """
    said = _said(CONFIRMED_BY_PERSON, by, why)

    def decide(message: Message) -> Act:
        if message.first_sent_at is None:
            raise _not_possible(message, Event.CONFIRMED)
        if message.kind in _DECIDED_LATER:
            state = _next(message, Event.ARRIVED)
            return Act(state, Event.ARRIVED.value, released=True, fences=True)
        return _end(message, Event.CONFIRMED, said)

    return ledger.act(message_id, decide, by=by, why=why, now=now)


def requeue(
    ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime, term: Term = AS_IT_IS
) -> Message:
    """Try a dead or refused message again (gửi lại) from the step that failed, with the payload it has.

    Raises as `release`, and `HeldForPerson` `DEADLINE_OVER` where its deadline has passed and `term` says
    nothing of a new one, or `NEWER_VERSION` where it was refused and a newer version has taken its turn.
    """
    acted = requeue_all(ledger, [message_id], by=by, why=why, now=now, term=term)
    for refusal in acted.refused:
        raise refusal
    return acted.done[0]


def requeue_all(
    ledger: ActLedger, ids: Iterable[int], *, by: str, why: str, now: datetime, term: Term = AS_IT_IS
) -> Acted:
    """Try many again, given in their order; those that cannot be are returned as refusals."""
    return _in_turns(ledger, ids, lambda case: again_from(case, term, now), by=by, why=why, now=now)


def skip_all(ledger: ActLedger, ids: Iterable[int], *, by: str, why: str, now: datetime) -> Acted:
    """Never send any of these; those that cannot be skipped are returned as refusals."""
    said = _said(SKIPPED_BY_PERSON, by, why)
    return _in_turns(
        ledger, ids, lambda case: _end(case.message, Event.SKIPPED, said), by=by, why=why, now=now
    )


def _in_turns(
    ledger: ActLedger,
    ids: Iterable[int],
    decide: Callable[[Case], Act],
    *,
    by: str,
    why: str,
    now: datetime,
) -> Acted:
    wanted = list(ids)
    turns = (wanted[first : first + _AT_ONCE] for first in range(0, len(wanted), _AT_ONCE))
    acted = [ledger.act_all(turn, decide, by=by, why=why, now=now) for turn in turns]
    return Acted(
        tuple(message for one in acted for message in one.done),
        tuple(refusal for one in acted for refusal in one.refused),
    )


def again_from(case: Case, term: Term, now: datetime) -> Act:
    """What trying a message again makes of it; raises as `requeue`."""
    message = case.message
    event = _AGAIN_AT[step_again(case)]
    if not message.record:
        raise _not_possible(message, event)
    state = _next(message, event)
    if message.state is State.REFUSED and case.newer is not None:
        # Its place is given up; what is dead has kept its place, and goes before the newer one.
        raise HeldForPerson(
            NEWER_VERSION,
            f"message {case.newer} is a newer version of message {message.id}",
            operation=event.value,
            message_id=message.id,
            newer=case.newer,
        )
    deadline = term.until if term.until or term.lifted else message.deadline
    if deadline is not None and deadline <= now:
        raise HeldForPerson(
            DEADLINE_OVER,
            f"message {message.id} had to leave by {deadline}",
            operation=event.value,
            message_id=message.id,
            deadline=f"{deadline.astimezone(VIETNAM):%d/%m/%Y %H:%M}",
        )
    return Act(state, event.value, released=True, redates=deadline != message.deadline, deadline=deadline)


def step_again(case: Case) -> Step:
    """From which step a message goes on when it is tried again.

    Without a payload nothing was ever sent, nor can be: it is judged.
    """
    if case.message.payload is None:
        return Step.JUDGE
    if case.doubted:
        return Step.ASK
    return Step.JUDGE if case.failed_at is Step.JUDGE else Step.SUBMIT


def return_to_source(ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime) -> Message:
    """Give a held or dead message back to its source (trả lại), which is told why; raises as `release`."""
    said = _said(RETURNED_BY_PERSON, by, why)
    return ledger.act(message_id, lambda m: _end(m, Event.RETURNED, said), by=by, why=why, now=now)


def refuse(ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime) -> Message:
    """Refuse a held or dead message for good (từ chối); the source is told why; raises as `release`."""
    said = _said(REFUSED_BY_PERSON, by, why)
    return ledger.act(message_id, lambda m: _end(m, Event.DENIED, said), by=by, why=why, now=now)


def skip(ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime) -> Message:
    """Never send this one (bỏ qua); its lane goes on. Not while it is under way. Raises as `release`."""
    said = _said(SKIPPED_BY_PERSON, by, why)
    return ledger.act(message_id, lambda m: _end(m, Event.SKIPPED, said), by=by, why=why, now=now)


def _said(explanation: Explanation, by: str, why: str) -> Explanation:
    filled = explanation.sentence_vi.format(by=by, why=why)
    return Explanation(explanation.code, filled, explanation.advice_vi)


def _end(message: Message, event: Event, said: Explanation) -> Act:
    return Act(
        _next(message, event),
        event.value,
        code=said.code,
        reason_vi=said.sentence_vi,
        advice_vi=said.advice_vi,
        untold=True,
        fences=True,
    )


def _next(message: Message, event: Event) -> State:
    try:
        return flow.after(message.state, event)
    except ValueError as impossible:
        raise _not_possible(message, event) from impossible


def _not_possible(message: Message, event: Event) -> HeldForPerson:
    return HeldForPerson(
        ACTION_NOT_POSSIBLE,
        f"message {message.id} is {message.state} and cannot be {event}",
        operation=event.value,
        message_id=message.id,
        state=message.state.value,
        action=event.value,
    )
