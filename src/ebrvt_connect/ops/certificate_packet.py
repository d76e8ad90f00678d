"""What stands in a packet's certificate (phiếu kết quả kiểm tra văn bản điện tử): record, rules, files.

One page: the verdict, the record, what the record asked of the document rule by rule, each file with who
signed it, what decided, how to check again. The annex has every file and signature in full.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ebrvt_connect.ops.certificate_content import (
    SEE_ANNEX,
    again_rows,
    bare_name,
    blocks_of,
    footer_of,
    has_unproven_time,
    is_warned,
    mark_of,
    more_of,
    signature_blocks,
)
from ebrvt_connect.ops.certificate_notes import Noticed, gathered, that_fit, tidy, told
from ebrvt_connect.ops.certificate_page import (
    PAGE_LINES,
    Block,
    Certificate,
    Front,
    Line,
    Part,
    Table,
    lines_of_rows,
    lines_of_table,
)
from ebrvt_connect.trust.packet_checklist import COVERAGE, NOT_COUNTED, OUTCOMES_VI, RULES_VI, checklist
from ebrvt_connect.trust.packet_findings import RECORD_NOT_SIGNED
from ebrvt_connect.trust.packet_report import PARTS_VI
from ebrvt_connect.trust.verdict import DocumentKind, Indication, SignatureRole
from ebrvt_connect.trust.words_vi import Row, one_line, weighed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.packet_checklist import RuleOutcome
    from ebrvt_connect.trust.packet_report import PacketFile, PacketReport
    from ebrvt_connect.trust.verdict import VerificationReport

TITLE = "PHIẾU KẾT QUẢ KIỂM TRA VĂN BẢN ĐIỆN TỬ"
BASIS = "Theo Điều 6 Thông tư 15/2025/TT-BKHCN; Điều 32, Điều 33 và Phụ lục I Nghị định 30/2020/NĐ-CP"
_LEADS = {
    Indication.TOTAL_PASSED: "Chữ ký số trong các tệp hợp lệ; người ký đúng sổ đăng ký.",
    Indication.INDETERMINATE: "Văn bản chưa được coi là hợp lệ: còn thiếu căn cứ nêu dưới đây.",
    Indication.TOTAL_FAILED: "Không sử dụng văn bản này: lý do nêu dưới đây.",
}
_LOUD = "Văn bản hợp lệ, kèm cảnh báo cần đọc dưới đây."
_NO_PROOF = "Có thời điểm ký CHƯA CÓ DẤU THỜI GIAN CHỨNG MINH."
_UNDECIDED_VI = "văn bản chính chưa có đủ chữ ký hợp lệ để xét"
_LOST_VI = "văn bản chính không hợp lệ nên chữ ký trong đó không được tính"
_NO_RECORD_VI = "không đọc được bản ghi của văn bản"
_MARKS = {
    "met": Indication.TOTAL_PASSED,
    "noticed": Indication.TOTAL_PASSED,
    "unmet": Indication.INDETERMINATE,
    "failed": Indication.TOTAL_FAILED,
    "undecided": Indication.INDETERMINATE,
    "not_applicable": None,
}
_ROLES = {
    SignatureRole.PERSON: "người có thẩm quyền",
    SignatureRole.AGENCY: "con dấu số",
    SignatureRole.COPY: "ký số sao",
    SignatureRole.PACKET: "gói tin",
    SignatureRole.UNKNOWN: "chưa đăng ký",
}
_PARTS = {
    "main": "văn bản chính",
    "appendix": "phụ lục, kèm theo",
    "signature": "chữ ký đặt rời",
    "unlisted": "ngoài bản ghi",
}
_MOST_FILES = 8
_MOST_SIGNERS = 2
_LONGEST_RULE, _LONGEST_COVERAGE = 150, 300


def packet_content_of(packet: PacketReport) -> Certificate:
    """The certificate for a packet; the same report gives the same content."""
    notes, remarks = gathered(_noticed(packet))
    rows = tuple(_rows(packet))
    is_edxml = packet.envelope is not None and packet.envelope.kind is DocumentKind.EDXML
    what = "GÓI_TIN" if is_edxml or not packet.number else "BẢN_GHI TỆP…"
    again = again_rows(packet.sha256, packet.policy, packet.validation_time, what)
    tables = tuple(t for t in (_rules_table(packet), _files_table(packet)) if t.lines)
    left = PAGE_LINES - lines_of_rows(rows) - lines_of_rows(again) - 4
    shown = that_fit(notes, left - sum(map(lines_of_table, tables)) - 1)
    front = Front(
        indication=packet.indication,
        headline=packet.indication.headline_vi,
        lead=_lead(packet),
        loud=packet.indication is Indication.TOTAL_PASSED and is_warned(packet.all_findings()),
        rows=rows,
        tables=tables,
        notes=shown,
        remarks=(),
        more=more_of(len(notes) - len(shown), len(remarks)),
        again=again,
        annex=SEE_ANNEX.format(count=len(notes) + len(remarks)),
        footer=footer_of("gói tin"),
    )
    return Certificate(TITLE, BASIS, front, tuple(_annex(packet)), mark_of(packet.sha256, what))


def _lead(packet: PacketReport) -> str:
    if packet.indication is not Indication.TOTAL_PASSED:
        reasons = ", ".join(packet.sub_indications)
        return _LEADS[packet.indication] + (f" ({reasons})" if reasons else "")
    if not is_warned(packet.all_findings()):
        return _LEADS[packet.indication]
    unproven = any(has_unproven_time(report) for report in packet.documents)
    return f"{_LOUD} {_NO_PROOF}" if unproven else _LOUD


def _rows(packet: PacketReport) -> Iterator[Row]:
    yield Row("Gói tin", bare_name(packet.file) or "(không tên)")
    if not packet.number:
        return
    dated = "không ghi" if packet.promulgated_on is None else f"{packet.promulgated_on:%d/%m/%Y}"
    number = f"{tidy(one_line(packet.number))}; ngày văn bản {dated}"
    yield Row("Số, ký hiệu; ngày", number, loud=packet.is_record_signed)
    yield Row("Cơ quan ban hành", _agency(packet))
    yield Row("Trích yếu", tidy(one_line(packet.abstract)) or "không ghi")
    for finding in packet.findings:
        if finding.code == RECORD_NOT_SIGNED:
            yield Row("Lưu ý", finding.message_vi, loud=True)


def _agency(packet: PacketReport) -> str:
    """By the certificate of its registered seal where that passed: a record's name is anybody's word."""
    code, by_record = one_line(packet.agency), tidy(one_line(packet.agency_name))
    if not packet.sealed_by:
        return f"{by_record or 'không ghi tên'} ({code})"
    told = f"{tidy(one_line(packet.sealed_by))} ({code}), theo chứng thư con dấu số"
    return (
        told if by_record in {"", tidy(one_line(packet.sealed_by))} else f"{told}; bản ghi ghi: {by_record}"
    )


# --- the rules ------------------------------------------------------------------------------------------


def _rules_table(packet: PacketReport) -> Table:
    lines = tuple(_rule(outcome, packet) for outcome in checklist(packet))
    return Table("Đối chiếu với bản ghi của văn bản", ("", "Quy tắc", "Kết quả"), (5, 36, 59), lines, 2)


def _rule(outcome: RuleOutcome, packet: PacketReport) -> Line:
    word = OUTCOMES_VI[outcome.outcome]
    good = outcome.outcome in ("met", "not_applicable")
    why = _why(outcome, packet)
    said = f"{word}: {why}" if why and outcome.outcome != "not_applicable" else why or word
    parts = [Part(said, loud=not good)]
    # What the signature of a packet leaves out is told whole, and also where something else is graver.
    if covered := [f.message_vi for f in outcome.findings if f.code in COVERAGE]:
        parts = [] if covered[0] == outcome.findings[0].message_vi else parts
        begun = f"{word}: " if not parts and outcome.outcome != "not_applicable" else ""
        parts.append(Part(tidy(one_line(begun + covered[0], _LONGEST_COVERAGE)), loud=not good, whole=True))
    return Line(_MARKS[outcome.outcome], ((Part(RULES_VI[outcome.rule]),), tuple(parts)))


def _why(outcome: RuleOutcome, packet: PacketReport) -> str:
    if outcome.outcome == "failed" and outcome.findings and outcome.findings[0].code in NOT_COUNTED:
        return _LOST_VI
    if outcome.findings:
        return tidy(one_line(outcome.findings[0].message_vi, _LONGEST_RULE))
    if outcome.outcome == "undecided":
        return _UNDECIDED_VI if packet.number else _NO_RECORD_VI
    if outcome.outcome in ("unmet", "failed"):
        return "xem các tệp dưới đây"
    return ""


# --- the files ------------------------------------------------------------------------------------------


def _files_table(packet: PacketReport) -> Table:
    every = list(enumerate(packet.files, 1))
    shown = every
    if len(every) > _MOST_FILES:
        grave = sorted(every, key=lambda f: -list(Indication).index(f[1].weighed))
        shown = sorted(grave[:_MOST_FILES])
    rest = [file for file in every if file not in shown]
    good = sum(file.weighed is Indication.TOTAL_PASSED for _, file in rest)
    more = f"và {len(rest)} tệp khác ({good} hợp lệ): xem Phụ lục" if rest else ""
    heads = ("", "Tệp", "Ký bởi", "Kết luận")
    return Table("Các tệp", heads, (7, 38, 31, 24), tuple(_file(nth, f) for nth, f in shown), 1, more)


def _file(number: int, file: PacketFile) -> Line:
    indication = file.weighed
    told_sha = "" if file.report is None else f"; SHA-256 {file.report.sha256[:16]}…"
    return Line(
        indication,
        (
            (
                Part(tidy(one_line(file.name)), loud=True),
                Part(f"{_PARTS[file.shown_part]}{told_sha}", soft=True),
            ),
            tuple(_signers(file)),
            (
                Part(
                    indication.headline_vi if file.report is not None else "KHÔNG CÓ TỆP",
                    loud=True,
                    whole=True,
                ),
            ),
        ),
        number=str(number),
    )


def _signers(file: PacketFile) -> Iterator[Part]:
    signatures = () if file.report is None else file.report.signatures
    signers = [s for s in signatures if s.role is not SignatureRole.TIMESTAMP]
    shown = signers if len(signers) <= _MOST_SIGNERS else signers[: _MOST_SIGNERS - 1]
    for signature in shown:
        who = tidy(one_line(signature.signer.cn, 60)) or "không rõ"
        bad = file.report is not None and weighed(file.report, signature) is not Indication.TOTAL_PASSED
        yield Part(f"{_ROLES[signature.role]}: {who}", loud=bad)
    if len(signers) > len(shown):
        yield Part(f"và {len(signers) - len(shown)} chữ ký khác", soft=True)
    if not signers:
        yield Part("không có chữ ký số", soft=True)


def _noticed(packet: PacketReport) -> Iterator[Noticed]:
    """Everything found, with where: the packet's own, each file's, each signature's."""
    yield from (Noticed(f) for f in packet.findings)
    if packet.envelope is not None and packet.envelope.signatures:
        yield from _of_report(packet.envelope, "Gói edXML", "")
    for number, file in enumerate(packet.files, 1):
        yield from (Noticed(f, "Tệp", str(number)) for f in file.findings)
        if file.report is not None and file.part != "signature":
            yield from _of_report(file.report, "Tệp", str(number))


