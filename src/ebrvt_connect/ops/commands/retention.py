"""`ebrvt retention`: how long things are kept, and giving up what is kept long enough."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ops.upkeep_round import UpkeepRound
    from ebrvt_connect.store.ledger import Ledger

_KEPT_VI = {
    "attempts": "Diễn biến từng lần xử lý",
    "contents": "Bản gốc, nội dung gửi đi và tệp đính kèm",
    "evidence": "Kết quả kiểm tra chữ ký và biên nhận gốc",
    "blobs": "Nội dung không còn thông điệp nào cần",
    "workflows": "Ghi chép nội bộ về tác vụ đã xong",
}
_GIVEN_UP_VI = {
    "attempts": "{} dòng diễn biến",
    "contents": "nội dung của {} thông điệp",
    "evidence": "kết quả kiểm tra và biên nhận gốc của {} thông điệp",
}
_DAY = timedelta(days=1)


@click.group(epilog="Example: ebrvt retention show")
def command() -> None:
    """How long finished things are kept, and giving them up (thời hạn lưu giữ)."""


@command.command(epilog="Example: ebrvt retention show --json")
@config_path
@as_json
def show(*, config: Path | None, json_out: bool) -> None:
    """Show the periods, and how the last round of upkeep went."""
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.store.retention import last_upkeep

    retention = load_config(config).config.retention
    with opened_ledger(config) as ledger:
        last = last_upkeep(ledger.database)
    periods = {name: getattr(retention, name) for name in _KEPT_VI}
    if json_out:
        seconds = {name: None if kept is None else kept.total_seconds() for name, kept in periods.items()}
        say_json({"seconds": seconds, "last_round": last})
        return
    for name, kept in periods.items():
        say(f"{_KEPT_VI[name]}: {_period_vi(kept)}")
    say("Thông điệp chưa xong (bị giữ, chờ, nghi ngờ, bị từ chối, đã bỏ cuộc) không bao giờ bị xóa.")
    say("\n".join(_last_lines(last)))


@command.command(epilog="Example: ebrvt retention run --dry-run")
@config_path
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@as_json
def run(*, config: Path | None, dry_run: bool, json_out: bool) -> None:
    """Give up what is kept long enough, and collect contents (dọn dữ liệu hết thời hạn).

    The daemon does this by itself; it may be at work meanwhile.
    """
    from ebrvt_connect.ops.ledger_access import opened_ledger

    with opened_ledger(config) as ledger:
        upkeep = _round(config, ledger)
        told = upkeep.rehearsed() if dry_run else upkeep()
    if json_out:
        say_json(told)
    else:
        say("\n".join(_round_lines(told, dry_run=dry_run)))


def _round(config: Path | None, ledger: Ledger) -> UpkeepRound:
    from ebrvt_connect.ops.blob_place import open_contents
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.upkeep_round import UpkeepRound
    from ebrvt_connect.transport.clock import SystemClock

    loaded, clock = load_config(config), SystemClock()
    blobs = open_contents(loaded, ledger.database, clock)
    return UpkeepRound(loaded.config.retention, ledger.database, blobs, clock)


def _period_vi(kept: timedelta | None) -> str:
    if kept is None:
        return "giữ mãi"
    days, rest = divmod(kept, _DAY)
    return f"{days} ngày" if not rest else f"{kept.total_seconds() / 60:g} phút"


def _last_lines(last: dict[str, Any] | None) -> Iterator[str]:
    from datetime import datetime

    from ebrvt_connect.ops.words import local_time

    if last is None:
        yield "Chưa dọn lần nào."
        return
    began = local_time(datetime.fromisoformat(last["began_at"]))
    if last.get("code"):
        yield f"Lần dọn lúc {began} không xong: {last['reason_vi']} [{last['code']}]"
    else:
        yield f"Lần dọn gần nhất lúc {began}:"
        yield from _round_lines(last, dry_run=False)


def _round_lines(told: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    from ebrvt_connect.ops.commands.blobs import collected_text
    from ebrvt_connect.store.collecting import Collected

    if "skipped" in told:
        yield "Một tiến trình khác đang dọn; không làm gì thêm."
        return
    yield "Sẽ xóa:" if dry_run else "Đã xóa:"
    yield from (f"  {_GIVEN_UP_VI[name].format(number)}" for name, number in told["given_up"].items())
    yield collected_text(Collected(**told["collected"]), dry_run=dry_run)
