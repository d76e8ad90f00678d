"""R15: ten times more work than a remote bears, in simulated time, by arithmetic.

The same simulation as in `./dev test`, with other draws for each seed, and with what they measure told.
"""

from __future__ import annotations

import random

from ebrvt_connect.engine.settings import SystemLimits
from tests.torture.outcome import Tried
from tests.unit.engine.test_overload import CAPACITY, MINUTES, TICK, Crowd

SEEDS = 3
_DAEMONS = (1, 2, 3)
_LEAST_GOODPUT = 0.9
_MOST_ATTEMPTS = 1.2
_TIMES_TOO_MUCH = 10


def overloaded(seeds: int = SEEDS) -> Tried:
    """R15: arrivals ten times what the remote bears, for ten minutes, at one to three daemons.

    Counts messages that were sent at all; a fault is a call that was turned away.
    """
    outcome = Tried("R15", "simulated")
    goodput: list[float] = []
    attempts: list[float] = []
    for seed in range(seeds):
        for daemons in _DAEMONS:
            with outcome.case(f"seed {seed}, {daemons} daemons"):
                crowd = Crowd(SystemLimits(4, float(CAPACITY)), daemons, turns_away=True)
                crowd.chance = random.Random(seed)
                _ten_minutes(crowd)
                outcome.messages += len(crowd.attempts)
                outcome.faults += crowd.attempts.total() - crowd.remote.good
                goodput.append(crowd.remote.good / (CAPACITY * MINUTES * 60))
                attempts.append(crowd.attempts.total() / len(crowd.attempts))
                assert goodput[-1] >= _LEAST_GOODPUT, f"goodput {goodput[-1]:.0%}"
                assert attempts[-1] <= _MOST_ATTEMPTS, f"{attempts[-1]:.2f} attempts a message"
    outcome.told = f"goodput {min(goodput):.1%} at least, {max(attempts):.3f} attempts a message at most"
    return outcome


def _ten_minutes(crowd: Crowd) -> None:
    each = int(_TIMES_TOO_MUCH * CAPACITY * TICK)
    for nth in range(int(MINUTES * 60 / TICK)):
        crowd.waiting.extend(range(nth * each, (nth + 1) * each))
        crowd.step(nth)
