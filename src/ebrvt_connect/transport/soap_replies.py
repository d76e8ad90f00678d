"""What a SOAP reply is, decided before anything is made of it.

An answer, a fault with a known detail, or a failure with its effect. Looked at in this order: status and
kind of content, XML under limits, envelope and its version, fault, the element the operation answers with,
the schema, and last the values. zeep, asked first, shows a proxy's web page as a fault of the service, an
empty 202 as an answer of nothing, and quotes whole bodies in its messages. Where it stays unknown what a
call did, one that must not be made twice is to be asked after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.soap import fault_in, name_of, read_envelope
from ebrvt_connect.codec.soap_schema import told, told_vi
from ebrvt_connect.codec.username_token import WSSE
from ebrvt_connect.codec.xml import XML_DTD_FORBIDDEN
from ebrvt_connect.errors import (
    ConnectError,
    Explanation,
    HeldForPerson,
    InvalidValue,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.transport.failures import is_web_page, retry_after, shown, status_failure

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from lxml.etree import _Element as Element

    from ebrvt_connect.codec.soap import Envelope, Fault, SoapVersion
    from ebrvt_connect.transport.http import HttpReply
    from ebrvt_connect.transport.soap_zeep import Operation, ParsedWsdl

_AGAIN = (
    "Chương trình sẽ tự hỏi lại trước khi gửi lại. Nếu lặp lại, báo đơn vị vận hành {system} kèm mã lỗi này."
)

REPLY_EMPTY = explain(
    "SOAP_REPLY_EMPTY",
    "Hệ thống {system} trả lời rỗng (HTTP {status}), không cho biết yêu cầu đã được xử lý hay chưa.",
    _AGAIN,
)
REPLY_NOT_XML = explain(
    "SOAP_REPLY_NOT_XML",
    "Hệ thống {system} trả lời bằng nội dung không phải XML (kiểu “{media}”).",
    _AGAIN,
)
REPLY_MALFORMED = explain(
    "SOAP_REPLY_MALFORMED",
    "Câu trả lời của hệ thống {system} bị cụt, sai cú pháp XML hoặc nhiều phần tử quá mức đọc được.",
    _AGAIN,
)
REPLY_DOCTYPE = explain(
    "SOAP_REPLY_DOCTYPE",
    "Câu trả lời của hệ thống {system} có khai báo DOCTYPE; chương trình không đọc vì lý do an toàn.",
    "Báo đơn vị vận hành {system} và cán bộ an toàn thông tin: dịch vụ SOAP không được phép trả lời như vậy.",
)
REPLY_NOT_ENVELOPE = explain(
    "SOAP_REPLY_NOT_ENVELOPE",
    "Câu trả lời của hệ thống {system} không phải là phong bì SOAP với một phần nội dung.",
    "Kiểm tra địa chỉ dịch vụ trong cấu hình. Nếu đúng, báo đơn vị vận hành {system} kèm mã lỗi này.",
)
REPLY_OTHER_VERSION = explain(
    "SOAP_REPLY_OTHER_VERSION",
    "Hệ thống {system} trả lời bằng SOAP {got}, trong khi dịch vụ được mô tả là SOAP {expected}.",
    "Kiểm tra tệp WSDL và địa chỉ dịch vụ trong cấu hình với đơn vị vận hành {system}.",
)
REPLY_OTHER_ELEMENT = explain(
    "SOAP_REPLY_OTHER_ELEMENT",
    "Hệ thống {system} trả lời “{got}” trong khi cần “{expected}”; không coi là đã xong.",
    _AGAIN,
)
REPLY_INVALID = explain(
    "SOAP_REPLY_INVALID",
    "Câu trả lời của hệ thống {system} không đúng lược đồ dịch vụ: {problems}; không coi là đã xong.",
    _AGAIN,
)
FAULT_CLIENT = explain(
    "SOAP_FAULT_CLIENT",
    "Hệ thống {system} từ chối yêu cầu (lỗi SOAP “{fault}”) mà không nêu lý do theo quy ước.",
    "Kiểm tra nội dung đã gửi và phiên bản tệp WSDL với đơn vị vận hành {system}, sửa rồi cho gửi lại.",
)
FAULT_SERVER = explain(
    "SOAP_FAULT_SERVER",
    "Hệ thống {system} gặp lỗi khi xử lý yêu cầu (lỗi SOAP “{fault}”).",
    _AGAIN,
)
FAULT_SECURITY = explain(
    "SOAP_FAULT_SECURITY",
    "Hệ thống {system} không chấp nhận tên đăng nhập, mật khẩu hoặc thời điểm tạo yêu cầu (lỗi WS-Security "
    "“{fault}”).",
    "Kiểm tra tài khoản và mật khẩu trong cấu hình, đồng hồ của máy này (đồng bộ NTP), sau đó cho hệ thống "
    "{system} chạy tiếp.",
)
FAULT_PROTOCOL = explain(
    "SOAP_FAULT_PROTOCOL",
    "Hệ thống {system} không hiểu phong bì SOAP của chương trình (lỗi “{fault}”).",
    "Kiểm tra phiên bản SOAP và tệp WSDL với đơn vị vận hành {system}, sau đó cho hệ thống chạy tiếp.",
)

_XML_MEDIA = ("/xml", "+xml")
_JUDGED_BY_FAULT = frozenset({400, 500})
"""Statuses that carry faults (SOAP 1.1 section 6.2; SOAP 1.2 part 2, 7.4); other errors speak themselves."""
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """What an operation answered, held to the schema."""

    values: dict[str, Any] = field(repr=False)
    """The children of the answering element by name; lists where they may repeat, None where absent."""
    element: Element = field(repr=False)
    """The answering element itself."""
    raw: bytes = field(repr=False)
    """The whole reply as it came, for evidence and for signatures within."""
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SoapFault:
    """A refusal in the remote's own words: a fault with a detail that the WSDL declares."""

    name: str
    """Of the detail's element: `ServiceFault`."""
    values: dict[str, Any] = field(repr=False)
    """What stands in the detail, held to the schema."""
    code: str
    """Of the fault itself, without prefix: `Client`, `Server`."""
    message: str = field(repr=False)
    """The remote's sentence; may hold data: not for logs."""
    element: Element = field(repr=False)
    """The detail's element."""
    status: int
    """The HTTP status around it."""
    retry_after: timedelta | None
    """The delay the remote asked for, if it named one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked, and of whom: all that a reply is judged by."""

    system: str
    operation: Operation
    safe: bool
    """Whether the call may be made twice without harm."""
    version: SoapVersion
    wsdl: ParsedWsdl

    def unknown(self, explanation: Explanation, detail: str, **facts: Any) -> ConnectError:  # noqa: ANN401 - see `ConnectError`
        """It may have been done: harmless to repeat, or to be asked after."""
        effect = RetryLater if self.safe else ReconcileFirst
        return effect(explanation, detail, system=self.system, operation=self.operation.name, **facts)

    def rejected(self, explanation: Explanation, detail: str, **facts: Any) -> ConnectError:  # noqa: ANN401 - see `ConnectError`
        """They said no."""
        return Rejected(explanation, detail, system=self.system, operation=self.operation.name, **facts)

    def held(
        self,
        explanation: Explanation,
        detail: str,
        scope: Scope = Scope.SYSTEM,
        **facts: Any,  # noqa: ANN401 - see `ConnectError`
    ) -> ConnectError:
        """A person must act first."""
        return HeldForPerson(
            explanation, detail, scope=scope, system=self.system, operation=self.operation.name, **facts
        )

    def by_status(self, reply: HttpReply) -> ConnectError:
        """What the HTTP status says by itself."""
        return status_failure(reply, safe=self.safe, system=self.system, operation=self.operation.name)


