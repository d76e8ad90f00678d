"""Marks of signatures (dấu vết chữ ký) in a file of which no judge reads anything.

To say that a file surely carries no signature takes more than that nobody knows its kind: other software
finds a PDF behind a page of text, a message behind long headers, markup behind a stray letter. So one mark
anywhere is enough for not saying it. Each pattern begins with a letter of no case where it can: that is
searched fast.
"""

from __future__ import annotations

import re
from typing import Final

_ELEMENT: Final = re.compile(rb"<(?:[^\s<>/]{1,200}:)?Signature\b")
_NAMESPACE: Final = b"2000/09/xmldsig"
_PIECES: Final = (
    b"%PDF-",
    b"-----BEGIN PKCS",
    b"-----BEGIN CMS",
    b"-----BEGIN PGP",
    bytes.fromhex("06092a864886f70d010702"),  # signed data, and the same in Base64 wherever a group begins
    b"CSqGSIb3DQEHA",
    b"YJKoZIhvcNAQcC",
    b"BgkqhkiG9w0BBwI",
)
_MESSAGES: Final = re.compile(rb"/(?:x-)?pkcs7-|(?<=multipart)/signed", re.IGNORECASE)
_PART_NAMES: Final = (
    re.compile(rb"\[content_types\]\.xml", re.IGNORECASE),  # OOXML, whatever its judge makes of the spelling
    re.compile(rb"_xmlsignatures", re.IGNORECASE),
    # ASiC, ODF, EPUB; JAR.
    re.compile(rb"(?<=META)-INF[/\\][^\0<>/\\]{0,60}?(?:signature|\.(?:SF|RSA|DSA|EC)\b)", re.IGNORECASE),
)
_STORAGES: Final = (
    re.compile(
        b"_\0(?:%s)?%s" % ("xml".encode("utf-16-le"), "signatures".encode("utf-16-le")), re.IGNORECASE
    ),
    re.compile("\x05DigitalSignature".encode("utf-16-le"), re.IGNORECASE),
)
"""Of compound files: Office 97-2003 (MS-OFFCRYPTO 2.5), installers."""


def names_signed_part(data: bytes) -> bool:
    """Whether a package names a part that holds signatures, or the parts of a package that is judged."""
    return any(name.search(data) for name in _PART_NAMES)


def holds_signature_element(data: bytes) -> bool:
    """Whether markup of an XML signature stands anywhere in these bytes."""
    return _NAMESPACE in data or _ELEMENT.search(data) is not None


def bears_mark(data: bytes) -> bool:
    """Whether anything in these bytes looks like a signature, or like a file that may hold one."""
    return (
        any(piece in data for piece in _PIECES)
        or holds_signature_element(data)
        or names_signed_part(data)
        or _MESSAGES.search(data) is not None
        or any(storage.search(data) for storage in _STORAGES)
    )
