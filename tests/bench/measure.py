"""How anything is measured here: ours and its peers by turns, medians of a few rounds, and the noise beside.

Absolute numbers of a shared machine mean little, so a figure is a ratio of two things measured within
the same second: each round times every contestant once, the ratio is taken within the round, and the
median of the rounds is told with their spread. A fixed piece of work is timed along with each round; how
much that varies is the machine's own noise, and no difference smaller than it means anything.
"""

from __future__ import annotations

import hashlib
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

Act = Callable[[int], object]
"""Does something so many times."""
Thing = TypeVar("Thing")

_REFERENCE_TURNS = 60_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done: `FULL` for figures, `TINY` to see that everything still runs."""

    rounds: int
    """Each contestant is timed so often."""
    round_seconds: float
    """About so long."""
    large_bytes: int
    """The large attachment."""
    middle_bytes: int
    """The attachment of a packet of middle size."""
    files: int
    """Different signed files, so that nobody lives on having seen one before."""
    messages: int
    """Through ledger and engine in a round."""
    apart: bool = True
    """Each case where the others cannot touch it; else whatever can be shared is, to be quick."""


FULL = Sizes(rounds=7, round_seconds=0.5, large_bytes=20 * 2**20, middle_bytes=2**20, files=12, messages=1500)
TINY = Sizes(
    rounds=1,
    round_seconds=0.0,
    large_bytes=300_000,
    middle_bytes=40_000,
    files=1,
    messages=12,
    apart=False,
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a benchmark is given."""

    sizes: Sizes
    folder: Path
    """Its own, empty."""
    keys: Path
    """Where the sandbox's keys are kept between runs; making them takes seconds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, and what it was measured against."""

    what: str
    ours: float
    unit: str
    peer: str = ""
    """What stood against it in the same run."""
    theirs: float | None = None
    ratio: float | None = None
    """Ours by theirs, the median of the rounds."""
    spread_percent: float = 0.0
    """From the lowest to the highest round, of the ratio where there is one."""
    target: str = ""
    met: bool | None = None
    """Whether the target is reached; None where there is none."""


@dataclass(slots=True)
class Noise:
    """What the same fixed piece of work cost from round to round."""

    seconds: list[float] = field(default_factory=list)

    def listen(self) -> None:
        """Do the fixed work once."""
        begun = time.perf_counter()
        total = 0
        for n in range(_REFERENCE_TURNS):
            total += n & 7
        hashlib.sha256(bytes(1_000_000)).digest()
        self.seconds.append(time.perf_counter() - begun)

    def percent(self) -> float:
        """The spread of nine tenths of the times, by their median."""
        return spread(self.seconds, leave_out=0.05)


noise = Noise()


def spread(values: list[float], *, leave_out: float = 0.0) -> float:
    """From lowest to highest in percent of the median; `leave_out` drops that part at both ends."""
    ordered = sorted(values)
    middle = statistics.median(ordered)
    if not middle:
        return 0.0
    cut = int(len(ordered) * leave_out)
    kept = ordered[cut : len(ordered) - cut]
    return 100 * (kept[-1] - kept[0]) / middle


def seconds_of(act: Act, turns: int) -> float:
    begun = time.perf_counter()
    act(turns)
    return time.perf_counter() - begun


def cpu_seconds_of(act: Act, turns: int) -> float:
    """Of this process alone: what else runs on the machine takes part only through its caches."""
    begun = time.process_time()
    act(turns)
    return time.process_time() - begun


def over(things: Sequence[Thing], act: Callable[[Thing], object]) -> Act:
    """Each in its turn."""
    following = cycle(things)

    def turns(count: int) -> None:
        for _ in range(count):
            act(next(following))

    return turns


def rates(
    what: str,
    ours: Act,
    peers: Mapping[str, Act],
    sizes: Sizes,
    *,
    unit: str = "/s",
    cpu: bool = False,
) -> list[Figure]:
    """How often per second, ours against each peer; a ratio above 1 means ours is faster.

    `cpu` counts the seconds of CPU time, where nothing waits and one thread does it all.
    """
    contestants = {"": ours, **peers}
    turns = {name: _turns_for(act, sizes.round_seconds) for name, act in contestants.items()}
    clock = cpu_seconds_of if cpu else seconds_of
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(sizes.rounds):
        noise.listen()
        for name, act in contestants.items():
            times[name].append(turns[name] / (clock(act, turns[name]) or sys.float_info.epsilon))
    return [against(what, unit, times[""], peer, times[peer]) for peer in peers]


def alone(what: str, act: Act, sizes: Sizes, *, unit: str = "/s") -> Figure:
    """How often per second of CPU time, where nothing like it is there to be measured against."""
    turns = _turns_for(act, sizes.round_seconds)
    found = []
    for _ in range(sizes.rounds):
        noise.listen()
        found.append(turns / (cpu_seconds_of(act, turns) or sys.float_info.epsilon))
    return Figure(what=what, ours=statistics.median(found), unit=unit, spread_percent=spread(found))


def _turns_for(act: Act, seconds: float) -> int:
    """How many turns fill a round; warms up on the way."""
    turns = 1
    while True:
        took = seconds_of(act, turns)
        if took >= seconds / 4:
            return max(1, round(turns * seconds / took)) if seconds else 1
        turns *= 2


def against(
    what: str,
    unit: str,
    ours: list[float],
    peer: str,
    theirs: list[float],
    **more: Any,
) -> Figure:
    """Two series measured side by side as a figure."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Figure(
        what=what,
        ours=statistics.median(ours),
        unit=unit,
        peer=peer,
        theirs=statistics.median(theirs),
        ratio=statistics.median(ratios),
        spread_percent=spread(ratios),
        **more,
    )


def aimed(figure: Figure, target: float, *, ratio: bool = False) -> Figure:
    """The figure with the least it should reach: its rate, or its ratio to the peer."""
    found = figure.ratio if ratio else figure.ours
    return replace(figure, target=f"{target:g}{'x' if ratio else figure.unit}", met=(found or 0) >= target)


def at_most(what: str, found: float, unit: str, most: float) -> Figure:
    """A figure with a limit it should not pass."""
    return Figure(what, found, unit, target=f"<= {most:g}{unit}", met=found <= most)


def machine() -> dict[str, Any]:
    """What was measured on, as far as it matters to the figures."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "noise_percent": round(noise.percent(), 1),
    }


def as_json(figure: Figure) -> dict[str, Any]:
    """A figure for machines; four digits say all there is to say."""
    return {
        name: float(f"{value:.4g}") if isinstance(value, float) else value
        for name, value in asdict(figure).items()
    }
