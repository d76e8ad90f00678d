"""A packet opened and judged whole (mở gói tin): an edXML file, or a record with its files beside it.

Pure: the bytes come in, and who judges one file is told. What the packet says of itself decides nothing about
its signatures; it is what they are held against.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ebrvt_connect.codec.edxml_attachments import safe_name
from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_words import EDXML_NAMESPACE_UNKNOWN, EDXML_ROOT_UNKNOWN
from ebrvt_connect.codec.held_files import HeldFiles, TooMuchHeld, harmless_name
from ebrvt_connect.errors import HeldForPerson, InvalidValue
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.text import nfc
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.trust import limit_findings, packet_findings
from ebrvt_connect.trust.packet import Envelope, packet_of_findings, weighed_packet
from ebrvt_connect.trust.packet_envelope import envelope_findings
from ebrvt_connect.trust.packet_rules import reading_findings
from ebrvt_connect.trust.packet_siblings import JudgedFile, NamedFile, judge_together
from ebrvt_connect.trust.verdict import DocumentKind, Indication, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ebrvt_connect.codec.edxml_words import Packet
    from ebrvt_connect.model.document import Attachment
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.packet_rules import PacketGrounds
    from ebrvt_connect.trust.packet_siblings import FileVerifier
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding, VerificationReport

_PACKET_ROOTS = frozenset({"edXML", "Envelope", "edXMLEnvelope"})
_HELD_BYTES = 64 * 1024 * 1024
_HELD_TIMES = 2
"""How much the files of a packet may be together, unpacked: so much, or so many times the packet."""


class _NotAPacket(Exception):
    """Why an edXML file cannot be read, as a finding."""

    def __init__(self, finding: Finding, *, mentions_only: bool = False) -> None:
        super().__init__(finding.code)
        self.finding = finding
        self.mentions_only = mentions_only
        """The word stands in it somewhere, but another element is its root."""


def judged_edxml(data: bytes, judge: FileVerifier, grounds: PacketGrounds, *, name: str = "") -> PacketReport:
    """The verdict on an edXML file: its envelope, every attached file, and the rules. Never raises for it."""
    policy = grounds.policy
    envelope = judge(data, name, {})
    try:
        packet, files = _opened(data, policy)
    except _NotAPacket as failure:
        return packet_of_findings([failure.finding], grounds, envelope=envelope, name=name)
    record = packet.record
    if not isinstance(record, Document):
        status = policy.notice(packet_findings.PACKET_WITHOUT_DOCUMENT)
        stated = envelope_findings(envelope, packet.signature, policy)
        return packet_of_findings([status, *stated], grounds, envelope=envelope, name=name)
    judged = judge_together(files, _attached(judge, policy), policy)
    around = Envelope(envelope, packet.signature)
    return weighed_packet(record, judged, grounds, envelope=around, name=name)


def judged_record(
    record: Document,
    files: Sequence[NamedFile],
    judge: FileVerifier,
    grounds: PacketGrounds,
    *,
    name: str = "",
) -> PacketReport:
    """The verdict on a record with its files, found by the names it gives them (or `edxml extract` did)."""
    places = _found(record.attachments, [file.name for file in files])
    extra = [n for n in range(len(files)) if n not in places]
    order = [n for n in (*places, *extra) if n is not None]
    called = [_called(record, files, n, places) for n in order]
    judged = judge_together(called, _attached(judge, grounds.policy), grounds.policy)
    by_place = dict(zip(order, judged, strict=True))
    return weighed_packet(
        record,
        [None if n is None else by_place[n] for n in places],
        grounds,
        unlisted=[by_place[n] for n in extra],
        name=name,
    )


def with_attached(
    envelope: VerificationReport, data: bytes, judge: FileVerifier, policy: VerificationPolicy
) -> VerificationReport:
    """The report on an edXML file that also says what its signature leaves out, and how its files fare.

    A file of which an attached one has not passed has not passed.
    """
    try:
        packet, files = _opened(data, policy)
    except _NotAPacket as failure:
        if failure.mentions_only:
            return envelope.model_copy(update={"kind": DocumentKind.XML})
        found: tuple[Finding, ...] = (failure.finding,)
    else:
        judged = judge_together(files, _attached(judge, policy), policy)
        stated = envelope_findings(envelope, packet.signature, policy)
        announced = reading_findings(packet.record, policy) if isinstance(packet.record, Document) else ()
        found = (*stated, *announced, *_of_files(judged, policy))
    own, reasons = policy.conclude(found)
    indication = worst([own, envelope.indication])
    kept = envelope.sub_indications if indication is envelope.indication else ()
    added = reasons if indication is own else ()
    return envelope.model_copy(
        update={
            "indication": indication,
            "sub_indications": tuple(dict.fromkeys([*kept, *added])),
            "headline_vi": indication.headline_vi,
            "findings": (*envelope.findings, *found),
        }
    )


def attached_files(data: bytes, policy: VerificationPolicy) -> tuple[NamedFile, ...]:
    """The files attached to an edXML packet, with their names; none where it cannot be opened."""
    try:
        return _opened(data, policy)[1]
    except _NotAPacket:
        return ()


def _of_files(judged: Sequence[JudgedFile], policy: VerificationPolicy) -> Iterator[Finding]:
    for file in judged:
        if file.report.indication is not Indication.TOTAL_PASSED:
            failed = file.report.indication is Indication.TOTAL_FAILED
            code = packet_findings.ATTACHED_FILE_FAILED if failed else packet_findings.ATTACHED_FILE_UNCLEAR
            yield policy.notice(code, name=file.name, headline=file.report.headline_vi)


def _opened(data: bytes, policy: VerificationPolicy) -> tuple[Packet, tuple[NamedFile, ...]]:
    """Raises `_NotAPacket`."""
    blobs = HeldFiles(max(_HELD_BYTES, _HELD_TIMES * len(data)))
    if len(data) > policy.largest_bytes:
        raise _NotAPacket(policy.notice(limit_findings.FILE_TOO_LARGE, limit_bytes=policy.largest_bytes))
    try:
        packet = read_document([data], blobs)
    except InvalidValue as refusal:
        unreadable = _unreadable(refusal.code, refusal.sentence_vi, policy)
        raise _NotAPacket(unreadable, mentions_only=_has_another_root(refusal)) from refusal
    except (TooMuchHeld, HeldForPerson) as failure:
        raise _NotAPacket(
            policy.notice(limit_findings.FILE_TOO_LARGE, limit_bytes=policy.largest_bytes)
        ) from failure
    except MemoryError:
        raise
    except Exception as failure:  # a verdict is a value: whatever a hostile packet breaks is a finding
        raise _NotAPacket(_unreadable(type(failure).__name__, "gói tin hỏng.", policy)) from failure
    if not isinstance(packet.record, Document):
        return packet, ()
    return packet, tuple(
        NamedFile(_shown(a), partial(_read, blobs, a.sha256, policy.largest_bytes))
        for a in packet.record.attachments
    )


def _has_another_root(refusal: InvalidValue) -> bool:
    """Whether this is some other XML: neither a packet nor one of an older or a stranger's standard."""
    roots = {EDXML_ROOT_UNKNOWN.code, EDXML_NAMESPACE_UNKNOWN.code}
    return refusal.code in roots and refusal.facts.get("element") not in _PACKET_ROOTS


