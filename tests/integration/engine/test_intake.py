"""Fetching: stored before it is acknowledged, known when it comes again, owed acknowledgements paid."""

import logging
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine.settings import LinkSpec
from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.model.message import BlobRef, Kind, State
from ebrvt_connect.ports.adapter import Batch
from tests.integration.engine.bench import (
    IN,
    TOLD,
    Bench,
    document,
    failing,
    held,
    item,
    rejected,
    retry_later,
    status_item,
)

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


def held_first(bench):
    """A document held by its mapping, and a later one behind it in its lane."""
    bench.axis.on_prepare = failing(held)
    bench.store(item(1))
    bench.drain("axis")
    assert bench.states() == [State.HELD]
    bench.axis.on_prepare = lambda _work: None


def test_a_corrected_version_takes_the_place_of_its_held_predecessor(bench):
    held_first(bench)
    bench.store(item(9, lane=document(1).document_id))
    bench.store(item(1, version="2"))
    bench.drain("axis")
    assert bench.states() == [State.SUPERSEDED, State.DONE, State.DONE]
    assert bench.keys() == ["out:d1:2", "out:d9:1"], "what came behind the held one must not overtake it"
    story = bench.ledger.story(1)
    newer = bench.ledger.find("out:d1:2")[0].id
    assert (story.exchanges[-1].code, story.message.code) == ("superseded", "SUPERSEDED_BY_NEWER")
    assert story.exchanges[-1].detail == f"dms: message {newer}, a newer version, takes its place"
    assert f"số {newer})" in story.message.reason_vi


def test_a_predecessor_held_only_when_its_newer_version_waits_already_gives_way_as_well(bench):
    def wrong_at_first(work):
        if work.message.id == 1:
            raise held()

    bench.axis.on_prepare = wrong_at_first
    bench.store(item(1))
    bench.store(item(9, lane=document(1).document_id))
    bench.store(item(1, version="2"))
    bench.drain("axis")
    assert bench.states() == [State.SUPERSEDED, State.DONE, State.DONE]
    assert bench.keys() == ["out:d1:2", "out:d9:1"]
    assert bench.ledger.story(1).message.code == "SUPERSEDED_BY_NEWER"


def test_of_two_versions_in_one_batch_the_newer_supersedes_an_unreadable_one(bench):
    fault = HeldForPerson(UNREADABLE, "x")
    bench.store(item(1, record=None, fault=fault), item(1, version="2"))
    assert bench.states() == [State.SUPERSEDED, State.RECEIVED]


def test_the_lane_of_a_superseded_message_is_woken_even_if_the_new_one_lies_elsewhere(bench):
    held_first(bench)
    bench.store(item(9, lane=document(1).document_id))
    bench.drain("axis")
    bench.activated.clear()
    bench.store(item(1, lane="another", version="2"))
    shards = {("axis", bench.ledger.shard_of(lane)) for lane in (document(1).document_id, "another")}
    assert {(system, shard) for system, shard, *_ in bench.activated} == shards


def test_what_has_left_once_is_not_superseded(bench):
    bench.axis.on_submit = failing(held)
    bench.store(item(1))
    bench.drain("axis")
    bench.store(item(1, version="2"))
    assert bench.states() == [State.HELD, State.RECEIVED]


def test_another_document_or_an_unreadable_version_supersedes_nothing(bench):
    held_first(bench)
    bench.store(item(2), item(1, version="2", record=None, fault=HeldForPerson(UNREADABLE, "x")))
    assert bench.states() == [State.HELD, State.RECEIVED, State.HELD]


def test_what_came_to_nothing_here_may_be_sent_anew(bench):
    bench.store(item(1, same_as="s"))
    bench.axis.on_submit = failing(rejected)
    bench.drain("axis")
    assert bench.states() == [State.REFUSED]
    bench.store(item(1, external_id="again", same_as="s"))
    bench.store(item(1, external_id="third", same_as="s"))
    assert bench.states() == [State.REFUSED, State.RECEIVED]
    (second,) = bench.ledger.find("again")
    assert bench.ledger.story(second.id).duplicates == ("third",)


def test_what_was_superseded_by_its_own_newer_version_is_still_known_under_another_id(bench):
    bench.axis.on_prepare = failing(held)
    bench.store(item(1, same_as="s"))
    bench.drain("axis")
    bench.store(item(1, version="2", same_as="s"), item(1, version="2", same_as="s"))
    bench.store(item(1, external_id="other", same_as="s"))
    assert bench.states() == [State.SUPERSEDED, State.RECEIVED]


