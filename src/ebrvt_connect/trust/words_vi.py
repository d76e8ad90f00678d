"""What a report shows of a signature, in Vietnamese (TT 15/2025/TT-BKHCN Điều 6): rows of label and value.

The same rows stand in the text report and in the certificate of verification. Names come from certificates
and files, that is from strangers: each stays on its line, is cut, and cannot turn the reading direction.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.text import nfc
from ebrvt_connect.trust.verdict import (
    DocumentKind,
    Indication,
    Severity,
    SignatureKind,
    SignatureRole,
    worst,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.verdict import (
        BestTime,
        Coverage,
        RevocationFacts,
        SignatureReport,
        VerificationReport,
    )

ROLES = {
    SignatureRole.PERSON: "người có thẩm quyền",
    SignatureRole.AGENCY: "cơ quan, tổ chức (con dấu số)",
    SignatureRole.COPY: "sao văn bản",
    SignatureRole.PACKET: "gói tin",
    SignatureRole.TIMESTAMP: "dấu thời gian của tệp",
    SignatureRole.UNKNOWN: "chưa đăng ký",
}
FILE_KINDS = {
    DocumentKind.PDF: "PDF",
    DocumentKind.XML: "XML",
    DocumentKind.CMS: "CMS (.p7m, .p7s)",
    DocumentKind.OOXML: "Office (OOXML)",
    DocumentKind.EDXML: "edXML",
    DocumentKind.UNKNOWN: "không rõ loại",
}
KINDS = {
    SignatureKind.GOVERNMENT: "chuyên dùng công vụ",
    SignatureKind.PUBLIC: "công cộng",
    SignatureKind.FOREIGN: "nước ngoài được công nhận",
    SignatureKind.OTHER: "khác",
}
_PROOFS = {
    "timestamp": "dấu thời gian",
    "claimed": "người ký tự khai, CHƯA CÓ DẤU THỜI GIAN CHỨNG MINH",
    "validation": "lúc kiểm tra, CHƯA BIẾT THỜI ĐIỂM KÝ THẬT",
}
_REVOCATION = {
    "good": "không bị thu hồi",
    "revoked": "ĐÃ BỊ THU HỒI",
    "suspended": "ĐANG BỊ TẠM DỪNG",
    "unknown": "CHƯA KIỂM TRA ĐƯỢC",
}
_VALIDITY = {
    Indication.TOTAL_PASSED: "chữ ký có hiệu lực",
    Indication.INDETERMINATE: "CHƯA ĐỦ CƠ SỞ KẾT LUẬN",
    Indication.TOTAL_FAILED: "CHỮ KÝ KHÔNG CÓ HIỆU LỰC",
}
_STANDING = {True: "có hiệu lực", False: "không có hiệu lực", None: "chưa xác định được"}
_SOURCES = {
    "crl": "danh sách thu hồi CRL",
    "ocsp": "trả lời OCSP",
    "pin": "người quản trị kho tin cậy ghim trực tiếp",
}
_COVERAGE = {
    "entire_file": "toàn bộ tệp",
    "revision": "toàn bộ phiên bản tại thời điểm ký",
    "partial": "một phần tệp",
    "none": "không xác định",
}
_MECHANISMS = {"rsassa_pkcs1v15": "RSA PKCS#1 v1.5", "rsassa_pss": "RSASSA-PSS", "ecdsa": "ECDSA"}
_MOST_NAMED = 6
_LONGEST_NAME = 160
_MOST_MARKS = 2
"""Combining marks on one letter; Vietnamese in NFC needs none, decomposed it needs two."""
_DECEIVING = frozenset(
    {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
    }  # control, format (bidi, zero width), surrogate, ..., line ends
)
_VERDICT_MARK = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")
"""Arrows, boxes, ticks and crosses: what a report marks its verdicts with, and no name needs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what is shown."""

    label: str
    value: str
    loud: bool = False
    """Whether a reader must not overlook it."""


def one_line(text: str, longest: int = _LONGEST_NAME) -> str:
    """A stranger's text on one line: cut, in NFC, without what hides, turns or imitates a verdict.

    What is taken out is told by a replacement character.
    """
    line, marks = [], 0
    for letter in nfc(text[: longest * 8]):
        category = unicodedata.category(letter)
        marks = marks + 1 if category.startswith("M") else 0
        if marks > _MOST_MARKS:
            continue
        blank = letter in "\t\n\r\x0b\x0c\x85\u2028\u2029" or category == "Zs"
        hidden = category in _DECEIVING or _VERDICT_MARK.match(letter)
        line.append(" " if blank else "\N{REPLACEMENT CHARACTER}" if hidden else letter)
    bare = " ".join("".join(line).split())
    cut = len(bare) > longest or len(text) > longest * 8
    return bare[: longest - 1].rstrip() + "…" if cut else bare


def moment_vi(moment: datetime) -> str:
    """A time as Vietnam's clocks show it."""
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def weighed(report: VerificationReport, signature: SignatureReport) -> Indication:
    """A signature's verdict, no better than what is wrong with its file leaves it.

    Whoever reads of one signature alone must not take it for good in a file that is not.
    """
    if any(f.severity is Severity.ERROR for f in report.findings):
        return worst([signature.indication, report.indication])
    return signature.indication


