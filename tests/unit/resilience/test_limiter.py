"""So many a second, evenly, with a burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.resilience.limiter import Rate, after_clock_jump, permit


def waits(rate, times):
    """How long each of the calls coming at these times is made to wait."""
    state, found = None, []
    for now in times:
        given_ = permit(state, now, rate)
        state = given_.state
        found.append(given_.wait_seconds)
    return found


def test_calls_that_come_together_go_one_interval_apart():
    assert waits(Rate(10), [100.0] * 4) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_burst_goes_at_once_and_the_rest_evenly():
    assert waits(Rate(10, burst=3), [100.0] * 5) == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_calls_no_faster_than_the_rate_never_wait():
    assert waits(Rate(4), [100.0, 100.25, 100.5, 101.75]) == pytest.approx([0, 0, 0, 0])


def test_a_quiet_time_gives_the_burst_back_and_no_more():
    assert waits(Rate(10, burst=2), [0.0, 0.0, 500.0, 500.0, 500.0]) == pytest.approx([0, 0, 0, 0, 0.1])


def test_who_would_not_wait_takes_nothing():
    rate = Rate(1)
    first = permit(None, 0.0, rate)
    permit(first.state, 0.0, rate)
    assert permit(first.state, 0.0, rate).wait_seconds == 1.0


@given(
    per_second=st.floats(0.1, 1000),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_than_burst_and_rate(per_second, burst, gaps):
    rate, now, state, gone = Rate(per_second, burst), 1_000.0, None, []
    for gap in gaps:
        now += gap
        taken = permit(state, now, rate)
        state = taken.state
        gone.append(now + taken.wait_seconds)
    assert gone == sorted(gone)
    for first in range(len(gone)):
        for last in range(first, len(gone)):
            allowed = burst + (gone[last] - gone[first]) * per_second
            assert last - first + 1 <= allowed + 1 + 1e-6


@pytest.mark.parametrize(
    ("state", "kept"), [(None, None), (100.0, 100.0), (130.9, 130.9), (131.1, None), (9e9, None)]
)
def test_a_state_from_another_time_is_forgotten(state, kept):
    assert after_clock_jump(state, 100.0, Rate(1), longest_wait_seconds=30) == kept


def test_the_burst_too_stands_behind_what_waiters_could_have_taken():
    rate = Rate(1, burst=4)
    assert after_clock_jump(134.0, 100.0, rate, longest_wait_seconds=30) == 134.0
    assert after_clock_jump(134.1, 100.0, rate, longest_wait_seconds=30) is None


@pytest.mark.parametrize("wrong", [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_rate_that_lets_nothing_through_is_refused(wrong):
    with pytest.raises(ValueError, match="rate"):
        Rate(*wrong)
