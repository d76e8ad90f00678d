"""Sample documents of the sandbox: official letters laid out as NĐ 30/2020/NĐ-CP Phụ lục I asks.

Everything in them is fictional, and each bears a round mark saying so where a seal would stand. The same
`Letter` always gives the same bytes. Needs the `demo` extra (reportlab, a font with every Vietnamese letter).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import fontpkg_be_vietnam_pro  # type: ignore[import-untyped]
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from reportlab.lib.colors import Color, black
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAGE_WIDTH, _PAGE_HEIGHT = A4
_LEFT, _RIGHT, _TOP, _BOTTOM = 30 * mm, 18 * mm, 20 * mm, 22 * mm
_TEXT_WIDTH = _PAGE_WIDTH - _LEFT - _RIGHT
_HEAD_LEFT = _LEFT + _TEXT_WIDTH * 0.21
_HEAD_RIGHT = _LEFT + _TEXT_WIDTH * 0.71
_SIGN_AT = _LEFT + _TEXT_WIDTH * 0.72
_CLOSING_HEIGHT = 62 * mm
_INK = Color(0.05, 0.17, 0.62)
_MARK = Color(0.80, 0.11, 0.12)
_REGULAR, _BOLD, _ITALIC, _BOLD_ITALIC = "Sample", "Sample-Bold", "Sample-Italic", "Sample-BoldItalic"

OFFICIAL_LETTER = "Công văn"
"""The one type of document that bears no title, only "V/v ..." under its number."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a sample document says (thể thức văn bản); defaults make a plausible one."""

    agency: str
    """Cơ quan ban hành."""
    number: str
    symbol: str
    abstract: str
    """Trích yếu."""
    parent: str = ""
    """Cơ quan chủ quản trực tiếp."""
    type_name: str = OFFICIAL_LETTER
    place: str = "Bà Rịa"
    promulgated_on: date = date(2026, 11, 23)
    recipients: tuple[str, ...] = ()
    """Kính gửi."""
    body: tuple[str, ...] = ()
    competence: str = ""
    """TM., KT., TL. line above the position."""
    position: str = "GIÁM ĐỐC"
    signatory: str = "Trần Thị Ví Dụ"
    places: tuple[str, ...] = ("Như trên", "Lưu: VT, VP")
    """Nơi nhận."""


_OPENING = (
    "Thực hiện Quyết định số 28/2018/QĐ-TTg ngày 12 tháng 7 năm 2018 của Thủ tướng Chính phủ về việc gửi, "
    "nhận văn bản điện tử giữa các cơ quan trong hệ thống hành chính nhà nước và Nghị định số "
    "30/2020/NĐ-CP ngày 05 tháng 3 năm 2020 của Chính phủ về công tác văn thư, {agency} trao đổi một số "
    "nội dung như sau:"
)
_FIRST = (
    "1. Văn bản điện tử được ký số bởi người có thẩm quyền và ký số của cơ quan, tổ chức theo quy định có "
    "giá trị pháp lý như bản gốc văn bản giấy. Các đơn vị kiểm tra chữ ký số trước khi tiếp nhận và lưu kết "
    "quả kiểm tra cùng văn bản."
)
_SECOND = (
    "2. Trạng thái xử lý (đã đến, từ chối, đã tiếp nhận, phân công, đang xử lý, hoàn thành) được phản hồi "
    "tự động trên trục liên thông; không gửi lại bản giấy đối với văn bản đã gửi, nhận thành công."
)
_THIRD = (
    "3. Trường hợp phát hiện văn bản bị thay đổi sau khi ký hoặc chữ ký chưa đủ cơ sở kết luận, đề nghị "
    "thông báo ngay cho cơ quan ban hành để phối hợp xử lý."
)
_CLOSING = (
    "Trong quá trình thực hiện, nếu có khó khăn, vướng mắc, đề nghị quý cơ quan phản ánh về {agency} để kịp "
    "thời hướng dẫn, giải quyết./."
)
_PARAGRAPHS = (_OPENING, _FIRST, _SECOND, _THIRD, _CLOSING)


def letter_pdf(letter: Letter, *, ballast_bytes: int = 0) -> bytes:
    """The letter as a PDF (some 30 kB, fonts embedded).

    `ballast_bytes` of incompressible data are attached inside the file, for trials with large documents.
    """
    _fonts()
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1, lang="vi")
    canvas.setTitle(f"{letter.number}/{letter.symbol}")
    canvas.setSubject(letter.abstract)
    canvas.setAuthor(letter.agency)
    _Writer(canvas, letter).write()
    canvas.save()
    pdf = buffer.getvalue()
    return _with_ballast(pdf, ballast_bytes) if ballast_bytes else pdf


def _with_ballast(pdf: bytes, size: int) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    noise = hashlib.shake_256(b"ballast").digest(size)
    attached = EmbeddedFileObject.from_file_data(writer, noise, compress=False)
    embed_file(
        writer, FileSpec("so-lieu-do-dac.bin", embedded_data=attached, description="Số liệu đo đạc (mẫu)")
    )
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