def verdict_vi(report: VerificationReport, signature: SignatureReport) -> str:
    """The same in words, with why where it is not the signature's own."""
    indication = weighed(report, signature)
    why = "" if indication is signature.indication else " (vì lỗi của cả tệp)"
    return indication.headline_vi + why


def rows_of(report: VerificationReport, signature: SignatureReport) -> Iterator[Row]:
    """What must be shown of a signature: who, by whose certificate, when, and whether it holds."""
    is_stamp = signature.role is SignatureRole.TIMESTAMP
    certificate = signature.certificate
    if certificate is not None:
        signer = signature.signer
        whose = "Bên cấp dấu thời gian" if is_stamp else "Người ký"
        yield Row(whose, one_line(", ".join(filter(None, (signer.cn, signer.title)))) or "không ghi")
        yield Row("Đơn vị quản lý", one_line(signature.managing_unit) or "không ghi")
        kind = f" (chữ ký {KINDS[signature.signature_kind]})" if not is_stamp else ""
        yield Row("Cơ quan cấp chứng thư", one_line(signature.issuer) + kind)
        begin, end = moment_vi(certificate.not_before), moment_vi(certificate.not_after)
        yield Row("Hiệu lực chứng thư", f"{begin} đến {end}")
    if signature.best_time is not None:
        yield _time(signature.best_time, is_stamp=is_stamp)
        if signature.earliest_time is not None:
            earliest = moment_vi(signature.earliest_time)
            yield Row("Ký không sớm hơn", f"{earliest} (căn cứ: dấu thời gian có trước khi ký)")
        if not is_stamp:
            yield _validity(signature, weighed(report, signature))
            yield _revocation(signature.revocation)
    yield _integrity(signature)
    if certificate is not None:
        yield _technical(signature)
        if not is_stamp:
            yield Row("SHA-256 chứng thư", certificate.sha256)


def _time(best: BestTime, *, is_stamp: bool) -> Row:
    if is_stamp:
        return Row("Thời điểm cấp", moment_vi(best.value))
    told = f"{moment_vi(best.value)} (căn cứ: {_PROOFS[best.proof]})"
    return Row("Thời điểm ký", told, loud=best.proof != "timestamp")


def _technical(signature: SignatureReport) -> Row:
    """What tells the certificate from others of the same name, and what it signed with."""
    used = signature.algorithms
    mechanism = _MECHANISMS.get(used.signature, one_line(used.signature, 40))
    told = (f"số {one_line(signature.signer.serial, 64)}", one_line(used.digest, 40), mechanism)
    return Row("Số chứng thư, thuật toán", ", ".join(filter(None, (*told, one_line(used.key, 40)))))


def _validity(signature: SignatureReport, indication: Indication) -> Row:
    """Whether the signature was valid when it was made: the verdict, with its certificate's standing then."""
    passed = indication is Indication.TOTAL_PASSED
    standing = _STANDING[signature.certificate_valid_at_best_time]
    told = f"{_VALIDITY[indication]} (chứng thư số khi đó: {standing})"
    return Row("Hiệu lực tại thời điểm ký", told, loud=not passed)


def _revocation(state: RevocationFacts) -> Row:
    told = _REVOCATION[state.status]
    if state.status in ("revoked", "suspended") and state.revoked_at is not None:
        told += f" từ {moment_vi(state.revoked_at)}"
    if state.source:
        made = f" lập {moment_vi(state.this_update)}" if state.this_update is not None else ""
        told += f" (căn cứ: {_SOURCES.get(state.source, one_line(state.source, 40))}{made})"
    return Row("Thu hồi tại thời điểm ký", told, loud=state.status != "good")


def _integrity(signature: SignatureReport) -> Row:
    level = signature.coverage.level
    unknown = not signature.integrity and level == "none" and signature.indication is Indication.INDETERMINATE
    whole = "có" if signature.integrity else "CHƯA XÁC ĐỊNH ĐƯỢC" if unknown else "KHÔNG"
    told = f"{whole}; bao phủ: {_COVERAGE[level]}{_covered(signature.coverage)}"
    if signature.level:
        told += f"; mức chữ ký {signature.level}"
    return Row("Toàn vẹn", told, loud=not signature.integrity or level == "partial")


def _covered(coverage: Coverage) -> str:
    named = [one_line(part, 60) for part in coverage.covered[:_MOST_NAMED]]
    more = len(coverage.covered) - len(named)
    return f" ({', '.join(named)}{f' và {more} phần khác' if more else ''})" if named else ""


__all__ = ["KINDS", "ROLES", "Row", "moment_vi", "one_line", "rows_of", "verdict_vi", "weighed"]
