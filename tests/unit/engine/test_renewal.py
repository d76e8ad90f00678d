"""What a renewal lifts: the engine's own pauses that came before it or of it, and nothing of a person's."""

from datetime import timedelta

import pytest

from ebrvt_connect.engine.renewal import RenewalRound, Renewed
from ebrvt_connect.engine.standing import Standing
from ebrvt_connect.ports.ledger import Pause
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem
from tests.integration.engine.bench import Bench

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def pause(at=START, by="engine"):
    return Pause("axis", by, "mật khẩu bị từ chối", "REMOTE_UNAUTHENTICATED", at)


class Desk:
    """A round over a real ledger; `renews` is what will be found renewed at the next look."""

    def __init__(self, bench):
        self.ledger, self.clock = bench.ledger, FakeClock()
        self.old = MemorySystem(MemoryBlobs())
        self.systems = {"axis": self.old}
        self.renews = {}
        self.waiting = []
        standing = Standing(self.ledger, self.clock, SECOND, MINUTE)
        self.round = RenewalRound(self, self.systems, self.ledger, standing, self.clock, SECOND)

    def renewed(self, waiting):
        self.waiting.append(set(waiting))
        found, self.renews = self.renews, {}
        return found

    def paused(self):
        return set(self.ledger.paused())


@pytest.fixture
def desk(tmp_path):
    bench = Bench(f"sqlite:///{tmp_path}/ledger.db")
    yield Desk(bench)
    bench.close()


def test_a_renewed_system_takes_the_place_of_the_one_at_work(desk):
    new = desk.renews["axis"] = MemorySystem(MemoryBlobs())
    desk.round.turn()
    assert desk.systems["axis"] is new


def test_what_the_engine_paused_goes_on_once_it_is_renewed(desk):
    desk.ledger.pause(pause())
    desk.clock.advance(3600)
    desk.round.turn()
    assert desk.paused() == {"axis"}

    desk.renews["axis"] = desk.old
    desk.round.turn()

    assert desk.paused() == set()
    assert desk.waiting == [{"axis"}, {"axis"}]


def test_what_a_person_paused_stays_so(desk):
    desk.ledger.pause(pause(by="An"))
    desk.clock.advance(1)
    desk.renews["axis"] = desk.old
    desk.round.turn()
    assert desk.paused() == {"axis"}
    assert desk.waiting == [set()]


def test_a_pause_that_another_has_made_meanwhile_stays(desk):
    desk.ledger.pause(pause())
    assert not desk.ledger.resume_system("axis", paused=pause(at=START + SECOND))
    assert not desk.ledger.resume_system("axis", paused=pause(by="An"))
    assert desk.ledger.resume_system("axis", paused=pause())


def test_a_call_begun_with_the_old_secret_costs_no_person():
    """It may be refused after the new one has been taken up."""
    renewed = Renewed(START)
    assert renewed.lifts(pause(START + SECOND), START + SECOND)


def test_a_remote_that_hears_of_the_new_secret_a_little_later_is_tried_once_more_after_a_minute():
    renewed, second = Renewed(START), pause(START + 5 * SECOND)
    assert renewed.lifts(pause(START + SECOND), START + SECOND)
    assert not renewed.lifts(second, second.at + 59 * SECOND)
    assert renewed.lifts(second, second.at + MINUTE)
    third = pause(START + 2 * MINUTE)
    assert not renewed.lifts(third, third.at + 5 * MINUTE), "a wrong secret must not lock the account"


def test_a_refusal_long_after_a_renewal_has_nothing_to_do_with_it():
    assert not Renewed(START).lifts(pause(START + timedelta(hours=1)), START + timedelta(hours=1))
