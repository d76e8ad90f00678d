"""What was given up goes on from the step that failed, by a person's word and never blindly; many at once."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.steering import Term
from ebrvt_connect.errors import ConnectError, HeldForPerson, RetryLater
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.gate import Judgement
from ebrvt_connect.ports.ledger import Change, Decisions, NewMessage, Step
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.choice import Choice
from tests.integration.engine.bench import (
    BACK,
    DOSSIERS,
    OUT,
    TROUBLE,
    document,
    dossier_code,
    dossier_item,
    failing,
    held,
    item,
    reconcile_first,
    rejected,
    retry_later,
    told_of_dossier,
)

GIVES_UP = replace(OUT, give_up_after=timedelta(minutes=3))
LATER = timedelta(minutes=10)
NO_DEADLINE = Term(lifted=True)
ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""What is the same on both databases need not be waited for twice."""


class Closed:
    """A gate that lets nothing pass."""

    def judge(self, _message, _record):
        return Judgement(False, "TEST_HELD", "Chưa ký số.", "Ký lại rồi phát hành.", "")


@pytest.fixture
def bench(bench_with):
    return bench_with(links=(GIVES_UP, BACK))


def given_up(bench, *items, failure=retry_later):
    """The messages of these, dead after one failed sending; the remote is well again."""
    bench.axis.on_submit = failing(failure)
    bench.store(*items, link=GIVES_UP)
    bench.drain("axis")
    bench.clock.advance(LATER)
    bench.drain("axis")
    bench.axis.on_submit = lambda _work: None


def requeue(bench, *ids, term=NO_DEADLINE):
    return steering.requeue_all(bench.ledger, ids, by="Lan", why="đã sửa", now=bench.clock.now(), term=term)


def test_what_failed_at_sending_is_sent_with_the_same_key_and_payload_and_its_attempts_are_kept(bench):
    given_up(bench, item(1))
    dead = bench.only()
    assert (dead.state, dead.attempts, bench.keys()) == (State.DEAD, 1, [])
    (again,) = requeue(bench, 1).done
    assert (again.state, again.attempts, again.payload) == (State.QUEUED, 1, dead.payload)
    bench.drain("axis")
    assert bench.keys() == [dead.idem_key]
    done = bench.only()
    assert (done.state, done.attempts, done.payload) == (State.DONE, 2, dead.payload)


@ON_SQLITE
def test_who_had_it_tried_again_and_why_stands_in_its_story(bench):
    given_up(bench, item(1))
    requeue(bench, 1)
    *_, line = bench.ledger.story(1).exchanges
    assert (line.step, line.code, line.detail) == (Step.PERSON, "resent", "Lan: đã sửa")


def test_a_deadline_that_has_passed_is_not_walked_into_again(bench):
    given_up(bench, item(1))
    acted = requeue(bench, 1, term=steering.AS_IT_IS)
    assert (acted.done, [one.code for one in acted.refused]) == ((), ["DEADLINE_OVER"])
    assert bench.only().state is State.DEAD
    with pytest.raises(HeldForPerson, match="had to leave by"):
        steering.requeue(bench.ledger, 1, by="Lan", why="x", now=bench.clock.now())
    over = Term(until=bench.clock.now())
    assert [one.code for one in requeue(bench, 1, term=over).refused] == ["DEADLINE_OVER"]


@ON_SQLITE
def test_a_new_deadline_holds_from_then_on(bench):
    given_up(bench, item(1))
    until = bench.clock.now() + timedelta(hours=1)
    requeue(bench, 1, term=Term(until=until))
    assert bench.only().deadline == until
    bench.axis.on_submit = failing(retry_later)
    bench.drain("axis")
    bench.clock.advance(timedelta(hours=2))
    bench.drain("axis")
    assert bench.only().state is State.DEAD


