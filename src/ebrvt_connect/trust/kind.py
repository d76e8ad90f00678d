"""What a file is, by its content: names and declared media types come from others and decide nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ebrvt_connect.trust.cms_armour import is_armoured, is_multipart_signed, is_signed_data
from ebrvt_connect.trust.signature_marks import bears_mark, names_signed_part
from ebrvt_connect.trust.verdict import DocumentKind

_LOOK_BYTES = 4096
_PDF_HEADER_WITHIN = 1024
_CMS = "CMS (p7m/p7s)"
_ZIP_END = b"PK\x05\x06"
_ZIP_END_WITHIN = 22 + 0xFFFF
"""The end record and the longest comment behind it."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream of a compound file in which a package with a password stands (MS-OFFCRYPTO 2.3.4.4)."""
_MARKUP = re.compile(rb"<[?!A-Za-z_:\x80-\xff]")
_WEB_PAGE = re.compile(rb"<(?:!doctype\s+)?html\b", re.IGNORECASE)
_EDXML = re.compile(rb"edxml", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was recognised, in words for a report, and whether it may hold a signature."""

    kind: DocumentKind
    name: str
    """`PDF`, `ZIP`, `XML`, ...; empty when nothing was recognised."""
    may_be_signed: bool = False
    judged: bool = True
    """Whether this version judges files of this shape at all."""

    def is_of(self, kind: DocumentKind | None) -> bool:
        """Whether it is of a kind that somebody named (None: of any); an edXML packet is XML, too."""
        own = (self.kind, DocumentKind.XML) if self.kind is DocumentKind.EDXML else (self.kind,)
        return kind is None or kind in own


def sighted(data: bytes) -> Sighting:
    """Recognise a file. A PDF header within the first kilobyte counts, as PDF readers take it.

    Unless the file is a CMS object: it may carry a PDF, and its judge looks whether it also poses as one.
    """
    head = data[:_LOOK_BYTES]
    if is_signed_data(head):
        return Sighting(DocumentKind.CMS, _CMS, may_be_signed=True)
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return Sighting(DocumentKind.PDF, "PDF", may_be_signed=True)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(data)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if is_armoured(text):
        return Sighting(DocumentKind.CMS, _CMS, may_be_signed=True)
    if is_multipart_signed(text):
        return Sighting(DocumentKind.CMS, "S/MIME (multipart/signed)", may_be_signed=True, judged=False)
    if head.startswith(_OLE) and _LOCKED_PACKAGE in data:
        return Sighting(DocumentKind.OOXML, "Office (OOXML)", may_be_signed=True)
    if _MARKUP.match(text):
        # Anywhere: a long comment in front must not hide a packet, whose files would go unjudged.
        if _EDXML.search(data):
            return Sighting(DocumentKind.EDXML, "edXML", may_be_signed=True)
        # Read even where no signature is in sight: one that was cut off is not one that never was.
        return Sighting(DocumentKind.XML, "XML", may_be_signed=b"Signature" in data or not is_web_page(data))
    name = _unsigned_kind(data)
    return Sighting(DocumentKind.UNKNOWN, name, may_be_signed=bool(name) and bears_mark(data))


def is_web_page(data: bytes) -> bool:
    """Whether it says to be HTML, which is no XML and carries no signature."""
    return _WEB_PAGE.match(data[:_LOOK_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()) is not None


_MAGIC = (
    (_OLE, "Office 97-2003"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"{\\rtf", "RTF"),
)


def _unsigned_kind(data: bytes) -> str:
    """Common kinds of appendix, which mostly carry no signature; empty for what nobody would recognise."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    head = data[:_LOOK_BYTES]
    try:
        text = head.decode() if len(data) <= _LOOK_BYTES else head.decode(errors="ignore")
    except UnicodeDecodeError:
        return ""
    printable = text and all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text)
    return "TXT" if printable and len(text.encode()) >= len(head) - 3 else ""


def _zipped(data: bytes) -> Sighting:
    """An OOXML package names its content types, in the clear. What has no end is a piece of one.

    Whatever else is in an archive is not signed by it, so only the names of its parts are looked at.
    """
    if b"[Content_Types].xml" in data:
        return Sighting(DocumentKind.OOXML, "Office (OOXML)", may_be_signed=True)
    if _ZIP_END not in data[-_ZIP_END_WITHIN:]:
        return Sighting(DocumentKind.OOXML, "ZIP", may_be_signed=True)
    return Sighting(DocumentKind.UNKNOWN, "ZIP", may_be_signed=names_signed_part(data))
