"""What the evidence log waits for, and what `ebrvt doctor` says of it."""

from datetime import timedelta

import pytest

from ebrvt_connect.ops.proof_checks import evidence_log
from ebrvt_connect.store.proof_lag import proof_lag
from tests.integration.engine.bench import item
from tests.integration.proof.conftest import keeper_of

HOUR = timedelta(hours=1)


def grades(bench, *, authority=True):
    lag = proof_lag(bench.ledger.database)
    return {c.name: str(c.grade) for c in evidence_log(lag, bench.clock.now(), authority=authority)}


def carried(bench, number):
    bench.store(item(number))
    bench.drain()


def test_a_log_that_is_kept_up_is_fine(bench):
    assert grades(bench) == {"proof-seals": "pass", "proof-stamps": "pass"}
    carried(bench, 1)
    keeper_of(bench, lambda _digest: b"token").turn()
    assert grades(bench) == {"proof-seals": "pass", "proof-stamps": "pass"}


def test_an_hour_that_nobody_has_sealed_is_told(bench):
    carried(bench, 1)
    keeper_of(bench, None).turn()
    bench.clock.sleep(3 * HOUR.total_seconds())
    assert proof_lag(bench.ledger.database).unsealed_since == bench.clock.now() - 3 * HOUR
    assert grades(bench)["proof-seals"] == "warn"
    keeper_of(bench, None).turn()
    assert grades(bench)["proof-seals"] == "pass"


@pytest.mark.parametrize(("hours", "grade"), [(1.5, "pass"), (5, "warn"), (30, "fail")])
def test_seals_whose_authority_does_not_answer_are_told_the_louder_the_longer(bench, hours, grade):
    carried(bench, 1)
    keeper = keeper_of(bench, None)
    keeper.turn()
    bench.clock.sleep(hours * HOUR.total_seconds())
    keeper.turn()
    assert proof_lag(bench.ledger.database).unstamped == 1
    assert grades(bench)["proof-stamps"] == grade


def test_without_an_authority_that_is_said_and_is_no_failure(bench):
    carried(bench, 1)
    assert grades(bench, authority=False)["proof-stamps"] == "warn"
