"""Packets for `ebrvt verify`: an edXML file opened into its files, and `--packet`, the rules of the record.

Whatever comes from outside is examined in limited worker processes first; only what they got through is put
together in this process.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import json_text, note, readable, say, say_json, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode
from ebrvt_connect.ops.verify_output import answer_place, write_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ebrvt_connect.ops.verify_asking import Asking
    from ebrvt_connect.transport.verify_items import ToVerify
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.policy import VerificationPolicy

_HEAD_BYTES = 4096
_AS_A_WHOLE_VI = (
    "ở đây chỉ kiểm tra từng tệp trong đó. Để đối chiếu cả với bản ghi (cơ quan ban hành, thứ tự ký, "
    "ngày ký, phụ lục, đủ tệp), chạy:"
)
_EXIT = {
    "TOTAL_PASSED": ExitCode.DONE,
    "TOTAL_FAILED": ExitCode.NO,
    "INDETERMINATE": ExitCode.UNDECIDED,
}


def opened(
    files: Sequence[Path], detached: Mapping[str, bytes], policy: VerificationPolicy, *, hint: bool = False
) -> tuple[tuple[Path, ToVerify], ...]:
    """The files to verify, each edXML packet followed by what is attached to it, under harmless names.

    The path is what a file is called and where its answer would go; that of an attached file lies in its
    packet, and nothing is there. With `hint` stderr tells how to judge a packet as a whole.
    """
    from ebrvt_connect.transport.verify_items import ToVerify

    found: list[tuple[Path, ToVerify]] = []
    for file in files:
        packet = _edxml(file, policy.largest_bytes)
        source = file if packet is None else packet
        found.append((file, ToVerify(source=source, name=shown_path(file), detached=detached)))
        if packet is not None:
            if hint:
                shown = shown_path(file)
                note(f"{shown} là gói tin: {_AS_A_WHOLE_VI} ebrvt verify --packet {quote(shown)}")
            found += _attached(file, packet, policy)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketAsked:
    """What `--packet` was called with."""

    packet: Path
    files: Sequence[Path]
    agencies: Path | None
    form: str
    out: str | None
    lang: str

    def check(self, *, detached: bool, skip: bool = False) -> None:
        """Raises `click.UsageError` for what cannot be."""
        if detached:
            raise click.UsageError("--detached không dùng cùng --packet: nêu tệp chữ ký như một FILE")
        if self.form not in ("text", "json"):
            raise click.UsageError(f"--packet chỉ viết được text hoặc json, không viết được {self.form}")
        if skip:
            raise click.UsageError("--skip-existing không dùng cùng --packet")
        if self.out is not None:
            answer_place(self.out, self.packet, self.form)

    def judge(
        self,
        asking: Asking,
        *,
        policy: VerificationPolicy,
        trust: TrustStore,
        folder: Path | None,
        at: datetime | None,
        workers: int | None,
    ) -> PacketReport:
        """The verdict; raises `click.UsageError` for files that do not read or do not belong there."""
        from ebrvt_connect.api import verify_packet
        from ebrvt_connect.codec.record_json import is_record
        from ebrvt_connect.model.ids import AgencyHistory
        from ebrvt_connect.ops.config import read_agencies

        content = _read(self.packet, policy.largest_bytes)
        self._refuse_what_is_no_packet(content)
        if self.files and not is_record(content):
            raise click.UsageError("gói tin edXML đã mang theo tệp của nó: không nêu thêm FILE")
        if is_record(content):
            _named_apart(self.files)
        given = {file.name: _read(file, policy.largest_bytes) for file in self.files}
        history = AgencyHistory() if self.agencies is None else read_agencies(self.agencies)
        stopped = self._stopped(content, given, policy=policy, trust=trust, at=at, workers=workers)
        if stopped is not None:
            return stopped
        revocation, evidence = asking.joined(trust, folder)
        ends = closing(revocation) if hasattr(revocation, "close") else nullcontext()  # type: ignore[type-var]
        with ends:
            return verify_packet(
                content,
                given,
                policy=policy,
                trust=trust,
                revocation=revocation,
                at=at,
                history=history,
                name=shown_path(self.packet),
                evidence=evidence,
            )

    def _refuse_what_is_no_packet(self, content: bytes) -> None:
        """Raises `click.UsageError` for what is surely another thing, and a record without its files."""
        from ebrvt_connect.codec.record_json import is_record
        from ebrvt_connect.trust.kind import sighted
        from ebrvt_connect.trust.verdict import DocumentKind

        shown = shown_path(self.packet)
        if not is_record(content):
            if sighted(content).kind in (DocumentKind.PDF, DocumentKind.OOXML, DocumentKind.CMS):
                msg = (
                    f"{shown} không phải gói tin edXML hay bản ghi (metadata.json); để kiểm tra chữ ký của "
                    f"tệp này thì bỏ --packet: ebrvt verify {quote(shown)}"
                )
                raise click.UsageError(msg)
            return
        beside = sorted(p.name for p in self.packet.parent.iterdir() if p.is_file() and p != self.packet)
        if not self.files and beside:
            msg = (
                f"bản ghi {shown} chưa kèm tệp nào; nêu các tệp của nó sau bản ghi, ví dụ: "
                f"ebrvt verify --packet {quote(shown)} {quote(shown_path(self.packet.parent / beside[0]))} …"
            )
            raise click.UsageError(msg)

    def tell(self, report: PacketReport) -> ExitCode:
        """Hand the verdict over; raises `OSError` for a place that cannot be written."""
        text = report.to_text_vi() if self.lang == "vi" else _english(report)
        if self.out is not None:
            written = json_text(report.to_dict()) + "\n" if self.form == "json" else readable(text)
            place = answer_place(self.out, self.packet, self.form)
            write_answer(place, written.encode("utf-8", "backslashreplace"))
            note(f"{report.file}: {report.indication.headline_vi.lower()}; đã ghi vào {shown_path(place)}")
        elif self.form == "json":
            say_json(report.to_dict())
        else:
            say(text.rstrip())
        return _EXIT[report.indication.value]

    def _stopped(
        self,
        content: bytes,
        given: Mapping[str, bytes],
        *,
        policy: VerificationPolicy,
        trust: TrustStore,
        at: datetime | None,
        workers: int | None,
    ) -> PacketReport | None:
        """The verdict where a file takes more than a worker is given; none where all got through."""
        from ebrvt_connect.api import ToVerify, verify_many
        from ebrvt_connect.codec.record_json import is_record
        from ebrvt_connect.ops.verify_asking import STOPPED
        from ebrvt_connect.transport.clock import SystemClock
        from ebrvt_connect.trust.packet import packet_of_findings
        from ebrvt_connect.trust.packet_rules import PacketGrounds

        if workers == 0:
            return None
        sources = [ToVerify(source=data, name=name) for name, data in given.items()]
        if not is_record(content):
            sources.append(ToVerify(source=content, name=shown_path(self.packet)))
        for screened in verify_many(sources, policy=policy, trust=trust, at=at, workers=workers):
            if found := [f for f in screened.findings if f.code in STOPPED]:
                grounds = PacketGrounds(policy, trust.signers, at or SystemClock().now())
                return packet_of_findings(found, grounds, name=shown_path(self.packet))
        return None


def _edxml(file: Path, largest_bytes: int) -> bytes | None:
    """The content of an edXML packet; nothing for any other file, and for what cannot be read twice."""
    from ebrvt_connect.trust.kind import sighted
    from ebrvt_connect.trust.verdict import DocumentKind

    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            if sighted(stream.read(_HEAD_BYTES)).kind is not DocumentKind.EDXML:
                return None
            stream.seek(0)
            return stream.read(largest_bytes + 1)
    except OSError:  # told by whoever reads it next
        return None


def _attached(file: Path, packet: bytes, policy: VerificationPolicy) -> Iterator[tuple[Path, ToVerify]]:
    """What is attached to a packet; nothing where it cannot be opened, which the packet's verdict tells."""
    from ebrvt_connect.codec.held_files import harmless_name
    from ebrvt_connect.transport.verify_items import ToVerify
    from ebrvt_connect.trust.packet_opening import attached_files
    from ebrvt_connect.trust.packet_siblings import beside

    files = attached_files(packet, policy)
    for nth, one in enumerate(files):
        place = file / harmless_name(nth + 1, one.name)
        detached = beside(nth, files)
        yield place, ToVerify(source=one.read(), name=shown_path(place), detached=detached)


