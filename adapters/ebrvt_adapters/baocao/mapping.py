"""Between the model's report and the ministry's packet: pure functions, nothing guessed.

A figure keeps its digits as they were frozen, and what is missing says why. A report that cannot be
written as the schema wants it is refused with `InvalidValue`, which names the place; the adapter turns
that into a hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic.alias_generators import to_camel

from ebrvt_adapters.baocao import wire
from ebrvt_connect.codec.soap_schema import told, told_vi
from ebrvt_connect.codec.xml import forbidden_character
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.report import ReportState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrvt_connect.model.ids import AgencyCode
    from ebrvt_connect.model.report import Observation, Report

PACKET_ID_UNUSABLE = explain(
    "BAOCAO_PACKET_ID_UNUSABLE",
    "Báo cáo kỳ {period} có mã gói tin “{packet_id}” không dùng được (phải là UUID).",
    "Chuyển mã lỗi cho bộ phận kỹ thuật; số liệu đã chốt vẫn được giữ nguyên.",
)
TEXT_UNUSABLE = explain(
    "BAOCAO_TEXT_UNUSABLE",
    "Báo cáo kỳ {period}: mục “{field}” có ký tự điều khiển mà gói tin báo cáo không cho phép.",
    "Gõ lại nội dung của mục này (thường do sao chép từ tệp khác) rồi lập lại báo cáo.",
)
NO_FIGURES = explain(
    "BAOCAO_NO_FIGURES",
    "Báo cáo kỳ {period} không có chỉ tiêu nào.",
    "Kiểm tra biểu mẫu và nguồn số liệu của báo cáo rồi lập lại báo cáo.",
)
PACKET_NOT_VALID = explain(
    "BAOCAO_PACKET_NOT_VALID",
    "Báo cáo kỳ {period} chưa đúng cấu trúc Bộ quy định: {problems}.",
    "Sửa các mục đã nêu rồi lập lại báo cáo; nếu số liệu đúng, báo bộ phận kỹ thuật kèm mã lỗi này.",
)

AgencyForm = Literal["as-written", "qcvn102", "qd20"]

AWAITED = frozenset({ReportState.RECEIVED, ReportState.PENDING_APPROVAL})
"""States in which the ministry has not decided."""
RECEIVED_VI = "Bộ đã tiếp nhận, đang chờ phê duyệt"
APPROVED_VI = "Bộ đã phê duyệt"
SUPERSEDED_VI = "đã được thay bằng báo cáo khác"

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SHOWN_ISSUES = 5
_LONGEST_QUOTE = 400


def unsigned_packet(report: Report, form: AgencyForm) -> bytes:
    """The packet of a report, valid by the schema and not yet signed.

    Raises `InvalidValue` `BAOCAO_…`, and `AGENCY_CODE_INVALID` for a code without the spelling wanted.
    """
    period = str(report.period)
    for field, text in _texts(report):
        if forbidden_character(text):
            raise InvalidValue(TEXT_UNUSABLE, f"{field}: a control character", period=period, field=field)
    element = wire.packet_element(packet_of(report, form))
    if problems := wire.body_schema().problems(element):
        raise InvalidValue(PACKET_NOT_VALID, told(problems), period=period, problems=told_vi(problems))
    return wire.bytes_of(element)


def packet_of(report: Report, form: AgencyForm) -> wire.Packet:
    """The packet as a value; raises as `unsigned_packet`."""
    period = report.period
    for name in (report.packet_id, report.replaces_packet_id):
        if (name or name is report.packet_id) and not _UUID.fullmatch(name):
            shown = name[:60]
            raise InvalidValue(
                PACKET_ID_UNUSABLE, f"{shown!r} is no UUID", period=str(period), packet_id=shown
            )
    if not report.observations:
        raise InvalidValue(NO_FIGURES, "a report without observations", period=str(period))
    header = wire.Header(
        packet_id=report.packet_id,
        packet_type=wire.INDICATOR_DATA,
        schema_version=wire.SCHEMA_VERSION,
        sender_code=_spelled(report.sender, form),
        receiver_code=_spelled(report.receiver, form),
        created_at=report.created_at.astimezone(VIETNAM),
        replaces_packet_id=report.replaces_packet_id or None,
        # Absent means "counts"; only a trial says so.
        test=True if report.test else None,
    )
    body = wire.Body(
        regime_code=report.regime_code,
        template_code=report.template_code,
        template_version=report.template_version,
        period_code=str(period),
        data_from=period.first_day,
        data_to=period.last_day,
        organization_code=_spelled(report.organization, form),
        document_code=report.document_code or None,
        signer_name=report.signer_name or None,
        observation=tuple(_observation(one) for one in report.observations),
    )
    return wire.Packet(header=header, body=body)


def _observation(one: Observation) -> wire.Observation:
    return wire.Observation(
        indicator_code=one.indicator_code,
        breakdown=tuple(wire.Breakdown(dimension=name, code=code) for name, code in one.breakdowns),
        value=one.value,
        text=one.text,
        missing=one.missing.value if one.missing else None,
        unit=one.unit or None,
        numerator=one.numerator,
        denominator=one.denominator,
        note=one.note or None,
    )


def _texts(report: Report) -> Iterator[tuple[str, str]]:
    """Every free text of a report with the name its field has on the wire."""
    for name in ("regime_code", "template_code", "template_version", "document_code", "signer_name"):
        yield to_camel(name), getattr(report, name)
    for one in report.observations:
        place = f"observation {one.indicator_code}"
        yield "indicatorCode", one.indicator_code
        yield from ((f"{place}/breakdown", text) for pair in one.breakdowns for text in pair)
        yield from ((f"{place}/{name}", getattr(one, name) or "") for name in ("text", "unit", "note"))


def _spelled(code: AgencyCode, form: AgencyForm) -> str:
    if form == "qcvn102":
        return code.qcvn102
    return code.qd20 if form == "qd20" else code.text


# --- what the ministry says -------------------------------------------------------------------------------


def state_of(word: str) -> ReportState:
    """A status of the ministry's; raises `ValueError` for a word that is not one of its own."""
    state = ReportState(word)
    if state is ReportState.HELD:
        raise ValueError("HELD is our word, not the ministry's")
    return state


def same_packet(one: str, other: str) -> bool:
    """Whether two ids name one packet: a UUID may be spelled in either case (RFC 9562, 4)."""
    return one.lower() == other.lower()


def issues_vi(issues: Sequence[wire.Issue]) -> str:
    """The first things found wrong, each with the place it is about; empty for none."""
    shown = [
        f"{quoted(issue.message)} (mục {quoted(issue.path)})" if issue.path else quoted(issue.message)
        for issue in issues[:_SHOWN_ISSUES]
    ]
    return "; ".join([*shown, "…"] if len(issues) > _SHOWN_ISSUES else shown)


def reason_vi(told_status: wire.StatusTold) -> str:
    """Why a report was turned down, in the ministry's words, with what it found wrong."""
    parts = [quoted(told_status.reason or "").rstrip(". "), issues_vi(told_status.issue).rstrip(". ")]
    return "; ".join(part for part in parts if part) or "không nêu lý do"


def quoted(text: str) -> str:
    """The ministry's words, on one line and not endless."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:_LONGEST_QUOTE]).split())
