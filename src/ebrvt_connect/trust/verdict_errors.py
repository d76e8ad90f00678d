"""A verdict as an error, for callers who want only what has passed to go on (`raise_for_status`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, Rejected, explain
from ebrvt_connect.trust.verdict import Indication, Severity

if TYPE_CHECKING:
    from ebrvt_connect.errors import ConnectError
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.verdict import VerificationReport

VERIFICATION_FAILED = explain(
    "VERIFICATION_FAILED",
    "Chữ ký số của tệp “{file}” KHÔNG HỢP LỆ: {reason}",
    "Không sử dụng tệp này; đề nghị nơi gửi kiểm tra, ký lại và gửi lại bản đúng.",
)
VERIFICATION_UNDECIDED = explain(
    "VERIFICATION_UNDECIDED",
    "CHƯA ĐỦ CƠ SỞ KẾT LUẬN về chữ ký số của tệp “{file}”: {reason}",
    "Bổ sung điều còn thiếu (kho tin cậy, danh sách thu hồi, tệp được ký, dấu thời gian) rồi kiểm tra lại; "
    "nếu vẫn chưa đủ, hỏi lại nơi gửi.",
)
_LONGEST_NAME = 120


def error_of(report: VerificationReport | PacketReport) -> ConnectError | None:
    """What keeps a file or a packet from passing, as an error; None for one that has passed."""
    if report.indication is Indication.TOTAL_PASSED:
        return None
    errors = [f for f in report.all_findings() if f.severity is Severity.ERROR]
    reason = errors[0].message_vi if errors else report.headline_vi
    detail = f"{report.indication} ({', '.join(report.sub_indications)}): {', '.join(f.code for f in errors)}"
    name = report.file[:_LONGEST_NAME] or "không tên"
    if report.indication is Indication.TOTAL_FAILED:
        return Rejected(VERIFICATION_FAILED, detail, file=name, reason=reason)
    return HeldForPerson(VERIFICATION_UNDECIDED, detail, file=name, reason=reason)


__all__ = ["VERIFICATION_FAILED", "VERIFICATION_UNDECIDED", "error_of"]
