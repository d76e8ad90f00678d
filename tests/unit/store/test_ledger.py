"""The ledger by itself: rows and values, questions people ask, acts, trouble told apart."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine import steering
from ebrvt_connect.errors import HeldForPerson, RetryLater, Scope
from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.model.message import BlobRef, Kind, Payload, Receipt, State
from ebrvt_connect.ports.ledger import Change, Decisions, Exchange, Step
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import telling_apart
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.seat import Seat
from ebrvt_connect.store.shards import due_heads, wake_bucket
from ebrvt_connect.testing.clock import START
from tests.integration.engine.bench import BACK, IN, TOLD, document, item, status, status_item


def turned(ledger, message_id, state, **changes):
    """Put a message into a state, as an engine's decision would."""
    message = ledger.message(message_id)
    assert not ledger.commit(
        Decisions(changes=[Change(was=message, state=state, **changes)], now=START + timedelta(hours=1))
    )
    return ledger.message(message_id)


def test_a_message_comes_back_as_it_was_stored(bench, ledger):
    bench.store(item(1, original=BlobRef(sha256="a" * 64, size_bytes=10), priority=3))
    message = ledger.message(1)
    assert message.model_dump() == type(message).model_validate(message.model_dump()).model_dump()
    assert message.idem_key == "out:d1:1"
    assert message.title == "1/UBND-VP"
    assert message.original == BlobRef(sha256="a" * 64, size_bytes=10)
    assert (message.created_at, message.priority, message.state) == (START, 3, State.RECEIVED)


def test_a_payload_and_a_receipt_come_back_as_they_were(bench, ledger):
    bench.store(item(1))
    payload = Payload(
        blob=BlobRef(sha256="b" * 64, size_bytes=2), media_type="text/xml", facts=(("Nơi nhận", "Sở"),)
    )
    receipt = Receipt(external_id="x", raw=b"\x00\xff", note="đã nhận")
    message = turned(ledger, 1, State.DONE, payload=payload, receipt=receipt, verdict="{}")
    assert (message.payload, message.receipt, message.verdict) == (payload, receipt, "{}")


def test_since_when_it_is_in_doubt_is_kept_while_it_is_and_forgotten_after(bench, ledger):
    bench.store(item(1))
    assert turned(ledger, 1, State.IN_DOUBT).doubt_since == START + timedelta(hours=1)
    message = ledger.message(1)
    later = Decisions(changes=[Change(was=message, state=State.IN_DOUBT)], now=START + timedelta(hours=2))
    ledger.commit(later)
    assert ledger.message(1).doubt_since == START + timedelta(hours=1)
    assert turned(ledger, 1, State.QUEUED).doubt_since is None
    turned(ledger, 1, State.IN_DOUBT)
    steering.skip(ledger, 1, by="Ngọc", why="x", now=START)
    assert ledger.message(1).doubt_since is None


def test_siblings_are_what_the_same_target_took_of_the_same_lane(bench, ledger):
    bench.store(item(1), item(1, version="2"), item(1, version="3"), item(2))
    bench.store(status_item(1, about=1), link=BACK)
    for number in (1, 4, 5):
        turned(ledger, number, State.DONE, receipt=Receipt(external_id=f"r{number}"))
    turned(ledger, 2, State.REFUSED)
    third = ledger.message(3)
    assert [(one.id, one.receipt.external_id) for one in ledger.siblings_of(third)] == [(1, "r1")]
    assert ledger.siblings_of(ledger.message(1)) == ()


def test_vietnamese_and_odd_characters_survive(bench, ledger):
    bench.store(item(1, title="7849/UBND-VP – Đỗ “Hòa” \U0001f600"))
    assert ledger.message(1).title == "7849/UBND-VP – Đỗ “Hòa” \U0001f600"