def read_reply(reply: HttpReply, call: Call) -> SoapAnswer | SoapFault:
    """The answer, or the fault with a known detail; raises `ConnectError` for everything else."""
    envelope = _envelope(reply, call)
    fault = fault_in(envelope)
    if fault is not None:
        return _known_fault(fault, reply, call)
    if not reply.ok:
        raise call.by_status(reply)
    body, told_of = envelope.body, shown(reply)
    if body.tag != call.operation.output_tag:
        got, expected = name_of(body)[:_SHOWN_CHARS], call.operation.output_tag
        detail = f"answered {got!r}, expected {expected!r}; {told_of}"
        raise call.unknown(REPLY_OTHER_ELEMENT, detail, got=got, expected=expected.rpartition("}")[2])
    problems = call.wsdl.schema.problems(body)
    if problems:
        detail = f"the answer departs from the schema: {told(problems)}; {told_of}"
        raise call.unknown(REPLY_INVALID, detail, problems=told_vi(problems))
    values = call.wsdl.values(body)
    if values.lost:
        listed = ", ".join(values.lost[:5])
        detail = f"no value could be made of {listed}; {told_of}"
        raise call.unknown(REPLY_INVALID, detail, problems=f"mục “{listed}” không đọc được giá trị")
    return SoapAnswer(values.plain, body, reply.body, reply.received_at)


