"""When a signature was made (thời điểm ký): what is claimed, what is proven, and how they agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.verdict import BestTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.timestamps import TimestampVerdict
    from ebrvt_connect.trust.verdict import Finding

_VIETNAM_TIME = timezone(timedelta(hours=7))
_LOCAL_AS_UTC = range(25_200 - 3_600, 25_200 + 3_600 + 1)
"""Seconds a claimed time runs ahead when local time was written as UTC."""


def in_utc(claimed: datetime | None) -> datetime | None:
    """A claimed time in UTC; one without offset is Vietnam's. None for none, and for one beyond counting."""
    if claimed is None:
        return None
    if claimed.tzinfo is None:
        claimed = claimed.replace(tzinfo=_VIETNAM_TIME)
    try:
        return claimed.astimezone(UTC)
    except OverflowError:
        return None


def best_time(claimed: datetime | None, proven: Iterable[datetime], grounds: Grounds) -> BestTime:
    """The earliest proof; else the signer's word, unless it lies in the future; else this very check."""
    earliest = min(proven, default=None)
    if earliest is not None:
        return BestTime(value=earliest, proof="timestamp")
    if claimed is not None and not grounds.lies_ahead(claimed):
        return BestTime(value=claimed, proof="claimed")
    return BestTime(value=grounds.at, proof="validation")


def time_findings(
    claimed: datetime | None, best: BestTime, tokens: list[TimestampVerdict], grounds: Grounds
) -> Iterator[Finding]:
    """What is to be said about the time: of each timestamp, and of the claim against its proof."""
    notice = grounds.policy.notice
    for token in tokens:
        yield from token.found
    if best.proof != "timestamp":
        if not tokens:
            yield notice(findings.NO_TIMESTAMP)
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
