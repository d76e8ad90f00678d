"""Whether a Word document shows its own properties (docProps), which office software leaves unsigned.

A content control bound to them (dataBinding) and fields such as TITLE are filled from docProps when the
document is opened: whoever changes those changes what is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.ooxml_package import Package

_SHOWING = "wordprocessingml"
_BINDING = re.compile(rb"<(?:[\w.-]+:)?dataBinding\b[^>]*")
_STORES = re.compile(
    rb"6C3C8BC8-F283-45AE-878A-BAB7291924A1|6668398D-A668-4E3E-A5EB-62B293D839F1"
    rb"|55AF091B-3C7A-41E3-B477-F2FDAA23CFDA"
    rb"|metadata/core-properties|extended-properties|extendedProperties|coverPageProps|purl\.org/dc/",
    re.IGNORECASE,
)
"""Core, extended and cover-page properties: by the names of the stores, and by namespaces."""
_PIECES = re.compile(
    rb"<(?:[\w.-]+:)?fldSimple\b[^>]*?\binstr\s*=\s*(?:\"([^\"]*)\"|'([^']*)')"
    rb"|<(?:[\w.-]+:)?instrText\b[^>]*>([^<]*)<"
    rb"|(fldCharType\s*=\s*[\"']begin)"
)
_FIELD = re.compile(
    rb"\s*(?:TITLE|SUBJECT|AUTHOR|KEYWORDS|COMMENTS|DOCPROPERTY|INFO|LASTSAVEDBY|CREATEDATE|SAVEDATE|PRINTDATE"
    rb"|EDITTIME|REVNUM|TEMPLATE)\b",
    re.IGNORECASE,
)


def shows_properties(package: Package, key: str) -> bool:
    """Whether a part shows properties of the document. Raises `PackageRefused` where it does not unpack."""
    if _SHOWING not in package.content_type(key).lower():
        return False
    content = package.content(key)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", errors="replace").encode()
    if any(_STORES.search(binding[0]) for binding in _BINDING.finditer(content)):
        return True
    return any(_FIELD.match(instruction) for instruction in _instructions(content))


def _instructions(content: bytes) -> Iterator[bytes]:
    """What fields say, their pieces put together."""
    told = b""
    for simple, quoted, piece, begins in _PIECES.findall(content):
        if begins:
            yield told
            told = b""
        elif simple or quoted:
            yield simple or quoted
        else:
            told += piece
    yield told
