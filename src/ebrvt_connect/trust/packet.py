"""A document with its files, weighed against its record (kiểm tra gói tin): pure, given who judges one file.

1. Each file by itself, detached signatures with the file they are about (`trust.packet_siblings`). 2. The
envelope, where there is one, and what its signature covers (`trust.packet_envelope`). 3. What the record asks
of each file (`trust.packet_rules`). 4. The worst of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.codec.edxml_words import EnvelopeSignature
from ebrvt_connect.trust import packet_findings
from ebrvt_connect.trust.packet_envelope import covers_files, covers_record, envelope_findings, is_signed
from ebrvt_connect.trust.packet_report import PacketFile, PacketReport
from ebrvt_connect.trust.packet_rules import (
    appendix_findings,
    is_as_described,
    main_findings,
    main_places,
    name_findings,
    record_findings,
    repeated_names,
)
from ebrvt_connect.trust.packet_siblings import is_without_signature
from ebrvt_connect.trust.signers import PACKET, SEALED
from ebrvt_connect.trust.verdict import worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ebrvt_connect.model.document import Attachment, Document
    from ebrvt_connect.trust.packet_rules import PacketGrounds
    from ebrvt_connect.trust.packet_siblings import JudgedFile
    from ebrvt_connect.trust.signers import IssuingDecision, Wanted
    from ebrvt_connect.trust.verdict import Finding, Indication, SubIndication, VerificationReport


@dataclass(frozen=True, slots=True)
class Envelope:
    """The edXML file around a document."""

    report: VerificationReport
    signature: EnvelopeSignature = EnvelopeSignature.NONE


def weighed_packet(
    record: Document,
    listed: Sequence[JudgedFile | None],
    grounds: PacketGrounds,
    *,
    unlisted: Sequence[JudgedFile] = (),
    envelope: Envelope | None = None,
    parts_told: bool = False,
    name: str = "",
) -> PacketReport:
    """The verdict on a document: `listed` are the files of its record in order, None for what is not there.

    `unlisted` are files that came along without being named in it. `parts_told`: the record surely tells
    which files are main ones, even where it calls all of them so.
    """
    mains = main_places(record.attachments, listed, parts_told=parts_told)
    sealed = envelope is not None and _seals_files(envelope, record, grounds)
    files = [
        _weighed(place, attachment, listed[place], record, grounds, mains=mains, sealed_packet=sealed)
        for place, attachment in enumerate(record.attachments)
    ]
    files += [_unlisted(judged, grounds) for judged in unlisted]
    found = [*record_findings(record, grounds)]
    if record.attachments and not mains:
        found.append(grounds.policy.notice(packet_findings.PACKET_WITHOUT_MAIN_FILE))
    found += repeated_names([j.name for j in unlisted], grounds.policy)
    if envelope is not None:
        found += _envelope_findings(envelope, record, grounds)
    if envelope is None or not _signs_record(envelope, record, grounds):
        found.append(grounds.policy.notice(packet_findings.RECORD_NOT_SIGNED))
    return _report(record, files, found, envelope, grounds, name)


def packet_of_findings(
    found: Iterable[Finding],
    grounds: PacketGrounds,
    *,
    envelope: VerificationReport | None = None,
    name: str = "",
) -> PacketReport:
    """The verdict where there is no document to weigh: unreadable, or a status."""
    all_found = tuple(found)
    counted = [envelope] if envelope is not None and is_signed(envelope) else []
    indication, reasons = _concluded(counted, all_found, grounds)
    return PacketReport(
        file=name,
        indication=indication,
        sub_indications=reasons,
        headline_vi=indication.headline_vi,
        policy=grounds.policy.reference,
        validation_time=grounds.at,
        envelope=envelope,
        findings=all_found,
    )


def _weighed(
    place: int,
    attachment: Attachment,
    judged: JudgedFile | None,
    record: Document,
    grounds: PacketGrounds,
    *,
    mains: frozenset[int],
    sealed_packet: bool,
) -> PacketFile:
    """One file of the record."""
    notice = grounds.policy.notice
    if judged is None:
        missing = notice(packet_findings.PACKET_FILE_MISSING, name=attachment.name)
        part = "main" if place in mains else "appendix"
        return PacketFile.model_validate({"name": attachment.name, "part": part, "findings": (missing,)})
    found = []
    if not is_as_described(attachment, judged.report):
        found.append(notice(packet_findings.PACKET_FILE_CHANGED, name=attachment.name))
    found += name_findings(attachment.name, judged.report, grounds.policy)
    if judged.signs is not None:
        return PacketFile(name=attachment.name, part="signature", report=judged.report, findings=tuple(found))
    if place in mains:
        found += main_findings(judged.report, record, grounds)
        return PacketFile(name=attachment.name, part="main", report=judged.report, findings=tuple(found))
    found += appendix_findings(judged.report, record.issuer.code, grounds, sealed_packet=sealed_packet)
    return PacketFile(name=attachment.name, part="appendix", report=judged.report, findings=tuple(found))


def _unlisted(judged: JudgedFile, grounds: PacketGrounds) -> PacketFile:
    stranger = grounds.policy.notice(packet_findings.PACKET_FILE_UNLISTED, name=judged.name)
    return PacketFile(name=judged.name, part="unlisted", report=judged.report, findings=(stranger,))


def _seals_files(envelope: Envelope, record: Document, grounds: PacketGrounds) -> bool:
    """Whether the issuing agency's own seal is on the whole packet, the attached bytes included."""
    return covers_files(envelope.report) and not _decided(envelope.report, record, grounds, SEALED).held


