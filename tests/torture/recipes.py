"""The recipes of reliability that `./dev torture` plays in full, by name."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from functools import partial

from tests.torture.company import lost_or_frozen
from tests.torture.corrupt import damaged
from tests.torture.cut_off import cut_off
from tests.torture.disks import failing, full
from tests.torture.killed import at_every_point, at_random_moments
from tests.torture.mutant_runs import unnoticed
from tests.torture.outcome import Tried, tell, total
from tests.torture.pressed import overloaded
from tests.torture.privacy import canaries
from tests.torture.renewed import renewed
from tests.torture.rules import against_the_oracle
from tests.torture.signing_key import resigned
from tests.torture.soak import soak
from tests.torture.suites import tested
from tests.torture.wire import at_every_adapter

Recipe = Callable[[int | None], Iterator[Tried]]
"""Plays one, with so many seeds (None: as many as its full count wants)."""


def _one(play: Callable[..., Tried], seeds: int | None) -> Iterator[Tried]:
    yield play() if seeds is None else play(seeds)


def _wire(recipe: str, seeds: int | None) -> Iterator[Tried]:
    return at_every_adapter(recipe) if seeds is None else at_every_adapter(recipe, seeds)


def _tests(recipe: str, _seeds: int | None) -> Iterator[Tried]:
    yield tested(recipe)


def _renewals(seeds: int | None) -> Iterator[Tried]:
    yield from _one(renewed, seeds)
    yield from _one(resigned, seeds)


def _privacy(seeds: int | None) -> Iterator[Tried]:
    yield from _one(canaries, seeds)
    yield tested("R20")


RECIPES: dict[str, Recipe] = {
    "R1": partial(_one, at_random_moments),
    "R2": partial(_one, at_every_point),
    "R3": partial(_one, full),
    "R4": partial(_one, failing),
    "R5": partial(_tests, "R5"),
    "R6": partial(_wire, "R6"),
    "R7": partial(_wire, "R7"),
    "R8": partial(_wire, "R8"),
    **{name: partial(_tests, name) for name in ("R9", "R10", "R11", "R12")},
    "R13": partial(_one, lost_or_frozen),
    "R14": partial(_one, soak),
    "R15": partial(_one, overloaded),
    "R16": partial(_tests, "R16"),
    "R17": partial(_one, damaged),
    "R18": partial(_tests, "R18"),
    "R19": _renewals,
    "R20": _privacy,
    "R21": partial(_one, cut_off),
    "R22": partial(_one, against_the_oracle),
    "R23": unnoticed,
}


def play(names: list[str], seeds: int | None) -> bool:
    """Play them one after the other, tell each and the sum of all; whether anything was not as it must be."""
    outcomes: list[Tried] = []
    for name in names:
        for outcome in RECIPES[name](seeds):
            tell(outcome)
            outcomes.append(outcome)
    summed = total(outcomes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{summed}  peak memory of this process {peak:.0f} MB", flush=True)
    return summed.failed
