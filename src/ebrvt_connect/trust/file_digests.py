"""The digests of one file, no byte hashed twice that need not be.

The report tells the SHA-256 of the whole, and each signature covers all but a gap near the end: up to there
the work is the same. So the state of the hash is kept where gaps begin, and each digest goes on from there.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import _Hash as Hash

_MOST_STOPS = 64


class FileDigests:
    """Digests of a file and of what its signatures cover; for one verification, in one thread."""

    def __init__(self, data: bytes, stops: Iterable[int] = ()) -> None:
        """`stops` are places digests will be wanted up to: the beginnings of gaps."""
        self._data = memoryview(data)
        self._stops = sorted(set(stops))[:_MOST_STOPS]
        self._states: dict[str, list[tuple[int, Hash]]] = {}

    def whole(self) -> bytes:
        """The SHA-256 of the file."""
        return self._up_to(len(self._data), "sha256").digest()

    def around(self, start: int, stop: int, end: int, algorithm: str) -> bytes:
        """Of [0, start) and [stop, end); raises `ValueError` for an unknown algorithm."""
        hashed = self._up_to(start, algorithm)
        hashed.update(self._data[stop:end])
        return hashed.digest()

    def _up_to(self, place: int, algorithm: str) -> Hash:
        states = self._states.setdefault(algorithm, [(0, hashlib.new(algorithm))])
        at, hashed = max((s for s in states if s[0] <= place), key=lambda state: state[0])
        hashed = hashed.copy()
        for stop in (*(s for s in self._stops if at < s < place), place):
            hashed.update(self._data[at:stop])
            states.append((stop, hashed.copy()))
            at = stop
        return hashed
