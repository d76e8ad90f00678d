"""R22: whatever remote, clock, crash and people do, the ledger agrees with an oracle that has seen it all.

The oracle stands at the remote's end. It knows what was offered and what arrived, and it knows what is not
allowed: to arrive twice, to be sent again unasked after a doubt, to overtake in a lane, to be called done and
not be there, or to be there and never be called done.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.drain import Drain
from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.errors import Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import AskAgain
from tests.integration.engine.bench import (
    OUT,
    Bench,
    held,
    item,
    reconcile_first,
    rejected,
    retry_later,
)

pytestmark = pytest.mark.timeout(600)

LANES = st.integers(0, 2)
WEATHER = st.sampled_from(
    ["fine", "away", "lost before", "lost after", "says no", "wants a person", "locked out"]
)
FOR_PEOPLE = frozenset({State.HELD, State.REFUSED, State.DEAD})
PEOPLE = {"by": "chuyên viên", "why": "đã đối chiếu"}


class Killed(Exception):
    """The process is gone at this commit; what its threads had begun at the remote still happens."""


class CommitsThatKill:
    """The ledger as the drain sees it, except that the process dies at one of its commits."""

    def __init__(self, ledger, at, before):
        self._ledger = ledger
        self._left = at
        self._before = before

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def commit(self, decisions):
        self._left -= 1
        if self._left == 0 and self._before:
            raise Killed
        fenced = self._ledger.commit(decisions)
        if self._left == 0:
            raise Killed
        return fenced


class Province(RuleBasedStateMachine):
    """One link, three lanes, a remote with moods, an operator, and no luck."""

    tally: ClassVar[Counter[str]] = Counter()
    """Over all provinces: messages offered, and what befell them."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.bench = Bench(f"sqlite:///{Path(self.folder.name)}/ledger.db", links=(OUT,))
        self.axis = self.bench.axis
        self.axis.on_submit = self._submitted
        self.axis.on_ask = self._asked
        self.offered: dict[str, str] = {}
        """Idempotency key -> lane."""
        self.weather = "fine"
        self.silent = False
        self.arrived: Counter[str] = Counter()
        self.doubtful: set[str] = set()
        """Sent, the reply lost, and not asked after since."""
        self.faults: list[str] = []
        self.people_refused: set[str] = set()

    def teardown(self):
        try:
            self._the_sun_comes_out()
        finally:
            self.tally["messages"] += len(self.offered)
            self.bench.close()
            self.folder.cleanup()

    # The remote, seen from inside.

    def _submitted(self, work):
        key = work.message.idem_key
        if key in self.doubtful:
            self.faults.append(f"{key} was sent again, and nobody had asked after it")
        self.tally[self.weather] += self.weather != "fine"
        match self.weather:
            case "away":
                raise retry_later()
            case "lost before":
                self.doubtful.add(key)
                raise reconcile_first()
            case "lost after":
                self._take(work)
                self.doubtful.add(key)
                self.axis.accept(work)
                raise reconcile_first()
            case "says no":
                raise rejected()
            case "wants a person":
                raise held()
            case "locked out":
                raise held(scope=Scope.SYSTEM)
        self._take(work)
        self.doubtful.add(key)  # until the drain has committed the reply, a crash may lose it

    def _take(self, work):
        key, lane = work.message.idem_key, work.message.lane
        self.arrived[key] += 1
        if self.arrived[key] > 1:
            self.faults.append(f"{key} arrived twice")
        ahead = [k for k, where in self.offered.items() if where == lane]
        missing = [k for k in ahead[: ahead.index(key)] if not self._may_be_overtaken(k)]
        if missing:
            self.faults.append(f"{key} overtook {missing}")

    def _may_be_overtaken(self, key):
        return self.arrived[key] or key in self.people_refused or self._state(key) is State.REFUSED

    def _asked(self, work):
        if self.silent:
            return AskAgain(timedelta(minutes=1))
        self.doubtful.discard(work.message.idem_key)
        return None

    def _state(self, key):
        return next(m.state for m in self.bench.ledger.messages(link="out") if m.idem_key == key)

    # What a day brings.

    @rule(lane=LANES, count=st.integers(1, 4))
    def documents_are_offered(self, lane, count):
        for _ in range(count):
            number = len(self.offered)
            self.offered[f"out:d{number}:1"] = f"lane{lane}"
            self.bench.store(item(number, lane=f"lane{lane}"))

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def one_is_offered_again(self, data):
        number = data.draw(st.integers(0, len(self.offered) - 1))
        lane = self.offered[f"out:d{number}:1"]
        self.bench.store(item(number, lane=lane))

    @rule(weather=WEATHER, silent=st.booleans())
    def the_weather_changes(self, weather, silent):
        self.weather, self.silent = weather, silent
        if weather != "locked out":
            self.bench.ledger.resume_system("axis")
            self.bench.engine._standing.look_again()

    @rule()
    def drains_run(self):
        self.bench.drain("axis", turns=3)

    @rule(minutes=st.integers(1, 600))
    def time_passes(self, minutes):
        self.bench.clock.advance(timedelta(minutes=minutes))

    @rule(hours=st.integers(-48, 48))
    def the_clock_is_set(self, hours):
        self.bench.clock.jump(self.bench.clock.now() + timedelta(hours=hours))

    @rule(at=st.integers(1, 3), before=st.booleans())
    def the_process_is_killed(self, at, before):
        shared = self.bench.engine._shared
        dying = CommitsThatKill(self.bench.ledger, at, before)
        for system, shard in self.bench.ledger.due_shards(self.bench.clock.now()):
            try:
                Drain(replace(shared, ledger=dying), system, shard).run()
            except Killed:
                self.tally["kills"] += 1
                self._start_again()
                return

    def _start_again(self):
        old = self.bench.engine
        self.bench.engine = Engine(
            self.bench.ledger,
            {"dms": self.bench.dms, "axis": self.axis},
            (OUT,),
            {},
            self.bench.settings,
            self.bench.clock,
        )
        self.bench.engine._shared.steps._jitter = lambda most: most
        old.stop(timedelta(0))

    # What people do, knowing what is there.

    @rule(data=st.data(), end=st.booleans())
    def somebody_decides(self, data, end):
        waiting = [
            m
            for m in self.bench.ledger.messages(link="out")
            if m.state in (State.HELD, State.REFUSED, State.DEAD)
        ]
        if not waiting:
            return
        message = data.draw(st.sampled_from(waiting))
        ledger, now = self.bench.ledger, self.bench.clock.now()
        key = message.idem_key
        if message.state is not State.HELD:
            if not end:
                self.people_refused.discard(key)
                steering.requeue(ledger, message.id, now=now, **PEOPLE)
        elif self.arrived[key]:
            steering.confirm(ledger, message.id, now=now, **PEOPLE)
        elif end:
            self.people_refused.add(key)
            steering.return_to_source(ledger, message.id, now=now, **PEOPLE)
        else:
            self.doubtful.discard(key)
            steering.release(ledger, message.id, now=now, **PEOPLE)

    # What must hold, always.

    @invariant()
    def the_remote_has_seen_nothing_it_must_not(self):
        assert self.faults == []

    @invariant()
    def every_offer_is_one_message(self):
        keys = [m.idem_key for m in self.bench.ledger.messages(link="out")]
        assert sorted(keys) == sorted(self.offered)

    @invariant()
    def what_is_done_is_there_and_what_was_never_sent_is_not(self):
        for message in self.bench.ledger.messages(link="out"):
            if message.state is State.DONE:
                assert self.arrived[message.idem_key] == 1
                self.doubtful.discard(message.idem_key)
            if message.attempts == 0:
                assert not self.arrived[message.idem_key]

    def _the_sun_comes_out(self):
        """Nothing waits for ever: when all is well again, all that no person has stopped arrives."""
        self.the_weather_changes("fine", silent=False)
        for _ in range(80):
            self.bench.clock.advance(timedelta(hours=8))
            self.bench.drain(turns=4)
            for message in self.bench.ledger.messages(link="out"):
                if message.state is State.HELD:
                    self._let_go(message)
            if self._all_settled():
                break
        left = {m.idem_key: m.state for m in self.bench.ledger.messages(link="out")}
        for key, state in left.items():
            if key not in self.people_refused and state is not State.REFUSED:
                assert state is State.DONE, left
                assert self.arrived[key] == 1
        self.the_remote_has_seen_nothing_it_must_not()

    def _let_go(self, message):
        now = self.bench.clock.now()
        if self.arrived[message.idem_key]:
            steering.confirm(self.bench.ledger, message.id, now=now, **PEOPLE)
        else:
            self.doubtful.discard(message.idem_key)
            steering.release(self.bench.ledger, message.id, now=now, **PEOPLE)

    def _all_settled(self):
        ends = {State.DONE, State.REFUSED, State.CANCELLED}
        return all(m.state in ends for m in self.bench.ledger.messages(link="out"))


Province.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, derandomize=True
)
TestProvince = Province.TestCase
