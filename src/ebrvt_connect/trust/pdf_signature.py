"""One signature of a PDF, examined step by step.

1. Place and format. 2. CMS shape. 3. Its timestamps, and with them the best signing time. 4. The
certificate at that time (`trust.grounds`). 5. PyHanko: digest, signature value, coverage, changes after,
path. 6. The claimed time against its proof. 7. What we would pass and pyHanko would not is undecided.

Findings stand in the report in the order a reader wants them: integrity before certificate before time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, Self

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import async_validate_cms_signature, message_imprint_checker
from pyhanko.sign.validation.pdf_embedded import report_seed_value_validation
from pyhanko.sign.validation.status import SignatureCoverageLevel, StandardCMSSignatureStatus

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.chain import key_description
from ebrvt_connect.trust.changes import ONLY_SIGNATURES, only_fields_changed
from ebrvt_connect.trust.grounds import judge_certificate
from ebrvt_connect.trust.immediate import run_to_end
from ebrvt_connect.trust.names import issuer_name, managing_unit, signer_name
from ebrvt_connect.trust.pdf_reading import MaskedSignature
from ebrvt_connect.trust.policy import OUTDATED_SUBFILTERS
from ebrvt_connect.trust.second_opinion import SIGNING_USAGE, validation_context
from ebrvt_connect.trust.signed_data import CmsMalformed, read_contents
from ebrvt_connect.trust.timestamps import judge_token
from ebrvt_connect.trust.verdict import (
    Algorithms,
    BestTime,
    CertificateFacts,
    ChangeAfter,
    Coverage,
    Finding,
    Indication,
    RevocationFacts,
    SignatureKind,
    SignatureReport,
    SignatureRole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyhanko.sign.validation.status import SignatureStatus

    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds
    from ebrvt_connect.trust.pdf_reading import PdfReading, PlacedSignature
    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.structure import Slot
    from ebrvt_connect.trust.timestamps import TimestampVerdict

_VIETNAM_TIME = timezone(timedelta(hours=7))
_LOCAL_AS_UTC = range(25_200 - 3_600, 25_200 + 3_600 + 1)
"""Seconds a claimed time runs ahead when local time was written as UTC."""
_TIMESTAMP_SUBFILTER = "ETSI.RFC3161"


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
    reading: PdfReading, placed: PlacedSignature, index: int, grounds: Grounds, proven: tuple[datetime, ...]
) -> Examined:
    """Examine a person's or agency's signature; `proven` are times of document timestamps over it.

    Raises `CmsMalformed`, and whatever a hostile encoding makes a parser raise.
    """
    found = list(_format(placed, grounds))  # 1
    if placed.slot is None or found:
        return Examined(_bare_report(placed, index, grounds, found))
    signed = read_contents(placed.slot.contents, timestamp=False)  # 2
    if signed.digest not in hashlib.algorithms_available:
        raise CmsMalformed("thuật toán băm lạ")
    embedded = MaskedSignature(reading, placed, placed.slot)
    tokens = [  # 3
        judge_token(grounds, token, message_imprint_checker(signed.signer_info))
        for token in signed.timestamp_tokens()
    ]
    claimed = _claimed_time(signed, embedded)
    best = _best_time(claimed, (*(t.proves for t in tokens if t.proves), *proven), grounds)
    chain = grounds.chain_of(signed, grounds.trust.for_signing, best.value)  # 4
    certificate = judge_certificate(grounds, signed, chain, best.value, proven=best.proof == "timestamp")
    asked = _ask_pyhanko(embedded, signed, chain, certificate, best, grounds)  # 5
    found += asked.found
    found += certificate.found
    found += _time_findings(claimed, best, tokens, grounds)  # 6
    if not signed.names_its_certificate:
        found.append(grounds.policy.notice(findings.SIGNER_CERTIFICATE_NOT_BOUND))
    if asked.doubt and grounds.policy.conclude(found)[0] is Indication.TOTAL_PASSED:  # 7
        found.append(grounds.policy.notice(findings.SECOND_OPINION_DIFFERS, reason=asked.doubt))
    report = _bare_report(placed, index, grounds, found).model_copy(
        update={
            **_certificate_facts(signed, chain, certificate, best, grounds),
            **_content_facts(placed.slot, asked, len(reading.data)),
            "claimed_time": claimed,
            "best_time": best,
            "timestamps": tuple(t.facts for t in tokens if t.facts is not None),
        }
    )
    return Examined(report)


def examine_timestamp(
    reading: PdfReading, placed: PlacedSignature, index: int, grounds: Grounds, proven: tuple[datetime, ...]
) -> Examined:
    """Examine a document timestamp, on its own chain at its own time. Raises as `examine_signature`."""
    del proven  # A later timestamp may renew this one; archives are judged by their own rules, not here.
    found = list(_format(placed, grounds))
    if placed.slot is None or found:
        return Examined(_bare_report(placed, index, grounds, found))
    slot = placed.slot
    signed = read_contents(slot.contents, timestamp=True)
    verdict = judge_token(grounds, signed.content, lambda algorithm: slot.digest(reading.data, algorithm))
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
            "signer": signer_name(signed.leaf),
            "issuer": issuer_name(signed.leaf),
            "managing_unit": managing_unit(signed.leaf),
            "algorithms": _algorithm_facts(signed),
            "certificate": _certificate(signed),
            "best_time": None if facts is None else BestTime(value=facts.time, proof="timestamp"),
            "timestamps": () if facts is None else (facts,),
        }
    )
    return Examined(report, verdict.proves)


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
    """Step 1: a sound place, and a format the policy accepts."""
    if placed.trouble:
        yield grounds.policy.notice(placed.trouble)
    allowed = (_TIMESTAMP_SUBFILTER,) if placed.is_document_timestamp else grounds.policy.subfilters
    if placed.subfilter in OUTDATED_SUBFILTERS:
        yield grounds.policy.notice(findings.SUBFILTER_OUTDATED, subfilter=placed.subfilter)
    elif placed.subfilter not in allowed:
        yield grounds.policy.notice(findings.SUBFILTER_NOT_ALLOWED, subfilter=placed.subfilter[:40])


# --- time ------------------------------------------------------------------------------------------


def _claimed_time(signed: SignedData, embedded: MaskedSignature) -> datetime | None:
    """SigningTime of the CMS, else /M of the dictionary; a time without offset is Vietnam's."""
    claimed = signed.claimed_time()
    if claimed is None:
        try:
            claimed = embedded.self_reported_timestamp
        except (PdfError, ValueError, KeyError, AttributeError, TypeError):
            return None
    if claimed is None:
        return None
    if claimed.tzinfo is None:
        claimed = claimed.replace(tzinfo=_VIETNAM_TIME)
    return claimed.astimezone(UTC)


