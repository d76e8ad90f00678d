"""What a certificate of verification is made of (phiếu kết quả): one page, and an annex for what is more.

The front is one A4 page whatever was found. How much it holds is reckoned here in printed lines, before any
layout, so that the HTML and the PDF of one report say the same; the layouts keep each piece to the lines it
was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrvt_connect.trust.verdict import Indication
    from ebrvt_connect.trust.words_vi import Row

PAGE_LINES = 60
"""Printed lines between the headline and the line for whoever files it."""
LINE_LETTERS = 104
"""Letters of middling width on one line of the page."""
SMALL_LETTERS = 112
"""The same in the smaller print of tables."""
_WIDE, _CAPITAL = 1.75, 1.3
_WIDE_LETTERS = frozenset("MWmw@%—…ƯƠ")


@dataclass(frozen=True, slots=True)
class Note:
    """One finding as a reader sees it (phát hiện)."""

    weight: str
    """What it weighs, in a word."""
    sentence: str
    law: str
    advice: str
    code: str
    where: str = ""
    """Which signature or file it is about, where that does not follow from its place."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a cell of a table."""

    text: str
    loud: bool = False
    soft: bool = False
    whole: bool = False
    """Whether it must not be cut, however many lines it takes."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: a symbol, and a few parts in each cell."""

    indication: Indication | None
    cells: tuple[tuple[Part, ...], ...]
    below: str = ""
    """What stands under the cells, across the table."""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the front (bảng)."""

    title: str
    heads: tuple[str, ...]
    widths: tuple[int, ...]
    """In hundredths of the page; the first column is the symbol's and the number's."""
    lines: tuple[Line, ...]
    cut: int
    """Printed lines that one part may take."""
    more: str = ""
    """What is left to the annex; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Front:
    """The one page that is filed (trang phiếu)."""

    indication: Indication
    headline: str
    lead: str
    loud: bool
    """Whether a reader must not overlook what goes with a good headline."""
    rows: tuple[Row, ...]
    tables: tuple[Table, ...]
    notes: tuple[Note, ...]
    """What decided, the gravest first."""
    remarks: tuple[Note, ...]
    more: str
    """How many further findings the annex has; empty for none."""
    again: tuple[Row, ...]
    """How the verdict is checked again (cách kiểm tra lại)."""
    annex: str
    """Whether there is more than this page, and where."""
    footer: str


@dataclass(frozen=True, slots=True)
class Block:
    """One signature, or one file of a packet, in full (chi tiết)."""

    title: str
    indication: Indication
    verdict: str
    aside: str
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]
    """Errors and warnings, the gravest first."""
    remarks: tuple[Note, ...]
    """What is good to know, no more."""
    more: str
    """How many further findings are not printed; empty for none."""
    heading: str = ""
    """What a group of blocks is about, where this is the first of it."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate: the page, and the annex from page 2 on (phụ lục: chi tiết)."""

    title: str
    basis: str
    front: Front
    annex: tuple[Block, ...]
    mark: str
    """What a page is told by: what was verified, with the beginning of its SHA-256."""


def printed_lines(text: str, letters: int) -> int:
    """How many printed lines a text takes at most, by the widths of its letters."""
    width = sum(_WIDE if c in _WIDE_LETTERS else _CAPITAL if c.isupper() else 1.0 for c in text)
    return max(1, -(-int(width) // letters))


def lines_of_rows(rows: Sequence[Row], letters: int = LINE_LETTERS * 3 // 4) -> int:
    """Lines of label and value."""
    return sum(printed_lines(row.value, letters) for row in rows)


def lines_of_note(note: Note) -> int:
    """A finding with its code, article and advice."""
    said = f"{note.weight}: {note.where} {note.sentence} [{note.code}; {note.law}]"
    advised = printed_lines(f"Cách xử lý: {note.advice}", LINE_LETTERS) if note.advice else 0
    return printed_lines(said, LINE_LETTERS) + advised


def lines_of_table(table: Table) -> int:
    """Its title and heads, then each line as tall as its tallest cell; small print makes up for rules."""
    return 2 + sum(_lines_of_line(table, line) for line in table.lines) + bool(table.more)


def _lines_of_line(table: Table, line: Line) -> int:
    tallest = max(
        sum(_lines_of_part(table, part, width) for part in parts)
        for parts, width in zip(line.cells, table.widths[1:], strict=True)
    )
    return tallest + (printed_lines(line.below, SMALL_LETTERS) if line.below else 0)


def _lines_of_part(table: Table, part: Part, width: int) -> int:
    lines = printed_lines(part.text, SMALL_LETTERS * width // 100)
    return lines if part.whole else min(table.cut, lines)


__all__ = [
    "LINE_LETTERS",
    "PAGE_LINES",
    "Block",
    "Certificate",
    "Front",
    "Line",
    "Note",
    "Part",
    "Table",
    "lines_of_note",
    "lines_of_rows",
    "lines_of_table",
    "printed_lines",
]
