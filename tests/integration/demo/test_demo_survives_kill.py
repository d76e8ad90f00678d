"""kill -9 of the whole process group in the middle, then the same again: nothing lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_DOCUMENTS = "12"


def _start(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ebrvt_connect.ops.cli", "demo", "--root", str(root)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "EBRVT_TEST_DEMO_DOCUMENTS": _DOCUMENTS},
    )


def _kill_after(root: Path, lines: int) -> bool:
    """Kill the group once it has told so much; False when it had ended by itself before."""
    with _start(root) as demo:
        assert demo.stderr is not None
        told = [line for _, line in zip(range(lines), demo.stderr, strict=False)]
        ended = demo.poll() is not None
        if not ended:
            os.killpg(demo.pid, signal.SIGKILL)
        demo.stderr.read()
        return not ended and len(told) == lines


@pytest.mark.timeout(900)
def test_a_province_killed_at_several_moments_still_ends_right(tmp_path: Path) -> None:
    killed = [_kill_after(tmp_path, lines) for lines in (1, 4)]
    assert killed == [True, True], "each must strike in the middle"
    with _start(tmp_path) as demo:
        assert demo.stderr is not None
        told = demo.stderr.read()
    summary = json.loads((tmp_path / "var" / "run" / "summary.json").read_text("utf-8"))
    failed = [check for check in summary["checks"] if not check["ok"]]
    assert (summary["lost"], summary["duplicates_at_remote"], failed) == (0, 0, []), told
    assert summary["documents"]["sent"] == int(_DOCUMENTS)
    assert summary["dossiers"]["synchronised"] == int(_DOCUMENTS)
    assert summary["dossiers"]["progress_events"] > int(_DOCUMENTS)
    assert (summary["reports"]["returned"], summary["reports"]["approved"]) == (1, 1)
    assert len(summary["held"]) >= 5
    assert all(item["reason_vi"] for item in summary["held"])
