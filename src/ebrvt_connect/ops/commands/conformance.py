"""`ebrvt conformance`: run an adapter's tests, the conformance suite among them; needs pytest."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from ebrvt_connect.ops.exit_codes import ExitCode

_FAILED, _BROKE_OFF = 1, 2
"""How pytest ends when a test fails, and when it cannot go on: a test file that cannot be imported."""


@click.command(epilog="Example: ebrvt conformance ebrvt-so-theo-doi/tests")
@click.argument("tests", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "--only", "only", default="", help="Only promises whose names hold this.")
def command(*, tests: tuple[Path, ...], only: str) -> None:
    """Hold an adapter to what every adapter promises (kiểm tra tuân thủ của bộ kết nối).

    TESTS are files or folders with subclasses of AdapterConformance; ./tests if none is named. Everything
    runs against the adapter's simulator on this machine, nothing is sent elsewhere.

    Exit code: 1 if a promise is not kept.
    """
    if find_spec("pytest") is None:
        raise click.UsageError("chưa cài pytest; cài bằng: pip install pytest")
    named = [str(path) for path in tests or (Path("tests"),)]
    if not Path(named[0]).exists():
        raise click.UsageError("không có thư mục ./tests ở đây; nêu thư mục phép thử của bộ kết nối")
    narrowed = ["-k", only] if only else []
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *narrowed, *named]
    ended = subprocess.run(run, check=False).returncode
    if ended in {_FAILED, _BROKE_OFF}:
        raise click.exceptions.Exit(ExitCode.NO)
    if ended:
        raise click.UsageError("pytest không tìm thấy phép thử nào để chạy; xem thông báo phía trên")
