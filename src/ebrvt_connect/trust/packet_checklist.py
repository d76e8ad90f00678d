"""What the record asked of a packet, rule by rule (đối chiếu với bản ghi), told from its report.

A finding says what is wrong; a clerk also wants to read what was looked at and is right. A rule counts as met
only where it was really asked and nothing speaks against it: where the signatures it would be about have not
passed, it is told as undecided, never as met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ebrvt_connect.trust import findings, limit_findings, packet_findings
from ebrvt_connect.trust.catalogue import ROWS
from ebrvt_connect.trust.verdict import Indication, Severity, SignatureRole, worst

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrvt_connect.trust.packet_report import PacketFile, PacketReport
    from ebrvt_connect.trust.verdict import Finding

Outcome = Literal["met", "noticed", "unmet", "failed", "undecided", "not_applicable"]
"""Met; met with a warning; not shown to hold; broken; could not be asked; nothing there to ask it of."""

LEADER: Final = frozenset(
    {
        findings.LEADER_SIGNATURE_MISSING,
        packet_findings.LEADER_SIGNATURE_NOT_PASSED,
        findings.ONE_SIGNATURE_FOR_BOTH,
    }
)
SEAL: Final = frozenset(
    {
        findings.AGENCY_SEAL_MISSING,
        packet_findings.AGENCY_SEAL_NOT_PASSED,
        findings.AGENCY_SEAL_FOREIGN,
        findings.ONE_SIGNATURE_FOR_BOTH,
        findings.SIGNER_NOT_REGISTERED,
    }
)
ORDER: Final = frozenset(
    {
        findings.SEAL_BEFORE_LEADER,
        packet_findings.SEAL_STAMPED_BEFORE_LEADER,
        packet_findings.SEAL_CLAIMED_BEFORE_LEADER,
        packet_findings.SIGNING_ORDER_UNKNOWN,
        packet_findings.SIGNING_ORDER_BY_PLACE,
    }
)
COPIES: Final = frozenset(
    {
        packet_findings.COPY_MADE,
        packet_findings.COPY_WITHOUT_ORIGINAL,
        packet_findings.COPY_BEFORE_ORIGINAL,
    }
)
FILES: Final = frozenset(
    {
        *packet_findings.AS_CARRIED,
        packet_findings.PACKET_FILE_CHANGED,
        packet_findings.PACKET_NAME_REPEATED,
        packet_findings.PACKET_WITHOUT_MAIN_FILE,
        packet_findings.FILE_NAME_OF_ANOTHER_KIND,
    }
)


RULES_VI: Final = {
    "leader": "Người có thẩm quyền ký",
    "seal": "Con dấu số của đúng cơ quan ban hành",
    "order": "Người có thẩm quyền ký trước, đóng dấu sau",
    "dates": "Ngày ký so với ngày văn bản",
    "copies": "Bản sao (sao y, sao lục, trích sao)",
    "appendixes": "Phụ lục, tài liệu kèm theo có con dấu số",
    "files": "Đủ tệp, đúng tệp, không thừa tệp",
    "envelope": "Chữ ký của gói tin edXML",
}
OUTCOMES_VI: Final = {
    "met": "Đạt",
    "noticed": "Đạt, có cảnh báo",
    "unmet": "CHƯA ĐẠT",
    "failed": "SAI",
    "undecided": "CHƯA XÉT ĐƯỢC",
    "not_applicable": "Không có",
}
COVERAGE: Final = frozenset(
    {
        packet_findings.ENVELOPE_COVERS_FILES,
        packet_findings.ENVELOPE_LEAVES_FILES,
        packet_findings.ENVELOPE_NOT_SIGNED,
        packet_findings.ENVELOPE_NOT_VERIFIABLE,
    }
)
"""What the signature of an edXML packet covers, and what it leaves out."""
NOT_COUNTED: Final = frozenset(
    {packet_findings.LEADER_SIGNATURE_NOT_PASSED, packet_findings.AGENCY_SEAL_NOT_PASSED}
)
"""Signatures of the right person or agency that did not pass and so do not count."""


_EVERY: Final = ("leader", "seal", "order", "dates", "copies", "appendixes", "files", "envelope")


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule and how the packet fared by it."""

    rule: Literal["leader", "seal", "order", "dates", "copies", "appendixes", "files", "envelope"]
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    """What was said by it, the gravest first."""


def checklist(packet: PacketReport) -> tuple[RuleOutcome, ...]:
    """The eight rules in the order a clerk asks them; all undecided where no document could be read."""
    if not packet.number:
        return tuple(RuleOutcome(rule, "undecided") for rule in _EVERY)
    mains = [file for file in packet.files if file.part == "main"]
    sound = bool(mains) and all(_is_passed(file) for file in mains)
    leader = _of_mains("leader", mains, LEADER, asked=sound)
    seal = _of_mains("seal", mains, SEAL, asked=sound)
    signed = {leader.outcome, seal.outcome} == {"met"}
    return (
        leader,
        seal,
        _of_mains("order", mains, ORDER, asked=signed),
        _dates(packet, mains, asked=signed),
        _copies(packet, mains),
        _appendixes(packet),
        _files(packet),
        _envelope(packet),
    )


