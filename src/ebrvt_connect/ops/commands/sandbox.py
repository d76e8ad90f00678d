"""`ebrvt sandbox`: the simulated remote systems, one process, loopback only."""

from __future__ import annotations

from pathlib import Path

import click

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_Folder = click.Path(file_okay=False, path_type=Path)
_LAST_PORT = 65_535


@click.command(epilog="Example: ebrvt sandbox --systems vxp,qlvb --seed 7")
@click.option("--systems", default="", help="Comma-separated simulators (default: all installed).")
@click.option(
    "--port",
    type=click.IntRange(0, _LAST_PORT),
    default=0,
    help="Control port; the systems take the ports after it (0: any).",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the remotes' scripted behaviour."
)
@click.option("--faults", type=_File, help="JSON or TOML list of faults.")
@click.option("--config", type=_File, help="TOML with the credentials to accept.")
@click.option("--folder", type=_Folder, help="Where the worlds are kept (default: a temporary folder).")
@click.option("--until-stdin-closes", is_flag=True, help="End when standard input closes.")
def command(
    *,
    systems: str,
    port: int,
    seed: int,
    faults: Path | None,
    config: Path | None,
    folder: Path | None,
    until_stdin_closes: bool,
) -> None:
    """Run simulators (các hệ thống mô phỏng); prints one JSON line when ready, ends on SIGTERM."""
    from ebrvt_connect.testing.sandbox_run import run_sandbox

    try:
        run_sandbox(
            folder,
            systems=[name.strip() for name in systems.split(",") if name.strip()] or None,
            config_file=config,
            faults_file=faults,
            port=port,
            seed=seed,
            until_stdin_closes=until_stdin_closes,
        )
    except (ValueError, LookupError, OverflowError, OSError) as failure:
        msg = f"không khởi động được môi trường mô phỏng ({_reason(failure)})"
        raise click.UsageError(msg) from failure


def _reason(failure: Exception) -> str:
    from pydantic import ValidationError

    if isinstance(failure, ValidationError):
        first = failure.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"không có hệ thống mô phỏng {failure}" if isinstance(failure, KeyError) else str(failure)
