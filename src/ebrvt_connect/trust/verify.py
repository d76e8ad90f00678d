"""One verification: bytes, a policy, a trust store and a time in; a report out. Always a report.

1. What the file is, by its content. 2. Limits. 3. The judge of that kind. 4. The worst of all findings.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.grounds import Grounds
from ebrvt_connect.trust.kind import Sighting, sighted
from ebrvt_connect.trust.verdict import DocumentKind, Indication, VerificationReport, worst

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import Finding, SignatureReport, SubIndication


def verify_bytes(
    data: bytes,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    at: datetime,
    revocation: RevocationArchive | None = None,
    name: str = "",
) -> VerificationReport:
    """Verify a file held in memory at the time `at` (aware).

    `revocation` adds lists to those of the trust store. `name` is what the report calls the file.
    Never raises for what the file holds; raises `ValueError` for a naive time.
    """
    if at.tzinfo is None:
        raise ValueError(f"the time of a verification must be aware, got {at!r}")
    archive = trust.revocation if revocation is None else trust.revocation + revocation
    grounds = Grounds(policy, trust, archive, at)
    sighting = sighted(data)  # 1
    try:
        signatures, found = _judge(data, sighting, grounds)  # 2, 3
    except Exception as failure:  # noqa: BLE001 - a verdict is a value, whatever the file does to a parser
        signatures, found = (), (policy.notice(findings.VERIFIER_FAILED, reason=type(failure).__name__),)
    indication, reasons = _conclude(signatures, found, policy)  # 4
    return VerificationReport(
        file=name,
        kind=sighting.kind,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        indication=indication,
        sub_indications=reasons,
        headline_vi=indication.headline_vi,
        policy=policy.reference,
        validation_time=at,
        signatures=signatures,
        findings=found,
    )


def _judge(
    data: bytes, sighting: Sighting, grounds: Grounds
) -> tuple[tuple[SignatureReport, ...], tuple[Finding, ...]]:
    """Steps 2 and 3."""
    notice = grounds.policy.notice
    if not data:
        return (), (notice(findings.FILE_EMPTY),)
    if len(data) > grounds.policy.largest_bytes:
        return (), (notice(findings.FILE_TOO_LARGE, limit_bytes=grounds.policy.largest_bytes),)
    if sighting.kind is DocumentKind.PDF:
        from ebrvt_connect.trust.pades import judge_pdf

        judgement = judge_pdf(data, grounds)
        return judgement.signatures, judgement.found
    if not sighting.name:
        return (), (notice(findings.KIND_UNKNOWN),)
    not_judged = notice(findings.KIND_NOT_JUDGED_YET, kind=sighting.name)
    if sighting.may_be_signed:
        return (), (not_judged,)
    return (), (notice(findings.SIGNED_DATA_NOT_FOUND), not_judged)


def _conclude(
    signatures: tuple[SignatureReport, ...], found: tuple[Finding, ...], policy: VerificationPolicy
) -> tuple[Indication, tuple[SubIndication, ...]]:
    """A document is as good as its worst signature and its worst finding."""
    of_file, reasons = policy.conclude(found)
    indication = worst([of_file, *(s.indication for s in signatures)])
    own = reasons if of_file is indication else ()
    theirs = (s.sub_indication for s in signatures if s.indication is indication)
    return indication, tuple(dict.fromkeys([*own, *(r for r in theirs if r is not None)]))
