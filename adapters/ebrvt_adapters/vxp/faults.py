"""What an answer of the axis means for us: effect, stable code, Vietnamese sentence and advice.

The axis has no public list of error codes; the one certain thing is `ErrorCode == "0"`. Everything else
is a refusal, told apart by the words of `ErrorDesc` (`data/answers.toml`). Where the axis said nothing of
its own (status codes, web pages, cut connections) `transport.failures` has the word.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ebrvt_connect.errors import (
    ConnectError,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.model.text import search_key
from ebrvt_connect.transport.failures import status_failure

if TYPE_CHECKING:
    from ebrvt_adapters.vxp.wire import Envelope
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.transport.http import HttpReply

SENDER_MISMATCH = explain(
    "VXP_SENDER_MISMATCH",
    "Trục liên thông không nhận: đơn vị gửi không đúng với mã hệ thống đã đăng ký.",
    "Kiểm tra mã định danh đơn vị ban hành và mã hệ thống (systemid) đã đăng ký với đơn vị vận hành trục.",
)
NOT_AUTHENTIC = explain(
    "VXP_NOT_AUTHENTIC",
    "Trục liên thông từ chối xác thực yêu cầu của chúng ta (chữ ký hoặc thời gian của yêu cầu).",
    "Kiểm tra khóa bí mật (secret), mã hệ thống và đồng hồ máy chủ, sau đó cho hệ thống chạy tiếp "
    "bằng lệnh ebrvt resume {system}.",
)
UNKNOWN_SYSTEM = explain(
    "VXP_UNKNOWN_SYSTEM",
    "Trục liên thông không biết mã hệ thống (systemid) của chúng ta.",
    "Đối chiếu mã hệ thống trong cấu hình với thông báo kết nối của đơn vị vận hành trục.",
)
FILE_HASH_WRONG = explain(
    "VXP_FILE_HASH_WRONG",
    "Trục liên thông báo nội dung gói tin không khớp với mã băm gửi kèm.",
    "Gửi lại; nếu vẫn lỗi, thử đổi cấu hình padded_file_hash và báo bộ phận kỹ thuật.",
)
DUPLICATE = explain(
    "VXP_DUPLICATE",
    "Trục liên thông báo văn bản này đã được gửi trước đó.",
    "Chương trình sẽ tra danh sách đã gửi trên trục để biết có phải chính lần gửi này hay không.",
)
UNKNOWN_RECIPIENT = explain(
    "VXP_UNKNOWN_RECIPIENT",
    "Trục liên thông không tìm thấy đơn vị nhận ({said}).",
    "Kiểm tra mã định danh nơi nhận theo danh mục của trục, sửa trong phần mềm quản lý văn bản rồi phát "
    "hành lại.",
)
INVALID_PACKET = explain(
    "VXP_INVALID_PACKET",
    "Trục liên thông cho rằng gói tin không đúng định dạng edXML.",
    "Chuyển mã lỗi cho bộ phận kỹ thuật; văn bản không được gửi lại khi chưa sửa.",
)
NOT_FOUND = explain(
    "VXP_PACKET_NOT_FOUND",
    "Trục liên thông không tìm thấy gói tin hoặc gói tin không thuộc về chúng ta.",
    "Thông thường không cần làm gì. Nếu văn bản bị thiếu, báo đơn vị vận hành trục kèm mã gói tin.",
)
TROUBLE_THERE = explain(
    "VXP_TROUBLE_THERE",
    "Trục liên thông báo đang gặp sự cố bên trong.",
    "Chương trình sẽ tự kiểm tra lại hoặc gửi lại an toàn. Nếu kéo dài, báo đơn vị vận hành trục.",
)
REFUSED = explain(
    "VXP_REFUSED",
    "Trục liên thông từ chối yêu cầu: {said}.",
    "Đọc lý do trục nêu, sửa văn bản hoặc cấu hình; nếu không rõ, báo đơn vị vận hành trục kèm mã lỗi.",
)
CONTRADICTION = explain(
    "VXP_CONTRADICTORY_REPLY",
    "Trục liên thông trả lời mâu thuẫn (vừa thành công vừa thất bại).",
    "Chương trình sẽ tra lại trên trục trước khi gửi tiếp. Nếu lặp lại, báo đơn vị vận hành trục.",
)
NO_LIST = explain(
    "VXP_LIST_UNREADABLE",
    "Trục liên thông trả về danh sách trống rỗng bất thường hoặc không đọc được; không coi là hết văn bản.",
    "Chương trình sẽ hỏi lại. Nếu kéo dài, báo đơn vị vận hành trục.",
)
NO_PACKET = explain(
    "VXP_PACKET_EMPTY",
    "Trục liên thông không trả về nội dung của gói tin {doc_id}.",
    "Chương trình sẽ tải lại; gói tin chưa được xác nhận nên không bị mất.",
)
UNSENDABLE = explain(
    "VXP_HEADER_UNSENDABLE",
    "Thông tin “{header}” có ký tự không gửi được qua trục (chỉ nhận ký tự không dấu).",
    "Sửa mã định danh hoặc mã gói tin có dấu, khoảng trắng lạ rồi cho gửi lại.",
)


class AuthenticationRefused(HeldForPerson):
    """The axis did not accept the request's HMAC or timestamp: worth one attempt with a new envelope."""


