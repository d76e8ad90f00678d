"""When a signature was made (thời điểm ký): what is claimed, what is proven, and how they agree.

One piece of reasoning for all formats. A timestamp over the content that the signer signed along (content
timestamp) says that the signature was made no earlier; one over the signature, or over the file that holds
it, says no later. Between the two lies the truth. What speaks against a signature only after the latest
possible moment leaves it undecided; what spoke against it before the earliest has failed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.verdict import BestTime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.timestamps import TimestampVerdict
    from ebrvt_connect.trust.verdict import Finding, TimestampFacts

_LOCAL_AS_UTC = range(25_200 - 3_600, 25_200 + 3_600 + 1)
"""Seconds a claimed time runs ahead when local time was written as UTC."""
_LONGEST_WAIT_SECONDS = 2 * 86_400
"""A signature is stamped when it is made, or when the machine is in the network again."""
_LONGEST_LIFE_SECONDS = 10 * 365 * 86_400
"""An archive timestamp may come years later, but not after a certificate's life."""


def in_utc(claimed: datetime | None) -> datetime | None:
    """A claimed time in UTC; one without offset is Vietnam's. None for none, and for one beyond counting."""
    if claimed is None:
        return None
    if claimed.tzinfo is None:
        claimed = claimed.replace(tzinfo=VIETNAM)
    try:
        return claimed.astimezone(UTC)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Proofs:
    """The timestamps there are about one signature, judged."""

    before: tuple[TimestampVerdict, ...] = ()
    """Over the content, among what was signed: made before the signature."""
    after: tuple[TimestampVerdict, ...] = ()
    """Over the signature: made after it."""
    around: tuple[datetime, ...] = ()
    """Times proven by timestamps over all of the signature, its own timestamps with it."""
    archive: tuple[TimestampVerdict, ...] = ()
    """Over the signature and its evidence; what those of them prove that hold stands in `around`."""

    @property
    def facts(self) -> tuple[TimestampFacts, ...]:
        """As they stand in the report."""
        return tuple(t.facts for t in self.all if t.facts is not None)

    @property
    def all(self) -> tuple[TimestampVerdict, ...]:
        """Each judgement that stands in the signature's own report."""
        return (*self.before, *self.after, *self.archive)


@dataclass(frozen=True, slots=True)
class SigningTime:
    """What is known of the moment of signing."""

    best: BestTime
    latest: datetime
    """It was made no later: the earliest proof; else the check itself, at which it is there."""
    claimed: datetime | None = None
    earliest: datetime | None = None
    """It was made no earlier: the latest content timestamp; None when nothing says so."""
    found: tuple[Finding, ...] = ()
    """What is to be said about the time: of each timestamp, of their order, of the claim."""
    facts: tuple[TimestampFacts, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether a timestamp proves that the signature is as old as `best` says."""
        return self.best.proof == "timestamp"

    @property
    def report(self) -> dict[str, object]:
        """The fields of a `SignatureReport` that speak of time."""
        return {
            "claimed_time": self.claimed,
            "best_time": self.best,
            "earliest_time": self.earliest,
            "timestamps": self.facts,
        }

    def was_made_after(self, moment: datetime) -> bool:
        """Whether it is proven that the signature was not made before `moment`."""
        return self.earliest is not None and self.earliest >= moment


def signing_time(claimed: datetime | None, proofs: Proofs, grounds: Grounds) -> SigningTime:
    """The moment of signing as far as it is known at the time of the check.

    The best time is the earliest proof; else the signer's word, unless it lies in the future or before a
    content timestamp; else this very check. `claimed` is in UTC.
    """
    earliest = max((t.proves for t in proofs.before if t.proves), default=None)
    own = [t.proves for t in proofs.after if t.proves]
    proven = min((*own, *proofs.around), default=None)
    best = _best(claimed, earliest, proven, grounds)
    found = [f for t in proofs.all for f in t.found]
    found += _order(earliest, own, proofs.around, grounds)
    found += _claim(claimed, earliest, best, grounds, stamped=bool(own))
    return SigningTime(best, proven or grounds.at, claimed, earliest, tuple(found), proofs.facts)


def _best(
    claimed: datetime | None, earliest: datetime | None, proven: datetime | None, grounds: Grounds
) -> BestTime:
    if proven is not None:
        return BestTime(value=proven, proof="timestamp")
    if claimed is None or grounds.lies_ahead(claimed) or _is_too_early(claimed, earliest, grounds):
        return BestTime(value=grounds.at, proof="validation")
    return BestTime(value=claimed, proof="claimed")


def _is_too_early(claimed: datetime, earliest: datetime | None, grounds: Grounds) -> bool:
    return earliest is not None and claimed < earliest - grounds.tolerance


def _order(
    earliest: datetime | None, own: list[datetime], around: tuple[datetime, ...], grounds: Grounds
) -> Iterator[Finding]:
    """Content before signature before what was made over both, as far as clocks agree."""
    own_last, around_first = max(own, default=None), min(around, default=None)
    pairs = ((earliest, min((*own, *around), default=None)), (own_last, around_first))
    for earlier, later in pairs:
        if earlier is not None and later is not None and earlier > later + grounds.tolerance:
            yield out_of_order(earlier, later, grounds)


def out_of_order(earlier: datetime, later: datetime, grounds: Grounds) -> Finding:
    """That what was made first says it is later than what was made over it."""
    facts = {**told("earlier", earlier), **told("later", later)}
    return grounds.policy.notice(level_findings.TIMESTAMP_OUT_OF_ORDER, **facts)


def _claim(
    claimed: datetime | None, earliest: datetime | None, best: BestTime, grounds: Grounds, *, stamped: bool
) -> Iterator[Finding]:
    """The signer's word against the proofs; `stamped`: one was made for this signature."""
    notice = grounds.policy.notice
    if claimed is not None and earliest is not None and _is_too_early(claimed, earliest, grounds):
        yield notice(level_findings.CLAIMED_TIME_TOO_EARLY, **told("earlier", earliest))
    if best.proof != "timestamp":
        yield notice(findings.NO_TIMESTAMP)  # one that does not count is as good as none
        if claimed is None:
            yield notice(findings.NO_SIGNING_TIME)
        elif grounds.lies_ahead(claimed):
            yield notice(findings.CLAIMED_TIME_IN_FUTURE)
        return
    ahead = 0 if claimed is None else int((claimed - best.value).total_seconds())
    if ahead in _LOCAL_AS_UTC:
        yield notice(findings.CLAIMED_TIME_LOCAL)
    elif ahead > grounds.policy.clock_tolerance_seconds:
        yield notice(findings.CLAIMED_TIME_DIFFERS, seconds=ahead)
    elif -ahead > (_LONGEST_WAIT_SECONDS if stamped else _LONGEST_LIFE_SECONDS):
        yield notice(findings.CLAIMED_TIME_DIFFERS, seconds=-ahead)


def told(name: str, moment: datetime | None) -> dict[str, str]:
    """A moment for a finding's sentences, as Vietnam's clocks show it; nothing where there is none.

    `{name}` is for readers of Vietnamese, `{name}_iso` for the others.
    """
    if moment is None:
        return {}
    local = moment.astimezone(VIETNAM)
    return {name: local.strftime("%d/%m/%Y %H:%M:%S"), f"{name}_iso": local.isoformat()}
