"""Sample documents: readable Vietnamese, reproducible bytes, real files beside them."""

import re
import zipfile
from datetime import date
from io import BytesIO

import pikepdf
import pytest
from openpyxl import load_workbook

from ebrvt_connect.testing.sample_files import archive_zip, workbook_xlsx
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf

LETTER = Letter(
    "Sở Thông tin và Truyền thông (mẫu)",
    "7849",
    "STTTT-CNTT",
    "V/v ký số",
    parent="Ủy ban nhân dân tỉnh (mẫu)",
    recipients=("Bộ Nội vụ (mẫu)", "Văn phòng Chính phủ (mẫu)"),
)
REPORT = Letter(
    "Ủy ban nhân dân tỉnh (mẫu)",
    "12",
    "BC-UBND",
    "Kết quả quý III",
    type_name="Báo cáo",
    competence="TM. ỦY BAN NHÂN DÂN",
    position="CHỦ TỊCH",
    promulgated_on=date(2026, 2, 3),
    recipients=("Bộ Nội vụ (mẫu)",),
)


def text_of(pdf):
    """All text of a PDF by its own ToUnicode tables."""
    out = []
    with pikepdf.open(BytesIO(pdf)) as opened:
        for page in opened.pages:
            fonts = {name: glyphs(font) for name, font in page.resources.Font.items()}
            current = {}
            for operands, operator in pikepdf.parse_content_stream(page):
                if str(operator) == "Tf":
                    current = fonts[str(operands[0])]
                elif str(operator) == "Tj":
                    out.append("".join(current.get(b, chr(b)) for b in bytes(operands[0])))
    return "".join(out)


def glyphs(font):
    table = font.ToUnicode.read_bytes().decode() if "/ToUnicode" in font else ""
    pairs = re.findall(r"^<([0-9A-F]{2})> <([0-9A-F]{4,})>$", table, re.MULTILINE)
    return {int(code, 16): bytes.fromhex(text).decode("utf-16-be") for code, text in pairs}


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (
            LETTER,
            ["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Số: 7849/STTTT-CNTT"],
        ),
        (LETTER, ["ngày 23 tháng 11 năm 2026", "Nơi nhận:", "Kính gửi:", "Trần Thị Ví Dụ"]),
        (REPORT, ["BÁO CÁO", "ngày 03 tháng 02 năm 2026", "TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH"]),
    ],
)
def test_a_letter_says_what_the_decree_asks_for(letter, expected):
    text = text_of(letter_pdf(letter))

    for part in expected:
        assert part in text


def test_the_same_letter_has_the_same_bytes():
    assert letter_pdf(LETTER) == letter_pdf(LETTER)


def test_fonts_are_embedded():
    with pikepdf.open(BytesIO(letter_pdf(LETTER))) as pdf:
        fonts = [f for f in pdf.pages[0].resources.Font.values() if f.Subtype == "/TrueType"]
        assert fonts
        assert all("/FontFile2" in font.FontDescriptor for font in fonts)


def test_a_long_letter_goes_on_to_numbered_pages():
    long = Letter("Sở mẫu", "1", "CV", "V/v dài", body=("Nội dung dài. " * 60,) * 12)

    with pikepdf.open(BytesIO(letter_pdf(long))) as pdf:
        assert len(pdf.pages) > 2
    assert "giấy" not in text_of(letter_pdf(long))


def test_markup_in_a_text_is_text():
    assert "<b>x</b> & y" in text_of(letter_pdf(Letter("Sở mẫu", "1", "CV", "V/v", body=("<b>x</b> & y",))))


def test_ballast_makes_a_large_file_that_does_not_compress():
    pdf = letter_pdf(LETTER, ballast_bytes=1_000_000)

    assert 1_000_000 < len(pdf) < 1_200_000
    with pikepdf.open(BytesIO(pdf)) as opened:
        (attached,) = opened.attachments.values()
        assert len(attached.get_file().read_bytes()) == 1_000_000


def test_the_workbook_is_one():
    sheet = load_workbook(BytesIO(workbook_xlsx("Phụ lục 1"))).active

    assert sheet.title == "Phụ lục 1"
    assert sheet["B3"].value == "Sở Thông tin và Truyền thông (mẫu)"


def test_the_archive_is_one():
    with zipfile.ZipFile(BytesIO(archive_zip())) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["Phụ lục/bảng số liệu.xlsx", "Phụ lục/ghi chú.txt"]
