"""The certificate of verification as a PDF: A4, fonts inside, the same bytes for the same report.

The usual file, with up to three signatures, fits one page; what is longer flows on, a signature's box kept
whole where it can be, and every page says to which file it belongs and how many there are.
"""

from __future__ import annotations

from functools import cache
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

import fontpkg_be_vietnam_pro  # type: ignore[import-untyped]
from reportlab.lib.colors import HexColor, black
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from ebrvt_connect.ops.certificate_content import BASIS, REMARK, TITLE, content_of
from ebrvt_connect.trust.verdict import Indication

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reportlab.pdfgen.canvas import Canvas

    from ebrvt_connect.ops.certificate_content import Block, Certificate, Note
    from ebrvt_connect.trust.verdict import VerificationReport
    from ebrvt_connect.trust.words_vi import Row

_REGULAR, _BOLD = "Certificate", "Certificate-Bold"
_SIDE, _TOP, _BOTTOM = 15 * mm, 10 * mm, 13 * mm
_WIDTH = A4[0] - 2 * _SIDE
_LABEL_WIDTH = 40 * mm
_SOFT, _LINE, _SHADE = HexColor("#515c67"), HexColor("#b9c1c9"), HexColor("#f2f4f6")
_TONES = {
    Indication.TOTAL_PASSED: HexColor("#0f6b3f"),
    Indication.INDETERMINATE: HexColor("#8a5200"),
    Indication.TOTAL_FAILED: HexColor("#a8201a"),
}
_UNPRINTABLE = "?"

_TEXT = ParagraphStyle("text", fontName=_REGULAR, fontSize=8.2, leading=10.5)
_LOUD = ParagraphStyle("loud", parent=_TEXT, fontName=_BOLD)
_LABEL = ParagraphStyle("label", parent=_TEXT, textColor=_SOFT)
_SMALL = ParagraphStyle("small", parent=_TEXT, fontSize=7.2, leading=9.4, textColor=_SOFT)
_TITLE = ParagraphStyle("title", parent=_TEXT, fontName=_BOLD, fontSize=14.5, leading=18)
_HEADLINE = ParagraphStyle("headline", parent=_TEXT, fontName=_BOLD, fontSize=18, leading=23)
_BLOCK = ParagraphStyle("block", parent=_TEXT, fontName=_BOLD, fontSize=9.2, leading=12)
_ROLE = ParagraphStyle("role", parent=_TEXT, textColor=_SOFT, alignment=2)


def pdf_of(reports: Sequence[VerificationReport]) -> bytes:
    """One document; each report begins a page. Written twice: only then is the number of pages known."""
    _fonts()
    certificates = [content_of(report) for report in reports]
    pages, _ = _written(certificates, 0)
    return _written(certificates, pages)[1]


