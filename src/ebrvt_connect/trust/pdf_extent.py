"""How long one object of a PDF may be, streams and signatures aside, before anything is parsed.

PyHanko makes a Python object of every token: an array or dictionary of some megabytes is seconds of work
and hundreds of megabytes of memory. The largest an honest file needs, such as the widths of a large font or
the list of a thousand pages, are a few hundred kilobytes.
"""

from __future__ import annotations

import re
from itertools import pairwise
from operator import sub
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ebrvt_connect.trust.structure import Gap

MOST_OBJECT_BYTES: Final = 1_000_000
_BODY_ENDS = re.compile(rb"endobj|stream")


def has_overlong_object(data: bytes, offsets: Iterable[int], gaps: Sequence[Gap]) -> bool:
    """Whether an object that begins at one of the offsets goes on for too long without a stream or an end.

    Where it is fooled by the word in a string, nothing is lost but time.
    """
    bounds = sorted({*offsets, len(data)})
    if max(map(sub, bounds[1:], bounds), default=0) <= MOST_OBJECT_BYTES:
        return False
    for start, stop in pairwise(bounds):
        if stop - start > MOST_OBJECT_BYTES:
            signed = sum(gap.end - gap.start for gap in gaps if start < gap.start < stop)
            if _BODY_ENDS.search(data, start, start + MOST_OBJECT_BYTES + signed) is None:
                return True
    return False


def has_overlong_member(places: Sequence[int], first: int, size: int) -> bool:
    """The same for the members of an object stream, by the places its head gives, counted from `first`."""
    if first + max(places, default=0) <= MOST_OBJECT_BYTES >= size:
        return False
    bounds = sorted({*(first + place for place in places), size})
    return any(stop - start > MOST_OBJECT_BYTES for start, stop in pairwise(bounds))