def _signs_record(envelope: Envelope, record: Document, grounds: PacketGrounds) -> bool:
    """Whether the issuing agency's passed signature vouches for what the record says."""
    return covers_record(envelope.report) and not _decided(envelope.report, record, grounds, PACKET).held


def _decided(
    report: VerificationReport, record: Document, grounds: PacketGrounds, wanted: Wanted
) -> IssuingDecision:
    return grounds.signers.signed_for(
        report,
        record.issuer.code,
        at=grounds.at,
        policy=grounds.policy,
        history=grounds.history,
        wanted=wanted,
    )


def _envelope_findings(envelope: Envelope, record: Document, grounds: PacketGrounds) -> Iterator[Finding]:
    """What it covers, and whether the sender's key made it."""
    yield from envelope_findings(envelope.report, envelope.signature, grounds.policy)
    if envelope.report.signatures:
        yield from _decided(envelope.report, record, grounds, PACKET).findings


def _report(
    record: Document,
    files: Sequence[PacketFile],
    found: Sequence[Finding],
    envelope: Envelope | None,
    grounds: PacketGrounds,
    name: str,
) -> PacketReport:
    counted = [f.report for f in files if f.report is not None and not _is_covered(f)]
    if envelope is not None and is_signed(envelope.report):
        counted.append(envelope.report)
    everything = (*found, *(n for f in files for n in f.findings))
    indication, reasons = _concluded(counted, everything, grounds)
    return PacketReport(
        file=name,
        indication=indication,
        sub_indications=reasons,
        headline_vi=indication.headline_vi,
        policy=grounds.policy.reference,
        validation_time=grounds.at,
        number=str(record.number),
        agency=str(record.issuer.code),
        agency_name=record.issuer.name,
        abstract=record.abstract,
        sealed_by=_sealed_by(files, record, grounds),
        promulgated_on=record.promulgated_on,
        envelope=None if envelope is None else envelope.report,
        files=tuple(files),
        findings=tuple(found),
    )


def _sealed_by(files: Sequence[PacketFile], record: Document, grounds: PacketGrounds) -> str:
    """Who the issuing agency is by its registered seal on the main files; empty where they do not agree."""
    named = {
        signature.signer.cn
        for file in files
        if file.part == "main" and file.report is not None
        for signature in file.report.signatures
        if signature.index in _decided(file.report, record, grounds, SEALED).seals
    }
    return named.pop() if len(named) == 1 else ""


def _is_covered(file: PacketFile) -> bool:
    """An appendix without signature in a sealed packet: its lack of one does not weigh any more."""
    codes = {f.code for f in file.findings}
    return (
        packet_findings.APPENDIX_IN_SEALED_PACKET in codes
        and file.report is not None
        and is_without_signature(file.report)
    )


def _concluded(
    reports: Sequence[VerificationReport], found: Sequence[Finding], grounds: PacketGrounds
) -> tuple[Indication, tuple[SubIndication, ...]]:
    """The worst of all, and its reasons."""
    own, reasons = grounds.policy.conclude(found)
    indication = worst([own, *(r.indication for r in reports)])
    theirs = (s for r in reports if r.indication is indication for s in r.sub_indications)
    return indication, tuple(dict.fromkeys([*(reasons if own is indication else ()), *theirs]))