def _written(certificates: Sequence[Certificate], total: int) -> tuple[int, bytes]:
    buffer = BytesIO()
    # Invariant: no time of making and no chance in it.
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=TITLE.capitalize(),
        subject=BASIS,
        author="ebrvt-connect",
        lang="vi",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(
        *(_SIDE, _BOTTOM, _WIDTH, A4[1] - _TOP - _BOTTOM),
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    document.addPageTemplates([PageTemplate(frames=[frame])])
    marks = _Marks(total)
    story: list[Flowable] = []
    for number, certificate in enumerate(certificates):
        story += [PageBreak()] if number else []
        story += [_Begin(marks, certificate.mark), *_story(certificate)]
    document.build(story, canvasmaker=marks.canvas)
    return document.page, buffer.getvalue()


class _Marks:
    """What stands at the foot of each page."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.mark = ""

    def canvas(self, *given: Any, **named: Any) -> Canvas:  # noqa: ANN401 - reportlab's signature
        """A canvas that writes the foot as each page ends."""
        from reportlab.pdfgen.canvas import Canvas

        marks = self

        class _Footed(Canvas):
            def showPage(self) -> None:  # noqa: N802 - reportlab's signature
                marks.draw(self)
                super().showPage()

        return _Footed(*given, **named)

    def draw(self, canvas: Canvas) -> None:
        """The file's SHA-256 and the page's number."""
        canvas.setFont(_REGULAR, 7)
        canvas.setFillColor(_SOFT)
        canvas.drawString(_SIDE, 8 * mm, f"SHA-256 của tệp: {self.mark}…")
        canvas.drawRightString(A4[0] - _SIDE, 8 * mm, f"Trang {canvas.getPageNumber()}/{self._total}")


class _Begin(Flowable):
    """Where a certificate begins: from here on the pages are about its file."""

    def __init__(self, marks: _Marks, mark: str) -> None:
        super().__init__()
        self._marks, self._mark = marks, mark

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        self._marks.mark = self._mark


class _Symbol(Flowable):
    """A verdict told by shape: tick in a circle, exclamation mark in a triangle, cross in an octagon."""

    def __init__(self, indication: Indication, size: float) -> None:
        super().__init__()
        self._indication, self._size = indication, size

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return self._size, self._size

    def draw(self) -> None:
        canvas = self.canv
        canvas.saveState()
        canvas.scale(self._size / 24, self._size / 24)
        canvas.setStrokeColor(_TONES[self._indication])
        canvas.setLineWidth(2.1)
        canvas.setLineCap(1)
        canvas.setLineJoin(1)
        if self._indication is Indication.TOTAL_PASSED:
            canvas.circle(12, 12, 10)
            _lines(canvas, (7, 11.5), (10.4, 8.1), (17, 15.2))
        elif self._indication is Indication.INDETERMINATE:
            _lines(canvas, (12, 21.5), (22, 3.5), (2, 3.5), (12, 21.5))
            _lines(canvas, (12, 15), (12, 9.6))
            _lines(canvas, (12, 7.1), (12, 6.2))
        else:
            _lines(canvas, (8, 22), (16, 22), (22, 16), (22, 8), (16, 2), (8, 2), (2, 8), (2, 16), (8, 22))
            _lines(canvas, (8, 16), (16, 8))
            _lines(canvas, (16, 16), (8, 8))
        canvas.restoreState()


def _lines(canvas: Canvas, *points: tuple[float, float]) -> None:
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    canvas.drawPath(path)


def _story(certificate: Certificate) -> Iterator[Flowable]:
    """From the title to the line for whoever files it."""
    yield Paragraph(_markup(TITLE), _TITLE)
    yield Paragraph(_markup(BASIS), _LABEL)
    yield Spacer(0, 2.5 * mm)
    yield _headline(certificate)
    yield Spacer(0, 2 * mm)
    yield _table([*_rows(certificate.rows), *_notes(certificate)], boxed=False)
    for block in certificate.blocks:
        yield Spacer(0, 2.2 * mm)
        yield KeepTogether([_block(block)])
    yield Spacer(0, 3 * mm)
    yield KeepTogether([_filed(), Spacer(0, 1.5 * mm), Paragraph(_markup(certificate.footer), _SMALL)])


def _headline(certificate: Certificate) -> Table:
    tone = _TONES[certificate.indication]
    said = [
        Paragraph(_markup(certificate.headline), ParagraphStyle("told", parent=_HEADLINE, textColor=tone)),
        Paragraph(_markup(certificate.lead), _LOUD if certificate.loud else _TEXT),
    ]
    table = Table([[_Symbol(certificate.indication, 34), said]], colWidths=[50, _WIDTH - 50])
    edge: list[tuple[Any, ...]] = [("BOX", (0, 0), (-1, -1), 1.8, tone)]
    if certificate.indication is Indication.TOTAL_FAILED:
        edge = [("BOX", (0, 0), (-1, -1), 1.2, tone, None, None, None, 2, 1.6)]
    if certificate.indication is Indication.INDETERMINATE:
        edge = [("BOX", (0, 0), (-1, -1), 1.8, tone, None, (5, 3))]
    table.setStyle(
        TableStyle(
            [
                *edge,
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LEFTPADDING", (0, 0), (0, 0), 9),
                ("TOPPADDING", (0, 0), (-1, -1), 5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
            ]
        )
    )
    return table


def _rows(rows: Sequence[Row]) -> Iterator[list[Any]]:
    for row in rows:
        value = _markup(row.value)
        text = f'<font name="{_BOLD}">{value}</font>' if row.loud else value
        yield [Paragraph(_markup(row.label), _LABEL), Paragraph(text, _TEXT)]


def _notes(about: Certificate | Block) -> Iterator[list[Any]]:
    """A row that spans the table for each error and warning, and one for all remarks."""
    for note in about.notes:
        text = f"{_bold(note.weight)} {_sentence(note)}"
        if note.advice:
            text += f"<br/>{_bold('Cách xử lý')} {_markup(note.advice)}"
        yield [Paragraph(text, _TEXT)]
    if about.remarks:
        text = " ".join(_sentence(note) for note in about.remarks)
        yield [Paragraph(f"{_bold(REMARK)} {text}", _LABEL)]
    if about.more:
        yield [Paragraph(_markup(about.more), _TEXT)]


def _sentence(note: Note) -> str:
    law = f"; {note.law}" if note.law else ""
    return f'{_markup(note.sentence)} <font color="#515c67" size="7">[{_markup(note.code + law)}]</font>'


def _bold(word: str) -> str:
    return f'<font name="{_BOLD}">{word}:</font>'


def _block(block: Block) -> Table:
    tone = _TONES[block.indication]
    title = ParagraphStyle("told", parent=_BLOCK, textColor=tone)
    said = Paragraph(_markup(f"{block.title}: {block.verdict}"), title)
    role = Paragraph(_markup(f"Vai trò: {block.role}"), _ROLE)
    head = Table(
        [[_Symbol(block.indication, 12), said, role]], colWidths=[20, _WIDTH / 2, _WIDTH / 2 - 20 - 12]
    )
    head.setStyle(TableStyle([*_PLAIN, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))
    return _table([[head], *_rows(block.rows), *_notes(block)], boxed=True)


_PLAIN: list[tuple[Any, ...]] = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
]


def _table(rows: Sequence[list[Any]], *, boxed: bool) -> Table:
    """Rows of label and value; a row of one spans both."""
    style: list[tuple[Any, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 6 if boxed else 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6 if boxed else 0),
        ("TOPPADDING", (0, 0), (-1, -1), 0.2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0.6),
    ]
    filled = []
    for number, row in enumerate(rows):
        alone = len(row) == 1
        filled.append([row[0], ""] if alone else row)
        if alone:
            style.append(("SPAN", (0, number), (1, number)))
    if boxed:
        style += [
            ("BOX", (0, 0), (-1, -1), 0.7, _LINE),
            ("BACKGROUND", (0, 0), (-1, 0), _SHADE),
            ("LINEBELOW", (0, 0), (-1, 0), 0.7, _LINE),
            ("TOPPADDING", (0, 0), (-1, 0), 2.4),
            ("BOTTOMPADDING", (0, 0), (-1, 0), 2.8),
            ("TOPPADDING", (0, 1), (-1, 1), 3),
            ("BOTTOMPADDING", (0, -1), (-1, -1), 3.5),
        ]
    table = Table(filled, colWidths=[_LABEL_WIDTH, _WIDTH - _LABEL_WIDTH])
    table.setStyle(TableStyle(style))
    return table


def _filed() -> Table:
    """The line for whoever puts it into the file."""
    who, when = (Paragraph(text, _TEXT) for text in ("Người kiểm tra (ký, ghi rõ họ tên):", "Ngày:"))
    widths = [54 * mm, _WIDTH - 114 * mm, 8 * mm, 12 * mm, 40 * mm]
    table = Table([[who, "", "", when, ""]], colWidths=widths, rowHeights=[18])
    dotted = [("LINEBELOW", (n, 0), (n, 0), 0.6, black, None, (1, 2)) for n in (1, 4)]
    table.setStyle(TableStyle([*_PLAIN, *dotted]))
    return table


def _markup(text: str) -> str:
    """Text for a paragraph: no markup of its own, and no letter the font does not have."""
    glyphs = _fonts()
    return escape("".join(c if ord(c) in glyphs else _UNPRINTABLE for c in text))


@cache
def _fonts() -> frozenset[int]:
    """Registered once in a process; gives the letters that can be printed."""
    files = fontpkg_be_vietnam_pro.ROOT / "files"
    regular = TTFont(_REGULAR, str(files / "BeVietnamPro-Regular.ttf"))
    bold = TTFont(_BOLD, str(files / "BeVietnamPro-Bold.ttf"))
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(bold)
    return frozenset(regular.face.charToGlyph) & frozenset(bold.face.charToGlyph)


__all__ = ["pdf_of"]
