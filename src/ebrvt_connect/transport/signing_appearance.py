"""What is seen of a signature on the page (hình thức chữ ký số, NĐ 30/2020/NĐ-CP Phụ lục I).

A leader's signature is a blue image between title and name; the agency's seal a red one in its real size,
over the left third of the leader's; an attachment in a file of its own and a copy bear text in the top right
corner of the first page. Colours, sizes and words are values of a file (`signing_appearance.toml`), which
says how sure they are; nothing of them is fixed here.

    rules = AppearanceRules.packaged()
    leader = rules.signature_of_person(png, Place(-1, left_mm=110, bottom_mm=60, right_mm=190, top_mm=90))
    signed = sign_pdf(pdf, key, role="person", signed_at=now, appearance=leader)
    sealed = sign_pdf(signed, seal, role="agency", signed_at=now, appearance=rules.seal_of_agency(seal_png))

Pages may be rotated; places are meant as the page is seen. Needs the extra `demo` (reportlab, a font with
every Vietnamese letter).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.stamp import StaticStampStyle

from ebrvt_connect.errors import HeldForPerson, explain
from ebrvt_connect.transport.signing_drawing import Image, drawn_image, drawn_lines, lines_of, opened_image
from ebrvt_connect.transport.signing_page import Box, Page, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

SIGNATURE_PLACE_UNUSABLE = explain(
    "SIGNATURE_PLACE_UNUSABLE",
    "Không có chỗ để đặt hình ảnh chữ ký số trên trang ({reason}).",
    "Kiểm tra vị trí chữ ký trong cấu hình và bố cục văn bản (chừa chỗ giữa chức vụ và họ tên), rồi ký lại.",
)
MM = 72 / 25.4
_LEADER_FIELD = "ChuKyLanhDao"
_GAP = 4.0
_SCALES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)
"""A long name of an agency is written smaller, down to what can still be read."""
_RESOURCE = "/HinhThucChuKy"


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PersonRules(_Rules):
    """How a leader's signature looks."""

    certainty: Literal["verified", "remembered"]
    """Whether the values were checked against the official text."""
    colour: Literal["blue", "red", "any"]
    """The image's colour."""
    largest_width_mm: float = Field(gt=0)
    """The image is made smaller, never larger, to fit into this and its place."""
    largest_height_mm: float = Field(gt=0)
    """As the width."""


class AgencyRules(_Rules):
    """How an agency's seal looks."""

    certainty: Literal["verified", "remembered"]
    """As for a leader's."""
    colour: Literal["blue", "red", "any"]
    """The image's colour."""
    width_mm: float = Field(gt=0)
    """The seal's real width where the image does not tell its resolution."""
    smallest_width_mm: float = Field(gt=0)
    """A resolution that makes the seal smaller than this is not believed."""
    largest_width_mm: float = Field(gt=0)
    """Nor one that makes it larger."""
    overlap: float = Field(ge=0, le=1)
    """How much of the leader's signature it covers, from the left."""


class CornerRules(_Rules):
    """How text in the top right corner of the first page looks."""

    certainty: Literal["verified", "remembered"]
    """As for a leader's."""
    lines: tuple[str, ...] = Field(min_length=1)
    """With places for `{number}`, `{form}`, `{agency}` and `{time}`."""
    top_mm: float = Field(ge=0)
    """From the page's upper edge."""
    right_mm: float = Field(ge=0)
    """From its right edge."""
    largest_width_mm: float = Field(gt=0)
    """Longer lines are broken."""
    largest_height_mm: float = Field(default=15.0, gt=0)
    """What would be higher is written smaller, so that it stays in the margin above the document's text."""
    font_size: float = Field(gt=3, le=20)
    """In points."""
    leading: float = Field(gt=3, le=30)
    """From line to line, in points."""


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on a page as it is seen, in millimetres from its lower left corner."""

    page: int
    """0 is the first, -1 the last."""
    left_mm: float
    bottom_mm: float
    right_mm: float
    top_mm: float

    @property
    def box(self) -> Box:
        """In points."""
        return Box(self.left_mm * MM, self.bottom_mm * MM, self.right_mm * MM, self.top_mm * MM)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What goes onto the page: where, in the page's own coordinates, and how pyHanko is to draw it."""

    page: int
    box: tuple[int, int, int, int]
    """Left, bottom, right, top, in whole points, as pyHanko wants them."""
    style: StaticStampStyle


