"""A packet's verdict as ETSI TS 119 102-2 has it: one report with the signatures of all its files.

The standard lets one `ValidationReport` hold any number of signatures, each with the document it signs, but
has no place for a verdict on several documents together. So the packet's verdict is told where every reader
looks: what is wrong with the packet as a whole weighs on each of its signatures, what the record asks of one
file on that file's. A file without a signature, or one that is not there, has an entry that says so. Whoever
accepts a packet only if every `MainIndication` is total-passed accepts what its report accepts, no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust.catalogue import ROWS
from ebrvt_connect.trust.etsi_report import render_all
from ebrvt_connect.trust.packet_envelope import is_signed
from ebrvt_connect.trust.packet_findings import APPENDIX_IN_SEALED_PACKET
from ebrvt_connect.trust.verdict import DocumentKind, Indication, Severity, VerificationReport, worst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.packet_report import PacketFile, PacketReport
    from ebrvt_connect.trust.verdict import Finding, SubIndication


def render(packet: PacketReport) -> bytes:
    """The XML (UTF-8, with its declaration); the same report gives the same bytes."""
    return render_all(tuple(_reports(packet)))


def _reports(packet: PacketReport) -> Iterator[VerificationReport]:
    """A verdict for each file that has one of its own, with what the packet adds to it."""
    sealed = [f for f in packet.files if APPENDIX_IN_SEALED_PACKET in {n.code for n in f.findings}]
    besides = [f for f in packet.files if f.part == "signature"]
    # Detached signatures stand with their content, appendixes under a seal with the envelope that seals them.
    everywhere = (*packet.findings, *(n for f in besides for n in f.findings))
    counted = [f for f in packet.files if f not in sealed and f not in besides]
    envelope = packet.envelope
    if envelope is not None and (is_signed(envelope) or not counted):
        yield _with(envelope, (*everywhere, *(n for f in sealed for n in f.findings)))
    elif not counted:
        yield _with(_nothing(packet), everywhere)
    for file in counted:
        yield _with(_report_of(file, packet), (*everywhere, *file.findings))


def _report_of(file: PacketFile, packet: PacketReport) -> VerificationReport:
    return _nothing(packet) if file.report is None else file.report


def _nothing(packet: PacketReport) -> VerificationReport:
    """What is said of a file that is not there: nothing, until findings are put to it."""
    return VerificationReport(
        kind=DocumentKind.UNKNOWN,
        sha256="",
        size_bytes=0,
        indication=Indication.TOTAL_PASSED,
        headline_vi="",
        policy=packet.policy,
        validation_time=packet.validation_time,
    )


def _with(report: VerificationReport, found: tuple[Finding, ...]) -> VerificationReport:
    """The report with findings about more than itself; no better for them."""
    weights = [ROWS[f.code].weight for f in found if f.severity is Severity.ERROR]
    asked = worst(w.indication for w in weights)
    indication = worst([report.indication, asked])
    own = report.sub_indications if report.indication is indication else ()
    added: list[SubIndication] = [
        w.sub_indication for w in weights if w.indication is indication and w.sub_indication is not None
    ]
    return report.model_copy(
        update={
            "indication": indication,
            "sub_indications": tuple(dict.fromkeys([*own, *added])),
            "findings": tuple(dict.fromkeys([*found, *report.findings])),
        }
    )


__all__ = ["render"]