def _named_apart(files: Iterable[Path]) -> None:
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise click.UsageError("các FILE của một gói tin phải khác tên nhau: bản ghi gọi tệp bằng tên")


def _read(path: Path, largest_bytes: int) -> bytes:
    """One byte past the limit is enough for the verdict to say that it is too large."""
    try:
        with path.open("rb") as stream:
            return stream.read(largest_bytes + 1)
    except OSError as failure:
        from ebrvt_connect.ops.config import unread_vi

        raise click.UsageError(f"không đọc được {shown_path(path)} ({unread_vi(failure)})") from failure


def _english(packet: PacketReport) -> str:
    """The verdict in English (the Vietnamese one is the legal one)."""
    from ebrvt_connect.ops.verdict_en import HEADLINES, findings, render

    reasons = f" ({', '.join(packet.sub_indications)})" if packet.sub_indications else ""
    lines = [
        f"Packet: {packet.file or '(no name)'}, document {packet.number or '(unknown)'} of {packet.agency}",
        f"Verdict on the whole: {HEADLINES[packet.indication]}{reasons}",
        *findings(packet.findings),
    ]
    if packet.envelope is not None and packet.envelope.signatures:
        lines += ["", render(packet.envelope).rstrip()]
    for file in packet.files:
        lines += ["", f"- {file.name} ({file.part})", *findings(file.findings)]
        if file.report is not None:
            lines.append(render(file.report).rstrip())
    return "\n".join(lines) + "\n"


__all__ = ["PacketAsked", "opened"]
