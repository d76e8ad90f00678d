"""The verdict on a PDF (kết luận về tệp PDF): PAdES, adbe.pkcs7.detached, document timestamps.

PyHanko parses, hashes, compares revisions and validates paths; the verdict is ours. The order:

0. Limits and the structural gate (`trust.pdf_reading`, `trust.structure`).
1. Document timestamps, the newest first, each on its own chain: they prove what lies before them, and an
   older one that has lapsed since still holds by a newer one made in time.
2. Each signature by itself (`trust.pdf_signature`).
3. The file: nothing may stand behind the last revision that it does not list (`trust.revisions`),
   signatures may not overlap, and none may paint over what was signed before it.

What the document's metadata says (issuing agency, order of leader and seal) is `trust.signers`' matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ebrvt_connect.trust import disguise_findings, findings, level_findings
from ebrvt_connect.trust.disguise import hides_archive
from ebrvt_connect.trust.examination import ProofsOfExistence, fenced
from ebrvt_connect.trust.grounds import FileJudgement
from ebrvt_connect.trust.hidden_signatures import hides_signature
from ebrvt_connect.trust.pdf_evidence import evidence_in_pdf, evidence_under, stands_over_evidence
from ebrvt_connect.trust.pdf_pages import rectangle_area
from ebrvt_connect.trust.pdf_reading import PdfReading, PdfRefused, open_pdf
from ebrvt_connect.trust.pdf_signature import Examined, examine_signature, examine_timestamp, facts_of
from ebrvt_connect.trust.structure import ends_at_end_of_file, overlapping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.pdf_reading import PlacedSignature
    from ebrvt_connect.trust.verdict import Finding, SignatureReport


def judge_pdf(data: bytes, grounds: Grounds) -> FileJudgement:
    """Judge every signature of a PDF. Never raises for bad content."""
    policy = grounds.policy
    try:  # 0
        reading = open_pdf(data, policy)
    except PdfRefused as refusal:
        return FileJudgement((), (policy.notice(refusal.code, reason=refusal.reason, count=refusal.count),))
    whole = reading.digests.whole().hex() if reading.digests is not None else ""
    return FileJudgement(_judge_signatures(reading, grounds), _judge_layout(reading, grounds), sha256=whole)


def _judge_signatures(reading: PdfReading, grounds: Grounds) -> tuple[SignatureReport, ...]:
    """Steps 1 and 2; reports come in signing order."""
    reports: dict[int, SignatureReport] = {}
    proofs: list[_Proof] = []
    placed = list(enumerate(reading.signatures, 1))
    grounds = grounds.with_evidence(evidence_in_pdf(reading))
    # Document timestamps come first here though they stand last in the file: what they prove is needed.
    for index, signature in sorted(placed, key=_newest_timestamp_first):
        examined = _examined(reading, signature, index, grounds, _over(signature, proofs))
        reports[index] = examined.report
        if signature.is_document_timestamp and signature.slot is not None and examined.proves is not None:
            archived = stands_over_evidence(reading, signature)
            if examined.report.coverage.level in {"entire_file", "revision"}:
                grounds = grounds.with_evidence(evidence_under(reading, signature, examined.proves))
            proofs.append(_Proof(signature.slot.end, examined.proves, archived=archived))
    return tuple(reports[index] for index, _ in placed)


@dataclass(frozen=True, slots=True)
class _Proof:
    """A document timestamp that holds: what lies before `end` was there at `time`."""

    end: int
    time: datetime
    archived: bool


def _newest_timestamp_first(place: tuple[int, PlacedSignature]) -> tuple[bool, int]:
    _, signature = place
    return not signature.is_document_timestamp, 0 if signature.slot is None else -signature.slot.end


def _over(signature: PlacedSignature, proofs: list[_Proof]) -> ProofsOfExistence:
    """The document timestamps that cover all of a signature."""
    slot = signature.slot
    covering = [] if slot is None else [p for p in proofs if p.end > slot.end]
    return ProofsOfExistence(tuple(p.time for p in covering), archived=any(p.archived for p in covering))


def _examined(
    reading: PdfReading, signature: PlacedSignature, index: int, grounds: Grounds, over: ProofsOfExistence
) -> Examined:
    """One signature examined; whatever a hostile one raises becomes a finding."""
    examine = examine_timestamp if signature.is_document_timestamp else examine_signature
    look = partial(examine, reading, signature, index, grounds, over)
    return fenced(look, index, grounds.policy, Examined, **facts_of(signature))


def _judge_layout(reading: PdfReading, grounds: Grounds) -> tuple[Finding, ...]:
    """Step 3, and that there is a signature at all."""
    notice = grounds.policy.notice
    found = []
    if hidden := hides_signature(reading):
        found.append(notice(disguise_findings.PDF_SIGNATURE_HIDDEN))
    elif not reading.signatures:
        found.append(notice(findings.SIGNED_DATA_NOT_FOUND))
    if reading.signatures and all(s.is_document_timestamp for s in reading.signatures):
        found.append(notice(level_findings.DOCUMENT_TIMESTAMP_ALONE))
    if reading.traces and not hidden:
        found.append(notice(findings.PDF_SIGNATURE_OUTSIDE_FORM))
    placed = [s for s in reading.signatures if s.slot is not None]
    slots = [s.slot for s in placed if s.slot is not None]
    if overlapping(slots):
        found.append(notice(findings.BYTE_RANGE_OVERLAP))
    size, covered = len(reading.data), max((s.end for s in slots), default=0)
    # PyHanko is content with bytes behind the last end-of-file mark that no cross-reference names.
    later = reading.revisions_after(placed[-1]) if placed else 0
    unsound = covered < size and not (later and ends_at_end_of_file(reading.data, size))
    if slots and (unsound or reading.later_trouble):
        count = size - (covered if unsound else min(s.end for s in slots))
        found.append(notice(findings.PDF_BYTES_AFTER_END, count=count))
    if slots and hides_archive(reading.data, 0, min(s.end for s in slots)):
        found.append(notice(disguise_findings.FILE_IS_TWO_FILES, what="ZIP"))
    if slots and reading.covered_trouble:
        found.append(notice(findings.PDF_LAYOUT_UNCLEAR, reason=reading.covered_trouble))
    found += _later_appearances(reading, grounds)
    return tuple(found)


def _later_appearances(reading: PdfReading, grounds: Grounds) -> Iterator[Finding]:
    """What is painted by a signature that was added: it lies over what earlier ones signed.

    A document timestamp needs nobody's key, so it may paint nothing at all.
    """
    allowed = reading.smallest_page * grounds.policy.appearance_percent / 100
    for signature in reading.signatures[1:]:
        widgets = list(signature.widgets())
        area = sum(rectangle_area(w["/Rect"]) for w in widgets if "/Rect" in w)
        if signature.is_document_timestamp:
            if area or any("/AP" in w for w in widgets):
                yield grounds.policy.notice(findings.CHANGED_AFTER_SIGNING, reason="DocTimeStamp")
        elif area > allowed:
            yield grounds.policy.notice(
                findings.SIGNATURE_COVERS_PAGE, percent=grounds.policy.appearance_percent
            )
