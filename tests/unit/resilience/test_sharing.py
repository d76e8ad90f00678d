"""One system's limits, shared by daemons: what each gets is reckoned here, stored and timed elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ebrvt_connect.errors import Effect
from ebrvt_connect.resilience.breaker import Breaker, BreakerPolicy, Position, Wait
from ebrvt_connect.resilience.sharing import (
    LENT,
    TURN,
    Common,
    Part,
    Quota,
    Share,
    Spent,
    Wish,
    midnight_after,
    probed,
    reserve,
    tripped,
    unprobed,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
SECOND = timedelta(seconds=1)
POLICY = BreakerPolicy(threshold=3, rest=10 * SECOND, longest_rest=40 * SECOND, probe_limit=60 * SECOND)
RESTED = Common(breaker=Breaker(Position.OPEN, trips=1, until=NOW))
PROBING = Common(breaker=Breaker(Position.HALF_OPEN, trips=1, until=NOW + 60 * SECOND), prober="a")


def ask(common, holder="a", *, limit=4, after=0.0, bytes_per_day=None, **wish):
    """What a daemon gets that asks so many seconds after `NOW`, and what is then left."""
    quota = Quota(limit, 10.0, bytes_per_day)
    return reserve(common, Wish(holder=holder, **wish), quota, NOW + after * SECOND, POLICY)


def calls(common):
    return {share.holder: share.calls for share in common.shares}


def lent(holder, held, wants, *, since=0.0, until=5.0):
    return Share(holder, held, wants, NOW + since * SECOND, NOW + until * SECOND)


def both_want(limit, **held):
    """As many as named hold so many calls and want all there are."""
    return Common(shares=tuple(lent(holder, count, limit) for holder, count in sorted(held.items())))


# -- what a quota says


def test_what_is_not_configured_is_modest():
    assert Quota() == Quota(in_flight=4, per_second=50.0, bytes_per_day=None)
    assert timedelta(seconds=5) == LENT
    assert timedelta(seconds=1) == TURN


def test_what_is_not_said_is_nothing():
    wish, part, common = Wish(holder="a"), Part(1), Common()
    assert (wish.under_way, wish.ready, wish.slots, wish.need, wish.bytes, wish.unused) == (0, 0, 0, 0, 0, 0)
    assert (part.slots, part.bytes) == (0, 0)
    assert (common.day_bytes, common.prober) == (0, "")


@pytest.mark.parametrize(("limit", "lateness"), [(4, 0.4), (1, 0.1), (20, 2.0)])
def test_a_slot_may_be_used_until_a_call_or_so_has_ended(limit, lateness):
    assert Quota(limit, 10.0).lateness_seconds == pytest.approx(lateness)
    assert Quota(limit, 1000.0).lateness_seconds == pytest.approx(0.1)


def test_only_shares_that_still_run_are_lent_out():
    common = Common(shares=(lent("a", 2, 2), lent("b", 1, 1, until=6)))
    assert [common.calls(NOW + s * SECOND) for s in (4.9, 5, 6)] == [3, 1, 0]


# -- calls under way


def test_who_is_alone_gets_all_there_are():
    common, part = ask(Common(), ready=1)
    assert part == Part(4)
    assert common.shares == (lent("a", 4, 1),)


def test_who_wants_nothing_holds_nothing():
    assert ask(Common()) == (Common(), Part(0))


def test_who_will_begin_nothing_keeps_only_what_is_under_way():
    assert ask(Common(), under_way=2)[0].shares == (lent("a", 2, 2),)


def test_who_comes_to_a_full_house_goes_without_and_is_remembered():
    common, part = ask(Common(shares=(lent("a", 4, 4),)), "b", ready=9)
    assert part == Part(0)
    assert common.shares == (lent("a", 4, 4), lent("b", 0, 4))


def test_who_asked_first_does_not_stand_first():
    common, _ = ask(Common(shares=(lent("b", 2, 2),)), "a", ready=1)
    assert common.shares == (lent("a", 2, 1), lent("b", 2, 2))


@pytest.mark.parametrize(
    ("limit", "rivals", "parts"),
    [(4, "ab", [2, 2]), (5, "ab", [3, 2]), (5, "abc", [2, 2, 1]), (2, "abc", [1, 1, 1])],
)
def test_where_somebody_goes_without_each_keeps_to_an_even_part(limit, rivals, parts):
    common = both_want(limit, **dict.fromkeys(rivals, 0))
    assert [ask(common, one, limit=limit, ready=9)[1].calls for one in rivals] == parts


def test_who_goes_without_gets_no_more_than_is_free():
    common = both_want(4, a=3, b=0)
    assert ask(common, "b", ready=9)[1] == Part(1)


def test_an_even_part_is_no_more_than_is_wanted():
    assert ask(both_want(4, b=0), "a", ready=1)[1] == Part(1)


def test_who_wants_nothing_any_more_is_no_rival():
    common = Common(shares=(lent("b", 0, 4), lent("c", 0, 0)))
    assert ask(common, "a", ready=9)[1] == Part(2)


def test_nobody_is_made_to_give_up_what_is_under_way():
    common = both_want(4, a=4, b=0)
    assert ask(common, "a", ready=9, under_way=4)[1] == Part(4)
    assert ask(common, "a", ready=9, under_way=3)[1] == Part(3)
    assert ask(common, "a", ready=9, under_way=1)[1] == Part(2)


def test_what_is_under_way_beyond_ones_part_is_counted_where_there_is_room_for_it():
    assert ask(both_want(4, a=1, b=0, c=0, d=0), "a", ready=9, under_way=3)[1] == Part(3)


def test_a_newcomer_with_a_call_under_way_gets_nothing_in_a_full_house():
    assert ask(both_want(4, a=4), "b", under_way=1)[1] == Part(0)


def test_what_is_under_way_beyond_the_limit_is_not_lent_anew():
    assert ask(Common(), limit=2, under_way=3)[1] == Part(2)
    assert ask(both_want(4, b=3), "a", under_way=2)[1] == Part(1)


def test_a_share_not_heard_of_is_free_for_others_when_its_time_is_over():
    common = Common(shares=(lent("a", 4, 4),))
    assert ask(common, "b", ready=1, after=4.9)[1] == Part(0)
    after, part = ask(common, "b", ready=1, after=5)
    assert part == Part(4)
    assert calls(after) == {"b": 4}


def test_a_share_lent_far_ahead_comes_from_a_clock_set_back_and_is_forgotten():
    assert ask(Common(shares=(lent("a", 4, 4, until=10),)), "b", ready=1)[1] == Part(0)
    assert ask(Common(shares=(lent("a", 4, 4, until=10.1),)), "b", ready=1)[1] == Part(4)


def test_a_share_that_is_renewed_in_time_goes_on_and_a_late_one_begins_anew():
    common = Common(shares=(lent("a", 4, 1),))
    assert ask(common, ready=1, after=4)[0].shares == (lent("a", 4, 1, until=9),)
    assert ask(common, ready=1, after=5)[0].shares == (lent("a", 4, 1, since=5, until=10),)


# -- turns


def test_a_turn_is_over_after_a_second():
    common = both_want(1, a=1, b=0)
    assert ask(common, limit=1, ready=1, after=0.9)[0].shares[0] == lent("a", 1, 1, until=5.9)
    assert ask(common, limit=1, ready=1, after=1)[0].shares[0] == lent("a", 0, 1, since=1, until=6)


def test_a_turn_is_not_over_while_its_call_is_under_way():
    assert ask(both_want(1, a=1, b=0), limit=1, ready=1, under_way=1, after=3)[1] == Part(1)


def test_who_waits_for_its_turn_gets_it_however_long_it_waited():
    common = both_want(1, a=0, b=0)
    after, part = ask(common, "b", limit=1, ready=1, after=3)
    assert part == Part(1)
    assert after.shares[1] == lent("b", 1, 1, since=3, until=8)


def test_where_there_is_a_call_for_each_nobody_takes_turns():
    assert ask(both_want(2, a=1, b=0), limit=2, ready=9, after=3)[1] == Part(1)


# -- the even flow


@pytest.mark.parametrize(
    ("wish", "slots"),
    [
        ({"slots": 1, "ready": 9}, 4),
        ({"slots": 1, "ready": 9, "under_way": 1}, 3),
        ({"slots": 1, "ready": 2}, 2),
        ({"slots": 6, "ready": 2}, 6),
    ],
)
def test_as_many_slots_as_may_begin_at_once_or_as_are_asked_for(wish, slots):
    assert ask(Common(), **wish)[1].slots == slots


@pytest.mark.parametrize("wish", [{"ready": 1}, {"slots": 1, "ready": 1, "under_way": 4}])
def test_who_asks_for_no_slot_or_may_begin_nothing_takes_none(wish):
    common, part = ask(Common(), **wish)
    assert part == Part(4)
    assert (common.flow, common.day) == (None, None)


def test_after_a_quiet_time_slots_lie_in_the_past_and_then_come_at_the_even_pace():
    common, first = ask(Common(), slots=3, ready=1)
    assert (first.first - NOW) / SECOND == pytest.approx(-0.3)
    assert (common.flow - NOW) / SECOND == pytest.approx(0.3)
    common, second = ask(common, slots=2, ready=1)
    assert (second.first - NOW) / SECOND == pytest.approx(0.0)
    assert (common.flow - NOW) / SECOND == pytest.approx(0.5)


def test_a_flow_further_ahead_than_anybody_waits_comes_from_a_clock_set_back():
    at_most = replace(Common(), flow=NOW + 300.3 * SECOND)
    assert (ask(at_most, slots=1, ready=1)[1].first - NOW) / SECOND == pytest.approx(300.0)
    beyond = replace(Common(), flow=NOW + 300.9 * SECOND)
    assert (ask(beyond, slots=1, ready=1)[1].first - NOW) / SECOND == pytest.approx(-0.3)


# -- bytes of a day


def test_without_a_limit_as_many_bytes_as_are_asked_for():
    common, part = ask(Common(), slots=1, ready=1, need=60, bytes=120)
    assert part.bytes == 120
    assert (common.day, common.day_bytes) == (TODAY, 120)


def test_with_a_limit_what_is_left_of_the_day():
    common, part = ask(Common(), slots=1, ready=1, need=60, bytes=80, bytes_per_day=100)
    assert part.bytes == 80
    common, part = ask(common, slots=1, ready=1, need=20, bytes=120, bytes_per_day=100)
    assert part.bytes == 20
    assert common.day_bytes == 100


def test_what_is_left_and_does_not_reach_ends_the_day_and_takes_nothing():
    before = Common(day=TODAY, day_bytes=80)
    common, answer = ask(before, slots=1, ready=1, need=21, bytes=21, bytes_per_day=100)
    assert answer == Spent(datetime(2026, 11, 23, 17, 0, tzinfo=UTC))
    assert (common.day_bytes, common.flow) == (80, None)


def test_another_day_begins_with_nothing_taken():
    common = Common(day=date(2026, 11, 22), day_bytes=80)
    assert (common.bytes_of(date(2026, 11, 22)), common.bytes_of(TODAY)) == (80, 0)
    common, part = ask(common, slots=1, ready=1, need=90, bytes=90, bytes_per_day=100)
    assert part.bytes == 90
    assert (common.day, common.day_bytes) == (TODAY, 90)


@pytest.mark.parametrize(
    ("unused", "of", "day", "left"),
    [
        (30, TODAY, TODAY, 50),
        (1, TODAY, TODAY, 79),
        (80, TODAY, TODAY, 0),
        (90, TODAY, TODAY, 0),
        (30, date(2026, 11, 22), TODAY, 80),
        (30, TODAY, date(2026, 11, 22), 80),
        (30, None, TODAY, 80),
    ],
)
def test_what_was_not_used_of_today_is_given_back(unused, of, day, left):
    common, _ = ask(Common(day=day, day_bytes=80), unused=unused, unused_of=of)
    assert common.day_bytes == left


@pytest.mark.parametrize(
    ("hour", "second", "day"), [(16, 59, 23), (17, 0, 24), (0, 0, 23)], ids=["before", "at", "morning"]
)
def test_the_day_ends_at_midnight_in_vietnam(hour, second, day):
    ends = midnight_after(datetime(2026, 11, 23, hour, second, tzinfo=UTC))
    assert ends == datetime(2026, 11, day, 17, 0, tzinfo=UTC)
    assert ends.tzinfo is UTC


# -- the breaker of all


def test_while_it_is_open_nobody_begins_anything_and_calls_under_way_end():
    common = Common(breaker=Breaker(Position.OPEN, trips=1, until=NOW + 10 * SECOND))
    after, answer = ask(common, slots=1, ready=9, under_way=1)
    assert answer == Wait(NOW + 10 * SECOND)
    assert after == replace(common, shares=(lent("a", 1, 1),))


def test_after_the_rest_one_daemon_gets_one_call_as_the_probe():
    common, part = ask(RESTED, slots=3, ready=9, need=5, bytes=9)
    assert (part.calls, part.slots, part.bytes, part.probe) == (1, 1, 9, True)
    assert common.prober == "a"
    assert common.breaker.position is Position.HALF_OPEN
    assert ask(common, "b", slots=1, ready=1)[1] == Wait(NOW + 60 * SECOND)


def test_what_is_no_probe_names_no_prober():
    common, part = ask(Common(), slots=1, ready=1)
    assert not part.probe
    assert common.prober == ""
    assert common.breaker == Breaker()


def test_a_probe_keeps_to_the_pace_and_is_not_taken_before_its_slot():
    common, part = ask(replace(RESTED, flow=NOW + 10 * SECOND), slots=1, ready=1)
    assert part.slots == 0
    assert not part.probe
    assert (part.first - NOW) / SECOND == pytest.approx(9.7)
    assert (common.breaker, common.prober) == (RESTED.breaker, "")
    assert common.flow == NOW + 10 * SECOND


def test_a_probe_whose_slot_has_just_come_goes():
    assert ask(replace(RESTED, flow=NOW + 0.3 * SECOND), slots=1, ready=1)[1].probe


@pytest.mark.parametrize(("wish", "rest"), [(None, 10), (90 * SECOND, 90)])
def test_failures_of_one_daemon_open_it_for_all(wish, rest):
    breaker = tripped(Common(), NOW, POLICY, wish).breaker
    assert breaker == Breaker(Position.OPEN, trips=1, until=NOW + rest * SECOND)


@pytest.mark.parametrize("common", [RESTED, PROBING])
def test_what_is_open_is_not_opened_again(common):
    assert tripped(common, NOW, POLICY, None) == common


def test_an_answered_probe_closes_it():
    assert probed(PROBING, "a", None, now=NOW, policy=POLICY) == Common()


@pytest.mark.parametrize(("wish", "rest"), [(None, 20), (90 * SECOND, 90)])
def test_a_failed_probe_opens_it_for_longer(wish, rest):
    after = probed(PROBING, "a", Effect.RETRY_LATER, now=NOW, policy=POLICY, retry_after=wish)
    assert after == Common(breaker=Breaker(Position.OPEN, trips=2, until=NOW + rest * SECOND))


@pytest.mark.parametrize("effect", [None, Effect.RETRY_LATER])
def test_a_probe_that_another_has_made_meanwhile_changes_nothing(effect):
    assert probed(PROBING, "b", effect, now=NOW, policy=POLICY) == PROBING


def test_a_probe_never_made_is_free_at_once():
    after = unprobed(PROBING, "a", NOW)
    assert after == Common(breaker=replace(PROBING.breaker, position=Position.OPEN, until=NOW))
    assert ask(after, "b", slots=1, ready=1)[1].probe


def test_only_the_prober_gives_its_probe_back_and_only_while_it_is_one():
    assert unprobed(PROBING, "b", NOW) == PROBING
    rested = replace(RESTED, prober="a")
    assert unprobed(rested, "a", NOW + SECOND) == rested
