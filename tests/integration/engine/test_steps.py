"""What a step makes of what goes wrong, and what a drain does when the ledger itself fails it."""

import threading
from datetime import timedelta

import pytest

from ebrvt_connect.engine.drain import Drain
from ebrvt_connect.engine.grouping import GroupCommit
from ebrvt_connect.engine.pressure import Turn
from ebrvt_connect.errors import HeldForPerson, RetryLater, Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import Source
from ebrvt_connect.ports.gate import Judgement
from ebrvt_connect.ports.ledger import Due, Step
from ebrvt_connect.resilience.breaker import Position
from ebrvt_connect.store.connect import STORE_BUSY
from tests.integration.engine.bench import failing, held, item, reconcile_first, rejected, retry_later


class GateOf:
    def __init__(self, answer):
        self.answer = answer
        self.judged = 0

    def judge(self, _message, _record):
        self.judged += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def due(bench):
    return Due(bench.only())


def test_a_verdict_travels_with_the_message_into_its_payload(bench_with):
    bench = bench_with(
        gates={"out": GateOf(Judgement(passed=True, verdict='{"indication": "TOTAL_PASSED"}'))}
    )
    seen = []
    bench.axis.on_prepare = lambda work: seen.append(work.message.verdict)
    bench.store(item(1))
    bench.drain("axis")
    assert seen == ['{"indication": "TOTAL_PASSED"}']
    assert bench.only().verdict == '{"indication": "TOTAL_PASSED"}'


def test_a_gates_bug_holds_its_message(bench_with, caplog):
    bench = bench_with(gates={"out": GateOf(ZeroDivisionError("bug"))})
    bench.store(item(1), item(2))
    bench.drain()
    assert bench.states() == [State.HELD, State.HELD]
    assert {m.code for m in bench.ledger.held()} == {"UNEXPECTED_FAILURE"}
    assert "ZeroDivisionError" in caplog.text


def test_a_gate_that_cannot_judge_now_is_asked_later(bench_with):
    gate = GateOf(retry_later())
    bench = bench_with(gates={"out": gate})
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.RECEIVED
    gate.answer = Judgement(passed=True)
    bench.clock.advance(timedelta(minutes=1))
    bench.drain("axis")
    assert bench.only().state is State.DONE
    assert gate.judged == 2


def test_a_payload_is_made_once_even_if_a_person_had_to_look(bench):
    made = []
    bench.axis.on_prepare = lambda _work: made.append(1)
    bench.axis.on_submit = failing(held)
    bench.store(item(1))
    bench.drain("axis")
    from ebrvt_connect.engine import steering

    bench.axis.on_submit = lambda _work: None
    steering.release(bench.ledger, 1, by="An", why="đã sửa", now=bench.clock.now())
    bench.drain("axis")
    assert bench.only().state is State.DONE
    assert made == [1]


def test_a_refusal_while_preparing_is_a_refusal(bench):
    bench.axis.on_prepare = failing(rejected)
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.REFUSED


def test_doubt_while_preparing_is_only_a_delay_since_nothing_has_left(bench):
    bench.axis.on_prepare = failing(reconcile_first)
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.RECEIVED
    assert bench.only().next_at > bench.clock.now()


def test_whatever_escapes_an_adapter_while_sending_is_asked_after(bench):
    def submit(work):
        bench.axis.accept(work)
        raise KeyError("a remote's field")

    bench.axis.on_submit = submit
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.DONE
    assert bench.axis.asked == ["out:d1:1"]
    assert [line.code for line in bench.ledger.story(1).exchanges] == ["UNEXPECTED_FAILURE", ""]


def test_a_message_without_a_payload_is_neither_sent_nor_asked_after_blindly(bench):
    bench.store(item(1))
    naked = due(bench)
    sending = Due(naked.message.model_copy(update={"state": State.SENDING}))
    doubtful = Due(naked.message.model_copy(update={"state": State.IN_DOUBT}))
    steps = bench.engine._shared.steps
    assert steps.submit(sending).change.state is State.IN_DOUBT
    assert steps.ask(doubtful).change.state is State.HELD
    assert bench.axis.submitted == []


def test_a_record_that_cannot_be_read_any_more_is_held(bench):
    bench.store(item(1))
    spoiled = Due(bench.only().model_copy(update={"record": '{"nonsense": 1}'}))
    result = bench.engine._shared.steps.judge(spoiled)
    assert (result.change.state, result.change.code) == (State.HELD, "RECORD_UNREADABLE")
    assert result.change.feedback == ()
    told = bench.engine._shared.steps.tell(spoiled)
    assert told.change.told
    assert told.change.feedback == ()


