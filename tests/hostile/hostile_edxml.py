"""edXML packets that want to be too much for whoever opens them."""

import zipfile
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO

from tests.hostile import hostile_cms, hostile_ooxml, hostile_pdf
from tests.unit.trust.packet_samples import edxml
from tests.unit.trust.samples import plain_pdf


def _packets(depth: int) -> bytes:
    data = plain_pdf()
    for _ in range(depth):
        data = edxml({"goi-tin.xml": data})
    return data


def _base64(depth: int) -> bytes:
    data = plain_pdf()
    for _ in range(depth):
        data = b64encode(data)
    return data


def _archive(size: int) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a.pdf", b"\0" * size)
    return buffer.getvalue()


def _archives(depth: int) -> bytes:
    data = _archive(10_000_000)
    for _ in range(depth):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.zip", data)
        data = buffer.getvalue()
    return data


def _swapped(old: bytes, new: bytes) -> bytes:
    packet = edxml({"a.pdf": plain_pdf()})
    assert old in packet
    return packet.replace(old, new)


MADE: dict[str, Callable[[], bytes]] = {
    "packets in packets": lambda: _packets(12),
    "base64 within base64": lambda: edxml({"a.txt": _base64(20)}),
    "an archive that is a bomb": lambda: edxml({"a.pdf": _archive(300_000_000)}),
    "a bomb called a document": lambda: edxml({"a.docx": hostile_ooxml.MADE["a part of 250 megabytes"]()}),
    "archives in archives": lambda: edxml({"a.pdf": _archives(30)}),
    "two hundred files": lambda: edxml({f"{n}.pdf": plain_pdf() for n in range(200)}),
    "three hundred files": lambda: edxml({f"{n}.pdf": plain_pdf() for n in range(300)}),
    "a file in circles": lambda: edxml({"a.pdf": hostile_pdf.MADE["sections in a circle"]()}),
    "a file of nothing but levels": lambda: edxml({"a.p7s": hostile_cms.MADE["values in values"]()}),
    "text that is no base64": lambda: _swapped(b64encode(plain_pdf())[:40], b"=" * 40),
    "elements by the million": lambda: edxml({"a.pdf": plain_pdf()}).replace(
        b"</edXML:edXMLHeader>", b"<a/>" * 1_000_000 + b"</edXML:edXMLHeader>"
    ),
    "a packet that is cut off": lambda: edxml({"a.pdf": plain_pdf()})[:-200],
}
"""How each is made, by what it is."""
