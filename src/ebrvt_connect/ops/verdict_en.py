"""The verification report in English, for `ebrvt verify --lang en` (the Vietnamese one is the legal one)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.words_vi import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.verdict import Finding, SignatureReport, VerificationReport

HEADLINES = {
    Indication.TOTAL_PASSED: "VALID",
    Indication.INDETERMINATE: "CANNOT BE DECIDED",
    Indication.TOTAL_FAILED: "INVALID",
}


def render(report: VerificationReport) -> str:
    """Several lines: the verdict, each signature, what was found; times in ISO 8601."""
    reasons = f" ({', '.join(report.sub_indications)})" if report.sub_indications else ""
    kind = report.kind.value.upper()
    lines = [
        f"File: {one_line(report.file) or '(no name)'} ({kind}, {report.size_bytes} bytes)",
        f"Verdict: {HEADLINES[report.indication]}{reasons}",
        f"Checked at: {report.validation_time.isoformat()} by policy {report.policy.id}",
        *findings(report.findings),
    ]
    for signature in report.signatures:
        lines += ["", *_signature(signature)]
    return "\n".join(lines) + "\n"


def _signature(signature: SignatureReport) -> Iterator[str]:
    yield f"Signature {signature.index}: {HEADLINES[signature.indication]}, role {signature.role.value}"
    if signature.certificate is not None:
        begin, end = signature.certificate.not_before, signature.certificate.not_after
        signer = ", ".join(filter(None, (signature.signer.cn, signature.signer.title)))
        yield f"  Signer: {one_line(signer)}"
        yield f"  Managing unit: {one_line(signature.managing_unit) or 'not stated'}"
        yield f"  Issuer: {one_line(signature.issuer)} ({signature.signature_kind.value})"
        yield f"  Certificate valid: {begin.isoformat()} to {end.isoformat()}"
    if signature.best_time is not None:
        yield f"  Signed at: {signature.best_time.value.isoformat()} (proof: {signature.best_time.proof})"
        yield f"  Revocation at that time: {signature.revocation.status}"
    whole = "yes" if signature.integrity else "NO"
    coverage = signature.coverage
    parts = f" ({one_line(', '.join(coverage.covered), 600)})" if coverage.covered else ""
    yield f"  Intact: {whole}; covers: {coverage.level.replace('_', ' ')}{parts}"
    yield from findings(signature.findings)


def findings(found: Iterable[Finding]) -> Iterator[str]:
    """One line for each finding."""
    return (f"  {f.severity.value}: {one_line(f.message_en, 600)} [{f.code}]" for f in found)


def render_packet(packet: PacketReport) -> str:
    """The verdict on a packet in English (the Vietnamese one is the legal one)."""
    reasons = f" ({', '.join(packet.sub_indications)})" if packet.sub_indications else ""
    number = one_line(packet.number) or "(unknown)"
    lines = [
        f"Packet: {one_line(packet.file) or '(no name)'}, document {number} of {one_line(packet.agency)}",
        f"Verdict on the whole: {HEADLINES[packet.indication]}{reasons}",
        *findings(packet.findings),
    ]
    if packet.envelope is not None and packet.envelope.signatures:
        lines += ["", render(packet.envelope).rstrip()]
    for file in packet.files:
        lines += ["", f"- {one_line(file.name)} ({file.shown_part})", *findings(file.findings)]
        if file.report is not None:
            lines.append(render(file.report).rstrip())
    return "\n".join(lines) + "\n"