def test_times_keep_their_microseconds_whatever_their_zone(ledger, bench):
    bench.store(item(1))
    at = datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=7)))
    message = turned(ledger, 1, State.WAITING, next_at=at)
    assert message.next_at == at
    assert message.next_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(ledger):
    with pytest.raises(sa.exc.StatementError, match="needs a zone"):
        ledger.beat("x", "h", 1, datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_a_change_is_dropped_when_somebody_else_was_there_first(bench, ledger):
    bench.store(item(1), item(2))
    first, second = ledger.messages()
    turned(ledger, 1, State.HELD)
    line = Exchange(step=Step.SUBMIT, attempt=0, started_at=START, ended_at=START)
    late = [
        Change(was=first, state=State.DONE, exchange=line),
        Change(was=second, state=State.DONE, exchange=line),
    ]
    assert ledger.commit(Decisions(changes=late, sending=[first], now=START)) == {1}
    assert [m.state for m in ledger.messages()] == [State.HELD, State.DONE]
    assert ledger.story(1).exchanges == ()
    assert len(ledger.story(2).exchanges) == 1


def test_a_fenced_change_tells_nobody_anything(bench, ledger):
    from dataclasses import replace

    from ebrvt_connect.ports.ledger import NewMessage

    bench.store(item(1))
    was = ledger.message(1)
    turned(ledger, 1, State.HELD)
    new = NewMessage(
        idem_key="out:d1:1>SENT",
        link="out~feedback",
        source="axis",
        target="dms",
        kind=Kind.DOCUMENT_STATUS,
        lane="x",
    )
    change = Change(was=was, state=State.DONE, feedback=(new,))
    assert ledger.commit(Decisions(changes=[change], now=START)) == {1}
    assert ledger.messages(link="out~feedback") == []
    assert not ledger.commit(Decisions(changes=[replace(change, was=ledger.message(1))], now=START))
    assert len(ledger.messages(link="out~feedback")) == 1


def test_counts_by_link_and_state(bench, ledger):
    bench.store(item(1), item(2), item(3))
    bench.store(status_item(1, about=1), link=BACK)
    turned(ledger, 1, State.HELD)
    assert ledger.counts() == {
        "out": {State.HELD: 1, State.RECEIVED: 2},
        "back": {State.RECEIVED: 1},
    }


@pytest.mark.parametrize("text", ["1", "1/UBND-VP", "H06.15,2026/11/23,1/UBND-VP", "d1", "out:d1:1", "  d1 "])
def test_a_message_is_found_by_whatever_a_person_knows_of_it(bench, ledger, text):
    bench.store(item(1), item(2))
    assert [m.id for m in ledger.find(text)] == [1]
    assert [s.message.id for s in ledger.stories(text)] == [1]


@pytest.mark.parametrize("text", ["", "%", "9" * 40, "²", "' OR 1=1 --"])
def test_a_strange_question_finds_nothing(bench, ledger, text):
    bench.store(item(1))
    assert ledger.find(text) == []


def test_there_is_no_story_of_what_is_not_there(ledger):
    assert ledger.story(7) is None
    assert ledger.message(7) is None


def test_messages_are_narrowed_by_link_target_state_and_place(bench, ledger):
    bench.store(item(1), item(2))
    bench.store(status_item(1, about=1), link=BACK)
    turned(ledger, 2, State.HELD)
    assert [m.id for m in ledger.messages(target="dms")] == [3]
    assert [m.id for m in ledger.messages(states=(State.HELD, State.DEAD))] == [2]
    assert [m.id for m in ledger.messages(after_id=1, limit=1)] == [2]
    assert [m.id for m in ledger.held(limit=5)] == [2]


def test_link_statistics_are_counted_from_recorded_states(bench, ledger):
    bench.store(item(1), item(2))
    turned(ledger, 1, State.DONE)
    (statistics,) = ledger.link_statistics()
    assert statistics.by_state == {"done": 1, "received": 1}
    assert statistics.oldest_open_at == START
    assert statistics.last_done_at == START + timedelta(hours=1)
    assert (statistics.attempts, statistics.retries) == (0, 0)


@pytest.mark.parametrize(
    ("states", "settled"),
    [
        ((State.DONE, State.REFUSED), True),
        ((State.HELD, State.DEAD), True),
        ((State.RECEIVED,), False),
        ((State.IN_DOUBT,), False),
        ((State.WAITING,), False),
        ((State.AWAITING,), False),
        ((), True),
    ],
)
def test_settled_means_that_nothing_moves_by_itself_any_more(bench, ledger, states, settled):
    for number, state in enumerate(states, 1):
        bench.store(item(number))
        if state is not State.RECEIVED:
            turned(ledger, number, state)
    assert ledger.settled() is settled


def test_what_waits_behind_a_held_one_moves_no_more_either(bench, ledger):
    bench.store(item(1, lane="one"), item(2, lane="one"))
    turned(ledger, 1, State.HELD)
    assert ledger.settled()
    steering.skip(ledger, 1, by="An", why="thử", now=START)
    assert not ledger.settled()


@pytest.mark.parametrize(
    ("act", "start", "end", "code"),
    [
        (steering.release, State.HELD, State.RECEIVED, ""),
        (steering.requeue, State.DEAD, State.RECEIVED, ""),
        (steering.requeue, State.REFUSED, State.RECEIVED, ""),
        (steering.return_to_source, State.HELD, State.CANCELLED, "RETURNED_BY_PERSON"),
        (steering.refuse, State.DEAD, State.REFUSED, "REFUSED_BY_PERSON"),
        (steering.skip, State.WAITING, State.CANCELLED, "SKIPPED_BY_PERSON"),
        (steering.skip, State.AWAITING, State.CANCELLED, "SKIPPED_BY_PERSON"),
    ],
)
def test_an_act_changes_the_state_and_is_written_into_the_story(bench, ledger, act, start, end, code):
    bench.store(item(1))
    turned(ledger, 1, start)
    message = act(ledger, 1, by="Phạm Thị Dung", why="lý do", now=START)
    assert (message.state, message.code) == (end, code)
    if code:
        assert "Phạm Thị Dung" in message.reason_vi
        assert "lý do" in message.reason_vi
    (line,) = ledger.story(1).exchanges
    assert (line.step, line.detail) == (Step.PERSON, "Phạm Thị Dung: lý do")


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (steering.release, State.DONE),
        (steering.requeue, State.DONE),
        (steering.return_to_source, State.QUEUED),
        (steering.refuse, State.WAITING),
        (steering.release, State.AWAITING),
        (steering.confirm, State.AWAITING),
        (steering.skip, State.SENDING),
        (steering.skip, State.DONE),
    ],
)
def test_an_act_that_makes_no_sense_is_refused_in_words(bench, ledger, act, state):
    bench.store(item(1))
    turned(ledger, 1, state)
    with pytest.raises(HeldForPerson) as refusal:
        act(ledger, 1, by="x", why="y", now=START)
    assert refusal.value.code == "ACTION_NOT_POSSIBLE"
    assert str(state) in refusal.value.explanation_vi
    assert ledger.message(1).state is state


