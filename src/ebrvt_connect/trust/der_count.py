"""Counting values of a DER set or sequence, and taking them apart, before anything makes objects of them.

asn1crypto makes an object of every member as soon as one is asked for: a megabyte of empty members is a
hundred megabytes of objects and seconds of work. Here only heads are read, and not many of them. What was
hashed as it stood is taken out as it stands: written anew it might be other octets.
"""

from __future__ import annotations

from typing import Final

_LONG: Final = 0x80
_HIGH_TAG: Final = 0x1F
_UNCOUNTED_BYTES: Final = 256 * 1024
_END: Final = b"\0\0"
_DEEPEST: Final = 20
_MOST_HEADS: Final = 2000
"""Of values in one without a length (BER): a timestamp token as some authorities send it has some fifty."""


def has_more_than(most: int, members: bytes) -> bool:
    """Whether more than `most` values stand in these contents.

    Where a head does not say how long its value is, their size has to answer.
    """
    at = 0
    for _ in range(most):
        if at == len(members):
            return False
        following = _behind(members, at)
        if following is None:
            return len(members) > _UNCOUNTED_BYTES
        at = following
    return at < len(members)


def values_in(members: bytes | None, most: int) -> tuple[bytes, ...]:
    """The values of these contents, each with its head; none where there are no contents.

    Raises `ValueError` for more than `most`, and for one without a short tag that ends in bounds. BER is
    read where a value has no length: whoever stores a token stores it as its authority sent it.
    """
    found: list[bytes] = []
    at, members = 0, members or b""
    while at < len(members):
        end = _behind(members, at) or _behind_open(members, at)
        if end is None or len(found) == most:
            raise ValueError("values of a DER set or sequence")
        found.append(members[at:end])
        at = end
    return tuple(found)


def content_of(value: bytes, tag: int) -> bytes:
    """What stands behind the head of one value; raises `ValueError` for another tag, and for more or less."""
    if (_behind(value, 0) or _behind_open(value, 0)) != len(value) or value[0] != tag:
        raise ValueError("tag of a DER value")
    if value[1] == _LONG:
        return value[2 : -len(_END)]
    return value[2 + (value[1] - _LONG if value[1] >= _LONG else 0) :]


def _behind(members: bytes, at: int) -> int | None:
    """Where the value that begins at `at` ends; None without a short tag and a length in bounds."""
    if at + 2 > len(members) or members[at] & _HIGH_TAG == _HIGH_TAG:
        return None
    size, start = members[at + 1], at + 2
    if size >= _LONG:
        start += size - _LONG
        if size == _LONG or start > len(members):
            return None
        size = int.from_bytes(members[at + 2 : start])
    end = start + size
    return end if end <= len(members) else None


def _behind_open(members: bytes, at: int) -> int | None:
    """Where a constructed value without a length ends (X.690, 8.1.3.6); None where nowhere."""
    depth = 0
    for _ in range(_MOST_HEADS):
        if members[at : at + 2] == _END and depth:
            at, depth = at + 2, depth - 1
        elif (following := _behind(members, at)) is not None:
            at = following
        elif _is_open(members[at : at + 2]) and depth < _DEEPEST:
            at, depth = at + 2, depth + 1
        else:
            return None
        if not depth:
            return at
    return None


def _is_open(head: bytes) -> bool:
    constructed, short = bool(head and head[0] & 0x20), bool(head and head[0] & _HIGH_TAG != _HIGH_TAG)
    return constructed and short and head[1:] == bytes([_LONG])
