"""Vietnamese words for reports: indicators, missing figures, where a report stands; lines and a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.engine import figures
from ebrvt_connect.model.message import State
from ebrvt_connect.model.report import Missing, ReportState
from ebrvt_connect.ops.report_standing import UNDER_WAY
from ebrvt_connect.ops.words import STATES_VI, local_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from pathlib import Path

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.report import Observation
    from ebrvt_connect.store.snapshots import Snapshot

INDICATORS_VI = {
    figures.RESOLVED_ONLINE: "Tỷ lệ hồ sơ giải quyết trực tuyến",
    figures.ON_TIME: "Tỷ lệ hồ sơ giải quyết trước hạn và đúng hạn",
    figures.SENT_ELECTRONICALLY: "Tỷ lệ văn bản gửi điện tử giữa các cơ quan",
    figures.SENT_SIGNED: "Tỷ lệ văn bản gửi điện tử có ký số của cơ quan ban hành",
}
MISSING_VI = {
    Missing.NOT_APPLICABLE: "không áp dụng",
    Missing.NOT_AVAILABLE: "không có số liệu",
    Missing.SOURCE_OFFLINE: "chưa kết nối nguồn số liệu",
    Missing.DENOMINATOR_ZERO: "không phát sinh trong kỳ",
}
REPORT_STATES_VI = {
    ReportState.RECEIVED: "cơ quan nhận đã nhận",
    ReportState.INVALID: "không hợp lệ, cần lập lại",
    ReportState.PENDING_APPROVAL: "chờ phê duyệt",
    ReportState.APPROVED: "đã được phê duyệt",
    ReportState.RETURNED: "bị trả lại",
    ReportState.SUPERSEDED: "đã được thay thế",
    ReportState.LOCKED: "kỳ báo cáo đã khóa",
    ReportState.HELD: "chờ người quyết định",
}
_HEADINGS = ("Mã", "Chỉ tiêu", "Tử số", "Mẫu số", "Giá trị", "Đơn vị", "Ghi chú")
_UNITS_VI = {figures.UNIT: "%"}
_WIDTHS = (10, 56, 10, 10, 24, 8, 90)


def number_vi(number: Decimal | None) -> str:
    """As a Vietnamese reader writes it: `1.234,50`."""
    if number is None:
        return ""
    return f"{number:,}".translate(str.maketrans(",.", ".,"))


def value_vi(one: Observation) -> str:
    """The figure with its unit, or why it is missing."""
    if one.missing is not None:
        return MISSING_VI[one.missing]
    if one.value is None:
        return one.text or ""
    return f"{number_vi(one.value)} {_UNITS_VI.get(one.unit, one.unit)}".strip()


def standing_vi(snapshot: Snapshot, message: Message | None) -> str:
    """Where a report stands: as told back, else as the ledger has it, else whether it was handed over."""
    if snapshot.state is not None and not is_overtaken(snapshot, message):
        return REPORT_STATES_VI[snapshot.state]
    if message is not None:
        return STATES_VI[message.state]
    return "đã chuyển, chờ chương trình gửi" if snapshot.handed_over else "đã chốt, chưa chuyển gửi"


def is_overtaken(snapshot: Snapshot, message: Message | None) -> bool:
    """Whether a person has decided since a report was told to wait for one: the ledger knows better then."""
    if message is None or snapshot.state not in {ReportState.HELD, ReportState.LOCKED}:
        return False
    return message.state in UNDER_WAY or message.state is State.SUPERSEDED


def report_lines(snapshot: Snapshot, message: Message | None) -> Iterator[str]:
    """A frozen report as lines of text: what it is, its figures with their parts, its notes."""
    report = snapshot.report
    trial = " (thử, không tính)" if report.test else ""
    first, last = (day.strftime("%d/%m/%Y") for day in (report.period.first_day, report.period.last_day))
    yield f"Báo cáo {report.regime_code} kỳ {report.period}, lần {report.version}{trial}"
    yield f"  Số liệu từ {first} đến {last} của {report.organization}, gửi {report.receiver}"
    yield f"  Mã báo cáo: {report.packet_id}"
    if report.replaces_packet_id:
        yield f"  Thay thế: {report.replaces_packet_id}"
    yield f"  Chốt lúc {local_time(report.created_at)}: {snapshot.reason_made}"
    yield f"  Tình trạng: {standing_vi(snapshot, message)}"
    if snapshot.reason_vi and not is_overtaken(snapshot, message):
        yield f"    {snapshot.reason_vi}"
    yield ""
    for one in report.observations:
        parts = (
            "" if one.denominator is None else f"  ({number_vi(one.numerator)}/{number_vi(one.denominator)})"
        )
        title = INDICATORS_VI.get(one.indicator_code, "")
        yield f"  {one.indicator_code}  {title}: {value_vi(one)}{parts}"
        if one.note:
            yield f"           {one.note}"


def write_sheet(snapshot: Snapshot, path: Path) -> None:
    """The form for typing the report in by hand (biểu nhập tay): one sheet; needs openpyxl."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    report = snapshot.report
    book = Workbook(write_only=False)
    for empty in book.worksheets:
        book.remove(empty)
    sheet = book.create_sheet(f"{report.regime_code} {report.period}")
    heads = [line.strip() for line in list(report_lines(snapshot, None))[:4]]
    for head in heads:
        sheet.append([head])
    sheet["A1"].font = Font(bold=True, size=13)
    sheet.append([])
    sheet.append(_HEADINGS)
    for cell in sheet[sheet.max_row]:
        cell.font = Font(bold=True)
    for one in report.observations:
        sheet.append(
            [
                one.indicator_code,
                INDICATORS_VI.get(one.indicator_code, ""),
                one.numerator,
                one.denominator,
                value_vi(one) if one.value is None else one.value,
                _UNITS_VI.get(one.unit, one.unit),
                one.note,
            ]
        )
        for cell in sheet[sheet.max_row]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCDEFG", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    book.save(path)