def _of_report(report: VerificationReport, what: str, number: str) -> Iterator[Noticed]:
    yield from (Noticed(f, what, number) for f in report.findings)
    for signature in report.signatures:
        place = f"{what} {number}".strip()
        yield from (Noticed(f, f"{place} chữ ký", str(signature.index)) for f in signature.findings)


# --- the annex ------------------------------------------------------------------------------------------


def _annex(packet: PacketReport) -> Iterator[Block]:
    """The packet itself, its envelope, then each file with its signatures, each under a heading."""
    notes, remarks, more = told(packet.findings)
    headline = packet.headline_vi
    yield Block("Về cả gói tin", packet.indication, headline, "", (), notes, remarks, more, heading="Gói tin")
    if packet.envelope is not None and packet.envelope.signatures:
        yield from _grouped("Chữ ký của gói tin edXML", list(blocks_of(packet.envelope)))
    for number, file in enumerate(packet.files, 1):
        yield from _grouped(f"Tệp {number}: {tidy(one_line(file.name))}", list(_file_blocks(file)))


def _file_blocks(file: PacketFile) -> Iterator[Block]:
    """What the record asks of the file, then what its signatures say."""
    notes, remarks, more = told(file.findings)
    indication = file.weighed
    headline = indication.headline_vi if file.report is not None else "KHÔNG CÓ TỆP"
    rows = [] if file.report is None else [Row("SHA-256 của tệp", file.report.sha256)]
    if file.report is not None and file.report.findings:
        of_file, more_remarks, beside = told(file.report.findings)
        notes, remarks, more = (*notes, *of_file), (*remarks, *more_remarks), more or beside
    yield Block("Tệp", indication, headline, PARTS_VI[file.shown_part], tuple(rows), notes, remarks, more)
    if file.report is not None and file.part != "signature":
        yield from signature_blocks(file.report)


def _grouped(heading: str, blocks: list[Block]) -> Iterator[Block]:
    for nth, block in enumerate(blocks):
        yield replace(block, heading=heading) if nth == 0 else block


__all__ = ["BASIS", "TITLE", "packet_content_of"]
