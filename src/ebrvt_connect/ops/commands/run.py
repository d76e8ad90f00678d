"""`ebrvt run`: the daemon."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.ops.console import config_path, note
from ebrvt_connect.ops.exit_codes import ExitCode
from ebrvt_connect.ops.words import paused_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_connect.ops.composition import Composition
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.ledger import Ledger

_TURN = timedelta(seconds=1)
_LOOK_SECONDS = 0.2


@click.command(epilog="Example: ebrvt run --config /etc/ebrvt/ebrvt.toml")
@config_path
@click.option(
    "--once", is_flag=True, help="Fetch every link once, deliver what can go now, end; retries wait."
)
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do but for a person.")
@click.pass_context
def command(context: click.Context, *, config: Path | None, once: bool, until_idle: bool) -> None:
    """Carry messages between the configured systems until told to stop (SIGTERM, Ctrl-C).

    Exit code with --once or --until-idle: 0 all is well, 1 something is dead, 2 something is held or
    a system is paused.
    """
    from ebrvt_connect.ops.composition import composed
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.log import configure_logging
    from ebrvt_connect.transport.clock import SystemClock

    configure_logging()
    stopping = _stop_on_signals()
    clock = SystemClock()
    with composed(load_config(config), clock) as province:
        ends = partial(_nothing_more_now, province, clock, clock.now()) if once else _never
        if until_idle:
            ends = partial(province.engine.run_until_settled, _TURN)
        ended = _work(province, ends, stopping)
        code = _exit_code(province.ledger) if once or until_idle else ExitCode.DONE
    if not ended:
        _leave(code)
    context.exit(int(code))


def _never() -> bool:
    return False


def _leave(code: ExitCode) -> NoReturn:
    """End now: the interpreter would wait for its threads, and with them for the calls that take too long."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(int(code))


def _work(province: Composition, ends: Callable[[], bool], stopping: threading.Event) -> bool:
    """Run the engine until it is told to stop or `ends` says so; whether all of it ended, and is written."""
    for warning in province.warnings:
        note(f"CẢNH BÁO: {warning}")
    try:
        province.engine.start()
        note(f"ebrvt đang chạy, sổ cái: {province.loaded.store_place()}")
        while not stopping.wait(_LOOK_SECONDS) and not ends():
            pass
    finally:
        ended = province.engine.stop(province.loaded.config.engine.stop_within)
    try:
        for told in _paused_lines(province.ledger):
            note(told)
    except ConnectError as away:
        # The dispatcher's threads would go on trying to reach the database, and keep the process from ending.
        note(f"{away.code}: {away.explanation_vi}")
        ended = False
    note("ebrvt đã dừng." if ended else "ebrvt đã dừng; việc dở dang sẽ được hỏi lại khi khởi động.")
    return ended


def _paused_lines(ledger: Ledger) -> list[str]:
    """The systems left alone, and what takes them up again."""
    return [paused_text(system, pause.reason_vi, pause.code) for system, pause in ledger.paused().items()]


def _nothing_more_now(province: Composition, clock: Clock, since: datetime) -> bool:
    """Whether every link was fetched since, and whatever could go on has; what is due later is left."""
    from ebrvt_connect.model.message import State
    from ebrvt_connect.resilience.breaker import Position

    ledger = province.ledger
    systems = ledger.systems()
    paused = {s.system for s in systems if s.pause}
    closed = province.engine.closed()
    resting = {s.system for s in systems if s.breaker == Position.OPEN} | closed
    fetched = {s.link for s in ledger.link_statistics() if s.fetched_at and s.fetched_at >= since}
    asked = {link.name for link in province.loaded.config.links if link.source not in paused | closed}
    due = {system for system, _ in ledger.due_shards(clock.now(), closed=closed)} - resting
    return asked <= fetched and not due and not ledger.messages(states=(State.SENDING,), limit=1)


def _exit_code(ledger: Ledger) -> ExitCode:
    if ledger.dead(limit=1):
        return ExitCode.NO
    return ExitCode.UNDECIDED if ledger.held(limit=1) or ledger.paused() else ExitCode.DONE


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
