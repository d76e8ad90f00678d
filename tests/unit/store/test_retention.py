"""Retention: what is finished is given up in time, what waits for anybody never, and the proof stays one."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.model.message import BlobRef, State
from ebrvt_connect.ports.ledger import Act
from ebrvt_connect.store import retention, schema
from ebrvt_connect.store.collecting import named_blobs, references
from ebrvt_connect.store.proof import ProofBreak, ProofLog
from ebrvt_connect.store.proof_audit import altered
from ebrvt_connect.store.proof_rows import facts_now
from ebrvt_connect.store.retention import Periods, Pruned, due, last_upkeep, note_upkeep, prune, tending
from tests.integration.engine.bench import failing, held, item, reconcile_first, rejected, retry_later

MONTH = timedelta(days=30)
ALL = Periods(attempts=MONTH, contents=MONTH, evidence=MONTH)
SHA = "ab" * 32
ORIGINAL = BlobRef(sha256=SHA, size_bytes=1)


def carry(bench, *items):
    bench.store(*items)
    bench.drain()


def later(bench, time=2 * MONTH):
    return bench.clock.now() + time


def rows_of(ledger, table):
    with ledger.database.connect() as tx:
        return tx.execute(sa.select(table).order_by(*table.primary_key)).all()


@pytest.fixture
def carried(bench):
    """One document and what its source is told, both done."""
    carry(bench, item(1, original=ORIGINAL))
    assert set(bench.states()) == {State.DONE}
    return bench


def test_nothing_is_given_up_before_its_time(carried, ledger):
    assert prune(ledger.database, ALL, later(carried, MONTH)) == Pruned()
    assert prune(ledger.database, Periods(), later(carried, 100 * MONTH)) == Pruned()


def test_what_is_finished_is_given_up_in_time_and_once(carried, ledger):
    told = due(ledger.database, ALL, later(carried))
    assert told.contents == told.evidence == 2
    assert prune(ledger.database, ALL, later(carried)) == told
    assert prune(ledger.database, ALL, later(carried)) == Pruned()
    assert rows_of(ledger, schema.attempt) == []
    assert SHA not in named_blobs(ledger.database)
    assert list(references(ledger.database)) == []


def test_each_has_a_period_of_its_own(carried, ledger):
    only = Periods(attempts=MONTH, contents=5 * MONTH)
    assert prune(ledger.database, only, later(carried)).contents == 0
    assert SHA in named_blobs(ledger.database)
    assert prune(ledger.database, only, later(carried, 6 * MONTH)).contents == 2


@pytest.mark.parametrize("trouble", [held, rejected, retry_later, reconcile_first])
def test_what_is_not_finished_is_kept_for_ever(bench, ledger, trouble):
    bench.axis.on_submit = failing(trouble)
    bench.dms.feedbacks = lambda *_: ()
    carry(bench, item(1, original=ORIGINAL))
    attempts = rows_of(ledger, schema.attempt)
    assert attempts
    assert prune(ledger.database, ALL, later(bench, 100 * MONTH)) == Pruned()
    assert rows_of(ledger, schema.attempt) == attempts
    assert SHA in named_blobs(ledger.database)


def test_what_a_lane_at_work_may_still_need_is_kept(bench, ledger):
    """What comes behind it may be made from it, or sent under its receipt."""
    bench.axis.on_submit = failing(held, only="d2")
    bench.dms.feedbacks = lambda *_: ()
    carry(bench, item(1, lane="one", original=ORIGINAL), item(2, lane="one"))
    assert prune(ledger.database, ALL, later(bench)) == Pruned()
    (second,) = [message for message in ledger.messages() if message.external_id == "d2"]
    cancelled = Act(State.CANCELLED, "skip", code="PERSON_SKIPPED")
    ledger.act(second.id, lambda _: cancelled, by="Lan", why="bỏ", now=bench.clock.now())
    bench.drain()
    assert prune(ledger.database, ALL, later(bench)).contents == 2


def test_what_its_source_is_still_to_be_told_of_is_kept(bench, ledger):
    bench.dms.on_submit = failing(retry_later)
    carry(bench, item(1, original=ORIGINAL))
    assert prune(ledger.database, ALL, later(bench)) == Pruned()


def test_a_duplicate_is_known_after_everything_was_given_up(carried, ledger):
    prune(ledger.database, ALL, later(carried))
    before = len(carried.states())
    carried.store(item(1, original=ORIGINAL))
    assert len(carried.states()) == before


def test_the_chain_and_the_ledger_agree_after_everything_was_given_up(carried, ledger):
    with ledger.database.begin() as tx:  # as a gate would have left it, before it was entered
        tx.execute(schema.message.update().values(receipt_raw=b"their words", receipt_note="note"))
        tx.execute(sa.text("DROP TRIGGER proof_entry_no_update" + _on(tx)))
        tx.execute(sa.text("DROP TRIGGER proof_entry_no_delete" + _on(tx)))
        tx.execute(schema.proof_entry.delete())
    with ledger.database.begin() as tx:
        for message in ledger.messages():
            tx.execute(schema.proof_entry.insert().values(message_id=message.id, body=facts_now(message)))
    log = ProofLog(ledger.database)
    while log.link(carried.clock.now()):
        pass
    assert prune(ledger.database, ALL, later(carried)).evidence == 2
    assert {bytes(row.receipt_raw) for row in rows_of(ledger, schema.message)} == {b""}
    assert list(log.breaks()) == []
    assert list(altered(ledger.database)) == []
    with ledger.database.begin() as tx:
        tx.execute(schema.message.update().values(receipt_raw=b"other words"))
    assert list(altered(ledger.database)) == [ProofBreak(1, "message"), ProofBreak(2, "message")]


def _on(tx):
    return " ON proof_entry" if tx.dialect.name == "postgresql" else ""


def test_the_receipts_id_stays(carried, ledger):
    before = {message.id: message.receipt.external_id for message in ledger.messages() if message.receipt}
    prune(ledger.database, ALL, later(carried))
    assert {m.id: m.receipt.external_id for m in ledger.messages() if m.receipt} == before
    assert before


def test_it_goes_range_by_range_and_stops_when_told(bench, ledger, monkeypatch):
    monkeypatch.setattr(retention, "_RANGE", 2)
    carry(bench, *(item(n) for n in range(5)))
    turns = iter((False, False, True))
    only = Periods(contents=MONTH)
    begun = prune(ledger.database, only, later(bench), stopping=lambda: next(turns, True)).contents
    assert begun == 4
    assert prune(ledger.database, only, later(bench)).contents == 6


def test_how_it_went_is_noted(ledger):
    assert last_upkeep(ledger.database) is None
    for code in ("A", "B"):
        note_upkeep(ledger.database, {"code": code, "reason_vi": "đầy"})
    assert last_upkeep(ledger.database) == {"code": "B", "reason_vi": "đầy"}


def test_one_daemon_does_it_at_a_time(ledger, store_url):
    with tending(ledger.database) as first, tending(ledger.database) as second:
        assert first
        assert second is store_url.startswith("sqlite")
