"""The report in Vietnamese, as TT 15/2025/TT-BKHCN Điều 6 asks it to be shown."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ebrvt_connect.trust.verdict import Severity, SignatureKind, SignatureRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.trust.verdict import Finding, SignatureReport, VerificationReport

_VIETNAM_TIME = timezone(timedelta(hours=7))
_ROLES = {
    SignatureRole.PERSON: "người có thẩm quyền",
    SignatureRole.AGENCY: "cơ quan, tổ chức (con dấu số)",
    SignatureRole.COPY: "sao văn bản",
    SignatureRole.PACKET: "gói tin",
    SignatureRole.TIMESTAMP: "dấu thời gian của tệp",
    SignatureRole.UNKNOWN: "chưa đăng ký",
}
_KINDS = {
    SignatureKind.GOVERNMENT: "chuyên dùng công vụ",
    SignatureKind.PUBLIC: "công cộng",
    SignatureKind.FOREIGN: "nước ngoài được công nhận",
    SignatureKind.OTHER: "khác",
}
_PROOFS = {"timestamp": "dấu thời gian", "claimed": "người ký tự khai", "validation": "lúc kiểm tra"}
_REVOCATION = {
    "good": "không bị thu hồi",
    "revoked": "đã bị thu hồi",
    "suspended": "đang bị tạm dừng",
    "unknown": "CHƯA KIỂM TRA ĐƯỢC",
}
_COVERAGE = {
    "entire_file": "toàn bộ tệp",
    "revision": "toàn bộ phiên bản tại thời điểm ký",
    "partial": "một phần tệp",
    "none": "không xác định",
}
_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}


def render(report: VerificationReport) -> str:
    """Several lines: the headline, each signature, what was found."""
    size = f"{report.kind.value.upper()}, {_grouped(report.size_bytes)} byte"
    lines = [
        f"Tệp: {report.file or '(không tên)'} ({size})",
        f"Kết luận: {report.headline_vi}" + _reasons(report),
        f"Kiểm tra lúc: {_when(report.validation_time)} theo chính sách {report.policy.id}",
        *_findings(report.findings, "  "),
    ]
    for signature in report.signatures:
        lines += ["", *_signature(signature)]
    return "\n".join(lines) + "\n"


def _grouped(number: int) -> str:
    """Thousands parted by dots, as written in Vietnam."""
    return f"{number:,}".replace(",", ".")


def _reasons(report: VerificationReport) -> str:
    return f" ({', '.join(report.sub_indications)})" if report.sub_indications else ""


def _signature(signature: SignatureReport) -> Iterator[str]:
    yield f"Chữ ký {signature.index}: {signature.indication.headline_vi}, vai trò {_ROLES[signature.role]}"
    if signature.certificate is not None:
        yield f"  Người ký: {', '.join(filter(None, (signature.signer.cn, signature.signer.title)))}"
        yield f"  Đơn vị quản lý: {signature.managing_unit or 'không ghi'}"
        yield f"  Cơ quan cấp chứng thư: {signature.issuer} (chữ ký {_KINDS[signature.signature_kind]})"
        begin, end = signature.certificate.not_before, signature.certificate.not_after
        yield f"  Hiệu lực chứng thư: {_when(begin)} đến {_when(end)}"
    if signature.best_time is not None:
        proof = _PROOFS[signature.best_time.proof]
        yield f"  Thời điểm ký: {_when(signature.best_time.value)} (căn cứ: {proof})"
        yield f"  Thu hồi tại thời điểm ký: {_REVOCATION[signature.revocation.status]}"
    whole = "có" if signature.integrity else "KHÔNG"
    yield f"  Toàn vẹn: {whole}; bao phủ: {_COVERAGE[signature.coverage.level]}" + _covered(signature)
    yield from _findings(signature.findings, "  ")


def _covered(signature: SignatureReport) -> str:
    covered = signature.coverage.covered
    return f" ({', '.join(covered)})" if covered else ""


def _findings(found: Iterable[Finding], margin: str) -> Iterator[str]:
    return (f"{margin}{_MARKS[f.severity]} {f.message_vi} [{f.code}]" for f in found)


def _when(moment: datetime) -> str:
    return moment.astimezone(_VIETNAM_TIME).strftime("%d/%m/%Y %H:%M:%S")
