"""Taken, and decided later: asked after until there is a decision, never sent again."""

from datetime import timedelta

import pytest

from ebrvt_connect.engine import steering
from ebrvt_connect.errors import Effect, HeldForPerson, Scope
from ebrvt_connect.model.message import Receipt, State
from ebrvt_connect.ports.adapter import AskAgain, NotThere, Pending, Settled
from ebrvt_connect.ports.ledger import Step
from tests.integration.engine.bench import (
    OUT,
    failing,
    held,
    item,
    reconcile_first,
    rejected,
    retry_later,
)

FIVE_MINUTES = timedelta(minutes=5)


def answers(*given):
    """One answer after another, the last for ever; errors are raised."""
    left = list(given)

    def answer(_work):
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return now

    return answer


@pytest.fixture
def taken(bench):
    """A bench whose remote has taken one message and decides later."""
    bench.axis.decides_later = lambda _work: FIVE_MINUTES
    bench.axis.on_ask = answers(AskAgain(FIVE_MINUTES))
    bench.store(item(1))
    bench.drain("axis")
    return bench


def later(bench, by=FIVE_MINUTES):
    bench.clock.advance(by)
    bench.drain("axis")
    return bench.only()


def test_what_is_taken_awaits_its_decision_with_its_receipt_and_nobody_is_told(taken):
    message = taken.only()
    assert message.state is State.AWAITING
    assert message.receipt == Receipt(external_id="r1", raw=b"accepted")
    assert message.next_at == taken.clock.now() + FIVE_MINUTES
    assert (message.attempts, message.code, message.effect) == (1, "", None)
    assert taken.ledger.messages(link="out~feedback") == []
    assert taken.axis.asked == []
    (line,) = taken.ledger.story(1).exchanges
    assert (line.step, line.code, line.effect, line.external_id) == (Step.SUBMIT, "taken", None, "r1")


def test_it_is_asked_after_when_it_is_time_and_not_before(taken):
    assert later(taken, timedelta(minutes=4)).state is State.AWAITING
    assert taken.axis.asked == []
    later(taken, timedelta(minutes=1))
    assert taken.axis.asked == ["out:d1:1"]


def test_approved_is_done_and_told(taken):
    taken.axis.on_ask = answers(Settled(Receipt(external_id="approved-1", raw=b"APPROVED")))
    message = later(taken)
    assert (message.state, message.receipt.external_id) == (State.DONE, "approved-1")
    (feedback,) = taken.ledger.messages(link="out~feedback")
    assert feedback.idem_key == "out:d1:1>SENT"
    assert taken.axis.submitted == ["out:d1:1"]


def test_turned_down_is_refused_and_told_with_its_reason(taken):
    taken.axis.on_ask = answers(rejected())
    message = later(taken)
    assert (message.state, message.code) == (State.REFUSED, "TEST_TROUBLE")
    (feedback,) = taken.ledger.messages(link="out~feedback")
    assert feedback.idem_key == "out:d1:1>FAILED"
    assert "gặp sự cố" in feedback.record
    taken.axis.decides_later = lambda _work: None
    taken.store(item(1, version="2"))
    taken.drain("axis")
    assert taken.states() == [State.REFUSED, State.DONE], "the lane goes on"


def test_turned_down_is_held_where_nobody_would_hear_of_it(taken):
    taken.dms.feedbacks = lambda _message, _outcome: ()
    taken.axis.on_ask = answers(rejected())
    assert later(taken).state is State.HELD


def test_weeks_of_waiting_are_no_failure(taken):
    for _ in range(50):
        message = later(taken)
    assert (message.state, message.attempts) == (State.AWAITING, 1)
    assert message.next_at == taken.clock.now() + FIVE_MINUTES
    assert len(taken.axis.asked) == 50
    assert taken.axis.submitted == ["out:d1:1"]
    assert len(taken.ledger.story(1).exchanges) == 1, "no line for each unchanged answer"
    (due,) = [due for _ in range(1) for due in heads(taken, FIVE_MINUTES)]
    assert due.rung == 0


def heads(bench, ahead):
    shard = bench.only().shard
    return bench.ledger.heads("axis", shard, now=bench.clock.now() + ahead, limit=5, judging_only=False)


def test_no_deadline_ends_what_has_arrived(bench):
    from dataclasses import replace

    bench.axis.decides_later = lambda _work: FIVE_MINUTES
    bench.axis.on_ask = answers(AskAgain(FIVE_MINUTES), Settled(Receipt(external_id="r")))
    bench.store(item(1), link=replace(OUT, give_up_after=timedelta(minutes=1)))
    bench.drain("axis")
    assert later(bench).state is State.AWAITING
    assert later(bench).state is State.DONE