@pytest.mark.parametrize(
    ("act", "told"), [(steering.skip, [1]), (steering.refuse, [1]), (steering.release, [])]
)
def test_the_source_is_told_of_what_a_person_ends_and_of_nothing_else(bench, ledger, act, told):
    bench.store(item(1, lane="one"))
    turned(ledger, 1, State.HELD)
    act(ledger, 1, by="An", why="thử", now=START)
    untold = ledger.untold("axis", ledger.shard_of("one"), limit=9)
    assert [due.message.id for due in untold] == told


def test_what_could_never_be_read_is_not_released(bench, ledger):
    bench.store(item(1, record=None))
    turned(ledger, 1, State.HELD)
    with pytest.raises(HeldForPerson, match="cannot be released"):
        steering.release(ledger, 1, by="x", why="y", now=START)
    assert steering.skip(ledger, 1, by="x", why="y", now=START).state is State.CANCELLED


def test_an_act_on_nothing_is_refused(ledger):
    with pytest.raises(HeldForPerson) as refusal:
        steering.release(ledger, 5, by="x", why="y", now=START)
    assert refusal.value.code == "MESSAGE_UNKNOWN"


def test_skipping_bumps_the_attempts_and_so_fences_a_copy_read_ahead(bench, ledger):
    bench.store(item(1))
    ahead = ledger.message(1)
    steering.skip(ledger, 1, by="x", why="y", now=START)
    assert ledger.message(1).attempts == ahead.attempts + 1
    assert ledger.commit(Decisions(sending=[ahead], now=START)) == {1}


