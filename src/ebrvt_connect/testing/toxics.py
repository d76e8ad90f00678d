"""What a fault proxy can do to a connection (lỗi đường truyền), by Toxiproxy's names, and a seeded plan.

    plan = FaultPlan(seed=17, toxics=(ResetPeer(), Latency(latency_seconds=0.5)), share=0.3)
    plan.at(number=4)                    # which toxic meets the fifth connection; the same for the same seed

Values only: `fault_proxy` plays them. Times are in seconds, sizes in bytes (Toxiproxy: milliseconds, KB).
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterable


class Direction(StrEnum):
    """Which way the bytes go that a toxic works on."""

    UPSTREAM = "upstream"
    """From the client to the remote: what is cut here was never asked in full."""
    DOWNSTREAM = "downstream"
    """From the remote to the client: by then the remote may have acted."""


class _Toxic(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    direction: Direction = Direction.DOWNSTREAM
    """Which way."""
    toxicity: float = Field(default=1.0, ge=0, le=1)
    """The share of connections it meets; drawn for each connection from the proxy's seed."""

    def __str__(self) -> str:
        """Its name, direction and what differs from the defaults, for journals."""
        told = self.model_dump(exclude_defaults=True, exclude={"type", "direction"})
        return " ".join((self.type, self.direction, *(f"{n}={v}" for n, v in told.items())))

    type: str


class Latency(_Toxic):
    """Every piece arrives later."""

    type: Literal["latency"] = "latency"
    latency_seconds: float = Field(default=0.1, ge=0, le=600)
    """By how much."""
    jitter_seconds: float = Field(default=0.0, ge=0, le=600)
    """Give or take anything up to this."""


class Bandwidth(_Toxic):
    """The line is slow: bytes go through one small portion after the other."""

    type: Literal["bandwidth"] = "bandwidth"
    bytes_per_second: float = Field(default=1024.0, gt=0)
    """How many."""


class SlowClose(_Toxic):
    """All bytes go through; that the sender has closed is told later."""

    type: Literal["slow_close"] = "slow_close"
    delay_seconds: float = Field(default=1.0, ge=0, le=600)
    """By how much."""


class Timeout(_Toxic):
    """Nothing goes through any more; the connection is closed in the end."""

    type: Literal["timeout"] = "timeout"
    timeout_seconds: float = Field(default=0.0, ge=0, le=600)
    """After how long, counted from the first piece held back; 0: only when the toxic is taken away."""


class Slicer(_Toxic):
    """Bytes go through in small slices, as over a line that packs badly."""

    type: Literal["slicer"] = "slicer"
    average_bytes: int = Field(default=64, ge=1)
    """How large a slice is."""
    variation_bytes: int = Field(default=0, ge=0)
    """Give or take up to this; a slice has at least one byte."""
    delay_seconds: float = Field(default=0.0, ge=0, le=600)
    """The pause between two."""


class LimitData(_Toxic):
    """The connection is closed once so much has gone through."""

    type: Literal["limit_data"] = "limit_data"
    limit_bytes: int = Field(default=0, ge=0)
    """How much still arrives, counted from the beginning of the connection."""


class ResetPeer(_Toxic):
    """The first piece is swallowed and the connection torn down on both sides (TCP RST)."""

    type: Literal["reset_peer"] = "reset_peer"
    timeout_seconds: float = Field(default=0.0, ge=0, le=600)
    """How long after the piece has come."""


class Down(_Toxic):
    """Nobody is there: connections are cut, and new ones refused.

    Of all connections (`toxicity` 1, added by hand) the port stops listening. Of a share of them, or by a
    plan, they are taken and torn down at once (TCP RST): a port cannot refuse one and take the next.
    """

    type: Literal["down"] = "down"


Toxic = Annotated[
    Latency | Bandwidth | SlowClose | Timeout | Slicer | LimitData | ResetPeer | Down,
    Field(discriminator="type"),
]
"""One of them; as JSON told apart by `type`."""


