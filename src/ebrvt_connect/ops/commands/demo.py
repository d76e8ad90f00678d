"""`ebrvt demo`: the main job on simulated remotes (`./dev run` in a checkout)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from ebrvt_connect.ops.console import as_json, note, on_terminal, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

_LINE_EVERY_SECONDS = 1.0


@click.command(epilog="Example: ebrvt demo --fresh")
@click.option("--fresh", is_flag=True, help="Start a new province, even if the last run is unfinished.")
@click.option("--serve", is_flag=True, help="Keep the report up on loopback until Ctrl-C.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where var/ is kept (default: the current folder).",
)
@click.option(
    "--store",
    metavar="URL",
    help="Keep the ledger on this PostgreSQL server, in a database made for it (default: SQLite in var/).",
)
@as_json
@click.pass_context
def command(
    context: click.Context, *, fresh: bool, serve: bool, root: Path, store: str | None, json_out: bool
) -> None:
    """Show a province at work: documents out and in, verified, through faults, nothing lost or doubled.

    Writes var/run/summary.json and var/run/report.html. Exit code 0 only if what should be delivered
    was delivered exactly once and what should be held is held.
    """
    from ebrvt_connect.ops.demo.report import table
    from ebrvt_connect.ops.demo.story import make_plans, run_demo
    from ebrvt_connect.ops.log import configure_logging
    from ebrvt_connect.transport.clock import SystemClock

    configure_logging(level=40)
    size = os.environ.get("EBRVT_TEST_DEMO_DOCUMENTS")
    told = run_demo(
        root.absolute(),
        fresh=fresh,
        clock=SystemClock(),
        progress=_Progress(),
        plans=make_plans(int(size)) if size else make_plans(),
        server=store,
    )
    if json_out:
        say_json(told)
    else:
        say(table(told))
    note(f"Báo cáo: {root / 'var' / 'run' / 'report.html'}")
    if serve:
        from ebrvt_connect.ops.demo.serving import serve_folder

        serve_folder(root.absolute() / "var" / "run", note)
    context.exit(int(ExitCode.DONE if told["ok"] else ExitCode.NO))


class _Progress:
    """One line that rewrites itself on a terminal; elsewhere a new line now and then."""

    def __init__(self) -> None:
        self._last = ""
        self._next_at = 0.0
        self._terminal = on_terminal()

    def __call__(self, line: str) -> None:
        now = time.monotonic()
        if line == self._last or (not self._terminal and now < self._next_at):
            return
        self._last, self._next_at = line, now + _LINE_EVERY_SECONDS
        if self._terminal:
            click.echo(f"\r\033[K  {line}", err=True, nl=False)
        else:
            note(f"  {line}")
