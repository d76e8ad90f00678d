"""What an answer of the portal means for us: effect, stable code, Vietnamese sentence and advice.

The portal publishes no error codes, and one code comes with several meanings ("đã tồn tại" with 0, 3 and
-3), so a refusal is told apart by its words (`data/answers.toml`).

Done is what code and words both call done. Refused is what comes with the portal's own envelope, a number
other than zero and words that do not contradict it, under a status of success or one of refusal that no
gateway speaks for itself. All else is in doubt: a read is made again, a write is asked after. Where a
gateway has spoken (web pages, empty bodies, JSON), `transport.failures` knows what its status means.
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
    "Đối chiếu mã và tên thủ tục, lĩnh vực với cơ sở dữ liệu quốc gia về thủ tục hành chính. Nếu sửa danh "
    "mục thủ tục (procedures_file) thì khởi động lại chương trình. Sau đó sửa và lưu lại hồ sơ trong phần "
    "mềm một cửa; chương trình sẽ tự gửi bản mới.",
)
DATA_REFUSED = explain(
    "DVCQG_DATA_REFUSED",
    "Cổng Dịch vụ công quốc gia cho rằng dữ liệu chưa đúng: {said}.",
    "Sửa mục Cổng nêu trong phần mềm một cửa rồi lưu lại; chương trình sẽ tự gửi bản mới.",
)
DOSSIER_EXISTS = explain(
    "DVCQG_DOSSIER_EXISTS",
    "Cổng Dịch vụ công quốc gia báo hồ sơ đã tồn tại.",
    "Không cần làm gì: chương trình tự chuyển sang cập nhật hồ sơ.",
)
DOSSIER_NOT_THERE = explain(
    "DVCQG_DOSSIER_NOT_THERE",
    "Cổng Dịch vụ công quốc gia báo hồ sơ {dossier} không tồn tại nên chưa nhận bước xử lý.",
    "Nếu hồ sơ này đang bị từ chối hoặc bị giữ: sửa hồ sơ trong phần mềm một cửa theo lý do đã nêu rồi lưu "
    "lại; bản mới được gửi trước, sau đó các bước xử lý đang chờ tự được gửi tiếp. Nếu hồ sơ đã có trên "
    "Cổng: cho gửi tiếp bước này bằng lệnh ebrvt held release.",
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
    "Không rõ Cổng Dịch vụ công quốc gia đã nhận một bước xử lý của hồ sơ {dossier} hay chưa: mất trả lời "
    "khi gửi, và tra cứu không cho biết bước đó.",
    "Xem tiến độ hồ sơ trên Cổng: nếu bước này đã có thì đánh dấu là đã gửi (ebrvt held confirm); nếu chắc "
    "chắn chưa có thì cho gửi lại (ebrvt held release).",
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

    SESSION_REFUSED = "session-refused"
    TROUBLE_THERE = "trouble-there"
    UNIT_REFUSED = "unit-refused"
    PROCEDURE_UNKNOWN = "procedure-unknown"
    DOSSIER_EXISTS = "dossier-exists"
    DOSSIER_NOT_THERE = "dossier-not-there"
    DATA_REFUSED = "data-refused"


_REJECTED: dict[Meaning, tuple[Explanation, type[Rejected]]] = {
    Meaning.PROCEDURE_UNKNOWN: (PROCEDURE_UNKNOWN, Rejected),
    Meaning.DATA_REFUSED: (DATA_REFUSED, Rejected),
    Meaning.DOSSIER_EXISTS: (DOSSIER_EXISTS, DossierExists),
    Meaning.DOSSIER_NOT_THERE: (DOSSIER_NOT_THERE, DossierNotThere),
}
_ABOUT_THE_MATTER = frozenset(_REJECTED)
_UNAUTHENTICATED = 401
_NO_SUCH_PATH = frozenset({404, 405})
_TOO_LARGE = 413
_OF_THE_WAY = frozenset({401, 403, 404, 405, 407, 408, 413, 425, 429})
"""Statuses a gateway says for itself: under them an envelope is not the portal's verdict."""
_NUMBER = re.compile(r"[+-]?\d{1,9}(\.0+)?", re.ASCII)
_FILE_NAME = re.compile(r"\S+\.(pdf|docx?|xlsx?|jpe?g|png|tiff?|zip|rar|7z|p7s|xml|txt)\b")
_LONG_NUMBER = re.compile(r"\d(?: ?\d){8,}")
"""Identity, tax and telephone numbers; parts of a dossier code are shorter."""
_ADDRESS = re.compile(r"\S+@\S+")
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
    keyed: bool = True
    """Made twice, the call does no harm. Where it would, far fewer words mean that nothing happened."""
    secrets: Collection[str] = ()
    """What must not be quoted: the session and our credentials."""

    @property
    def said(self) -> str:
        """The portal's words, short and printable, without our secrets and the numbers of citizens."""
        if self.envelope is None:
            return f"HTTP {self.reply.status}"
        text = without(self.envelope.message, self.secrets)[:_LONGEST_READ]
        for private in (_LONG_NUMBER, _ADDRESS):
            text = private.sub(_BLOT, text)
        return (
            "".join(c if c.isprintable() else " " for c in text[:_LONGEST_QUOTE]).strip().rstrip(".") or "?"
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Where it was, and what was said."""
        return {"system": self.system, "operation": self.operation, "said": self.said}

    @property
    def detail(self) -> str:
        """The answer in developer English."""
        if self.envelope is None:
            return f"got HTTP {self.reply.status}, {shown(self.reply)}"
        return f"HTTP {self.reply.status}, error_code {self.envelope.error_code[:20]!r}, said {self.said!r}"

    def doubtful(self, explanation: Explanation) -> ConnectError:
        """Whether it was done is not known."""
        effect = RetryLater if self.safe else ReconcileFirst
        return effect(explanation, self.detail, **self.facts)


def failure_of(told: Told) -> ConnectError:
    """The effect of any answer that is not a success."""
    envelope, status = told.envelope, told.reply.status
    if envelope is None:
        return _of_the_way(told)
    meaning = meaning_of(envelope.message)
    if _hints_at_success(envelope.message):
        return told.doubtful(UNCLEAR)
    if meaning is Meaning.DOSSIER_EXISTS and told.reply.ok and is_zero(envelope.error_code):
        # Seen so: the one refusal that comes with a zero code.
        return _refused(told, meaning)
    if meaning is Meaning.SESSION_REFUSED and told.safe and told.reply.ok:
        return SessionRefused(SESSION_REFUSED, told.detail, **told.facts)
    if not _is_error(envelope.error_code):
        return told.doubtful(UNCLEAR)
    if told.reply.ok or (400 <= status < 500 and status not in _OF_THE_WAY):  # noqa: PLR2004 - the class of refusals
        return _own_word(told, envelope, meaning)
    if meaning in _ABOUT_THE_MATTER and status in _NO_SUCH_PATH | {403, _TOO_LARGE}:
        # Neither surely a gateway that does not know us, nor surely the portal's verdict.
        return told.doubtful(UNCLEAR)
    return _of_the_way(told)


def _own_word(told: Told, envelope: Envelope, meaning: Meaning | None) -> ConnectError:
    """The portal's own no: what its words say of it."""
    if meaning is Meaning.SESSION_REFUSED:
        if told.keyed or _is_exactly_a_session_refused(envelope.message):
            return SessionRefused(SESSION_REFUSED, told.detail, **told.facts)
        return told.doubtful(UNCLEAR)
    if meaning is Meaning.UNIT_REFUSED:
        return HeldForPerson(UNIT_REFUSED, told.detail, scope=Scope.SYSTEM, **told.facts)
    if meaning is Meaning.TROUBLE_THERE or (meaning is None and _smells(told, envelope)):
        return told.doubtful(TROUBLE_THERE)
    return _refused(told, meaning)


def _refused(told: Told, meaning: Meaning | None) -> Rejected:
    explanation, effect = _REJECTED.get(meaning, (REFUSED, Rejected)) if meaning else (REFUSED, Rejected)
    return effect(explanation, told.detail, **told.facts)


def _smells(told: Told, envelope: Envelope) -> bool:
    """Whether words nobody understands, or their code, speak of trouble rather than of the matter."""
    if envelope.error_code.strip() in _words().gateway_codes:
        return True
    return not told.keyed and _words().smells.search(_read(envelope.message)) is not None


def _of_the_way(told: Told) -> ConnectError:
    """An answer that is not the portal's: a gateway's, a page, nothing, half of something, no error_code."""
    status = told.reply.status
    if status == _UNAUTHENTICATED:
        # RFC 9110 15.5.2: the request has not been applied.
        return SessionRefused(SESSION_REFUSED, told.detail, **told.facts)
    if status in _NO_SUCH_PATH:
        return HeldForPerson(PATH_WRONG, told.detail, scope=Scope.SYSTEM, status=status, **told.facts)
    failure = status_failure(told.reply, safe=told.safe, system=told.system, operation=told.operation)
    if isinstance(failure, Rejected) and status != _TOO_LARGE:
        return told.doubtful(UNCLEAR)
    return failure


def is_zero(code: str) -> bool:
    """Whether an `error_code` says that all is well; the portal sends 0, "0" and "00"."""
    return code.strip() in _words().codes


def _is_error(code: str) -> bool:
    """Whether an `error_code` says no: a whole number other than zero, as all that were seen are."""
    number = code.strip()
    return _NUMBER.fullmatch(number) is not None and float(number) != 0


def write_succeeded(envelope: Envelope) -> bool:
    """Whether a write was taken: a zero code and unambiguous words for it; either alone is not enough."""
    if not is_zero(envelope.error_code) or not _hints_at_success(envelope.message):
        return False
    qualified = _words().qualified.search(_folded(envelope.message)) is not None
    return not qualified and meaning_of(envelope.message) is not Meaning.DOSSIER_EXISTS


def read_succeeded(envelope: Envelope) -> bool:
    """Whether a look-up was answered: a zero code, and no words of a session that is over or of trouble."""
    other = {Meaning.SESSION_REFUSED, Meaning.TROUBLE_THERE, Meaning.UNIT_REFUSED}
    return is_zero(envelope.error_code) and meaning_of(envelope.message) not in other


def _hints_at_success(message: str) -> bool:
    """Whether words of success stand there that are not plainly negated."""
    said, words = _folded(message), _words()
    return any(word in said for word in words.succeeded) and words.negated.search(said) is None


def _folded(message: str) -> str:
    """A message as words of success are looked for in it: with its accents, "chữa" is not "chưa"."""
    return nfc(message[:_LONGEST_READ]).casefold()


def meaning_of(message: str) -> Meaning | None:
    """What a message means; None when we do not know its words."""
    said = _read(message)
    return next((meaning for meaning, pattern in _words().meanings if pattern.search(said)), None)


def _is_exactly_a_session_refused(message: str) -> bool:
    return _words().session_exactly.fullmatch(_read(message)) is not None


def _read(message: str) -> str:
    """A message as the table of words reads it."""
    return _FILE_NAME.sub("", search_key(message[:_LONGEST_READ])).strip(" .!\"'")


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
    negated: re.Pattern[str]
    qualified: re.Pattern[str]
    session_exactly: re.Pattern[str]
    meanings: tuple[tuple[Meaning, re.Pattern[str]], ...]
    smells: re.Pattern[str]
    gateway_codes: frozenset[str]


@cache
def _words() -> _Words:
    """The table of words, read once."""
    table = tomllib.loads(files(__package__).joinpath("data/answers.toml").read_text("utf-8"))
    success = table["success"]
    return _Words(
        codes=frozenset(success["codes"]),
        succeeded=tuple(nfc(word).casefold() for word in success["succeeded"]),
        negated=_any_of(success["negated"]),
        qualified=_any_of(success["qualified"]),
        session_exactly=_any_of(table["session"]["exact"]),
        meanings=tuple((Meaning(answer["means"]), _any_of(answer["words"])) for answer in table["answer"]),
        smells=_any_of(table["smells"]["words"]),
        gateway_codes=frozenset(table["gateway"]["codes"]),
    )


def _any_of(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(nfc(word) for word in words))
