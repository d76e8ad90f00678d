"""`ebrvt incidents`: what is wrong, since when, who was told; and a person's word that it is dealt with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ebrvt_connect.errors import HeldForPerson, Rejected
from ebrvt_connect.ops.console import as_json, by_whom, config_path, say, say_json
from ebrvt_connect.ops.deciding import why_option
from ebrvt_connect.ops.exit_codes import ExitCode

_SHOWN = 100

_number = click.argument("number", type=int, metavar="ID")


@click.group(epilog="Example: ebrvt incidents list")
def command() -> None:
    """See incidents (sự cố) and close one by hand.

    Exit code: 1 if there is no such incident, or it is closed already.
    """


@command.command("list", epilog="Example: ebrvt incidents list --all --json")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@click.option("--limit", default=_SHOWN, show_default=True, type=click.IntRange(1, 10_000))
@config_path
@as_json
def list_incidents(*, everything: bool, limit: int, config: Path | None, json_out: bool) -> None:
    """List the incidents that are open, the newest first."""
    from ebrvt_connect.ops.incident_list import incident_data, incident_line
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.store.incident_rows import IncidentRows

    with opened_ledger(config) as ledger:
        rows = IncidentRows(ledger.database)
        found, unsent = rows.incidents(closed=everything, limit=limit), rows.unsent()
    if json_out:
        waiting = [{"sink": sink, "alerts": number, "code": code} for sink, number, code in unsent]
        say_json({"incidents": [incident_data(one) for one in found], "unsent": waiting})
        return
    for one in found:
        say(incident_line(one))
    if not found:
        say("Không có sự cố nào.")
    for sink, number, code in unsent:
        say(f"Kênh {sink} còn {number} cảnh báo chưa gửi được [{code}].")


@command.command(epilog="Example: ebrvt incidents show 3")
@_number
@config_path
@as_json
def show(*, number: int, config: Path | None, json_out: bool) -> None:
    """Show one incident, and who was told of it and when."""
    from ebrvt_connect.ops.incident_list import incident_data, incident_story
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.store.incident_rows import INCIDENT_UNKNOWN, IncidentRows

    with opened_ledger(config) as ledger:
        rows = IncidentRows(ledger.database)
        found, told = rows.incident(number), rows.told(number)
    if found is None:
        raise Rejected(INCIDENT_UNKNOWN, f"no incident {number}", incident=number)
    if json_out:
        say_json({**incident_data(found), "alerts": told})
    else:
        say("\n".join(incident_story(found, told)))


@command.command(epilog='Example: ebrvt incidents close 3 --why "Bộ hẹn khắc phục ngày mai"')
@_number
@why_option
@by_whom
@config_path
def close(*, number: int, why: str, by: str, config: Path | None) -> None:
    """Close an incident by hand (đóng sự cố); while its cause stays, it is not opened again."""
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.store.incident_rows import INCIDENT_CLOSED, INCIDENT_UNKNOWN, IncidentRows

    with opened_ledger(config) as ledger:
        rows = IncidentRows(ledger.database)
        try:
            rows.close(number, by=by, why=why, now=datetime.now(UTC))
        except HeldForPerson as refusal:
            said = INCIDENT_UNKNOWN if refusal.code == INCIDENT_UNKNOWN.code else INCIDENT_CLOSED
            raise Rejected(said, refusal.detail, incident=number) from refusal
    say(f"Đã đóng sự cố số {number}.")


@command.command(epilog="Example: ebrvt incidents test --config /etc/ebrvt/ebrvt.toml")
@config_path
@as_json
@click.pass_context
def test(context: click.Context, *, config: Path | None, json_out: bool) -> None:
    """Send a trial message through every configured sink (gửi thử cảnh báo).

    Exit code: 3 when one did not go through.
    """
    from ebrvt_connect.ops.alerting import tried_sinks
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.transport.clock import SystemClock

    tried = list(tried_sinks(load_config(config), SystemClock()))
    if json_out:
        sinks = [
            {"sink": sink, "code": f.code if f else "", "detail": f.detail if f else ""} for sink, f in tried
        ]
        say_json({"sinks": sinks})
    else:
        for sink, failure in tried:
            said = f"{failure.explanation_vi} {failure.advice_vi}" if failure else "đã gửi thử."
            say(f"{sink}: {said}")
        if not tried:
            say("Chưa khai báo kênh cảnh báo nào ([alerts.command], [alerts.webhook], [alerts.smtp]).")
    context.exit(int(ExitCode.UNAVAILABLE if any(failure for _, failure in tried) else ExitCode.DONE))
