"""Small real files that travel beside a letter: a workbook (XLSX) and a ZIP archive."""

from __future__ import annotations

import zipfile
from datetime import datetime
from io import BytesIO

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill

_ROWS = (
    ("STT", "Đơn vị", "Văn bản đi", "Văn bản đến", "Tỷ lệ ký số"),
    (1, "Văn phòng Ủy ban nhân dân (mẫu)", 1240, 3310, 0.998),
    (2, "Sở Thông tin và Truyền thông (mẫu)", 812, 1904, 1.0),
    (3, "Sở Nội vụ (mẫu)", 655, 1420, 0.987),
    (4, "Ủy ban nhân dân huyện Mẫu", 430, 1188, 0.962),
)
_MADE_AT = datetime(2026, 11, 23, 8, 0)  # noqa: DTZ001 - office formats know no offset
_WIDTHS = {"A": 6, "B": 42, "C": 14, "D": 14, "E": 14}


def workbook_xlsx(title: str = "Phụ lục") -> bytes:
    """A workbook with a small table; the same title gives the same cells."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101 - a new workbook has one
    sheet.title = title[:31]
    for row in _ROWS:
        sheet.append(row)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="DCE6F2")
    for column, width in _WIDTHS.items():
        sheet.column_dimensions[column].width = width
    for cell in sheet["E"][1:]:
        cell.number_format = "0.0%"
    book.properties.created = book.properties.modified = _MADE_AT
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def archive_zip(title: str = "Phụ lục") -> bytes:
    """An archive with the workbook and a text, names in UTF-8; the same title gives the same entries."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            (f"{title}/bảng số liệu.xlsx", workbook_xlsx(title)),
            (f"{title}/ghi chú.txt", "Số liệu mẫu, chỉ dùng để thử nghiệm.\n".encode()),
        ):
            entry = zipfile.ZipInfo(name, _MADE_AT.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
