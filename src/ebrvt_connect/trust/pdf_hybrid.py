"""Hybrid cross-references (bảng tham chiếu kép, ISO 32000-1 7.5.8.4), as each PDF of Word and Excel has.

Such a table names a cross-reference stream beside itself, for objects that readers from before 2003 shall not
see. Most of what agencies sign comes from Word, so these files are judged; but only where all that tell where
an object stands tell the same, since readers do not agree on who else would be right. What one of them lists
and another one calls free in the same breath, two such tables, or one behind a signature, nobody needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.revisions import LayoutRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrvt_connect.trust.revisions import Section


def join_companions(chain: Sequence[Section]) -> None:
    """Have a hybrid table list what its companion lists; `chain` is newest first.

    Raises `LayoutRefused` where two of them tell different things.
    """
    for place, section in enumerate(chain):
        if section.companion is None:
            continue
        if any(other.companion is not None for other in chain[place + 1 :]):
            raise LayoutRefused("hybrid, twice", section.at, findings.PDF_HYBRID_XREF)
        _join(section, section.companion, chain[place + 1 :])


def _join(section: Section, companion: Section, older: Sequence[Section]) -> None:
    told = section.listed.keys() | _freed(section)
    hidden = companion.listed.keys() | companion.packed.keys()
    # Free in the table and in use beside it: the standard leaves open which counts.
    if not _freed(section).isdisjoint(hidden) or not _agree(section, companion):
        raise LayoutRefused("hybrid", section.at, findings.PDF_HYBRID_XREF)
    for before in older:
        if not before.packed.keys().isdisjoint(hidden) or not _agree(before, companion):
            raise LayoutRefused("hybrid", section.at, findings.PDF_HYBRID_XREF)
        # There they were called free so that old readers pass them over.
        before.freed = [(number, next_) for number, next_ in before.freed if number not in hidden]
    section.usual = companion.usual and (section.usual or not told)
    section.listed.update(companion.listed)
    section.packed.update(companion.packed)


def _agree(table: Section, companion: Section) -> bool:
    """Whether whatever a table has in use stands at the same place by its companion, if that tells of it."""
    gone, packed = _freed(companion), companion.packed
    return not any(
        number in gone or number in packed or companion.listed.get(number, place) != place
        for number, place in table.listed.items()
    )


def _freed(section: Section) -> set[int]:
    return {number for number, _ in section.freed}
