"""R1, R2: a daemon killed at random moments and at every named crash point, over and over on the same store.

Each seed has a folder of its own, and its points in an order of its own. The remotes keep journals that count
every effect, whatever its key; ledger and evidence log are reckoned with them in the end.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ebrvt_connect.store.crash_points import CRASH_AT, KILLED, POINTS
from tests.integration.engine.crashing_daemon import OF_EVIDENCE, main
from tests.integration.engine.reckoning import reckoned
from tests.integration.engine.test_kill import A_RUN, assert_the_books_agree
from tests.torture.outcome import Tried, total

POINT_SEEDS = 200
RANDOM_KILLS = 200
KILLS_A_STORE = 10
_LONGEST_SECONDS = 180

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.integration.engine.crashing_daemon", "dbos"])

Kills = Callable[[Path, random.Random, Tried], int]
"""Kills a daemon in this folder a few times; returns how many documents have been offered by then."""


def at_every_point(seeds: int = POINT_SEEDS) -> Tried:
    """R2: every named point once for each seed."""
    return _over_seeds("R2", seeds, _at_points)


def at_random_moments(kills: int = RANDOM_KILLS) -> Tried:
    """R1: so many kills, each at a moment of its own."""
    return _over_seeds("R1", -(-kills // KILLS_A_STORE), _at_moments)


def _over_seeds(recipe: str, seeds: int, kill: Kills) -> Tried:
    """Side by side on all cores: a daemon that starts leaves much of one idle."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return total(pool.map(partial(_one_store, recipe, kill), range(seeds)), recipe, "sqlite")


def _one_store(recipe: str, kill: Kills, seed: int) -> Tried:
    outcome = Tried(recipe, "sqlite")
    folder = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
    with outcome.case(f"seed {seed}"):
        items = kill(folder, random.Random(f"{recipe}:{seed}"), outcome)
        outcome.messages = 2 * items  # each document, and what is told back about it
        code = _ended(_started(folder, items))
        if code != 0:
            raise AssertionError(f"not settled: exit code {code}\n{_last_words(folder)}")
        reckon(folder, items, outcome)
    if not outcome.failed:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def reckon(folder: Path, items: int, outcome: Tried) -> None:
    """What the remotes have seen, ledger and evidence log, held against what was offered."""
    found = reckoned(folder, items)
    outcome.lost += len(found.lost)
    outcome.doubled += len(found.doubled)
    if any(astuple(found)):
        raise AssertionError(f"{found} in {folder}")
    assert_the_books_agree(folder, items)


def _at_points(folder: Path, chance: random.Random, outcome: Tried) -> int:
    items = 0
    for point in chance.sample(POINTS, len(POINTS)):
        items += A_RUN
        outcome.faults += 1
        crash_at = f"{point}:{1 if point in OF_EVIDENCE else chance.randint(1, 2)}"
        code = _ended(_started(folder, items, crash_at))
        if code != KILLED:
            outcome.troubles.append(f"{crash_at} was not reached: exit code {code} in {folder}")
    return items


def _at_moments(folder: Path, chance: random.Random, outcome: Tried) -> int:
    items = 60
    while outcome.faults < KILLS_A_STORE:
        daemon = _started(folder, items)
        daemon.join(chance.uniform(0.2, 2.0))
        if daemon.is_alive():
            daemon.kill()
            outcome.faults += 1
        else:
            items += 30
        daemon.join()
    return items


def _started(folder: Path, items: int, crash_at: str | None = None) -> ForkServerProcess:
    """A process of its own, forked from a server that has imported everything: only its start is cheap."""
    daemon = _FORKS.Process(target=_daemon, args=(folder, items, crash_at))
    daemon.start()
    return daemon


def _daemon(folder: Path, items: int, crash_at: str | None) -> None:
    if crash_at is not None:
        os.environ[CRASH_AT] = crash_at
    log = os.open(folder / "daemon.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.exit(main(folder, items))


def _ended(daemon: ForkServerProcess) -> int | None:
    """Its exit code; None if it had to be killed because it does not end."""
    daemon.join(_LONGEST_SECONDS)
    if daemon.is_alive():
        daemon.kill()
        daemon.join()
        return None
    return daemon.exitcode


def _last_words(folder: Path) -> str:
    return (folder / "daemon.log").read_text()[-1000:]