def test_a_head_is_found_by_the_indexes_of_its_shard_and_its_lane(bench, ledger):
    if ledger.database.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by what the tables hold")
    query = (
        sa.select(schema.message)
        .where(schema.message.c.target == "axis", schema.message.c.shard == 0, schema.message.c.in_lane == 1)
        .where(*due_heads(START, judging_only=False))
    )
    spelled = query.compile(dialect=ledger.database.dialect, compile_kwargs={"literal_binds": True})
    with ledger.database.connect() as tx:
        plan = [row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {spelled}")]
    assert any("message_by_shard (target=? AND shard=? AND in_lane=?" in line for line in plan), plan
    assert any("message_by_lane (target=? AND lane=? AND in_lane=? AND place<?" in line for line in plan), (
        plan
    )


def test_the_origin_of_a_status_is_the_document_it_names(bench, ledger):
    bench.store(item(7), item(8))
    bench.store(status_item(1, about=8), link=BACK)
    message = ledger.message(3)
    assert ledger.origin_of(message, status(8)).id == 2
    by_external = status(99, about=None, about_external_id="d7")
    assert ledger.origin_of(message, by_external).id == 1
    assert ledger.origin_of(message, status(99)) is None
    assert ledger.origin_of(message, status(99, about=None)) is None


def test_the_newest_of_several_documents_of_one_name_is_the_origin(bench, ledger):
    bench.store(item(7), item(7, version="2"))
    bench.store(status_item(1, about=7), link=BACK)
    assert ledger.origin_of(ledger.message(3), status(7)).id == 2


def test_the_document_a_status_was_made_for_comes_before_a_newer_one_of_its_name(bench, ledger):
    bench.store(item(7), item(7, version="2"))
    bench.store(status_item(1, about=7), link=BACK)
    made_for = ledger.message(3).model_copy(update={"origin_id": 1})
    assert ledger.origin_of(made_for, status(7)).id == 1
    assert ledger.origin_of(made_for, status(99)).id == 1


def test_how_a_breaker_stands_is_kept_for_people(ledger):
    ledger.note_breaker("axis", "open", START)
    (system,) = ledger.systems()
    assert (system.system, system.breaker, system.breaker_at) == ("axis", "open", START)


@pytest.mark.parametrize(
    ("code", "link", "source"),
    [
        (StatusCode.ACCEPTED, BACK, "dms"),
        (StatusCode.CHANGE_ACCEPTED, BACK, "dms"),
        (StatusCode.RECALL, BACK, "axis"),
        (StatusCode.ACCEPTED, TOLD, "axis"),
        (StatusCode.RECALL, TOLD, "dms"),
    ],
)
def test_a_document_between_two_of_our_agencies_is_told_about_on_its_own_side(
    bench, ledger, code, link, source
):
    bench.store(item(1, external_id="axis-1"), link=IN)
    bench.store(item(1))
    bench.store(item(1, external_id="axis-2", version="2"), link=IN)
    bench.store(status_item(5, about=1, code=code), link=link)
    (message,) = ledger.messages(link=link.name)
    origin = ledger.origin_of(message, status(1, code))
    assert (origin.source, origin.id) == (source, {"dms": 2, "axis": 3}[source])


def test_the_document_of_strangers_is_nobodys_origin(bench, ledger):
    from dataclasses import replace

    bench.store(item(7), link=replace(BACK, source="elsewhere", target="dms"))
    bench.store(status_item(1, about=7), link=replace(BACK, name="b2", target="axis", source="motcua"))
    assert ledger.origin_of(ledger.message(2), status(7)) is None


def test_the_first_reason_for_a_pause_stands(ledger):
    assert ledger.pause_system("axis", by="An", why="một", now=START)
    assert not ledger.pause_system("axis", by="Bình", why="hai", now=START)
    (standing,) = ledger.systems()
    assert (standing.pause.by, standing.pause.reason_vi) == ("An", "một")
    assert ledger.resume_system("axis")
    assert not ledger.resume_system("axis")
    assert ledger.systems()[0].pause is None


def test_changing_the_number_of_shards_needs_an_idle_store(bench, ledger):
    ledger.fix_shards(16)
    bench.store(item(1))
    with pytest.raises(HeldForPerson) as refusal:
        ledger.fix_shards(8)
    assert (refusal.value.code, refusal.value.scope) == ("STORE_SHARDS_DIFFER", Scope.STORE)
    assert ledger.shards == 16
    turned(ledger, 1, State.DONE)
    ledger.fix_shards(8)
    assert ledger.shards == 8


def test_a_lane_lies_in_the_same_shard_for_ever(ledger):
    assert [ledger.shard_of(lane) for lane in ("", "one", "đường")] == [0, 1, 4]


def test_without_a_dispatcher_no_flag_is_raised_so_the_sweep_finds_the_work(bench, ledger):
    ledger.activate_with(None)
    bench.store(item(1))
    with ledger.database.connect() as tx:
        assert tx.execute(sa.select(schema.shard)).all() == []
    assert len(ledger.due_shards(START)) == 1


def test_a_flag_left_up_over_nothing_is_found_by_the_sweep_before_it_hides_new_work(bench, ledger):
    bench.store(item(1, lane="one"))
    shard = ledger.shard_of("one")
    turned(ledger, 1, State.DONE)
    assert ledger.due_shards(START) == [("axis", shard)], "its activation may be gone"
    ledger.open_shard("axis", shard, START)
    assert ledger.due_shards(START) == []


def test_one_waking_stands_for_all_that_is_due_about_then(bench, ledger):
    bench.store(item(1, lane="one"), item(2, lane="two"))
    ledger.fix_shards(1)
    with ledger.database.begin() as tx:
        tx.execute(schema.message.update().values(shard=0))
    turned(ledger, 1, State.WAITING, next_at=START + timedelta(minutes=2))
    turned(ledger, 2, State.WAITING, next_at=START + timedelta(minutes=5))
    bench.activated.clear()
    for _ in range(3):
        rest = ledger.close_shard("axis", 0, now=START, sendable=True, not_before=None)
        assert rest.wake_at == wake_bucket(START + timedelta(minutes=2))
    assert len(bench.activated) == 1
    turned(ledger, 2, State.WAITING, next_at=START + timedelta(minutes=1))
    ledger.close_shard("axis", 0, now=START, sendable=True, not_before=None)
    assert [a[3] for a in bench.activated] == [START + timedelta(minutes=2), START + timedelta(minutes=1)]
    assert len({(a[0], a[1], a[2]) for a in bench.activated}) == 2


@pytest.mark.parametrize("state", [State.QUEUED, State.WAITING, State.IN_DOUBT, State.AWAITING])
def test_what_may_be_sent_only_later_wakes_its_shard_then(bench, ledger, state):
    bench.store(item(1, lane="one"))
    turned(ledger, 1, state)
    rested = START + timedelta(minutes=5)
    rest = ledger.close_shard("axis", ledger.shard_of("one"), now=START, sendable=True, not_before=rested)
    assert (rest.activated, rest.wake_at) == (False, wake_bucket(rested))


def test_a_shard_with_nothing_to_send_is_not_woken_for_the_end_of_a_rest(bench, ledger):
    bench.store(item(1, lane="one"))
    turned(ledger, 1, State.HELD)
    rested = START + timedelta(minutes=5)
    rest = ledger.close_shard("axis", ledger.shard_of("one"), now=START, sendable=True, not_before=rested)
    assert (rest.activated, rest.wake_at) == (False, None)


def test_no_activation_of_a_shard_bears_the_number_of_an_earlier_one(bench, ledger):
    """What bears the number of one that is over is taken for it, and the shard would sleep."""
    shard = ledger.shard_of("one")
    bench.activated.clear()
    for n in range(3):
        bench.store(item(n, lane="one"))
        ledger.open_shard("axis", shard, START)
        turned(ledger, n + 1, State.WAITING, next_at=START + timedelta(minutes=9 - n))
        ledger.close_shard("axis", shard, now=START, sendable=True, not_before=None)
    numbers = [activation[2] for activation in bench.activated]
    assert len(numbers) >= 4
    assert numbers == sorted(set(numbers))


def test_of_a_paused_system_only_what_is_to_be_judged_is_due(bench, ledger):
    bench.store(item(1, lane="one"))
    shard = ledger.shard_of("one")
    ledger.note_breaker("axis", "open", START)
    ledger.open_shard("axis", shard, START)
    assert ledger.due_shards(START) == [("axis", shard)]
    ledger.pause_system("axis", by="An", why="bảo trì", now=START)
    assert ledger.due_shards(START) == [("axis", shard)]
    turned(ledger, 1, State.QUEUED)
    assert ledger.due_shards(START) == []
    ledger.resume_system("axis")
    ledger.open_shard("axis", shard, START)
    assert ledger.due_shards(START) == [("axis", shard)]
    assert ledger.due_shards(START, closed={"axis"}) == []


def test_a_waking_that_has_come_is_cleared_with_the_flag(bench, ledger):
    bench.store(item(1, lane="one"))
    shard = ledger.shard_of("one")
    turned(ledger, 1, State.WAITING, next_at=START + timedelta(minutes=2))
    ledger.close_shard("axis", shard, now=START, sendable=True, not_before=None)
    ledger.open_shard("axis", shard, START + timedelta(minutes=1))
    with ledger.database.connect() as tx:
        assert tx.scalar(sa.select(schema.shard.c.wake_at)) is not None
    ledger.open_shard("axis", shard, START + timedelta(minutes=3))
    with ledger.database.connect() as tx:
        assert tx.scalar(sa.select(schema.shard.c.wake_at)) is None


def test_a_daemons_beat_is_its_latest(ledger):
    ledger.beat("a", "host", 10, START)
    ledger.beat("a", "host", 10, START + timedelta(seconds=50))
    assert ledger.silent_executors(START + timedelta(seconds=70), timedelta(seconds=60)) == []
    assert ledger.silent_executors(START + timedelta(minutes=5), timedelta(seconds=60)) == ["a"]
    ledger.forget_executor("a")
    assert ledger.silent_executors(START + timedelta(minutes=5), timedelta(seconds=60)) == []


def test_a_full_disk_says_so(bench, ledger):
    if ledger.database.dialect.name != "sqlite":
        pytest.skip("SQLite can be told how large it may grow")
    with ledger.database.connect() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar()

    @sa.event.listens_for(ledger.database, "checkout")
    def small(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count={pages + 1}")

    with pytest.raises(HeldForPerson) as trouble:
        bench.store(*(item(n, title="x" * 5000) for n in range(100)))
    assert (trouble.value.code, trouble.value.scope) == ("STORE_FULL", Scope.STORE)
    assert "x" * 50 not in str(trouble.value)


def test_a_store_that_is_no_store_says_so(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"this is no database, and it is long enough to be sure of it" * 50)
    with pytest.raises(HeldForPerson) as trouble:
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    assert trouble.value.code == "STORE_DAMAGED"


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HeldForPerson) as trouble:
        Ledger.open(f"sqlite:///{tmp_path}/file/ledger.db", START)
    assert trouble.value.code == "STORE_FULL"


def test_a_busy_database_is_tried_again_later():
    locked = sa.exc.OperationalError(
        "UPDATE", {"secret": "x"}, sqlite3.OperationalError("database is locked")
    )
    with pytest.raises(RetryLater) as busy, telling_apart():
        raise locked
    assert busy.value.code == "STORE_BUSY"
    assert "secret" not in str(busy.value)


def test_a_pool_that_has_run_dry_is_tried_again_later():
    with pytest.raises(RetryLater), telling_apart():
        raise sa.exc.TimeoutError("QueuePool limit")


def test_a_mistake_of_ours_is_not_dressed_up_as_trouble():
    with pytest.raises(sa.exc.IntegrityError), telling_apart():
        raise sa.exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("NOT NULL constraint failed"))


def test_a_seat_is_for_one(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    first, second = Seat(url), Seat(url)
    first.take()
    first.take()
    with pytest.raises(HeldForPerson) as refusal:
        second.take()
    assert refusal.value.code == "ALREADY_RUNNING"
    first.leave()
    second.take()
    second.leave()
    Seat("postgresql+psycopg://u:p@h/db").take()


def test_a_record_keeps_all_its_words(bench, ledger):
    from ebrvt_connect.store.rows import record_of

    bench.store(item(1))
    assert record_of(ledger.message(1)) == document(1)