@pytest.mark.parametrize(
    ("code", "sent", "messages"),
    [
        (StatusCode.REFUSED, True, 2),
        (StatusCode.CHANGE_ACCEPTED, True, 2),
        (StatusCode.ACCEPTED, True, 1),
        (StatusCode.REFUSED, False, 1),
    ],
)
def test_what_we_told_the_sender_to_correct_may_be_sent_anew(bench, code, sent, messages):
    bench.store(item(1, external_id="axis-1", same_as="s"), link=IN)
    bench.drain("dms")
    if not sent:
        bench.ledger.pause_system("axis", by="Ngọc", why="x", now=bench.clock.now())
        bench.engine._standing.look_again()
    bench.store(status_item(5, about=1, code=code), link=TOLD)
    bench.drain("axis")
    bench.store(item(1, external_id="axis-2", same_as="s"), link=IN)
    assert len(bench.ledger.messages(link="in")) == messages


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


@pytest.mark.parametrize("refusal", [rejected, held])
def test_one_refused_acknowledgement_stops_neither_the_link_nor_the_others(bench, refusal):
    def refuse(batch):
        if any(one.external_id == "d1" for one in batch.items):
            raise refusal()

    bench.dms.on_acknowledge = refuse
    bench.offer(item(1), item(2))
    bench.fetch()
    assert bench.dms.acknowledged == ["d2"]
    assert bench.ledger.link_statistics()[0].code == "TEST_TROUBLE"
    bench.offer(item(3))
    bench.fetch()
    assert bench.dms.acknowledged == ["d2", "d3"]
    assert len(bench.ledger.messages(link="out")) == 3
    assert bench.engine._intake.last("out").not_before <= bench.clock.monotonic()
    assert bench.engine._standing.paused("dms") is False
    bench.dms.on_acknowledge = lambda _batch: None
    bench.fetch()
    assert bench.dms.acknowledged == ["d2", "d3", "d1"]
    assert bench.ledger.link_statistics()[0].code == ""


def test_more_refused_acknowledgements_than_a_page_keep_back_no_later_one(bench):
    bench.store(*(item(number) for number in range(1, 106)))

    def refuse(batch):
        if any(int(one.external_id[1:]) <= 102 for one in batch.items):
            raise rejected()

    bench.dms.on_acknowledge = refuse
    bench.fetch()
    assert bench.dms.acknowledged == ["d103", "d104", "d105"]


def test_an_acknowledgement_that_fails_for_now_ends_the_fetch(bench):
    bench.dms.batch_size = 1
    bench.dms.on_acknowledge = raising(retry_later())
    bench.offer(item(1), item(2))
    bench.fetch()
    assert len(bench.ledger.messages(link="out")) == 1
    assert bench.engine._intake.last("out").not_before > bench.clock.monotonic()


def test_an_acknowledgement_forbidden_to_us_pauses_the_source(bench):
    bench.dms.on_acknowledge = raising(held(Scope.SYSTEM))
    bench.offer(item(1))
    bench.fetch()
    assert set(bench.ledger.paused()) == {"dms"}


def test_what_a_link_owed_its_former_source_is_not_told_to_the_present_one(store_url):
    before = Bench(store_url)
    before.store(item(1))
    before.close()
    moved = LinkSpec(
        name="out", kinds=(Kind.DOCUMENT,), source="axis", target="dms", every=timedelta(milliseconds=100)
    )
    after = Bench(store_url, links=(moved,))
    after.fetch()
    assert after.axis.acknowledged == []
    after.close()


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


def test_a_name_too_long_for_an_index_holds_its_item_and_nothing_else(bench):
    """A stranger's document id of 10,000 characters kept a whole link from being fetched on PostgreSQL."""
    noise = "".join(f"{number:05d}" for number in range(2000))
    bench.offer(item(1, lane=noise, business_key=noise, same_as=noise), item(2), item(3))
    bench.fetch()
    bench.fetch()
    assert bench.states() == [State.HELD, State.RECEIVED, State.RECEIVED]
    assert bench.ledger.held()[0].code == "ARRIVAL_NAME_UNUSABLE"
    assert bench.dms.acknowledged.count(item(1).external_id) >= 1


def test_the_same_version_with_other_bytes_is_told_of_and_the_first_stands(bench, caplog):
    first, other = (BlobRef(sha256=digit * 64, size_bytes=1) for digit in "ab")
    bench.offer(item(1, original=first))
    bench.fetch()
    bench.offer(item(1, original=other), item(2, original=first))
    with caplog.at_level(logging.WARNING):
        bench.fetch()
    assert "other bytes (what came first stands): d1" in caplog.text
    assert [message.original for message in bench.ledger.messages()] == [first, first]
