"""`ebrvt evidence`: what verdicts rested on, listed, judged again, deleted."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ops.console import as_json, language, note, say, say_json, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from ebrvt_connect.store.evidence import EvidenceFolder, Listed, Unlisted
    from ebrvt_connect.trust.evidence import EvidenceRecord, KeptAnchor, Replay
    from ebrvt_connect.trust.packet_evidence import PacketRecord, PacketReplay

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_FolderArgument = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@contextmanager
def _told() -> Iterator[None]:
    """Damaged evidence proves nothing either way: a person must look, and no exit code may say otherwise."""
    try:
        yield
    except InvalidValue as refusal:
        from ebrvt_connect.ops.cli import tell

        tell(refusal.code, refusal.detail, refusal.sentence_vi, refusal.advice_vi)
        wrong_call = refusal.code not in {"EVIDENCE_DAMAGED", "EVIDENCE_DELETION_UNSAFE"}
        raise click.exceptions.Exit(int(ExitCode.USAGE if wrong_call else ExitCode.UNDECIDED)) from refusal


def _moment_vi(moment: datetime) -> str:
    from ebrvt_connect.ops.words import local_time

    return f"{local_time(moment)} (+07:00)"


@click.group(epilog="Example: ebrvt evidence replay bang-chung/ RECORD.json cong-van.pdf")
def command() -> None:
    """What `ebrvt verify --evidence FOLDER` kept (bằng chứng kiểm tra chữ ký số)."""


@command.command("list", epilog="Example: ebrvt evidence list bang-chung/")
@_FolderArgument
@as_json
@click.pass_context
def list_records(context: click.Context, *, folder: Path, json_out: bool) -> None:
    """List the records of FOLDER, oldest check first; those that are damaged are named among them.

    Everything they name is read: none of what is listed as whole is missing or changed.

    Exit code: 0 all of them read, 1 some are damaged, 64 FOLDER holds no evidence.
    """
    from ebrvt_connect.store.evidence import EvidenceFolder, Unlisted

    with _told():
        found = list(EvidenceFolder.existing(folder).listing())
    damaged = [row for row in found if isinstance(row, Unlisted)]
    if json_out:
        say_json(_listing_as_json(found))
    else:
        for row in found:
            say(_row_vi(row))
        if not found:
            say("Chưa có hồ sơ bằng chứng nào.")
    if damaged:
        note(_damaged_vi(damaged, len(found)))
        context.exit(int(ExitCode.NO))


def _listing_as_json(found: Iterable[Listed | Unlisted]) -> dict[str, Any]:
    from ebrvt_connect.store.evidence import Listed, Unlisted

    return {
        "records": [
            {"record": row.name, **row.record.model_dump(mode="json")}
            for row in found
            if isinstance(row, Listed)
        ],
        "damaged": [
            {
                "record": row.name,
                "file": None if row.record is None else row.record.file,
                "code": row.trouble.code,
                "reason_vi": row.trouble.sentence_vi,
            }
            for row in found
            if isinstance(row, Unlisted)
        ],
    }


def _row_vi(row: Listed | Unlisted) -> str:
    """A record with what it is about; of a packet with its parts below."""
    from ebrvt_connect.store.evidence import Unlisted

    if isinstance(row, Unlisted):
        about = "" if row.record is None else f"{row.record.file} ({_moment_vi(row.record.at)}): "
        return f"{row.name}\n  {about}HỎNG: {row.trouble.sentence_vi}"
    record = row.record
    said = f"{row.indication.headline_vi} ({_moment_vi(record.at)})"
    parts = (f"\n    - {p.name} (SHA-256 {p.sha256[:16]}…)" for p in getattr(record, "parts", ()))
    return f"{row.name}\n  {record.file}{_standing_vi(record)}: {said}{''.join(parts)}"


def _damaged_vi(damaged: list[Unlisted], count: int) -> str:
    """Which of them are damaged and what to do: they may have scrolled away."""
    first, named = damaged[0].trouble, "\n".join(f"  {row.name}" for row in damaged)
    return (
        f"{first.code}: {len(damaged)} trong {count} hồ sơ bằng chứng bị hỏng:\n{named}\n"
        f"Cách xử lý: {first.advice_vi}"
    )


def _standing_vi(record: EvidenceRecord | PacketRecord) -> str:
    """Whether a record is of a packet, or of a part of one only."""
    from ebrvt_connect.trust.packet_evidence import PacketRecord

    if isinstance(record, PacketRecord):
        return f", cả gói tin gồm {len(record.parts)} phần"
    return f", phần của gói tin {record.part_of}" if record.part_of else ""


@command.command(epilog="Example: ebrvt evidence replay bang-chung/ RECORD.json cong-van.pdf")
@_FolderArgument
@click.argument("record")
@click.argument("file", type=_File)
@click.argument("more", nargs=-1, type=_File)
@click.option("--detached", "beside", multiple=True, type=_File, help="Content that stood beside it then.")
@click.option(
    "--trust",
    "trust_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Name what the record trusted and this folder does not pin.",
)
@as_json
@language
@click.pass_context
def replay(  # noqa: PLR0913 - one parameter for each argument and option of the contract
    context: click.Context,
    *,
    folder: Path,
    record: str,
    file: Path,
    more: tuple[Path, ...],
    beside: tuple[Path, ...],
    trust_folder: Path | None,
    json_out: bool,
    lang: str,
) -> None:
    """Judge FILE again from RECORD alone, offline, as of the same time.

    RECORD is a name as `list` shows it, or as much of its beginning as is its own. Where it is of a packet,
    FILE is the edXML file, or the record (metadata.json) with its files as MORE, and all of it is judged.

    Whom to trust the record says, and who may write to FOLDER may have made it up: see `--trust`.

    Exit code: 0 the same outcome, 1 another one, 2 the evidence is damaged, its rules are not the policy
    they are called by, or it trusted what `--trust` does not pin, 64 FILE is another file or there is no
    such record.
    """
    from ebrvt_connect.store.evidence import EvidenceFolder

    detached = {path.name: path.read_bytes() for path in (*beside, *more)}
    with _told():
        kept = EvidenceFolder.existing(folder)
        name = kept.called(Path(record).name)
        again = kept.replay(name, file.read_bytes(), detached)
    strange = _not_pinned(again, trust_folder)
    if json_out:
        say_json(_as_json(name, again, strange))
    else:
        say(_as_text(again, lang))
        say(again.outcome_vi)
        if again.rules_changed:
            say("Phiên bản này đánh giá một số phát hiện khác với lần trước (mã băm chính sách khác).")
        say("Chứng thư gốc được tin cậy, quy tắc và sổ đăng ký người ký đều lấy từ chính hồ sơ này.")
        for line in (again.rules_vi, *map(_strange_vi, strange)):
            if line:
                say(line)
    if strange or not again.rules_known:
        context.exit(int(ExitCode.UNDECIDED))
    context.exit(int(ExitCode.NO if again.differences else ExitCode.DONE))


def _as_json(name: str, again: Replay | PacketReplay, strange: tuple[KeptAnchor, ...]) -> dict[str, Any]:
    """A replay for programs: of a file with its `document`, of a packet with `documents` and `packet`."""
    from ebrvt_connect.trust.packet_evidence import PacketReplay

    told = again.report.to_dict() if isinstance(again, PacketReplay) else {"document": again.report.to_dict()}
    return {
        "record": name,
        "part_of": again.record.part_of,
        "same": not again.differences,
        "differences": list(again.differences),
        "rules_changed": again.rules_changed,
        "rules_known": again.rules_known,
        "anchors_not_pinned": [a.certificate for a in strange],
        **told,
    }


def _as_text(again: Replay | PacketReplay, lang: str) -> str:
    from ebrvt_connect.ops.verdict_en import render, render_packet
    from ebrvt_connect.trust.packet_evidence import PacketReplay

    if lang == "vi":
        return again.report.to_text_vi()
    return render_packet(again.report) if isinstance(again, PacketReplay) else render(again.report)


def _not_pinned(again: Replay | PacketReplay, folder: Path | None) -> tuple[KeptAnchor, ...]:
    if folder is None:
        return ()
    from ebrvt_connect.transport.trust_folder import load_trust_folder
    from ebrvt_connect.trust.evidence import anchors_not_pinned
    from ebrvt_connect.trust.packet_evidence import PacketReplay

    trust = load_trust_folder(folder)
    replays = again.parts if isinstance(again, PacketReplay) else (again,)
    found = (anchor for replay in replays for anchor in anchors_not_pinned(replay.record, trust))
    return tuple(dict.fromkeys(found))


def _strange_vi(anchor: KeptAnchor) -> str:
    return (
        f"CẢNH BÁO: hồ sơ tin cậy chứng thư gốc {anchor.certificate} (nhánh {anchor.branch}) mà kho tin cậy "
        "của đơn vị không ghim như vậy."
    )


@command.command(epilog="Example: ebrvt evidence delete bang-chung/ RECORD.json --yes")
@_FolderArgument
@click.argument("record")
@click.option("--yes", is_flag=True, help="Do it; without this it is only told what would be deleted.")
@click.pass_context
def delete(context: click.Context, *, folder: Path, record: str, yes: bool) -> None:
    """Delete RECORD and whatever no other record names (TT 15/2025 Điều 6: lưu trữ và xóa).

    A damaged record can be deleted. While it is there no other can: nobody knows what it names.
    """
    from ebrvt_connect.store.evidence import EvidenceFolder

    with _told():
        kept = EvidenceFolder.existing(folder)
        name = kept.called(Path(record).name)
    if not yes:
        say(f"Sẽ xóa hồ sơ bằng chứng {_about_vi(kept, name)}. Thêm --yes để xóa thật.")
        context.exit(int(ExitCode.UNDECIDED))
    with _told():
        gone = kept.delete(name)
    say(f"Đã xóa hồ sơ {name} và {gone} tệp bằng chứng không còn hồ sơ nào dùng trong {shown_path(folder)}.")


def _about_vi(kept: EvidenceFolder, name: str) -> str:
    """What a record is about, as far as that can still be read."""
    try:
        about = kept.record(name)
    except InvalidValue:
        return f"đã hỏng {name}"
    return f"về {about.file} ({_moment_vi(about.at)})"