@ON_SQLITE
def test_without_a_deadline_it_is_tried_until_somebody_says_otherwise(bench):
    given_up(bench, item(1))
    requeue(bench, 1)
    bench.axis.on_submit = failing(retry_later)
    for _ in range(3):
        bench.drain("axis")
        bench.clock.advance(timedelta(days=3))
    assert (bench.only().state, bench.only().deadline) == (State.WAITING, None)


def test_what_was_never_judged_is_judged_and_trying_again_is_no_word_about_its_gate(bench_with):
    """A message given up before its gate had seen it must not pass because somebody requeued it."""
    bench = bench_with(links=(GIVES_UP, BACK), gates={"out": Closed(), "back": None})
    bench.store(item(1), link=GIVES_UP)
    bench.clock.advance(LATER)
    bench.drain("axis")
    assert (bench.only().state, bench.only().payload) == (State.DEAD, None)
    assert requeue(bench, 1).done[0].state is State.RECEIVED
    bench.drain("axis")
    assert (bench.only().state, bench.only().code, bench.keys()) == (State.HELD, "TEST_HELD", [])
    steering.release(bench.ledger, 1, by="Lan", why="bản giấy", now=bench.clock.now())
    bench.drain("axis")
    assert bench.only().state is State.DONE


def doubtful(bench):
    """Dead, and nobody knows whether the remote took it: asked, it would not say; let go on, it was late."""

    def arrives_and_is_cut(work):
        bench.axis.accept(work)
        raise reconcile_first()

    def will_not_say(_work):
        raise rejected()

    bench.axis.on_submit, bench.axis.on_ask = arrives_and_is_cut, will_not_say
    bench.store(item(1), link=GIVES_UP)
    bench.drain("axis")
    bench.clock.advance(timedelta(minutes=2))
    bench.drain("axis")
    assert (bench.only().state, bench.only().code) == (State.HELD, "OUTCOME_UNKNOWN")
    steering.release(bench.ledger, 1, by="An", why="chưa thấy", now=bench.clock.now())
    bench.clock.advance(LATER)
    bench.drain("axis")
    assert bench.only().state is State.DEAD
    bench.axis.on_submit = bench.axis.on_ask = lambda _work: None


def test_what_may_have_arrived_is_asked_after_before_anything_is_sent(bench):
    doubtful(bench)
    (case,) = bench.ledger.cases([1])
    assert (case.doubted, steering.step_again(case)) == (True, Step.ASK)
    (again,) = requeue(bench, 1).done
    assert (again.state, again.doubt_since is not None) == (State.IN_DOUBT, True)
    bench.drain("axis")
    assert (bench.only().state, bench.keys()) == (State.DONE, ["out:d1:1"]), "sent a second time"


def test_what_was_asked_after_and_is_not_there_is_no_longer_doubted(bench):
    bench.axis.on_submit = failing(reconcile_first)
    bench.store(item(1), link=GIVES_UP)
    bench.drain("axis")
    bench.clock.advance(LATER)
    bench.drain("axis")
    assert bench.only().state is State.DEAD
    (case,) = bench.ledger.cases([1])
    assert (case.doubted, steering.step_again(case)) == (False, Step.SUBMIT)


@ON_SQLITE
def test_what_a_remote_has_refused_is_sent_again_as_it_was(bench):
    bench.dms.feedbacks = lambda _message, _outcome: ()
    bench.axis.on_submit = failing(rejected)
    bench.store(dossier_item(1), link=DOSSIERS)
    bench.store(item(1))
    given_up(bench, item(2))
    refused = bench.ledger.chosen(Choice(states=(State.HELD, State.REFUSED)))
    acted = requeue(bench, *(one.id for one in refused))
    assert {one.state for one in acted.done} <= {State.QUEUED}
    assert {one.code for one in acted.refused} <= {"ACTION_NOT_POSSIBLE"}


