"""The report in Vietnamese, as TT 15/2025/TT-BKHCN Điều 6 asks it to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust.advice_vi import advice
from ebrvt_connect.trust.verdict import Severity
from ebrvt_connect.trust.words_vi import FILE_KINDS, ROLES, moment_vi, one_line, rows_of, verdict_vi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.trust.verdict import Finding, SignatureReport, VerificationReport

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
_LONGEST_FINDING = 600


def render(report: VerificationReport) -> str:
    """Several lines: the headline, each signature, what was found and what to do about it."""
    size = f"{FILE_KINDS[report.kind]}, {_grouped(report.size_bytes)} byte"
    policy = f"{report.policy.id} phiên bản {report.policy.version} (SHA-256 {report.policy.sha256[:16]}…)"
    lines = [
        f"Tệp: {one_line(report.file) or '(không tên)'} ({size})",
        f"SHA-256: {report.sha256}",
        f"Kết luận: {report.headline_vi}" + _reasons(report),
        f"Kiểm tra lúc: {moment_vi(report.validation_time)} (+07:00) theo chính sách {policy}",
        *_findings(report.findings, "  "),
    ]
    for signature in report.signatures:
        lines += ["", *_signature(report, signature)]
    return "\n".join(lines) + "\n"


def _grouped(number: int) -> str:
    """Thousands parted by dots, as written in Vietnam."""
    return f"{number:,}".replace(",", ".")


def _reasons(report: VerificationReport) -> str:
    return f" ({', '.join(report.sub_indications)})" if report.sub_indications else ""


def _signature(report: VerificationReport, signature: SignatureReport) -> Iterator[str]:
    yield f"Chữ ký {signature.index}: {verdict_vi(report, signature)}, vai trò {ROLES[signature.role]}"
    yield from (f"  {row.label}: {row.value}" for row in rows_of(report, signature))
    yield from _findings(signature.findings, "  ")


def _findings(found: Iterable[Finding], margin: str) -> Iterator[str]:
    for finding in found:
        law = f" ({finding.legal_ref})" if finding.legal_ref else ""
        sentence = one_line(finding.message_vi, _LONGEST_FINDING)
        yield f"{margin}{_MARKS[finding.severity]} {sentence} [{finding.code}]{law}"
        if what_to_do := advice(finding):
            yield f"{margin}  Cách xử lý: {what_to_do}"
