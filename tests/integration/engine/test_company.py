"""Daemons that come and go on one PostgreSQL store: rolled over, lost for good, frozen and thawed (R13)."""

import signal

import pytest

from tests.integration.engine.company import Company, is_stopped
from tests.integration.engine.crashing_daemon import HELD, SLOWLY

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]


@pytest.fixture
def company(tmp_path, databases):
    with databases.migrated() as url:
        made = Company(tmp_path, url)
        yield made
        made.close()


def test_a_daemon_told_to_stop_ends_its_calls_and_the_next_goes_on_without_waiting_for_a_sweep(company):
    """Both sweep once an hour: what the first leaves is found by its knock, or it is not found at all."""
    items = 60
    (company.folder / SLOWLY).touch()
    first = company.start(items=items)
    company.until(lambda: company.effects(first))
    second = company.start(items=items)
    company.until(lambda: company.effects(second))
    first.terminate()
    company.ended(first)
    (company.folder / SLOWLY).unlink()
    left = items - len(company.effects())
    assert left > 0, "nothing was left to go on with"
    company.ended(second)
    company.assert_all_is_done_once(items)
    # Nothing was cut off: nothing had to be asked after.
    assert company.noted("asked") == []


def test_one_of_three_lost_for_good_its_work_is_taken_up_by_the_others(company):
    """It is killed with the only call the limit allows: the others get it, and ask before they send."""
    items, orders = 24, {"in_flight": 1, "feedback": False, "sweep_every": 1.0, "answer_after": 0.02}
    (company.folder / HELD).write_text("6")
    three = [company.start(items=items, **orders) for _ in range(3)]
    company.until(lambda: len(company.effects()) == 6)
    pid_at_it, _ = company.noted("effect")[-1]
    [lost] = [daemon for daemon in three if daemon.pid == pid_at_it]
    lost.kill()
    lost.wait()
    (company.folder / HELD).unlink()
    for daemon in three:
        if daemon is not lost:
            company.ended(daemon)
    company.assert_all_is_done_once(items)


def test_one_that_was_frozen_past_its_lease_sends_nothing_when_it_thaws(company):
    """It freezes between its mark and its call, the worst moment; the others take that message over."""
    items, orders = 24, {"in_flight": 1, "feedback": False, "sweep_every": 1.0, "answer_after": 0.02}
    frozen = company.start(items=items, freeze_at_call=6, **orders)
    company.until(lambda: is_stopped(frozen))
    before = company.effects(frozen)
    assert 0 < len(before) < 6
    others = [company.start(items=items, **orders) for _ in range(2)]
    for daemon in others:
        company.ended(daemon)
    company.assert_all_is_done_once(items)
    frozen.send_signal(signal.SIGCONT)
    company.ended(frozen)
    assert company.effects(frozen) == before
    company.assert_all_is_done_once(items)