class Meaning(StrEnum):
    """What a refusal can mean, as `data/answers.toml` names it."""

    SENDER_MISMATCH = "sender-mismatch"
    NOT_AUTHENTIC = "not-authentic"
    UNKNOWN_SYSTEM = "unknown-system"
    FILE_HASH_WRONG = "file-hash-wrong"
    DUPLICATE = "duplicate"
    UNKNOWN_RECIPIENT = "unknown-recipient"
    INVALID_PACKET = "invalid-packet"
    NOT_FOUND = "not-found"
    TROUBLE_THERE = "trouble-there"


_HELD: dict[Meaning, tuple[Explanation, type[HeldForPerson], Scope]] = {
    Meaning.SENDER_MISMATCH: (SENDER_MISMATCH, HeldForPerson, Scope.MESSAGE),
    Meaning.FILE_HASH_WRONG: (FILE_HASH_WRONG, HeldForPerson, Scope.MESSAGE),
    Meaning.NOT_AUTHENTIC: (NOT_AUTHENTIC, AuthenticationRefused, Scope.SYSTEM),
    Meaning.UNKNOWN_SYSTEM: (UNKNOWN_SYSTEM, HeldForPerson, Scope.SYSTEM),
}
_REJECTED: dict[Meaning, Explanation] = {
    Meaning.UNKNOWN_RECIPIENT: UNKNOWN_RECIPIENT,
    Meaning.INVALID_PACKET: INVALID_PACKET,
    Meaning.NOT_FOUND: NOT_FOUND,
}
_LONGEST_QUOTE = 160


def failure_of(
    envelope: Envelope | None, reply: HttpReply, *, safe: bool, system: str, operation: str
) -> ConnectError:
    """The effect of any answer that is not a success.

    `safe`: a read, or a write that may be repeated; a doubtful answer to anything else is asked after.
    A refusal in the axis' own words counts whatever the HTTP status: its clients never look at that.
    """
    if envelope is None or envelope.succeeded:
        return status_failure(reply, safe=safe, system=system, operation=operation)
    said = quoted(envelope.error_desc)
    detail = f"ErrorCode {envelope.error_code[:20]!r}, status {envelope.status[:20]!r}, said {said!r}"
    facts: dict[str, Any] = {"system": system, "operation": operation, "said": said}
    meaning = meaning_of(envelope.error_desc)
    doubtful = RetryLater if safe else ReconcileFirst
    if meaning in _HELD:
        explanation, effect, scope = _HELD[meaning]
        return effect(explanation, detail, scope=scope, **facts)
    if meaning in _REJECTED:
        return Rejected(_REJECTED[meaning], detail, **facts)
    if meaning is Meaning.DUPLICATE:
        return ReconcileFirst(DUPLICATE, detail, answered=True, **facts)
    if meaning is Meaning.TROUBLE_THERE:
        return doubtful(TROUBLE_THERE, detail, **facts)
    if envelope.contradicts_itself:
        return doubtful(CONTRADICTION, detail, **facts)
    return Rejected(REFUSED, detail, **facts)


def meaning_of(error_desc: str) -> Meaning | None:
    """What a refusal's words mean; None when we do not know them."""
    said = search_key(error_desc)
    return next((meaning for meaning, words in _words() if any(word in said for word in words)), None)


def quoted(text: str) -> str:
    """The remote's words, short and printable, fit to be shown."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST_QUOTE]).strip() or "?"


@cache
def _words() -> tuple[tuple[Meaning, tuple[str, ...]], ...]:
    """The table of words, read once."""
    table = tomllib.loads(files(__package__).joinpath("data/answers.toml").read_text("utf-8"))
    return tuple(
        (Meaning(answer["means"]), tuple(search_key(word) for word in answer["words"]))
        for answer in table["answer"]
    )
