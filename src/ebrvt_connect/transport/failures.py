"""Foreign failures become ours here, and nowhere else.

Two questions decide the effect. *Was anything sent?* Before the first byte of the request has left,
nothing can have happened: `RetryLater`. After it, only a call that may safely be made twice is tried
again; any other is `ReconcileFirst`. *Can waiting cure it?* A certificate nobody trusts stays so until a
person acts: `HeldForPerson` for the whole system.

Messages name the endpoint, the phase and the kind of failure; never a query, a header or a body, which
may hold secrets and citizens' data. A body is shown by its type, length and the start of its SHA-256.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING

from requests import RequestException
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import InvalidHeader

from ebrvt_connect.errors import (
    ConnectError,
    Explanation,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.transport.connection import LookupTimedOut, Phase, ProxyRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.transport.connection import Call
    from ebrvt_connect.transport.http import HttpReply

FOREIGN = (RequestException, Urllib3Error, HTTPException, OSError)
"""What the libraries below may raise. `OSError` holds `ssl.SSLError` and every timeout."""

MAX_RETRY_AFTER = timedelta(hours=6)
"""A longer wish is cut: a remote's mistake must not park messages for weeks."""

# --- before anything was sent -------------------------------------------------------------------
NAME_NOT_FOUND = explain(
    "REMOTE_NAME_NOT_FOUND",
    "Không tìm thấy địa chỉ mạng (DNS) của hệ thống {system}.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra tên máy chủ trong cấu hình và máy chủ DNS.",
)
REFUSED = explain(
    "REMOTE_REFUSED_CONNECTION",
    "Hệ thống {system} từ chối kết nối: dịch vụ chưa chạy hoặc sai cổng.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra địa chỉ, cổng và báo đơn vị vận hành {system}.",
)
UNREACHABLE = explain(
    "REMOTE_UNREACHABLE",
    "Không kết nối được tới hệ thống {system} qua mạng.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra đường truyền, tường lửa và mạng chuyên dùng.",
)
CONNECT_TIMEOUT = explain(
    "REMOTE_CONNECT_TIMEOUT",
    "Hệ thống {system} không trả lời yêu cầu kết nối trong thời gian cho phép.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra đường truyền và tường lửa tới {system}.",
)
PROXY_FAILED = explain(
    "PROXY_FAILED",
    "Máy chủ proxy không mở được đường tới hệ thống {system}.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra máy chủ proxy trong cấu hình.",
)
PROXY_AUTH = explain(
    "PROXY_AUTH_REQUIRED",
    "Máy chủ proxy trên đường tới hệ thống {system} yêu cầu đăng nhập.",
    "Kiểm tra tài khoản proxy trong cấu hình, sau đó cho hệ thống {system} chạy tiếp.",
)
TLS_TIMEOUT = explain(
    "TLS_HANDSHAKE_TIMEOUT",
    "Hệ thống {system} không hoàn tất việc thiết lập kết nối mã hóa (TLS) trong thời gian cho phép.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, báo đơn vị vận hành {system}.",
)
TLS_CUT = explain(
    "TLS_HANDSHAKE_CUT",
    "Kết nối mã hóa (TLS) tới hệ thống {system} bị ngắt khi đang thiết lập.",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra tường lửa và báo đơn vị vận hành {system}.",
)
TLS_EXPIRED = explain(
    "TLS_CERTIFICATE_EXPIRED",
    "Chứng thư TLS của hệ thống {system} đã hết hạn.",
    "Đề nghị đơn vị vận hành {system} gia hạn chứng thư; không tắt kiểm tra chứng thư. Sau khi gia hạn, "
    "cho hệ thống {system} chạy tiếp.",
)
TLS_NOT_YET_VALID = explain(
    "TLS_CERTIFICATE_NOT_YET_VALID",
    "Chứng thư TLS của hệ thống {system} chưa đến thời điểm có hiệu lực.",
    "Kiểm tra đồng hồ của máy này trước (đồng bộ NTP); nếu đúng giờ, báo đơn vị vận hành {system}.",
)
TLS_WRONG_HOST = explain(
    "TLS_CERTIFICATE_WRONG_HOST",
    "Chứng thư TLS không cấp cho địa chỉ đang dùng để kết nối tới hệ thống {system}.",
    "Kiểm tra địa chỉ trong cấu hình có đúng tên ghi trong chứng thư không; nếu đúng, báo đơn vị vận hành.",
)
TLS_UNKNOWN_CA = explain(
    "TLS_CERTIFICATE_UNTRUSTED",
    "Chứng thư TLS của hệ thống {system} do tổ chức chưa được tin cậy cấp, hoặc thiếu chứng thư trung gian.",
    "Xác minh với đơn vị vận hành {system} rồi khai báo tệp chứng thư gốc (ca) trong cấu hình.",
)
TLS_BAD_CERTIFICATE = explain(
    "TLS_CERTIFICATE_INVALID",
    "Chứng thư TLS của hệ thống {system} không hợp lệ.",
    "Gửi mã lỗi này cho đơn vị vận hành {system}; không tắt kiểm tra chứng thư.",
)
TLS_CLIENT_REFUSED = explain(
    "TLS_CLIENT_CERTIFICATE_REFUSED",
    "Hệ thống {system} không chấp nhận chứng thư TLS của đơn vị ta (thiếu, hết hạn hoặc chưa đăng ký).",
    "Kiểm tra chứng thư và khóa dùng để kết nối trong cấu hình; đăng ký lại với đơn vị vận hành {system}.",
)
TLS_REFUSED = explain(
    "TLS_HANDSHAKE_REFUSED",
    "Hệ thống {system} từ chối thiết lập kết nối mã hóa (TLS): có thể yêu cầu chứng thư của đơn vị ta, hoặc "
    "hai bên không có thuật toán chung.",
    "Hỏi đơn vị vận hành {system} xem có cần khai báo chứng thư kết nối (client_certificate) không, và máy "
    "chủ có hỗ trợ TLS 1.2 trở lên không.",
)
TLS_MISMATCH = explain(
    "TLS_PROTOCOL_MISMATCH",
    "Không thống nhất được phiên bản hoặc thuật toán mã hóa (TLS) với hệ thống {system}.",
    "Kiểm tra địa chỉ và cổng có đúng là HTTPS không; đề nghị đơn vị vận hành hỗ trợ TLS 1.2 trở lên.",
)
# --- after something was sent -------------------------------------------------------------------
REPLY_TIMEOUT = explain(
    "REMOTE_REPLY_TIMEOUT",
    "Hệ thống {system} đã nhận kết nối nhưng không trả lời xong trong thời gian cho phép.",
    "Chương trình sẽ tự kiểm tra lại hoặc gửi lại an toàn; không gửi tay lần nữa.",
)
CONNECTION_LOST = explain(
    "REMOTE_CONNECTION_LOST",
    "Kết nối tới hệ thống {system} bị ngắt trước khi nhận được câu trả lời đầy đủ.",
    "Chương trình sẽ tự kiểm tra lại hoặc gửi lại an toàn; không gửi tay lần nữa.",
)
UNREADABLE_REPLY = explain(
    "REMOTE_REPLY_UNREADABLE",
    "Hệ thống {system} trả lời bằng nội dung không đọc được (không đúng giao thức).",
    "Chương trình sẽ tự kiểm tra lại. Nếu lặp lại, báo đơn vị vận hành {system} kèm mã lỗi này.",
)
REPLY_TOO_LARGE = explain(
    "REMOTE_REPLY_TOO_LARGE",
    "Câu trả lời của hệ thống {system} lớn hơn giới hạn cho phép ({limit_bytes} byte).",
    "Kiểm tra với đơn vị vận hành {system}; nếu nội dung là đúng, nâng giới hạn trong cấu hình.",
)
REQUEST_BODY_UNREADABLE = explain(
    "REQUEST_BODY_UNREADABLE",
    "Không đọc được nội dung cần gửi tới hệ thống {system}.",
    "Kiểm tra ổ đĩa và thư mục blobs, sau đó cho gửi lại.",
)
# --- answers by HTTP status ---------------------------------------------------------------------
UNAUTHENTICATED = explain(
    "REMOTE_UNAUTHENTICATED",
    "Hệ thống {system} không chấp nhận thông tin đăng nhập của đơn vị ta (HTTP {status}).",
    "Kiểm tra tài khoản, khóa bí mật trong cấu hình, sau đó cho hệ thống {system} chạy tiếp.",
)
FORBIDDEN = explain(
    "REMOTE_FORBIDDEN",
    "Tài khoản của đơn vị ta không được phép dùng chức năng này trên hệ thống {system} (HTTP {status}).",
    "Đề nghị đơn vị vận hành {system} cấp quyền, sau đó cho hệ thống {system} chạy tiếp.",
)
REDIRECTED = explain(
    "REMOTE_REDIRECTED",
    "Hệ thống {system} chuyển hướng sang địa chỉ khác (HTTP {status}); chương trình không tự đi theo.",
    "Kiểm tra địa chỉ trong cấu hình: có thể dịch vụ đã đổi địa chỉ hoặc bắt buộc dùng HTTPS.",
)
STATUS_REJECTED = explain(
    "REMOTE_REJECTED",
    "Hệ thống {system} từ chối yêu cầu (HTTP {status}).",
    "Xem chi tiết kỹ thuật của thông điệp; sửa nội dung rồi gửi lại hoặc báo đơn vị vận hành {system}.",
)
TOO_LARGE = explain(
    "REMOTE_SAYS_TOO_LARGE",
    "Nội dung gửi đi lớn hơn mức hệ thống {system} cho phép (HTTP 413).",
    "Giảm dung lượng tệp đính kèm hoặc đề nghị đơn vị vận hành {system} nâng giới hạn.",
)
THROTTLED = explain(
    "REMOTE_THROTTLED",
    "Hệ thống {system} yêu cầu gửi chậm lại (HTTP {status}).",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp.",
)
UNAVAILABLE = explain(
    "REMOTE_UNAVAILABLE",
    "Hệ thống {system} đang quá tải hoặc bảo trì (HTTP {status}).",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp. Nếu kéo dài, báo đơn vị vận hành {system}.",
)
BUSY_AFTER_SENDING = explain(
    "REMOTE_BUSY_AFTER_SENDING",
    "Hệ thống {system} báo quá tải hoặc hết thời gian chờ (HTTP {status}) sau khi đã nhận yêu cầu; chưa rõ "
    "yêu cầu đã được xử lý hay chưa.",
    "Không cần làm gì: chương trình tự hỏi lại {system} trước khi gửi lại. Nếu kéo dài, báo đơn vị vận hành "
    "{system}.",
)
SERVER_ERROR = explain(
    "REMOTE_SERVER_ERROR",
    "Hệ thống {system} gặp lỗi bên trong (HTTP {status}).",
    "Chương trình sẽ tự kiểm tra lại hoặc gửi lại an toàn. Nếu kéo dài, báo đơn vị vận hành {system}.",
)
WEB_PAGE = explain(
    "REMOTE_ANSWERED_WEB_PAGE",
    "Hệ thống {system} trả về một trang web thay vì dữ liệu (HTTP {status}): có thể máy chủ trung gian đang "
    "lỗi hoặc phiên đăng nhập đã hết.",
    "Chương trình sẽ tự kiểm tra lại. Nếu kéo dài, báo đơn vị vận hành {system} kèm mã lỗi này.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a call failed, told without secrets; its methods make the four effects."""

    system: str
    operation: str
    safe: bool
    """Whether the call may be made twice without harm."""
    endpoint: str = ""
    """Scheme, host and port, where they are known."""
    status: int = 0
    """The HTTP status, where there was an answer."""

    def retry_later(
        self, explanation: Explanation, detail: str, *, retry_after: timedelta | None = None
    ) -> RetryLater:
        """Nothing happened there."""
        return RetryLater(
            explanation,
            self._told(detail),
            retry_after=retry_after,
            system=self.system,
            operation=self.operation,
            status=self.status,
        )

    def held(
        self, explanation: Explanation, detail: str, scope: Scope = Scope.SYSTEM, *, limit_bytes: int = 0
    ) -> HeldForPerson:
        """A person must act before this system (or this message) goes on."""
        return HeldForPerson(
            explanation,
            self._told(detail),
            scope=scope,
            system=self.system,
            operation=self.operation,
            status=self.status,
            limit_bytes=limit_bytes,
        )

    def rejected(self, explanation: Explanation, detail: str) -> Rejected:
        """They said no."""
        return Rejected(
            explanation,
            self._told(detail),
            system=self.system,
            operation=self.operation,
            status=self.status,
        )

    def unknown(self, explanation: Explanation, detail: str, *, limit_bytes: int = 0) -> ConnectError:
        """Something was sent: harmless to repeat, or to be asked after."""
        if self.safe:
            return self.retry_later(explanation, detail)
        return ReconcileFirst(
            explanation,
            self._told(detail),
            system=self.system,
            operation=self.operation,
            status=self.status,
            limit_bytes=limit_bytes,
        )

    def unreadable(self, detail: str) -> ConnectError:
        """The reply is not what HTTP says it is."""
        return self.unknown(UNREADABLE_REPLY, detail)

    def too_large(self, limit_bytes: int) -> ConnectError:
        """The reply passes the limit: asking again would bring it again, so a read waits for a person."""
        detail = f"the reply is larger than {limit_bytes} bytes"
        if self.safe:
            return self.held(REPLY_TOO_LARGE, detail, Scope.MESSAGE, limit_bytes=limit_bytes)
        return self.unknown(REPLY_TOO_LARGE, detail, limit_bytes=limit_bytes)

    def body_unreadable(self, failure: Exception | None) -> ConnectError:
        """Our own request body failed on the way out; what arrived is short of the announced length."""
        if isinstance(failure, ConnectError):
            return failure
        kind = type(failure).__name__
        return self.held(REQUEST_BODY_UNREADABLE, f"the request body failed with {kind}", Scope.MESSAGE)

    def _told(self, detail: str) -> str:
        return f"{self.endpoint}: {detail}" if self.endpoint else detail


@contextmanager
def translated(place: Place, call: Call) -> Iterator[None]:
    """Within, whatever requests, urllib3, http.client, ssl or a socket raises comes out as ours.

    Only the system's or OpenSSL's own error stays attached as the cause: the libraries' exceptions above
    it quote whole addresses, with their queries, into every traceback.
    """
    try:
        yield
    except FOREIGN as failure:
        causes = list(_causes(failure))
        raise _meaning(causes, place, call) from _root(causes)


def _meaning(causes: list[BaseException], place: Place, call: Call) -> ConnectError:
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            refusal = _tls_refusal(cause, place, call.phase)
            if refusal is not None:
                return refusal
    if call.sent:
        return _after_sending(causes, place, call)
    return _before_sending(causes, place, call.phase)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """The failure and what it was made from; urllib3 and requests keep causes as `reason` and in `args`.

    Not `__context__`: it also leads to whatever the caller was dealing with when it made this call.
    """
    waiting: list[BaseException] = [failure]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            kin = (one.__cause__, getattr(one, "reason", None), *one.args)
            waiting.extend(cause for cause in kin if isinstance(cause, BaseException))


def _root(causes: list[BaseException]) -> OSError | None:
    """The innermost error of the system or of OpenSSL."""
    system = (c for c in reversed(causes) if isinstance(c, OSError) and not isinstance(c, RequestException))
    return next(system, None)


def _not_http(cause: BaseException) -> bool:
    """Whether the remote answered, but not with HTTP within sane bounds (lines, number of headers)."""
    if isinstance(cause, InvalidHeader):
        return True
    return isinstance(cause, HTTPException) and not isinstance(cause, RemoteDisconnected | IncompleteRead)


def _any(causes: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _before_sending(causes: list[BaseException], place: Place, phase: Phase) -> ConnectError:
    """Nothing of the request has left: whatever it was, the call can be made again."""
    kind = _kind(causes)
    for cause in causes:
        if isinstance(cause, ProxyRefused):
            told = f"the proxy answered CONNECT with {cause.status}"
            if cause.status == 407:  # noqa: PLR2004 - RFC 9110 15.5.8
                return place.held(PROXY_AUTH, told)
            return place.retry_later(PROXY_FAILED, told)
    if phase is Phase.PROXY:
        return place.retry_later(PROXY_FAILED, f"the proxy did not open a tunnel ({kind})")
    if _any(causes, LookupTimedOut, socket.gaierror):
        return place.retry_later(NAME_NOT_FOUND, f"the name was not resolved ({kind})")
    if phase is Phase.TLS:
        if _any(causes, TimeoutError):
            return place.retry_later(TLS_TIMEOUT, f"the TLS handshake did not end in time ({kind})")
        return place.retry_later(TLS_CUT, f"the TLS handshake was cut ({kind})")
    if _any(causes, ConnectionRefusedError):
        return place.retry_later(REFUSED, "the connection was refused")
    if _any(causes, TimeoutError):
        return place.retry_later(CONNECT_TIMEOUT, f"no connection in time ({kind})")
    return place.retry_later(UNREACHABLE, f"no connection ({kind})")


def _after_sending(causes: list[BaseException], place: Place, call: Call) -> ConnectError:
    kind, where = _kind(causes), call.phase.name.lower()
    if call.expired:
        return place.unknown(REPLY_TIMEOUT, f"the call's deadline passed while {where}")
    if _any(causes, TimeoutError):
        return place.unknown(REPLY_TIMEOUT, f"nothing moved for too long while {where}")
    if any(_not_http(cause) for cause in causes):
        return place.unreadable(f"the reply is not HTTP ({kind})")
    return place.unknown(CONNECTION_LOST, f"the connection was lost while {where} ({kind})")


def _kind(causes: list[BaseException]) -> str:
    """The innermost failure by its class, with the system's or OpenSSL's own word: never its text."""
    inner = _root(causes) or causes[-1]
    word = inner.reason if isinstance(inner, ssl.SSLError) else getattr(inner, "strerror", None)
    return f"{type(inner).__name__} {word}" if isinstance(word, str) else type(inner).__name__


_VERIFY_CODES = {
    9: TLS_NOT_YET_VALID,
    10: TLS_EXPIRED,
    18: TLS_UNKNOWN_CA,
    19: TLS_UNKNOWN_CA,
    20: TLS_UNKNOWN_CA,
    21: TLS_UNKNOWN_CA,
    62: TLS_WRONG_HOST,
    64: TLS_WRONG_HOST,
}
"""OpenSSL's X509_V_ERR_* (x509_vfy.h) that have a cure of their own."""

_CLIENT_REFUSALS = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
)
"""Alerts by which a remote says no to our certificate (RFC 8446 section 6.2)."""

_MISMATCHES = (
    "ALERT_PROTOCOL_VERSION",
    "ALERT_INSUFFICIENT_SECURITY",
    "HTTP_REQUEST",
    "NO_PROTOCOLS_AVAILABLE",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "UNSUPPORTED_PROTOCOL",
    "WRONG_SSL_VERSION",
    "WRONG_VERSION_NUMBER",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
)


def _tls_refusal(failure: ssl.SSLError, place: Place, phase: Phase) -> ConnectError | None:
    """A refusal over certificates or versions, which waiting does not cure; None for a mere cut.

    In TLS 1.3 the remote judges our certificate after we have begun to send; it reads nothing of the
    request before it has accepted the handshake, so such an alert still means that nothing happened.
    """
    if isinstance(failure, ssl.SSLCertVerificationError):
        explanation = _VERIFY_CODES.get(failure.verify_code, TLS_BAD_CERTIFICATE)
        return place.held(explanation, f"certificate refused: {failure.verify_message}")
    reason = failure.reason or ""
    if reason.endswith(_CLIENT_REFUSALS):
        return place.held(TLS_CLIENT_REFUSED, f"the remote refused our certificate: {reason}")
    if reason.endswith("ALERT_HANDSHAKE_FAILURE"):
        # In TLS 1.2 also the word of a remote that wanted a certificate and was shown none.
        return place.held(TLS_REFUSED, f"the remote refused the handshake: {reason}")
    if phase is Phase.TLS and reason.endswith(_MISMATCHES):
        return place.held(TLS_MISMATCH, f"no common TLS: {reason}")
    return None


# --- the generic meaning of an answer -------------------------------------------------------------
_OUTRIGHT = {401: UNAUTHENTICATED, 403: FORBIDDEN, 407: PROXY_AUTH}
_BUSY = {408: UNAVAILABLE, 425: THROTTLED, 429: THROTTLED, 503: UNAVAILABLE}
_REFUSED_UNREAD = frozenset({425, 429})
"""Said before a request is looked at (RFC 8470 5.2, RFC 6585 4). 408 and 503 a proxy may also say when it
has handed the request on and tires of waiting."""


def status_failure(reply: HttpReply, *, safe: bool, system: str, operation: str) -> ConnectError:
    """The failure an answer stands for where the remote has no word of its own.

    Give it any reply that is not the success expected: by its status, or because its body is a web page
    or cannot be read. Only an answer in the remote's own format is taken for a refusal: a web page with
    a 404 is a proxy or an application that is not there, not a verdict on the message.
    """
    place = Place(system=system, operation=operation, safe=safe, status=reply.status)
    told = f"got HTTP {reply.status}, {shown(reply)}"
    status = reply.status
    if status in _OUTRIGHT:
        return place.held(_OUTRIGHT[status], told)
    if status in _BUSY:
        wait = retry_after(reply)
        invited = status in _REFUSED_UNREAD or (status == 503 and wait is not None)  # noqa: PLR2004 - RFC 9110 15.6.4
        if safe or invited:
            return place.retry_later(_BUSY[status], told, retry_after=wait)
        return place.unknown(BUSY_AFTER_SENDING, told)
    if status == 413:  # noqa: PLR2004 - RFC 9110 15.5.14; a proxy in between answers it with a page, too
        return place.rejected(TOO_LARGE, told)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirections
        return place.held(REDIRECTED, told)
    if is_web_page(reply):
        return place.unknown(WEB_PAGE, told)
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return place.unknown(SERVER_ERROR, told)
    if status >= 400:  # noqa: PLR2004 - the class of refusals
        return place.rejected(STATUS_REJECTED, told)
    return place.unreadable(told)


def shown(reply: HttpReply) -> str:
    """A body in words that give nothing away: type, length and the start of its SHA-256."""
    kind = reply.headers.get("Content-Type", "no content type").partition(";")[0].strip()[:60]
    digest = hashlib.sha256(reply.body).hexdigest()[:12]
    return f"{kind!r}, {len(reply.body)} bytes, sha256 {digest}"


def is_web_page(reply: HttpReply) -> bool:
    """Whether the answer is HTML, by its label or, since labels err, by how it begins."""
    if "html" in reply.headers.get("Content-Type", "").partition(";")[0].lower():
        return True
    start = reply.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html"))


def retry_after(reply: HttpReply) -> timedelta | None:
    """The delay asked for by Retry-After (RFC 9110 10.2.3), at most `MAX_RETRY_AFTER`; None if unreadable.

    A date is read against the remote's own `Date`, so that a clock that is off does not matter.
    """
    text = reply.headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        # Compared as text length first: a number of a thousand digits is a joke, not a duration.
        return MAX_RETRY_AFTER if len(text) > 6 else min(timedelta(seconds=int(text)), MAX_RETRY_AFTER)  # noqa: PLR2004 - 11 days
    until = _http_date(text)
    if until is None:
        return None
    since = _http_date(reply.headers.get("Date", "")) or reply.received_at
    if since is None:
        return None
    return min(max(until - since, timedelta(0)), MAX_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
