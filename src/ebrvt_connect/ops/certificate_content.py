"""What stands in a file's certificate of verification (phiếu kết quả kiểm tra chữ ký số), before any layout.

TT 15/2025/TT-BKHCN Điều 6: whether valid, in Vietnamese, as words and as a symbol; who signed, by whose
certificate, when; integrity; validity at signing time; what was found, by which article, and what to do.
Everything here is a line of plain text, cleaned of what strangers may have put into names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect import __version__
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.certificate_notes import Noticed, gathered, that_fit, tidy, told
from ebrvt_connect.ops.certificate_page import (
    PAGE_LINES,
    Block,
    Certificate,
    Front,
    Line,
    Part,
    Table,
    lines_of_note,
    lines_of_rows,
    lines_of_table,
)
from ebrvt_connect.trust.verdict import Indication, Severity, SignatureRole
from ebrvt_connect.trust.words_vi import (
    FILE_KINDS,
    KINDS,
    ROLES,
    Row,
    moment_vi,
    one_line,
    rows_of,
    verdict_vi,
    weighed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ebrvt_connect.trust.verdict import PolicyReference, SignatureReport, VerificationReport

TITLE = "PHIẾU KẾT QUẢ KIỂM TRA CHỮ KÝ SỐ"
BASIS = "Theo Điều 6 Thông tư 15/2025/TT-BKHCN"
ANNEX = "PHỤ LỤC: CHI TIẾT"
NO_ANNEX = "Phiếu chỉ có trang này: mọi phát hiện đã nêu ở trên."
SEE_ANNEX = "Chi tiết từng chữ ký và toàn bộ {count} phát hiện: xem Phụ lục kèm theo, từ trang 2."
MOST_LINES = 12
"""Signatures in the table of the front."""
LEADS = {
    Indication.TOTAL_PASSED: "Chữ ký số trên tệp này hợp lệ.",
    Indication.INDETERMINATE: "Chưa được coi là hợp lệ: còn thiếu căn cứ nêu dưới đây.",
    Indication.TOTAL_FAILED: "Không sử dụng tệp này: lý do nêu dưới đây.",
}
_LOUD = "Chữ ký số hợp lệ, kèm cảnh báo cần đọc dưới đây."
_NO_PROOF = "Thời điểm ký CHƯA CÓ DẤU THỜI GIAN CHỨNG MINH."
_UNSIGNED = "Tệp không có chữ ký số nào được kiểm tra."
_PROOFS = {
    "timestamp": "có dấu thời gian",
    "claimed": "CHỈ TỰ KHAI",
    "validation": "KHÔNG RÕ LÚC KÝ",
}
_REVOCATION = {
    "good": "không bị thu hồi",
    "revoked": "ĐÃ BỊ THU HỒI",
    "suspended": "ĐANG BỊ TẠM DỪNG",
    "unknown": "CHƯA RÕ THU HỒI",
}
_STANDING = {
    True: "chứng thư còn hiệu lực",
    False: "CHỨNG THƯ KHÔNG HIỆU LỰC",
    None: "CHƯA RÕ HIỆU LỰC",
}
_BELOW = (
    "Số chứng thư, thuật toán",
    "SHA-256 chứng thư",
    "Thu hồi tại thời điểm ký",
    "Toàn vẹn",
    "Ký không sớm hơn",
)
"""Rows of the annex that the table has no room for."""
_SIGNERS = ("", "Người ký, đơn vị quản lý", "Cơ quan cấp chứng thư", "Thời điểm ký, khi đó", "Kết quả")
_WIDTHS = (6, 27, 22, 20, 25)
_FEW = 4
"""So many signers may take two printed lines for a name."""


def content_of(report: VerificationReport) -> Certificate:
    """The certificate for one report; the same report gives the same content."""
    found = [Noticed(f) for f in report.findings]
    found += [Noticed(f, "Chữ ký", str(s.index)) for s in report.signatures for f in s.findings]
    notes, remarks = gathered(found)
    rows, again = _rows(report), again_rows(report.sha256, report.policy, report.validation_time, "TỆP")
    full = signers_table(report, in_full=True)
    left = PAGE_LINES - lines_of_rows(rows) - lines_of_rows(again) - 4
    whole = sum(map(lines_of_note, (*notes, *remarks))) + (lines_of_table(full) if full else 0)
    fits = whole <= left and (full is None or not full.more)
    table = full if fits else signers_table(report)
    used = lines_of_table(table) if table else 0
    shown = notes if fits else that_fit(notes, left - used - 1)
    front = Front(
        indication=report.indication,
        headline=report.indication.headline_vi,
        lead=_lead(report),
        loud=report.indication is Indication.TOTAL_PASSED and is_warned(report.all_findings()),
        rows=rows,
        tables=() if table is None else (table,),
        notes=shown,
        remarks=remarks if fits else (),
        more=more_of(len(notes) - len(shown), 0 if fits else len(remarks)),
        again=again,
        annex=NO_ANNEX if fits else SEE_ANNEX.format(count=len(notes) + len(remarks)),
        footer=footer_of("tệp"),
    )
    annex = () if fits else tuple(blocks_of(report))
    return Certificate(TITLE, BASIS, front, annex, mark_of(report.sha256, "TỆP"))


def _rows(report: VerificationReport) -> tuple[Row, ...]:
    size = f"{report.size_bytes:,}".replace(",", ".")
    kind = FILE_KINDS[report.kind]
    return (
        Row("Tên tệp", bare_name(report.file) or "(không tên)"),
        Row("Loại, dung lượng", f"{kind}, {size} byte; {_count(report)}"),
    )


def again_rows(sha256: str, policy: PolicyReference, at: datetime, what: str) -> tuple[Row, ...]:
    """What whoever checks it again holds against what he has: hash, rules, time, and the call."""
    called = at.astimezone(VIETNAM).isoformat(timespec="seconds")
    id_ = one_line(policy.id)
    asked = f"--packet {what}" if what != "TỆP" else what
    return (
        Row(f"SHA-256 của {_WHAT[what]}", sha256 or "(bản ghi không phải là tệp)"),
        Row("Thời điểm kiểm tra", f"{moment_vi(at)} (+07:00)"),
        Row("Chính sách", f"{id_} phiên bản {one_line(policy.version)}, SHA-256 {policy.sha256}"),
        Row("Lệnh", f"ebrvt verify {asked} --policy {id_} --at {called} --trust KHO_TIN_CẬY"),
    )


def mark_of(sha256: str, what: str) -> str:
    """What stands at the foot of every page; `what` as for `again_rows`."""
    return f"SHA-256 của {_WHAT[what]}: {f'{sha256[:16]}…' if sha256 else 'không rõ'}"


_WHAT = {"TỆP": "tệp", "GÓI_TIN": "gói tin", "BẢN_GHI TỆP…": "bản ghi"}


def bare_name(file: str) -> str:
    """The file's own name: folders of the machine that checked it are nobody's business, and long."""
    return one_line(file.replace("\\", "/").rstrip("/").rpartition("/")[2], 120)


def footer_of(what: str) -> str:
    """By whom it was made, and how far it reaches."""
    return (
        f"Lập tự động bởi ebrvt-connect {__version__} từ kết quả kiểm tra; chỉ có giá trị với {what} có "
        "đúng SHA-256 nêu trên, tại thời điểm kiểm tra và theo chính sách nêu trên."
    )


def more_of(notes: int, remarks: int) -> str:
    """What the annex has besides; empty for nothing."""
    parts = [f"{notes} lỗi, cảnh báo khác" if notes else "", f"{remarks} lưu ý" if remarks else ""]
    listed = " và ".join(filter(None, parts))
    return f"Còn {listed}: xem Phụ lục." if listed else ""


def _count(report: VerificationReport) -> str:
    stamps = sum(s.role is SignatureRole.TIMESTAMP for s in report.signatures)
    count = f"{len(report.signatures) - stamps} chữ ký số"
    return f"{count} và {stamps} dấu thời gian của tệp" if stamps else count


def _lead(report: VerificationReport) -> str:
    """One sentence beside the headline, with the reasons in ETSI's words."""
    if report.indication is Indication.TOTAL_PASSED:
        if not is_warned(report.all_findings()):
            return LEADS[report.indication]
        return f"{_LOUD} {_NO_PROOF}" if has_unproven_time(report) else _LOUD
    lead = LEADS[report.indication]
    if not report.signatures:
        lead = f"{_UNSIGNED} {lead}"
    reasons = ", ".join(report.sub_indications)
    return f"{lead} ({reasons})" if reasons else lead


