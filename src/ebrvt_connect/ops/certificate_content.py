"""What stands in a certificate of verification (phiếu kết quả kiểm tra chữ ký số), before any layout.

TT 15/2025/TT-BKHCN Điều 6: whether valid, in Vietnamese, as words and as a symbol; who signed, by whose
certificate, when; integrity; validity at signing time; what was found, by which article, and what to do.
Everything here is a line of plain text, cleaned of what strangers may have put into names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect import __version__
from ebrvt_connect.trust.advice_vi import advice
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.verdict import Indication, Severity, SignatureRole
from ebrvt_connect.trust.words_vi import ROLES, Row, moment_vi, one_line, rows_of, verdict_vi, weighed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrvt_connect.trust.verdict import Finding, SignatureReport, VerificationReport

TITLE = "PHIẾU KẾT QUẢ KIỂM TRA CHỮ KÝ SỐ"
REMARK = "Lưu ý"
BASIS = "Theo Điều 6 Thông tư 15/2025/TT-BKHCN"
_LEADS = {
    Indication.TOTAL_PASSED: "Chữ ký số trên tệp này hợp lệ.",
    Indication.INDETERMINATE: "Chưa được coi là hợp lệ: còn thiếu căn cứ nêu dưới đây.",
    Indication.TOTAL_FAILED: "Không sử dụng tệp này: lý do nêu dưới đây.",
}
_LOUD = "Chữ ký số hợp lệ, kèm cảnh báo cần đọc dưới đây."
_NO_PROOF = "Thời điểm ký CHƯA CÓ DẤU THỜI GIAN CHỨNG MINH."
_UNSIGNED = "Tệp không có chữ ký số nào được kiểm tra."
_KINDS = {"pdf": "PDF", "xml": "XML", "cms": "CMS (.p7m, .p7s)", "ooxml": "Office (OOXML)", "edxml": "edXML"}
_WEIGHTS = {Severity.ERROR: "Lỗi", Severity.WARNING: "Cảnh báo", Severity.INFO: REMARK}
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_MINISTRY = "/TT-BKHCN"
"""The page's own heading names the circular in full."""
_MOST_NOTES = 12
_LONGEST_SENTENCE = 420
_REPEATED = re.compile(r"\ufffd{4,}")


@dataclass(frozen=True, slots=True)
class Note:
    """One finding as a reader sees it (phát hiện)."""

    weight: str
    """What it weighs, in a word."""
    sentence: str
    law: str
    advice: str
    code: str


@dataclass(frozen=True, slots=True)
class Block:
    """One signature (một chữ ký)."""

    title: str
    indication: Indication
    verdict: str
    role: str
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]
    """Errors and warnings, the gravest first."""
    remarks: tuple[Note, ...]
    """What is good to know, no more."""
    more: str
    """How many further findings are not printed; empty for none."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One file's certificate (phiếu của một tệp)."""

    indication: Indication
    headline: str
    lead: str
    loud: bool
    """Whether a reader must not overlook what goes with a good headline."""
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]
    remarks: tuple[Note, ...]
    more: str
    blocks: tuple[Block, ...]
    mark: str
    """What a further page is told by: the beginning of the file's SHA-256."""
    footer: str


def content_of(report: VerificationReport) -> Certificate:
    """The content for one report; the same report gives the same content."""
    policy = report.policy
    size = f"{report.size_bytes:,}".replace(",", ".")
    kind = _KINDS.get(report.kind.value, "không rõ")
    rows = (
        Row("Tên tệp", _name(report.file) or "(không tên)"),
        Row("Loại, dung lượng", f"{kind}, {size} byte; {_count(report)}"),
        Row("SHA-256 của tệp", report.sha256),
        Row(
            "Thời điểm kiểm tra",
            f"{moment_vi(report.validation_time)} (+07:00), theo chính sách {one_line(policy.id)} "
            f"phiên bản {one_line(policy.version)}",
        ),
        Row("SHA-256 chính sách", policy.sha256),
    )
    notes, remarks, more = _notes(report.findings)
    return Certificate(
        indication=report.indication,
        headline=report.indication.headline_vi,
        lead=_lead(report),
        loud=report.indication is Indication.TOTAL_PASSED and _is_warned(report),
        rows=rows,
        notes=notes,
        remarks=remarks,
        more=more,
        blocks=tuple(_block(report, s) for s in report.signatures),
        mark=report.sha256[:16],
        footer=f"Lập tự động bởi ebrvt-connect {__version__} từ kết quả kiểm tra; chỉ có giá trị với tệp có "
        "đúng SHA-256 nêu trên, tại thời điểm kiểm tra và theo chính sách nêu trên.",
    )


