"""Pages as they are seen, and rectangles on them: what PDF stores may be turned and cropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pyhanko.pdf_utils.generic import DictionaryObject

_QUARTER, _HALF, _THREE_QUARTERS, _FULL = 90, 180, 270, 360
_A4 = (0.0, 0.0, 595.276, 841.89)
_LARGEST_UNIT = 1000
_DEEPEST = 50
"""Levels of a page tree that are climbed for what a page inherits."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in points."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def of(cls, x: float, y: float, other_x: float, other_y: float) -> Self:
        """From any two opposite corners."""
        return cls(min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y))

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    def centred(self, width: float, height: float) -> Box:
        """One of that size around the same middle."""
        x, y = (self.left + self.right) / 2, (self.bottom + self.top) / 2
        return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def moved(self, right: float) -> Box:
        """The same, further to the right (negative: left)."""
        return Box(self.left + right, self.bottom, self.right + right, self.top)

    def meets(self, other: Box) -> bool:
        """Whether they share any area."""
        beside = self.right <= other.left or other.right <= self.left
        above = self.top <= other.bottom or other.top <= self.bottom
        return not (beside or above)

    def common(self, other: Box) -> Box | None:
        """What both cover; None for nothing."""
        left, bottom = max(self.left, other.left), max(self.bottom, other.bottom)
        right, top = min(self.right, other.right), min(self.top, other.top)
        return Box(left, bottom, right, top) if left < right and bottom < top else None

    def lies_within(self, width: float, height: float) -> bool:
        """Whether it is all on a page of that size, and is not empty."""
        inside = self.left >= 0 and self.bottom >= 0 and self.right <= width and self.top <= height
        return inside and self.width > 0 and self.height > 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page's number, size as it is seen, and how its own coordinates lie beneath."""

    number: int
    width: float
    height: float
    rotation: int
    """Clockwise, in degrees, when it is shown."""
    origin: tuple[float, float]
    unit: float = 1.0
    """How many points one of its own units is (`/UserUnit`, PDF 1.6)."""

    def own(self, box: Box) -> Box:
        """A rectangle as seen, in the page's own coordinates."""
        one, other = self._own(box.left, box.bottom), self._own(box.right, box.top)
        return Box.of(*one, *other)

    def seen(self, box: Box) -> Box:
        """A rectangle in the page's own coordinates, as seen."""
        one, other = self._seen(box.left, box.bottom), self._seen(box.right, box.top)
        return Box.of(*one, *other)

    def _own(self, x: float, y: float) -> tuple[float, float]:
        turned = {
            0: (x, y),
            _QUARTER: (self.height - y, x),
            _HALF: (self.width - x, self.height - y),
            _THREE_QUARTERS: (y, self.width - x),
        }[self.rotation]
        return self.origin[0] + turned[0] / self.unit, self.origin[1] + turned[1] / self.unit

    def _seen(self, x: float, y: float) -> tuple[float, float]:
        x, y = (x - self.origin[0]) * self.unit, (y - self.origin[1]) * self.unit
        return {
            0: (x, y),
            _QUARTER: (y, self.height - x),
            _HALF: (self.width - x, self.height - y),
            _THREE_QUARTERS: (self.width - y, x),
        }[self.rotation]


def page_of(page: DictionaryObject, number: int) -> Page:
    """What a page dictionary says of its size and turn; raises `ValueError` for what no page says."""
    sheet = Box.of(*(float(n) for n in _inherited(page, "/MediaBox") or _A4))
    box = sheet.common(Box.of(*(float(n) for n in _inherited(page, "/CropBox") or _corners(sheet)))) or sheet
    unit = float(page.get("/UserUnit", 1))
    if not 0 < unit <= _LARGEST_UNIT:
        raise ValueError(f"page: got /UserUnit {unit}, expected more than nothing")
    turn = int(_inherited(page, "/Rotate") or 0) % _FULL
    if turn % _QUARTER:
        raise ValueError(f"page: got /Rotate {turn}, expected a multiple of 90")
    lies = turn in (_QUARTER, _THREE_QUARTERS)
    width, height = (box.height, box.width) if lies else (box.width, box.height)
    return Page(number, width * unit, height * unit, turn, (box.left, box.bottom), unit)


def _corners(box: Box) -> tuple[float, ...]:
    return box.left, box.bottom, box.right, box.top


def _inherited(page: DictionaryObject, name: str) -> Any:  # noqa: ANN401 - whatever PDF has there
    node, depth = page, 0
    while name not in node:
        if "/Parent" not in node or depth > _DEEPEST:
            return None
        node, depth = node["/Parent"], depth + 1
    return node[name]
