"""One verification: bytes, a policy, a trust store and a time in; a report out. Always a report.

1. What the file is, by its content. 2. Limits. 3. The judge of that kind. 4. The worst of all findings.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ebrvt_connect.trust import disguise_findings, findings, limit_findings
from ebrvt_connect.trust.disguise import repeated_signatures
from ebrvt_connect.trust.grounds import FileJudgement, Grounds
from ebrvt_connect.trust.kind import Sighting, sighted
from ebrvt_connect.trust.signing_roles import role_findings
from ebrvt_connect.trust.verdict import DocumentKind, Indication, VerificationReport, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.inquiry import Inquiry
    from ebrvt_connect.trust.packet_siblings import FileVerifier
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import Finding, SignatureReport, SubIndication


def verify_bytes(  # noqa: PLR0913 - a verdict rests on as many things
    data: bytes,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    at: datetime,
    revocation: RevocationArchive | None = None,
    detached: Mapping[str, bytes] | None = None,
    name: str = "",
    notes: Inquiry | None = None,
    attached: bool = True,
    kind: DocumentKind | None = None,
) -> VerificationReport:
    """Verify a file held in memory at the time `at` (aware).

    `revocation` adds lists to those of the trust store. `detached` is content that stands beside its
    signature, by name. `name` is what the report calls the file. `notes` are written while it is
    judged. The files attached to an edXML packet are judged too and speak against it, unless `attached`
    is false (then it is the envelope's verdict alone). A file that is not of the `kind` named has failed;
    none named takes every kind. Never raises for what the file holds; raises `ValueError` for a naive time.
    """
    grounds = Grounds.of(policy, trust, at, revocation, notes)
    beside = dict(detached or {})
    sighting = sighted(data)  # 1
    expected = sighting.is_of(kind) or not data  # that there is nothing in it says more
    if expected:
        judgement = fenced(lambda: _judge(data, sighting, grounds, beside, name), policy)  # 2, 3
    else:
        judgement = _of_another_kind(sighting, kind, policy)
    # Whoever hands in content wants to know whether it is signed: what no signature is about has not passed.
    strangers = (
        policy.notice(findings.DETACHED_CONTENT_NOT_COVERED, name=n)
        for n in beside
        if n not in judgement.contents
    )
    twice = repeated_signatures(judgement.signatures, policy)
    judgement = replace(judgement, found=(*judgement.found, *strangers, *twice))
    report = report_of(judgement, grounds, kind=sighting.kind, name=name, data=data)  # 4
    if sighting.kind is not DocumentKind.EDXML or not attached or not expected:
        return report
    from ebrvt_connect.trust.packet_opening import with_attached

    whole = with_attached(report, data, judge_alone(policy, trust, at, revocation, notes), policy)
    if kind is not DocumentKind.EDXML or whole.kind is kind:
        return whole
    # The word stands in it somewhere, but it is no packet.
    other = _of_another_kind(Sighting(whole.kind, whole.kind.value.upper()), kind, policy)
    return report_of(other, grounds, kind=whole.kind, name=name, data=data)


def judge_alone(
    policy: VerificationPolicy,
    trust: TrustStore,
    at: datetime,
    revocation: RevocationArchive | None = None,
    notes: Inquiry | None = None,
) -> FileVerifier:
    """Who judges one file of several: by its content, with what stands beside it."""

    def judge(data: bytes, name: str, beside: Mapping[str, bytes]) -> VerificationReport:
        return verify_bytes(
            data,
            policy=policy,
            trust=trust,
            at=at,
            revocation=revocation,
            detached=beside,
            name=name,
            notes=notes,
            attached=False,
        )

    return judge


def fenced(judge: Callable[[], FileJudgement], policy: VerificationPolicy) -> FileJudgement:
    """What `judge` says; whatever it raises becomes a finding: a verdict is a value, and never an exception.

    Only the class of the exception is told: its text may quote the file. Where memory ran out nothing is
    concluded from what was seen until then.
    """
    try:
        return judge()
    except MemoryError:
        return FileJudgement((), (policy.notice(limit_findings.VERIFICATION_MEMORY_EXCEEDED),))
    except BaseException as failure:
        # Hostile content breaks parsers in every way there is; a panic in compiled code is no `Exception`.
        if not isinstance(failure, Exception) and type(failure).__name__ != "PanicException":
            raise
        return FileJudgement((), (policy.notice(findings.VERIFIER_FAILED, reason=type(failure).__name__),))


def report_of(
    judgement: FileJudgement, grounds: Grounds, *, kind: DocumentKind, name: str, data: bytes
) -> VerificationReport:
    """The report that follows from a judgement: the worst of all findings."""
    policy = grounds.policy
    in_revisions = kind is DocumentKind.PDF
    roles = role_findings(judgement.signatures, policy, in_revisions=in_revisions)
    found = (*judgement.found, *roles)
    indication, reasons = _conclude(judgement.signatures, found, policy)
    return VerificationReport(
        file=name,
        kind=kind,
        sha256=judgement.sha256 or hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        indication=indication,
        sub_indications=reasons,
        headline_vi=indication.headline_vi,
        policy=policy.reference,
        validation_time=grounds.at,
        signatures=judgement.signatures,
        findings=found,
    )


def _of_another_kind(
    sighting: Sighting, kind: DocumentKind | None, policy: VerificationPolicy
) -> FileJudgement:
    """What is not what the caller means it to be is looked at no further."""
    seen = sighting.name or "?"
    return FileJudgement((), (policy.notice(disguise_findings.KIND_NOT_AS_NAMED, named=kind, seen=seen),))


def _judge(
    data: bytes, sighting: Sighting, grounds: Grounds, detached: Mapping[str, bytes], name: str
) -> FileJudgement:
    """Steps 2 and 3; each judge and its libraries are loaded when the first file of its kind comes."""
    notice = grounds.policy.notice
    if not data:
        return FileJudgement((), (notice(findings.FILE_EMPTY),))
    if len(data) > grounds.policy.largest_bytes:
        limit = grounds.policy.largest_bytes
        return FileJudgement((), (notice(limit_findings.FILE_TOO_LARGE, limit_bytes=limit),))
    if not sighting.name:
        return FileJudgement((), (notice(findings.KIND_UNKNOWN),))
    if sighting.kind is DocumentKind.UNKNOWN or not sighting.judged:
        not_judged = notice(findings.KIND_NOT_JUDGED_YET, kind=sighting.name)
        unsigned = () if sighting.may_be_signed else (notice(findings.SIGNED_DATA_NOT_FOUND),)
        return FileJudgement((), (*unsigned, not_judged))
    if not sighting.may_be_signed:
        return FileJudgement((), (notice(findings.SIGNED_DATA_NOT_FOUND),))
    return _judge_signed(data, sighting.kind, grounds, detached, name)


def _judge_signed(
    data: bytes, kind: DocumentKind, grounds: Grounds, detached: Mapping[str, bytes], name: str
) -> FileJudgement:
    """Step 3, for a file that may be signed."""
    if kind is DocumentKind.PDF:
        from ebrvt_connect.trust.pades import judge_pdf

        return judge_pdf(data, grounds)
    if kind is DocumentKind.CMS:
        from ebrvt_connect.trust.cms import judge_cms

        return judge_cms(data, grounds, detached=detached, name=name)
    if kind is DocumentKind.OOXML:
        from ebrvt_connect.trust.ooxml import judge_ooxml

        return judge_ooxml(data, grounds)
    from ebrvt_connect.trust.xades import judge_xml

    return judge_xml(data, grounds)


def _conclude(
    signatures: tuple[SignatureReport, ...], found: tuple[Finding, ...], policy: VerificationPolicy
) -> tuple[Indication, tuple[SubIndication, ...]]:
    """A document is as good as its worst signature and its worst finding."""
    of_file, reasons = policy.conclude(found)
    indication = worst([of_file, *(s.indication for s in signatures)])
    own = reasons if of_file is indication else ()
    theirs = (s.sub_indication for s in signatures if s.indication is indication)
    return indication, tuple(dict.fromkeys([*own, *(r for r in theirs if r is not None)]))
