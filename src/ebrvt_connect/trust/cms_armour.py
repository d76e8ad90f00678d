"""CMS files as they are passed around: DER, PEM, bare Base64, the body of an S/MIME message."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNED_DATA_OID = bytes.fromhex("06092a864886f70d010702")
_SEQUENCE = 0x30
_LOOK_BYTES = 32
_LOOK_CHARS = 4 * _LOOK_BYTES
_PEM_BEGIN = re.compile(rb"-----BEGIN (PKCS7|CMS|PKCS #7 SIGNED DATA)-----")
_HEADER = re.compile(rb"[A-Za-z-]+:[ \t]")
_SMIME = re.compile(
    rb"^content-type:\s*application/(?:x-)?pkcs7-(?:mime|signature)\b", re.IGNORECASE | re.MULTILINE
)
_MULTIPART = re.compile(rb"^content-type:\s*multipart/signed\b", re.IGNORECASE | re.MULTILINE)
_BASE64_ENCODING = re.compile(rb"^content-transfer-encoding:\s*base64\s*$", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEADERS = 1024
_KNOWN_HEADERS = frozenset(
    {
        b"mime-version",
        b"content-type",
        b"content-transfer-encoding",
        b"content-disposition",
        b"content-description",
        b"content-id",
        b"content-length",
    }
)
_NOT_IN_HEADERS = re.compile(rb"<[A-Za-z/!?](?![^<>@\s]*@[^<>@\s]*>)|[\0-\x08\x0b\x0c\x0e-\x1f]")
"""Markup, but for an address in pointed brackets, and what is no text."""
_WHITE = b" \t\n\r\x0b\x0c"
_BLANKS = frozenset(_WHITE[n : n + 1] for n in range(len(_WHITE)))
_NOT_WHITE = re.compile(rb"[^ \t\n\r\x0b\x0c]")
_BOM = b"\xef\xbb\xbf"
_PIECE_BYTES = 256 * 1024
_GROUP_CHARS = 4
_TAIL_CHARS = 8
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def is_signed_data(head: bytes) -> bool:
    """Whether these are the first bytes of CMS signed data."""
    return head[:1] == bytes([_SEQUENCE]) and _SIGNED_DATA_OID in head[:_LOOK_BYTES]


def is_armoured(head: bytes) -> bool:
    """Whether this text begins CMS signed data in PEM, Base64 or S/MIME."""
    if _PEM_BEGIN.match(head):
        return True
    if _HEADER.match(head):
        headers = _BLANK_LINE.split(head, maxsplit=1)[0]
        return _SMIME.search(headers) is not None and _BASE64_ENCODING.search(headers) is not None
    return is_signed_data(_first_bytes(head))


def is_multipart_signed(head: bytes) -> bool:
    """Whether this text is an e-mail message whose signature stands beside its body (multipart/signed)."""
    if not _HEADER.match(head):
        return False
    return _MULTIPART.search(_BLANK_LINE.split(head, maxsplit=1)[0]) is not None


def headers_of(data: bytes) -> bytes:
    """What stands in front of the Base64 of an S/MIME file; empty for every other armour."""
    head = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not _HEADER.match(head):
        return b""
    return data[: len(data) - len(head)] + _BLANK_LINE.split(head, maxsplit=1)[0]


def has_strange_headers(data: bytes) -> bool:
    """Whether its header says more than what it is: nobody signs it, and software may show it."""
    headers = headers_of(data)
    lines = re.sub(rb"\r?\n[ \t]+", b" ", headers.strip()).splitlines()
    names = [line.partition(b":")[0].lower() for line in lines]
    return (
        len(headers) > _LONGEST_HEADERS
        or not _KNOWN_HEADERS.issuperset(names)
        or len(set(names)) != len(names)
        or _NOT_IN_HEADERS.search(headers) is not None
    )


def unarmoured(data: bytes) -> bytes:
    """The binary object; raises `ValueError` where armour holds anything but one Base64 object."""
    if is_signed_data(data):
        return data
    start, stop = _inner(data)
    if begin := _PEM_BEGIN.match(data, start, stop):
        end = b"-----END %s-----" % begin[1]
        if not data.endswith(end, begin.end(), stop):
            raise ValueError("PEM: expected one block and nothing behind it")
        start, stop = begin.end(), stop - len(end)
    elif _HEADER.match(data, start, stop):
        blank = _BLANK_LINE.search(data, start, stop)
        start = stop if blank is None else blank.end()
    return b"".join(_decoded(data, start, stop))


def _inner(data: bytes) -> tuple[int, int]:
    """Where the text begins and ends, mark and blanks at its ends aside."""
    start = len(_BOM) if data.startswith(_BOM) else 0
    found = _NOT_WHITE.search(data, start)
    if found is None:
        return len(data), len(data)
    stop = len(data)
    while data[stop - 1 : stop] in _BLANKS:
        stop -= 1
    return found.start(), stop


def _decoded(data: bytes, start: int, stop: int) -> Iterator[bytes]:
    """What stands in Base64 there, piece by piece: the text is not copied as a whole, several times over.

    Raises `ValueError` for a foreign letter, and for padding anywhere but at the end.
    """
    rest = b""
    for at in range(start, stop, _PIECE_BYTES):
        text = rest + data[at : min(at + _PIECE_BYTES, stop)].translate(None, _WHITE)
        # The last groups stay together: how they are padded is judged by them all.
        whole = max(0, (len(text) - _TAIL_CHARS) // _GROUP_CHARS * _GROUP_CHARS)
        if b"=" in text[:whole]:
            raise ValueError("Base64: expected nothing behind the padding")
        yield b64decode(text[:whole], validate=True)
        rest = text[whole:]
    yield b64decode(rest, validate=True)


def _first_bytes(text: bytes) -> bytes:
    letters = b"".join(text[: 2 * _LOOK_CHARS].split())[:_LOOK_CHARS]
    try:
        return b64decode(letters[: len(letters) // 4 * 4], validate=True)
    except ValueError:
        return b""
