"""`ebrvt drain`: empty a linked system's queue and take nothing more in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ebrvt_connect.ops.console import by_whom, config_path, say


@click.command(epilog='Example: ebrvt drain axis --why "thay máy chủ tối nay"')
@click.argument("system")
@click.option("--why", required=True, help="The reason, shown by `ebrvt status`.")
@by_whom
@config_path
def command(*, system: str, why: str, by: str, config: Path | None) -> None:
    """Let what waits for SYSTEM go out, and take nothing more in from it or for it (rút hết).

    What is told back to it still goes. `ebrvt status` says how much is left; `ebrvt resume` ends it.
    """
    from ebrvt_connect.ops.ledger_access import opened_ledger, refuse_unknown_system

    refuse_unknown_system(config, system)
    with opened_ledger(config) as ledger:
        begun = ledger.drain_system(system, by=by, why=why, now=datetime.now(UTC))
        left = next((one.left for one in ledger.draining() if one.system == system), 0)
    said = f"{system} không nhận cái mới nữa" if begun else f"{system} đang rút hết từ trước"
    say(f"{said}; còn {left} thông điệp đang chờ gửi tới đó.")