def _name(file: str) -> str:
    """The file's own name: folders of the machine that checked it are nobody's business, and long."""
    return one_line(file.replace("\\", "/").rstrip("/").rpartition("/")[2], 120)


def _count(report: VerificationReport) -> str:
    stamps = sum(s.role is SignatureRole.TIMESTAMP for s in report.signatures)
    count = f"{len(report.signatures) - stamps} chữ ký số"
    return f"{count} và {stamps} dấu thời gian của tệp" if stamps else count


def _lead(report: VerificationReport) -> str:
    """One sentence beside the headline, with the reasons in ETSI's words."""
    if report.indication is Indication.TOTAL_PASSED:
        if not _is_warned(report):
            return _LEADS[report.indication]
        unproven = any(s.best_time is None or s.best_time.proof != "timestamp" for s in report.signatures)
        return f"{_LOUD} {_NO_PROOF}" if unproven else _LOUD
    lead = _LEADS[report.indication]
    if not report.signatures:
        lead = f"{_UNSIGNED} {lead}"
    reasons = ", ".join(report.sub_indications)
    return f"{lead} ({reasons})" if reasons else lead


def _is_warned(report: VerificationReport) -> bool:
    return any(f.severity is Severity.WARNING for f in report.all_findings())


def _block(report: VerificationReport, signature: SignatureReport) -> Block:
    is_stamp = signature.role is SignatureRole.TIMESTAMP
    notes, remarks, more = _notes(signature.findings)
    return Block(
        title=f"{'Dấu thời gian' if is_stamp else 'Chữ ký'} {signature.index}",
        indication=weighed(report, signature),
        verdict=verdict_vi(report, signature),
        role=ROLES[signature.role],
        rows=tuple(Row(r.label, _tidy(r.value), loud=r.loud) for r in rows_of(report, signature)),
        notes=notes,
        remarks=remarks,
        more=more,
    )


def _notes(found: Iterable[Finding]) -> tuple[tuple[Note, ...], tuple[Note, ...], str]:
    """Findings, the gravest first, each once; remarks apart; and how many more there are."""
    ordered = sorted(dict.fromkeys(found), key=lambda f: _ORDER[f.severity])
    shown = tuple(
        Note(
            _weight(f),
            _tidy(one_line(f.message_vi, _LONGEST_SENTENCE)),
            one_line(f.legal_ref.replace(_MINISTRY, "")),
            advice(f),
            f.code,
        )
        for f in ordered[:_MOST_NOTES]
    )
    left = len(ordered) - len(shown)
    remarks = tuple(n for n, f in zip(shown, ordered, strict=False) if f.severity is Severity.INFO)
    more = f"và {left} phát hiện khác (xem báo cáo đầy đủ: ebrvt verify --json)" if left else ""
    return shown[: len(shown) - len(remarks)], remarks, more


def _weight(finding: Finding) -> str:
    """An error that leaves the verdict open is not told as one that decides it."""
    row = CATALOGUE.get(finding.code)
    decides = row is None or row.weight.indication is Indication.TOTAL_FAILED
    return "Chưa đạt" if finding.severity is Severity.ERROR and not decides else _WEIGHTS[finding.severity]


def _tidy(text: str) -> str:
    """A name that was nothing but hidden characters is not worth a line of replacements."""
    return _REPEATED.sub("\N{REPLACEMENT CHARACTER}" * 3, text)


__all__ = ["BASIS", "REMARK", "TITLE", "Block", "Certificate", "Note", "content_of"]
