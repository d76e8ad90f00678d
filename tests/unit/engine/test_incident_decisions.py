"""What becomes of incidents, decided by causes and time alone, walked at random."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrvt_connect.engine.incident_words import alert_of, said
from ebrvt_connect.engine.incidents import decide, retries
from ebrvt_connect.ports.alerts import Cause, Incident, What
from ebrvt_connect.resilience.retry import Ladder
from ebrvt_connect.testing.clock import START

DAMP = timedelta(minutes=10)
KEYS = ("axis", "dms")
looks = st.lists(
    st.tuples(st.integers(1, 15), st.sets(st.sampled_from(KEYS)), st.sampled_from([None, *KEYS])), max_size=60
)
"""Minutes later, these causes are there; and a person closes the open incident of one system."""


def cause(system, count=1, place=""):
    return Cause(
        code="AWAY", system=system, reason_vi="Mất kết nối.", advice_vi="Chờ.", count=count, place=place
    )


def incident(**changes):
    wanted = {
        "id": 1,
        "system": "axis",
        "code": "AWAY",
        "place": "",
        "reason_vi": "Mất kết nối.",
        "advice_vi": "Chờ.",
        "opened_at": START,
        "last_at": START,
        "count": 1,
        **changes,
    }
    return Incident(**wanted)


def decided(known, *causes, now=START, mine=lambda _place: True):
    return decide(known, {one.key: one for one in causes}, mine=mine, now=now, damp=DAMP)


class Book:
    """Keeps incidents as the ledger does."""

    def __init__(self):
        self.kept = {}
        self.told = []

    def look(self, there, now):
        live = [one for one in self.kept.values() if one.closed_at is None or one.dismissed]
        moves = decided(live, *(cause(system) for system in there), now=now)
        for one in moves.changed:
            if one.closed_at is not None and self.kept[one.id].closed_at is None:
                self.told.append((one.system, "closed"))
            self.kept[one.id] = one
        for one in moves.opened:
            number = len(self.kept) + 1
            self.kept[number] = incident(id=number, system=one.system, opened_at=now, last_at=now)
            self.told.append((one.system, "opened"))

    def close(self, system, now):
        for one in self.kept.values():
            if one.system == system and one.closed_at is None:
                closed = replace(one, closed_at=now, closed_by="Lan", dismissed=one.gone_at is None)
                self.kept[one.id] = closed
                self.told.append((system, "closed"))
                return


@settings(max_examples=200)
@given(looks)
def test_whatever_comes_and_goes_it_is_opened_and_closed_in_turns_and_never_twice(walk):
    book, now = Book(), START
    for minutes, there, closes in walk:
        now += timedelta(minutes=minutes)
        book.look(there, now)
        if closes:
            book.close(closes, now)
        for system in KEYS:
            assert sum(one.system == system and one.closed_at is None for one in book.kept.values()) <= 1
    for system in KEYS:
        told = [what for whose, what in book.told if whose == system]
        assert told == (["opened", "closed"] * len(told))[: len(told)]
    for minutes in (1, 11, 1):
        now += timedelta(minutes=minutes)
        book.look((), now)
    assert all(one.closed_at is not None and not one.dismissed for one in book.kept.values())


def test_what_is_new_is_opened_in_one_order():
    moves = decided([], cause("dms"), cause("axis"))
    assert [one.system for one in moves.opened] == ["axis", "dms"]
    assert not moves.changed


def test_what_is_the_same_changes_nothing_within_a_minute():
    assert not decided([incident()], cause("axis"), now=START + timedelta(seconds=59))
    (later,) = decided([incident()], cause("axis"), now=START + timedelta(minutes=1)).changed
    assert later.last_at == START + timedelta(minutes=1)


def test_more_of_it_counts_at_once_and_less_never_uncounts():
    (more,) = decided([incident()], cause("axis", count=7)).changed
    assert more.count == 7
    assert not decided([incident(count=7)], cause("axis", count=3))


def test_what_is_gone_is_closed_after_the_damping_as_of_when_it_went():
    (gone,) = decided([incident()], now=START + timedelta(minutes=1)).changed
    assert (gone.gone_at, gone.closed_at) == (START + timedelta(minutes=1), None)
    assert not decided([gone], now=START + timedelta(minutes=11) - timedelta(seconds=1))
    (closed,) = decided([gone], now=START + timedelta(minutes=11)).changed
    assert closed.closed_at == START + timedelta(minutes=1)


def test_what_is_another_daemons_is_left_to_it():
    assert not decided([incident(place="two")], now=START + timedelta(hours=1), mine=lambda place: not place)


def test_an_alert_says_what_happened_since_when_and_what_to_do():
    alert = alert_of(incident(count=10_000, place="tinh-1"), What.OPENED)
    assert alert.text_vi.splitlines() == [
        "Sự cố: Mất kết nối. [AWAY]",
        "Hệ thống: axis",
        "Máy: tinh-1",
        "Bắt đầu: 23/11/2026 08:00:00",
        "Số lượng: 10000",
        "Cách xử lý: Chờ.",
        "Xem: ebrvt incidents show 1",
    ]
    assert said(incident(place="tinh-1")) == "AWAY (axis tinh-1) x1: Mất kết nối."


def test_an_alert_of_an_end_says_who_ended_it():
    closed = incident(
        closed_at=START + timedelta(hours=2), closed_by="Lan", closed_why="Bộ hẹn mai", returns=3
    )
    lines = alert_of(closed, What.CLOSED).text_vi.splitlines()
    assert lines[-3:] == [
        "Số lần tái diễn: 3",
        "Kết thúc: 23/11/2026 10:00:00",
        "Người đóng: Lan (Bộ hẹn mai)",
    ]
    assert not any("Cách xử lý" in line for line in lines)


@pytest.mark.parametrize(("nth", "ending"), [(0, "-reminder"), (4, "-reminder-4")])
def test_every_message_has_an_id_of_its_own(nth, ending):
    assert alert_of(incident(), What.REMINDER, nth=nth).id.endswith(ending)


def test_a_failed_alert_waits_at_least_half_a_step_of_the_ladder():
    wait = retries(Ladder((timedelta(minutes=1), timedelta(hours=6))), lambda most: most)
    assert [wait(1), wait(2), wait(40)] == [timedelta(minutes=1), timedelta(hours=6), timedelta(hours=6)]
    soonest = retries(Ladder((timedelta(minutes=1),)), lambda _most: 0.0)
    assert soonest(1) == timedelta(seconds=30)