class Appearance(Protocol):
    """What is seen of a signature."""

    def on(self, writer: IncrementalPdfFileWriter, signed_at: datetime) -> Drawn:
        """Find its place in a document; raises `HeldForPerson` `SIGNATURE_PLACE_UNUSABLE`."""
        ...


class AppearanceRules(_Rules):
    """Colours, sizes and words of every kind of signature, from a file."""

    name: str
    """Which rules."""
    version: int
    """Of the file."""
    source: str
    """The text they are from."""
    person: PersonRules
    """Người có thẩm quyền."""
    agency: AgencyRules
    """Cơ quan, tổ chức."""
    attachment: CornerRules
    """Văn bản kèm theo."""
    copy_: CornerRules = Field(alias="copy")
    """Bản sao."""

    @classmethod
    def packaged(cls) -> AppearanceRules:
        """Those that come with the program; see `certainty` before relying on them."""
        text = files(__package__).joinpath("signing_appearance.toml").read_text("utf-8")
        return cls.model_validate(tomllib.loads(text))

    @classmethod
    def read(cls, path: Path) -> AppearanceRules:
        """Those of a file; raises `OSError` and `ValueError` for one that does not read."""
        return cls.model_validate(tomllib.loads(path.read_text("utf-8")))

    def signature_of_person(self, png: bytes, place: Place) -> Appearance:
        """A leader's: `place` is the space between title and name.

        Raises `HeldForPerson` `SIGNATURE_IMAGE_UNUSABLE` for an image that is not a PNG with a transparent
        ground in the rules' colour.
        """
        return _Centred(opened_image(png, colour=self.person.colour), place, self.person)

    def seal_of_agency(
        self, png: bytes, *, place: Place | None = None, beside: str = _LEADER_FIELD
    ) -> Appearance:
        """An agency's: over the left of the signature in the field `beside`, or centred in `place`.

        Raises as `signature_of_person`.
        """
        return _Seal(opened_image(png, colour=self.agency.colour), place, beside, self.agency)

    def mark_of_attachment(self, number: str) -> Appearance:
        """On an attachment in a file of its own: number and symbol of its document, and the time."""
        return _Corner(self.attachment, (("number", number),))

    def mark_of_copy(self, form: str, agency: str) -> Appearance:
        """On a copy: its form (`SAO Y`, `SAO LỤC`, `TRÍCH SAO`), the copying agency, and the time."""
        return _Corner(self.copy_, (("form", form), ("agency", agency)))


@dataclass(frozen=True, slots=True)
class _Centred:
    image: Image
    place: Place
    rules: PersonRules

    def on(self, writer: IncrementalPdfFileWriter, signed_at: datetime) -> Drawn:  # noqa: ARG002 - the port's signature
        page = _page(writer, self.place.page)
        width = min(self.place.box.width, self.rules.largest_width_mm * MM)
        height = min(self.place.box.height, self.rules.largest_height_mm * MM)
        scale = min(width / self.image.width, height / self.image.height)
        box = self.place.box.centred(self.image.width * scale, self.image.height * scale)
        return _with_image(page, box, self.image)


@dataclass(frozen=True, slots=True)
class _Seal:
    image: Image
    place: Place | None
    beside: str
    rules: AgencyRules

    def on(self, writer: IncrementalPdfFileWriter, signed_at: datetime) -> Drawn:  # noqa: ARG002 - as above
        width = self._width_mm() * MM
        height = width * self.image.height / self.image.width
        if self.place is not None:
            page = _page(writer, self.place.page)
            return _with_image(page, self.place.box.centred(width, height), self.image)
        page, leader = self._leader(writer)
        right = leader.left + leader.width * self.rules.overlap
        middle = (leader.bottom + leader.top) / 2
        box = Box(right - width, middle - height / 2, right, middle + height / 2)
        return _with_image(page, box, self.image)

    def _width_mm(self) -> float:
        told = self.image.width_mm
        rules = self.rules
        believed = told is not None and rules.smallest_width_mm <= told <= rules.largest_width_mm
        return told if told is not None and believed else rules.width_mm

    def _leader(self, writer: IncrementalPdfFileWriter) -> tuple[Page, Box]:
        """The last visible signature in a field of that name."""
        found = [
            (page, box) for name, page, box in _visible_signatures(writer) if name.startswith(self.beside)
        ]
        if not found:
            raise no_place("chưa có hình ảnh chữ ký của người có thẩm quyền để đặt dấu")
        return found[-1]


