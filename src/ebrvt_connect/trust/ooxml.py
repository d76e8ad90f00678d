"""The verdict on an Office package (kết luận về tệp docx, xlsx, pptx): ECMA-376 part 2, signatures.

0. The archive, read so that nothing can hide in it (`trust.ooxml_zip`). 1. From the package's own
relationships to the signature origin, from there to the signatures; names decide nothing. 2. Each
signature by itself, as any XML signature is judged (`trust.xml_signature`): what it is about is the
manifest within it (`trust.ooxml_manifest`), held against the package (`trust.ooxml_coverage`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings, ooxml_findings
from ebrvt_connect.trust.examination import fenced
from ebrvt_connect.trust.grounds import FileJudgement
from ebrvt_connect.trust.ooxml_coverage import (
    SIGNATURE,
    SIGNATURE_CERTIFICATE,
    SIGNATURE_ORIGIN,
    CoveredPackage,
    SignatureParts,
)
from ebrvt_connect.trust.ooxml_manifest import read_manifest
from ebrvt_connect.trust.ooxml_package import ROOT, Package
from ebrvt_connect.trust.ooxml_zip import PackageRefused
from ebrvt_connect.trust.verdict import Severity
from ebrvt_connect.trust.xml_properties import SignedProperties
from ebrvt_connect.trust.xml_reading import XmlRefused, signature_elements
from ebrvt_connect.trust.xml_signature import Content, examine_xml_signature
from ebrvt_connect.trust.xml_words import SIGNATURE as SIGNATURE_ELEMENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.ooxml_package import Relationship
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding, SignatureReport
    from ebrvt_connect.trust.xml_reading import XmlSignature

_ORIGIN_CONTENT = "application/vnd.openxmlformats-package.digital-signature-origin"
_SIGNATURE_CONTENT = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"
_CERTIFICATE_CONTENT = "application/vnd.openxmlformats-package.digital-signature-certificate"
_FORMAT = "OOXML "
_MOST_COMPARISONS = 200_000
"""Relationships times signatures: each signature is held against the whole package."""


def judge_ooxml(data: bytes, grounds: Grounds) -> FileJudgement:
    """Judge every signature of an Office package. Never raises for bad content."""
    try:
        package = Package(data)  # 0
        places = signature_parts(package)  # 1
        if not places.signatures:
            package.check_rest()
            return FileJudgement((), (grounds.policy.notice(findings.SIGNED_DATA_NOT_FOUND),))
        _check_work(package, places, grounds.policy)
        reports = tuple(  # 2
            _examined(package, places, index, grounds) for index, _ in enumerate(places.signatures, 1)
        )
        package.check_rest()
    except XmlRefused as refusal:
        return FileJudgement((), (grounds.policy.notice(refusal.code, **refusal.facts),))
    return FileJudgement(reports, ())


def signature_parts(package: Package) -> SignatureParts:
    """Where the signatures stand. Raises `PackageRefused` for what is not where and what it must be."""
    origins = _targets(package, ROOT, SIGNATURE_ORIGIN)
    if not origins:
        return SignatureParts("")
    if len(origins) > 1 or package.content_type(origins[0]).lower() != _ORIGIN_CONTENT:
        raise _misplaced("phần gốc của chữ ký")
    signatures = _targets(package, origins[0], SIGNATURE)
    if len(set(signatures)) != len(signatures) or origins[0] in signatures:
        raise _misplaced("một chữ ký được khai báo hai lần")
    if any(package.content_type(key).lower() != _SIGNATURE_CONTENT for key in signatures):
        raise _misplaced("kiểu nội dung của chữ ký")
    certificates = tuple(c for s in signatures for c in _targets(package, s, SIGNATURE_CERTIFICATE))
    if any(package.content_type(key).lower() != _CERTIFICATE_CONTENT for key in certificates):
        raise _misplaced("kiểu nội dung của chứng thư số")
    return SignatureParts(origins[0], signatures, tuple(dict.fromkeys(certificates)))


def _targets(package: Package, source: str, relationship_type: str) -> tuple[str, ...]:
    found: list[Relationship] = [r for r in package.relationships(source) if r.type == relationship_type]
    if any(r.part not in package for r in found):
        raise _misplaced("liên kết tới chữ ký không dẫn tới đâu")
    return tuple(r.part for r in found)


def _check_work(package: Package, places: SignatureParts, policy: VerificationPolicy) -> None:
    if len(places.signatures) > policy.most_signatures:
        raise PackageRefused(ooxml_findings.OOXML_TOO_MANY_SIGNATURES, limit=policy.most_signatures)
    if len(package.all_relationships()) * len(places.signatures) > _MOST_COMPARISONS:
        raise PackageRefused(ooxml_findings.OOXML_TOO_LARGE, reason="quá nhiều liên kết")


def _examined(package: Package, places: SignatureParts, index: int, grounds: Grounds) -> SignatureReport:
    """One signature examined; whatever a hostile one raises becomes a finding."""
    look = partial(_examine, package, places, index, grounds)
    report = fenced(look, index, grounds.policy, lambda broken: broken, format=_FORMAT + "XMLDSig")
    return report.model_copy(update={"field": package.shown(places.signatures[index - 1])})


def _examine(package: Package, places: SignatureParts, index: int, grounds: Grounds) -> SignatureReport:
    """Raises `XmlRefused`, and whatever a hostile encoding makes a parser raise."""
    key = places.signatures[index - 1]
    root = package.root_of(key)
    if root.tag != SIGNATURE_ELEMENT:
        raise _misplaced("phần tử gốc không phải chữ ký")
    signature_elements(root, package.size(key), grounds.policy)  # refuses what is too much work
    look = partial(_content, package, places)
    return examine_xml_signature(root, index, grounds, look).report


def _content(
    package: Package, places: SignatureParts, signature: XmlSignature, policy: VerificationPolicy
) -> Content:
    """What of the package the signature's manifest covers, and whether it still is what was signed."""
    manifest = read_manifest(signature)
    covered = CoveredPackage(package, manifest, places)
    changed = covered.changed(policy)
    stated = SignedProperties.of(signature).claimed_time
    return Content(
        coverage=covered.coverage,
        found=(*changed, *covered.left_open(policy), *_times(manifest.claimed_time, stated, policy)),
        integrity=all(f.severity is not Severity.ERROR for f in changed),
        digests=tuple(dict.fromkeys(part.digest for part in manifest.parts)),
        claimed_time=manifest.claimed_time,
        format=_FORMAT,
    )


def _times(one: datetime | None, other: datetime | None, policy: VerificationPolicy) -> Iterator[Finding]:
    """Whether the two places that state a signing time agree."""
    if one is not None and other is not None:
        seconds = int(abs((one - other).total_seconds()))
        if seconds > policy.clock_tolerance_seconds:
            yield policy.notice(ooxml_findings.OOXML_TIMES_DIFFER, seconds=seconds)


def _misplaced(reason: str) -> PackageRefused:
    return PackageRefused(ooxml_findings.OOXML_SIGNATURES_MISPLACED, reason=reason)
