"""What people may do with a message: release, confirm, return, refuse, requeue, skip.

Each with a name and a reason. The source is told of every end a person decides, by the drain that is woken
for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.engine import flow
from ebrvt_connect.engine.flow import Event
from ebrvt_connect.errors import Explanation, HeldForPerson, explain
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.ledger import Act

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_connect.model.message import Message

ACTION_NOT_POSSIBLE = explain(
    "ACTION_NOT_POSSIBLE",
    "Thông điệp số {message_id} đang ở trạng thái “{state}” nên không thể thực hiện thao tác “{action}”.",
    "Xem lại trạng thái hiện tại của thông điệp rồi chọn thao tác phù hợp.",
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


class ActLedger(Protocol):
    """What a person's word asks of the ledger."""

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
    return ledger.act(message_id, lambda m: _again(m, Event.RELEASED), by=by, why=why, now=now)


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


def requeue(ledger: ActLedger, message_id: int, *, by: str, why: str, now: datetime) -> Message:
    """Try a dead or refused message again (gửi lại), with the payload it has; raises as `release`."""
    return ledger.act(message_id, lambda m: _again(m, Event.REQUEUED), by=by, why=why, now=now)


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


def _again(message: Message, event: Event) -> Act:
    if not message.record:
        raise _not_possible(message, event)
    return Act(_next(message, event), event.value, released=True)


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
