"""R6, R7, R8: every shipped adapter over bad lines, against slow, endless and meaningless answers.

One line for each adapter and recipe: faults tried, messages, lost, doubled, other failures, the slowest case.
Each case has a simulator and a world of its own, so nothing depends on what was played before.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebrvt_connect.testing.conformance_faults import FaultConformance, WrongEffects

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPES = {"R6": "line-", "R7": "slow-", "R8": "wrong-"}
ADAPTERS = ("qlvb", "vxp", "dvcqg", "motcua", "baocao")
TORTURE_SEEDS = 200
"""How many drawn toxics each adapter meets in R6, beside those that have names."""


@dataclass
class Tried:
    """What came of one recipe at one adapter."""

    adapter: str
    recipe: str
    faults: int = 0
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    troubles: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        other = len(self.troubles) - self.lost - self.doubled
        return (
            f"{self.recipe:3} {self.adapter:7} faults {self.faults:4}  messages {self.messages:4}  "
            f"lost {self.lost}  doubled {self.doubled}  other {other}  "
            f"slowest {self.slowest_seconds:.1f} s ({self.slowest})"
        )


def suite_of(adapter: str, folder: Path) -> FaultConformance:
    """The conformance test of a shipped adapter, every case to be played."""
    module: Any = import_module(f"tests.conformance.test_conformance_{adapter}")
    if hasattr(module, "make_seal"):
        module.make_seal(folder)
    suite: FaultConformance = getattr(module, f"Test{adapter.capitalize()}")()
    return suite


def names(suite: FaultConformance, recipe: str, seeds: int) -> Iterator[str]:
    """The cases of a recipe: those that have names, and for R6 as many drawn ones as asked for."""
    yield from (name for name in suite.cases() if name.startswith(RECIPES[recipe]))
    if recipe == "R6":
        yield from (f"line-seed-{seed}" for seed in range(seeds))


def tried(adapter: str, recipe: str, seeds: int) -> Tried:
    """Play them all; nothing is raised for what goes wrong."""
    outcome = Tried(adapter, recipe)
    root = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
    try:
        suite = suite_of(adapter, root)
        for name in names(suite, recipe, seeds):
            _play(suite, name, root / name, outcome)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return outcome


def _play(suite: FaultConformance, name: str, folder: Path, outcome: Tried) -> None:
    begun = time.perf_counter()
    outcome.faults += 1
    try:
        outcome.messages += suite.through(name, folder)
    except Exception as failure:  # noqa: BLE001 - this is what is looked for
        outcome.troubles.append(f"{name}: {failure}"[:2000])
        effects = failure.__cause__.effects if isinstance(failure.__cause__, WrongEffects) else 1
        outcome.lost += effects == 0
        outcome.doubled += effects > 1
    took = time.perf_counter() - begun
    if took > outcome.slowest_seconds:
        outcome.slowest_seconds, outcome.slowest = took, name
    shutil.rmtree(folder, ignore_errors=True)


def wire(recipes: list[str], seeds: int) -> int:
    """Try what is named and tell it; 1 if anything was lost, doubled or told wrongly."""
    failed = False
    for recipe in recipes:
        for adapter in ADAPTERS:
            outcome = tried(adapter, recipe, seeds)
            print(outcome, flush=True)
            for trouble in outcome.troubles[:9]:
                print(f"    {trouble}", flush=True)
            failed = failed or bool(outcome.troubles)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of adapters, simulators and proxies together: {peak:.0f} MB")
    return int(failed)
