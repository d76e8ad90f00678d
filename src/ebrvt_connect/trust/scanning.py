"""Finding words in a whole file, for those who must look at every byte of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_KEPT = 100_000


def places_of(word: bytes, data: bytes, begin: int = 0, end: int | None = None) -> Iterator[int]:
    """Where a word that cannot overlap itself stands in [begin, end), in order.

    Looked for from the back, since that way Python leaps over what cannot match: twice as fast as forwards.
    """
    end = len(data) if end is None else end
    found: list[int] = []
    at = data.rfind(word, begin, end)
    while at >= 0:
        found.append(at)
        if len(found) > _MOST_KEPT:
            return _forwards(word, data, begin, end)
        at = data.rfind(word, begin, at)
    return reversed(found)


def _forwards(word: bytes, data: bytes, begin: int, end: int) -> Iterator[int]:
    at = data.find(word, begin, end)
    while at >= 0:
        yield at
        at = data.find(word, at + len(word), end)
