"""Counting values of a DER set or sequence before anything makes objects of them.

asn1crypto makes an object of every member as soon as one is asked for: a megabyte of empty members is a
hundred megabytes of objects and seconds of work. Here only heads are read, and not many of them.
"""

from __future__ import annotations

from typing import Final

_LONG: Final = 0x80
_HIGH_TAG: Final = 0x1F
_UNCOUNTED_BYTES: Final = 256 * 1024


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