def _read(blobs: Blobs, sha256: str, largest_bytes: int) -> bytes:
    """One byte past the limit is enough for the verdict to say that it is too large."""
    with blobs.open(sha256) as stream:
        return read_bounded(stream, largest_bytes)


def _unreadable(code: str, reason: str, policy: VerificationPolicy) -> Finding:
    return policy.notice(packet_findings.PACKET_UNREADABLE, reason=reason, fault=code)


def _attached(judge: FileVerifier, policy: VerificationPolicy) -> FileVerifier:
    """The same judge, which does not take a packet within a packet for a file that has been looked into."""

    def judged(data: bytes, name: str, beside: Mapping[str, bytes]) -> VerificationReport:
        report = judge(data, name, beside)
        if report.kind is not DocumentKind.EDXML:
            return report
        indication = worst([report.indication, Indication.INDETERMINATE])
        return report.model_copy(
            update={
                "indication": indication,
                "headline_vi": indication.headline_vi,
                "findings": (*report.findings, policy.notice(packet_findings.ATTACHED_FILES_NOT_JUDGED)),
            }
        )

    return judged


def _found(attachments: Sequence[Attachment], names: Sequence[str]) -> list[int | None]:
    """For each file of the record the position of the one given for it; each is given for one only."""
    left = dict(enumerate(map(nfc, names)))
    places: list[int | None] = [None] * len(attachments)
    for numbered in (True, False):
        for nth, attachment in enumerate(attachments):
            name = nfc(harmless_name(nth + 1, attachment.name) if numbered else attachment.name)
            match = next((n for n, given in left.items() if given == name), None)
            if places[nth] is None and match is not None:
                places[nth] = match
                del left[match]
    return places


def _called(
    record: Document, files: Sequence[NamedFile], place: int, places: Sequence[int | None]
) -> NamedFile:
    """A file under the name the record gives it, so that a signature finds what it is about."""
    file = files[place]
    if place not in places:
        return NamedFile(safe_name(file.name) or "tệp", file.read)
    return NamedFile(_shown(record.attachments[places.index(place)]), file.read)


def _shown(attachment: Attachment) -> str:
    return safe_name(attachment.name) or f"tệp {attachment.seq}"
