"""Many mutations of one sample, judged and told: indications, raw exceptions, false accepts, the slowest."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ebrvt_connect.trust.verdict import Indication
from tests.torture.harmless import is_harmless
from tests.torture.mutations import mutated
from tests.torture.samples import Sample, Verifier

BESIDE_SHARE = 0.3
"""How often the content is mutated instead of its detached signature."""


@dataclass
class Outcome:
    """What became of the mutations of one format."""

    format: str
    counts: Counter[str] = field(default_factory=Counter)
    raw_exceptions: list[str] = field(default_factory=list)
    false_accepts: list[int] = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest: int = 0

    def __str__(self) -> str:
        """One line for a person."""
        counts = " ".join(f"{name} {n}" for name, n in sorted(self.counts.items()))
        return (
            f"{self.format:6} {counts}; raw exceptions {len(self.raw_exceptions)}; false accepts "
            f"{len(self.false_accepts)}; slowest {self.slowest_seconds * 1000:.0f} ms "
            f"(mutation {self.slowest})"
        )


def mutation(sample: Sample, seed: str, index: int) -> tuple[bytes, dict[str, bytes]]:
    """The mutation of that number: the same for the same seed."""
    chance = random.Random(f"{seed}:{sample.format}:{index}")
    beside = dict(sample.beside)
    if beside and chance.random() < BESIDE_SHARE:
        (name,) = beside
        beside[name] = mutated(sample.format, beside[name], chance)
        return sample.data, beside
    return mutated(sample.format, sample.data, chance), beside


def torture(sample: Sample, judge: Verifier, seed: str, indices: Iterable[int]) -> Outcome:
    """Judge each mutation; nothing is raised for what a mutation does to the verifier."""
    outcome = Outcome(sample.format)
    for index in indices:
        data, beside = mutation(sample, seed, index)
        begun = time.perf_counter()
        try:
            report = judge(data, beside)
        except Exception as failure:  # noqa: BLE001 - this is what is looked for
            outcome.raw_exceptions.append(f"{index}: {failure!r}"[:300])
            continue
        took = time.perf_counter() - begun
        if took > outcome.slowest_seconds:
            outcome.slowest_seconds, outcome.slowest = took, index
        outcome.counts[report.indication] += 1
        if any(f.code == "VERIFIER_FAILED" for f in report.all_findings()):
            outcome.counts["of these fenced"] += 1
        if report.indication is Indication.TOTAL_PASSED and not is_harmless(sample, data, beside):
            outcome.false_accepts.append(index)
    return outcome


def flips(sample: Sample, judge: Verifier, places: Iterable[int]) -> Outcome:
    """One bit of the byte at each place turned: of the content beside if there is some, else of the file."""
    outcome = Outcome(sample.format)
    for place in places:
        data, beside = sample.data, dict(sample.beside)
        if beside:
            (name,) = beside
            beside[name] = _turned(beside[name], place)
        else:
            data = _turned(data, place)
        report = judge(data, beside)
        outcome.counts[report.indication] += 1
        if report.indication is Indication.TOTAL_PASSED and not is_harmless(sample, data, beside):
            outcome.false_accepts.append(place)
    return outcome


def _turned(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
