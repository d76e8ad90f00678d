"""The verdict on a packet (kết luận về gói tin): its envelope, every file, and what ties them to the record.

The worst of all wins. The JSON has the shape of `ebrvt verify --json` with `packet` beside `documents`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import AwareDatetime

from ebrvt_connect.model.text import Value
from ebrvt_connect.trust.advice_vi import advice
from ebrvt_connect.trust.verdict import (
    Finding,
    Indication,
    PolicyReference,
    Severity,
    SubIndication,
    VerificationReport,
)
from ebrvt_connect.trust.words_vi import moment_vi, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
_LONGEST_SENTENCE = 600
_PARTS_VI = {
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
    envelope: VerificationReport | None = None
    """The verdict on the edXML file itself; None for a record without one."""
    files: tuple[PacketFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    """About the packet as a whole, the envelope's coverage among them."""

    def __bool__(self) -> NoReturn:
        """Raises `TypeError`: ask for `indication`."""
        raise TypeError("a PacketReport is neither true nor false; compare its `indication`")

    def all_findings(self) -> tuple[Finding, ...]:
        """The packet's, then each file's: what the record asks of it, and what its signatures say."""
        reports = [self.envelope, *(f.report for f in self.files)]
        own = self.findings + tuple(n for f in self.files for n in f.findings)
        return own + tuple(n for r in reports if r is not None for n in r.all_findings())

    def to_dict(self) -> dict[str, Any]:
        """`{"documents": [...], "packet": {...}}`; a packet that is not signed is no document of its own."""
        return {
            "documents": [report.to_dict() for report in self.documents],
            "packet": {
                **self.model_dump(mode="json", exclude={"envelope", "files"}),
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
    def documents(self) -> tuple[VerificationReport, ...]:
        """The envelope's verdict where it is signed, then each file's."""
        signed = self.envelope is not None and self.envelope.signatures
        reports = [*([self.envelope] if signed else []), *(f.report for f in self.files)]
        return tuple(r for r in reports if r is not None)

    def to_json(self) -> str:
        """The same as text, UTF-8 letters kept."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_text_vi(self) -> str:
        """For a Vietnamese reader: the packet's verdict, then that on each file."""
        return "\n".join(_lines(self)) + "\n"


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
    yield from _told(packet.findings)
    if packet.envelope is not None and packet.envelope.signatures:
        yield from ("", packet.envelope.to_text_vi().rstrip())
    for file in packet.files:
        yield from ("", f"— {one_line(file.name)} ({_PARTS_VI[file.part]})")
        yield from _told(file.findings)
        if file.report is not None:
            yield file.report.to_text_vi().rstrip()


def _told(found: Iterable[Finding]) -> Iterator[str]:
    for finding in found:
        law = f" ({finding.legal_ref})" if finding.legal_ref else ""
        sentence = one_line(finding.message_vi, _LONGEST_SENTENCE)
        yield f"  {_MARKS[finding.severity]} {sentence} [{finding.code}]{law}"
        if what_to_do := advice(finding):
            yield f"    Cách xử lý: {what_to_do}"
