"""`ebrvt --help`, from typing it to its end, against Python starting up and doing nothing.

The peer is the floor under any command line in Python. Target: 0.3 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Figure, Setup, against, noise, seconds_of

_TARGET_SECONDS = 0.3
_ROUNDS_FOR_ONE = 3
"""A process is short: more rounds than for other things."""


def measure(setup: Setup) -> list[Figure]:
    ours, floor = command_line(), [sys.executable, "-c", "pass"]
    times: dict[str, list[float]] = {"ours": [], "floor": []}
    run(ours)
    run(floor)
    for _ in range(setup.sizes.rounds * _ROUNDS_FOR_ONE):
        noise.listen()
        times["ours"].append(seconds_of(lambda _: run(ours), 1))
        times["floor"].append(seconds_of(lambda _: run(floor), 1))
    met = statistics.median(times["ours"]) <= _TARGET_SECONDS
    return [
        against(
            "ebrvt --help",
            "s",
            times["ours"],
            "python -c pass",
            times["floor"],
            target=f"{_TARGET_SECONDS} s",
            met=met,
        )
    ]


def command_line() -> list[str]:
    """The installed script, as an operator's shell finds it; else the module behind it."""
    script = Path(sys.executable).with_name("ebrvt.exe" if os.name == "nt" else "ebrvt")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "ebrvt_connect.ops.cli"]
    return [*start, "--help"]


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
