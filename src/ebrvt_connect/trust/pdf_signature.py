"""One signature of a PDF, examined step by step.

1. Place and format. 2. CMS shape. 3. Its timestamps, and with them the moment of signing. 4. The
certificate at that time (`trust.grounds`). 5. PyHanko: digest, signature value, coverage, changes after,
path. 6. The claimed time against its proof. 7. What we would pass and pyHanko would not is undecided.

Findings stand in the report in the order a reader wants them: integrity before certificate before time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.generic_cms import message_imprint_checker
from pyhanko.sign.validation.pdf_embedded import report_seed_value_validation
from pyhanko.sign.validation.status import SignatureCoverageLevel

from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.chain import key_description
from ebrvt_connect.trust.changes import ONLY_SIGNATURES, only_fields_changed
from ebrvt_connect.trust.cms_algorithms import algorithm_findings
from ebrvt_connect.trust.cms_evidence import evidence_in_cms
from ebrvt_connect.trust.etsi_identity import identity_of_cms
from ebrvt_connect.trust.grounds import judge_certificate
from ebrvt_connect.trust.levels import level_of
from ebrvt_connect.trust.pdf_reading import MaskedSignature
from ebrvt_connect.trust.policy import OUTDATED_SUBFILTERS
from ebrvt_connect.trust.second_opinion import cms_findings, opinion_on_signer
from ebrvt_connect.trust.signed_data import CmsMalformed, read_contents, read_sha1_contents
from ebrvt_connect.trust.signer_facts import certificate_facts, identity_facts
from ebrvt_connect.trust.times import Proofs, in_utc, signing_time
from ebrvt_connect.trust.timestamps import judge_token
from ebrvt_connect.trust.verdict import (
    BestTime,
    ChangeAfter,
    Coverage,
    Indication,
    SignatureReport,
    SignatureRole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds
    from ebrvt_connect.trust.pdf_reading import PdfReading, PlacedSignature
    from ebrvt_connect.trust.second_opinion import CmsOpinion
    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.structure import Slot
    from ebrvt_connect.trust.times import SigningTime
    from ebrvt_connect.trust.verdict import Finding

_TIMESTAMP_SUBFILTER = "ETSI.RFC3161"
_SHA1_SUBFILTER = "adbe.pkcs7.sha1"
"""ISO 32000-1, 12.8.3.3: signed data whose content is the SHA-1 of the byte range."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A signature's report, and for a document timestamp the time it proves."""

    report: SignatureReport
    proves: datetime | None = None

    @classmethod
    def broken(cls, signature: PlacedSignature, index: int, grounds: Grounds, finding: Finding) -> Self:
        """The report of a signature of which no more can be said than what broke."""
        return cls(_bare_report(signature, index, grounds, [finding]))


def examine_signature(
    reading: PdfReading, placed: PlacedSignature, index: int, grounds: Grounds, over: TimestampsOver
) -> Examined:
    """Examine a person's or agency's signature; `over` are the document timestamps over it.

    Raises `CmsMalformed`, and whatever a hostile encoding makes a parser raise.
    """
    found = list(_format(placed, grounds))  # 1
    if placed.slot is None or found:
        return Examined(_bare_report(placed, index, grounds, found))
    signed, stored = _signed_data(placed, placed.slot.contents)  # 2
    if signed.signer_digest not in hashlib.algorithms_available:
        raise CmsMalformed("thuật toán băm lạ")
    embedded = MaskedSignature(reading, placed, placed.slot)
    grounds = grounds.with_evidence(evidence_in_cms(signed))
    time = _signing_time(signed, embedded, over, grounds)  # 3
    grounds = grounds.as_proven(time)
    chain = grounds.chain_of(signed, grounds.trust.for_signing, time.best.value)  # 4
    certificate = judge_certificate(grounds, signed, chain, time)
    found += _old_form(placed, grounds)
    confused = tuple(algorithm_findings(signed.signer_info, key_description(signed.leaf), grounds.policy))
    asked = _ask_pyhanko(embedded, signed, chain, certificate, time, grounds, stored)  # 5
    found += asked.found
    found += confused
    found += certificate.found
    found += time.found  # 6
    if not signed.names_its_certificate:
        found.append(grounds.policy.notice(findings.SIGNER_CERTIFICATE_NOT_BOUND))
    if asked.doubt and grounds.policy.conclude(found)[0] is Indication.TOTAL_PASSED:  # 7
        found.append(grounds.policy.notice(findings.SECOND_OPINION_DIFFERS, reason=asked.doubt))
    bound = signed.names_its_certificate and stored is None
    report = _bare_report(placed, index, grounds, found).model_copy(
        update={
            **certificate_facts(signed, chain, certificate, time.best, grounds),
            **_content_facts(placed.slot, asked, len(reading.data)),
            **time.report,
            "identity": identity_of_cms(signed, embedded.compute_digest()),
            "certification": _certification(embedded),
            "level": level_of(grounds, chain, time, bound=bound, archived=over.archived),
        }
    )
    return Examined(report)