def test_an_old_version_that_was_refused_does_not_overwrite_the_one_that_corrects_it(bench):
    bench.dms.feedbacks = told_of_dossier
    bench.axis.on_submit = failing(rejected)
    bench.store(dossier_item(1), dossier_item(2), link=DOSSIERS)
    bench.drain("axis")
    bench.axis.on_submit = lambda _work: None
    bench.store(dossier_item(1, revision="2"), link=DOSSIERS)
    bench.drain("axis")
    refused = bench.ledger.chosen_ids(Choice(states=(State.REFUSED,)))
    assert len(refused) == 2
    acted = requeue(bench, *refused)
    assert [one.business_key for one in acted.done] == [str(dossier_code(2))]
    (refusal,) = acted.refused
    assert (refusal.code, refusal.facts["message_id"]) == ("NEWER_VERSION", refused[0])
    bench.drain("axis")
    arrived = [work.record.revision for work in bench.axis.arrived]
    assert arrived == ["2", "1"], "the corrected one, then the other dossier"


def test_messages_behind_go_on_after_it_and_in_their_order(bench):
    given_up(bench, item(1, lane="one"), item(2, lane="one"), item(3, lane="one"))
    ends = [Change(was=one, state=State.DEAD) for one in bench.ledger.messages(link="out")]
    bench.ledger.commit(Decisions(changes=ends, now=bench.clock.now()))
    wanted = bench.ledger.chosen_ids(Choice(states=(State.DEAD,)))
    assert wanted == [1, 2, 3]
    assert bench.ledger.waiting_behind(bench.ledger.message(1)) == 2
    requeue(bench, *reversed(wanted))
    bench.drain("axis")
    assert bench.keys() == ["out:d1:1", "out:d2:1", "out:d3:1"]


def test_a_skipped_one_is_never_sent_fences_read_ahead_copies_and_its_lane_goes_on(bench):
    given_up(bench, item(1, lane="one"))
    bench.store(item(2, lane="one"))
    before = bench.ledger.message(1)
    acted = steering.skip_all(bench.ledger, [1], by="Lan", why="đã gửi bản giấy", now=bench.clock.now())
    assert [one.state for one in acted.done] == [State.CANCELLED]
    assert bench.ledger.message(1).attempts == before.attempts + 1
    bench.drain()
    assert bench.keys() == ["out:d2:1"]
    assert "đã gửi bản giấy" in bench.ledger.message(1).reason_vi


@ON_SQLITE
def test_those_that_cannot_be_are_told_and_the_others_go_on(bench):
    given_up(bench, item(1))
    bench.store(item(2))
    bench.drain()
    acted = requeue(bench, 99, 2, 1)
    assert [one.id for one in acted.done] == [1]
    told = [(one.code, one.facts["message_id"]) for one in acted.refused]
    assert told == [("MESSAGE_UNKNOWN", 99), ("ACTION_NOT_POSSIBLE", 2)]


@ON_SQLITE
def test_what_a_failed_call_was_answered_with_is_kept(bench):
    def busy(_work):
        raise RetryLater(TROUBLE, "got HTTP 503", system="axis", operation="submit", status=503)

    bench.axis.on_submit = busy
    bench.store(item(1))
    bench.drain("axis")
    assert [one.http_status for one in bench.ledger.story(1).exchanges] == [503]
    bench.axis.on_submit = failing(held)
    bench.clock.advance(LATER)
    bench.drain("axis")
    assert [one.http_status for one in bench.ledger.story(1).exchanges] == [503, 0]


def many_dead(ledger, number, *, lanes=500, code="DEADLINE_PASSED", now):
    """So many dead messages, put there at once."""
    new = NewMessage(
        idem_key="",
        link="out",
        source="dms",
        target="axis",
        kind=Kind.DOCUMENT,
        lane="",
        record=document(1).model_dump_json(),
        state=State.DEAD,
        code=code,
    )
    values = [
        rows.new_values(
            replace(new, idem_key=f"{code}{nth}", lane=f"lane {nth % lanes}"),
            ledger.shard_of(f"lane {nth % lanes}"),
            now,
        )
        for nth in range(number)
    ]
    with ledger.database.begin() as tx:
        tx.execute(schema.message.insert(), values)


