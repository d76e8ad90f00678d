"""The verdict on a packet (kết luận về gói tin): its envelope, every file, and what ties them to the record.

The worst of all wins. The JSON has the shape of `ebrvt verify --json` with `packet` beside `documents`.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import AwareDatetime

from ebrvt_connect.model.text import Value
from ebrvt_connect.trust.advice_vi import advice
from ebrvt_connect.trust.catalogue import ROWS
from ebrvt_connect.trust.packet_findings import APPENDIX_IN_SEALED_PACKET, DETACHED, RECORD_NOT_SIGNED
from ebrvt_connect.trust.verdict import (
    Finding,
    Indication,
    PolicyReference,
    Severity,
    SubIndication,
    VerificationReport,
    worst,
)
from ebrvt_connect.trust.words_vi import moment_vi, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.trust.packet_checklist import RuleOutcome

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
_LONGEST_SENTENCE = 600
PARTS_VI = {
    "main": "văn bản chính",
    "appendix": "phụ lục, tài liệu kèm theo",
    "signature": "chữ ký đặt rời",
    "unlisted": "không có trong bản ghi",
}


class PacketFile(Value):
    """One file of a packet (tệp của gói tin) and what the record asks of it."""

    name: str
    """As the record names it, for a reader."""
    part: Literal["main", "appendix", "signature", "unlisted"]
    report: VerificationReport | None = None
    """The verdict on its signatures; None where the file is not there."""
    findings: tuple[Finding, ...] = ()
    """What ties it, or does not tie it, to the record."""

    @property
    def shown_part(self) -> Literal["main", "appendix", "signature", "unlisted"]:
        """What a reader is told it is: a detached signature is one, also where it fits no unsigned file."""
        said = () if self.report is None else self.report.findings
        is_detached = self.part == "appendix" and any(f.code in DETACHED for f in said)
        return "signature" if is_detached else self.part

    @property
    def weighed(self) -> Indication:
        """The verdict on the file with what the record asks of it; the worst of both.

        An appendix without signature in a sealed packet is as good as that seal.
        """
        asked = [ROWS[f.code].weight.indication for f in self.findings if f.severity is Severity.ERROR]
        covered = any(f.code == APPENDIX_IN_SEALED_PACKET for f in self.findings)
        own = [] if self.report is None or covered else [self.report.indication]
        return worst([*own, *asked])


class PacketReport(Value):
    """The verdict on a document with its files and its record; never a bare yes."""

    file: str = ""
    """What the caller calls the packet."""
    indication: Indication
    sub_indications: tuple[SubIndication, ...] = ()
    headline_vi: str
    policy: PolicyReference
    validation_time: AwareDatetime
    number: str = ""
    """Number and symbol of the document (số, ký hiệu)."""
    agency: str = ""
    """Code of the issuing agency (cơ quan ban hành), by the record."""
    agency_name: str = ""
    """Its name, as the record gives it; for reading only."""
    sealed_by: str = ""
    """Its name in the certificate of its registered seal (con dấu số), where that seal has passed."""
    abstract: str = ""
    """What the document is about (trích yếu), by the record."""
    promulgated_on: date | None = None
    """The document's date (ngày văn bản), by the record."""
    sha256: str = ""
    """Of the edXML file, or of the record's JSON as it was given; empty for a record that was no file."""
    envelope: VerificationReport | None = None
    """The verdict on the edXML file itself; None for a record without one."""
    files: tuple[PacketFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    """About the packet as a whole, the envelope's coverage among them."""

    def __bool__(self) -> NoReturn:
        """Raises `TypeError`: ask for `indication`."""
        raise TypeError("a PacketReport is neither true nor false; compare its `indication`")

    def all_findings(self) -> tuple[Finding, ...]:
        """The packet's, then each file's: what the record asks of it, and what its signatures say.

        What is said of an envelope that nobody signed (it need not be) is not among them: see `envelope`.
        """
        own = self.findings + tuple(n for f in self.files for n in f.findings)
        return own + tuple(n for r in self.documents for n in r.all_findings())

    @property
    def rules(self) -> tuple[RuleOutcome, ...]:
        """What the record asks, rule by rule, and how it came out (đối chiếu với bản ghi)."""
        from ebrvt_connect.trust.packet_checklist import checklist

        return checklist(self)

    def to_dict(self) -> dict[str, Any]:
        """`{"documents": [...], "packet": {...}}`; a packet that is not signed is no document of its own."""
        return {
            "documents": [report.to_dict() for report in self.documents],
            "packet": {
                **self.model_dump(mode="json", exclude={"envelope", "files"}),
                "rules": [
                    {"rule": r.rule, "outcome": r.outcome, "codes": [f.code for f in r.findings]}
                    for r in self.rules
                ],
                "envelope": None if self.envelope is None else self.envelope.to_dict(),
                "files": [
                    {
                        **f.model_dump(mode="json", exclude={"report"}),
                        "sha256": None if f.report is None else f.report.sha256,
                        "indication": None if f.report is None else f.report.indication.value,
                    }
                    for f in self.files
                ],
            },
        }

    @property
    def is_record_signed(self) -> bool:
        """Whether a passed signature of the packet vouches for number, abstract and name of the agency."""
        return bool(self.number) and all(f.code != RECORD_NOT_SIGNED for f in self.findings)

    @property
    def documents(self) -> tuple[VerificationReport, ...]:
        """The envelope's verdict where it is signed, then each file's."""
        signed = self.envelope is not None and self.envelope.signatures
        reports = [*([self.envelope] if signed else []), *(f.report for f in self.files)]
        return tuple(r for r in reports if r is not None)

    def to_json(self) -> str:
        """The same as text, UTF-8 letters kept."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_etsi_xml(self) -> bytes:
        """One report of ETSI TS 119 102-2 with the signatures of all files: XML in UTF-8."""
        from ebrvt_connect.trust.etsi_packet import render

        return render(self)

    def to_text_vi(self) -> str:
        """For a Vietnamese reader: the packet's verdict, then that on each file."""
        return "\n".join(_lines(self)) + "\n"

    def raise_for_status(self) -> None:
        """Do nothing if the packet has passed; else raise why it has not, as `VerificationReport` does."""
        from ebrvt_connect.trust.verdict_errors import error_of

        if (error := error_of(self)) is not None:
            raise error


def _lines(packet: PacketReport) -> Iterator[str]:
    reasons = f" ({', '.join(packet.sub_indications)})" if packet.sub_indications else ""
    called = (
        f"{one_line(packet.number)} của cơ quan {one_line(packet.agency)}"
        if packet.number
        else "không rõ số, ký hiệu"
    )
    yield f"Gói tin: {one_line(packet.file) or '(không tên)'}, văn bản {called}"
    yield f"Kết luận chung: {packet.headline_vi}{reasons}"
    rules = packet.policy
    policy = f"{rules.id} phiên bản {rules.version} (SHA-256 {rules.sha256[:16]}…)"
    yield f"Kiểm tra lúc: {moment_vi(packet.validation_time)} (+07:00) theo chính sách {policy}"
    if packet.number:
        yield from _record(packet)
    yield from _rules(packet)
    yield from _told(f for f in packet.findings if f.code != RECORD_NOT_SIGNED)
    if packet.envelope is not None and packet.envelope.signatures:
        yield from ("", packet.envelope.to_text_vi().rstrip())
    for file in packet.files:
        yield from ("", f"— {one_line(file.name)} ({PARTS_VI[file.shown_part]})")
        yield from _told(file.findings)
        if file.report is not None:
            yield file.report.to_text_vi().rstrip()


def _record(packet: PacketReport) -> Iterator[str]:
    """Whose word the record's facts are; the name in the seal is told before one that anybody may write."""
    if packet.sealed_by:
        yield f"Cơ quan ban hành, theo chứng thư con dấu số: {one_line(packet.sealed_by)}"
    for finding in packet.findings:
        if finding.code == RECORD_NOT_SIGNED:
            yield f"! {finding.message_vi} [{finding.code}]"


def _rules(packet: PacketReport) -> Iterator[str]:
    """What the record asked, rule by rule; what was said by each stands with the packet and its files."""
    from ebrvt_connect.trust.packet_checklist import OUTCOMES_VI, RULES_VI

    yield "Đối chiếu với bản ghi:"
    for told in packet.rules:
        codes = ", ".join(dict.fromkeys(f.code for f in told.findings))
        yield f"  {RULES_VI[told.rule]}: {OUTCOMES_VI[told.outcome]}{f' [{codes}]' if codes else ''}"


def _told(found: Iterable[Finding]) -> Iterator[str]:
    for finding in found:
        law = f" ({finding.legal_ref})" if finding.legal_ref else ""
        sentence = one_line(finding.message_vi, _LONGEST_SENTENCE)
        yield f"  {_MARKS[finding.severity]} {sentence} [{finding.code}]{law}"
        if what_to_do := advice(finding):
            yield f"    Cách xử lý: {what_to_do}"
