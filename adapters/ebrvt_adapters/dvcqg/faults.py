"""What an answer of the portal means for us: effect, stable code, Vietnamese sentence and advice.

The portal publishes no error codes, and one code comes with several meanings ("đã tồn tại" with 0, 3 and
-3), so a refusal is told apart by its words (`data/answers.toml`). A write has succeeded only when code
and words agree. Where the portal said nothing of its own (web pages, empty bodies, cut connections)
`transport.failures` has the word.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
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
from ebrvt_connect.model.text import nfc, search_key
from ebrvt_connect.transport.failures import shown, status_failure

if TYPE_CHECKING:
    from collections.abc import Collection

    from ebrvt_adapters.dvcqg.wire import Envelope
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.transport.http import HttpReply

LOGIN_REFUSED = explain(
    "DVCQG_LOGIN_REFUSED",
    "Cổng Dịch vụ công quốc gia không chấp nhận tài khoản kết nối: {said}.",
    "Kiểm tra tên đăng nhập và mật khẩu kết nối trong cấu hình, rồi cho chạy tiếp bằng lệnh ebrvt resume "
    "{system}.",
)
LOGIN_UNREADABLE = explain(
    "DVCQG_LOGIN_UNREADABLE",
    "Cổng Dịch vụ công quốc gia trả lời đăng nhập nhưng không cấp phiên làm việc.",
    "Chương trình sẽ tự đăng nhập lại. Nếu kéo dài, báo đơn vị vận hành Cổng.",
)
SESSION_REFUSED = explain(
    "DVCQG_SESSION_REFUSED",
    "Cổng Dịch vụ công quốc gia báo phiên làm việc hết hạn ngay cả sau khi đăng nhập lại.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra tài khoản kết nối có đang dùng ở phần mềm khác không.",
)
UNIT_REFUSED = explain(
    "DVCQG_UNIT_REFUSED",
    "Cổng Dịch vụ công quốc gia không chấp nhận mã đơn vị hoặc mã định tuyến kết nối: {said}.",
    "Đối chiếu unit và dstcode trong cấu hình với thông báo kết nối, rồi cho chạy tiếp bằng lệnh ebrvt "
    "resume {system}.",
)
PATH_WRONG = explain(
    "DVCQG_PATH_WRONG",
    "Không có dịch vụ nào ở địa chỉ kết nối tới Cổng Dịch vụ công quốc gia (HTTP {status}).",
    "Kiểm tra url và các đường dẫn auth_endpoint, share_endpoint, integration_endpoint trong cấu hình, rồi "
    "cho chạy tiếp bằng lệnh ebrvt resume {system}.",
)
PROCEDURE_UNKNOWN = explain(
    "DVCQG_PROCEDURE_UNKNOWN",
    "Cổng Dịch vụ công quốc gia không nhận thủ tục của hồ sơ: {said}.",
    "Đối chiếu mã và tên thủ tục, lĩnh vực với cơ sở dữ liệu quốc gia về thủ tục hành chính, sửa danh mục "
    "thủ tục rồi cho gửi lại.",
)
DATA_REFUSED = explain(
    "DVCQG_DATA_REFUSED",
    "Cổng Dịch vụ công quốc gia cho rằng dữ liệu chưa đúng: {said}.",
    "Sửa mục Cổng nêu trong phần mềm một cửa rồi lưu lại; chương trình sẽ gửi bản mới.",
)
DOSSIER_EXISTS = explain(
    "DVCQG_DOSSIER_EXISTS",
    "Cổng Dịch vụ công quốc gia báo hồ sơ đã tồn tại.",
    "Không cần làm gì: chương trình tự chuyển sang cập nhật hồ sơ.",
)
DOSSIER_NOT_THERE = explain(
    "DVCQG_DOSSIER_NOT_THERE",
    "Cổng Dịch vụ công quốc gia báo hồ sơ {dossier} không tồn tại nên chưa nhận bước xử lý.",
    "Kiểm tra hồ sơ này đã được đồng bộ lên Cổng chưa; khi hồ sơ đã có trên Cổng thì cho gửi lại bước xử lý.",
)
EXISTS_AND_NOT = explain(
    "DVCQG_EXISTS_AND_NOT",
    "Cổng Dịch vụ công quốc gia vừa báo hồ sơ {dossier} đã tồn tại, vừa báo không tồn tại.",
    "Báo đơn vị vận hành Cổng kèm mã hồ sơ; khi đã rõ thì cho gửi lại.",
)
TROUBLE_THERE = explain(
    "DVCQG_TROUBLE_THERE",
    "Cổng Dịch vụ công quốc gia báo đang gặp sự cố bên trong.",
    "Chương trình sẽ tự tra cứu hoặc gửi lại an toàn. Nếu kéo dài, báo đơn vị vận hành Cổng.",
)
REFUSED = explain(
    "DVCQG_REFUSED",
    "Cổng Dịch vụ công quốc gia từ chối: {said}.",
    "Đọc lý do Cổng nêu, sửa hồ sơ hoặc cấu hình; nếu không rõ, báo đơn vị vận hành Cổng kèm mã lỗi.",
)
UNCLEAR = explain(
    "DVCQG_REPLY_UNCLEAR",
    "Cổng Dịch vụ công quốc gia trả lời không rõ đã nhận hay chưa: {said}.",
    "Chương trình sẽ tra cứu trên Cổng trước khi gửi tiếp. Nếu lặp lại, báo đơn vị vận hành Cổng.",
)
NO_RESULT = explain(
    "DVCQG_RESULT_UNREADABLE",
    "Cổng Dịch vụ công quốc gia trả lời tra cứu nhưng không kèm kết quả đọc được; không coi là “không có”.",
    "Chương trình sẽ hỏi lại. Nếu kéo dài, báo đơn vị vận hành Cổng.",
)
OUTCOME_UNKNOWN = explain(
    "DVCQG_OUTCOME_UNKNOWN",
    "Mất trả lời khi gửi một bước xử lý của hồ sơ {dossier}, và Cổng không cho tra cứu các bước đã nhận.",
    "Xem tiến độ hồ sơ trên Cổng: nếu bước này đã có thì đánh dấu là đã gửi; nếu chưa có thì cho gửi lại.",
)
PROCEDURES_FILE_WRONG = explain(
    "DVCQG_PROCEDURES_FILE_WRONG",
    "Không đọc được danh mục thủ tục {file}: {why}.",
    "Sửa tệp danh mục thủ tục (procedures_file) rồi khởi động lại.",
)
MAPPING_FILE_WRONG = explain(
    "DVCQG_MAPPING_FILE_WRONG",
    "Không đọc được bảng ghép mã {file}: {why}.",
    "Sửa tệp bảng ghép mã (mapping_file) rồi khởi động lại.",
)


class SessionRefused(RetryLater):
    """The portal does not know our session: nothing happened; worth one more call after a new login."""


class DossierExists(Rejected):
    """An insert met a dossier that is there already."""


class DossierNotThere(Rejected):
    """An update, or a progress entry, met no dossier."""


class Meaning(StrEnum):
    """What a message can mean, as `data/answers.toml` names it."""

    PROCEDURE_UNKNOWN = "procedure-unknown"
    UNIT_REFUSED = "unit-refused"
    SESSION_REFUSED = "session-refused"
    DOSSIER_EXISTS = "dossier-exists"
    DOSSIER_NOT_THERE = "dossier-not-there"
    LOGIN_REFUSED = "login-refused"
    TROUBLE_THERE = "trouble-there"
    DATA_REFUSED = "data-refused"


_REJECTED: dict[Meaning, tuple[Explanation, type[Rejected]]] = {
    Meaning.PROCEDURE_UNKNOWN: (PROCEDURE_UNKNOWN, Rejected),
    Meaning.DATA_REFUSED: (DATA_REFUSED, Rejected),
    Meaning.DOSSIER_NOT_THERE: (DOSSIER_NOT_THERE, DossierNotThere),
}
_HELD = {Meaning.UNIT_REFUSED: UNIT_REFUSED, Meaning.LOGIN_REFUSED: LOGIN_REFUSED}
_NO_SUCH_PATH = frozenset({404, 405})
_UNAUTHENTICATED = 401
_LONGEST_QUOTE = 160
_LONGEST_READ = 1000
_BLOT = "[…]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer and what is needed to judge it."""

    envelope: Envelope | None
    reply: HttpReply
    safe: bool
    """A read: a doubtful answer is asked for again. A doubtful answer to a write is asked after."""
    system: str
    operation: str
    secrets: Collection[str] = ()
    """What must not be quoted: the session and our credentials."""

    @property
    def said(self) -> str:
        """The portal's words, short and printable, without our secrets."""
        text = without(self.envelope.message if self.envelope else "", self.secrets)
        return (
            "".join(c if c.isprintable() else " " for c in text[:_LONGEST_QUOTE]).strip().rstrip(".") or "?"
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Where it was, and what was said."""
        return {"system": self.system, "operation": self.operation, "said": self.said}


def failure_of(told: Told) -> ConnectError:
    """The effect of any answer that is not a success.

    The portal's own word counts whatever the HTTP status. With a zero code, though, only "đã tồn tại" is
    believed to be a refusal (it was seen so); any other zero code without success is in doubt.
    """
    if told.envelope is None:
        return _without_a_word(told)
    code, message = told.envelope.error_code, told.envelope.message
    detail = f"HTTP {told.reply.status}, error_code {code[:20]!r}, said {told.said!r}"
    meaning = meaning_of(message)
    doubtful = RetryLater if told.safe else ReconcileFirst
    if meaning is Meaning.DOSSIER_EXISTS and told.reply.ok:
        return DossierExists(DOSSIER_EXISTS, detail, **told.facts)
    if is_zero(code) or meaning is Meaning.DOSSIER_EXISTS:
        return doubtful(UNCLEAR, detail, **told.facts)
    if meaning is Meaning.SESSION_REFUSED:
        return SessionRefused(SESSION_REFUSED, detail, **told.facts)
    if meaning in _HELD:
        return HeldForPerson(_HELD[meaning], detail, scope=Scope.SYSTEM, **told.facts)
    if meaning is Meaning.TROUBLE_THERE:
        return doubtful(TROUBLE_THERE, detail, **told.facts)
    explanation, effect = _REJECTED.get(meaning, (REFUSED, Rejected)) if meaning else (REFUSED, Rejected)
    return effect(explanation, detail, **told.facts)


def _without_a_word(told: Told) -> ConnectError:
    """An answer that is not the portal's: a page, nothing, half of something, or no error_code."""
    status = told.reply.status
    if status == _UNAUTHENTICATED:
        return SessionRefused(SESSION_REFUSED, f"got HTTP {status}, {shown(told.reply)}", **told.facts)
    if status in _NO_SUCH_PATH:
        detail = f"got HTTP {status}, {shown(told.reply)}"
        return HeldForPerson(PATH_WRONG, detail, scope=Scope.SYSTEM, status=status, **told.facts)
    return status_failure(told.reply, safe=told.safe, system=told.system, operation=told.operation)


def is_zero(code: str) -> bool:
    """Whether an `error_code` says that all is well; the portal sends 0, "0" and "00"."""
    return code.strip() in _words().codes


def write_succeeded(envelope: Envelope) -> bool:
    """Whether a write was taken: a zero code and the words for it; either alone is not enough."""
    said = nfc(envelope.message).casefold()
    words = _words()
    agreed = any(word in said for word in words.succeeded) and not any(word in said for word in words.denied)
    return is_zero(envelope.error_code) and agreed and meaning_of(said) is not Meaning.DOSSIER_EXISTS


def meaning_of(message: str) -> Meaning | None:
    """What a message means; None when we do not know its words."""
    said = search_key(message[:_LONGEST_READ])
    return next((meaning for meaning, pattern in _words().meanings if pattern.search(said)), None)


def without(text: str, secrets: Collection[str]) -> str:
    """The text without our secrets, should the portal repeat one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _BLOT)
    return text


@dataclass(frozen=True, slots=True)
class _Words:
    codes: frozenset[str]
    succeeded: tuple[str, ...]
    denied: tuple[str, ...]
    meanings: tuple[tuple[Meaning, re.Pattern[str]], ...]


@cache
def _words() -> _Words:
    """The table of words, read once."""
    table = tomllib.loads(files(__package__).joinpath("data/answers.toml").read_text("utf-8"))
    success = table["success"]
    return _Words(
        codes=frozenset(success["codes"]),
        succeeded=tuple(nfc(word).casefold() for word in success["succeeded"]),
        denied=tuple(nfc(word).casefold() for word in success["denied"]),
        meanings=tuple(
            (Meaning(answer["means"]), re.compile("|".join(answer["words"]))) for answer in table["answer"]
        ),
    )
