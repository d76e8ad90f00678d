"""One signature of a PDF, examined step by step.

1. Place and format. 2. CMS shape. 3. PyHanko: digest, signature value, coverage, changes after, path; the
rest is as in every format (`trust.examination`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.pdf_embedded import report_seed_value_validation
from pyhanko.sign.validation.status import SignatureCoverageLevel

from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.changes import ONLY_SIGNATURES, only_fields_changed
from ebrvt_connect.trust.cms_algorithms import algorithm_findings
from ebrvt_connect.trust.cms_evidence import evidence_in_cms
from ebrvt_connect.trust.cms_signer import cms_reading
from ebrvt_connect.trust.etsi_identity import identity_of_cms
from ebrvt_connect.trust.examination import Proved, bare_report, examine
from ebrvt_connect.trust.pdf_reading import MaskedSignature
from ebrvt_connect.trust.policy import OUTDATED_SUBFILTERS
from ebrvt_connect.trust.second_opinion import cms_findings, opinion_on_signer
from ebrvt_connect.trust.signed_data import CmsMalformed, read_contents, read_sha1_contents
from ebrvt_connect.trust.signer_facts import identity_facts
from ebrvt_connect.trust.times import in_utc
from ebrvt_connect.trust.timestamps import judge_token
from ebrvt_connect.trust.verdict import (
    BestTime,
    ChangeAfter,
    Coverage,
    SignatureReport,
    SignatureRole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.examination import ProofsOfExistence
    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds
    from ebrvt_connect.trust.pdf_reading import PdfReading, PlacedSignature
    from ebrvt_connect.trust.second_opinion import CmsOpinion
    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.structure import Slot
    from ebrvt_connect.trust.verdict import Finding

_TIMESTAMP_SUBFILTER = "ETSI.RFC3161"
_SHA1_SUBFILTER = "adbe.pkcs7.sha1"
"""ISO 32000-1, 12.8.3.3: signed data whose content is the SHA-1 of the byte range."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A signature's report, and for a document timestamp the time it proves."""

    report: SignatureReport
    proves: datetime | None = None


def facts_of(placed: PlacedSignature) -> dict[str, object]:
    """What stands in a report before anything is looked at."""
    known: dict[str, object] = {"field": placed.field_name, "format": placed.subfilter}
    return {**known, "role": SignatureRole.TIMESTAMP} if placed.is_document_timestamp else known


def examine_signature(
    reading: PdfReading, placed: PlacedSignature, index: int, grounds: Grounds, over: ProofsOfExistence
) -> Examined:
    """Examine a person's or agency's signature; `over` are the document timestamps over it.

    Raises `CmsMalformed`, and whatever a hostile encoding makes a parser raise.
    """
    found = list(_format(placed, grounds))  # 1
    if placed.slot is None or found:
        return Examined(bare_report(index, grounds.policy, found, **facts_of(placed)))
    signed, stored = _signed_data(placed, placed.slot.contents)  # 2
    if signed.signer_digest not in hashlib.algorithms_available:
        raise CmsMalformed("thuật toán băm lạ")
    embedded = MaskedSignature(reading, placed, placed.slot)
    prove = _Prover(placed, placed.slot, signed, stored, embedded, len(reading.data))
    claimed, digest = _claimed_time(signed, embedded), embedded.compute_digest
    read = cms_reading(signed, digest, prove, claimed_time=claimed, further=over)
    return Examined(examine(read, index, grounds))


def examine_timestamp(
    reading: PdfReading, placed: PlacedSignature, index: int, grounds: Grounds, over: ProofsOfExistence
) -> Examined:
    """Examine a document timestamp, on its own chain at its own time; one over it in time renews it.

    Raises as `examine_signature`.
    """
    found = list(_format(placed, grounds))
    if placed.slot is None or found:
        return Examined(bare_report(index, grounds.policy, found, **facts_of(placed)))
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
    known = {
        **facts_of(placed),
        **identity_facts(signed),
        "identity": identity_of_cms(signed),
        "integrity": facts is not None and facts.valid,
        **_content_facts(embedded, slot, len(reading.data)),
        "best_time": None if facts is None else BestTime(value=facts.time, proof="timestamp"),
        "timestamps": () if facts is None else (facts,),
    }
    return Examined(bare_report(index, grounds.policy, found, **known), verdict.proves)


_CERTIFICATIONS: dict[int, str] = {
    MDPPerm.NO_CHANGES.value: "no_changes",
    MDPPerm.FILL_FORMS.value: "form_filling",
    MDPPerm.ANNOTATE.value: "annotations",
}


def _certification(embedded: MaskedSignature) -> str:
    """What the signer allows to change after, where this is a certification signature."""
    level = embedded.docmdp_level
    return "" if level is None else _CERTIFICATIONS[level.value]


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
class _Prover:
    """Step 3, for one signature of a file."""

    placed: PlacedSignature
    slot: Slot
    signed: SignedData
    stored: bytes | None
    """The SHA-1 inside a signature of the old format, which its digest is made of."""
    embedded: MaskedSignature
    size: int
    """Of the file."""

    def __call__(self, grounds: Grounds, certificate: CertificateJudgement) -> Proved:
        """Ask pyHanko about integrity and later changes."""
        embedded, policy = self.embedded, grounds.policy
        old_form = tuple(_old_form(self.placed, grounds))
        confused = tuple(algorithm_findings(self.signed, policy))
        embedded.compute_integrity_info(ONLY_SIGNATURES)  # type: ignore[no-untyped-call]
        broken = [policy.notice(findings.HASH_MISMATCH)] if self._is_of_other_content() else []
        # Not its one call for a PDF signature: that would judge every timestamp a second time.
        need_path = embedded.seed_value_spec is not None
        opinion = opinion_on_signer(self.signed, self._digest(), certificate, policy, need_path=need_path)
        refused = opinion.status is None and not opinion.plain
        changes = () if refused else tuple(_changes(embedded, grounds))
        doubt = opinion.doubt or _seed_doubt(opinion, embedded, proven=certificate.time.proven)
        return Proved(
            integrity=opinion.intact and not broken,
            identity=identity_of_cms(self.signed, embedded.compute_digest()),
            found=(*old_form, *broken, *cms_findings(opinion, policy), *changes, *confused),
            doubt=lambda: doubt,
            facts={
                **facts_of(self.placed),
                **_content_facts(embedded, self.slot, self.size),
                "certification": _certification(embedded),
                **({} if self.stored is None else {"level": ""}),  # too old to be AdES
            },
        )

    def _is_of_other_content(self) -> bool:
        return self.stored is not None and self.stored != self.embedded.compute_digest("sha1")

    def _digest(self) -> bytes:
        if self.stored is None:
            return self.embedded.compute_digest()
        return hashlib.new(self.signed.signer_digest, self.stored).digest()


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


def _content_facts(embedded: MaskedSignature, slot: Slot, size: int) -> dict[str, object]:
    """Coverage and changes as they stand in the report."""
    uncovered = ((slot.end, size),) if slot.end < size else ()
    return {
        "coverage": Coverage(level=_covers(embedded.coverage), uncovered=uncovered),
        "changes_after": tuple(_changes_after(embedded)),
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
