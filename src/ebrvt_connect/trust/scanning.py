"""Finding words in a whole file, for those who must look at every byte of it."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

XREF: Final = b"xref"
TRAILER: Final = b"trailer"
BYTE_RANGE: Final = b"/ByteRange"

_TOGETHER = re.compile(rb"e(?:f(?<=xref)|r(?<=trailer)|R(?<=/ByteR))")
"""The three words by the one letter they share: one look at every byte, where each alone would be one."""
_BEGIN_BEFORE = {b"ef": (XREF, 4), b"er": (TRAILER, 7), b"eR": (BYTE_RANGE, 6)}
"""By the two letters found: the word, and how far before their end it begins."""
_SAMPLED = 8191
_RARE = 64
"""Where more than one byte in so many is the shared letter (text, which is seldom large), each word alone is
found faster."""
_MOST_KEPT = 100_000


class Landmarks:
    """A file, and where the words its structure hangs on stand in it (`XREF`, `TRAILER`, `BYTE_RANGE`)."""

    def __init__(self, data: bytes) -> None:
        """Looks through the whole file."""
        self.data = data
        self._places = _together(data)

    def matches_of(
        self, expression: re.Pattern[bytes], word: bytes, begin: int = 0, end: int | None = None
    ) -> Iterator[re.Match[bytes]]:
        """Where an expression that begins with one of the words matches in [begin, end), in order."""
        end = len(self.data) if end is None else end
        if self._places is None:
            return matches_of(expression, word, self.data, begin, end)
        places = self._places[word]
        tried = (
            expression.match(self.data, at, end)
            for at in places[bisect_left(places, begin) : bisect_left(places, end)]
        )
        return (match for match in tried if match)


def _together(data: bytes) -> dict[bytes, list[int]] | None:
    """The places of each word; None where they are better looked for one by one."""
    if data[::_SAMPLED].count(b"e") * _RARE > len(data) // _SAMPLED:
        return None
    places: dict[bytes, list[int]] = {XREF: [], TRAILER: [], BYTE_RANGE: []}
    for found, match in enumerate(_TOGETHER.finditer(data)):
        if found == _MOST_KEPT:
            return None
        word, before = _BEGIN_BEFORE[match[0]]
        places[word].append(match.end() - before)
    return places


def places_of(word: bytes, data: bytes, begin: int = 0, end: int | None = None) -> Iterator[int]:
    """Where a word that cannot overlap itself stands in [begin, end), in order."""
    end = len(data) if end is None else end
    found = _a_few(word, data, begin, end)
    return _forwards(word, data, begin, end) if found is None else reversed(found)


def matches_of(
    expression: re.Pattern[bytes], word: bytes, data: bytes, begin: int = 0, end: int | None = None
) -> Iterator[re.Match[bytes]]:
    """Where an expression that begins with such a word matches in [begin, end), in order.

    It need be tried only where the word stands; where that is everywhere, its own search is faster.
    """
    end = len(data) if end is None else end
    found = _a_few(word, data, begin, end)
    if found is None:
        return expression.finditer(data, begin, end)
    tried = (expression.match(data, at, end) for at in reversed(found))
    return (match for match in tried if match)


def _a_few(word: bytes, data: bytes, begin: int, end: int) -> list[int] | None:
    """The places of a word, the last first; None for more than are worth keeping.

    Looked for from the back, since that way Python leaps over what cannot match: twice as fast as forwards.
    """
    found: list[int] = []
    at = data.rfind(word, begin, end)
    while at >= 0:
        found.append(at)
        if len(found) > _MOST_KEPT:
            return None
        at = data.rfind(word, begin, at)
    return found


def _forwards(word: bytes, data: bytes, begin: int, end: int) -> Iterator[int]:
    at = data.find(word, begin, end)
    while at >= 0:
        yield at
        at = data.find(word, at + len(word), end)
