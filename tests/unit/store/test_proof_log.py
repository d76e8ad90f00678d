"""The evidence log in the ledger: entries with settlements, one linear chain, seals, and what it notices."""

import sqlite3
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.codec.proof import BEGINNING, entry_facts, linked, read_seal
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.ledger import Act
from ebrvt_connect.store import proof, schema
from ebrvt_connect.store.connect import open_database
from ebrvt_connect.store.proof import ProofBreak, ProofLog
from ebrvt_connect.store.proof_audit import altered
from tests.integration.engine.bench import failing, held, item, rejected, retry_later

HOUR = timedelta(hours=1)
E = schema.proof_entry


@pytest.fixture
def log(ledger):
    return ProofLog(ledger.database)


def carry(bench, *numbers):
    bench.store(*(item(n) for n in numbers))
    bench.drain("axis")


def rows_of(ledger, table=E):
    with ledger.database.connect() as tx:
        return tx.execute(sa.select(table).order_by(*table.primary_key)).all()


def facts_of(ledger):
    return [entry_facts(row.body) for row in rows_of(ledger)]


def link_all(log, now):
    while log.link(now):
        pass


# --- what is entered --------------------------------------------------------------------------------


def test_what_was_taken_has_one_entry_made_with_its_settlement(bench, ledger):
    carry(bench, 1)
    (facts,) = facts_of(ledger)
    assert (facts["key"], facts["state"], facts["attempts"]) == ("out:d1:1", "done", "1")
    assert rows_of(ledger)[0].nth is None


def test_what_only_waits_or_is_held_has_none(bench, ledger):
    bench.axis.on_submit = failing(retry_later)
    carry(bench, 1)
    bench.axis.on_submit = failing(held)
    carry(bench, 2)
    assert facts_of(ledger) == []


def test_what_is_taken_and_decided_later_has_an_entry_for_each_and_none_for_asking(bench, ledger):
    answers = [timedelta(minutes=1), timedelta(minutes=1), None]
    bench.axis.decides_later = lambda _work: answers.pop(0)
    carry(bench, 1)
    for _ in range(3):
        bench.clock.advance(timedelta(minutes=2))
        bench.drain("axis")
    assert [facts["state"] for facts in facts_of(ledger)] == ["awaiting", "done"]


def test_a_persons_word_that_settles_is_entered_as_a_persons(bench, ledger):
    bench.axis.on_submit = failing(held)
    carry(bench, 1)
    message = bench.only()
    act = Act(State.REFUSED, "refuse", code="PERSON_REFUSED")
    ledger.act(message.id, lambda _: act, by="Lan", why="thiếu chữ ký", now=bench.clock.now())
    (facts,) = facts_of(ledger)
    assert (facts["state"], facts["by"], facts["code"]) == ("refused", "person", "PERSON_REFUSED")
    assert "Lan" not in rows_of(ledger)[0].body


def test_what_somebody_else_had_settled_meanwhile_is_not_entered_again(bench, ledger):
    bench.store(item(1), item(2))
    real = ledger.commit

    def overtaken(decisions):
        if any(change.state is State.DONE for change in decisions.changes):
            cancelled = Act(State.CANCELLED, "return", fences=True)
            with ledger.database.begin() as tx:
                tx.execute(
                    schema.message.update()
                    .where(schema.message.c.external_id == "d1")
                    .values(state=cancelled.state.value, in_lane=0, attempts=9)
                )
        return real(decisions)

    ledger.commit = overtaken
    bench.drain("axis")
    assert [facts["external-id"] for facts in facts_of(ledger)] == ["d2"]


def test_nothing_but_codes_times_and_digests_is_entered(bench, ledger):
    named = item(1).record.model_copy(update={"abstract": "Nguyễn Thị Canary, CCCD 001099012345"})
    bench.axis.on_submit = failing(rejected)
    bench.store(item(1, record=named, title="Nguyễn Thị Canary"))
    bench.drain("axis")
    (row,) = rows_of(ledger)
    assert "Canary" not in row.body
    assert "001099012345" not in row.body


# --- the chain --------------------------------------------------------------------------------------


