"""`ebrvt doctor`: is everything in place, and if not, what is to be done."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import as_json, config_path, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebrvt_connect.ops.named_check import CheckResult

_ORIGINS_VI = {
    "environment": "biến môi trường",
    "credentials": "thư mục $CREDENTIALS_DIRECTORY",
    "command line": "dòng lệnh",
}
_MARKS = {"pass": "✓", "warn": "!", "fail": "✗"}


@click.command(epilog="Example: ebrvt doctor --config ebrvt.toml")
@config_path
@click.option("--offline", is_flag=True, help="Do not speak to the remote systems.")
@as_json
@click.pass_context
def command(context: click.Context, *, config: Path | None, offline: bool, json_out: bool) -> None:
    """Check configuration, clock, trust, schemas, store, disk, links and systems (kiểm tra sức khỏe).

    Exit code: 0 nothing failed, 1 a check failed, 3 only remote systems are away, 4 no usable file.
    """
    from ebrvt_connect.ops.checks import examine
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.transport.clock import SystemClock

    loaded = load_config(config)
    results = list(examine(loaded, SystemClock(), reach=not offline))
    if json_out:
        say_json({"checks": [asdict(f) for f in results], "origins": dict(loaded.origins)})
    else:
        _say(results, loaded.origins)
    context.exit(int(_exit_code(results)))


def _say(results: Sequence[CheckResult], origins: Mapping[str, str]) -> None:
    from ebrvt_connect.ops.checks import title_vi

    for result in results:
        say(f"{_MARKS[result.grade]} {title_vi(result.name)}: {result.cause_vi}")
        if result.cure_vi:
            say(f"    → {result.cure_vi}")
    elsewhere = {key: origin for key, origin in origins.items() if origin != "file"}
    if elsewhere:
        say("\nGiá trị cấu hình không lấy từ tệp cấu hình:")
    for key, origin in sorted(elsewhere.items()):
        say(f"  {key}: {_ORIGINS_VI.get(origin, origin)}")


def _exit_code(results: Sequence[CheckResult]) -> ExitCode:
    failed = [f for f in results if f.grade == "fail"]
    if not failed:
        return ExitCode.DONE
    return ExitCode.UNAVAILABLE if all(f.remote for f in failed) else ExitCode.NO
