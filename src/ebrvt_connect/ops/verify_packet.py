"""Packets for `ebrvt verify`: an edXML file opened into its files, and `--packet`, the rules of the record.

Whatever comes from outside is examined in limited worker processes first; only what they got through is put
together in this process.
"""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import json_text, note, readable, say, say_json, shown_path, told_apart
from ebrvt_connect.ops.exit_codes import ExitCode
from ebrvt_connect.ops.verify_output import answer_place, certificate_of, load_form, write_answer
from ebrvt_connect.ports.bounded import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
    files: Sequence[Path],
    detached: Mapping[str, bytes],
    policy: VerificationPolicy,
    *,
    workers: int | None = None,
    hint: bool = False,
) -> tuple[tuple[Path, ToVerify], ...]:
    """The files to verify, each edXML packet followed by what is attached to it, under harmless names.

    The path is what a file is called and where its answer would go; that of an attached file lies in its
    packet, and nothing is there. Packets are not opened here: a worker tells what their files are called.
    With `hint` stderr tells how to judge a packet as a whole.
    """
    from ebrvt_connect.codec.held_files import harmless_name
    from ebrvt_connect.transport.verify_items import ToVerify

    packets = [file for file in files if _is_edxml(file)]
    names = dict(zip(packets, _names(packets, policy, workers), strict=True))
    found: list[tuple[Path, ToVerify]] = []
    for file in files:
        found.append((file, ToVerify(source=file, detached=detached)))
        if file in names and hint:
            shown = shown_path(file)
            note(f"{shown} là gói tin: {_AS_A_WHOLE_VI} ebrvt verify --packet {quote(shown)}")
        for nth, name in enumerate(names.get(file, ())):
            place = file / harmless_name(nth + 1, name)
            found.append((place, ToVerify(source=file, part=nth)))
    names_apart = told_apart(place for place, _ in found)  # verdicts are kept by name
    return tuple((place, replace(item, name=names_apart[place])) for place, item in found)


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
        if skip:
            raise click.UsageError(
                "--skip-existing không dùng cùng --packet: bỏ --skip-existing rồi chạy lại"
            )
        load_form(self.form)
        if self.out is not None:
            answer_place(self.out, self.packet, self.form)
        elif self.form == "pdf" and sys.stdout.isatty():
            raise click.UsageError("không in tệp PDF ra màn hình: nêu -o TỆP.pdf")

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
            named_apart(self.files)
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
        if self.out is not None:
            place = answer_place(self.out, self.packet, self.form)
            write_answer(place, self._made(report))
            note(f"{report.file}: {report.indication.headline_vi.lower()}; đã ghi vào {shown_path(place)}")
        elif self.form == "text":
            say(self._text(report).rstrip())
        elif self.form == "json":
            say_json(report.to_dict())
        else:
            click.echo(self._made(report), nl=False)
        return _EXIT[report.indication.value]

    def _text(self, report: PacketReport) -> str:
        from ebrvt_connect.ops.verdict_en import render_packet

        return report.to_text_vi() if self.lang == "vi" else render_packet(report)

    def _made(self, report: PacketReport) -> bytes:
        """The answer as it is written into a file."""
        if self.form == "etsi":
            return report.to_etsi_xml()
        if self.form in ("html", "pdf"):
            return certificate_of(self.form, [report])
        written = json_text(report.to_dict()) + "\n" if self.form == "json" else readable(self._text(report))
        return written.encode("utf-8", "backslashreplace")

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


def _is_edxml(file: Path) -> bool:
    """Whether it is an edXML packet that can be read more than once."""
    from ebrvt_connect.trust.kind import sighted
    from ebrvt_connect.trust.verdict import DocumentKind

    try:
        if not file.is_file():
            return False
        with file.open("rb") as stream:
            return sighted(stream.read(_HEAD_BYTES)).kind is DocumentKind.EDXML
    except OSError:  # told by whoever reads it next
        return False


def _names(
    packets: Sequence[Path], policy: VerificationPolicy, workers: int | None
) -> Iterable[tuple[str, ...]]:
    """What each packet holds: opened one after another, by a worker unless there are to be none."""
    if not packets:
        return ()
    from ebrvt_connect.transport.verify_batch import attached_names
    from ebrvt_connect.transport.verify_parts import names_of

    if workers == 0:
        return (names_of(_read(packet, policy.largest_bytes), policy) for packet in packets)
    return attached_names(packets, policy)


def named_apart(files: Iterable[Path], what_vi: str = "các FILE của một gói tin") -> None:
    """Raises `click.UsageError` for files of which one would take the place of another: they go by name."""
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise click.UsageError(f"{what_vi} phải khác tên nhau: mỗi tệp được gọi bằng tên")


def _read(path: Path, largest_bytes: int) -> bytes:
    """One byte past the limit is enough for the verdict to say that it is too large."""
    try:
        return read_bounded(path, largest_bytes)
    except OSError as failure:
        from ebrvt_connect.ops.config import unread_vi

        msg = (
            f"không đọc được {shown_path(path)} ({unread_vi(failure)}); với --packet phải đọc được mọi tệp: "
            "kiểm tra lại đường dẫn và quyền đọc, hoặc bỏ tệp đó khỏi lệnh rồi chạy lại"
        )
        raise click.UsageError(msg) from failure


__all__ = ["PacketAsked", "named_apart", "opened"]