def examine_timestamp(
    reading: PdfReading, placed: PlacedSignature, index: int, grounds: Grounds, over: TimestampsOver
) -> Examined:
    """Examine a document timestamp, on its own chain at its own time; one over it in time renews it.

    Raises as `examine_signature`.
    """
    found = list(_format(placed, grounds))
    if placed.slot is None or found:
        return Examined(_bare_report(placed, index, grounds, found))
    slot = placed.slot
    signed = read_contents(slot.contents, timestamp=True)
    verdict = judge_token(
        grounds.with_evidence(evidence_in_cms(signed)),
        signed.content,
        lambda algorithm: slot.digest(reading.data, algorithm),
        kind="document",
        witness=over.earliest,
    )
    embedded = MaskedSignature(reading, placed, slot)
    embedded.compute_integrity_info(ONLY_SIGNATURES)  # type: ignore[no-untyped-call]
    found += _changes(embedded, grounds)
    found += verdict.found
    facts = verdict.facts
    content = _Asked(found=(), intact=facts is not None and facts.valid, embedded=embedded)
    report = _bare_report(placed, index, grounds, found).model_copy(
        update={
            **_content_facts(slot, content, len(reading.data)),
            "role": SignatureRole.TIMESTAMP,
            **identity_facts(signed),
            "identity": identity_of_cms(signed),
            "best_time": None if facts is None else BestTime(value=facts.time, proof="timestamp"),
            "timestamps": () if facts is None else (facts,),
        }
    )
    return Examined(report, verdict.proves)


_CERTIFICATIONS: dict[int, str] = {
    MDPPerm.NO_CHANGES.value: "no_changes",
    MDPPerm.FILL_FORMS.value: "form_filling",
    MDPPerm.ANNOTATE.value: "annotations",
}


def _certification(embedded: MaskedSignature) -> str:
    """What the signer allows to change after, where this is a certification signature."""
    level = embedded.docmdp_level
    return "" if level is None else _CERTIFICATIONS[level.value]


def _bare_report(
    placed: PlacedSignature, index: int, grounds: Grounds, found: list[Finding]
) -> SignatureReport:
    indication, reasons = grounds.policy.conclude(found)
    return SignatureReport(
        index=index,
        role=SignatureRole.TIMESTAMP if placed.is_document_timestamp else SignatureRole.UNKNOWN,
        indication=indication,
        sub_indication=next(iter(reasons), None),
        findings=tuple(found),
        field=placed.field_name,
        format=placed.subfilter,
    )


def _format(placed: PlacedSignature, grounds: Grounds) -> Iterator[Finding]:
    """Step 1: a sound place, and a format that is looked into."""
    if placed.trouble:
        yield grounds.policy.notice(placed.trouble)
    allowed = (_TIMESTAMP_SUBFILTER,) if placed.is_document_timestamp else grounds.policy.subfilters
    if placed.subfilter == _SHA1_SUBFILTER and not placed.is_document_timestamp:
        return  # looked into all the same: what it is worth depends on its timestamp
    if placed.subfilter in OUTDATED_SUBFILTERS:
        yield grounds.policy.notice(findings.SUBFILTER_OUTDATED, subfilter=placed.subfilter)
    elif placed.subfilter not in allowed:
        yield grounds.policy.notice(findings.SUBFILTER_NOT_ALLOWED, subfilter=placed.subfilter[:40])


