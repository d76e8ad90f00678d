"""Vietnamese words for states, kinds and effects, for commands and reports alike."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ebrvt_connect.errors import Effect
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.ledger import Step

VIETNAM_TIME = timezone(timedelta(hours=7))

STATES_VI: dict[State, str] = {
    State.RECEIVED: "đã nhận, chờ kiểm tra",
    State.HELD: "bị giữ, chờ người quyết định",
    State.QUEUED: "chờ gửi",
    State.SENDING: "đang gửi",
    State.IN_DOUBT: "chưa rõ đã tới chưa, đang hỏi lại",
    State.WAITING: "chờ gửi lại",
    State.DONE: "đã xong",
    State.REFUSED: "bị từ chối",
    State.DEAD: "đã bỏ cuộc",
    State.CANCELLED: "đã hủy",
    State.SUPERSEDED: "đã được thay thế",
}
KINDS_VI: dict[Kind, str] = {Kind.DOCUMENT: "văn bản", Kind.DOCUMENT_STATUS: "trạng thái văn bản"}
EFFECTS_VI: dict[Effect, str] = {
    Effect.RETRY_LATER: "sẽ thử lại",
    Effect.RECONCILE_FIRST: "phải hỏi lại trước khi gửi",
    Effect.REJECTED: "bên kia từ chối",
    Effect.HELD_FOR_PERSON: "cần người quyết định",
}
STEPS_VI: dict[Step, str] = {
    Step.JUDGE: "kiểm tra và đóng gói",
    Step.SUBMIT: "gửi",
    Step.ASK: "hỏi lại bên nhận",
    Step.PERSON: "người xử lý",
}


def local_time(moment: datetime | None) -> str:
    """A moment as a Vietnamese reader writes it, in +07:00."""
    return moment.astimezone(VIETNAM_TIME).strftime("%d/%m/%Y %H:%M:%S") if moment else "–"