def test_ten_thousand_go_on_in_few_transactions_and_each_shard_is_activated_once(bench):
    number = 10_000 if bench.ledger.database.dialect.name == "sqlite" else 1_000
    many_dead(bench.ledger, number, now=bench.clock.now())
    begun = []
    sa.event.listen(bench.ledger.database, "commit", begun.append)
    wanted = bench.ledger.chosen_ids(Choice(states=(State.DEAD,), system="axis"))
    acted = requeue(bench, *wanted)
    assert (len(acted.done), acted.refused) == (number, ())
    assert len(begun) <= 12
    assert sorted(shard for _, shard, _, _ in bench.activated) == list(range(16))
    assert bench.ledger.counts() == {"out": {State.RECEIVED: number}}


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_word_about_many_and_drains_at_work_do_not_stand_in_each_others_way(bench):
    """They write the same shards and tables at the same time, again and again."""
    many_dead(bench.ledger, 120, lanes=120, now=bench.clock.now())
    bench.store(*(item(number) for number in range(40)))
    wanted = bench.ledger.chosen_ids(Choice(states=(State.DEAD,)))
    failures = []

    def decides():
        try:
            for first in range(0, len(wanted), 10):
                requeue(bench, *wanted[first : first + 10])
        except ConnectError as failure:
            failures.append(failure)

    person = threading.Thread(target=decides)
    person.start()
    while person.is_alive():
        bench.drain(turns=2)
    person.join()
    bench.drain(turns=50)
    assert failures == []
    assert bench.states() == [State.DONE] * 160
    assert len(bench.keys()) == len(set(bench.keys())) == 160


@pytest.fixture
def mixed(bench):
    given_up(bench, item(1), replace(item(2), title="22/QĐ-UBND"))
    bench.clock.advance(timedelta(days=1))
    bench.store(dossier_item(7), link=replace(DOSSIERS, give_up_after=timedelta(minutes=3)))
    bench.clock.advance(LATER)
    bench.drain("axis")
    return bench


NARROWED = [
    ({}, [1, 2, 5]),
    ({"system": "axis"}, [1, 2, 5]),
    ({"system": "dms"}, [1, 2, 5]),
    ({"system": "portal"}, []),
    ({"link": "dossiers"}, [5]),
    ({"kind": Kind.DOCUMENT}, [1, 2]),
    ({"code": "DEADLINE_PASSED"}, [1, 2, 5]),
    ({"code": "REMOTE_REJECTED"}, []),
    ({"text": "22/qđ".replace("đ", "Đ")}, [2]),
    ({"text": "261123-0007"}, [5]),
    ({"text": "%"}, []),
    ({"agency": AgencyCode.parse("H06.15")}, [1, 2, 5]),
    ({"agency": AgencyCode.parse("000.00.15.H06")}, [1, 2, 5]),
    ({"agency": AgencyCode.parse("H06.1")}, []),
    ({"since": datetime(2026, 11, 24, tzinfo=UTC)}, [5]),
    ({"until": datetime(2026, 11, 24, tzinfo=UTC)}, [1, 2]),
]


def test_a_list_is_narrowed(mixed):
    for narrowing, found in NARROWED:
        choice = Choice(states=(State.DEAD,), **narrowing)
        assert [one.id for one in mixed.ledger.chosen(choice)] == found, narrowing
        assert mixed.ledger.chosen_ids(choice) == found, narrowing
        assert mixed.ledger.chosen_count(choice) == len(found), narrowing


def test_a_list_comes_in_pages(mixed):
    choice = Choice(states=(State.DEAD,))
    assert [one.id for one in mixed.ledger.chosen(choice, limit=2)] == [1, 2]
    assert [one.id for one in mixed.ledger.chosen(choice, after_id=2, limit=2)] == [5]
