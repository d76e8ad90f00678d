"""What came of a recipe: faults tried, messages, lost, doubled, other failures; and the sum of them all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_SHOWN = 9


@dataclass
class Tried:
    """What came of one recipe at one subject: an adapter, a database."""

    recipe: str
    subject: str
    faults: int = 0
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    troubles: list[str] = field(default_factory=list)
    """Everything that went wrong, in words; what was lost and doubled included."""
    slowest_seconds: float = 0.0
    slowest: str = ""
    told: str = ""
    """What else the recipe has measured."""

    @property
    def failed(self) -> bool:
        """Whether anything is not as it must be."""
        return bool(self.troubles or self.lost or self.doubled)

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """One case: its time counts towards the slowest, and what it raises is noted instead of raised."""
        begun = time.perf_counter()
        try:
            yield
        except Exception as failure:  # noqa: BLE001 - this is what is looked for
            self.troubles.append(f"{name}: {failure}"[:2000])
        took = time.perf_counter() - begun
        if took > self.slowest_seconds:
            self.slowest_seconds, self.slowest = took, name

    def __str__(self) -> str:
        """One line for a person."""
        other = max(len(self.troubles) - self.lost - self.doubled, 0)
        slowest = f"  slowest {self.slowest_seconds:.1f} s ({self.slowest})" if self.slowest else ""
        told = f"  {self.told}" if self.told else ""
        return (
            f"{self.recipe:3} {self.subject:10} faults {self.faults:5}  messages {self.messages:7}  "
            f"lost {self.lost}  doubled {self.doubled}  other {other}{slowest}{told}"
        )


def tell(outcome: Tried) -> None:
    """Its line, and the first of its troubles."""
    print(outcome, flush=True)
    for trouble in outcome.troubles[:_SHOWN]:
        print(f"    {trouble}", flush=True)


def total(outcomes: Iterable[Tried], recipe: str = "all", subject: str = "together") -> Tried:
    """All of them in one."""
    summed = Tried(recipe, subject)
    for one in outcomes:
        summed.faults += one.faults
        summed.messages += one.messages
        summed.lost += one.lost
        summed.doubled += one.doubled
        summed.troubles += one.troubles
        if one.slowest_seconds > summed.slowest_seconds:
            summed.slowest_seconds, summed.slowest = one.slowest_seconds, one.slowest
    return summed