def has_unproven_time(report: VerificationReport) -> bool:
    """Whether a signature's time is not proven by a timestamp."""
    return any(s.best_time is None or s.best_time.proof != "timestamp" for s in report.signatures)


def is_warned(found: Iterable[object]) -> bool:
    """Whether a warning is among findings."""
    return any(getattr(f, "severity", None) is Severity.WARNING for f in found)


# --- the table of signers -------------------------------------------------------------------------------


def signers_table(report: VerificationReport, *, in_full: bool = False) -> Table | None:
    """Who signed, a line each; those that have not passed before the others where not all have room."""
    signatures = report.signatures
    if not signatures:
        return None
    shown = _chosen(report)
    lines = tuple(_signer(report, s, in_full=in_full) for s in shown)
    left = len(signatures) - len(shown)
    good = sum(weighed(report, s) is Indication.TOTAL_PASSED for s in signatures if s not in shown)
    told_more = f"và {left} chữ ký khác ({good} hợp lệ): xem Phụ lục" if left else ""
    return Table("Chữ ký số", _SIGNERS, _WIDTHS, lines, 2 if len(shown) <= _FEW else 1, told_more)


def _chosen(report: VerificationReport) -> list[SignatureReport]:
    if len(report.signatures) <= MOST_LINES:
        return list(report.signatures)
    worst_first = sorted(report.signatures, key=lambda s: -list(Indication).index(weighed(report, s)))
    return sorted(worst_first[:MOST_LINES], key=lambda s: s.index)