class Spell(BaseModel):
    """A time during which every connection is met by a toxic, counted from the proxy's start."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    since_seconds: float = Field(ge=0)
    """When it begins."""
    until_seconds: float = Field(ge=0)
    """When it is over."""
    toxic: Toxic
    """What it brings."""


class FaultPlan(BaseModel):
    """Which toxic meets which connection: drawn from a seed, so that what failed can be played again.

    Connections are numbered from 0 in the order in which they are taken. A client that keeps connections open
    makes many calls over one: they share its fault.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = 0
    """Another seed, other faults."""
    toxics: tuple[Toxic, ...] = ()
    """What is drawn from, each as likely as the other."""
    share: float = Field(default=1.0, ge=0, le=1)
    """How many of all connections are met."""
    numbered: dict[int, Toxic] = Field(default_factory=dict)
    """Connections whose toxic is not drawn."""
    spells: tuple[Spell, ...] = ()
    """What happens by the clock, to every connection, on top."""

    def at(self, number: int) -> Toxic | None:
        """What meets that connection; None if it is left alone."""
        if number in self.numbered:
            return self.numbered[number]
        chance = chance_of(self.seed, number, "plan")
        if not self.toxics or chance.random() >= self.share:
            return None
        return chance.choice(self.toxics)

    def spells_at(self, seconds: float) -> tuple[Toxic, ...]:
        """What meets every connection so long after the start."""
        return tuple(s.toxic for s in self.spells if s.since_seconds <= seconds < s.until_seconds)

    def listed(self, connections: Iterable[int]) -> str:
        """One line for each of these connections that is met, to be printed beside a failure."""
        met = ((number, self.at(number)) for number in connections)
        return "\n".join(f"seed {self.seed}, connection {n}: {toxic}" for n, toxic in met if toxic)


def chance_of(seed: int, number: int, of: str) -> random.Random:
    """The chances of one matter (`of`) on one connection: the same for the same seed, and of no other."""
    return random.Random(f"{seed}:{number}:{of}")  # noqa: S311 - to be repeatable, no secret


def every_toxic(*, hold_seconds: float) -> dict[str, Toxic]:
    """Each toxic in each direction in which it makes a difference, by a name to print.

    `hold_seconds`: longer than the client under test is ready to wait, for those that shall be waited out.
    """
    return {
        "latency": Latency(latency_seconds=0.02, jitter_seconds=0.02),
        "late": Latency(latency_seconds=hold_seconds),
        "late-asking": Latency(latency_seconds=hold_seconds, direction=Direction.UPSTREAM),
        "bandwidth": Bandwidth(bytes_per_second=20),
        "bandwidth-asking": Bandwidth(bytes_per_second=20, direction=Direction.UPSTREAM),
        "slow-close": SlowClose(delay_seconds=hold_seconds),
        "timeout": Timeout(),
        "timeout-asking": Timeout(direction=Direction.UPSTREAM),
        "slicer": Slicer(average_bytes=40, variation_bytes=39),
        "slicer-asking": Slicer(average_bytes=400, variation_bytes=399, direction=Direction.UPSTREAM),
        "limit-nothing": LimitData(),
        "limit-headers": LimitData(limit_bytes=30),
        "limit-asking": LimitData(limit_bytes=200, direction=Direction.UPSTREAM),
        "reset": ResetPeer(),
        "reset-asking": ResetPeer(direction=Direction.UPSTREAM),
        "down": Down(),
    }


def any_toxic(seed: int, *, hold_seconds: float) -> Toxic:
    """One drawn by its seed with all its measures: cut after any number of bytes, sliced anyhow, and so on.

    `hold_seconds` as for `every_toxic`.
    """
    chance = chance_of(seed, 0, "any toxic")
    direction = chance.choice(list(Direction))
    some_bytes = int(10 ** chance.uniform(0, 3.5))
    drawn = (
        Latency(latency_seconds=chance.uniform(0, hold_seconds), jitter_seconds=0.02, direction=direction),
        Bandwidth(bytes_per_second=10 ** chance.uniform(1, 5), direction=direction),
        SlowClose(delay_seconds=chance.uniform(0, hold_seconds), direction=direction),
        Timeout(timeout_seconds=chance.uniform(0, hold_seconds), direction=direction),
        Slicer(average_bytes=some_bytes, variation_bytes=some_bytes - 1, direction=direction),
        LimitData(limit_bytes=some_bytes - 1, direction=direction),
        LimitData(limit_bytes=some_bytes - 1, direction=direction),  # where it is cut matters most
        ResetPeer(timeout_seconds=chance.uniform(0, 0.05), direction=direction),
        Down(),
    )
    return chance.choice(drawn)
