"""Judging with the network's help: the pure judge says what it lacks, that is fetched, it judges again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.trust.inquiry import Inquiry
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.revocation_findings import REVOCATION_NOT_FETCHED

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.transport.revocation_online import OnlineRevocation
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport

_MOST_ROUNDS = 4
"""A timestamp that comes to count moves the best time, and with it what must be known."""


class OfflineVerifier(Protocol):
    """Judges one file by what is at hand."""

    def __call__(
        self, revocation: RevocationArchive, at: datetime, notes: Inquiry | None
    ) -> VerificationReport:
        """The report for a time, with notes of what was asked."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A report, and what it was judged by besides the trust store."""

    report: VerificationReport
    revocation: RevocationArchive
    notes: Inquiry


def judged_offline(judge: OfflineVerifier, revocation: RevocationArchive, at: datetime) -> Judged:
    """By what is at hand alone."""
    notes = Inquiry()
    return Judged(judge(revocation, at, notes), revocation, notes)


def judged_online(
    judge: OfflineVerifier,
    online: OnlineRevocation,
    *,
    policy: VerificationPolicy,
    known: RevocationArchive,
    at: datetime | None,
) -> Judged:
    """By what is at hand, and then by what could be fetched for exactly the certificates it left open.

    `known` are the lists of the trust store, which the judge has anyway. Without `at` the time of the
    check moves on with the clock, so that an answer just made counts; what was made after an `at` that is
    given does not exist for it.
    """
    deadline = online.deadline()
    fetched = RevocationArchive()
    asked: set[tuple[str, int]] = set()
    missed: list[str] = []
    judged = judged_offline(judge, online.archive, at or online.clock.now())
    for _ in range(_MOST_ROUNDS):
        # Each certificate once: whatever is fetched is as new as can be had.
        wanted = [q for q in judged.notes.wanted() if q.about not in asked]
        if not wanted:
            break
        asked |= {q.about for q in wanted}
        found = online.ask(wanted, known=known, deadline=deadline)
        missed += found.missed
        if len(found.archive):
            fetched += found.archive
            judged = judged_offline(judge, online.archive + fetched, at or online.clock.now())
    if not missed or all(q.state.status != "unknown" for q in judged.notes.questions):
        return judged
    told = policy.notice(REVOCATION_NOT_FETCHED, reason="; ".join(dict.fromkeys(missed)))
    report = judged.report.model_copy(update={"findings": (*judged.report.findings, told)})
    return Judged(report, judged.revocation, judged.notes)
