"""Who signed first (thứ tự ký): the leader, then the agency's seal, then whoever copies it.

NĐ 30/2020/NĐ-CP Điều 32, 33: the clerk seals what the competent person has signed already.

The revisions of a PDF prove an order; times may contradict it. So does a seal on all of an XML file, which
covers the signatures on its parts. Elsewhere only times tell one, and equal ones tell nothing: the signers of
a CMS file stand in the order of their encoding, those of an XML file anywhere.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeGuard

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.trust import findings, packet_findings
from ebrvt_connect.trust.verdict import DocumentKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import BestTime, Finding, VerificationReport

_XML = frozenset({DocumentKind.XML, DocumentKind.EDXML})


def order_findings(
    report: VerificationReport,
    leaders: Sequence[int],
    seals: Sequence[int],
    copies: Sequence[int],
    policy: VerificationPolicy,
    *,
    led: bool = True,
) -> Iterator[Finding]:
    """What is wrong with the order of these signatures, named by their index.

    `led`: a leader's signature is asked for, so the order must be known and not only be free of faults.
    A seal is well placed that has a leader's signature before it; one such seal is enough.
    """
    times = {s.index: s.best_time for s in report.signatures if _tells_time(s.best_time)}
    placed = is_ordered_by_place(report) or _is_sealed_over(report, seals, copies)
    untimed = [n for n in (*leaders, *seals) if n not in times] if leaders and seals and led else []
    known = placed or {*leaders, *seals} <= times.keys()  # else those without a time may have come in time
    if leaders and seals and _all_before(seals, leaders, times, placed=placed):
        if known:
            yield policy.notice(findings.SEAL_BEFORE_LEADER)
        elif untimed:
            yield _untold(untimed, policy, placed=placed)
    elif placed:
        yield from _contradiction(leaders, seals, times, policy)
        if untimed:
            yield _untold(untimed, policy, placed=placed)
    originals = (*leaders, *seals)
    if copies and originals:
        unknown = [n for n in (*originals, *copies) if n not in times]
        if unknown and not placed and not untimed:
            yield _untold(unknown, policy, placed=placed)
        elif (placed or not unknown) and not _none_before(copies, originals, times, placed=placed):
            yield policy.notice(packet_findings.COPY_BEFORE_ORIGINAL)


def _tells_time(best: BestTime | None) -> TypeGuard[BestTime]:
    """That a signature was there at the check says nothing of when it was made."""
    return best is not None and best.proof != "validation"


def _untold(numbers: Sequence[int], policy: VerificationPolicy, *, placed: bool) -> Finding:
    """The order, or all but the file's own word for it, cannot be told."""
    listed = ", ".join(map(str, dict.fromkeys(numbers)))
    by_place, unknown = packet_findings.SIGNING_ORDER_BY_PLACE, packet_findings.SIGNING_ORDER_UNKNOWN
    return policy.notice(by_place if placed else unknown, numbers=listed, numbers_en=listed)


def is_ordered_by_place(report: VerificationReport) -> bool:
    """Whether the signatures stand in revisions of a PDF, each over what was there before."""
    beside = any(s.format.startswith("CMS") for s in report.signatures)
    return report.kind is DocumentKind.PDF and not beside


def _is_sealed_over(report: VerificationReport, seals: Sequence[int], copies: Sequence[int]) -> bool:
    """Whether an XML file ends with its one seal, which covers all of it: the other signatures were there."""
    last = report.signatures[-1] if report.signatures else None
    whole = last is not None and last.coverage.level == "entire_file" and list(seals) == [last.index]
    return report.kind in _XML and whole and not copies


def _all_before(
    first: Sequence[int], then: Sequence[int], times: Mapping[int, BestTime], *, placed: bool
) -> bool:
    """Whether each of the first is older than each of the others, as far as their times are known."""
    if placed:
        return max(first) < min(then)
    earlier, later = ([times[n].value for n in places if n in times] for places in (first, then))
    return not earlier or not later or max(earlier) < min(later)


def _none_before(
    late: Sequence[int], early: Sequence[int], times: Mapping[int, BestTime], *, placed: bool
) -> bool:
    """Whether none of the late ones is older than one of the early ones."""
    if placed:
        return min(late) > max(early)
    return min(times[n].value for n in late) >= max(times[n].value for n in early)


def _contradiction(
    leaders: Sequence[int], seals: Sequence[int], times: Mapping[int, BestTime], policy: VerificationPolicy
) -> Iterator[Finding]:
    """Told where, by their times, each seal is older than the leader's signature it stands behind."""
    pairs = [(times[n], times[m]) for n in leaders for m in seals if n < m and {n, m} <= times.keys()]
    tolerance = timedelta(seconds=policy.clock_tolerance_seconds)
    contradicting = [(leader, seal) for leader, seal in pairs if seal.value < leader.value - tolerance]
    if not pairs or len(contradicting) < len(pairs):
        return
    proven = [p for p in contradicting if {p[0].proof, p[1].proof} == {"timestamp"}]
    leader, seal = (proven or contradicting)[0]
    code = packet_findings.SEAL_STAMPED_BEFORE_LEADER
    yield policy.notice(
        code if proven else packet_findings.SEAL_CLAIMED_BEFORE_LEADER,
        sealed=_told(seal.value),
        signed=_told(leader.value),
        sealed_iso=seal.value.isoformat(),
        signed_iso=leader.value.isoformat(),
    )


def _told(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
