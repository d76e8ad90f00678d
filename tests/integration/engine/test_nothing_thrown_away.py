"""Trouble with the ledger, or odd names, cost nothing that is known: no result, no shard, no message."""

import sqlalchemy as sa

from ebrvt_connect.model.message import State
from ebrvt_connect.store import schema
from tests.integration.engine.bench import held, item, retry_later


def cannot_be_asked(_work):
    raise held()


def test_what_a_call_has_come_to_is_written_when_a_busy_ledger_can_be_written_again(bench):
    """This remote cannot be asked afterwards: a result that is thrown away is a person's work."""
    writing, failures = bench.ledger.commit, []

    def commit(decisions):
        if not failures and any(change.state is State.DONE for change in decisions.changes):
            failures.append(decisions)
            raise retry_later()
        return writing(decisions)

    bench.axis.on_ask, bench.ledger.commit = cannot_be_asked, commit
    bench.store(item(1))
    bench.drain("axis")
    assert failures
    assert bench.states() == [State.DONE]
    assert bench.axis.asked == []


def test_a_drain_that_fails_lets_go_of_its_shard(bench):
    """Others would be turned away from it, and who holds it does not drain it any more."""
    bench.engine._instance.name = "one"
    bench.ledger.beat("one", "here", 1, bench.clock.now())
    bench.store(item(1))

    def busy(*_args, **_wanted):
        raise retry_later()

    bench.ledger.heads = busy
    bench.drain("axis", turns=1)
    with bench.ledger.database.connect() as tx:
        assert tx.scalars(sa.select(schema.shard.c.holder).where(schema.shard.c.system == "axis")).all() == [
            None
        ]


def test_two_things_whose_names_run_together_are_two_messages(bench):
    bench.store(
        item(1, external_id="d:1", version="2", lane="a"), item(2, external_id="d", version="1:2", lane="b")
    )
    bench.drain("axis")
    assert bench.states() == [State.DONE, State.DONE]
    assert len(set(bench.keys())) == 2


def test_what_is_named_like_a_feedback_keeps_none_from_being_told(bench):
    bench.store(
        item(1, external_id="d", version="1", lane="a"), item(2, external_id="d", version="1>SENT", lane="b")
    )
    bench.drain()
    assert bench.states() == [State.DONE, State.DONE]
    assert len(bench.states("out~feedback")) == 2
