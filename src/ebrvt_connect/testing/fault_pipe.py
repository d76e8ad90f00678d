"""The bytes' way through a fault proxy: which toxics hold now, and one direction of one connection."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.testing.toxics import (
    Bandwidth,
    Direction,
    Down,
    FaultPlan,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
    chance_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ports.clock import Clock

PIECE_BYTES = 64 * 1024
"""No more is held in memory for one direction of one connection, and as much again by its socket's buffer."""
_PORTIONS_A_SECOND = 20
_BY_PLAN, _BY_CLOCK = "plan", "spell"
_Held = tuple[tuple[str, Toxic], ...]


@dataclass(frozen=True, slots=True)
class Played:
    """A toxic met a connection: the proxy's journal."""

    number: int
    """The connection, counted from 0."""
    name: str
    """The name the toxic was added by; `plan` or `spell` for what a plan brought."""
    toxic: Toxic
    passed_bytes: int
    """What had gone through in its direction by then."""

    def __str__(self) -> str:
        """One line."""
        return f"connection {self.number}: {self.name}: {self.toxic}, after {self.passed_bytes} bytes"


class Ended(Exception):
    """A toxic ends the connection; `reset` tears it down (RST), else both sides are closed (FIN)."""

    def __init__(self, *, reset: bool) -> None:
        """Keep how."""
        super().__init__()
        self.reset = reset


