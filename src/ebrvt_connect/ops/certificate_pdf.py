"""The certificate of verification as a PDF: A4, fonts inside, the same bytes for the same report.

The front is one page always: each piece is kept to the lines it was given, and should strange letters still
make it taller it is set smaller as a whole. The annex flows on from page 2, a signature's box kept whole
where it can be. Every page says to which file it belongs and how many pages its certificate has.
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
    KeepInFrame,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from ebrvt_connect.ops.certificate_content import ANNEX, content_of, numbered
from ebrvt_connect.ops.certificate_notes import REMARK
from ebrvt_connect.trust.packet_report import PacketReport
from ebrvt_connect.trust.verdict import Indication

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reportlab.pdfgen.canvas import Canvas

    from ebrvt_connect.ops import certificate_page as page
    from ebrvt_connect.trust.verdict import VerificationReport
    from ebrvt_connect.trust.words_vi import Row

_REGULAR, _BOLD = "Certificate", "Certificate-Bold"
_SIDE, _TOP, _BOTTOM = 15 * mm, 10 * mm, 13 * mm
_WIDTH, _HEIGHT = A4[0] - 2 * _SIDE, A4[1] - _TOP - _BOTTOM
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
_CELL = ParagraphStyle("cell", parent=_TEXT, fontSize=7.6, leading=9.5)
_TITLE = ParagraphStyle("title", parent=_TEXT, fontName=_BOLD, fontSize=14.5, leading=18)
_HEADLINE = ParagraphStyle("headline", parent=_TEXT, fontName=_BOLD, fontSize=18, leading=23)
_BLOCK = ParagraphStyle("block", parent=_TEXT, fontName=_BOLD, fontSize=9.2, leading=12)
_HEADING = ParagraphStyle("heading", parent=_TEXT, fontName=_BOLD, fontSize=10.4, leading=14)
_ASIDE = ParagraphStyle("aside", parent=_TEXT, textColor=_SOFT, alignment=2)


def pdf_of(reports: Sequence[VerificationReport | PacketReport]) -> bytes:
    """One document; each report begins a page. Written twice: only then is the number of pages known."""
    _fonts()
    certificates = [_certificate(report) for report in reports]
    counted = _Marks()
    _written(certificates, counted)
    return _written(certificates, _Marks(counted.pages))


def _certificate(report: VerificationReport | PacketReport) -> page.Certificate:
    if isinstance(report, PacketReport):
        from ebrvt_connect.ops.certificate_packet import packet_content_of

        return packet_content_of(report)
    return content_of(report)


def _written(certificates: Sequence[page.Certificate], marks: _Marks) -> bytes:
    buffer = BytesIO()
    # Invariant: no time of making and no chance in it.
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=certificates[0].title.capitalize(),
        subject=certificates[0].basis,
        author="ebrvt-connect",
        lang="vi",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(
        *(_SIDE, _BOTTOM, _WIDTH, _HEIGHT),
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    document.addPageTemplates([PageTemplate(frames=[frame])])
    story: list[Flowable] = []
    for number, certificate in enumerate(certificates):
        story += [PageBreak()] if number else []
        story += [_Begin(marks, number, certificate.mark), *_front(certificate)]
        if certificate.annex:
            story += [PageBreak(), *_annex(certificate)]
    document.build(story, canvasmaker=marks.canvas)
    return buffer.getvalue()


class _Marks:
    """What stands at the foot of each page: pages are counted for each certificate."""

    def __init__(self, totals: dict[int, int] | None = None) -> None:
        self._totals = totals or {}
        self.pages: dict[int, int] = {}
        self.begin = (0, "")

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
        """What the page is about, by its SHA-256, and the page's number."""
        number, mark = self.begin
        self.pages[number] = self.pages.get(number, 0) + 1
        canvas.setFont(_REGULAR, 7)
        canvas.setFillColor(_SOFT)
        canvas.drawString(_SIDE, 8 * mm, mark)
        told = f"Trang {self.pages[number]}/{self._totals.get(number, 0)}"
        canvas.drawRightString(A4[0] - _SIDE, 8 * mm, told)


class _Begin(Flowable):
    """Where a certificate begins: from here on the pages are about its file."""

    def __init__(self, marks: _Marks, number: int, mark: str) -> None:
        super().__init__()
        self._marks, self._begin = marks, (number, mark)

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        self._marks.begin = self._begin