def test_the_chain_is_linear_and_made_anew_from_its_bodies(bench, ledger, log, monkeypatch):
    monkeypatch.setattr(proof, "_BATCH", 2)
    carry(bench, 1, 2, 3, 4, 5)
    link_all(log, bench.clock.now())
    previous = BEGINNING
    for number, row in enumerate(rows_of(ledger), 1):
        link = linked(number, previous, row.body)
        assert (row.nth, row.previous, row.hash) == (link.number, link.previous, link.hash)
        previous = link.hash
    assert list(log.breaks()) == []
    assert log.link(bench.clock.now()) == 0


def test_many_linkers_at_once_make_one_chain(bench, ledger, store_url, monkeypatch):
    monkeypatch.setattr(proof, "_BATCH", 3)
    carry(bench, *range(1, 41))
    now, done = bench.clock.now(), []

    def keep_linking():
        database = open_database(store_url)
        while ProofLog(database).standing().unlinked:
            done.append(ProofLog(database).link(now))
        database.dispose()

    threads = [threading.Thread(target=keep_linking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(done) == 40
    assert sorted(row.nth for row in rows_of(ledger)) == list(range(1, 41))
    assert list(ProofLog(ledger.database).breaks()) == []


@pytest.mark.postgres
def test_an_entry_committed_late_comes_after_what_was_linked_before(databases):
    with databases.migrated() as url:
        database = open_database(url)
        log, values = ProofLog(database), {"message_id": 1, "body": "x"}
        from ebrvt_connect.testing.clock import START

        with database.connect() as late:
            late.execute(E.insert(), values)  # has the lower id, and is not committed
            with database.begin() as early:
                early.execute(E.insert(), values | {"message_id": 2})
            assert log.link(START) == 1
            late.commit()
        assert log.link(START) == 1
        with database.connect() as tx:
            chain = tx.scalars(sa.select(E.c.message_id).order_by(E.c.nth)).all()
        assert chain == [2, 1]
        assert list(log.breaks()) == []
        database.dispose()


STATEMENTS = (
    "UPDATE proof_entry SET body = 'x' WHERE nth = 1",
    "UPDATE proof_entry SET nth = 9 WHERE nth = 1",
    "UPDATE proof_entry SET nth = NULL WHERE nth = 1",
    "DELETE FROM proof_entry WHERE nth = 1",
    "UPDATE proof_seal SET statement = 'x'",
    "DELETE FROM proof_seal",
    "UPDATE proof_stamp SET stamped_at = 1",
    "DELETE FROM proof_stamp",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_itself_refuses_to_change_what_is_entered(statement, bench, ledger, log):
    carry(bench, 1)
    log.link(bench.clock.now())
    assert log.seal(bench.clock.now() + HOUR, HOUR)
    log.stamped(1, b"token", bench.clock.now())
    with pytest.raises(sa.exc.DatabaseError, match="only added to"), ledger.database.begin() as tx:
        tx.execute(sa.text(statement))
    assert list(log.breaks()) == []


def tampered(ledger, statement):
    """As somebody may who can take the guards away."""
    with ledger.database.begin() as tx:
        if tx.dialect.name == "sqlite":
            for table in ("proof_entry", "proof_seal"):
                tx.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_UPDATE"))
                tx.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_DELETE"))
        else:
            tx.execute(sa.text("SET LOCAL session_replication_role = replica"))
        tx.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE proof_entry SET body = 'x' WHERE nth = 3", [ProofBreak(3, "entry")]),
        ("DELETE FROM proof_entry WHERE nth = 3", [ProofBreak(3, "missing")]),
        (
            "UPDATE proof_entry SET previous = hash WHERE nth = 2",
            [ProofBreak(2, "previous"), ProofBreak(2, "entry")],
        ),
        ("UPDATE proof_seal SET last = last + 1", [ProofBreak(1, "seal")]),
        ("DELETE FROM proof_entry WHERE nth = 5", [ProofBreak(1, "seal")]),
    ],
)
def test_a_row_altered_behind_the_guards_is_found_with_its_number(statement, found, bench, ledger, log):
    carry(bench, 1, 2, 3, 4, 5)
    link_all(log, bench.clock.now())
    assert log.seal(bench.clock.now() + HOUR, HOUR)
    tampered(ledger, statement)
    assert [one for one in log.breaks() if one in found] == found


# --- seals ------------------------------------------------------------------------------------------


def test_an_hour_is_sealed_when_it_is_over_and_only_once(bench, log):
    carry(bench, 1, 2)
    link_all(log, bench.clock.now())
    assert not log.seal(bench.clock.now(), HOUR)
    bench.clock.advance(HOUR)
    assert log.seal(bench.clock.now(), HOUR)
    assert not log.seal(bench.clock.now(), HOUR)
    (waiting,) = log.unstamped()
    seal = read_seal(waiting.statement)
    assert (seal.number, seal.first, seal.last, seal.previous) == (1, 1, 2, BEGINNING)
    assert log.standing().stamped_until == 0
    log.stamped(1, b"token", bench.clock.now())
    assert (log.unstamped(), log.standing().stamped_until) == ([], 2)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400), timedelta(hours=-1)])
