"""A system in trouble is left in peace, then asked by one call whether it is back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ebrvt_connect.errors import Effect
from ebrvt_connect.resilience.breaker import (
    Breaker,
    BreakerPolicy,
    Go,
    Position,
    Wait,
    asked,
    counts,
    settled,
    was_long,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICY = BreakerPolicy(threshold=3, rest=10 * SECOND, longest_rest=40 * SECOND, probe_limit=60 * SECOND)


def fail(breaker, *, probe=False, now=NOW, effect=Effect.RETRY_LATER, retry_after=None):
    return settled(breaker, effect, probe=probe, now=now, policy=POLICY, retry_after=retry_after)


def succeed(breaker, *, probe=False, now=NOW):
    return settled(breaker, None, probe=probe, now=now, policy=POLICY)


def opened():
    breaker = Breaker()
    for _ in range(3):
        breaker = fail(breaker)
    assert breaker.position is Position.OPEN
    return breaker


def test_it_opens_at_the_threshold_and_not_before():
    breaker = fail(fail(Breaker()))
    assert asked(breaker, NOW, POLICY) == (breaker, Go(probe=False))
    breaker = fail(breaker)
    assert asked(breaker, NOW, POLICY) == (breaker, Wait(NOW + 10 * SECOND))


@pytest.mark.parametrize("effect", [None, Effect.REJECTED, Effect.HELD_FOR_PERSON])
def test_an_answer_of_whatever_kind_starts_the_count_anew(effect):
    breaker = settled(fail(fail(Breaker())), effect, probe=False, now=NOW, policy=POLICY)
    assert fail(fail(breaker)).position is Position.CLOSED


@pytest.mark.parametrize(
    ("effect", "counted"),
    [
        (None, False),
        (Effect.RETRY_LATER, True),
        (Effect.RECONCILE_FIRST, True),
        (Effect.REJECTED, False),
        (Effect.HELD_FOR_PERSON, False),
    ],
)
def test_what_counts_against_a_system(effect, counted):
    assert counts(effect) is counted


def test_after_the_rest_one_probe_goes_and_the_others_wait():
    now = NOW + 10 * SECOND
    probing, first = asked(opened(), now, POLICY)
    assert first == Go(probe=True)
    assert asked(probing, now, POLICY) == (probing, Wait(now + 60 * SECOND))


def test_a_probe_that_is_answered_closes_it():
    probing, _ = asked(opened(), NOW + 10 * SECOND, POLICY)
    assert succeed(probing, probe=True) == Breaker()


def test_a_probe_that_is_refused_closes_it_too():
    probing, _ = asked(opened(), NOW + 10 * SECOND, POLICY)
    assert fail(probing, probe=True, effect=Effect.REJECTED) == Breaker()


def test_each_failed_probe_doubles_the_rest_up_to_its_limit():
    breaker, now, rests = opened(), NOW, []
    for _ in range(5):
        assert isinstance(breaker.until, datetime)
        rests.append((breaker.until - now) / SECOND)
        now = breaker.until
        breaker, go = asked(breaker, now, POLICY)
        assert go == Go(probe=True)
        breaker = fail(breaker, probe=True, now=now)
    assert rests == [10, 20, 40, 40, 40]


def test_a_good_probe_makes_the_next_rest_short_again():
    probing, _ = asked(opened(), NOW + 10 * SECOND, POLICY)
    again, _ = asked(fail(probing, probe=True, now=NOW), NOW + 60 * SECOND, POLICY)
    closed = succeed(again, probe=True)
    for _ in range(3):
        closed = fail(closed)
    assert closed.until == NOW + 10 * SECOND


@pytest.mark.parametrize("effect", [None, Effect.RETRY_LATER])
def test_a_call_from_before_the_opening_changes_nothing(effect):
    open_ = opened()
    assert settled(open_, effect, probe=False, now=NOW, policy=POLICY) == open_
    probing, _ = asked(open_, NOW + 10 * SECOND, POLICY)
    assert settled(probing, effect, probe=False, now=NOW, policy=POLICY) == probing


def test_a_probe_given_up_does_not_close_what_has_opened_again():
    first, _ = asked(opened(), NOW + 10 * SECOND, POLICY)
    second, _ = asked(first, NOW + 70 * SECOND, POLICY)
    reopened = fail(second, probe=True, now=NOW + 70 * SECOND)
    assert succeed(reopened, probe=True) == reopened


def test_a_probe_that_never_reports_is_followed_by_another():
    first, _ = asked(opened(), NOW + 10 * SECOND, POLICY)
    assert asked(first, NOW + 69 * SECOND, POLICY)[1] == Wait(NOW + 70 * SECOND)
    assert asked(first, NOW + 70 * SECOND, POLICY)[1] == Go(probe=True)


@pytest.mark.parametrize(("wish", "rest"), [(5, 10), (90, 90)])
def test_a_delay_the_remote_asked_for_lengthens_the_rest(wish, rest):
    breaker = fail(fail(fail(Breaker())), retry_after=wish * SECOND)
    assert breaker.until == NOW + rest * SECOND


def test_a_clock_set_back_does_not_make_the_rest_endless():
    breaker = opened()
    assert asked(breaker, NOW - timedelta(days=300), POLICY)[1] == Wait(
        NOW - timedelta(days=300) + 60 * SECOND
    )


def test_a_rest_ends_at_its_moment_and_not_before():
    breaker = opened()
    moment = timedelta(microseconds=1)
    assert asked(breaker, NOW + 10 * SECOND - moment, POLICY)[1] == Wait(NOW + 10 * SECOND)
    assert asked(breaker, NOW + 10 * SECOND, POLICY)[1] == Go(probe=True)


def test_a_clock_set_back_waits_no_longer_than_the_longest_rest_where_that_is_more_than_a_probe():
    policy = replace(POLICY, longest_rest=90 * SECOND)
    breaker = Breaker(Position.OPEN, trips=9, until=NOW + timedelta(days=1))
    assert asked(breaker, NOW, policy)[1] == Wait(NOW + 90 * SECOND)


def test_one_that_does_not_say_until_when_is_not_waited_for():
    assert asked(Breaker(Position.OPEN), NOW, POLICY)[1] == Go(probe=False)


def test_opened_it_counts_anew_and_knows_how_often_it_opened():
    assert opened() == Breaker(Position.OPEN, failures=0, trips=1, until=NOW + 10 * SECOND)


@pytest.mark.parametrize(
    ("trips", "long"), [(0, False), (1, False), (2, False), (3, True), (9, True), (10_000, True)]
)
def test_trouble_is_an_outage_once_the_rests_are_as_long_as_they_get(trips, long):
    assert was_long(Breaker(Position.OPEN, trips=trips, until=NOW), POLICY) is long


@pytest.mark.parametrize(("longest", "trips"), [(15, 2), (25, 3), (80, 4)])
def test_an_outage_begins_with_the_rest_that_has_grown_past_its_limit(longest, trips):
    policy = replace(POLICY, longest_rest=longest * SECOND)
    assert was_long(Breaker(Position.OPEN, trips=trips, until=NOW), policy)
    assert not was_long(Breaker(Position.OPEN, trips=trips - 1, until=NOW), policy)


def test_rests_that_never_grow_are_long_from_the_first():
    policy = replace(POLICY, rest=POLICY.longest_rest)
    assert was_long(Breaker(Position.OPEN, trips=0, until=NOW), policy)


def test_a_breaker_that_opened_without_end_still_reckons_its_rest():
    assert fail(Breaker(Position.HALF_OPEN, trips=10**9, until=NOW), probe=True).until == NOW + 40 * SECOND


def test_what_is_not_configured_is_patient():
    assert BreakerPolicy() == BreakerPolicy(
        threshold=5,
        rest=timedelta(seconds=30),
        longest_rest=timedelta(minutes=5),
        probe_limit=timedelta(minutes=5),
    )


def test_positions_are_stored_under_their_names():
    assert [str(one) for one in Position] == ["closed", "open", "half-open"]


def test_the_strictest_policies_are_policies():
    assert BreakerPolicy(threshold=1).threshold == 1
    assert BreakerPolicy(rest=SECOND / 1000, longest_rest=SECOND / 1000).rest < SECOND


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"rest": timedelta(0)}, {"longest_rest": SECOND}])
def test_a_policy_that_would_never_open_or_never_rest_is_refused(wrong):
    with pytest.raises(ValueError, match="policy"):
        BreakerPolicy(**wrong)


class Traffic(RuleBasedStateMachine):
    """Calls that begin, end and get lost in any order, and a clock."""

    def __init__(self):
        super().__init__()
        self.now, self.breaker = NOW, Breaker()
        self.under_way = []
        self.probe_began = None

    @rule(seconds=st.integers(0, 30))
    def time_passes(self, seconds):
        self.now += seconds * SECOND

    @rule()
    def a_call_is_wanted(self):
        self.breaker, answer = asked(self.breaker, self.now, POLICY)
        if isinstance(answer, Wait):
            assert answer.until > self.now
            return
        if answer.probe:
            # Exactly one probe: the one before it has reported, or was given up.
            assert self.probe_began is None or self.now - self.probe_began >= POLICY.probe_limit
            self.probe_began = self.now
        self.under_way.append(answer.probe)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), effect=st.sampled_from([None, *Effect]))
    def a_call_ends(self, data, effect):
        which = data.draw(st.integers(0, len(self.under_way) - 1))
        probe = self.under_way.pop(which)
        self.breaker = settled(self.breaker, effect, probe=probe, now=self.now, policy=POLICY)
        if probe:
            self.probe_began = None

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def a_call_is_lost(self, data):
        self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))

    @invariant()
    def it_is_never_closed_for_ever(self):
        _, answer = asked(self.breaker, self.now + timedelta(minutes=2), POLICY)
        assert isinstance(answer, Go)


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