class _Symbol(Flowable):
    """A verdict told by shape: tick in a circle, exclamation mark in a triangle, cross in an octagon."""

    def __init__(self, indication: Indication | None, size: float) -> None:
        super().__init__()
        self._indication, self._size = indication, size

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return self._size, self._size

    def draw(self) -> None:
        canvas = self.canv
        canvas.saveState()
        canvas.scale(self._size / 24, self._size / 24)
        canvas.setStrokeColor(_SOFT if self._indication is None else _TONES[self._indication])
        canvas.setLineWidth(2.1)
        canvas.setLineCap(1)
        canvas.setLineJoin(1)
        if self._indication is None:
            _lines(canvas, (6, 12), (18, 12))
        elif self._indication is Indication.TOTAL_PASSED:
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


# --- the front ------------------------------------------------------------------------------------------


def _front(certificate: page.Certificate) -> Iterator[Flowable]:
    """One page from the title to the line for whoever files it."""
    told = certificate.front
    story: list[Flowable] = [
        Paragraph(_markup(certificate.title), _TITLE),
        Paragraph(_markup(certificate.basis), _LABEL),
        Spacer(0, 2 * mm),
        _headline(told),
        Spacer(0, 1.6 * mm),
        _table(list(_rows(told.rows, cut=2)), boxed=False),
    ]
    for table in told.tables:
        story += [Spacer(0, 1.6 * mm), _sheet(table)]
    findings = list(_notes(told.notes, told.remarks, told.more))
    if findings:
        story += [Spacer(0, 1.6 * mm), _table(findings, boxed=False)]
    story += [Spacer(0, 1.6 * mm), _again(told), Spacer(0, 2 * mm), _filed(), Spacer(0, 1.2 * mm)]
    story.append(Paragraph(_markup(told.footer), _SMALL))
    yield KeepInFrame(_WIDTH, _HEIGHT, story, mode="shrink")


def _headline(told: page.Front) -> Table:
    tone = _TONES[told.indication]
    said = [
        Paragraph(_markup(told.headline), ParagraphStyle("told", parent=_HEADLINE, textColor=tone)),
        _cut(told.lead, _LOUD if told.loud else _TEXT, _WIDTH - 64, 3),
    ]
    table = Table([[_Symbol(told.indication, 34), said]], colWidths=[50, _WIDTH - 50])
    edge: list[tuple[Any, ...]] = [("BOX", (0, 0), (-1, -1), 1.8, tone)]
    if told.indication is Indication.TOTAL_FAILED:
        edge = [("BOX", (0, 0), (-1, -1), 1.2, tone, None, None, None, 2, 1.6)]
    if told.indication is Indication.INDETERMINATE:
        edge = [("BOX", (0, 0), (-1, -1), 1.8, tone, None, (5, 3))]
    table.setStyle(
        TableStyle(
            [
                *edge,
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LEFTPADDING", (0, 0), (0, 0), 9),
                ("TOPPADDING", (0, 0), (-1, -1), 4),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ]
        )
    )
    return table


def _sheet(table: page.Table) -> Table:
    """A table of the front: a shaded head, a line for each signer, rule or file."""
    widths = [_WIDTH * width / 100 for width in table.widths]
    rows: list[list[Any]] = [
        [Paragraph(f'<font name="{_BOLD}">{_markup(table.title)}</font>', _TEXT), *[""] * (len(widths) - 1)],
        [Paragraph(_markup(head), _SMALL) for head in table.heads],
    ]
    style: list[tuple[Any, ...]] = [
        *_sheet_style(),
        ("SPAN", (0, 0), (-1, 0)),
    ]
    for line in table.lines:
        mark = [_Symbol(line.indication, 9)]
        first = Table([[mark, Paragraph(_markup(line.number), _CELL)]], colWidths=[13, widths[0] - 19])
        first.setStyle(TableStyle([*_PLAIN, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))
        cells = zip(line.cells, widths[1:], strict=True)
        rows.append([first, *([_part(p, width - 8, table.cut) for p in parts] for parts, width in cells)])
        style.append(("LINEABOVE", (0, len(rows) - 1), (-1, len(rows) - 1), 0.4, _LINE))
        if line.below:
            style += [
                ("SPAN", (1, len(rows)), (-1, len(rows))),
                ("BOTTOMPADDING", (0, len(rows) - 1), (-1, len(rows) - 1), 0.5),
            ]
            rows.append(["", Paragraph(_markup(line.below), _SMALL), *[""] * (len(widths) - 2)])
    if table.more:
        style += [
            ("SPAN", (0, len(rows)), (-1, len(rows))),
            ("LINEABOVE", (0, len(rows)), (-1, -1), 0.4, _LINE),
        ]
        rows.append([Paragraph(_markup(table.more), _LOUD), *[""] * (len(widths) - 1)])
    made = Table(rows, colWidths=widths)
    made.setStyle(TableStyle(style))
    return made


def _sheet_style() -> Iterator[tuple[Any, ...]]:
    yield ("VALIGN", (0, 0), (-1, -1), "TOP")
    yield ("LEFTPADDING", (0, 0), (-1, -1), 4)
    yield ("RIGHTPADDING", (0, 0), (-1, -1), 4)
    yield ("TOPPADDING", (0, 0), (-1, -1), 1.2)
    yield ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6)
    yield ("BACKGROUND", (0, 0), (-1, 1), _SHADE)
    yield ("BOX", (0, 0), (-1, -1), 0.7, _LINE)


