"""How much a signature proves by itself (mức chữ ký AdES: B-B, B-T, B-LT, B-LTA), of every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds
    from ebrvt_connect.trust.revocation import RevocationArchive

Level = Literal["", "B-B", "B-T", "B-LT", "B-LTA"]


def level_of(
    grounds: Grounds,
    certificate: CertificateJudgement,
    *,
    bound: bool,
    archived: bool,
    archive: RevocationArchive | None = None,
) -> Level:
    """The level that holds: what was found wanting does not count.

    `bound` when the signature names its certificate (without that it is no AdES). Evidence that came along
    must answer for each certificate of the chain; `archived` when a valid timestamp lies over it, `archive`
    what of it such timestamps lie over, where they may leave some out.
    """
    if not bound:
        return ""
    if not certificate.time.proven:
        return "B-B"
    if not _answers(grounds.embedded, certificate, grounds):
        return "B-T"
    return "B-LTA" if archived or _answers(archive, certificate, grounds) else "B-LT"


def _answers(lists: RevocationArchive | None, certificate: CertificateJudgement, grounds: Grounds) -> bool:
    """Whether these answer for each certificate of the chain."""
    chain, moment = certificate.chain, certificate.moment
    if lists is None or chain is None or not chain.links:
        return False
    sha1_until = grounds.policy.sha1_until
    states = (
        lists.state_of(c, issuer, used_at=moment, known_at=grounds.at, sha1_until=sha1_until)
        for c, issuer in chain.links
    )
    return all(state.status != "unknown" for state in states)