def _best_time(claimed: datetime | None, proven: Iterable[datetime], grounds: Grounds) -> BestTime:
    """The earliest proof; else the signer's word, unless it lies in the future; else this very check."""
    earliest = min(proven, default=None)
    if earliest is not None:
        return BestTime(value=earliest, proof="timestamp")
    if claimed is not None and not grounds.lies_ahead(claimed):
        return BestTime(value=claimed, proof="claimed")
    return BestTime(value=grounds.at, proof="validation")


def _time_findings(
    claimed: datetime | None, best: BestTime, tokens: list[TimestampVerdict], grounds: Grounds
) -> Iterator[Finding]:
    """Step 6."""
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
    best: BestTime,
    grounds: Grounds,
) -> _Asked:
    """Step 5."""
    context = validation_context(
        chain, best.value, grounds.policy, vouched=certificate.vouched, embedded=signed.others
    )
    try:
        embedded.compute_integrity_info(ONLY_SIGNATURES)  # type: ignore[no-untyped-call]
        # Not its one call for a PDF signature: that would judge every timestamp a second time.
        status = run_to_end(
            async_validate_cms_signature(
                embedded.signed_data,
                status_cls=StandardCMSSignatureStatus,
                raw_digest=embedded.compute_digest(),
                validation_context=context,
                key_usage_settings=SIGNING_USAGE,
            )
        )
    except SignatureValidationError as failure:
        return _Asked((_refusal(failure, grounds),), intact=False, embedded=embedded)
    found = (*_integrity(status, grounds), *_changes(embedded, grounds))
    intact = bool(status.intact and status.valid)
    return _Asked(found, intact, embedded, doubt=_doubt(status, embedded, proven=best.proof == "timestamp"))


