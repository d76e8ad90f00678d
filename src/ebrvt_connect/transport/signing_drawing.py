"""Drawing what is seen of a signature: an image, or lines of Vietnamese text, as a PDF of one small page."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from ebrvt_connect.errors import HeldForPerson, explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image as Picture
    from reportlab.pdfgen.canvas import Canvas

    from ebrvt_connect.transport.signing_page import Box

SIGNATURE_IMAGE_UNUSABLE = explain(
    "SIGNATURE_IMAGE_UNUSABLE",
    "Tệp hình ảnh chữ ký hoặc con dấu không dùng được ({reason}).",
    "Dùng tệp PNG nền trong suốt; chữ ký của người có thẩm quyền màu xanh, dấu của cơ quan màu đỏ "
    "(Nghị định 30/2020/NĐ-CP, Phụ lục I).",
)
_FONT: Final = "SignatureAppearance"
_LARGEST_IMAGE_BYTES = 5 * 2**20
_LARGEST_SIDE_PIXELS = 4000
_MM_PER_INCH = 25.4
_CHANNELS = {"red": 0, "blue": 2}
_THUMBNAIL_PIXELS = 128
_OPAQUE = 64
_MOST_INK = 0.9
"""A round seal leaves a fifth of its square free; one speck of transparency in a white sheet is no ground."""


@dataclass(frozen=True, slots=True)
class Image:
    """A PNG with a transparent ground."""

    width: int
    """In pixels."""
    height: int
    """In pixels."""
    width_mm: float | None
    """Its real width, where the file tells its resolution."""
    png: bytes = field(repr=False)


def opened_image(png: bytes, *, colour: str) -> Image:
    """Check an image; raises `HeldForPerson` `SIGNATURE_IMAGE_UNUSABLE` for one the rules do not allow.

    `colour`: `blue`, `red`, or `any`. A leader's signature in red or a seal in blue was taken for the other.
    """
    import PIL.Image

    if len(png) > _LARGEST_IMAGE_BYTES:
        raise _unusable("tệp lớn hơn 5 MB")
    try:
        picture = PIL.Image.open(BytesIO(png), formats=("PNG",))
        pixels = picture.convert("RGBA") if max(picture.size) <= _LARGEST_SIDE_PIXELS else None
    except Exception as failure:
        # Pillow tells of broken files in many ways.
        raise _unusable("không phải tệp PNG đọc được") from failure
    if pixels is None:
        raise _unusable(f"lớn hơn {_LARGEST_SIDE_PIXELS} điểm ảnh mỗi chiều")
    per_inch = picture.info.get("dpi")
    small = pixels.copy()
    small.thumbnail((_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS))
    alphas = small.getchannel("A").tobytes()
    seen = [n for n, alpha in enumerate(alphas) if alpha >= _OPAQUE]
    if not seen:
        raise _unusable("ảnh trống")
    if len(seen) > len(alphas) * _MOST_INK:
        raise _unusable("nền không trong suốt")
    if colour in _CHANNELS and _strongest(small, seen) != _CHANNELS[colour]:
        raise _unusable("màu phải là xanh" if colour == "blue" else "màu phải là đỏ")
    width_mm = pixels.width / float(per_inch[0]) * _MM_PER_INCH if per_inch and per_inch[0] else None
    return Image(pixels.width, pixels.height, width_mm, png)


def drawn_image(image: Image, box: Box, rotation: int) -> bytes:
    """The image filling a page of the box's size, upright once the page it goes on is shown turned."""
    from reportlab.lib.utils import ImageReader

    canvas, buffer = _canvas(box, rotation)
    canvas.drawImage(ImageReader(BytesIO(image.png)), 0, 0, box.width, box.height, mask="auto")
    return _finished(canvas, buffer)


def drawn_lines(lines: Iterable[str], font_size: float, leading: float, box: Box, rotation: int) -> bytes:
    """Lines of text from the box's upper left."""
    canvas, buffer = _canvas(box, rotation)
    canvas.setFont(_font(), font_size)
    for nth, line in enumerate(lines, 1):
        canvas.drawString(0, box.height - leading * nth + (leading - font_size) / 2 + font_size * 0.2, line)
    return _finished(canvas, buffer)


def lines_of(texts: Iterable[str], font_size: float, largest_width: float) -> tuple[list[str], float]:
    """The texts broken where they are too long, and the width of the longest line, in points."""
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfbase import pdfmetrics

    font = _font()
    lines = [line for text in texts for line in simpleSplit(text, font, font_size, largest_width)]
    return lines, max((pdfmetrics.stringWidth(line, font, font_size) for line in lines), default=0.0)


def _strongest(pixels: Picture, seen: list[int]) -> int:
    """Which channel outweighs the others where the image is not transparent."""
    channels = [channel.tobytes() for channel in pixels.split()]
    sums = [sum(channel[n] for n in seen) for channel in channels[:3]]
    return -1 if len(set(sums)) == 1 else sums.index(max(sums))


def _canvas(box: Box, rotation: int) -> tuple[Canvas, BytesIO]:
    from reportlab.pdfgen.canvas import Canvas

    lies = rotation in (90, 270)
    width, height = (box.height, box.width) if lies else (box.width, box.height)
    buffer = BytesIO()
    # Invariant: no time of making and no chance in it, so that the same signature can be made again.
    canvas = Canvas(buffer, pagesize=(width, height), pageCompression=1, invariant=1)
    corner: dict[int, tuple[Any, Any]] = {0: (0, 0), 90: (width, 0), 180: (width, height), 270: (0, height)}
    canvas.translate(*corner[rotation])
    canvas.rotate(rotation)
    return canvas, buffer


def _finished(canvas: Canvas, buffer: BytesIO) -> bytes:
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@cache
def _font() -> str:
    """Registered once in a process; a PDF's built-in fonts have no "ờ Ễ ữ đ Ư"."""
    import fontpkg_be_vietnam_pro  # type: ignore[import-untyped]
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    path = fontpkg_be_vietnam_pro.ROOT / "files" / "BeVietnamPro-Regular.ttf"
    pdfmetrics.registerFont(TTFont(_FONT, str(path)))
    return _FONT


def _unusable(reason: str) -> HeldForPerson:
    return HeldForPerson(SIGNATURE_IMAGE_UNUSABLE, "the image of a signature cannot be used", reason=reason)
