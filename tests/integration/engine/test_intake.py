"""Fetching: stored before it is acknowledged, known when it comes again, owed acknowledgements paid."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import Batch
from tests.integration.engine.bench import held, item, retry_later

UNREADABLE = explain("TEST_UNREADABLE", "Gói tin không đọc được.", "Yêu cầu gửi lại.")


def raising(error):
    def fail(*_given):
        raise error

    return fail


def test_what_is_fetched_is_stored_and_then_acknowledged(bench):
    stored_when_acknowledged = []
    bench.dms.on_acknowledge = lambda batch: stored_when_acknowledged.append(
        [bench.ledger.find(one.external_id)[0].state for one in batch.items]
    )
    bench.offer(item(1), item(2))
    bench.fetch()
    assert stored_when_acknowledged == [[State.RECEIVED, State.RECEIVED]]
    assert bench.dms.acknowledged == ["d1", "d2"]
    assert bench.ledger.checkpoint("out") == "2"


def test_only_what_is_new_is_fetched_the_next_time(bench):
    bench.offer(item(1))
    bench.fetch()
    bench.offer(item(2))
    bench.fetch()
    assert bench.dms.acknowledged == ["d1", "d2"]
    assert len(bench.ledger.messages()) == 2


def test_the_same_thing_again_is_acknowledged_again_and_not_delivered_again(bench):
    bench.offer(item(1), item(1), item(2))
    bench.fetch()
    bench.drain()
    assert bench.keys() == ["out:d1:1", "out:d2:1"] or set(bench.keys()) == {"out:d1:1", "out:d2:1"}
    assert bench.dms.acknowledged == ["d1", "d1", "d2"]


def test_a_new_version_under_the_same_id_is_a_new_message(bench):
    bench.offer(item(1), item(1, version="2"))
    bench.fetch()
    assert [m.idem_key for m in bench.ledger.messages()] == ["out:d1:1", "out:d1:2"]


def test_the_same_content_under_another_id_is_known_as_a_duplicate(bench):
    bench.offer(item(1, same_as="content"), item(1, external_id="d1-again", same_as="content"))
    bench.fetch()
    bench.drain()
    assert bench.keys() == ["out:d1:1"]
    assert bench.dms.acknowledged == ["d1", "d1-again"]
    assert bench.ledger.story(1).duplicates == ("d1-again",)
    (statistics,) = [s for s in bench.ledger.link_statistics() if s.link == "out"]
    assert statistics.duplicates == 1


def test_a_changed_thing_under_its_own_id_is_no_duplicate_of_itself(bench):
    bench.offer(item(1, same_as="content"), item(1, version="2", same_as="content"))
    bench.fetch()
    bench.offer(item(1, external_id="other", same_as="content"))
    bench.fetch()
    assert [m.idem_key for m in bench.ledger.messages()] == ["out:d1:1", "out:d1:2"]


def test_what_could_not_be_read_is_stored_held_and_acknowledged(bench):
    fault = HeldForPerson(UNREADABLE, "not a packet")
    bench.offer(item(1, record=None, fault=fault), item(2))
    bench.fetch()
    bench.drain()
    assert bench.states() == [State.HELD, State.DONE]
    (message,) = bench.ledger.held()
    assert (message.code, message.reason_vi) == ("TEST_UNREADABLE", "Gói tin không đọc được.")
    assert bench.dms.acknowledged == ["d1", "d2"]


def test_a_source_is_told_of_a_fault_where_the_record_could_be_read(bench):
    bench.offer(item(1, fault=HeldForPerson(UNREADABLE, "an attachment is missing")))
    bench.fetch()
    bench.drain()
    assert [m.idem_key for m in bench.ledger.messages(link="out~feedback")] == ["out:d1:1>HELD"]
    bench.drain()
    assert bench.ledger.settled()


def test_an_acknowledgement_cut_off_is_paid_at_the_next_fetch(bench):
    bench.dms.on_acknowledge = raising(retry_later())
    bench.offer(item(1), item(2))
    bench.fetch()
    assert bench.dms.acknowledged == []
    bench.dms.on_acknowledge = lambda _batch: None
    bench.fetch()
    assert bench.dms.acknowledged == ["d1", "d2"]
    bench.fetch()
    assert bench.dms.acknowledged == ["d1", "d2"]
    assert len(bench.ledger.messages()) == 2


def test_an_owed_acknowledgement_names_the_thing_as_it_was(bench):
    given: list[Batch] = []
    bench.dms.on_acknowledge = raising(retry_later())
    wanted = item(1, external_id="axis-77")
    bench.offer(wanted)
    bench.fetch()
    bench.dms.on_acknowledge = given.append
    bench.fetch()
    (again,) = given[0].items
    assert (again.external_id, again.version, again.lane, again.record) == (
        "axis-77",
        "1",
        wanted.lane,
        wanted.record,
    )


def test_a_failing_source_is_noted_and_left_in_peace_for_longer_and_longer(bench):
    bench.dms.on_fetch = raising(retry_later())
    rests = []
    for _ in range(6):
        bench.fetch()
        rests.append(bench.engine._intake.last("out").not_before - bench.clock.monotonic())
    assert rests == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    (statistics,) = bench.ledger.link_statistics()
    assert statistics.code == "TEST_TROUBLE"
    assert statistics.failing_since == bench.clock.now()
    bench.dms.on_fetch = lambda: None
    bench.fetch()
    (statistics,) = bench.ledger.link_statistics()
    assert (statistics.code, statistics.failing_since) == ("", None)


def test_failing_since_keeps_the_first_of_a_row_of_failures(bench):
    bench.dms.on_fetch = raising(retry_later())
    began = bench.clock.now()
    for _ in range(3):
        bench.fetch()
        bench.clock.advance(60)
    (statistics,) = bench.ledger.link_statistics()
    assert statistics.failing_since == began
    assert statistics.fetched_at == began + timedelta(minutes=2)


def test_a_sources_own_wish_is_kept(bench):
    bench.dms.on_fetch = raising(retry_later(retry_after=timedelta(minutes=2)))
    bench.fetch()
    assert bench.engine._intake.last("out").not_before >= 120


def test_a_source_that_refuses_our_password_is_paused(bench):
    bench.dms.on_fetch = raising(held(Scope.SYSTEM))
    bench.fetch()
    assert bench.ledger.paused()["dms"].code == "TEST_TROUBLE"
    bench.dms.on_fetch = lambda: None
    bench.offer(item(1))
    bench.fetch()
    assert bench.ledger.messages() == []
    bench.engine.resume("dms")
    bench.fetch()
    assert len(bench.ledger.messages()) == 1


def test_a_full_disk_while_fetching_pauses_everything(bench):
    bench.dms.on_fetch = raising(held(Scope.STORE))
    bench.fetch()
    assert bench.engine.trouble().code == "TEST_TROUBLE"


def test_an_idle_fetch_writes_nothing(bench):
    bench.fetch()
    commits = count_commits(bench)
    for _ in range(5):
        bench.fetch()
    assert commits == []


def count_commits(bench):
    commits = []
    sa.event.listen(bench.ledger.database, "commit", lambda _connection: commits.append(1))
    return commits


def test_flags_are_raised_in_order_before_any_message_is_stored(bench):
    statements = []
    sa.event.listen(
        bench.ledger.database,
        "before_cursor_execute",
        lambda _c, _cur, statement, parameters, _ctx, _many: statements.append((statement, parameters)),
    )
    bench.store(*(item(n) for n in range(12)))
    kinds = [s.split()[2] for s, _ in statements if s.startswith("INSERT")]
    assert kinds == sorted(kinds, key=lambda table: table != "shard")
    shards = [shard for _system, shard, _seq, _not_before in bench.activated]
    assert shards == sorted(shards)


def test_two_threads_storing_at_once_lose_nothing(bench):
    def storing(start):
        for n in range(start, start + 40):
            bench.store(item(n))

    threads = [threading.Thread(target=storing, args=(100 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(bench.ledger.messages()) == 160
