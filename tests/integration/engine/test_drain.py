"""Drains against a real ledger, run by hand on a fake clock."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.drain import _as_judged
from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import Effect, HeldForPerson, Scope
from ebrvt_connect.model.document import DocumentStatus, StatusCode
from ebrvt_connect.model.message import Receipt, State
from ebrvt_connect.ports.adapter import AskAgain, Feedback, NotThere, Settled, Work
from ebrvt_connect.ports.ledger import Decisions, Step
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.store import rows
from tests.integration.engine.bench import (
    AGENCY,
    BACK,
    IN,
    OUT,
    document,
    failing,
    held,
    item,
    reconcile_first,
    rejected,
    retry_later,
    status_item,
)


def test_a_message_is_judged_prepared_sent_and_told(bench):
    bench.store(item(1))
    bench.drain()
    message = bench.only()
    assert message.state is State.DONE
    assert message.attempts == 1
    assert message.receipt == Receipt(external_id="r1", raw=b"accepted")
    assert bench.blobs.has(message.payload.blob.sha256)
    (feedback,) = bench.ledger.messages(link="out~feedback")
    assert (feedback.state, feedback.target, feedback.origin_id) == (State.DONE, "dms", message.id)
    assert feedback.idem_key == f"{message.idem_key}>SENT"
    assert bench.dms.arrived[0].origin.id == message.id


def test_a_lane_is_delivered_in_the_order_it_was_stored(bench):
    bench.store(*(item(n, lane="one") for n in range(20)))
    bench.drain("axis")
    assert bench.keys() == [f"out:d{n}:1" for n in range(20)]


def test_a_lane_has_one_message_under_way_at_a_time(bench):
    under_way, most = [], []

    def submit(work):
        under_way.append(work.message.id)
        most.append(len(under_way))
        threading.Event().wait(0.005)
        under_way.remove(work.message.id)

    bench.axis.on_submit = submit
    bench.store(*(item(n, lane="one") for n in range(8)))
    bench.drain("axis")
    assert max(most) == 1


def test_lanes_of_a_shard_are_delivered_in_parallel(bench_with):
    bench = bench_with(shards=1)
    bench.ledger.fix_shards(1)
    meeting = threading.Barrier(4, timeout=60)
    bench.axis.on_submit = lambda _work: meeting.wait()
    bench.store(*(item(n) for n in range(4)))
    bench.drain("axis")
    assert bench.states() == [State.DONE] * 4


def test_no_more_calls_are_under_way_than_the_system_allows(bench_with):
    bench = bench_with(limits={"axis": SystemLimits(2, 1000.0), "dms": SystemLimits(2, 1000.0)})
    lock, under_way, most = threading.Lock(), [0], [0]

    def submit(_work):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        threading.Event().wait(0.01)
        with lock:
            under_way[0] -= 1

    bench.axis.on_submit = submit
    bench.store(*(item(n) for n in range(12)))
    bench.drain("axis")
    assert bench.states() == [State.DONE] * 12
    assert most[0] <= 2


def test_a_poison_message_stops_its_own_lane_only(bench):
    def submit(work):
        if work.message.external_id == "d2":
            raise held()

    bench.axis.on_submit = submit
    bench.store(item(1, lane="bad"), item(2, lane="bad"), item(3, lane="bad"), item(4), item(5))
    bench.drain()
    assert bench.states() == [State.DONE, State.HELD, State.RECEIVED, State.DONE, State.DONE]
    assert bench.ledger.settled()


def test_a_long_poison_lane_does_not_fill_the_window(bench_with):
    bench = bench_with(window=4)
    bench.ledger.fix_shards(1)

    def submit(work):
        if work.message.lane == "bad":
            raise retry_later()

    bench.axis.on_submit = submit
    bench.store(*(item(n, lane="bad") for n in range(30)), item(99))
    bench.drain_shard("axis", 0)
    assert bench.keys() == ["out:d99:1"]


def test_nothing_happened_there_means_later_along_the_ladder(bench):
    failures = [retry_later(), retry_later(), retry_later()]

    def submit(_work):
        if failures:
            raise failures.pop()

    bench.axis.on_submit = submit
    bench.store(item(1))
    waits = []
    for _ in range(3):
        bench.drain("axis")
        message = bench.only()
        assert message.state is State.WAITING
        assert message.effect is Effect.RETRY_LATER
        waits.append(message.next_at - bench.clock.now())
        bench.clock.advance(waits[-1])
    bench.drain()
    assert waits == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=5)]
    assert bench.only().state is State.DONE
    assert bench.only().attempts == 4
    assert bench.only().code == ""


def test_a_message_that_waits_is_not_sent_early_and_its_lane_waits_with_it(bench):
    bench.axis.on_submit = failing(retry_later)
    bench.store(item(1, lane="one"), item(2, lane="one"))
    bench.drain("axis")
    bench.clock.advance(59)
    bench.drain("axis")
    assert bench.axis.submitted == ["out:d1:1"]


def test_the_remotes_own_wish_is_waited_out(bench):
    bench.axis.on_submit = failing(lambda: retry_later(retry_after=timedelta(minutes=30)))
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().next_at - bench.clock.now() >= timedelta(minutes=30)


def test_the_shard_is_woken_when_the_earliest_message_is_due(bench):
    bench.axis.on_submit = failing(retry_later)
    bench.store(item(1))
    bench.drain("axis")
    *_, (system, _shard, _seq, not_before) = bench.activated
    assert system == "axis"
    assert timedelta(0) <= not_before - bench.only().next_at < timedelta(seconds=1)


def test_a_lost_reply_is_asked_after_and_not_sent_again(bench):
    def submit(work):
        bench.axis.accept(work)
        raise reconcile_first()

    bench.axis.on_submit = submit
    bench.store(item(1))
    bench.drain("axis")
    message = bench.only()
    assert message.state is State.DONE
    assert message.receipt.external_id == "found"
    assert bench.axis.submitted == ["out:d1:1"]
    story = bench.ledger.story(message.id)
    assert [line.step for line in story.exchanges] == [Step.SUBMIT, Step.ASK]
    assert story.exchanges[0].effect is Effect.RECONCILE_FIRST


def test_what_surely_did_not_arrive_is_sent_again_with_the_same_payload(bench):
    lost = [reconcile_first()]
    payloads = []

    def submit(work):
        payloads.append(work.message.payload)
        if lost:
            raise lost.pop()

    bench.axis.on_submit = submit
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.QUEUED
    bench.clock.advance(timedelta(minutes=1))
    bench.drain("axis")
    assert bench.only().state is State.DONE
    assert payloads[0] == payloads[1]
    assert bench.axis.submitted == ["out:d1:1"] * 2


def test_what_may_still_turn_up_is_asked_after_again_and_stops_its_lane(bench):
    answers = [AskAgain(timedelta(seconds=20)), Settled(Receipt(external_id="late"))]
    bench.axis.on_ask = lambda _work: answers.pop(0)
    bench.axis.on_submit = failing(reconcile_first, only="d1")
    bench.store(item(1, lane="one"), item(2, lane="one"))
    bench.drain("axis")
    assert bench.states() == [State.IN_DOUBT, State.RECEIVED]
    bench.clock.advance(20)
    bench.drain("axis")
    assert bench.states() == [State.DONE, State.DONE]
    assert bench.axis.submitted == ["out:d1:1", "out:d2:1"]


def test_what_is_in_doubt_is_asked_after_with_what_was_taken_before_it(bench):
    asked = []
    bench.store(item(1))
    bench.drain()

    def lost(work):
        assert [one.receipt.external_id for one in work.siblings] == ["r1"]
        raise reconcile_first()

    bench.axis.on_submit = lost
    bench.axis.on_ask = lambda work: asked.append(work) or AskAgain(timedelta(minutes=2))
    bench.store(item(1, version="2"))
    bench.drain("axis")
    bench.clock.advance(60)
    doubt_since = bench.ledger.messages(link="out")[1].doubt_since
    bench.clock.advance(600)
    bench.drain("axis")
    assert len(asked) > 1
    for work in asked:
        assert work.message.doubt_since == doubt_since
        assert [one.receipt.external_id for one in work.siblings] == ["r1"]


def test_a_failing_question_leaves_the_message_in_doubt(bench):
    bench.axis.on_ask = failing(retry_later)
    bench.axis.on_submit = failing(reconcile_first)
    bench.store(item(1))
    bench.drain("axis")
    message = bench.only()
    assert message.state is State.IN_DOUBT
    assert message.next_at > bench.clock.now()


def test_a_question_refused_is_no_refusal_of_the_message(bench):
    bench.axis.on_ask = failing(rejected)
    bench.axis.on_submit = failing(reconcile_first)
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.HELD
    assert bench.only().code == "OUTCOME_UNKNOWN"


def test_a_message_found_being_sent_is_asked_after_before_anything_else(bench):
    bench.store(item(1, lane="one"), item(2, lane="one"))
    crashed_while_sending(bench, arrived=True)
    bench.drain("axis")
    assert bench.axis.asked == ["out:d1:1"]
    assert bench.states() == [State.DONE, State.DONE]
    assert bench.axis.submitted == ["out:d2:1"]
    lines = bench.ledger.story(1).exchanges
    assert [line.code for line in lines] == ["SENDING_INTERRUPTED", ""]


def test_a_message_found_being_sent_that_never_left_is_sent(bench):
    bench.store(item(1))
    crashed_while_sending(bench, arrived=False)
    bench.drain("axis")
    assert bench.only().state is State.DONE
    assert bench.only().attempts == 2
    assert bench.axis.submitted == ["out:d1:1"]


def crashed_while_sending(bench, *, arrived):
    """Leave the first message as a crash in the middle of its send leaves it."""
    (due, *_) = bench.ledger.heads(
        "axis", bench.ledger.messages()[0].shard, now=bench.clock.now(), limit=1, judging_only=False
    )
    judged = bench.engine._shared.steps.judge(due)
    ready = _as_judged(judged)
    assert not bench.ledger.commit(
        Decisions(changes=[judged.change], sending=[ready.message], now=bench.clock.now())
    )
    if arrived:
        bench.axis.accept(Work(ready.message, rows.record_of(ready.message)))


def test_a_no_is_a_no_and_the_source_is_told(bench):
    bench.axis.on_submit = failing(rejected)
    bench.store(item(1))
    bench.drain()
    assert bench.only().state is State.REFUSED
    assert bench.only().code == "TEST_TROUBLE"
    (feedback,) = bench.ledger.messages(link="out~feedback")
    assert StatusCode.FAILED in feedback.record
    assert bench.only().reason_vi in feedback.record


def test_a_refused_document_whose_source_has_no_word_for_it_waits_for_a_person(bench):
    bench.dms.on_submit = failing(rejected)
    bench.store(item(1, external_id="axis-1"), link=IN)
    bench.drain()
    message = bench.only("in")
    assert (message.state, message.effect, message.code) == (State.HELD, Effect.REJECTED, "TEST_TROUBLE")
    assert bench.ledger.held() == [message]


def test_a_status_refused_ends_since_nobody_waits_for_it(bench):
    bench.store(item(1))
    bench.drain()
    bench.dms.on_submit = failing(rejected)
    bench.store(status_item(5, about=1), link=BACK)
    bench.drain()
    assert bench.states("back") == [State.REFUSED]


def test_a_refused_message_lets_its_lane_go_on(bench):
    bench.axis.on_submit = failing(rejected, only="d1")
    bench.store(item(1, lane="one"), item(2, lane="one"))
    bench.drain("axis")
    assert bench.states() == [State.REFUSED, State.DONE]


@pytest.mark.parametrize("scope", [Scope.MESSAGE, Scope.LANE])
def test_what_a_person_must_look_at_is_held_and_told(bench, scope):
    bench.axis.on_submit = failing(lambda: held(scope))
    bench.store(item(1))
    bench.drain()
    (message,) = bench.ledger.held()
    assert (message.code, message.reason_vi) == ("TEST_TROUBLE", "Hệ thống thử nghiệm gặp sự cố.")
    assert [m.idem_key for m in bench.ledger.messages(link="out~feedback")] == ["out:d1:1>HELD"]


def test_a_second_hold_is_told_again(bench):
    bench.axis.on_prepare = failing(held)
    bench.store(item(1))
    bench.drain()
    steering.release(bench.ledger, 1, by="Ngọc", why="x", now=bench.clock.now())
    bench.drain()
    assert [m.idem_key for m in bench.ledger.messages(link="out~feedback")] == [
        "out:d1:1>HELD",
        "out:d1:1>HELD:2",
    ]


def test_what_a_person_says_did_arrive_is_done_and_told_as_sent(bench):
    bench.axis.on_submit = failing(reconcile_first)
    bench.axis.on_ask = failing(held)
    bench.store(item(1), item(9, lane=document(1).document_id))
    bench.drain("axis")
    assert bench.states() == [State.HELD, State.RECEIVED]
    bench.axis.on_submit = lambda _work: None
    message = steering.confirm(bench.ledger, 1, by="Ngọc", why="đã gọi điện", now=bench.clock.now())
    assert (message.state, message.code) == (State.DONE, "CONFIRMED_BY_PERSON")
    bench.drain()
    assert bench.keys() == ["out:d9:1"]
    codes = [work.record.code for work in bench.dms.arrived if work.origin.id == 1]
    assert codes == [StatusCode.HELD, StatusCode.SENT]
    assert bench.ledger.story(1).exchanges[-1].detail == "Ngọc: đã gọi điện"


def test_what_was_never_sent_cannot_have_arrived(bench):
    bench.axis.on_prepare = failing(held)
    bench.store(item(1))
    bench.drain("axis")
    with pytest.raises(HeldForPerson, match="confirmed"):
        steering.confirm(bench.ledger, 1, by="Ngọc", why="x", now=bench.clock.now())
    assert bench.states() == [State.HELD]


def test_a_value_that_cannot_be_mapped_holds_the_message_before_it_leaves(bench):
    bench.axis.on_prepare = failing(held)
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.HELD
    assert bench.axis.submitted == []


def test_trouble_with_the_system_pauses_it_once_and_leaves_the_messages_unharmed(bench):
    bench.axis.on_submit = failing(lambda: held(Scope.SYSTEM))
    bench.store(*(item(n) for n in range(30)))
    bench.drain("axis")
    assert set(bench.states()) == {State.QUEUED}
    (pause,) = bench.ledger.paused().values()
    assert (pause.system, pause.by, pause.code) == ("axis", "engine", "TEST_TROUBLE")
    assert len(bench.axis.submitted) <= 8
    bench.axis.on_submit = lambda _work: None
    assert bench.engine.resume("axis")
    bench.drain("axis")
    assert set(bench.states()) == {State.DONE}
    assert len(bench.keys()) == 30


def test_trouble_while_asking_leaves_the_message_in_doubt(bench):
    bench.axis.on_ask = failing(lambda: held(Scope.SYSTEM))
    bench.axis.on_submit = failing(reconcile_first)
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.IN_DOUBT
    assert "axis" in bench.ledger.paused()


def test_a_paused_system_is_judged_for_but_not_sent_to(bench):
    bench.engine.pause("axis", "Trần Thị Bình", "bảo trì")
    bench.store(*(item(n, lane="one") for n in range(3)))
    bench.drain("axis")
    assert bench.states() == [State.QUEUED] * 3
    assert bench.axis.submitted == []
    assert bench.ledger.settled()
    bench.engine.resume("axis")
    assert not bench.ledger.settled()
    bench.drain("axis")
    assert bench.keys() == [f"out:d{n}:1" for n in range(3)]


def test_what_cannot_be_judged_while_its_system_is_paused_does_not_spin(bench):
    bench.axis.on_prepare = failing(lambda: held(Scope.SYSTEM))
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.RECEIVED
    assert bench.only().next_at > bench.clock.now()


def test_a_system_in_trouble_rests_behind_its_breaker_and_is_probed_by_one(bench_with):
    policy = BreakerPolicy(threshold=3, rest=timedelta(seconds=30))
    bench = bench_with(breaker=policy, limits={"axis": SystemLimits(1, 1000.0)})
    bench.ledger.fix_shards(1)
    bench.axis.on_submit = failing(retry_later)
    bench.store(*(item(n) for n in range(10)))
    bench.drain_shard("axis", 0)
    assert len(bench.axis.submitted) == 3
    assert bench.states().count(State.QUEUED) == 7
    assert [s.breaker for s in bench.ledger.systems()] == ["open"]
    *_, (_system, _shard, _seq, not_before) = bench.activated
    assert not_before - bench.clock.now() >= timedelta(seconds=30)
    bench.clock.advance(31)
    bench.drain_shard("axis", 0)
    assert len(bench.axis.submitted) == 4
    bench.clock.advance(timedelta(minutes=10))
    bench.axis.on_submit = lambda _work: None
    bench.drain("axis")
    assert set(bench.states()) == {State.DONE}
    assert [s.breaker for s in bench.ledger.systems()] == ["closed"]


def test_a_message_past_its_deadline_is_dead_told_and_keeps_its_place(bench):
    bench.axis.on_submit = failing(retry_later)
    bench.store(item(1, lane="one"), link=replace(OUT, give_up_after=timedelta(minutes=3)))
    bench.store(item(2, lane="one"))
    bench.drain("axis")
    bench.clock.advance(timedelta(minutes=4))
    bench.drain()
    assert bench.states() == [State.DEAD, State.RECEIVED]
    assert bench.ledger.dead()[0].code == "DEADLINE_PASSED"
    assert [m.idem_key for m in bench.ledger.messages(link="out~feedback")] == ["out:d1:1>FAILED"]


def test_a_zombies_late_result_is_fenced(bench):
    """A drain that was frozen while sending wakes after another has settled its message."""
    bench.store(item(1))
    frozen, thaw = threading.Event(), threading.Event()

    def submit(work):
        if not frozen.is_set():
            frozen.set()
            thaw.wait(60)
            raise rejected()
        bench.axis.accept(work)

    bench.axis.on_submit = submit
    zombie = threading.Thread(target=bench.drain_shard, args=("axis", bench.only().shard))
    zombie.start()
    assert frozen.wait(60)
    bench.drain("axis")
    assert bench.only().state is State.DONE
    thaw.set()
    zombie.join(60)
    assert bench.only().state is State.DONE
    assert bench.only().attempts == 2
    assert [m.idem_key for m in bench.ledger.messages(link="out~feedback")] == ["out:d1:1>SENT"]


def test_a_message_skipped_after_it_was_read_ahead_is_not_sent(bench_with):
    bench = bench_with(limits={"axis": SystemLimits(1, 1000.0), "dms": SystemLimits(1, 1000.0)})
    bench.ledger.fix_shards(1)

    def submit(work):
        if work.message.external_id == "d1":
            steering.skip(bench.ledger, 2, by="Bình", why="gửi nhầm", now=bench.clock.now())

    bench.axis.on_submit = submit
    bench.store(item(1), item(2), item(3))
    bench.drain_shard("axis", 0)
    assert bench.keys() == ["out:d1:1", "out:d3:1"]
    assert bench.ledger.message(2).state is State.CANCELLED


def test_a_status_is_prepared_with_the_document_it_tells_about(bench):
    bench.store(item(7))
    bench.drain()
    bench.store(status_item(1, about=7), link=BACK)
    bench.drain()
    *_, work = bench.dms.arrived
    assert work.origin.external_id == "d7"
    assert work.origin_record.number.number == "7"
    assert bench.only("back").origin_id == bench.only("out").id


def test_a_feedback_is_not_answered_without_end(bench):
    def chatty(_message, outcome):
        return (Feedback(outcome.state.value, DocumentStatus(code="01", reporter=AGENCY)),)

    bench.dms.feedbacks = bench.axis.feedbacks = chatty
    bench.store(item(1))
    for _ in range(5):
        bench.drain()
    assert [m.link for m in bench.ledger.messages()] == ["out", "out~feedback", "out~feedback~feedback"]


def test_a_source_that_fails_to_say_what_it_wants_to_hear_loses_no_outcome(bench):
    def broken(_message, _outcome):
        raise KeyError("bug")

    bench.dms.feedbacks = broken
    bench.store(item(1))
    bench.drain()
    assert bench.states() == [State.DONE]


def test_higher_priority_goes_first_within_a_shard_but_never_overtakes_in_its_lane(bench_with):
    bench = bench_with(limits={"axis": SystemLimits(1, 1000.0)}, window=2, judges=1)
    bench.ledger.fix_shards(1)
    bench.engine.pause("axis", "x", "y")
    bench.store(item(1), item(2), item(3, priority=5), item(4, lane="one"), item(5, lane="one", priority=9))
    bench.drain_shard("axis", 0)
    bench.engine.resume("axis")
    bench.drain_shard("axis", 0)
    keys = bench.keys()
    assert keys[0] == "out:d3:1"
    assert keys.index("out:d4:1") < keys.index("out:d5:1")


def test_a_drain_gives_other_shards_their_turn_and_is_activated_again(bench_with):
    bench = bench_with(drain_messages=5, window=4)
    bench.ledger.fix_shards(1)
    bench.store(*(item(n) for n in range(40)))
    before = len(bench.activated)
    bench.drain_shard("axis", 0)
    assert 0 < bench.states().count(State.DONE) < 40
    assert [a[3] for a in bench.activated[before:] if a[0] == "axis"] == [None]


def test_a_step_that_breaks_holds_its_message_instead_of_spinning(bench):
    def bug(_due):
        raise ZeroDivisionError

    bench.engine._shared.steps.judge = bug
    bench.store(item(1))
    bench.drain("axis")
    assert bench.only().state is State.HELD
    assert bench.only().code == "UNEXPECTED_FAILURE"


def test_not_there_right_after_a_crash_is_sent_without_delay(bench):
    bench.axis.on_ask = lambda _work: NotThere()
    bench.store(item(1))
    crashed_while_sending(bench, arrived=False)
    bench.drain("axis")
    assert bench.only().state is State.DONE
