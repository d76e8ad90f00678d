"""What an answer of the reporting software means for us: effect, stable code, Vietnamese sentence, advice.

The service names its refusals in the detail of a SOAP fault (`ServiceFault`, the table below). Where it said
nothing of its own the transport has the word: a fault without that detail (`Client`: for good, `Server`: for
now), status codes, web pages, answers not by the schema, cut connections. A packet carries its own key
(packetId), so a doubtful end needs no other care than asking, or sending the same bytes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrvt_adapters.baocao import wire
from ebrvt_adapters.baocao.mapping import issues_vi, quoted, reason_vi
from ebrvt_connect.errors import (
    ConnectError,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.ports.decisions import REPORT_INVALID, REPORT_LOCKED, REPORT_LOST, REPORT_RETURNED

if TYPE_CHECKING:
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.transport.soap import SoapFault

AUTH_FAILED = explain(
    "BAOCAO_AUTH_FAILED",
    "Phần mềm báo cáo của Bộ không chấp nhận tài khoản kết nối.",
    "Kiểm tra tài khoản, mật khẩu trong cấu hình và giờ của máy chủ (đồng bộ NTP), sau đó cho hệ thống chạy "
    "tiếp bằng lệnh ebrvt resume {system}.",
)
FORBIDDEN_SENDER = explain(
    "BAOCAO_FORBIDDEN_SENDER",
    "Bộ không cho phép chứng thư số hoặc tài khoản này gửi báo cáo thay cho cơ quan ghi ở mục cơ quan gửi.",
    "Kiểm tra mã cơ quan gửi và chứng thư số ký gói tin; đề nghị Bộ đăng ký chứng thư cho mã cơ quan này, "
    "rồi cho gửi lại.",
)
NOT_FOUND = explain(
    "BAOCAO_NOT_FOUND",
    "Phần mềm báo cáo của Bộ không có mục được hỏi.",
    "Kiểm tra mã chế độ báo cáo, mã biểu mẫu và kỳ báo cáo trong cấu hình theo danh mục của Bộ.",
)
PACKET_ID_REUSED = explain(
    "BAOCAO_PACKET_ID_REUSED",
    "Phần mềm báo cáo của Bộ đã có một gói tin khác nội dung dưới cùng mã gói tin.",
    "Đối chiếu báo cáo trên phần mềm của Bộ với bản đã chốt; nếu cần, lập báo cáo thay thế với mã mới.",
)
PERIOD_CLOSED = explain(
    "BAOCAO_PERIOD_CLOSED",
    "Bộ không nhận báo cáo này vì kỳ báo cáo chưa chốt số liệu hoặc đã hết hạn gửi{issues}.",
    "Nếu kỳ chưa chốt, chờ đến ngày chốt số liệu rồi cho gửi lại; nếu đã hết hạn, đề nghị Bộ mở lại kỳ báo "
    "cáo rồi cho gửi lại.",
)
SCHEMA_INVALID = explain(
    "BAOCAO_SCHEMA_INVALID",
    "Bộ từ chối báo cáo vì gói tin chưa đúng quy định{issues}.",
    "Sửa các mục đã nêu rồi lập lại báo cáo; nếu không rõ, báo bộ phận kỹ thuật kèm mã lỗi này.",
)
INDICATOR_UNKNOWN = explain(
    "BAOCAO_INDICATOR_UNKNOWN",
    "Bộ từ chối báo cáo vì có chỉ tiêu không thuộc biểu mẫu{issues}.",
    "Đối chiếu mã chỉ tiêu với biểu mẫu hiện hành của Bộ, sửa cấu hình báo cáo rồi lập lại báo cáo.",
)
SIGNATURE_INVALID = explain(
    "BAOCAO_SIGNATURE_INVALID",
    "Bộ từ chối báo cáo vì chữ ký số trong gói tin không hợp lệ{issues}.",
    "Kiểm tra chứng thư số ký gói tin (hạn dùng, đã đăng ký với Bộ chưa) và thiết bị trung gian có sửa gói "
    "tin không, rồi lập lại báo cáo.",
)
TEMPLATE_VERSION_OLD = explain(
    "BAOCAO_TEMPLATE_VERSION_OLD",
    "Bộ từ chối báo cáo vì biểu mẫu đã có phiên bản mới hơn{issues}.",
    "Cập nhật phiên bản biểu mẫu trong cấu hình báo cáo theo thông báo của Bộ rồi lập lại báo cáo.",
)
THROTTLED = explain(
    "BAOCAO_THROTTLED",
    "Phần mềm báo cáo của Bộ yêu cầu gửi chậm lại.",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp.",
)
INTERNAL = explain(
    "BAOCAO_INTERNAL",
    "Phần mềm báo cáo của Bộ gặp lỗi bên trong.",
    "Chương trình sẽ tự gửi lại an toàn. Nếu kéo dài, báo đơn vị vận hành phần mềm báo cáo của Bộ.",
)
UNAVAILABLE = explain(
    "BAOCAO_UNAVAILABLE",
    "Phần mềm báo cáo của Bộ đang tạm ngừng hoặc bảo trì.",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp. Nếu kéo dài, báo đơn vị vận hành của Bộ.",
)
REFUSED = explain(
    "BAOCAO_REFUSED",
    "Phần mềm báo cáo của Bộ từ chối với mã lỗi “{said}”.",
    "Chuyển mã lỗi này cho bộ phận kỹ thuật và đơn vị vận hành phần mềm báo cáo của Bộ.",
)
BUSY = explain(
    "BAOCAO_BUSY",
    "Phần mềm báo cáo của Bộ báo lỗi tạm thời với mã “{said}”.",
    "Chương trình sẽ tự gửi lại an toàn. Nếu kéo dài, báo đơn vị vận hành phần mềm báo cáo của Bộ.",
)
REPLY_UNREADABLE = explain(
    "BAOCAO_REPLY_UNREADABLE",
    "Phần mềm báo cáo của Bộ trả lời bằng nội dung không đúng quy ước; không coi là đã xong.",
    "Chương trình sẽ tự hỏi lại. Nếu kéo dài, báo đơn vị vận hành phần mềm báo cáo của Bộ kèm mã lỗi này.",
)
NOT_TOLD = explain(
    "BAOCAO_NOT_TOLD",
    "Phần mềm báo cáo của Bộ chưa cho biết kết quả xử lý báo cáo (mã lỗi {said}); báo cáo vẫn đang chờ phê "
    "duyệt.",
    "Chương trình sẽ tự hỏi lại. Nếu kéo dài, báo đơn vị vận hành phần mềm báo cáo của Bộ kèm mã lỗi này.",
)

_HELD: dict[str, tuple[Explanation, Scope]] = {
    "AUTH_FAILED": (AUTH_FAILED, Scope.SYSTEM),
    "FORBIDDEN_SENDER": (FORBIDDEN_SENDER, Scope.MESSAGE),
    "PACKET_ID_REUSED": (PACKET_ID_REUSED, Scope.MESSAGE),
    # The same packet is taken once the period's figures are closed, or the ministry opens it again.
    "PERIOD_CLOSED": (PERIOD_CLOSED, Scope.MESSAGE),
}
_LATER: dict[str, Explanation] = {
    "THROTTLED": THROTTLED,
    "INTERNAL": INTERNAL,
    "UNAVAILABLE": UNAVAILABLE,
}
_REJECTED: dict[str, Explanation] = {
    "NOT_FOUND": NOT_FOUND,
    "SCHEMA_INVALID": SCHEMA_INVALID,
    "INDICATOR_UNKNOWN": INDICATOR_UNKNOWN,
    "SIGNATURE_INVALID": SIGNATURE_INVALID,
    "TEMPLATE_VERSION_OLD": TEMPLATE_VERSION_OLD,
}
_SHOWN_ISSUES = 5
_LONGEST_CODE = 60
_ASKING = wire.Operation.STATUS.value


def failure_of(fault: SoapFault, *, system: str, operation: str) -> ConnectError:
    """The effect of a fault in the service's own words."""
    told = wire.ServiceFault.model_validate(fault.values)
    code = quoted(told.code)[:_LONGEST_CODE]
    listed = issues_vi(told.issue)
    facts: dict[str, Any] = {
        "system": system,
        "operation": operation,
        "issues": f": {listed}" if listed else "",
        "said": code,
    }
    detail = (
        f"SOAP fault {quoted(fault.code)!r}, code {code!r}, trace {quoted(told.trace_id)[:_LONGEST_CODE]!r}"
    )
    if places := ", ".join(f"{quoted(i.path or '-')}: {quoted(i.code)}" for i in told.issue[:_SHOWN_ISSUES]):
        detail += f" ({places})"
    if code in _HELD:
        explanation, scope = _HELD[code]
        return HeldForPerson(explanation, detail, scope=scope, **facts)
    if code in _LATER:
        return RetryLater(_LATER[code], detail, retry_after=fault.retry_after, **facts)
    if code in _REJECTED:
        return Rejected(_REJECTED[code], detail, **facts)
    if told.retryable:
        return RetryLater(BUSY, detail, retry_after=fault.retry_after, **facts)
    return Rejected(REFUSED, detail, **facts)