def test_a_target_that_takes_nothing_is_a_persons_business(bench, monkeypatch):
    class OnlySource(Source):
        system_kind = "source"
        open = ping = close = _fetch = _acknowledge = None

    monkeypatch.setitem(bench.engine._shared.steps._systems, "axis", OnlySource())
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().code == "TARGET_CANNOT_RECEIVE"


def test_a_step_broken_in_the_middle_of_asking_holds_the_message(bench):
    bench.store(item(1))
    steps = bench.engine._shared.steps
    result = steps.broken(due(bench), SystemExit())
    assert (result.change.state, result.change.exchange.step) == (State.HELD, Step.SUBMIT)


class Refusing:
    """A ledger whose n-th commit fails."""

    def __init__(self, ledger, at, error):
        self.ledger, self.left, self.error = ledger, at, error

    def __getattr__(self, name):
        return getattr(self.ledger, name)

    def commit(self, decisions):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.ledger.commit(decisions)


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize(
    "error",
    [RetryLater(STORE_BUSY, "locked"), HeldForPerson(STORE_BUSY, "full", scope=Scope.STORE)],
    ids=["busy", "full"],
)
def test_a_commit_that_fails_loses_and_doubles_nothing(bench, at, error):
    from dataclasses import replace

    bench.store(*(item(n, lane="one") for n in range(3)))
    refusing = Refusing(bench.ledger, at, error)
    shared = replace(bench.engine._shared, ledger=refusing, commit=GroupCommit(refusing).commit)
    Drain(shared, "axis", bench.ledger.shard_of("one")).run()
    full = isinstance(error, HeldForPerson)
    assert (bench.engine.trouble() is not None) == full
    assert bench.engine._standing.sweep_wanted.is_set() or not full
    bench.clock.advance(60)
    bench.drain()
    assert bench.keys() == [f"out:d{n}:1" for n in range(3)]
    assert bench.states() == [State.DONE] * 3


def test_a_drain_does_not_end_while_a_call_of_its_own_is_under_way(bench_with):
    """Or the next drain would take its message for one cut off by a crash."""
    from dataclasses import replace

    bench = bench_with()
    bench.ledger.fix_shards(1)
    entered, let_go = threading.Event(), threading.Event()

    def submit(work):
        if work.message.external_id == "d1":
            entered.set()
            let_go.wait(60)

    bench.axis.on_submit = submit
    bench.store(item(1), item(2))
    shared = replace(bench.engine._shared, ledger=Refusing(bench.ledger, 3, RetryLater(STORE_BUSY, "locked")))
    drain = threading.Thread(target=Drain(shared, "axis", 0).run)
    drain.start()
    assert entered.wait(60)
    drain.join(0.3)
    assert drain.is_alive()
    let_go.set()
    drain.join(60)
    assert not drain.is_alive()
    bench.drain()
    assert sorted(bench.keys()) == ["out:d1:1", "out:d2:1"]


def test_a_daemon_thawed_between_mark_and_send_does_not_send(bench):
    bench.store(item(1))
    bench.engine._standing.beaten()
    marked = bench.ledger.commit

    def frozen_after_the_mark(decisions):
        fenced = marked(decisions)
        if decisions.sending:
            bench.clock.advance(timedelta(minutes=2))
        return fenced

    bench.ledger.commit = frozen_after_the_mark
    bench.drain_shard("axis", bench.only().shard)
    assert bench.axis.submitted == []
    assert bench.only().state is State.QUEUED
    bench.ledger.commit = marked
    bench.engine._standing.beaten()
    bench.drain("axis")
    assert bench.keys() == ["out:d1:1"]


def test_an_engine_that_stops_begins_nothing(bench):
    bench.store(item(1))
    bench.engine._standing.stop()
    bench.offer(item(2))
    bench.fetch()
    bench.drain("axis", turns=1)
    assert bench.states() == [State.RECEIVED]


def test_a_link_nobody_configured_any_more_is_passed_over(bench):
    bench.fetch("gone")
    assert bench.ledger.messages() == []


def test_a_system_that_cannot_be_noted_goes_on_all_the_same(bench, monkeypatch):
    def busy(*_given):
        raise RetryLater(STORE_BUSY, "locked")

    monkeypatch.setattr(bench.ledger, "note_breaker", busy)
    bench.engine._turned("axis", Turn(Position.OPEN))
    assert bench.engine._standing.sweep_wanted.is_set()


def test_how_a_fetch_went_is_no_reason_to_fail_it(bench, monkeypatch):
    def busy(*_given):
        raise RetryLater(STORE_BUSY, "locked")

    monkeypatch.setattr(bench.ledger, "note_fetch", busy)
    bench.offer(item(1))
    bench.fetch()
    assert len(bench.ledger.messages()) == 1
