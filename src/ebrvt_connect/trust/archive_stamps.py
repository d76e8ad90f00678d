"""Archive timestamps (dấu thời gian lưu trữ): what proves a signature when its own proofs have lapsed.

An archive timestamp lies over the signed content, the signature, and the evidence and timestamps that stood
beside it when it was made; what was put there since it does not protect. It is judged as a document timestamp
of a PDF is: on its own chain, at its own time, and again at that of a newer one over it. So the outermost
comes first, and each that holds may carry those it lies over. Which octets it is about, the formats say:
`trust.archive_stamps_cms` (EN 319 122-1, 5.5.3), `trust.archive_stamps_xml` (EN 319 132-1, 5.5.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebrvt_connect.trust.embedded import EvidencePieces
from ebrvt_connect.trust.timestamps import judge_token, unreadable_token

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from datetime import datetime

    from asn1crypto import cms

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.timestamps import TimestampVerdict

MOST_STAMPS = 10
"""Archive timestamps of one signature: one in five years lasts for fifty."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArchiveStamp:
    """An archive timestamp as it stands in a signature."""

    token: cms.SignedData | None = None
    """None for one that could not be taken out; `trouble` says why."""
    imprint_of: Callable[[str], bytes] = field(default=lambda _: b"")
    """The digest of what it must be about, by algorithm name."""
    itself: Hashable = None
    """The part of the signature it is, as others list it."""
    protects: frozenset[Hashable] = frozenset()
    """The parts beside the signature that it lies over: certificates, lists, timestamps, ..."""
    evidence: EvidencePieces = field(default_factory=EvidencePieces)
    """What of these is evidence."""
    trouble: str = ""
    """What is wrong with its shape, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive timestamps of one signature, judged."""

    verdicts: tuple[TimestampVerdict, ...] = ()
    """The outermost first."""
    holding: tuple[tuple[datetime, ArchiveStamp], ...] = ()
    """Those that hold, and the time each proves."""

    @property
    def times(self) -> tuple[datetime, ...]:
        """When the signature, with its content and what was signed along, was there."""
        return tuple(time for time, _ in self.holding)

    def there_at(self, part: Hashable) -> datetime | None:
        """When a part beside the signature was there by; None when no timestamp that holds lies over it."""
        return min((time for time, stamp in self.holding if part in stamp.protects), default=None)

    @property
    def evidence(self) -> RevocationArchive | None:
        """Lists and answers that a timestamp lies over; None when there are none."""
        every = dict.fromkeys(crl for _, stamp in self.holding for crl in stamp.evidence.crls)
        found = EvidencePieces(crls=tuple(every)).read()
        seen: set[bytes] = set()
        for time, stamp in sorted(self.holding, key=lambda each: each[0]):
            lists, answers = (
                tuple(piece for piece in pieces if piece not in seen)
                for pieces in (stamp.evidence.crls, stamp.evidence.ocsps)
            )
            found += EvidencePieces(crls=lists, ocsps=answers).read(time)
            seen.update((*lists, *answers))
        return found.revocation


def judge_archive(stamps: Iterable[ArchiveStamp], grounds: Grounds) -> tuple[Archive, Grounds]:
    """Judge archive timestamps from the outermost inwards, and what is known by what they prove.

    OCSP answers under one that holds were there at its time; of lists only those signed with SHA-1 need such
    proof (`trust.pdf_evidence`).
    """
    left, judged = list(stamps), Archive()
    while left:
        stamp = left.pop(_outermost(left))
        verdict = _judged(stamp, judged.there_at(stamp.itself), grounds)
        holding = judged.holding
        if verdict.proves is not None:
            holding = (*holding, (verdict.proves, stamp))
            under = EvidencePieces(crls=stamp.evidence.crls, ocsps=stamp.evidence.ocsps)
            grounds = grounds.with_evidence(under.read(verdict.proves))
        judged = Archive((*judged.verdicts, verdict), holding)
    return judged, grounds


def _outermost(left: list[ArchiveStamp]) -> int:
    """The place of one that no other lies over; where they go round in a circle, of the first."""
    free = (
        place
        for place, stamp in enumerate(left)
        if not any(stamp.itself in other.protects for other in left if other is not stamp)
    )
    return next(free, 0)


def _judged(stamp: ArchiveStamp, witness: datetime | None, grounds: Grounds) -> TimestampVerdict:
    if stamp.token is None or stamp.trouble:
        return unreadable_token(grounds, stamp.trouble)
    return judge_token(grounds, stamp.token, stamp.imprint_of, kind="archive", witness=witness)