def _signer(report: VerificationReport, signature: SignatureReport, *, in_full: bool) -> Line:
    signer, certificate = signature.signer, signature.certificate
    is_stamp = signature.role is SignatureRole.TIMESTAMP
    who = one_line(", ".join(filter(None, (signer.cn, signer.title)))) or "không ghi"
    unit = one_line(signature.managing_unit) or "không ghi"
    period = f"{_day(certificate.not_before)}–{_day(certificate.not_after)}" if certificate else "không rõ"
    kind = "dấu thời gian" if is_stamp else KINDS[signature.signature_kind]
    rows = {row.label: row.value for row in rows_of(report, signature)}
    below = "; ".join(f"{label}: {tidy(rows[label])}" for label in _BELOW if label in rows) if in_full else ""
    return Line(
        weighed(report, signature),
        (
            (Part(tidy(who), loud=True), Part(tidy(unit)), Part(ROLES[signature.role], soft=True)),
            (
                Part(tidy(one_line(signature.issuer)) or "không rõ"),
                Part(kind, soft=True),
                Part(period, whole=True),
            ),
            tuple(_time(signature, is_stamp=is_stamp)),
            tuple(_result(report, signature, is_stamp=is_stamp)),
        ),
        below,
        number=str(signature.index),
    )


def _time(signature: SignatureReport, *, is_stamp: bool) -> Iterator[Part]:
    best = signature.best_time
    if best is None:
        yield Part("không rõ", loud=True)
        return
    yield Part(moment_vi(best.value), whole=True)
    if not is_stamp:
        proven = best.proof == "timestamp"
        yield Part(_PROOFS[best.proof], loud=not proven, soft=proven, whole=True)
        valid = signature.certificate_valid_at_best_time
        yield Part(_STANDING[valid], loud=valid is not True, whole=True)


def _result(report: VerificationReport, signature: SignatureReport, *, is_stamp: bool) -> Iterator[Part]:
    """Never cut: half a verdict may read as another one."""
    indication = weighed(report, signature)
    yield Part(indication.headline_vi, loud=True, whole=True)
    if indication is not signature.indication:
        yield Part("vì lỗi của cả tệp", whole=True)
    sound = signature.integrity
    intact = "toàn vẹn" if sound else "KHÔNG TOÀN VẸN"
    if is_stamp or signature.certificate is None:
        yield Part(intact, loud=not sound, whole=True)
        return
    state = signature.revocation.status
    yield Part(f"{intact}; {_REVOCATION[state]}", loud=not sound or state != "good", whole=True)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(VIETNAM):%d/%m/%Y}"


# --- the annex ------------------------------------------------------------------------------------------


def blocks_of(report: VerificationReport) -> Iterator[Block]:
    """What was found of the file, then each signature with everything there is to show of it."""
    if report.findings:
        notes, remarks, more = told(report.findings)
        headline = report.indication.headline_vi
        yield Block("Về cả tệp", report.indication, headline, "", (), notes, remarks, more)
    yield from signature_blocks(report)


def signature_blocks(report: VerificationReport) -> Iterator[Block]:
    """Each signature in full."""
    yield from (_block(report, s) for s in report.signatures)


def _block(report: VerificationReport, signature: SignatureReport) -> Block:
    is_stamp = signature.role is SignatureRole.TIMESTAMP
    notes, remarks, more = told(signature.findings)
    return Block(
        title=f"{'Dấu thời gian' if is_stamp else 'Chữ ký'} {signature.index}",
        indication=weighed(report, signature),
        verdict=verdict_vi(report, signature),
        aside=f"Vai trò: {ROLES[signature.role]}",
        rows=tuple(Row(r.label, tidy(r.value), loud=r.loud) for r in rows_of(report, signature)),
        notes=notes,
        remarks=remarks,
        more=more,
    )


def numbered(blocks: Sequence[Block]) -> Iterator[tuple[str, Block]]:
    """Each block of an annex with its number; a heading begins a group."""
    groups = any(block.heading for block in blocks)
    first = second = 0
    for block in blocks:
        if not groups or block.heading:
            first, second = first + 1, 0
        second += 1
        yield (f"{first}.{second}" if groups else f"{first}"), block


__all__ = [
    "ANNEX",
    "BASIS",
    "LEADS",
    "NO_ANNEX",
    "SEE_ANNEX",
    "TITLE",
    "again_rows",
    "bare_name",
    "blocks_of",
    "content_of",
    "footer_of",
    "has_unproven_time",
    "is_warned",
    "mark_of",
    "more_of",
    "numbered",
    "signature_blocks",
    "signers_table",
]