@cache
def _fonts() -> None:
    """Registered once in a process: reading a font takes longer than writing a letter."""
    files = fontpkg_be_vietnam_pro.ROOT / "files"
    for name, style in (
        (_REGULAR, "Regular"),
        (_BOLD, "Bold"),
        (_ITALIC, "Italic"),
        (_BOLD_ITALIC, "BoldItalic"),
    ):
        pdfmetrics.registerFont(TTFont(name, str(files / f"BeVietnamPro-{style}.ttf")))


_BODY = ParagraphStyle(
    "body", fontName=_REGULAR, fontSize=12, leading=18, alignment=TA_JUSTIFY, firstLineIndent=10 * mm
)
_ADDRESS = ParagraphStyle("address", fontName=_REGULAR, fontSize=12, leading=17)
_ABSTRACT = ParagraphStyle("abstract", fontName=_REGULAR, fontSize=10.5, leading=13, alignment=TA_CENTER)
_TITLE = ParagraphStyle("title", fontName=_BOLD, fontSize=12.5, leading=16, alignment=TA_CENTER)


@dataclass(slots=True)
class _Writer:
    """Writes one letter from the top down; `y` is where the next thing goes."""

    canvas: Canvas
    letter: Letter
    y: float = field(default=_PAGE_HEIGHT - _TOP)

    def write(self) -> None:
        self._head()
        self._number_and_date()
        self._title()
        self._addressees()
        for paragraph in self.letter.body or _PARAGRAPHS:
            text = escape(paragraph.format(agency=self.letter.agency))
            self._flow(Paragraph(text, _BODY), space_after=5)
        self._make_room(_CLOSING_HEIGHT)
        self._recipients()
        self._signature()
        self.canvas.showPage()

    def _head(self) -> None:
        """Left: superior and issuing agency. Right: quốc hiệu, tiêu ngữ."""
        letter = self.letter
        top = self.y
        left = [(line, _REGULAR) for line in _broken(letter.parent.upper(), _REGULAR)]
        left += [(line, _BOLD) for line in _broken(letter.agency.upper(), _BOLD)]
        for line, font in left:
            self._centred(_HEAD_LEFT, line, font, 10.5)
            self.y -= 14
        self._rule(_HEAD_LEFT, 24 * mm, self.y + 8)
        below, self.y = self.y, top
        self._centred(_HEAD_RIGHT, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", _BOLD, 11)
        self.y -= 16
        motto = "Độc lập - Tự do - Hạnh phúc"
        self._centred(_HEAD_RIGHT, motto, _BOLD, 12)
        self._rule(_HEAD_RIGHT, pdfmetrics.stringWidth(motto, _BOLD, 12), self.y - 5)
        self.y = min(below, self.y - 14) - 8

    def _number_and_date(self) -> None:
        letter, day = self.letter, self.letter.promulgated_on
        self._centred(_HEAD_LEFT, f"Số: {letter.number}/{letter.symbol}", _REGULAR, 11.5)
        # Days below 10 and months 1 and 2 carry a leading zero (Phụ lục I, mục 4).
        month = f"{day.month:02d}" if day.month < 3 else str(day.month)  # noqa: PLR2004 - February
        when = f"{letter.place}, ngày {day.day:02d} tháng {month} năm {day.year}"
        self._centred(_HEAD_RIGHT, when, _ITALIC, 11.5)
        self.y -= 7
        if letter.type_name == OFFICIAL_LETTER:
            about = letter.abstract.removeprefix("V/v ")
            self._block(Paragraph(escape(f"V/v {about}"), _ABSTRACT), _HEAD_LEFT, 62 * mm)
        self.y -= 12

    def _title(self) -> None:
        letter = self.letter
        if letter.type_name == OFFICIAL_LETTER:
            return
        self.y -= 10
        self._centred(_LEFT + _TEXT_WIDTH / 2, letter.type_name.upper(), _BOLD, 14)
        self.y -= 6
        self._block(Paragraph(escape(letter.abstract), _TITLE), _LEFT + _TEXT_WIDTH / 2, 140 * mm)
        self._rule(_LEFT + _TEXT_WIDTH / 2, 40 * mm, self.y - 4)
        self.y -= 18

    def _addressees(self) -> None:
        recipients = self.letter.recipients
        if not recipients:
            return
        if len(recipients) == 1:
            line = f"Kính gửi: {escape(recipients[0])}"
        else:
            listed = "<br/>".join(f"- {escape(r)};" for r in recipients[:-1])
            line = f"Kính gửi:<br/>{listed}<br/>- {escape(recipients[-1])}."
        style = ParagraphStyle("to", parent=_ADDRESS, leftIndent=28 * mm)
        self._flow(Paragraph(line, style), space_after=12)

    def _recipients(self) -> None:
        """Nơi nhận, bottom left beside the signature."""
        y = self.y - 14
        self.canvas.setFont(_BOLD_ITALIC, 10.5)
        self.canvas.drawString(_LEFT, y, "Nơi nhận:")
        self.canvas.setFont(_REGULAR, 9.5)
        for nth, place in enumerate(self.letter.places, 1):
            end = "." if nth == len(self.letter.places) else ";"
            self.canvas.drawString(_LEFT, y - 13 * nth, f"- {place}{end}")

    def _signature(self) -> None:
        """Competence, position, name; between them the hand in blue, the mark in red over its left third."""
        letter = self.letter
        self.y -= 14
        for line in filter(None, (letter.competence, letter.position)):
            self._centred(_SIGN_AT, line, _BOLD, 12)
            self.y -= 16
        _hand(self.canvas, _SIGN_AT - 22 * mm, self.y - 12 * mm, letter.signatory)
        _round_mark(self.canvas, _SIGN_AT - 22 * mm, self.y - 10 * mm)
        self.y -= 34 * mm
        self._centred(_SIGN_AT, letter.signatory, _BOLD, 12)

    # --- small moves -----------------------------------------------------------------------------

    def _centred(self, x: float, text: str, font: str, size: float) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawCentredString(x, self.y, text)

    def _rule(self, x: float, width: float, y: float) -> None:
        self.canvas.setLineWidth(0.7)
        self.canvas.line(x - width / 2, y, x + width / 2, y)

    def _block(self, paragraph: Paragraph, x: float, width: float) -> None:
        """A paragraph centred on x."""
        _, height = paragraph.wrap(width, _PAGE_HEIGHT)
        self.y -= height
        paragraph.drawOn(self.canvas, x - width / 2, self.y)

    def _flow(self, paragraph: Paragraph, *, space_after: float) -> None:
        _, height = paragraph.wrap(_TEXT_WIDTH, _PAGE_HEIGHT)
        self._make_room(height)
        self.y -= height
        paragraph.drawOn(self.canvas, _LEFT, self.y)
        self.y -= space_after

    def _make_room(self, height: float) -> None:
        """The next page, numbered in the middle of its top, when there is no room left."""
        if self.y - height >= _BOTTOM:
            return
        self.canvas.showPage()
        self.y = _PAGE_HEIGHT - 12 * mm
        self._centred(_PAGE_WIDTH / 2, str(self.canvas.getPageNumber()), _REGULAR, 11)
        self.y = _PAGE_HEIGHT - _TOP


def _broken(text: str, font: str, size: float = 10.5, width: float = 70 * mm) -> Iterable[str]:
    """Lines of a long agency name, as even as words allow."""
    words = text.split()
    lines = max(1, math.ceil(pdfmetrics.stringWidth(text, font, size) / width))
    per_line = max(1, math.ceil(len(words) / lines))
    return [" ".join(words[n : n + per_line]) for n in range(0, len(words), per_line)]


def _hand(canvas: Canvas, x: float, y: float, name: str) -> None:
    """A stroke of blue ink, different for each name, always the same for one."""
    swing = hashlib.sha256(name.encode()).digest()
    canvas.saveState()
    canvas.setStrokeColor(_INK)
    canvas.setLineWidth(1.5)
    canvas.setLineCap(1)
    path = canvas.beginPath()
    path.moveTo(x, y)
    for nth in range(5):
        rise, fall = 14 + swing[nth] / 16, 4 + swing[nth + 8] / 32
        path.curveTo(x + 3, y + rise, x + 14, y + rise + 6, x + 11, y - fall / 2)
        path.curveTo(x + 9, y - fall, x + 17, y + 2, x + 23, y + swing[nth + 16] / 40)
        x += 23
    path.curveTo(x + 12, y + 10, x - 60, y - 14, x - 96, y - 9)
    canvas.drawPath(path)
    canvas.restoreState()


def _round_mark(canvas: Canvas, x: float, y: float) -> None:
    """Where a seal would stand: a red round mark that says the document is a sample."""
    radius = 17 * mm
    canvas.saveState()
    canvas.setStrokeColor(_MARK, alpha=0.85)
    canvas.setFillColor(_MARK, alpha=0.85)
    canvas.setLineWidth(1.6)
    canvas.circle(x, y, radius)
    canvas.setLineWidth(0.6)
    canvas.circle(x, y, radius - 5.2 * mm)
    canvas.setFont(_BOLD, 15)
    canvas.drawCentredString(x, y - 5, "MẪU")
    _along(canvas, x, y, radius - 3.7 * mm, "VĂN BẢN MẪU • KHÔNG CÓ GIÁ TRỊ PHÁP LÝ • ")
    canvas.restoreState()
    canvas.setFillColor(black)


def _along(canvas: Canvas, x: float, y: float, radius: float, text: str) -> None:
    """Text around a circle, clockwise from its left."""
    canvas.setFont(_BOLD, 7.2)
    widths = [pdfmetrics.stringWidth(letter, _BOLD, 7.2) for letter in text]
    round_about, turned = sum(widths), 180.0
    for letter, width in zip(text, widths, strict=True):
        step = 360 * width / round_about
        angle = math.radians(turned - step / 2)
        canvas.saveState()
        canvas.translate(x + radius * math.cos(angle), y + radius * math.sin(angle))
        canvas.rotate(turned - step / 2 - 90)
        canvas.drawCentredString(0, 0, letter)
        canvas.restoreState()
        turned -= step