def _envelope(reply: HttpReply, call: Call) -> Envelope:
    """The envelope within; whatever else came is told by its status, or as what it is."""
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    told_of = f"got HTTP {reply.status}, {shown(reply)}"
    if is_web_page(reply):
        raise call.by_status(reply)
    if not reply.body.strip():
        raise _where_ok(call, reply, REPLY_EMPTY, told_of, status=reply.status)
    if kind and not kind.endswith(_XML_MEDIA):
        raise _where_ok(call, reply, REPLY_NOT_XML, told_of, media=kind[:_SHOWN_CHARS])
    try:
        envelope = read_envelope(reply.body)
    except InvalidValue as refusal:
        explanation = REPLY_NOT_ENVELOPE if refusal.code.startswith("SOAP_") else REPLY_MALFORMED
        if refusal.code == XML_DTD_FORBIDDEN.code:
            explanation = REPLY_DOCTYPE
        # Its text is not told on: it may quote what stands there.
        raise _where_ok(call, reply, explanation, f"{refusal.code}: {told_of}") from None
    if envelope.version is not call.version:
        got, expected = envelope.version.name, call.version.name
        detail = f"answered in SOAP {got}, expected {expected}; {told_of}"
        raise _where_ok(call, reply, REPLY_OTHER_VERSION, detail, got=got, expected=expected)
    return envelope


def _where_ok(
    call: Call, reply: HttpReply, explanation: Explanation, detail: str, **facts: object
) -> ConnectError:
    """Under a status of success our word for it; under any other the status has said enough."""
    return call.unknown(explanation, detail, **facts) if reply.ok else call.by_status(reply)


def _known_fault(fault: Fault, reply: HttpReply, call: Call) -> SoapFault:
    """The fault by its detail if that is one the WSDL declares and the schema finds valid."""
    for detail in fault.details:
        if detail.tag not in call.operation.fault_tags or call.wsdl.schema.problems(detail):
            continue
        values = call.wsdl.values(detail)
        if not values.lost:
            name, wait = name_of(detail), retry_after(reply)
            return SoapFault(name, values.plain, fault.code, fault.message, detail, reply.status, wait)
    raise _bare_fault(fault, reply, call)


def _bare_fault(fault: Fault, reply: HttpReply, call: Call) -> ConnectError:
    """A fault that says no more than whose fault it is."""
    code = fault.code or "?"
    # Their sentence may hold data, so it is told by its length alone.
    detail = (
        f"fault {code!r} with a text of {len(fault.message)} characters and no detail known; {shown(reply)}"
    )
    if fault.namespace == WSSE:
        return call.held(FAULT_SECURITY, detail, fault=code)
    if not reply.ok and reply.status not in _JUDGED_BY_FAULT:
        return call.by_status(reply)
    if fault.namespace == call.version.namespace and code in {"VersionMismatch", "MustUnderstand"}:
        return call.held(FAULT_PROTOCOL, detail, fault=code)
    if fault.blames_sender:
        return call.rejected(FAULT_CLIENT, detail, fault=code)
    return call.unknown(FAULT_SERVER, detail, fault=code)
