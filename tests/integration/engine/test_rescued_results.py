"""A ledger that cannot be read for a moment costs no result of a call that is under way."""

import threading

from ebrvt_connect.model.message import State
from tests.integration.engine.bench import held, item, retry_later


def test_what_a_call_has_come_to_is_written_though_the_next_look_at_the_ledger_failed(bench):
    """This remote cannot be asked afterwards: a result that is thrown away is a person's work."""
    looking, looks, failed = bench.ledger.heads, [], threading.Event()

    def heads(*args, **wanted):
        looks.append(wanted)
        if len(looks) == 2:
            failed.set()
            raise retry_later()
        return looking(*args, **wanted)

    def cannot_be_asked(_work):
        raise held()

    def slow(work):
        if work.message.external_id == "d3":
            assert failed.wait(60)

    shard = bench.ledger.shard_of("one")
    beside = next(f"lane {n}" for n in range(1000) if bench.ledger.shard_of(f"lane {n}") == shard)
    bench.axis.on_ask, bench.axis.on_submit = cannot_be_asked, slow
    bench.ledger.heads = heads
    bench.store(*(item(n, lane="one") for n in (1, 2)), item(3, lane=beside))
    bench.drain()
    assert failed.is_set()
    assert bench.states() == [State.DONE] * 3
