"""`ebrvt evidence`: what verdicts rested on, listed, judged again, deleted."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ops.console import as_json, language, say, say_json, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        wrong_file = refusal.code == "EVIDENCE_OTHER_FILE"
        raise click.exceptions.Exit(int(ExitCode.USAGE if wrong_file else ExitCode.UNDECIDED)) from refusal


@click.group(epilog="Example: ebrvt evidence replay bang-chung/ RECORD.json cong-van.pdf")
def command() -> None:
    """What `ebrvt verify --evidence FOLDER` kept (bằng chứng kiểm tra chữ ký số)."""


@command.command("list", epilog="Example: ebrvt evidence list bang-chung/")
@_FolderArgument
@as_json
def list_records(folder: Path, *, json_out: bool) -> None:
    """List the records of FOLDER, oldest check first."""
    from ebrvt_connect.store.evidence import EvidenceFolder

    kept = EvidenceFolder(folder)
    with _told():
        rows = [(name, kept.record(name)) for name in kept.names()]
    if json_out:
        say_json({"records": [{"record": n, **r.model_dump(mode="json")} for n, r in rows]})
        return
    for name, record in rows:
        say(f"{name}\n  {record.file}: {record.indication.headline_vi} ({record.at.isoformat()})")
    if not rows:
        say("Chưa có hồ sơ bằng chứng nào.")


@command.command(epilog="Example: ebrvt evidence replay bang-chung/ RECORD.json cong-van.pdf")
@_FolderArgument
@click.argument("record")
@click.argument("file", type=_File)
@click.option("--detached", "beside", multiple=True, type=_File, help="Content that stood beside it then.")
@as_json
@language
@click.pass_context
def replay(
    context: click.Context,
    *,
    folder: Path,
    record: str,
    file: Path,
    beside: tuple[Path, ...],
    json_out: bool,
    lang: str,
) -> None:
    """Judge FILE again from RECORD alone, offline, as of the same time.

    Exit code: 0 the same outcome, 1 another one, 2 the evidence is damaged, 64 FILE is another file.
    """
    from ebrvt_connect.ops.verdict_en import render
    from ebrvt_connect.store.evidence import EvidenceFolder

    detached = {path.name: path.read_bytes() for path in beside}
    with _told():
        again = EvidenceFolder(folder).replay(Path(record).name, file.read_bytes(), detached)
    if json_out:
        say_json(
            {
                "record": Path(record).name,
                "same": not again.differences,
                "differences": list(again.differences),
                "rules_changed": again.rules_changed,
                "document": again.report.to_dict(),
            }
        )
    else:
        say(again.report.to_text_vi() if lang == "vi" else render(again.report))
        say(again.outcome_vi)
        if again.rules_changed:
            say("Phiên bản này đánh giá một số phát hiện khác với lần trước (mã băm chính sách khác).")
    context.exit(int(ExitCode.NO if again.differences else ExitCode.DONE))


@command.command(epilog="Example: ebrvt evidence delete bang-chung/ RECORD.json --yes")
@_FolderArgument
@click.argument("record")
@click.option("--yes", is_flag=True, help="Do it; without this it is only told what would be deleted.")
@click.pass_context
def delete(context: click.Context, *, folder: Path, record: str, yes: bool) -> None:
    """Delete RECORD and whatever no other record names (TT 15/2025 Điều 6: lưu trữ và xóa)."""
    from ebrvt_connect.store.evidence import EvidenceFolder

    kept = EvidenceFolder(folder)
    name = Path(record).name
    with _told():
        about = kept.record(name)
    if not yes:
        say(f"Sẽ xóa hồ sơ bằng chứng về {about.file} ({about.at.isoformat()}). Thêm --yes để xóa thật.")
        context.exit(int(ExitCode.UNDECIDED))
    with _told():
        gone = kept.delete(name)
    say(f"Đã xóa hồ sơ {name} và {gone} tệp bằng chứng không còn hồ sơ nào dùng trong {shown_path(folder)}.")
