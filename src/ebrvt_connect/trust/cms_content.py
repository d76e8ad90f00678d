"""A CMS file and its content apart (nội dung trong tệp .p7m): the content is not held more than once.

Of a file that carries its content, asn1crypto keeps a copy on each of five levels. So the levels are walked
here, the content is left where it stands, and what is around it becomes a small object without content, as it
would be had the signature been made detached. That is done for the encodings that signing tools write: DER,
and the indefinite lengths of a streaming writer with its content in pieces. Anything else goes the long way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ebrvt_connect.trust.signed_data import content_inside, load_signed_data

if TYPE_CHECKING:
    from asn1crypto import cms
    from typing_extensions import Buffer

_SEQUENCE, _SET, _INTEGER = 0x30, 0x31, 0x02
_OCTETS, _PIECES, _FIRST, _SECOND = 0x04, 0x24, 0xA0, 0xA1
_LONG: Final = 0x80
_END: Final = b"\0\0"
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")


@dataclass(frozen=True, slots=True)
class OpenedCms:
    """The signed data of a file, and the content it carries."""

    signed: cms.SignedData
    content: Buffer | None
    """None when it stands elsewhere."""
    place: tuple[int, int] = (0, 0)
    """Where the content stands, in pieces or whole; an empty place where it stands elsewhere."""


def open_signed_data(data: bytes) -> OpenedCms:
    """Raises `CmsMalformed`, and what asn1crypto raises on broken encodings."""
    try:
        return _apart(data)
    except (_NotPlain, IndexError):
        pass
    signed = load_signed_data(data)
    content = content_inside(signed)
    encoded: bytes = b"" if content is None else signed["encap_content_info"]["content"].contents
    start = data.find(encoded) if encoded else -1
    place = (start, start + len(encoded)) if start >= 0 else (len(data), len(data))
    return OpenedCms(signed, content, place)


class _NotPlain(Exception):
    """Not one of the two encodings: nothing is said about it."""


@dataclass(slots=True)
class _Level:
    """A value that holds others: where they begin, and where they end if that is told."""

    at: int
    stop: int | None

    def close(self, data: bytes, at: int) -> int:
        """Where this value ends whose last member ended at `at`; raises `_NotPlain` for more behind it."""
        if self.stop is None:
            if data[at : at + 2] != _END:
                raise _NotPlain
            return at + 2
        if at != self.stop:
            raise _NotPlain
        return at


def _apart(data: bytes) -> OpenedCms:
    file = _level(data, 0, _SEQUENCE)
    explicit = _level(data, _past_word(data, file.at, _SIGNED_DATA), _FIRST)
    signed = _level(data, explicit.at, _SEQUENCE)
    algorithms = _value_end(data, signed.at, _INTEGER)
    encapsulated_at = _value_end(data, algorithms, _SET)
    content, place, rest_at = _encapsulated(data, encapsulated_at)
    rest_end = rest_at
    while rest_end < len(data) and data[rest_end] in (_FIRST, _SECOND, _SET):
        rest_end = _value_end(data, rest_end, data[rest_end])
    end = file.close(data, explicit.close(data, signed.close(data, rest_end)))
    if end != len(data):
        raise _NotPlain
    inner = data[signed.at : encapsulated_at] + _encoded(_SEQUENCE, _DATA) + data[rest_at:rest_end]
    hollow = _encoded(_SEQUENCE, _SIGNED_DATA + _encoded(_FIRST, _encoded(_SEQUENCE, inner)))
    return OpenedCms(load_signed_data(hollow), content, place)


def _encapsulated(data: bytes, at: int) -> tuple[Buffer, tuple[int, int], int]:
    """The content, its place, and where what follows begins."""
    outer = _level(data, at, _SEQUENCE)
    explicit = _level(data, _past_word(data, outer.at, _DATA), _FIRST)
    octets = _level(data, explicit.at, data[explicit.at])
    if data[explicit.at] == _OCTETS and octets.stop is not None:
        content: Buffer = memoryview(data)[octets.at : octets.stop]
        end = stop = octets.stop
    elif data[explicit.at] == _PIECES:
        content, end = _joined(data, octets)
        stop = octets.close(data, end)
    else:
        raise _NotPlain
    behind = outer.close(data, explicit.close(data, stop))
    return content, (octets.at, end), behind


def _joined(data: bytes, octets: _Level) -> tuple[bytes, int]:
    """Content in pieces put together, and where the last piece ends."""
    view, pieces, at = memoryview(data), [], octets.at
    while at != octets.stop and data[at] == _OCTETS:
        piece = _level(data, at, _OCTETS)
        if piece.stop is None:
            raise _NotPlain
        pieces.append(view[piece.at : piece.stop])
        at = piece.stop
    return b"".join(pieces), at


def _past_word(data: bytes, at: int, word: bytes) -> int:
    if data[at : at + len(word)] != word:
        raise _NotPlain
    return at + len(word)


def _value_end(data: bytes, at: int, tag: int) -> int:
    """Where a value of this tag ends that says how long it is."""
    stop = _level(data, at, tag).stop
    if stop is None:
        raise _NotPlain
    return stop


def _level(data: bytes, at: int, tag: int) -> _Level:
    """A value of this tag; raises `_NotPlain` for a length that is not the shortest, or beyond the file."""
    if data[at] != tag:
        raise _NotPlain
    size, start = data[at + 1], at + 2
    if size == _LONG:
        return _Level(start, None)
    if size > _LONG:
        start += size - _LONG
        written = data[at + 2 : start]
        size = int.from_bytes(written)
        if size < _LONG or not written[0]:
            raise _NotPlain
    if start + size > len(data):
        raise _NotPlain
    return _Level(start, start + size)


def _encoded(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _LONG:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, _LONG | len(length)]) + length + content


__all__ = ["OpenedCms", "open_signed_data"]
