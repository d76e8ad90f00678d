"""Finding words in a whole file, for those who must look at every byte of it.

By StringZilla, which compares many bytes at a time: Python's own search takes longer over a large file than
hashing it does.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Final

import stringzilla

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

XREF: Final = b"xref"
TRAILER: Final = b"trailer"
BYTE_RANGE: Final = b"/ByteRange"

_MOST_KEPT = 100_000


class Landmarks:
    """A file, and where the words its structure hangs on stand in it (`XREF`, `TRAILER`, `BYTE_RANGE`)."""

    def __init__(self, data: bytes) -> None:
        """Looks through the whole file."""
        self.data = data
        self._places = {word: _a_few(word, data, 0, len(data)) for word in (XREF, TRAILER, BYTE_RANGE)}

    def matches_of(
        self, expression: re.Pattern[bytes], word: bytes, begin: int = 0, end: int | None = None
    ) -> Iterator[re.Match[bytes]]:
        """Where an expression that begins with one of the words matches in [begin, end), in order."""
        end = len(self.data) if end is None else end
        places = self._places[word]
        if places is None:  # where it stands everywhere, the expression's own search is faster
            return expression.finditer(self.data, begin, end)
        tried = (
            expression.match(self.data, at, end)
            for at in places[bisect_left(places, begin) : bisect_left(places, end)]
        )
        return (match for match in tried if match)


def places_of(word: bytes, data: bytes, begin: int = 0, end: int | None = None) -> Iterator[int]:
    """Where a word that cannot overlap itself stands in [begin, end), in order."""
    end = len(data) if end is None else end
    at = stringzilla.find(data, word, begin, end)
    while at >= 0:
        yield at
        at = stringzilla.find(data, word, at + len(word), end)


def _a_few(word: bytes, data: bytes, begin: int, end: int) -> list[int] | None:
    """The places of a word; None for more than are worth keeping."""
    found = list(islice(places_of(word, data, begin, end), _MOST_KEPT + 1))
    return found if len(found) <= _MOST_KEPT else None
