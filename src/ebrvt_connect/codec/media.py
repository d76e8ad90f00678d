"""What a file is (định dạng tệp), told from its bytes: labels and names from outside are claims."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import BinaryIO

from ebrvt_connect.codec.zip import ZIP_LIMITS, Archive, ZipLimits
from ebrvt_connect.errors import InvalidValue

PDF = "application/pdf"
ZIP = "application/zip"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
OLE = "application/x-ole-storage"
"""The container of .doc, .xls and .ppt; which of them is not told apart."""
XML = "application/xml"
HTML = "text/html"
PNG = "image/png"
JPEG = "image/jpeg"
UNKNOWN = "application/octet-stream"

OOXML = frozenset({DOCX, XLSX, PPTX})
ZIP_FAMILY = OOXML | {ZIP}

HEAD_BYTES = 1024
"""How much of the beginning `sniff` wants; readers look for `%PDF-` that far."""

_MAGIC = (
    (b"%PDF-", PDF),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
)
_HTML = re.compile(rb"(?:<!--.*?-->\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_OOXML_FOLDERS = (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX))


def sniff(head: bytes) -> str:
    """The media type by the first `HEAD_BYTES`; `UNKNOWN` where no mark is found.

    An office file (docx, xlsx) looks like any ZIP from here: see `identify`.
    """
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    text = head[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        return HTML
    if text.startswith(b"<?xml"):
        return XML
    return PDF if b"%PDF-" in head[:HEAD_BYTES] else UNKNOWN


def identify(stream: BinaryIO, limits: ZipLimits = ZIP_LIMITS) -> str:
    """The media type of a seekable stream, looking into a ZIP far enough to know an office file."""
    stream.seek(0)
    media_type = sniff(stream.read(HEAD_BYTES))
    if media_type != ZIP:
        return media_type
    try:
        return archive_type(entry.name for entry in Archive(stream, limits).entries)
    except InvalidValue:
        return ZIP


def archive_type(names: Iterable[str]) -> str:
    """Which office file has entries of these names, or plain `ZIP`."""
    known = tuple(names)
    if "[Content_Types].xml" not in known:
        return ZIP
    return next(
        (kind for folder, kind in _OOXML_FOLDERS if any(name.startswith(folder) for name in known)), ZIP
    )
