"""R6, R7, R8: every shipped adapter over bad lines, against slow, endless and meaningless answers.

One line for each adapter and recipe: faults tried, messages, lost, doubled, other failures, the slowest case.
Each case has a simulator and a world of its own, so nothing depends on what was played before.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebrvt_connect.testing.conformance_faults import FaultConformance, WrongEffects
from tests.torture.outcome import Tried

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = {"R6": "line-", "R7": "slow-", "R8": "wrong-"}
ADAPTERS = ("qlvb", "vxp", "dvcqg", "motcua", "baocao")
TORTURE_SEEDS = 200
"""How many drawn toxics each adapter meets in R6, beside those that have names."""


def suite_of(adapter: str, folder: Path) -> FaultConformance:
    """The conformance test of a shipped adapter, every case to be played."""
    module: Any = import_module(f"tests.conformance.test_conformance_{adapter}")
    if hasattr(module, "make_seal"):
        module.make_seal(folder)
    suite: FaultConformance = getattr(module, f"Test{adapter.capitalize()}")()
    return suite


def names(suite: FaultConformance, recipe: str, seeds: int) -> Iterator[str]:
    """The cases of a recipe: those that have names, and for R6 as many drawn ones as asked for."""
    yield from (name for name in suite.cases() if name.startswith(CASES[recipe]))
    if recipe == "R6":
        yield from (f"line-seed-{seed}" for seed in range(seeds))


def tried(adapter: str, recipe: str, seeds: int) -> Tried:
    """Play them all; nothing is raised for what goes wrong."""
    outcome = Tried(recipe, adapter)
    root = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
    try:
        suite = suite_of(adapter, root)
        for name in names(suite, recipe, seeds):
            with outcome.case(name):
                _play(suite, name, root / name, outcome)
            shutil.rmtree(root / name, ignore_errors=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return outcome


def _play(suite: FaultConformance, name: str, folder: Path, outcome: Tried) -> None:
    outcome.faults += 1
    try:
        outcome.messages += suite.through(name, folder)
    except Exception as failure:
        effects = failure.__cause__.effects if isinstance(failure.__cause__, WrongEffects) else 1
        outcome.lost += effects == 0
        outcome.doubled += effects > 1
        raise


def at_every_adapter(recipe: str, seeds: int = TORTURE_SEEDS) -> Iterator[Tried]:
    """One recipe, adapter by adapter."""
    for adapter in ADAPTERS:
        yield tried(adapter, recipe, seeds)
