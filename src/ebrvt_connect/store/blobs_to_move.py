"""Bringing blobs along to another place: each is hashed on the way, and what is there already is left."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.ports.blobs import Blobs, CollectableBlobs


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of the blobs of a place."""

    new: int
    """Copied by this run."""
    there: int
    """Lay there before."""
    damaged: tuple[str, ...]
    """Digests whose bytes are no longer what they were."""


def copy_blobs(
    here: CollectableBlobs, there: Blobs, tell: Callable[[int], None] = lambda _done: None
) -> Carried:
    """Copy every blob, set aside or not; cut off, it is simply begun again.

    Raises `HeldForPerson` (scope store) where a place cannot be read or written.
    """
    new = old = 0
    damaged: list[str] = []
    for blob in chain(here.kept(), here.aside()):
        if there.has(blob.sha256):
            old += 1
        elif there.put(here.chunks(blob.sha256), limit_bytes=blob.size_bytes).sha256 == blob.sha256:
            new += 1
        else:
            damaged.append(blob.sha256)
        tell(new + old)
    return Carried(new, old, tuple(damaged))
