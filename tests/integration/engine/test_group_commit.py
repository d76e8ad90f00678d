"""What several drains have decided goes into one transaction; one's trouble is not the others'."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ebrvt_connect.engine.drain import Drain
from ebrvt_connect.engine.grouping import GroupCommit
from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.ledger import Change, Decisions, Pause
from ebrvt_connect.store.connect import STORE_BUSY
from ebrvt_connect.testing.clock import START
from tests.integration.engine.bench import item

PATIENCE = 60


class Slow:
    """A ledger's commit whose first call takes until it is let go, and which notes what each was given."""

    def __init__(self, commit):
        self.write = commit
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.written = []

    def commit(self, decisions):
        self.written.append(decisions)
        if len(self.written) == 1:
            self.begun.set()
            assert self.let_go.wait(PATIENCE)
        return self.write(decisions)


def committed_together(slow, several):
    """The first is being written while the others come, so the others share the next transaction."""
    group = GroupCommit(slow)
    with ThreadPoolExecutor(len(several)) as pool:
        first = pool.submit(group.commit, several[0])
        assert slow.begun.wait(PATIENCE)
        others = [pool.submit(group.commit, one) for one in several[1:]]
        deadline = time.monotonic() + PATIENCE
        while len(group._waiting) < len(others):
            assert time.monotonic() < deadline
        slow.let_go.set()
        return [first, *others]


def done(message):
    return Decisions(changes=[Change(was=message, state=State.DONE)], now=START)


def test_whoever_comes_while_one_is_written_shares_the_next_transaction(bench):
    bench.store(*(item(n) for n in range(5)))
    slow = Slow(bench.ledger.commit)
    answers = committed_together(slow, [done(message) for message in bench.ledger.messages()])
    assert [answer.result() for answer in answers] == [frozenset()] * 5
    assert [len(decisions.changes) for decisions in slow.written] == [1, 4]
    assert bench.states() == [State.DONE] * 5


def test_a_fenced_change_in_a_group_is_dropped_alone(bench):
    """Pitfall 5.8: the rows of many are a sum, which does not say whose was missing."""
    bench.store(*(item(n) for n in range(4)))
    several = [done(message) for message in bench.ledger.messages()]
    bench.ledger.commit(Decisions(changes=[Change(was=bench.ledger.message(3), state=State.HELD)], now=START))
    answers = committed_together(Slow(bench.ledger.commit), several)
    assert [3 in answer.result() for answer in answers[1:]] == [True] * 3
    assert bench.states() == [State.DONE, State.DONE, State.HELD, State.DONE]


def test_decisions_that_cannot_be_written_spare_the_others_of_their_group(bench):
    bench.store(*(item(n) for n in range(4)))
    several = [done(message) for message in bench.ledger.messages()]
    unwritable = Change(was=bench.ledger.message(3), state=State.HELD, reason_vi="\ud800")
    several[2] = Decisions(changes=[unwritable], now=START)
    first, second, third, fourth = committed_together(Slow(bench.ledger.commit), several)
    assert (first.result(), second.result(), fourth.result()) == (frozenset(),) * 3
    assert isinstance(third.exception(), UnicodeEncodeError)
    assert bench.states() == [State.DONE, State.DONE, State.RECEIVED, State.DONE]


def test_the_stores_trouble_is_told_to_all_who_wait(bench):
    bench.store(*(item(n) for n in range(3)))
    calls = []

    def full(decisions):
        calls.append(decisions)
        raise HeldForPerson(STORE_BUSY, "full", scope=Scope.STORE)

    answers = committed_together(Slow(full), [done(message) for message in bench.ledger.messages()])
    assert all(isinstance(answer.exception(), HeldForPerson) for answer in answers)
    assert len(calls) == 2, "it is not tried once more for each"
    assert bench.states() == [State.RECEIVED] * 3


def test_each_pause_of_a_group_is_kept(bench):
    bench.store(*(item(n) for n in range(3)))
    pauses = [Pause(system, "engine", "", "", START) for system in ("dms", "axis", "third")]
    several = [Decisions(pauses=[pause], now=START) for pause in pauses]
    for answer in committed_together(Slow(bench.ledger.commit), several):
        answer.result()
    assert set(bench.ledger.paused()) == {"dms", "axis", "third"}


def drained_at_once(bench, shared):
    """All shards with something due, each by a drain of its own."""
    shards = {message.shard for message in bench.ledger.messages(link="out")}
    with ThreadPoolExecutor(len(shards)) as pool:
        for drain in [pool.submit(Drain(shared, "axis", shard).run) for shard in shards]:
            drain.exception(PATIENCE)


@pytest.mark.parametrize("lanes", [1, 5])
def test_nothing_is_sent_before_its_mark_or_before_what_stands_before_it_is_settled(bench, lanes):
    bench.store(*(item(n, lane=f"lane{n % lanes}") for n in range(30)))
    early = []

    def look(work):
        before = [m for m in bench.ledger.messages(link="out") if m.lane == work.message.lane]
        states = [m.state for m in before if m.id <= work.message.id]
        if states[-1] is not State.SENDING or set(states[:-1]) - {State.DONE}:
            early.append(states)

    bench.axis.on_submit = look
    drained_at_once(bench, bench.engine._shared)
    bench.drain()
    assert early == []
    assert bench.states() == [State.DONE] * 30


class Dead(BaseException):
    """The process has ended."""


class Dying:
    """A ledger that dies with the first group of two outcomes, before or after it is written."""

    def __init__(self, commit, *, writes):
        self.write, self.writes, self.dead = commit, writes, False

    def commit(self, decisions):
        if not self.dead and sum(change.state is State.DONE for change in decisions.changes) > 1:
            self.dead = True
            if self.writes:
                self.write(decisions)
        if self.dead:
            raise Dead
        return self.write(decisions)


@pytest.mark.parametrize("writes", [False, True], ids=["before its commit", "after its commit"])
def test_a_crash_in_a_groups_transaction_loses_and_doubles_nothing(bench, writes):
    """Nobody of the group knows what became of it; what was sent is asked after before anything else."""
    bench.store(*(item(n, lane=f"lane{n}") for n in range(12)))
    dying = Dying(bench.ledger.commit, writes=writes)
    drained_at_once(bench, replace(bench.engine._shared, commit=GroupCommit(dying).commit))
    assert dying.dead, "no group had two outcomes"
    bench.clock.advance(120)
    bench.drain(turns=20)
    assert bench.states() == [State.DONE] * 12
    assert sorted(bench.keys()) == sorted(f"out:d{n}:1" for n in range(12))
