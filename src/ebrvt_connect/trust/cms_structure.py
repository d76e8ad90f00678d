"""The levels of CMS signed data (cấu trúc CMS), member by member: nothing stands there that has no place.

asn1crypto reads the members it knows and passes over what comes behind them, which no signature covers and
other software may show. RFC 5652, 3 to 5.3. Only heads are read.
"""

from __future__ import annotations

from typing import Final

_SEQUENCE, _SET, _INTEGER, _OID = 0x30, 0x31, 0x02, 0x06
_OCTETS, _PIECES, _FIRST, _SECOND = 0x04, 0x24, 0xA0, 0xA1
_LONG: Final = 0x80
_CONSTRUCTED: Final = 0x20
_HIGH_TAG: Final = 0x1F
_END: Final = b"\0\0"
_MOST_MEMBERS: Final = 20_000
_DEEPEST: Final = 60
_CHOICES: Final = frozenset({_SEQUENCE, _SECOND, 0xA2})
"""Certificates and attribute certificates; `other` may be anything, and extended ones nobody has."""
_IDENTIFIERS: Final = frozenset({_SEQUENCE, 0x80, _FIRST})
_SIGNER: Final = (_INTEGER, None, _SEQUENCE, _FIRST, _SEQUENCE, _OCTETS, _SECOND)
"""Of a SignerInfo; the identifier is either of two, the sets of attributes may be missing."""


class _Strange(Exception):
    """Something stands where nothing may."""


class _Value:
    """One value: its tag, where its members begin and where they end, and where what follows begins."""

    __slots__ = ("end", "start", "stop", "tag")

    def __init__(self, tag: int, start: int, stop: int, end: int) -> None:
        self.tag, self.start, self.stop, self.end = tag, start, stop, end


def is_strictly_built(data: bytes) -> bool:
    """Whether signed data in a ContentInfo has the members of the standard and no others, on each level."""
    try:
        (info,) = _members(data, 0, len(data), _SEQUENCE)
        _, explicit = _members(data, info.start, info.stop, _OID, _FIRST)
        (signed,) = _members(data, explicit.start, explicit.stop, _SEQUENCE)
        _check_signed(data, signed)
    except (_Strange, IndexError, ValueError, RecursionError):
        return False
    return True


def _check_signed(data: bytes, signed: _Value) -> None:
    members = _members_of(data, signed)
    tags = [member.tag for member in members]
    optional = [tag for tag in tags[3:-1] if tag in (_FIRST, _SECOND)]
    if tags != [_INTEGER, _SET, _SEQUENCE, *sorted(set(optional)), _SET]:
        raise _Strange
    _, algorithms, encapsulated, *_, signers = members
    _check_each(data, algorithms, {_SEQUENCE})
    _check_content(data, encapsulated)
    if tags[3] == _FIRST:
        _check_each(data, members[3], _CHOICES)
    for signer in _members_of(data, signers):
        _check_signer(data, signer)


def _check_content(data: bytes, encapsulated: _Value) -> None:
    """A type, and at most one content."""
    kind, *explicit = _members_of(data, encapsulated)
    if kind.tag != _OID or [e.tag for e in explicit] not in ([], [_FIRST]):
        raise _Strange
    for content in explicit:
        if len(_members_of(data, content)) != 1:
            raise _Strange


def _check_signer(data: bytes, signer: _Value) -> None:
    tags = [member.tag for member in _members_of(data, signer)]
    with_attributes = tags if _FIRST in tags[3:4] else [*tags[:3], _FIRST, *tags[3:]]
    full = with_attributes if len(with_attributes) == len(_SIGNER) else [*with_attributes, _SECOND]
    known = zip(full, _SIGNER, strict=False)
    if signer.tag != _SEQUENCE or len(full) != len(_SIGNER) or any(w not in (None, t) for t, w in known):
        raise _Strange
    if tags[1] not in _IDENTIFIERS:
        raise _Strange


def _check_each(data: bytes, holder: _Value, tags: frozenset[int] | set[int]) -> None:
    if any(member.tag not in tags for member in _members_of(data, holder)):
        raise _Strange


def _members(data: bytes, at: int, stop: int, *tags: int) -> list[_Value]:
    """The values there, which have these tags; raises `_Strange` otherwise."""
    found = _between(data, at, stop)
    if [value.tag for value in found] != list(tags):
        raise _Strange
    return found


def _members_of(data: bytes, holder: _Value) -> list[_Value]:
    return _between(data, holder.start, holder.stop)


def _between(data: bytes, at: int, stop: int) -> list[_Value]:
    found: list[_Value] = []
    while at < stop:
        if len(found) == _MOST_MEMBERS:
            raise _Strange
        found.append(_value(data, at))
        at = found[-1].end
    if at != stop:
        raise _Strange
    return found


def _value(data: bytes, at: int, depth: int = 0) -> _Value:
    """The value that begins there; one without a length ends with its last member."""
    tag, size, start = data[at], data[at + 1], at + 2
    if tag & _HIGH_TAG == _HIGH_TAG or depth > _DEEPEST:
        raise _Strange
    if size == _LONG:
        if not tag & _CONSTRUCTED:
            raise _Strange
        stop = start
        while data[stop : stop + 2] != _END:
            stop = _value(data, stop, depth + 1).end
        return _Value(tag, start, stop, stop + 2)
    if size > _LONG:
        start += size - _LONG
        size = int.from_bytes(data[at + 2 : start])
    if start + size > len(data):
        raise _Strange
    return _Value(tag, start, start + size, start + size)
