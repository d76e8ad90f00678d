"""`ebrvt store`: the ledger's own file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ebrvt_connect.ops.console import as_json, config_path, note, say, say_json


@click.group(epilog="Example: ebrvt store compact --dry-run")
def command() -> None:
    """Look after the ledger's own file (tệp sổ cái)."""


@command.command(epilog="Example: ebrvt store compact --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say how much is empty.")
@config_path
@as_json
def compact(*, dry_run: bool, config: Path | None, json_out: bool) -> None:
    """Give back the room that retention has left in a SQLite file (thu gọn). Stop the daemon first.

    Exit code: 1 too little room on the disk, or the ledger is on PostgreSQL; 2 a daemon is at work.
    """
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.words import room_text
    from ebrvt_connect.store.compacting import compact as compacted
    from ebrvt_connect.store.compacting import file_room, refuse_elsewhere
    from ebrvt_connect.store.seat import Seat

    with opened_ledger(config) as ledger:
        refuse_elsewhere(ledger.database)
        if dry_run:
            room = file_room(ledger.database)
            say_json(asdict(room)) if json_out else say(room_text(room.total_bytes, room.free_bytes))
            return
        seat = Seat(ledger.url)
        seat.take()
        try:
            note("Đang thu gọn tệp sổ cái (khoảng nửa phút cho mỗi GB)…")
            done = compacted(ledger.database)
        finally:
            seat.leave()
    if json_out:
        say_json(asdict(done))
    else:
        before, after = (f"{size / 1e6:.1f} MB" for size in (done.before_bytes, done.after_bytes))
        say(f"Đã thu gọn tệp sổ cái: {before} → {after}.")
