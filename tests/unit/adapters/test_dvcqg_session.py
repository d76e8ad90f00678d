"""One session for all threads."""

import threading

import pytest
from ebrvt_adapters.dvcqg.session import SessionKeeper

from ebrvt_connect.testing.clock import FakeClock


class Door:
    """Logs in when it is told to go on; counts how often it was asked."""

    def __init__(self, failure=None):
        self.asked = 0
        self.failure = failure
        self.inside = threading.Event()
        self.go_on = threading.Event()

    def __call__(self):
        self.asked += 1
        self.inside.set()
        assert self.go_on.wait(60)
        if self.failure:
            raise self.failure
        return f"token-{self.asked}"


def keeper_of(door, **more):
    clock = FakeClock()
    return SessionKeeper(door, clock, **{"lasts_seconds": 60, **more}), clock


def all_at_once(keeper, door, count=6):
    """Every thread wants the session while one of them is logging in."""
    got, waiting = [], threading.Semaphore(0)

    def want():
        waiting.release()
        try:
            got.append(keeper.current().token)
        except RuntimeError as failure:
            got.append(str(failure))

    first = threading.Thread(target=want)
    first.start()
    assert door.inside.wait(60)
    others = [threading.Thread(target=want) for _ in range(count - 1)]
    for thread in others:
        thread.start()
    for _ in range(count):
        assert waiting.acquire(timeout=60)
    # Those who come only after this find the session held: one login in any case.
    door.go_on.set()
    for thread in (first, *others):
        thread.join(60)
    return got


def test_threads_that_wait_share_one_login():
    door = Door()
    keeper, _ = keeper_of(door)

    assert all_at_once(keeper, door) == ["token-1"] * 6
    assert door.asked == 1


def test_session_is_kept_for_its_time():
    door = Door()
    door.go_on.set()
    keeper, clock = keeper_of(door)
    first = keeper.current()
    clock.advance(59.9)
    assert keeper.current() is first
    clock.advance(0.2)

    assert keeper.current().token == "token-2"


def test_wall_clock_that_jumps_ends_no_session():
    door = Door()
    door.go_on.set()
    keeper, clock = keeper_of(door)
    first = keeper.current()
    clock.jump(clock.now().replace(year=2030))

    assert keeper.current() is first


def test_session_another_thread_has_renewed_is_not_dropped():
    door = Door()
    door.go_on.set()
    keeper, _ = keeper_of(door)
    old = keeper.current()
    keeper.drop(old)
    new = keeper.current()
    keeper.drop(old)

    assert keeper.current() is new
    assert door.asked == 2


def test_failed_login_is_told_and_the_next_one_tries_anew():
    door = Door(RuntimeError("no"))
    door.go_on.set()
    keeper, _ = keeper_of(door)
    with pytest.raises(RuntimeError):
        keeper.current()
    door.failure = None

    assert keeper.current().token == "token-2"


def test_token_is_not_shown():
    door = Door()
    door.go_on.set()
    keeper, _ = keeper_of(door)

    assert "token-1" not in repr(keeper.current())
