"""What the roles of a file's signatures say by themselves (vai trò chữ ký), without its record.

Whether leader and seal are there and in order is decided with the record (`trust.packet_rules`): an appendix
and a copy rightly carry a seal alone. The file's own report only tells what is unusual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust import level_findings
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding, SignatureReport


def role_findings(
    signatures: Sequence[SignatureReport], policy: VerificationPolicy, *, in_revisions: bool
) -> Iterator[Finding]:
    """A seal with no leader's signature, or with every leader's signature after it.

    `in_revisions`: the order of the signatures proves which was first (PDF); else only timestamps do.
    """
    leaders = [s for s in signatures if s.role is SignatureRole.PERSON]
    seals = [s for s in signatures if s.role is SignatureRole.AGENCY]
    if seals and not leaders and not any(s.role is SignatureRole.COPY for s in signatures):
        yield policy.notice(level_findings.SEAL_WITHOUT_LEADER)
    elif seals and leaders and _is_older(seals, leaders, in_revisions=in_revisions):
        yield policy.notice(level_findings.SEAL_OLDER_THAN_LEADER)


def _is_older(
    these: Sequence[SignatureReport], those: Sequence[SignatureReport], *, in_revisions: bool
) -> bool:
    """Whether all of these are proven to be older than all of those."""
    if in_revisions:
        return max(s.index for s in these) < min(s.index for s in those)
    times = [s.best_time for s in (*these, *those)]
    if any(time is None or time.proof != "timestamp" for time in times):
        return False
    made = [s.best_time.value for s in these if s.best_time is not None]
    then = [s.best_time.value for s in those if s.best_time is not None]
    return max(made) < min(then)