class Rules:
    """The toxics that hold now, those of the plan among them, and the journal of whom they met.

    Belongs to the proxy's loop: nothing here is called from another thread but `journal`.
    """

    def __init__(self, plan: FaultPlan, clock: Clock, most_bytes: int) -> None:
        """Spells are counted from now on."""
        self.plan = plan
        self.most_bytes = most_bytes
        self._clock = clock
        self._began = clock.monotonic()
        self._added: dict[str, tuple[Toxic, bool]] = {}
        self._met: dict[tuple[int, str, Direction], Played] = {}
        self._changed = asyncio.Event()

    @property
    def journal(self) -> tuple[Played, ...]:
        """Each toxic once for each connection and direction it met, in order."""
        return tuple(self._met.values())

    @property
    def down(self) -> bool:
        """Whether nobody shall be reached at all."""
        return any(
            on and isinstance(toxic, Down) and toxic.toxicity == 1 for toxic, on in self._added.values()
        )

    def add(self, name: str, toxic: Toxic) -> None:
        """Raises `ValueError` for a name in use."""
        if name in self._added:
            raise ValueError(f"a toxic named {name!r} is there already")
        self._added[name] = (toxic, True)
        self._tell()

    def remove(self, name: str) -> None:
        """Raises `KeyError`."""
        del self._added[name]
        self._tell()

    def toggle(self, name: str, *, on: bool | None) -> bool:
        """Whether it holds now. Raises `KeyError`."""
        toxic, was = self._added[name]
        now = not was if on is None else on
        self._added[name] = (toxic, now)
        self._tell()
        return now

    def clear(self) -> None:
        """Forget what was added; the plan stays."""
        self._added.clear()
        self._tell()

    def holding(self, number: int, direction: Direction) -> _Held:
        """What meets that connection in that direction now, by name: as it is, while it may change."""
        return tuple(
            (name, toxic)
            for name, toxic in self._candidates(number)
            if toxic.direction is direction or isinstance(toxic, Down)
            if toxic.toxicity == 1 or chance_of(self.plan.seed, number, name).random() < toxic.toxicity
        )

    def met(self, played: Played) -> None:
        """Write it down, once."""
        self._met.setdefault((played.number, played.name, played.toxic.direction), played)

    async def wait(self, seconds: float | None, number: int, direction: Direction, name: str) -> None:
        """Let that time pass (None: any), but no more once the toxic of that name holds no longer."""
        loop = asyncio.get_running_loop()
        ends_at = None if seconds is None else loop.time() + seconds
        while any(holds == name for holds, _ in self.holding(number, direction)):
            try:
                async with asyncio.timeout_at(ends_at):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _candidates(self, number: int) -> Iterator[tuple[str, Toxic]]:
        yield from ((name, toxic) for name, (toxic, on) in self._added.items() if on)
        planned = self.plan.at(number)
        if planned is not None:
            yield _BY_PLAN, planned
        for toxic in self.plan.spells_at(self._clock.monotonic() - self._began):
            yield _BY_CLOCK, toxic

    def _tell(self) -> None:
        """Wake whoever waits on a toxic; who comes later waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()


class Pipe:
    """One direction of one connection: reads, lets the toxics at it, writes what they leave."""

    def __init__(
        self,
        rules: Rules,
        number: int,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """`run` does the work."""
        self._rules = rules
        self._number = number
        self._direction = direction
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=PIECE_BYTES)
        self._passed = 0
        self._chances: dict[str, random.Random] = {}

    async def run(self) -> None:
        """Until the sender closes, which is passed on. Raises `Ended`, or `OSError` where a side is gone."""
        while piece := await self._reader.read(PIECE_BYTES):
            await self._pass(piece)
        for name, toxic in self._holding():
            if isinstance(toxic, SlowClose):
                self._note(name, toxic)
                await self._wait(toxic.delay_seconds, name)
        if self._writer.can_write_eof():
            self._writer.write_eof()

    async def _pass(self, piece: bytes) -> None:
        toxics = self._holding()
        left = piece
        for name, toxic in toxics:
            left = await self._stopped(name, toxic, left)
        for part in self._sliced(left, toxics):
            await self._write(part, toxics)
        if len(left) < len(piece):
            raise Ended(reset=False)

    async def _stopped(self, name: str, toxic: Toxic, piece: bytes) -> bytes:
        """What is left of a piece; raises `Ended` where nothing is. Latency is waited for here."""
        match toxic:
            case Down():
                self._note(name, toxic)
                raise Ended(reset=True)
            case ResetPeer(timeout_seconds=seconds):
                self._note(name, toxic)
                await self._wait(seconds, name)
                raise Ended(reset=True)
            case Timeout(timeout_seconds=seconds):
                self._note(name, toxic)
                await self._wait(seconds or None, name)
                raise Ended(reset=False)
            case LimitData(limit_bytes=limit) if self._passed + len(piece) > limit:
                self._note(name, toxic)
                return piece[: max(limit - self._passed, 0)]
            case Latency():
                self._note(name, toxic)
                swing = self._chance(name).uniform(-toxic.jitter_seconds, toxic.jitter_seconds)
                await self._wait(max(toxic.latency_seconds + swing, 0.0), name)
            case LimitData() | SlowClose() | Slicer() | Bandwidth():
                pass  # not yet, not here, or in what follows
        return piece

    def _sliced(self, piece: bytes, toxics: _Held) -> Iterator[bytes]:
        """The piece in the slices the toxics want."""
        start = 0
        while start < len(piece):
            size = min((self._slice_bytes(name, toxic) for name, toxic in toxics), default=PIECE_BYTES)
            yield piece[start : start + size]
            start += size

    def _slice_bytes(self, name: str, toxic: Toxic) -> int:
        match toxic:
            case Slicer(average_bytes=average, variation_bytes=variation):
                return max(average + self._chance(name).randint(-variation, variation), 1)
            case Bandwidth(bytes_per_second=rate):
                return max(int(rate / _PORTIONS_A_SECOND), 1)
            case _:
                return PIECE_BYTES

    async def _write(self, part: bytes, toxics: _Held) -> None:
        self._passed += len(part)
        if self._passed > self._rules.most_bytes:
            raise Ended(reset=True)
        self._writer.write(part)
        await self._writer.drain()
        for name, toxic in toxics:
            if isinstance(toxic, Slicer):
                self._note(name, toxic)
                await self._wait(toxic.delay_seconds, name)
            elif isinstance(toxic, Bandwidth):
                self._note(name, toxic)
                await self._wait(len(part) / toxic.bytes_per_second, name)

    def _holding(self) -> _Held:
        return self._rules.holding(self._number, self._direction)

    def _note(self, name: str, toxic: Toxic) -> None:
        self._rules.met(Played(self._number, name, toxic, self._passed))

    async def _wait(self, seconds: float | None, name: str) -> None:
        if seconds != 0:
            await self._rules.wait(seconds, self._number, self._direction, name)

    def _chance(self, name: str) -> random.Random:
        of = f"{name}:{self._direction}"
        return self._chances.setdefault(of, chance_of(self._rules.plan.seed, self._number, of))
