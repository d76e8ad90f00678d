"""`ebrvt pause`: leave a linked system alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ebrvt_connect.ops.console import by_whom, config_path, say


@click.command(epilog='Example: ebrvt pause axis --why "bảo trì đường truyền"')
@click.argument("system")
@click.option("--why", required=True, help="The reason, shown by `ebrvt status`.")
@by_whom
@config_path
def command(*, system: str, why: str, by: str, config: Path | None) -> None:
    """Leave SYSTEM alone until it is resumed (tạm dừng): nothing is fetched from it or sent to it."""
    from ebrvt_connect.ops.ledger_access import opened_ledger, refuse_unknown_system

    refuse_unknown_system(config, system)
    with opened_ledger(config) as ledger:
        paused = ledger.pause_system(system, by=by, why=why, now=datetime.now(UTC))
    say(f"Đã tạm dừng {system}." if paused else f"{system} đang tạm dừng từ trước.")
