"""Which object of a PDF refers to which (tham chiếu trong tệp): every key followed, each object once.

PyHanko's own walk passes some keys over (/Parent, /P): what hangs on these alone it does not see, but readers
inherit a page's resources through /Parent. Besides, it takes for granted that nothing refers to an object
that a later revision has yet to define: whoever prepared the file can see to it that something does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pyhanko.pdf_utils import generic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyhanko.pdf_utils.reader import HistoricalResolver

Key: TypeAlias = tuple[int, int]
"""An object's number and generation."""

TRAILER: Key = (0, 0)
"""Stands for the trailer as one that refers to others."""


class Place(NamedTuple):
    """Where a reference stands: in which object, under which key, how many dictionaries deep."""

    holder: Key
    key: str
    depth: int


class References:
    """All references met from the trailer on; later revisions add theirs."""

    def __init__(self) -> None:
        """Empty: `follow` fills it."""
        self.first: dict[Key, Place] = {}
        """Each object referred to, defined or not, and one place that does."""
        self.shared: set[Key] = set()
        """Those that several places refer to."""

    def follow(self, revision: HistoricalResolver, begin: list[Key], newly: set[Key] | None = None) -> None:
        """Everything that can be reached from these objects; with `newly`, only through new ones of these."""
        waiting, seen = list(begin), set(begin)
        while waiting:
            holder = waiting.pop()
            value = value_of(revision, holder)
            for place, target in _references(holder, value):
                known = target in self.first
                self._note(target, place)
                if target not in seen and (target in newly if newly is not None else not known):
                    seen.add(target)
                    waiting.append(target)

    def _note(self, target: Key, place: Place) -> None:
        if self.first.setdefault(target, place) != place:
            self.shared.add(target)


def value_of(revision: HistoricalResolver, key: Key) -> generic.PdfObject | None:
    """An object as a revision has it; None for one it does not define, which means null (7.3.10)."""
    if key == TRAILER:
        return revision.trailer_view
    reference = generic.Reference(*key, pdf=revision)
    if revision.reader.xrefs.get_historical_ref(reference, revision.revision) is None:
        return None
    found: generic.PdfObject = revision(reference)
    return found


def key_of(value: object) -> Key | None:
    """What a reference refers to; None for a value that is none."""
    return (value.idnum, value.generation) if isinstance(value, generic.IndirectObject) else None


def _references(holder: Key, value: object) -> Iterator[tuple[Place, Key]]:
    waiting = [(value, "", 0)]
    while waiting:
        value, key, depth = waiting.pop()
        if isinstance(value, generic.IndirectObject):
            yield Place(holder, key, depth), (value.idnum, value.generation)
        elif isinstance(value, generic.DictionaryObject):
            waiting += [(v, str(k), depth + 1) for k, v in value.items()]
        elif isinstance(value, generic.ArrayObject):
            waiting += [(v, key, depth) for v in value]
