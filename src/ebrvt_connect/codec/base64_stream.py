"""Base64 in pieces, cut at any place: what a packet carries is never whole in memory."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

from ebrvt_connect.errors import InvalidValue, explain

BASE64_INVALID = explain(
    "BASE64_INVALID",
    "Nội dung tệp đính kèm bị hỏng trên đường truyền (mã hóa base64 không hợp lệ hoặc bị cắt cụt).",
    "Đề nghị bên gửi gửi lại văn bản; bản gốc đã nhận vẫn được giữ để đối chiếu.",
)
_GROUP_CHARS = 4
_GROUP_BYTES = 3


def decode_base64(pieces: Iterable[str]) -> Iterator[bytes]:
    """The bytes behind base64 text that comes cut at any place and wrapped in any way.

    Raises `InvalidValue` `BASE64_INVALID` for a foreign character, a cut end, or anything after the padding.
    """
    rest = b""
    padded = False
    for piece in pieces:
        text = rest + b"".join(_ascii(piece).split())
        whole = len(text) - len(text) % _GROUP_CHARS
        rest = text[whole:]
        if padded and text:
            raise _invalid("text after the padding")
        if whole:
            padded = text[whole - 1 : whole] == b"="
            yield _decoded(text[:whole])
    if rest:
        raise _invalid("the text ends inside a group of four")


def encode_base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Base64 on one line without wrapping, in pieces."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % _GROUP_BYTES
        rest = data[whole:]
        yield binascii.b2a_base64(data[:whole], newline=False)
    yield binascii.b2a_base64(rest, newline=False)


def _ascii(piece: str) -> bytes:
    try:
        return piece.encode("ascii")
    except UnicodeEncodeError as failure:
        raise _invalid("a character outside ASCII") from failure


def _decoded(text: bytes) -> bytes:
    if text.endswith(b"==="):  # Python's strict mode lets a group of nothing but padding pass
        raise _invalid("too much padding")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as failure:
        raise _invalid(str(failure)) from failure


def _invalid(why: str) -> InvalidValue:
    return InvalidValue(BASE64_INVALID, f"base64 not valid: {why}")
