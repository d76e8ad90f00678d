"""The conformance suite over a bad line (đường truyền xấu): every message through a fault proxy.

    class TestMyAdapter(FaultConformance):      # in place of AdapterConformance; nothing else changes
        ...

Whatever the line or the remote does while a message is submitted:

* `submit` ends within `longest_seconds`: the deadline of the settings, the patience, and a second;
* it raises `RetryLater`, and sending again at once does no harm, or `ReconcileFirst`, and asking after the
  message tells the truth; for an answer that means nothing also `HeldForPerson`; never anything else;
* what it calls accepted stands in the remote's own journal;
* in the end there is exactly one effect of each message.

A test run draws a `sample` of each recipe by `seed`; another seed draws others. A failure names its case,
and `TestMyAdapter().through("line-reset", folder)` plays that one again. Beside the cases that have names
there is `line-seed-N` for every number: a toxic drawn with all its measures.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, RetryLater
from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.testing import sandbox_faults as faults
from ebrvt_connect.testing.clock import RunningClock
from ebrvt_connect.testing.conformance import AdapterConformance
from ebrvt_connect.testing.conformance_stage import SYSTEM, Stage, as_sink
from ebrvt_connect.testing.fault_proxy import FaultProxy
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.toxics import Toxic, any_toxic, every_toxic
from ebrvt_connect.testing.wrong_answers import WRONG_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from ebrvt_connect.model.message import Payload, Receipt
    from ebrvt_connect.ports.adapter import Adapter, Pending, Work

RECIPES = ("line", "slow", "wrong")
"""The line is bad; the answer is slow, endless or not to be had; the answer means nothing."""
_PATIENCE_SECONDS = 3.0
"""How long an adapter may try again by itself within one submit (see `transport.patience`)."""
_QUIET_SECONDS = 10.0
_TOO_LATE = 2.5
"""What comes so many deadlines later is not waited for."""
_DRAWN = "line-seed-"


@dataclass(frozen=True, slots=True)
class Bad:
    """What is bad while a message is submitted: the line, or what the remote answers."""

    toxic: Toxic | None = None
    kind: str = ""
    """The kind of a fault of the sandbox, played on every write."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """That fault's further fields."""
    held: bool = False
    """Whether a person may be asked: the answer was there, and meant nothing."""


class WrongEffects(AssertionError):
    """A message had another number of effects than one: `effects` is 0 for lost, 2 for doubled."""

    def __init__(self, effects: int, after: str) -> None:
        """Keep the number, and what the adapter had said."""
        super().__init__(f"{effects} effects after {after}")
        self.effects = effects


@dataclass(frozen=True, slots=True)
class _Trial:
    """An adapter in a hurry behind a proxy, and a patient one that goes straight to the simulator."""

    hasty: Adapter
    calm: Stage
    proxy: FaultProxy

    def begin(self, bad: Bad, writes: tuple[str, ...]) -> None:
        """Let everything that is sent from now on go ill; sessions are open, connections are not."""
        self.proxy.clear()
        if bad.toxic is not None:
            self.proxy.add(bad.toxic)
        for operation in writes if bad.kind else ():
            self.calm.play(bad.kind, count=3, operation=operation, **bad.more)

    def end(self) -> None:
        """Let everything go well again, once the remote has done what it was asked so far."""
        self.proxy.clear()
        self.calm.calm()
        until = time.monotonic() + _QUIET_SECONDS
        while self.calm.host.seats[SYSTEM].busy and time.monotonic() < until:
            time.sleep(0.002)


