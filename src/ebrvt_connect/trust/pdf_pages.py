"""The page tree of a PDF walked from end to end (cây trang): that it reads at all, and its smallest page.

A file whose page tree does not read is broken, signed or not. Pages that are spelled as nearly all are read
at a glance (`trust.pdf_spelled`), the rest as pyHanko has them; the walk is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pyhanko.pdf_utils import generic

from ebrvt_connect.trust import limit_findings
from ebrvt_connect.trust.pdf_spelled import numbers_in, references_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ebrvt_connect.trust.pdf_reader import StrictReader

_MOST_LEVELS = 50
_EDGES = 4


class PagesRefused(Exception):
    """A page tree of too many nodes; `code` is a finding."""

    def __init__(self, code: str, reason: str) -> None:
        """`reason` as it stands with the finding."""
        super().__init__(code)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PlainNode:
    """A node of the tree with nothing odd in it, as far as the walk needs it."""

    kids: Sequence[tuple[int, int]] | None
    boxes: tuple[tuple[float, ...] | None, tuple[float, ...] | None]
    """/MediaBox and /CropBox."""


Node: TypeAlias = "PlainNode | generic.DictionaryObject"
Kid: TypeAlias = "tuple[int, int] | generic.PdfObject"


class PageTree:
    """The nodes of one file's page tree."""

    def __init__(self, reader: StrictReader, most: int, objects: int) -> None:
        """`most` is how many nodes may be, `objects` how many objects the file has."""
        self._reader, self._most, self._objects = reader, most, objects
        self._plain: dict[tuple[int, int], PlainNode] = {}

    def measured(self) -> tuple[int, float]:
        """How many nodes there are, and the area of the smallest page in square points.

        Raises `PagesRefused` for too many nodes (a large file has as many objects as nodes, one that goes in
        circles has not), and whatever pyHanko raises.
        """
        pages = self._reader.root["/Pages"]
        if int(pages["/Count"]) > 0:
            self._reader.find_page_for_modification(0)  # type: ignore[no-untyped-call]
        waiting: list[tuple[Node, object, int]] = [(pages, None, 0)]
        nodes, smallest = 0, float("inf")
        while waiting:
            node, box, level = waiting.pop()
            nodes += 1
            if level > _MOST_LEVELS:
                raise PagesRefused(limit_findings.PDF_TOO_COMPLEX, "pages")
            self._check(nodes + len(waiting))
            kids, box = _kids_and_box(node, box)
            if kids is None:
                smallest = min(smallest, rectangle_area(_cropped(node, box)))
                continue
            self._check(len(kids))
            waiting += [(self._node(kid), box, level + 1) for kid in kids]
        return nodes, smallest

    def _check(self, nodes: int) -> None:
        if nodes <= self._most:
            return
        if nodes > self._objects:
            raise PagesRefused(limit_findings.PDF_TOO_COMPLEX, "pages")
        raise PagesRefused(limit_findings.PDF_TOO_LARGE, str(self._most))

    def _node(self, kid: Kid) -> Node:
        if isinstance(kid, generic.IndirectObject):
            kid = (kid.idnum, kid.generation)
        if not isinstance(kid, tuple):
            return kid.get_object()  # type: ignore[no-any-return]
        node = self._plain.get(kid) or self._plainly(*kid)
        if node is None:
            return generic.IndirectObject(*kid, self._reader).get_object()  # type: ignore[no-any-return]
        return self._plain.setdefault(kid, node)

    def _plainly(self, number: int, generation: int) -> PlainNode | None:
        entries = self._reader.plain_entries(number, generation)
        if entries is None:
            return None
        kids = None
        if b"/Kids" in entries and (kids := references_in(entries[b"/Kids"])) is None:
            return None
        boxes = [numbers_in(entries[key]) if key in entries else () for key in (b"/MediaBox", b"/CropBox")]
        if any(box is None or len(box) not in {0, _EDGES} for box in boxes):
            return None
        return PlainNode(kids, (boxes[0] or None, boxes[1] or None))


def _kids_and_box(node: Node, box: object) -> tuple[Sequence[Kid] | None, object]:
    """Kids of a node, and its own or its parent's /MediaBox."""
    if isinstance(node, PlainNode):
        return node.kids, node.boxes[0] or box
    own = node.get("/MediaBox", box)
    return node["/Kids"] if "/Kids" in node else None, own  # noqa: SIM401 - `get` looks nothing up


def _cropped(page: Node, box: object) -> object:
    """What of a page is shown."""
    return page.boxes[1] or box if isinstance(page, PlainNode) else page.get("/CropBox", box)


def rectangle_area(box: object) -> float:
    """The area of a /Rect or /MediaBox in square points; infinite for one that does not read."""
    try:
        left, bottom, right, top = _edges(box)  # type: ignore[arg-type]
    except (TypeError, ValueError, AttributeError):
        return float("inf")
    return abs(right - left) * abs(top - bottom)


def _edges(box: tuple[float, ...] | Iterable[generic.PdfObject]) -> tuple[float, ...]:
    if isinstance(box, tuple):
        return box
    return tuple(float(edge.get_object()) for edge in box)
