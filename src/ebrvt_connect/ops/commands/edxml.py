"""`ebrvt edxml`: read, validate, unpack and pack edXML packets (QCVN 102:2016/BTTTT)."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, note, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.codec.edxml_words import Packet
    from ebrvt_connect.model.document import Document
    from ebrvt_connect.ports.blobs import Blobs

_PacketFile = click.Path(exists=True, dir_okay=False, path_type=Path)
_CHUNK_BYTES = 256 * 1024
_LARGEST_FILE = 100 * 1024 * 1024
_LONGEST_NAME = 80
_DESCRIBED = frozenset({"media_type", "role", "description"})


@click.group(epilog="Example: ebrvt edxml show 125.edxml")
def command() -> None:
    """Work with edXML packets (gói tin văn bản điện tử)."""


@command.command(epilog="Example: ebrvt edxml show 125.edxml --json")
@click.argument("file", type=_PacketFile)
@as_json
def show(*, file: Path, json_out: bool) -> None:
    """Show what a packet says: a document with its files, or a status."""
    with _unpacked(file) as (packet, _):
        if json_out:
            say_json({"signature": packet.signature, "record": packet.record.model_dump(mode="json")})
        else:
            say(_as_text(packet))


@command.command(epilog="Example: ebrvt edxml check 125.edxml --strict")
@click.argument("file", type=_PacketFile)
@click.option("--strict", is_flag=True, help="A warning counts as a failure.")
@as_json
@click.pass_context
def check(context: click.Context, *, file: Path, strict: bool, json_out: bool) -> None:
    """Check a packet: refused, read with warnings, or clean."""
    with _unpacked(file) as (packet, _):
        warnings = [w.model_dump(mode="json") for w in packet.record.warnings]
    ok = not (strict and warnings)
    if json_out:
        say_json({"ok": ok, "warnings": warnings})
    else:
        for warning in warnings:
            say(f"Cảnh báo {warning['code']} tại {warning['field']}: {warning['message_vi']}")
        say("Đọc được." if ok else "Không đạt theo mức nghiêm ngặt.")
    context.exit(int(ExitCode.DONE if ok else ExitCode.NO))


@command.command(epilog="Example: ebrvt edxml extract 125.edxml -o folder/")
@click.argument("file", type=_PacketFile)
@click.option("-o", "--out", "folder", required=True, type=click.Path(file_okay=False, path_type=Path))
def extract(*, file: Path, folder: Path) -> None:
    """Write a packet's files and its record into a folder; nothing that is there is overwritten."""
    from ebrvt_connect.model.document import Document

    with _unpacked(file) as (packet, blobs):
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(packet.record, Document):
            for attachment in packet.record.attachments:
                target = folder / _safe_name(attachment.seq, attachment.name)
                _write_new(target, blobs.chunks(attachment.sha256))
                say(str(target))
        record = folder / "metadata.json"
        _write_new(record, iter([packet.record.model_dump_json(indent=2).encode()]))
        say(str(record))


@command.command(epilog="Example: ebrvt edxml build metadata.json cong-van.pdf -o out.edxml")
@click.argument("metadata", type=_PacketFile)
@click.argument("files", nargs=-1, type=_PacketFile)
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def build(*, metadata: Path, files: tuple[Path, ...], out: Path) -> None:
    """Pack a record (as `show --json` prints it, or `extract` wrote it) and its FILES into a packet."""
    from ebrvt_connect.codec.edxml_write import write_document
    from ebrvt_connect.store.blobs import LocalBlobs
    from ebrvt_connect.transport.clock import SystemClock

    with TemporaryDirectory(prefix="ebrvt-edxml-") as scratch:
        blobs = LocalBlobs(scratch)
        document = _document(metadata, files, blobs)
        _write_new(out, write_document(document, blobs, passed_at=SystemClock().now()))
    note(f"Đã ghi {out}")