@dataclass(frozen=True, slots=True)
class _Corner:
    rules: CornerRules
    facts: tuple[tuple[str, str], ...]

    def on(self, writer: IncrementalPdfFileWriter, signed_at: datetime) -> Drawn:
        rules, page = self.rules, _page(writer, 0)
        facts = {**dict(self.facts), "time": signed_at.isoformat(timespec="seconds")}
        wanted = [line.format_map(facts) for line in rules.lines]
        lines, width, scale = self._fitted(wanted)
        leading = rules.leading * scale
        height = leading * len(lines)
        right, top = page.width - rules.right_mm * MM, page.height - rules.top_mm * MM
        box = Box(right - width, top - height, right, top)
        taken = [other for _, where, other in _visible_signatures(writer) if where.number == page.number]
        while any(box.meets(other) for other in taken):
            # A copy of an attachment bears both; beside each other they stay clear of the text below.
            box = box.moved(min(other.left for other in taken if box.meets(other)) - _GAP - box.right)
        pdf = drawn_lines(lines, rules.font_size * scale, leading, box, page.rotation)
        return _placed(page, box, pdf)

    def _fitted(self, wanted: list[str]) -> tuple[list[str], float, float]:
        """Lines, width of the longest, and how much smaller they are written than the rules have it."""
        rules = self.rules
        for scale in _SCALES:
            lines, width = lines_of(wanted, rules.font_size * scale, rules.largest_width_mm * MM)
            if rules.leading * scale * len(lines) <= rules.largest_height_mm * MM:
                return lines, width, scale
        raise no_place("chữ quá dài so với lề trên của trang")


class _OnePage(PdfContent):
    """A one-page PDF as the content of an appearance; the same each time, so that signing can be repeated."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        drawn = self._ensure_writer.import_page_as_xobject(PdfFileReader(BytesIO(self._pdf)))
        self.resources.xobject[_RESOURCE] = drawn
        left, bottom, right, top = drawn.get_object()["/BBox"]
        self.box = BoxConstraints(width=right - left, height=top - bottom)
        return f"{_RESOURCE} Do".encode()


def _with_image(page: Page, box: Box, image: Image) -> Drawn:
    return _placed(page, box, drawn_image(image, box, page.rotation))


def _placed(page: Page, box: Box, pdf: bytes) -> Drawn:
    if not box.lies_within(page.width, page.height):
        raise no_place("vượt ra ngoài trang giấy")
    whole = SimpleBoxLayoutRule(AxisAlignment.ALIGN_MID, AxisAlignment.ALIGN_MID, margins=Margins.uniform(0))
    style = StaticStampStyle(
        border_width=0, background=_OnePage(pdf), background_layout=whole, background_opacity=1.0
    )
    placed = page.own(box)
    corners = (round(placed.left), round(placed.bottom), round(placed.right), round(placed.top))
    return Drawn(page.number, corners, style)


def _page(writer: IncrementalPdfFileWriter, number: int) -> Page:
    total = int(writer.root["/Pages"]["/Count"])
    if not -total <= number < total:
        raise no_place(f"văn bản chỉ có {total} trang")
    reference, _ = writer.find_page_for_modification(number)
    return page_of(reference.get_object(), number % total)


def _visible_signatures(writer: IncrementalPdfFileWriter) -> Iterator[tuple[str, Page, Box]]:
    """Signed fields with a rectangle: name, page, and where, as the page is seen."""
    total = int(writer.root["/Pages"]["/Count"])
    pages: dict[Any, int] = {}
    for number in range(total):
        pages[writer.find_page_for_modification(number)[0].reference] = number
    for name, _, reference in enumerate_sig_fields(writer.prev, filled_status=True):
        field = reference.get_object()
        rectangle = [float(n) for n in field.get("/Rect", ())]
        place = field.raw_get("/P") if "/P" in field else None
        number_or_none = pages.get(getattr(place, "reference", None))
        if len(rectangle) == 4 and rectangle[0] != rectangle[2] and number_or_none is not None:  # noqa: PLR2004 - two corners
            page = _page(writer, number_or_none)
            yield name, page, page.seen(Box.of(*rectangle))


def no_place(reason: str) -> HeldForPerson:
    """That nothing can be seen of a signature, and why (Vietnamese)."""
    return HeldForPerson(SIGNATURE_PLACE_UNUSABLE, "no place on the page for what is seen", reason=reason)
