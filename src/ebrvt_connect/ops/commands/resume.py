"""`ebrvt resume`: take a paused or drained system up again."""

from __future__ import annotations

from pathlib import Path

import click

from ebrvt_connect.ops.console import config_path, say


@click.command(epilog="Example: ebrvt resume axis")
@click.argument("system")
@config_path
def command(*, system: str, config: Path | None) -> None:
    """Take SYSTEM up again (tiếp tục), for instance after its password or certificate was renewed.

    Ends `ebrvt pause` and `ebrvt drain`.
    """
    from ebrvt_connect.ops.ledger_access import opened_ledger, refuse_unknown_system

    refuse_unknown_system(config, system)
    with opened_ledger(config) as ledger:
        resumed = ledger.resume_system(system)
        taken_in = ledger.end_draining(system)
    if taken_in:
        say(f"{system} lại nhận cái mới.")
        if not resumed:
            return
    say(f"Đã cho {system} chạy tiếp." if resumed else f"{system} không bị tạm dừng.")
