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

    from ebrvt_connect.ops.named_check import Finding

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
    findings = list(examine(loaded, SystemClock(), reach=not offline))
    if json_out:
        say_json({"checks": [asdict(f) for f in findings], "origins": dict(loaded.origins)})
    else:
        _say(findings, loaded.origins)
    context.exit(int(_exit_code(findings)))


def _say(findings: Sequence[Finding], origins: Mapping[str, str]) -> None:
    from ebrvt_connect.ops.checks import title_vi

    for finding in findings:
        say(f"{_MARKS[finding.grade]} {title_vi(finding.name)}: {finding.cause_vi}")
        if finding.cure_vi:
            say(f"    → {finding.cure_vi}")
    elsewhere = {key: origin for key, origin in origins.items() if origin != "file"}
    if elsewhere:
        say("\nGiá trị cấu hình không lấy từ tệp cấu hình:")
    for key, origin in sorted(elsewhere.items()):
        say(f"  {key}: {_ORIGINS_VI.get(origin, origin)}")


def _exit_code(findings: Sequence[Finding]) -> ExitCode:
    failed = [f for f in findings if f.grade == "fail"]
    if not failed:
        return ExitCode.DONE
    return ExitCode.UNAVAILABLE if all(f.remote for f in failed) else ExitCode.NO
