"""What the ending of a file's name promises (đuôi tên tệp): software opens files by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ebrvt_connect.trust.verdict import DocumentKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_XML = frozenset({DocumentKind.XML, DocumentKind.EDXML})
_OFFICE = "docx docm dotx dotm xlsx xlsm xltx xltm xlsb xlam pptx pptm potx potm ppsx ppsm ppam vsdx"
_OTHERS = (
    "doc dot xls xlt ppt pps rtf odt ods odp odg mht mhtml hta chm zip 7z rar jar gz tar iso"
    " jpg jpeg png gif tif tiff bmp webp ico mp3 mp4 wav avi mov exe com bat cmd ps1 js jse vbs vbe wsf wsh"
    " msi lnk scr dll url eml msg ofd csv tsv json md html htm shtml xht xhtml svg txt log ini"
)
_TEXT = "html htm shtml xht xhtml svg txt log"
_KINDS: Final[Mapping[str, frozenset[DocumentKind]]] = {
    **{ending: frozenset[DocumentKind]() for ending in _OTHERS.split()},
    **dict.fromkeys(_TEXT.split(), _XML),  # markup is what they hold
    **dict.fromkeys(_OFFICE.split(), frozenset({DocumentKind.OOXML})),
    "pdf": frozenset({DocumentKind.PDF}),
    "xml": _XML,
    "xsl": _XML,
    "edxml": _XML,
    **dict.fromkeys(("p7m", "p7s", "p7b", "p7c", "p7", "sig", "cms", "pem"), frozenset({DocumentKind.CMS})),
    "eml": frozenset({DocumentKind.CMS}),  # a signed message is one
}
"""Kinds a file with this ending may be of. One with an ending not listed here nobody opens unasked."""


_JUDGED: Final = (
    frozenset(ending for ending, kinds in _KINDS.items() if kinds)
    - frozenset(_TEXT.split())
    - {
        "eml",
        "pem",
        "sig",
    }
)
"""Endings of files that are read for their signatures; a text under one of them is none of those."""


def is_of_another_kind(name: str, kind: DocumentKind) -> bool:
    """Whether a (plain) name ends as those of another kind do, the file being of a known kind or of none."""
    _, dot, ending = name.rpartition(".")
    if kind is DocumentKind.UNKNOWN:
        return bool(dot) and ending in _JUDGED
    return bool(dot) and kind not in _KINDS.get(ending, {kind})