class FaultConformance(AdapterConformance):
    """`AdapterConformance`, and the same messages over a bad line."""

    hurry_seconds: ClassVar[float] = 0.25
    """The deadline of a call, and the longest silence within one, by `settings_in_a_hurry`."""
    calls: ClassVar[int] = 1
    """How many calls in a row one submit makes at most, each with a deadline of its own."""
    seed: ClassVar[int] = 1
    """Which cases are drawn, and what the proxy draws."""
    sample: ClassVar[int] = 1
    """How many cases of each recipe a test run plays; 0: all."""

    @property
    def longest_seconds(self) -> float:
        """What one submit may take."""
        return self.calls * (self.hurry_seconds + _PATIENCE_SECONDS) + 1.0

    def settings_in_a_hurry(self, url: str) -> BaseModel:
        """`settings` with deadlines of `hurry_seconds`, so that what must be waited out is waited out soon.

        Shortened: `call_seconds`, `transfer_seconds`, and `connect_seconds` and `read_seconds` of
        `transport`, where there are such. Override it where yours are called otherwise.
        """
        settings = self.settings(url)
        transport = getattr(settings, "transport", None)
        hurried = _shortened(settings, ("call_seconds", "transfer_seconds"), self.hurry_seconds)
        if transport is None:
            return hurried
        short = _shortened(transport, ("connect_seconds", "read_seconds"), self.hurry_seconds)
        return hurried.model_copy(update={"transport": short})

    def test_whatever_line_and_remote_do_each_message_has_one_effect(self, tmp_path: Path) -> None:
        """Latency, trickles, silence, resets, drips, endless headers, gigabytes, log-in pages: one effect."""
        for name in self.drawn():
            self.through(name, tmp_path / name)

    def drawn(self) -> list[str]:
        """The names of this run's cases; none where the adapter is no sink."""
        if not list(self._kinds("sink")):
            return []
        chance = random.Random(f"{self.seed}:{self.adapter.system_kind}")  # noqa: S311 - to be repeatable
        names = [[n for n in self.cases() if n.startswith(recipe)] for recipe in RECIPES]
        return [n for some in names for n in (chance.sample(some, self.sample) if self.sample else some)]

    def cases(self) -> dict[str, Bad]:
        """All there are, by name: each begins with its recipe."""
        return every_case(self.hurry_seconds)

    def through(self, name: str, folder: Path) -> int:
        """Play one case on each message of `works`; answers how many there were.

        Raises `AssertionError` that tells the case, the message, and what the proxy did by which seed; its
        cause is `WrongEffects` where the message was lost or doubled. `KeyError`: there is no such case.
        """
        late = self.hurry_seconds * _TOO_LATE
        if name.startswith(_DRAWN):
            bad = Bad(any_toxic(int(name.removeprefix(_DRAWN)), hold_seconds=late))
        else:
            bad = self.cases()[name]
        with self._trial(folder) as trial:
            works = self._works(trial.calm)
            for nth, work in enumerate(works):
                try:
                    self._one(trial, work, bad, already=nth)
                except (AssertionError, ConnectError) as failure:
                    told = f"{name}, message {work.message.id}: {failure}\n{trial.proxy.story()}"
                    raise AssertionError(told) from failure
            self._each_had_its_effect(trial.calm, works)
            return len(works)

    @contextmanager
    def _trial(self, folder: Path) -> Iterator[_Trial]:
        clock, blobs = RunningClock(), MemoryBlobs()
        with (
            self._stage(folder, clock, blobs) as calm,
            FaultProxy(calm.host.url(SYSTEM), seed=self.seed) as proxy,
        ):
            settings = self.settings_in_a_hurry(proxy.url)
            hasty = self.adapter.open(settings, Surroundings(SYSTEM, clock, blobs))
            try:
                hasty.ping()
                yield _Trial(hasty, calm, proxy)
            finally:
                hasty.close()

    def _one(self, trial: _Trial, work: Work, bad: Bad, *, already: int) -> None:
        stage = trial.calm
        known = stage.memory.known(work)
        payload = stage.sink().prepare(known)
        trial.begin(bad, self.writes or ("*",))
        began = stage.clock.monotonic()
        sent, failure = self._submitted(replace(stage, adapter=trial.hasty), known, payload, bad)
        took = stage.clock.monotonic() - began
        trial.end()
        assert took <= self.longest_seconds, f"took {took:.2f} s, allowed are {self.longest_seconds:.2f} s"
        if sent is not None:
            assert self.effects(stage.journal()) > already, "called accepted, and the remote has not got it"
        elif isinstance(failure, RetryLater):
            sent = stage.sink().submit(stage.sending(known), payload)
        assert stage.settled(known, payload, sent=sent), f"did not come to an end after {failure!r}"
        effects = self.effects(stage.journal())
        if effects != already + 1:
            raise WrongEffects(effects - already, repr(failure or sent))

    def _submitted(
        self, stage: Stage, known: Work, payload: Payload, bad: Bad
    ) -> tuple[Receipt | Pending | None, ConnectError | None]:
        """What the adapter says became of it; any other effect than may be is an `AssertionError`."""
        failure: ConnectError | None = None
        with self._fails(
            RetryLater, ReconcileFirst, *((HeldForPerson,) if bad.held else ()), at_most_once=True
        ):
            try:
                return as_sink(stage.adapter).submit(stage.sending(known), payload), None
            except ConnectError as failed:
                failure = failed
                raise
        return None, failure


def every_case(hurry_seconds: float) -> dict[str, Bad]:
    """All that can be bad, by name, for an adapter that waits `hurry_seconds` for a call."""
    late = hurry_seconds * _TOO_LATE
    made = {f"line-{name}": Bad(toxic) for name, toxic in every_toxic(hold_seconds=late).items()}
    for name, kind, more in (
        ("reply-lost", faults.LOSE_REPLY, {}),
        ("cut-before", faults.CUT_BEFORE, {}),
        ("half", faults.TRUNCATE, {}),
        ("late", faults.SLOW, {"seconds": late}),
        ("drip", faults.DRIP, {"seconds": hurry_seconds / 5}),
        ("twice", faults.DUPLICATE_REPLY, {}),
        ("headers", faults.ENDLESS_HEADERS, {"seconds": hurry_seconds / 5}),
        ("headers-acted", faults.ENDLESS_HEADERS, {"seconds": hurry_seconds / 5, "acted": True}),
        ("headers-flood", faults.ENDLESS_HEADERS, {"seconds": 0, "acted": True}),
    ):
        made[f"slow-{name}"] = Bad(kind=kind, more=more)
    made["wrong-html-502"] = Bad(kind=faults.HTML_502)
    for name, answer in WRONG_ANSWERS.items():
        recipe = "slow" if answer.large else "wrong"
        for acted in (False, True):
            told = {"answer": name, "acted": acted}
            made[f"{recipe}-{name}{'-acted' * acted}"] = Bad(kind=faults.WRONG_ANSWER, more=told, held=True)
    return made


def _shortened(settings: BaseModel, names: tuple[str, ...], seconds: float) -> BaseModel:
    there = {name: seconds for name in names if name in type(settings).model_fields}
    return settings.model_copy(update=there)
