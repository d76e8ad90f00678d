"""`ebrvt drain`: empty a linked system's queue and take nothing more in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from ebrvt_connect.ops.console import by_whom, config_path, note, say


def _duration(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    from ebrvt_connect.errors import InvalidValue
    from ebrvt_connect.ops.config_model import parse_duration

    try:
        found = parse_duration(text)
    except InvalidValue as wrong:
        raise click.BadParameter(f"“{text}”: {wrong.sentence_vi}") from wrong
    assert isinstance(found, timedelta)  # noqa: S101 - for the type checker: it is one or refused
    return found


@click.command(epilog='Example: ebrvt drain axis --why "thay máy chủ tối nay" --wait --within 10m')
@click.argument("system")
@click.option("--why", required=True, help="The reason, shown by `ebrvt status`.")
@click.option("--wait", is_flag=True, help="Wait until nothing is left that goes by itself.")
@click.option(
    "--within", default="10m", show_default=True, callback=_duration, help="With --wait: so long at most."
)
@by_whom
@config_path
@click.pass_context
def command(
    context: click.Context,
    *,
    system: str,
    why: str,
    wait: bool,
    within: timedelta,
    by: str,
    config: Path | None,
) -> None:
    """Let what waits for SYSTEM go out, and take nothing more in from it or for it (rút hết).

    What is told back to it still goes. `ebrvt status` says how much is left; `ebrvt resume` ends it.
    Exit code with --wait: 0 nothing is left, 1 time is over or it was resumed, 2 what is left waits for a
    person.
    """
    from ebrvt_connect.ops.drain_wait import wait_until_drained
    from ebrvt_connect.ops.ledger_access import opened_ledger, refuse_unknown_system
    from ebrvt_connect.transport.clock import SystemClock

    refuse_unknown_system(config, system)
    with opened_ledger(config) as ledger:
        begun = ledger.drain_system(system, by=by, why=why, now=datetime.now(UTC))
        left = next((one.left for one in ledger.draining() if one.system == system), 0)
        said = f"{system} không nhận cái mới nữa" if begun else f"{system} đang rút hết từ trước"
        say(f"{said}; còn {left} thông điệp đang chờ gửi tới đó.")
        if not wait:
            return
        waited = wait_until_drained(ledger, system, within=within, clock=SystemClock(), tell=note)
    say(waited.said_vi)
    context.exit(int(waited.code))
