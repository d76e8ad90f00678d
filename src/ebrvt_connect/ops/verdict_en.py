"""The verification report in English, for `ebrvt verify --lang en` (the Vietnamese one is the legal one)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust.verdict import Indication

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.trust.verdict import Finding, SignatureReport, VerificationReport

_HEADLINES = {
    Indication.TOTAL_PASSED: "VALID",
    Indication.INDETERMINATE: "CANNOT BE DECIDED",
    Indication.TOTAL_FAILED: "INVALID",
}


def render(report: VerificationReport) -> str:
    """Several lines: the verdict, each signature, what was found; times in ISO 8601."""
    reasons = f" ({', '.join(report.sub_indications)})" if report.sub_indications else ""
    lines = [
        f"File: {report.file or '(no name)'} ({report.kind.value.upper()}, {report.size_bytes} bytes)",
        f"Verdict: {_HEADLINES[report.indication]}{reasons}",
        f"Checked at: {report.validation_time.isoformat()} by policy {report.policy.id}",
        *_findings(report.findings),
    ]
    for signature in report.signatures:
        lines += ["", *_signature(signature)]
    return "\n".join(lines) + "\n"


def _signature(signature: SignatureReport) -> Iterator[str]:
    yield f"Signature {signature.index}: {_HEADLINES[signature.indication]}, role {signature.role.value}"
    if signature.certificate is not None:
        begin, end = signature.certificate.not_before, signature.certificate.not_after
        yield f"  Signer: {', '.join(filter(None, (signature.signer.cn, signature.signer.title)))}"
        yield f"  Managing unit: {signature.managing_unit or 'not stated'}"
        yield f"  Issuer: {signature.issuer} ({signature.signature_kind.value})"
        yield f"  Certificate valid: {begin.isoformat()} to {end.isoformat()}"
    if signature.best_time is not None:
        yield f"  Signed at: {signature.best_time.value.isoformat()} (proof: {signature.best_time.proof})"
        yield f"  Revocation at that time: {signature.revocation.status}"
    whole = "yes" if signature.integrity else "NO"
    coverage = signature.coverage
    parts = f" ({', '.join(coverage.covered)})" if coverage.covered else ""
    yield f"  Intact: {whole}; covers: {coverage.level.replace('_', ' ')}{parts}"
    yield from _findings(signature.findings)


def _findings(found: Iterable[Finding]) -> Iterator[str]:
    return (f"  {f.severity.value}: {f.message_en} [{f.code}]" for f in found)
