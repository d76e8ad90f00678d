"""What an engine is told when it is put together: links, limits and its patience."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.engine.incidents import Alerting
from ebrvt_connect.model.message import Kind
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.calendar import Calendar
from ebrvt_connect.resilience.retry import DEFAULT_LADDER, Ladder
from ebrvt_connect.resilience.sharing import Quota

if TYPE_CHECKING:
    from ebrvt_connect.engine.renewal import Renewals
    from ebrvt_connect.engine.standing import Room
    from ebrvt_connect.engine.upkeep import Chores


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """A link (liên kết): one direction of things that keep their order between two systems."""

    name: str
    kinds: tuple[Kind, ...]
    """What it carries: the source is asked for the first, others come along (a dossier's progress)."""
    source: str
    """System instance it fetches from."""
    target: str
    """System instance it delivers to."""
    every: timedelta
    """How often the source is asked."""
    give_up_after: timedelta | None = None
    """How long a message is tried before it is dead; None: until a person says otherwise."""


@dataclass(frozen=True, slots=True)
class SystemLimits:
    """How hard a system may be pressed by all drains of all daemons on one store together."""

    in_flight: int = 4
    per_second: float = 50.0
    bytes_per_day: int | None = None
    """Of payloads, within a day of Vietnam; None: as many as there are."""
    calendar: Calendar = field(default_factory=Calendar)
    """When it is left alone."""

    @property
    def quota(self) -> Quota:
        """What of it daemons share."""
        return Quota(self.in_flight, self.per_second, self.bytes_per_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Knobs of the engine; the defaults suit one province on one machine."""

    executor: str = ""
    """Stable and unique for each daemon on one store; empty: the host's name and the first free number."""
    poll: timedelta = timedelta(milliseconds=200)
    """How soon new work is noticed."""
    drains: int = 4
    """Drains at once for each system."""
    shards: int = 16
    """Fixed while messages are open."""
    judges: int = 4
    """Gates at work at once: judging takes the processor, and memory."""
    preparing: int = 16
    """Threads that judge and prepare: what is prepared mostly waits for the disk to have it."""
    window: int = 96
    """Lane heads read ahead."""
    gather: timedelta = timedelta(milliseconds=5)
    """How long results wait for others to be committed with, where many are under way."""
    drain_messages: int = 500
    drain_seconds: float = 30.0
    """A drain ends after so many messages or so long, to give other shards their turn."""
    ladder: Ladder = DEFAULT_LADDER
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    limits: Mapping[str, SystemLimits] = field(default_factory=dict)
    """By system; what is not named has `SystemLimits()`."""
    sweep_every: timedelta = timedelta(minutes=1)
    heartbeat_every: timedelta = timedelta(seconds=5)
    dead_after: timedelta = timedelta(seconds=60)
    """A daemon silent for so long is taken for dead, and its drains are taken over."""
    seal_every: timedelta = timedelta(hours=1)
    """How long the run of evidence is that one timestamp covers."""
    keep_finished: timedelta = timedelta(minutes=10)
    """How long finished workflows of the dispatcher are kept."""
    upkeep_every: timedelta = timedelta(days=1)
    """How often what nobody needs any more is given up and collected."""
    store_rest: timedelta = timedelta(seconds=5)
    """How long everything pauses when the store cannot be written, before it is tried again."""

    def limits_of(self, system: str) -> SystemLimits:
        """The limits of a system."""
        return self.limits.get(system, SystemLimits())


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an engine may make use of beside its systems."""

    stamp: Callable[[bytes], bytes] | None = None
    """Has a SHA-256 of the evidence log stamped (RFC 3161); without it seals wait."""
    chores: Chores | None = None
    """Done now and then in a thread of its own: what nobody needs any more is given up."""
    room: Room | None = None
    """The reserve of disk space."""
    renewals: Renewals | None = None
    """Opens systems anew when their secrets or certificates are renewed."""
    alerting: Alerting = field(default_factory=Alerting)
    """What is an incident, and who is told."""
