"""R3, R4: a disk that is full, and one that fails now and then, under a daemon and its remotes' journals.

R3: a small disk (tmpfs) that everything lies on fills up several times, and is enlarged a little each time.
R4: writes, syncs and renames fail at random for some seconds (libfiu). The daemon goes on by itself; should
it end, it is started again, as its service manager would do.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.integration.engine.reckoning import start
from tests.integration.engine.test_full_disk import disk_of, enlarge, free_bytes
from tests.torture.failing_daemon import plan_of
from tests.torture.killed import reckon
from tests.torture.libfiu import counted, fetched, preloaded
from tests.torture.outcome import Tried

FULL_SEEDS, FAILING_SEEDS = 20, 60
_ITEMS_ON_DISK, _ITEMS_FAILING = 300, 120
_FULL_BYTES = 4096
_TIMES_FULL = 3
_PATIENCE_SECONDS = 300
_STARTS = 8
_ROOT = Path(__file__).resolve().parents[2]


def full(seeds: int = FULL_SEEDS) -> Tried:
    """R3: a disk of its own for each seed, full several times."""
    outcome = Tried("R3", "tmpfs")
    for seed in range(seeds):
        root = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
        try:
            with outcome.case(f"seed {seed}"), disk_of(root / "disk", f"{1400 + 50 * (seed % 9)}k") as folder:
                _filled(folder, random.Random(seed), outcome)
                outcome.messages += 2 * _ITEMS_ON_DISK
                reckon(folder, _ITEMS_ON_DISK, outcome)
        except pytest.skip.Exception as skipped:
            outcome.told = f"not played: {skipped.msg}"
            return outcome
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return outcome


def _filled(folder: Path, chance: random.Random, outcome: Tried) -> None:
    """Run it to the end, with more room each time there is none left."""
    daemon = start(folder, _ITEMS_ON_DISK)
    try:
        size = shutil.disk_usage(folder).total
        for _ in range(_TIMES_FULL):
            _until_full(folder, daemon)
            if daemon.poll() is not None:
                break
            outcome.faults += 1
            time.sleep(chance.uniform(0.0, 1.5))
            size += chance.randint(100, 600) * 1024
            enlarge(folder, size)
        enlarge(folder, "60m")
        _settled(folder, _ITEMS_ON_DISK, daemon)
    finally:
        daemon.kill()
        daemon.wait()


def _settled(folder: Path, items: int, daemon: subprocess.Popen[bytes]) -> int:
    """Wait for it, and start it again as a service manager would: it waits a minute for all to be settled.

    How often it was started again; raises `AssertionError` where that is no help.
    """
    code: int | None = daemon.wait(_PATIENCE_SECONDS)
    for again in range(_STARTS):
        if code == 0:
            return again
        code = start(folder, items).wait(_PATIENCE_SECONDS)
    raise AssertionError(f"exit code {code}: {(folder / 'daemon.log').read_text()[-1000:]}")


def _until_full(folder: Path, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while free_bytes(folder) >= _FULL_BYTES and daemon.poll() is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{free_bytes(folder)} bytes are still free")
        time.sleep(0.02)


def failing(seeds: int = FAILING_SEEDS) -> Tried:
    """R4: some seconds of failing system calls for each seed."""
    outcome = Tried("R4", "libfiu")
    tools = fetched()
    if tools is None:
        outcome.told = "not played: libfiu0 and fiu-utils cannot be had here"
        return outcome
    ended = 0
    for seed in range(seeds):
        folder = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
        with outcome.case(f"seed {seed}, {plan_of(seed)}"):
            ended += _through_failures(folder, seed, tools)
            outcome.messages += 2 * _ITEMS_FAILING
            reckon(folder, _ITEMS_FAILING, outcome)
        outcome.faults += counted(folder)
        if not outcome.failed:
            shutil.rmtree(folder, ignore_errors=True)
    outcome.told = f"the daemon had to be started again {ended} times"
    return outcome


def _through_failures(folder: Path, seed: int, tools: Path) -> int:
    """Until all is settled; how often it was started again."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.torture.failing_daemon"]
    command += [str(folder), str(_ITEMS_FAILING), str(seed)]
    with (folder / "daemon.log").open("ab") as log:
        environment = preloaded(tools)
        daemon = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=log, stderr=log)
    try:
        return _settled(folder, _ITEMS_FAILING, daemon)
    finally:
        daemon.kill()
        daemon.wait()
