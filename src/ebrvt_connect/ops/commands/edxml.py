"""`ebrvt edxml`: read, validate, unpack and pack edXML packets (QCVN 102:2016/BTTTT)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, note, say, say_json, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.codec.edxml_words import Packet
    from ebrvt_connect.model.document import Document, DocumentStatus

_PacketFile = click.Path(exists=True, dir_okay=False, path_type=Path)
_RECORD = "metadata.json"


@click.group(epilog="Example: ebrvt edxml show 125.edxml")
def command() -> None:
    """Work with edXML packets (gói tin văn bản điện tử)."""


@command.command(epilog="Example: ebrvt edxml show 125.edxml --json")
@click.argument("file", type=_PacketFile)
@as_json
def show(*, file: Path, json_out: bool) -> None:
    """Show what a packet says: a document with its files, or a status."""
    from ebrvt_connect.ops.packet_files import unpacked

    with unpacked(file) as (packet, _):
        if json_out:
            say_json({"signature": packet.signature, "record": packet.record.model_dump(mode="json")})
        else:
            say("\n".join(_lines(packet)))


@command.command(epilog="Example: ebrvt edxml check 125.edxml --strict")
@click.argument("file", type=_PacketFile)
@click.option("--strict", is_flag=True, help="Hold it to the strict schema; a warning counts as a failure.")
@as_json
@click.pass_context
def check(context: click.Context, *, file: Path, strict: bool, json_out: bool) -> None:
    """Check a packet: refused, read with warnings, or clean. Exit code: 0 it passed, 1 it did not."""
    told = _examined(file, strict=strict)
    if json_out:
        say_json(told)
    else:
        _say_examined(told)
    context.exit(int(ExitCode.DONE if told["ok"] else ExitCode.NO))


@command.command(epilog="Example: ebrvt edxml extract 125.edxml -o folder/")
@click.argument("file", type=_PacketFile)
@click.option("-o", "--out", "folder", required=True, type=click.Path(file_okay=False, path_type=Path))
def extract(*, file: Path, folder: Path) -> None:
    """Write a packet's files and its record into a folder; nothing that is there is overwritten."""
    from ebrvt_connect.model.document import Document
    from ebrvt_connect.ops.packet_files import harmless_name, unpacked, write_new

    with unpacked(file) as (packet, blobs):
        record = packet.record
        attachments = record.attachments if isinstance(record, Document) else ()
        targets = {
            folder / harmless_name(nth, a.name): a.sha256 for nth, a in enumerate(attachments, start=1)
        }
        _refuse_existing(*targets, folder / _RECORD)
        folder.mkdir(parents=True, exist_ok=True)
        for target, sha256 in targets.items():
            write_new(target, blobs.chunks(sha256))
            say(shown_path(target))
        write_new(folder / _RECORD, [record.model_dump_json(indent=2).encode()])
        say(shown_path(folder / _RECORD))


@command.command(epilog="Example: ebrvt edxml build metadata.json cong-van.pdf -o out.edxml")
@click.argument("metadata", type=_PacketFile)
@click.argument("files", nargs=-1, type=_PacketFile)
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def build(*, metadata: Path, files: tuple[Path, ...], out: Path) -> None:
    """Pack a record (as `show --json` prints it, or `extract` wrote it) and its FILES into a packet."""
    from ebrvt_connect.codec.edxml_write import write_document, write_status
    from ebrvt_connect.model.document import Document
    from ebrvt_connect.ops.packet_files import record_of, scratch_blobs, write_new
    from ebrvt_connect.transport.clock import SystemClock

    _refuse_existing(out)
    with scratch_blobs() as blobs:
        record = record_of(metadata, files, blobs)
        if isinstance(record, Document):
            write_new(out, write_document(record, blobs, passed_at=SystemClock().now()))
        elif files:
            msg = f"{shown_path(metadata)} mô tả một trạng thái; gói tin trạng thái không kèm tệp"
            raise click.UsageError(msg)
        else:
            write_new(out, [write_status(record)])
    note(f"Đã ghi {shown_path(out)}")


def _refuse_existing(*targets: Path) -> None:
    for target in targets:
        if target.exists() or target.is_symlink():
            msg = f"đã có {shown_path(target)}; chương trình không ghi đè nên chưa ghi gì"
            raise click.UsageError(msg)


def _examined(file: Path, *, strict: bool) -> dict[str, Any]:
    """What is to be said of a packet; a refusal is an answer as well."""
    from ebrvt_connect.codec.edxml_read import schema_problems
    from ebrvt_connect.errors import InvalidValue
    from ebrvt_connect.ops.packet_files import chunks_of, unpacked

    refused, warnings, problems = None, [], []
    try:
        with unpacked(file) as (packet, blobs):
            warnings = [w.model_dump(mode="json") for w in packet.record.warnings]
            if strict:
                found = schema_problems(chunks_of(file), blobs, strict=True)
                problems = [{"element": p.element, "message": p.message} for p in found]
    except InvalidValue as refusal:
        refused = {"code": refusal.code, "sentence_vi": refusal.sentence_vi, "advice_vi": refusal.advice_vi}
    ok = not (refused or (strict and (warnings or problems)))
    return {"ok": ok, "refused": refused, "warnings": warnings, "schema_problems": problems}


def _say_examined(told: dict[str, Any]) -> None:
    if told["refused"]:
        say("Bị từ chối: {sentence_vi} [{code}]\n  → {advice_vi}".format_map(told["refused"]))
        return
    for warning in told["warnings"]:
        say(f"Cảnh báo {warning['code']} tại {warning['field']}: {warning['message_vi']}")
    for problem in told["schema_problems"]:
        say(f"Sai lược đồ tại {problem['element']}: {problem['message']}")
    say("Đọc được." if told["ok"] else "Không đạt theo mức nghiêm ngặt.")


def _lines(packet: Packet) -> list[str]:
    from ebrvt_connect.model.document import Document

    record = packet.record
    lines = _document_lines(record) if isinstance(record, Document) else _status_lines(record)
    return [*lines, *(f"  Cảnh báo {w.code} tại {w.field}: {w.message_vi}" for w in record.warnings)]


def _document_lines(record: Document) -> Iterator[str]:
    yield f"{record.kind.name or 'Văn bản'} {record.number} – {record.abstract}"
    yield f"  Mã văn bản: {record.document_id or '–'}"
    yield f"  Cơ quan ban hành: {record.issuer.name} ({record.issuer.code})"
    yield from (f"  Nơi nhận: {r.name} ({r.code})" for r in record.recipients)
    signatory = record.signatory.full_name or "–"
    yield f"  Ngày ban hành: {record.promulgated_on or '–'}; người ký: {signatory}"
    for a in record.attachments:
        yield f"  Tệp {a.seq}: {a.name} ({a.size_bytes} byte, sha256 {a.sha256[:16]}…)"


def _status_lines(record: DocumentStatus) -> Iterator[str]:
    about = record.about
    yield f"Gói tin trạng thái {record.code}"
    yield f"  Từ: {record.reporter.name} ({record.reporter.code})"
    yield f"  Về văn bản: {about.number} ({about.document_id})" if about else "  Về văn bản: –"
    yield f"  Nội dung: {record.note or '–'}"
