"""`ebrvt status`: what each link has carried, what waits, what is held."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.store.ledger import Ledger

_SHOWN = 50


@click.command(epilog="Example: ebrvt status --json")
@config_path
@as_json
@click.pass_context
def command(context: click.Context, *, config: Path | None, json_out: bool) -> None:
    """Show links, systems, and what waits for a person (tình hình liên thông).

    Exit code: 0 all is well, 1 something is dead, 2 something waits for a person or a system is paused.
    """
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.standing import standings
    from ebrvt_connect.transport.clock import SystemClock

    with opened_ledger(config) as ledger:
        now = SystemClock().now()
        told = _told(ledger, now) | {"limits": list(standings(load_config(config), ledger, now))}
    if json_out:
        say_json(told)
    else:
        say("\n".join(_lines(told)))
    paused = any(system["pause"] for system in told["systems"])
    undecided = ExitCode.UNDECIDED if told["held"] or paused else ExitCode.DONE
    context.exit(int(ExitCode.NO if told["dead"] else undecided))


def _told(ledger: Ledger, now: datetime) -> dict[str, Any]:
    from ebrvt_connect.engine.settings import EngineSettings
    from ebrvt_connect.ops.incident_list import incident_data
    from ebrvt_connect.ops.words import in_brief
    from ebrvt_connect.store.compacting import file_room
    from ebrvt_connect.store.incident_rows import IncidentRows

    settings = EngineSettings()
    living = ledger.living_executors(now, settings.dead_after)
    heard = ledger.living_executors(now, 3 * settings.heartbeat_every)
    return {
        "daemons": [
            asdict(one) | {"alive": one.name in living, "heard": one.name in heard}
            for one in ledger.executors()
        ],
        "links": [asdict(link) for link in ledger.link_statistics()],
        "systems": [asdict(system) for system in ledger.systems()],
        "draining": [asdict(one) for one in ledger.draining()],
        "held": [in_brief(m) for m in ledger.held(limit=_SHOWN)],
        "dead": [in_brief(m) for m in ledger.dead(limit=_SHOWN)],
        "store": asdict(file_room(ledger.database)),
        "incidents": [incident_data(one) for one in IncidentRows(ledger.database).incidents(limit=_SHOWN)],
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    from ebrvt_connect.ops.incident_list import incident_line
    from ebrvt_connect.ops.standing import limits_text
    from ebrvt_connect.ops.words import brief_text, draining_text, much_room, paused_text, room_text
    from ebrvt_connect.ports.alerts import Incident

    yield from _daemon_lines(told["daemons"])
    if not told["links"]:
        yield "Chưa có gì được chuyển."
    for link in told["links"]:
        yield from _link_lines(link)
    for system in told["systems"]:
        if system["pause"]:
            pause = system["pause"]
            yield paused_text(system["system"], pause["reason_vi"], pause["code"])
    for one in told["draining"]:
        yield draining_text(one["system"], one["why"], one["left"], one["stuck"])
    yield from (limits_text(standing) for standing in told["limits"] if standing["used"])
    if much_room(**told["store"]):
        yield room_text(**told["store"])
    for name, heading in (("held", "Chờ người quyết định"), ("dead", "Đã bỏ cuộc")):
        if told[name]:
            yield f"\n{heading}:"
        yield from (brief_text(item) for item in told[name])
    if told["incidents"]:
        yield "\nSự cố:"
    yield from (incident_line(Incident(**incident)) for incident in told["incidents"])


def _daemon_lines(daemons: list[dict[str, Any]]) -> Iterator[str]:
    from ebrvt_connect.ops.words import local_time

    alive = any(one["alive"] for one in daemons)
    if not alive:
        yield "KHÔNG có dịch vụ nào đang chạy: chưa có gì được chuyển cho đến khi chạy ebrvt run."
    for one in daemons:
        where = f"{one['name']} (máy {one['host']}, tiến trình {one['pid']})"
        if one["alive"]:
            how = "đang chạy" if one["heard"] else "im lặng (treo, hoặc vừa bị ngắt)"
            yield f"Dịch vụ {where} {how}, tín hiệu gần nhất {local_time(one['beat_at'])}"
        else:
            after = "dịch vụ khác làm tiếp việc của nó" if alive else "chạy lại ebrvt run trên máy đó"
            yield f"Dịch vụ {where} mất tín hiệu từ {local_time(one['beat_at'])}; {after}"


def _link_lines(link: dict[str, Any]) -> Iterator[str]:
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.words import STATES_VI, local_time

    states = "; ".join(f"{number} {STATES_VI[State(state)]}" for state, number in link["by_state"].items())
    yield f"{link['link']}: {states or 'chưa có gì'}; thử lại {link['retries']} lần"
    if link["failing_since"]:
        since = local_time(link["failing_since"])
        yield f"  không lấy được từ {since}: {link['reason_vi']} [{link['code']}]"
