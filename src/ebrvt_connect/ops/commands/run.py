"""`ebrvt run`: the daemon."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import config_path, note
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from ebrvt_connect.engine.engine import Engine

_IDLE_WITHIN = timedelta(hours=24)


@click.command(epilog="Example: ebrvt run --config /etc/ebrvt/ebrvt.toml")
@config_path
@click.option("--once", is_flag=True, help="Fetch every link once, deliver what can be delivered, end.")
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do.")
@click.pass_context
def command(context: click.Context, *, config: Path | None, once: bool, until_idle: bool) -> None:
    """Carry messages between the configured systems until told to stop (SIGTERM, Ctrl-C)."""
    from ebrvt_connect.ops.composition import composed
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.log import configure_logging

    configure_logging()
    with composed(load_config(config)) as province:
        for warning in province.warnings:
            note(f"CẢNH BÁO: {warning}")
        engine = province.engine
        stopping = _stop_on_signals()
        engine.start()
        note(f"ebrvt đang chạy, sổ cái: {province.loaded.config.store.url.rpartition('@')[2]}")
        try:
            if once or until_idle:
                _until_idle(engine, stopping)
            else:
                stopping.wait()
        finally:
            ended = engine.stop()
        note("ebrvt đã dừng." if ended else "ebrvt đã dừng; việc dở dang sẽ được hỏi lại khi khởi động.")
        undecided = province.ledger.held(limit=1) or province.ledger.dead(limit=1)
    context.exit(int(ExitCode.UNDECIDED if undecided and (once or until_idle) else ExitCode.DONE))


def _until_idle(engine: Engine, stopping: threading.Event) -> None:
    """Wait in short turns, so that a signal is heeded."""
    turn = timedelta(seconds=1)
    waited = timedelta()
    while not stopping.is_set() and waited < _IDLE_WITHIN and not engine.run_until_settled(turn):
        waited += turn


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