def is_not_found(failure: ConnectError) -> bool:
    """Whether the service said in its own words that it has no such thing."""
    return failure.code == NOT_FOUND.code


def packet_lost(*, system: str) -> HeldForPerson:
    """It had taken the packet and now does not know it."""
    return HeldForPerson(
        REPORT_LOST, "a packet that was received is unknown now", system=system, operation=_ASKING
    )


def is_about_the_question(failure: ConnectError) -> bool:
    """Whether it speaks against one call only, not against the whole system."""
    return not isinstance(failure, HeldForPerson) or failure.scope in {Scope.MESSAGE, Scope.LANE}


def not_told(failure: ConnectError) -> RetryLater:
    """Asking what was decided was refused: nothing is known, so it is asked again."""
    return RetryLater(
        NOT_TOLD,
        f"asking was refused: {failure.detail}",
        system=failure.system,
        operation=_ASKING,
        said=failure.code,
    )


def other_packet(told: wire.Accepted, *, system: str) -> ReconcileFirst:
    """The receipt is for another packet than the one handed over."""
    detail = f"a receipt for packet {quoted(told.packet_id)[:_LONGEST_CODE]!r}, which was not sent"
    return ReconcileFirst(REPLY_UNREADABLE, detail, system=system, operation=wire.Operation.SUBMIT.value)


def returned(told: wire.StatusTold, period: str, *, system: str) -> Rejected:
    """The ministry turned the report down (RETURNED)."""
    return Rejected(REPORT_RETURNED, f"packet {told.packet_id} RETURNED", **_about(told, period, system))


def found_invalid(told: wire.StatusTold, period: str, *, system: str) -> Rejected:
    """The ministry's own checks failed (INVALID)."""
    return Rejected(REPORT_INVALID, f"packet {told.packet_id} INVALID", **_about(told, period, system))


def locked(told: wire.StatusTold, period: str, *, system: str) -> HeldForPerson:
    """The period closed over it (LOCKED): what now is for people to agree."""
    about = _about(told, period, system)
    about["reason"] = f": {about['reason']}" if told.reason else ""
    return HeldForPerson(REPORT_LOCKED, f"packet {told.packet_id} LOCKED", **about)


def _about(told: wire.StatusTold, period: str, system: str) -> dict[str, Any]:
    return {
        "system": system,
        "operation": _ASKING,
        "period": period,
        "reason": reason_vi(told),
    }