def _of_mains(
    rule: Literal["leader", "seal", "order"],
    mains: Iterable[PacketFile],
    codes: frozenset[str],
    *,
    asked: bool,
) -> RuleOutcome:
    """What is not shown to hold of a main file that has failed is not open any more: it is wrong."""
    mains = tuple(mains)
    said = _among((f for main in mains for f in main.findings), codes)
    outcome = _weighed(said, met="met" if asked else "undecided")
    reports = [main.report for main in mains if main.report is not None]
    is_lost = any(report.indication is Indication.TOTAL_FAILED for report in reports)
    return RuleOutcome(rule, "failed" if is_lost and outcome == "unmet" else outcome, said)


def _dates(packet: PacketReport, mains: Iterable[PacketFile], *, asked: bool) -> RuleOutcome:
    everything = (*packet.findings, *(f for main in mains for f in main.findings))
    said = _among(everything, packet_findings.DATES)
    known = asked and packet.promulgated_on is not None
    return RuleOutcome("dates", _weighed(said, met="met" if known else "undecided"), said)


def _copies(packet: PacketReport, mains: Iterable[PacketFile]) -> RuleOutcome:
    """A copy seal that has not passed makes no finding of its own: then nothing is known."""
    said = _among((f for file in packet.files for f in file.findings), COPIES)
    reports = (main.report for main in mains if main.report is not None)
    sealed = any(s.role is SignatureRole.COPY for report in reports for s in report.signatures)
    if said:
        return RuleOutcome("copies", _weighed(said, met="met"), said)
    return RuleOutcome("copies", "undecided" if sealed else "not_applicable")


def _appendixes(packet: PacketReport) -> RuleOutcome:
    appendixes = [file for file in packet.files if file.part == "appendix"]
    if not appendixes:
        return RuleOutcome("appendixes", "not_applicable")
    own = {f.code for file in appendixes for f in file.findings} - FILES - COPIES
    said = _among((f for file in appendixes for f in file.findings), own)
    outcome = _weighed(said, met="met")
    verdict = worst(file.weighed for file in appendixes)
    if verdict is Indication.TOTAL_PASSED:
        return RuleOutcome("appendixes", outcome, said)
    broken = verdict is Indication.TOTAL_FAILED
    return RuleOutcome("appendixes", "failed" if broken else "unmet", said)


def _files(packet: PacketReport) -> RuleOutcome:
    said = _among((*packet.findings, *(f for file in packet.files for f in file.findings)), FILES)
    reports = (file.report for file in packet.files if file.report is not None)
    unread = any(f.code == limit_findings.FILE_TOO_LARGE for report in reports for f in report.findings)
    return RuleOutcome("files", _weighed(said, met="undecided" if unread else "met"), said)


def _envelope(packet: PacketReport) -> RuleOutcome:
    """Whose the signature of the packet is stands in the packet's findings; those of a file in the file's."""
    if packet.envelope is None:
        return RuleOutcome("envelope", "not_applicable")
    others = packet_findings.DATES | FILES | {packet_findings.RECORD_NOT_SIGNED}
    said = _among(packet.findings, frozenset(f.code for f in packet.findings) - others)
    if not packet.envelope.signatures:
        return RuleOutcome("envelope", _weighed(said, met="not_applicable"), said)
    passed = packet.envelope.indication is Indication.TOTAL_PASSED
    outcome = _weighed(said, met="met" if passed else "unmet")
    return RuleOutcome("envelope", "unmet" if outcome == "noticed" and not passed else outcome, said)


def _is_passed(file: PacketFile) -> bool:
    return file.report is not None and file.report.indication is Indication.TOTAL_PASSED


def _among(found: Iterable[Finding], codes: Iterable[str]) -> tuple[Finding, ...]:
    """Those of these codes, each once, the gravest first."""
    wanted = frozenset(codes)
    said = dict.fromkeys(f for f in found if f.code in wanted)
    return tuple(sorted(said, key=lambda f: _ORDER[f.severity]))


def _weighed(said: tuple[Finding, ...], *, met: Outcome) -> Outcome:
    """What the findings come to; `met` where none speaks against it."""
    errors = [f for f in said if f.severity is Severity.ERROR]
    if errors:
        broken = any(ROWS[f.code].weight.indication is Indication.TOTAL_FAILED for f in errors)
        return "failed" if broken else "unmet"
    if met == "met" and any(f.severity is Severity.WARNING for f in said):
        return "noticed"
    return met


_ORDER: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}

__all__ = ["COVERAGE", "NOT_COUNTED", "OUTCOMES_VI", "RULES_VI", "Outcome", "RuleOutcome", "checklist"]
