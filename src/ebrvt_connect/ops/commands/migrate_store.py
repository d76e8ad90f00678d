"""`ebrvt migrate-store`: the ledger moved to another database, PostgreSQL as a rule."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, note, on_terminal, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.store_move import Moved, Wish
    from ebrvt_connect.store.moving import Outlook

_URL = re.compile(r"(sqlite:///|postgresql\+psycopg://).")
_NOT_A_URL_VI = "cần dạng postgresql+psycopg://TÊN@MÁY/CSDL hoặc sqlite:///ĐƯỜNG-DẪN"


@click.command(
    epilog="Example: ebrvt migrate-store --to postgresql+psycopg://ebrvt@db.tinh.example/ebrvt --dry-run"
)
@click.option("--to", "to", help="The new store's URL, as in store.url (its password in ~/.pgpass).")
@click.option("--blobs", type=click.Path(path_type=Path), help="Copy blobs into this folder, too.")
@click.option("--dry-run", is_flag=True, help="Only look: what would be moved, and what stands against it.")
@click.option("--abandon", is_flag=True, help="Give up a move that is not done, and use the old store again.")
@click.option("--ignore-heartbeats", is_flag=True, help="Do not wait for daemons that died a moment ago.")
@click.option(
    "--batch", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Rows a commit."
)
@config_path
@as_json
@click.pass_context
def command(context: click.Context, /, *, json_out: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Move the configured ledger to another database (chuyển sổ cái), in order and to the byte.

    Every daemon must be stopped. Cut off at any moment, the same command goes on where it was. Afterwards
    the old store is refused by every command; put the new URL into the configuration.

    Exit code: 2 when a person must decide (a daemon is alive, the target is not empty, evidence or a blob
    was damaged before).
    """
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.store_move import abandon, bring, look

    loaded, now = load_config(given["config"]), datetime.now(UTC)
    if given["abandon"]:
        say(_abandoned_vi(done=abandon(loaded, now)))
        return
    wish = _wish(loaded, given)
    if given["dry_run"]:
        looked = look(loaded, wish, now)
        say_json(_outlook_data(looked)) if json_out else say(_outlook_vi(looked))
        return
    moved = bring(loaded, wish, now)
    if on_terminal():
        click.echo(err=True)
    say_json(_moved_data(moved)) if json_out else say(_moved_vi(moved, given["to"], wish))
    damaged = moved.breaks or (moved.blobs and moved.blobs.damaged)
    context.exit(int(ExitCode.UNDECIDED if damaged else ExitCode.DONE))


def _wish(loaded: LoadedConfig, given: dict[str, Any]) -> Wish:
    from ebrvt_connect.ops.redaction import remember_url_password
    from ebrvt_connect.ops.store_move import Wish, absolute_url

    to, blobs = given["to"], given["blobs"]
    if to is None:
        raise click.UsageError("thiếu --to (hoặc --abandon)")
    remember_url_password(to)
    if not _URL.match(to):
        raise click.BadParameter(_NOT_A_URL_VI, param_hint="--to")
    return Wish(
        url=absolute_url(loaded, to),
        blobs=None if blobs is None else loaded.resolve(blobs),
        heartbeats=not given["ignore_heartbeats"],
        batch=given["batch"],
        tell=_progress if on_terminal() else _milestones,
    )


def _progress(what: str, there: int, whole: int) -> None:
    """One line on a terminal, drawn over and over."""
    share = f" / {whole}" if whole else ""
    click.echo(f"\r\x1b[K{what}: {there}{share}", nl=False, err=True)


def _milestones(what: str, there: int, whole: int) -> None:
    """A line for each table that has arrived."""
    if whole and there >= whole:
        note(f"{what}: {there}")


def _abandoned_vi(*, done: bool) -> str:
    if not done:
        return "Không có việc chuyển nào dở dang."
    return (
        "Đã bỏ việc chuyển; sổ cái cũ dùng lại được. Cơ sở dữ liệu chép dở không dùng được nữa: hãy xóa nó."
    )


def _outlook_data(looked: Outlook) -> dict[str, Any]:
    return {
        "dry_run": True,
        "resumes": looked.resumes,
        "finished": looked.finished,
        "tables": dict(looked.tables),
    }


def _outlook_vi(looked: Outlook) -> str:
    if looked.finished:
        return "Sổ cái đã được chuyển xong sang nơi này từ trước."
    lines = [f"  {name}: {number}" for name, number in looked.tables.items() if number]
    beginning = "Sẽ chạy tiếp việc chuyển dở" if looked.resumes else "Sẽ chuyển"
    return "\n".join([f"{beginning} (chưa ghi gì):", *(lines or ["  sổ cái trống"])])


def _moved_data(moved: Moved) -> dict[str, Any]:
    blobs = moved.blobs
    return {
        "dry_run": False,
        "tables": {name: {"rows": one.rows, "sha256": one.sha256} for name, one in moved.tables.items()},
        "blobs": blobs and {"new": blobs.new, "there": blobs.there, "damaged": list(blobs.damaged)},
        "proof_breaks": [{"number": found.number, "what": found.what} for found in moved.breaks],
    }


def _moved_vi(moved: Moved, to: str, wish: Wish) -> str:
    if not moved.tables:
        return "Sổ cái đã được chuyển xong sang nơi này từ trước."
    whole = sum(one.rows for one in moved.tables.values())
    lines = [f"Đã chuyển {whole} dòng của {len(moved.tables)} bảng; đã so số dòng và mã băm, khớp."]
    if moved.blobs is not None:
        lines.append(f"Tệp nội dung: chép {moved.blobs.new}, đã có sẵn {moved.blobs.there}.")
        lines += [f"CẢNH BÁO: tệp nội dung {name} đã hỏng từ trước." for name in moved.blobs.damaged]
    if moved.breaks:
        lines.append("CẢNH BÁO: nhật ký bằng chứng đã đứt từ trước khi chuyển; xem: ebrvt proof status.")
    else:
        lines.append("Nhật ký bằng chứng: chuỗi còn nguyên.")
    lines.append("Bây giờ đặt trong cấu hình rồi chạy ebrvt doctor, ebrvt run:")
    lines.append(f'  [store]\n  url = "{_without_password(to)}"')
    if wish.blobs is not None:
        lines.append(f'  blobs = "{wish.blobs}"')
    return "\n".join(lines)


def _without_password(url: str) -> str:
    """The URL to be written into a file: a password belongs elsewhere."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1@", url)
