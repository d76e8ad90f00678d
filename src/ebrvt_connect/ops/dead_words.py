"""What a dead or refused message means and what can be done about it, in an operator's words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ebrvt_connect.engine.steering import step_again
from ebrvt_connect.model.message import State
from ebrvt_connect.ops.redaction import redacted_text
from ebrvt_connect.ops.words import STATES_VI, STEPS_VI, local_time
from ebrvt_connect.ports.ledger import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ports.ledger import Case, Exchange

AGAIN_VI = {
    Step.JUDGE: "kiểm tra, đóng gói lại rồi gửi",
    Step.SUBMIT: "gửi lại đúng nội dung và mã đã dùng",
    Step.ASK: "hỏi lại bên nhận trước, chỉ gửi khi bên nhận chắc chắn chưa có",
}
"""What trying again begins with, by the step."""
_GIVEN_UP = frozenset({State.DEAD, State.REFUSED})


def happened_vi(message: Message, exchanges: Sequence[Exchange]) -> Iterator[str]:
    """What has happened: since when, how often it was tried, and with what failures."""
    yield f"{STATES_VI[message.state].capitalize()} lúc {local_time(message.updated_at)}. {_why(message)}"
    failures = Counter(one.code for one in exchanges if one.effect is not None and one.code)
    if failures:
        told = ", ".join(f"{code} ({times} lần)" for code, times in failures.most_common(5))
        yield f"Lỗi đã gặp: {told}."
    if message.first_sent_at is not None:
        first = local_time(message.first_sent_at)
        yield f"Đã thử gửi {message.attempts} lần tới {message.target}, lần đầu lúc {first}."
    if message.deadline is not None:
        yield f"Thời hạn gửi: {local_time(message.deadline)}."


def meaning_vi(case: Case, waiting_behind: int) -> Iterator[str]:
    """What it means: whether the remote has it, and who waits because of it."""
    message = case.message
    if message.state not in _GIVEN_UP:
        yield f"Thông điệp này không phải đã bỏ cuộc hay bị từ chối; hiện nay: {STATES_VI[message.state]}."
        return
    if message.first_sent_at is None:
        yield f"{message.target} chưa nhận được gì: thông điệp chưa từng được gửi đi."
    elif case.doubted:
        yield f"Chưa rõ {message.target} đã nhận hay chưa."
    elif message.state is State.REFUSED:
        yield f"{message.target} không tiếp nhận thông điệp này."
    else:
        yield f"{message.target} chưa nhận thông điệp này."
    if waiting_behind and message.state is State.DEAD:
        yield f"{waiting_behind} thông điệp phía sau của cùng hồ sơ, văn bản đang chờ nó."


def advice_vi(case: Case, now: datetime) -> Iterator[str]:
    """What can be done next, as commands."""
    message = case.message
    if message.advice_vi and message.state is not State.DONE:
        yield redacted_text(message.advice_vi)
    if message.state not in _GIVEN_UP:
        listed = "; quyết định bằng ebrvt held" if message.state is State.HELD else ""
        yield f"Xem toàn bộ diễn biến: ebrvt explain {message.id}{listed}."
        return
    if message.record:
        late = message.deadline is not None and message.deadline <= now
        term = " --no-deadline" if late else ""
        yield (
            f'Vẫn cần gửi: ebrvt dead requeue {message.id}{term} --why "..." ({AGAIN_VI[step_again(case)]}).'
        )
    if message.state is State.DEAD:
        yield f'Không cần gửi nữa: ebrvt dead skip {message.id} --why "..." (thông điệp sau được gửi tiếp).'


def fact_lines(case: Case, waiting_behind: int) -> Iterator[str]:
    """What belongs to its story besides what happened: key, content, receipt, deadline, who waits."""
    message = case.message
    given_up = message.state in _GIVEN_UP
    if given_up:
        yield f"  Bước không thành: {STEPS_VI[case.failed_at or Step.JUDGE]}"
    yield f"  Mã trao đổi với bên nhận: {message.idem_key}"
    if message.payload is not None:
        blob = message.payload.blob
        yield f"  Nội dung đã đóng gói: {blob.size_bytes} byte, sha256 {blob.sha256}"
    if message.receipt is not None:
        yield f"  Biên nhận: {message.receipt.external_id or '–'}"
    if message.deadline is not None:
        yield f"  Thời hạn gửi: {local_time(message.deadline)}"
    if waiting_behind:
        yield f"  Chờ phía sau: {waiting_behind} thông điệp"
    if given_up:
        yield f"  Nếu gửi lại: {AGAIN_VI[step_again(case)]}"


def _why(message: Message) -> str:
    code = f" [{message.code}]" if message.code else ""
    return f"{redacted_text(message.reason_vi)}{code}" if message.reason_vi else ""