def _part(part: page.Part, width: float, lines: int) -> Flowable:
    plain = _SMALL if part.soft else _CELL
    style = ParagraphStyle("loud", parent=plain, fontName=_BOLD) if part.loud else plain
    return Paragraph(_markup(part.text), style) if part.whole else _cut(part.text, style, width, lines)


def _cut(text: str, style: ParagraphStyle, width: float, lines: int) -> Paragraph:
    """A text in so many lines at most, the rest told by an ellipsis (it is in the annex whole)."""
    made = Paragraph(_markup(text), style)
    if made.wrap(width, _HEIGHT)[1] <= lines * style.leading + 0.1:
        return made
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        shorter = Paragraph(_markup(text[:middle].rstrip() + "…"), style)
        if shorter.wrap(width, _HEIGHT)[1] <= lines * style.leading + 0.1:
            low = middle
        else:
            high = middle - 1
    return Paragraph(_markup(text[:low].rstrip() + "…"), style)


def _again(told: page.Front) -> Table:
    """How to check again, and whether there is an annex."""
    rows: list[list[Any]] = [[Paragraph(_bold("Cách kiểm tra lại"), _TEXT)]]
    rows += _rows(told.again, cut=2)
    rows.append([Paragraph(f'<font name="{_BOLD}">{_markup(told.annex)}</font>', _TEXT)])
    return _table(rows, boxed=True)


def _rows(rows: Sequence[Row], cut: int = 0) -> Iterator[list[Any]]:
    """Rows of label and value, in so many lines each at most; 0: as many as it takes."""
    for row in rows:
        style = _LOUD if row.loud else _TEXT
        value = (
            _cut(row.value, style, _WIDTH - _LABEL_WIDTH - 12, cut)
            if cut
            else Paragraph(_markup(row.value), style)
        )
        yield [Paragraph(_markup(row.label), _LABEL), value]


def _notes(notes: Sequence[page.Note], remarks: Sequence[page.Note], more: str) -> Iterator[list[Any]]:
    """A row that spans the table for each error and warning, and one for all remarks."""
    for note in notes:
        where = f"{_markup(note.where)}: " if note.where else ""
        text = f"{_bold(note.weight)} {where}{_sentence(note)}"
        if note.advice:
            text += f"<br/>{_bold('Cách xử lý')} {_markup(note.advice)}"
        yield [Paragraph(text, _TEXT)]
    if remarks:
        text = " ".join(_sentence(note) for note in remarks)
        yield [Paragraph(f"{_bold(REMARK)} {text}", _LABEL)]
    if more:
        yield [Paragraph(_markup(more), _LOUD)]


def _sentence(note: page.Note) -> str:
    law = f"; {note.law}" if note.law else ""
    return f'{_markup(note.sentence)} <font color="#515c67" size="7">[{_markup(note.code + law)}]</font>'


def _bold(word: str) -> str:
    return f'<font name="{_BOLD}">{word}:</font>'


# --- the annex ------------------------------------------------------------------------------------------


def _annex(certificate: page.Certificate) -> Iterator[Flowable]:
    yield Paragraph(_markup(ANNEX), _TITLE)
    yield Paragraph(
        _markup(f"Kèm theo {certificate.title.lower()}: {certificate.front.rows[0].value}"), _LABEL
    )
    for number, block in numbered(certificate.annex):
        yield Spacer(0, 2.2 * mm)
        headed = (
            [Paragraph(_markup(f"{number.partition('.')[0]}. {block.heading}"), _HEADING)]
            if block.heading
            else []
        )
        yield KeepTogether([*headed, _block(number, block)])


def _block(number: str, block: page.Block) -> Table:
    tone = _TONES[block.indication]
    title = ParagraphStyle("told", parent=_BLOCK, textColor=tone)
    said = Paragraph(_markup(f"{number}. {block.title}: {block.verdict}"), title)
    aside = Paragraph(_markup(block.aside), _ASIDE)
    head = Table(
        [[_Symbol(block.indication, 12), said, aside]], colWidths=[20, _WIDTH / 2, _WIDTH / 2 - 20 - 12]
    )
    head.setStyle(TableStyle([*_PLAIN, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))
    return _table([[head], *_rows(block.rows), *_notes(block.notes, block.remarks, block.more)], boxed=True)


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