def _old_form(placed: PlacedSignature, grounds: Grounds) -> Iterator[Finding]:
    """What is said of a format that rests on SHA-1; `grounds` are those of the proven time."""
    if placed.subfilter == _SHA1_SUBFILTER:
        allowed = placed.subfilter in grounds.policy.subfilters
        code = level_findings.SUBFILTER_OUTDATED_PROVEN if allowed else findings.SUBFILTER_OUTDATED
        yield grounds.policy.notice(code, subfilter=placed.subfilter)


def _signed_data(placed: PlacedSignature, contents: bytes) -> tuple[SignedData, bytes | None]:
    """Step 2: the signed data, and the SHA-1 it is about where the format has that inside."""
    if placed.subfilter == _SHA1_SUBFILTER:
        return read_sha1_contents(contents)
    return read_contents(contents, timestamp=False), None


# --- time ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimestampsOver:
    """The document timestamps over a signature that hold: what they prove of it."""

    times: tuple[datetime, ...] = ()
    archived: bool = False
    """One of them lies over evidence too."""

    @property
    def earliest(self) -> datetime | None:
        """When it was there by; None when none of them holds."""
        return min(self.times, default=None)


def _signing_time(
    signed: SignedData, embedded: MaskedSignature, over: TimestampsOver, grounds: Grounds
) -> SigningTime:
    """Step 3: its own timestamps judged; with the claimed time and those over it, the moment of signing."""
    before = tuple(
        judge_token(grounds, token, embedded.compute_digest, kind="content", witness=over.earliest)
        for token in signed.content_tokens()
    )
    imprint = message_imprint_checker(signed.signer_info)
    after = tuple(
        judge_token(grounds, token, imprint, witness=over.earliest) for token in signed.timestamp_tokens()
    )
    time = signing_time(_claimed_time(signed, embedded), Proofs(before, after, over.times), grounds)
    uncounted = tuple(
        grounds.policy.notice(level_findings.ARCHIVE_TIMESTAMP_NOT_COUNTED, name=name)
        for name in signed.uncounted_timestamps()
    )
    return replace(time, found=(*time.found, *uncounted))


def _claimed_time(signed: SignedData, embedded: MaskedSignature) -> datetime | None:
    """SigningTime of the CMS, else /M of the dictionary; a time without offset is Vietnam's."""
    claimed = signed.claimed_time()
    if claimed is None:
        try:
            claimed = embedded.self_reported_timestamp
        except (PdfError, ValueError, KeyError, AttributeError, TypeError):
            return None
    return in_utc(claimed)


# --- integrity and changes ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """What pyHanko said."""

    found: tuple[Finding, ...]
    intact: bool
    embedded: MaskedSignature
    doubt: str = ""
    """Why it would not pass the signature; empty when it would."""


def _ask_pyhanko(
    embedded: MaskedSignature,
    signed: SignedData,
    chain: Chain | None,
    certificate: CertificateJudgement,
    time: SigningTime,
    grounds: Grounds,
    stored: bytes | None,
) -> _Asked:
    """Step 5; `stored` is the SHA-1 inside a signature of the old format, which its digest is made of."""
    embedded.compute_integrity_info(ONLY_SIGNATURES)  # type: ignore[no-untyped-call]
    broken: tuple[Finding, ...] = ()
    if stored is not None and stored != embedded.compute_digest("sha1"):
        broken = (grounds.policy.notice(findings.HASH_MISMATCH),)
    # Not its one call for a PDF signature: that would judge every timestamp a second time.
    digest = (
        embedded.compute_digest() if stored is None else hashlib.new(signed.signer_digest, stored).digest()
    )
    opinion = opinion_on_signer(
        signed,
        digest,
        chain,
        time.best.value,
        grounds.policy,
        vouched=certificate.vouched,
        need_path=embedded.seed_value_spec is not None,
    )
    if opinion.status is None and not opinion.plain:
        return _Asked((*broken, *cms_findings(opinion, grounds.policy)), intact=False, embedded=embedded)
    found = (*broken, *cms_findings(opinion, grounds.policy), *_changes(embedded, grounds))
    doubt = opinion.doubt or _seed_doubt(opinion, embedded, proven=time.proven)
    return _Asked(found, opinion.intact and not broken, embedded, doubt=doubt)


