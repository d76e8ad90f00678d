"""Crash points do nothing unless a test asks, and every one of them is somewhere in the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ebrvt_connect
from ebrvt_connect.store.crash_points import CRASH_AT, KILLED, POINTS, crash_point

SOURCE = Path(ebrvt_connect.__file__).parent


def test_every_point_is_somewhere_and_every_somewhere_is_a_point():
    used = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r'crash_point\("(\w+)"\)', path.read_text("utf-8"))
    }
    assert used == set(POINTS)


def test_without_the_variable_nothing_happens(monkeypatch):
    monkeypatch.delenv(CRASH_AT, raising=False)
    crash_point(POINTS[0])


def test_another_point_is_passed_unharmed(monkeypatch):
    monkeypatch.setenv(CRASH_AT, f"{POINTS[0]}:1")
    crash_point(POINTS[1])


def test_a_point_nobody_knows_is_a_mistake(monkeypatch):
    monkeypatch.setenv(CRASH_AT, f"{POINTS[0]}:1")
    with pytest.raises(ValueError, match="not one of POINTS"):
        crash_point("somewhere")


def test_the_process_ends_the_nth_time_it_passes():
    script = (
        "from ebrvt_connect.store.crash_points import POINTS, crash_point\n"
        "for n in range(9):\n    print(n, flush=True)\n    crash_point(POINTS[0])\n"
    )
    environment = {**os.environ, CRASH_AT: f"{POINTS[0]}:3", "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == KILLED
    assert ended.stdout.split() == [b"0", b"1", b"2"]
