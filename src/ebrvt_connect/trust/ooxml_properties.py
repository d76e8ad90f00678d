"""Whether a Word document shows its own properties (docProps), which office software leaves unsigned.

A content control bound to them (dataBinding) and fields such as TITLE are filled from docProps when the
document is opened: whoever changes those changes what is read. A part is read as XML for that: who wrote the
document may have spelt a field with character references, in CDATA or around a comment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from ebrvt_connect.trust.ooxml_package import Package

_SHOWING = "wordprocessingml"
_TELLING = (b"dataBinding", b"instr", b"\0")
"""Without one of these there is neither: names in XML have one spelling, in all but UTF-16."""
_STORES = re.compile(
    r"6C3C8BC8-F283-45AE-878A-BAB7291924A1|6668398D-A668-4E3E-A5EB-62B293D839F1"
    r"|55AF091B-3C7A-41E3-B477-F2FDAA23CFDA"
    r"|metadata/core-properties|extended-properties|extendedProperties|coverPageProps|purl\.org/dc/",
    re.IGNORECASE,
)
"""Core, extended and cover-page properties: by the names of the stores, and by namespaces."""
_FIELD = re.compile(
    r"[\s\"]*(?:TITLE|SUBJECT|AUTHOR|KEYWORDS|COMMENTS|DOCPROPERTY|INFO|LASTSAVEDBY|CREATEDATE|SAVEDATE"
    r"|PRINTDATE|EDITTIME|REVNUM|TEMPLATE)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\s*(?:=|\S+\s)")
"""An instruction that says what it is before another field stands in it."""


def shows_properties(package: Package, key: str) -> bool:
    """Whether a part shows properties of the document, or may. Raises `PackageRefused` when it is damaged."""
    if _SHOWING not in package.content_type(key).lower():
        return False
    content = package.content(key)
    if not any(telling in content for telling in _TELLING):
        return False
    reader = _Reader()
    try:
        reader.read(content)
    except (expat.ExpatError, ValueError, LookupError):
        return True  # what cannot be read here others may read
    return reader.shows


class _Reader:
    """Reads one part, and remembers whether it shows properties."""

    def __init__(self) -> None:
        self.shows = False
        self._told = ""
        """What the field says that was begun last."""
        self._depth = 0
        """How many fields are open."""
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = _refuse

    def read(self, content: bytes) -> None:
        """Raises `ExpatError` for what is no XML, `ValueError` for what has a document type."""
        self._parser.Parse(content, True)  # noqa: FBT003 - expat takes it by place
        self._finish()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "dataBinding":
                self.shows |= any(map(_STORES.search, attributes.values()))
            case "fldSimple":
                self.shows |= any(map(_FIELD.match, attributes.values()))
            case "instrText":
                self._parser.CharacterDataHandler = self._tell
            case "fldChar":
                self._field(*attributes.values())

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] == "instrText":
            self._parser.CharacterDataHandler = None

    def _tell(self, text: str) -> None:
        self._told += text

    def _field(self, *said: str) -> None:
        """A mark of a field; what a field within another makes of its name is not foreseen."""
        if "begin" in said:
            self.shows |= self._depth > 0 and _NAMED.match(self._told) is None
            self._finish()
            self._depth += 1
        elif "end" in said:
            self._depth -= 1

    def _finish(self) -> None:
        self.shows |= _FIELD.match(self._told) is not None
        self._told = ""


def _refuse(*_: object) -> None:
    raise ValueError("document type")