def _refusal(failure: SignatureValidationError, grounds: Grounds) -> Finding:
    """PyHanko would not go on: its sub-indication tells a wrong certificate from a broken object."""
    indication = getattr(failure.ades_subindication, "name", "")
    if indication == "NO_SIGNING_CERTIFICATE_FOUND":
        return grounds.policy.notice(findings.SIGNER_CERTIFICATE_MISMATCH)
    return grounds.policy.notice(findings.CMS_MALFORMED, reason=indication or type(failure).__name__)


def _integrity(status: SignatureStatus, grounds: Grounds) -> Iterator[Finding]:
    if not status.intact:
        yield grounds.policy.notice(findings.HASH_MISMATCH)
    if not status.valid:
        yield grounds.policy.notice(findings.SIGNATURE_VALUE_WRONG)


def _doubt(status: SignatureStatus, embedded: MaskedSignature, *, proven: bool) -> str:
    if status.trust_problem_indic is not None:
        return getattr(status.trust_problem_indic, "name", "path")
    if status.validation_path is None or not status.trusted:
        return "path"
    seeds = report_seed_value_validation(embedded, status.validation_path, timestamp_found=proven)
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
    if not isinstance(diff, DiffResult) or diff.modification_level > ModificationLevel.FORM_FILLING:
        yield ChangeAfter(level="content", what="nội dung văn bản")
        return
    for name in sorted(diff.changed_form_fields):
        signature = name in embedded.signature_fields
        yield ChangeAfter(level="signatures" if signature else "form", what=str(name))
    if diff.modification_level is ModificationLevel.LTA_UPDATES:
        yield ChangeAfter(level="evidence", what="bằng chứng kiểm tra (DSS, dấu thời gian)")


# --- the certificate in the report -------------------------------------------------------------------


def _certificate_facts(
    signed: SignedData,
    chain: Chain | None,
    judged: CertificateJudgement,
    best: BestTime,
    grounds: Grounds,
) -> dict[str, object]:
    leaf, state = signed.leaf, judged.revocation
    in_period = leaf.not_valid_before_utc <= best.value <= leaf.not_valid_after_utc
    valid = None if in_period and state.status == "unknown" else in_period and state.status == "good"
    return {
        "role": grounds.trust.signers.role_of(sha256_of(leaf), best.value),
        "signature_kind": SignatureKind.OTHER if chain is None else chain.anchor.kind,
        "signer": signer_name(leaf),
        "issuer": issuer_name(leaf),
        "managing_unit": managing_unit(leaf),
        "certificate": _certificate(signed),
        "certificate_valid_at_best_time": valid,
        "revocation": RevocationFacts(
            status=state.status,
            source=state.source,
            this_update=state.this_update,
            next_update=state.next_update,
            revoked_at=state.revoked_at,
        ),
        "algorithms": _algorithm_facts(signed),
        "chain": () if chain is None else tuple(sha256_of(c) for c in chain.certificates),
    }


def _certificate(signed: SignedData) -> CertificateFacts:
    leaf = signed.leaf
    return CertificateFacts(
        sha256=sha256_of(leaf), not_before=leaf.not_valid_before_utc, not_after=leaf.not_valid_after_utc
    )


def _algorithm_facts(signed: SignedData) -> Algorithms:
    return Algorithms(digest=signed.digest, signature=signed.mechanism, key=key_description(signed.leaf))
