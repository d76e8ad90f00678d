"""Ctrl-C during the demonstration: the whole foreground group gets the signal, as from a terminal.

The sandbox and whoever feeds it get it too, or find the other gone; the person is told that it was stopped.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

STOPPED = "Đã dừng; chạy lại lệnh để làm tiếp."
LONGEST_WAIT_SECONDS = 120


def wait_for(condition, process):
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not condition():
        assert process.poll() is None, "the demonstration ended before it was interrupted"
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)


def handed_over(root: Path) -> int:
    marks = root / "var" / "demo" / "fed"
    return len(list(marks.iterdir())) if marks.is_dir() else 0


@pytest.mark.parametrize("things_fed", [0, 5], ids=["while it gets ready", "in the middle of feeding"])
def test_ctrl_c_ends_with_130_and_one_sentence(things_fed, tmp_path):
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        demo = subprocess.Popen(
            [sys.executable, "-m", "ebrvt_connect.ops.cli", "demo", "--root", str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=os.environ | {"EBRVT_TEST_DEMO_DOCUMENTS": "20"},
            start_new_session=True,
        )
    try:
        begun = tmp_path / "var" / "demo"
        wait_for(lambda: begun.is_dir() and handed_over(tmp_path) >= things_fed, demo)
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(timeout=60) == 130
    finally:
        demo.kill()
        demo.wait()
    told = said.read_text("utf-8")
    assert told.count(STOPPED) == 1
    for sign_of_trouble in ("REMOTE_", "INTERNAL-", "SANDBOX_", "Traceback", '"level"'):
        assert sign_of_trouble not in told