def test_a_remote_that_is_away_is_asked_along_the_ladder_and_forgiven_when_it_answers(taken):
    taken.axis.on_ask = answers(retry_later(), retry_later(), AskAgain(FIVE_MINUTES))
    message = later(taken)
    assert (message.state, message.effect) == (State.AWAITING, Effect.RETRY_LATER)
    assert message.next_at == taken.clock.now() + timedelta(minutes=1)
    message = later(taken, timedelta(minutes=1))
    assert message.next_at == taken.clock.now() + timedelta(minutes=5)
    message = later(taken)
    assert (message.state, message.effect, message.code) == (State.AWAITING, None, "")
    (due,) = heads(taken, FIVE_MINUTES)
    assert due.rung == 0


@pytest.mark.parametrize("error", [reconcile_first(), retry_later()], ids=["cut", "away"])
def test_a_question_that_fails_leaves_it_awaiting(taken, error):
    taken.axis.on_ask = answers(error)
    assert later(taken).state is State.AWAITING
    assert taken.axis.submitted == ["out:d1:1"]


def test_a_person_is_asked_where_the_remote_wants_one(taken):
    taken.axis.on_ask = answers(held())
    assert later(taken).state is State.HELD


def test_what_was_taken_and_is_not_there_any_more_is_a_persons_business(taken):
    taken.axis.on_ask = answers(NotThere())
    message = later(taken)
    assert (message.state, message.code) == (State.HELD, "TAKEN_BUT_NOT_THERE")
    assert taken.axis.submitted == ["out:d1:1"]


def test_pending_once_more_replaces_the_receipt_and_counts_nothing(taken):
    taken.axis.on_ask = answers(Pending(Receipt(external_id="r-new"), timedelta(hours=1)))
    message = later(taken)
    assert (message.state, message.receipt.external_id) == (State.AWAITING, "r-new")
    assert message.next_at == taken.clock.now() + timedelta(hours=1)
    assert len(taken.ledger.story(1).exchanges) == 1


def test_in_doubt_and_found_undecided_awaits_the_decision(bench):
    bench.axis.on_submit = failing(reconcile_first)
    bench.axis.on_ask = answers(
        Pending(Receipt(external_id="r7"), FIVE_MINUTES), Settled(Receipt(external_id="r7"))
    )
    bench.store(item(1))
    bench.drain("axis")
    message = bench.only()
    assert (message.state, message.receipt.external_id) == (State.AWAITING, "r7")
    assert (message.code, message.doubt_since) == ("", None)
    assert later(bench).state is State.DONE
    assert bench.axis.submitted == ["out:d1:1"]


def test_in_doubt_and_turned_down_already_is_refused_all_the_same(bench):
    bench.axis.on_submit = failing(reconcile_first)
    bench.axis.on_ask = answers(Pending(Receipt(external_id="r7"), timedelta(0)), rejected())
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.REFUSED


def test_a_lane_waits_for_the_decision(taken):
    taken.store(item(1, version="2"))
    taken.drain("axis")
    assert taken.states() == [State.AWAITING, State.RECEIVED]
    assert not taken.ledger.settled()


def test_a_paused_system_is_not_asked_and_then_it_is(taken):
    taken.engine.pause("axis", "An", "bảo trì")
    assert later(taken).state is State.AWAITING
    assert taken.axis.asked == []
    assert taken.ledger.settled()
    taken.engine.resume("axis")
    assert later(taken, timedelta(0)).state is State.AWAITING
    assert taken.axis.asked == ["out:d1:1"]


def test_trouble_with_the_whole_system_while_asking_leaves_it_unharmed(taken):
    taken.axis.on_ask = answers(held(Scope.SYSTEM), AskAgain(FIVE_MINUTES))
    message = later(taken)
    assert (message.state, message.next_at) == (State.AWAITING, None)
    assert taken.engine._standing.paused("axis")
    taken.engine.resume("axis")
    assert later(taken, timedelta(0)).state is State.AWAITING
    assert len(taken.axis.asked) == 2


def test_a_person_may_skip_it_but_not_release_it(taken):
    with pytest.raises(HeldForPerson, match="cannot be released"):
        steering.release(taken.ledger, 1, by="An", why="x", now=taken.clock.now())
    steering.skip(taken.ledger, 1, by="An", why="x", now=taken.clock.now())
    assert taken.only().state is State.CANCELLED


def test_the_shard_is_woken_when_it_is_time_to_ask(taken):
    assert [at for *_, at in taken.activated if at is not None] == [taken.clock.now() + FIVE_MINUTES]