class _unpacked:  # noqa: N801 - reads as a verb: with _unpacked(file) as (packet, blobs)
    """A packet read into a scratch folder that goes when the block ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._scratch = TemporaryDirectory(prefix="ebrvt-edxml-")

    def __enter__(self) -> tuple[Packet, Blobs]:
        from ebrvt_connect.codec.edxml_read import read_document
        from ebrvt_connect.store.blobs import LocalBlobs

        try:
            blobs = LocalBlobs(self._scratch.name)
            return read_document(_chunks(self._file), blobs), blobs
        except BaseException:
            self._scratch.cleanup()
            raise

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK_BYTES):
            yield piece


def _safe_name(seq: int, name: str) -> str:
    """A name from the other side as a file name of ours: no folders, no control characters, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').strip(" .")
    stem, dot, extension = kept.rpartition(".")
    short = f"{stem[: _LONGEST_NAME - len(extension) - 1]}{dot}{extension}" if dot else kept[:_LONGEST_NAME]
    return f"{seq:02d}-{short or 'tep'}"


def _write_new(path: Path, chunks: Iterator[bytes]) -> None:
    """Write a file that was not there; a half-written one is taken away again."""
    try:
        with path.open("xb") as stream:
            for piece in chunks:
                stream.write(piece)
    except FileExistsError as failure:
        msg = f"{path} exists already; nothing was overwritten"
        raise click.UsageError(msg) from failure
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _document(metadata: Path, files: tuple[Path, ...], blobs: Blobs) -> Document:
    """The record with its attachments replaced by the files given (or kept empty)."""
    from pydantic import ValidationError

    from ebrvt_connect.codec.jsonwire import json_value
    from ebrvt_connect.model.document import Document

    value: Any = json_value(metadata.read_bytes())
    record = value.get("record", value) if isinstance(value, dict) else value
    known = {a.get("name"): a for a in record.get("attachments", ())} if isinstance(record, dict) else {}
    attachments = []
    for seq, file in enumerate(files, start=1):
        ref = blobs.put(_chunks(file), limit_bytes=_LARGEST_FILE)
        # `extract` puts a file's number before its name; packing again takes it off.
        name = next((n for n in (file.name, file.name.partition("-")[2]) if n in known), file.name)
        described = {k: v for k, v in known.get(name, {}).items() if k in _DESCRIBED}
        attachments.append({**described, "seq": seq, "name": name, **ref.model_dump()})
    try:
        return Document.model_validate_json(json.dumps({**record, "attachments": attachments, "unknown": [], "warnings": []}))
    except (ValidationError, TypeError) as failure:
        first = failure.errors(include_input=False)[0] if isinstance(failure, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "not a JSON object"
        msg = f"{metadata}: {what}"
        raise click.UsageError(msg) from failure


def _as_text(packet: Packet) -> str:
    from ebrvt_connect.model.document import Document

    record = packet.record
    if not isinstance(record, Document):
        about = record.about
        lines = [
            f"Gói tin trạng thái {record.code}",
            f"  Từ: {record.reporter.name} ({record.reporter.code})",
            f"  Về văn bản: {about.number} ({about.document_id})" if about else "  Về văn bản: –",
            f"  Nội dung: {record.note or '–'}",
        ]
    else:
        lines = [
            f"{record.kind.name or 'Văn bản'} {record.number} – {record.abstract}",
            f"  Mã văn bản: {record.document_id or '–'}",
            f"  Cơ quan ban hành: {record.issuer.name} ({record.issuer.code})",
            *(f"  Nơi nhận: {r.name} ({r.code})" for r in record.recipients),
            f"  Ngày ban hành: {record.promulgated_on or '–'}; người ký: {record.signatory.full_name or '–'}",
            *(f"  Tệp {a.seq}: {a.name} ({a.size_bytes} byte, sha256 {a.sha256[:16]}…)" for a in record.attachments),
        ]
    lines += [f"  Cảnh báo {w.code} tại {w.field}: {w.message_vi}" for w in record.warnings]
    return "\n".join(lines)
