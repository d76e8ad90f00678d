"""Large PDFs of the kinds agencies exchange: scanned pages, many pages of text, very many small objects."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

import pikepdf
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Stream

from tests.bench import stock

if TYPE_CHECKING:
    from collections.abc import Callable

_A4 = (595, 842)
_LINE = b"BT /F1 11 Tf 72 712 Td (Dong chu mau so %d trong bao cao, phuc luc kem theo) Tj ET\n"
_SCAN_BYTES = 500_000
_LISTED_TOGETHER = 500


def scanned(pages: int) -> bytes:
    """Each page an image that packs no further."""

    def fill(pdf: pikepdf.Pdf) -> None:
        for number in range(pages):
            picture = Stream(
                pdf,
                hashlib.shake_256(b"%d" % number).digest(_SCAN_BYTES),
                Type=Name.XObject,
                Subtype=Name.Image,
                Filter=Name.DCTDecode,
                Width=1654,
                Height=2339,
                BitsPerComponent=8,
                ColorSpace=Name.DeviceGray,
            )
            page = pdf.add_blank_page(page_size=_A4)
            page.Resources = Dictionary(XObject=Dictionary(Scan=pdf.make_indirect(picture)))
            page.Contents = Stream(pdf, b"q 595 0 0 842 0 0 cm /Scan Do Q")

    return _letter_with(fill)


def printed(pages: int, *, packed: bool = False) -> bytes:
    """Pages of text; `packed` into object streams, as office software writes them."""

    def fill(pdf: pikepdf.Pdf) -> None:
        for number in range(pages):
            page = pdf.add_blank_page(page_size=_A4)
            page.Contents = Stream(pdf, _LINE % number * 40)

    return _letter_with(fill, packed=packed)


def tagged(objects: int, *, packed: bool = False) -> bytes:
    """Very many small objects, like the structure tree of a long tagged document."""

    def fill(pdf: pikepdf.Pdf) -> None:
        leaves = [pdf.make_indirect(Dictionary(S=Name.P, K=n, T=f"Phan {n}")) for n in range(objects)]
        lists = [
            pdf.make_indirect(Array(leaves[begin : begin + _LISTED_TOGETHER]))
            for begin in range(0, objects, _LISTED_TOGETHER)
        ]
        pdf.Root.PieceInfo = pdf.make_indirect(Dictionary(Parts=Array(lists)))

    return _letter_with(fill, packed=packed)


def _letter_with(fill: Callable[[pikepdf.Pdf], None], *, packed: bool = False) -> bytes:
    written = BytesIO()
    with pikepdf.open(BytesIO(stock.letter(1))) as pdf:
        fill(pdf)
        mode = ObjectStreamMode.generate if packed else ObjectStreamMode.disable
        pdf.save(written, object_stream_mode=mode, compress_streams=False, deterministic_id=True)
    return written.getvalue()