def _seed_doubt(opinion: CmsOpinion, embedded: MaskedSignature, *, proven: bool) -> str:
    """Whether the form asked for another kind of signature, in pyHanko's view."""
    if opinion.plain:  # only where the form asks for nothing
        return ""
    if opinion.path is None:
        return "path"
    seeds = report_seed_value_validation(embedded, opinion.path, timestamp_found=proven)
    return "seed values" if seeds["seed_value_constraint_error"] is not None else ""


def _changes(embedded: MaskedSignature, grounds: Grounds) -> Iterator[Finding]:
    """Coverage, and what later revisions did: only signatures, timestamps and evidence may follow."""
    notice = grounds.policy.notice
    if embedded.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        yield notice(findings.COVERAGE_PARTIAL)
        return
    if embedded.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return
    diff = embedded.diff_result
    if not isinstance(diff, DiffResult) or diff.modification_level > ModificationLevel.FORM_FILLING:
        code = findings.CHANGED_AFTER_SIGNING
        if only_fields_changed(embedded):
            code = findings.FORM_CHANGED_AFTER_SIGNING
        yield notice(code, reason=type(diff).__name__)
        return
    if trouble := embedded.trouble_after():
        yield notice(findings.CHANGED_AFTER_SIGNING, reason=trouble)
        return
    if _other_fields(embedded, diff):
        yield notice(findings.FORM_CHANGED_AFTER_SIGNING)
    if embedded.summarise_integrity_info()["docmdp_ok"] is False:
        yield notice(findings.PERMISSIONS_BREACHED)
    if diff.modification_level > ModificationLevel.NONE:
        yield notice(findings.SIGNED_AGAIN_AFTER)


def _other_fields(embedded: MaskedSignature, diff: DiffResult) -> set[str]:
    """Changed form fields that are not signatures: pyHanko counts a further signature as form filling."""
    changed: set[str] = set(diff.changed_form_fields)
    return changed - embedded.signature_fields


def _content_facts(slot: Slot, asked: _Asked, size: int) -> dict[str, object]:
    """Integrity, coverage and changes as they stand in the report."""
    uncovered = ((slot.end, size),) if slot.end < size else ()
    return {
        "integrity": asked.intact,
        "coverage": Coverage(level=_covers(asked.embedded.coverage), uncovered=uncovered),
        "changes_after": tuple(_changes_after(asked.embedded)),
    }


def _covers(
    level: SignatureCoverageLevel | None,
) -> Literal["entire_file", "revision", "partial", "none"]:
    if level is None:
        return "none"
    if level == SignatureCoverageLevel.ENTIRE_FILE:
        return "entire_file"
    return "revision" if level == SignatureCoverageLevel.ENTIRE_REVISION else "partial"


def _changes_after(embedded: MaskedSignature) -> Iterator[ChangeAfter]:
    diff = embedded.diff_result
    if diff is None or embedded.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return
    allowed = isinstance(diff, DiffResult) and diff.modification_level <= ModificationLevel.FORM_FILLING
    if not allowed or embedded.trouble_after():
        yield ChangeAfter(level="content", what="nội dung văn bản")
        return
    for name in sorted(diff.changed_form_fields):
        signature = name in embedded.signature_fields
        yield ChangeAfter(level="signatures" if signature else "form", what=str(name))
    if diff.modification_level is ModificationLevel.LTA_UPDATES:
        yield ChangeAfter(level="evidence", what="bằng chứng kiểm tra (DSS, dấu thời gian)")
