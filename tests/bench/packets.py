"""edXML packets read and written per second, small and with 1 MB inside, against lxml.

lxml alone only makes or prints a tree: a limit, not a rival. Ours checks rules and schema, decodes the
attachment and puts it into the blobs by its digest; the second peer does that by hand on lxml's tree,
without any check.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.testing.memory import MemoryBlobs
from tests.bench import stock
from tests.bench.measure import Act, Figure, Setup, rates

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.model.document import Document

_SMALL_BYTES = 2_000
_LARGEST_BYTES = 2**26


def measure(setup: Setup) -> list[Figure]:
    middle = setup.sizes.middle_bytes
    return [*of_size("small", _SMALL_BYTES, setup), *of_size(megabytes(middle), middle, setup)]


def of_size(name: str, size: int, setup: Setup) -> list[Figure]:
    """One document with an attachment of that size, read and written."""
    blobs = MemoryBlobs()
    document = stock.document(1, blobs, b"%PDF-1.7 " + bytes(range(256)) * (size // 256))
    written = stock.packet(document, blobs)
    tree = etree.fromstring(written, parser())
    return [
        *rates(
            f"read, {name}",
            repeated(lambda: read_document(iter(stock.pieces(written)), blobs)),
            {
                "lxml fromstring": repeated(lambda: etree.fromstring(written, parser())),
                "lxml, base64, blobs": repeated(lambda: unpacked(written, blobs)),
            },
            setup.sizes,
        ),
        *rates(
            f"written, {name}",
            repeated(lambda: stock.packet(document, blobs)),
            {
                "lxml tostring": repeated(lambda: printed(tree)),
                "lxml, blobs, base64": repeated(lambda: packed(tree, document, blobs)),
            },
            setup.sizes,
        ),
    ]


def megabytes(size: int) -> str:
    return f"{size / 2**20:.3g} MB"


def repeated(act: Callable[[], object]) -> Act:
    def turns(count: int) -> None:
        for _ in range(count):
            act()

    return turns


def parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def unpacked(written: bytes, blobs: MemoryBlobs) -> None:
    node = content_node(etree.fromstring(written, parser()))
    blobs.put([base64.b64decode(node.text or "")], limit_bytes=_LARGEST_BYTES)


def packed(tree: etree._Element, document: Document, blobs: MemoryBlobs) -> bytes:
    """The attachment read from the blobs and put into a tree that is there already."""
    node = content_node(tree)
    node.text = base64.b64encode(blobs.read(document.attachments[0].sha256)).decode()
    return printed(tree)


def printed(tree: etree._Element) -> bytes:
    return etree.tostring(tree, encoding="UTF-8", xml_declaration=True)


def content_node(tree: etree._Element) -> etree._Element:
    """Where the file stands: the leaf with the longest text."""
    return max(tree.iter(etree.Element), key=lambda node: len(node.text or ""))