def test_a_clock_that_jumps_changes_when_it_is_sealed_and_never_the_order(jump, bench, log):
    carry(bench, 1)
    link_all(log, bench.clock.now())
    bench.clock.jump(bench.clock.now() + jump)
    assert log.seal(bench.clock.now(), HOUR)
    carry(bench, 2)
    link_all(log, bench.clock.now())
    bench.clock.jump(bench.clock.now() - jump)
    assert log.seal(bench.clock.now(), HOUR)
    assert [(s.first, s.last) for s in (read_seal(w.statement) for w in log.unstamped())] == [(1, 1), (2, 2)]
    assert list(log.breaks()) == []


def test_more_than_one_seal_holds_is_sealed_before_the_hour_is_over(bench, log, monkeypatch):
    monkeypatch.setattr(proof, "_MOST_SEALED", 2)
    carry(bench, 1, 2, 3)
    link_all(log, bench.clock.now())
    assert log.seal(bench.clock.now(), HOUR)
    assert not log.seal(bench.clock.now(), HOUR)
    assert log.standing().unsealed == 1


def test_every_entry_of_a_seal_leads_to_its_root(bench, ledger, log):
    from ebrvt_connect.codec.proof import root_by

    carry(bench, *range(1, 8))
    link_all(log, bench.clock.now())
    log.seal(bench.clock.now() + HOUR, HOUR)
    root = read_seal(log.unstamped()[0].statement).root
    for entry in log.entries_of([m.id for m in ledger.messages(link="out")]):
        place = log.place_of(entry.link)
        assert root_by(entry.link.hash, place.path) == root


def test_the_guards_hold_for_a_plain_sqlite_client_too(bench, ledger, log):
    if ledger.database.dialect.name != "sqlite":
        pytest.skip("a file")
    carry(bench, 1)
    log.link(bench.clock.now())
    database = sqlite3.connect(ledger.database.url.database)
    with pytest.raises(sqlite3.IntegrityError, match="only added to"):
        database.execute("DELETE FROM proof_entry")
    database.close()


# --- the ledger held to its log ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE message SET receipt_external_id = 'x' WHERE external_id = 'd2'",
        "UPDATE message SET record = '{}' WHERE external_id = 'd2'",
        "UPDATE message SET payload_sha256 = 'x' WHERE external_id = 'd2'",
        "DELETE FROM message WHERE external_id = 'd2'",
    ],
)
def test_a_message_altered_after_it_was_entered_is_found_by_its_entry(statement, bench, ledger, log):
    carry(bench, 1, 2, 3)
    link_all(log, bench.clock.now())
    assert list(altered(ledger.database)) == []
    nth = next(e.link.number for e in log.entries_of([1, 2, 3]) if entry_facts(e.body)["external-id"] == "d2")
    with ledger.database.begin() as tx:
        tx.execute(sa.text(statement))
    assert list(altered(ledger.database)) == [ProofBreak(nth, "message")]


def test_what_a_person_takes_up_again_is_no_alteration(bench, ledger, log):
    bench.axis.on_submit = failing(rejected)
    carry(bench, 1)
    act = Act(State.QUEUED, "requeue", fences=True)
    ledger.act(bench.only().id, lambda _: act, by="Lan", why="đã sửa bên nhận", now=bench.clock.now())
    link_all(log, bench.clock.now())
    assert list(altered(ledger.database)) == []
    bench.axis.on_submit = lambda _work: None
    bench.drain("axis")
    link_all(log, bench.clock.now())
    assert [facts["state"] for facts in facts_of(ledger)] == ["refused", "done"]
    assert list(altered(ledger.database)) == []
