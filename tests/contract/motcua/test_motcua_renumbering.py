"""Lists of steps that are no longer what they were: nothing goes twice, nothing is dropped without a word."""

import pytest

from ebrvt_connect.model.message import Kind
from tests.contract.motcua.shop import CODE, fetched, names, step


def held(items):
    """What is held, by its code."""
    return {item.fault.code: item for item in items if item.fault}


@pytest.fixture
def known(adapter, counter, clock):
    """A dossier whose three steps were taken over; gives the place reached."""
    counter.receive(steps=3)
    _, checkpoint = fetched(adapter)
    clock.advance(60)
    return checkpoint


def inserted(steps):
    """One more at the front, and all the others moved by one."""
    first = steps[0] | {"action": "Bước chèn vào"}
    return [first, *(one | {"seq": one["seq"] + 1} for one in steps)]


# --- one number twice -------------------------------------------------------------------------------------


def test_the_second_step_under_one_number_is_held_and_named(adapter, counter):
    counter.receive(steps=2)
    first, second = counter.steps()
    counter.do(progress=[first, first | {"action": "Bước khác cùng số"}, second])
    items, _ = fetched(adapter)
    one = held(items)["MOTCUA_PROGRESS_SEQ_REPEATED"]
    assert "số 1" in one.fault.explanation_vi
    assert CODE in one.fault.explanation_vi
    assert (one.kind, one.lane, one.record) == (Kind.PROGRESS, CODE, None)
    assert [item.record.action for item in items[1:] if item.record] == ["Bước 1", "Bước 2"]
    assert names(items)[1] == f"{CODE}#1"
    assert items[2] is one, "it stands where it was listed"


def test_the_held_second_step_is_replaced_by_itself_under_its_own_number(adapter, counter, clock):
    counter.receive(steps=1)
    (first,) = counter.steps()
    other = first | {"action": "Bước khác cùng số"}
    counter.do(progress=[first, other])
    items, checkpoint = fetched(adapter)
    clock.advance(60)
    counter.do(progress=[first, other | {"seq": 2}])
    again, _ = fetched(adapter, checkpoint)
    (item,) = [one for one in again if one.kind is Kind.PROGRESS]
    assert item.external_id == f"{CODE}#2"
    assert held(items)["MOTCUA_PROGRESS_SEQ_REPEATED"].external_id in item.replaces


def test_a_step_added_under_a_number_that_was_sent_does_not_pass_for_it(adapter, counter, known):
    steps = counter.steps()
    counter.do(progress=[steps[0] | {"action": "Chen ngang"}, *steps])
    items, _ = fetched(adapter, known)
    assert set(held(items)) == {"MOTCUA_PROGRESS_SEQ_REPEATED"}
    assert [item.kind for item in items] == [Kind.DOSSIER, Kind.PROGRESS]


def test_the_same_row_twice_is_one_step(adapter, counter):
    counter.receive(steps=1)
    (first,) = counter.steps()
    counter.do(progress=[first, first, dict(reversed(first.items()))])
    items, _ = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1"]


# --- other numbers ----------------------------------------------------------------------------------------


def test_steps_under_other_numbers_are_not_sent_again_but_held_once(adapter, counter, clock, known):
    counter.do(progress=inserted(counter.steps()))
    items, checkpoint = fetched(adapter, known)
    assert names(items) == [CODE, f"{CODE}#renumbered"]
    fault = items[1].fault
    assert fault.code == "MOTCUA_PROGRESS_RENUMBERED"
    for said in (CODE, "bước 1 nay là bước 2", "bước 3 nay là bước 4", "dưới số cũ 1 chưa được gửi"):
        assert said in fault.explanation_vi
    clock.advance(60)
    counter.do(note="đụng vào")
    assert names(fetched(adapter, checkpoint)[0]) == [CODE], "held once"


def test_a_new_step_behind_a_renumbering_still_comes(adapter, counter, clock, known):
    counter.do(progress=inserted(counter.steps()), entry=step("processing", "Bước sau cùng"))
    items, _ = fetched(adapter, known)
    assert [item.record.action for item in items if item.kind is Kind.PROGRESS and item.record] == [
        "Bước sau cùng"
    ]


def test_after_the_cure_the_inserted_step_comes_under_its_new_number(adapter, counter, clock, known):
    steps = counter.steps()
    counter.do(progress=inserted(steps))
    _, checkpoint = fetched(adapter, known)
    clock.advance(60)
    counter.do(progress=[*steps, steps[0] | {"seq": 4, "action": "Bước chèn vào"}])
    items, _ = fetched(adapter, checkpoint)
    assert names(items) == [CODE, f"{CODE}#4"]


def test_a_deleted_step_that_moves_the_others_is_a_renumbering(adapter, counter, known):
    _, *others = counter.steps()
    counter.do(progress=[one | {"seq": one["seq"] - 1} for one in others])
    items, _ = fetched(adapter, known)
    assert set(held(items)) == {"MOTCUA_PROGRESS_RENUMBERED"}
    assert names(items) == [CODE, f"{CODE}#renumbered"]


def test_two_steps_that_say_the_same_are_two(adapter, counter, clock):
    counter.receive(steps=0)
    for _ in range(2):
        counter.do(entry=step("processing", "Chuyển bước"))
    items, checkpoint = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#2"]
    assert items[1].same_as != items[2].same_as
    with counter.host.held("motcua") as shop:
        last = shop.shop.steps(CODE)[-1]
    clock.advance(60)
    counter.do(entry=last | {"seq": 3})
    again, _ = fetched(adapter, checkpoint)
    assert [item.external_id for item in again if item.kind is Kind.PROGRESS] == [f"{CODE}#3"]
    assert not held(again)


# --- numbers that cannot be read --------------------------------------------------------------------------


def test_a_step_without_a_number_is_replaced_by_the_one_that_comes_to_stand_there(adapter, counter, clock):
    counter.receive(steps=3)
    steps = counter.steps()
    counter.do(progress=[steps[0], steps[1] | {"seq": "hai"}, steps[2]])
    items, checkpoint = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#~2", f"{CODE}#3"]
    assert f"{CODE}#~2" not in items[3].replaces, "its row is still there"
    clock.advance(60)
    counter.do(progress=steps)
    again, _ = fetched(adapter, checkpoint)
    (item,) = [one for one in again if one.kind is Kind.PROGRESS]
    assert item.external_id == f"{CODE}#2"
    assert f"{CODE}#~2" in item.replaces


def test_one_of_two_steps_without_a_number_keeps_its_name_when_the_other_is_mended(adapter, counter, clock):
    counter.receive(steps=2)
    first, second = counter.steps()
    counter.do(progress=[first | {"seq": None}, second | {"seq": None}])
    items, checkpoint = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#~1", f"{CODE}#~2"]
    clock.advance(60)
    counter.do(progress=[first, second | {"seq": None}])
    again, _ = fetched(adapter, checkpoint)
    assert names(again)[1:] == [f"{CODE}#1"]
    assert f"{CODE}#~1" in again[1].replaces
    assert f"{CODE}#~2" not in again[1].replaces


def test_a_step_with_a_forbidden_character_is_held_under_its_own_number(adapter, counter):
    counter.receive(steps=2)
    first, second = counter.steps()
    counter.do(progress=[first | {"note": "a\x00"}, second])
    items, _ = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#2"]
    assert "“Ghi chú (note)”" in held(items)["MOTCUA_PROGRESS_WRONG"].fault.explanation_vi
    assert CODE in items[1].fault.explanation_vi
    assert items[1].once


def test_an_unreadable_step_under_a_number_that_is_taken_is_held_all_the_same(adapter, counter):
    counter.receive(steps=1)
    (first,) = counter.steps()
    counter.do(progress=[first, first | {"at": "hôm nay"}])
    items, _ = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#~2"]


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:30:00Z", "9999-12-31T23:30:00-05:00", "0001-01-01T00:00:00+07:00"]
)
@pytest.mark.parametrize(("field", "named"), [("at", "Thời điểm xử lý (at)"), ("stepDueAt", "Hạn của bước")])
def test_an_impossible_time_of_one_step_holds_that_step_alone(adapter, counter, field, named, time):
    counter.receive(steps=2)
    counter.receive("H06.15-261123-0002", steps=1)
    first, second = counter.steps()
    counter.do(progress=[first | {field: time}, second])
    items, _ = fetched(adapter)
    assert {"H06.15-261123-0002#1", f"{CODE}#2", CODE} <= set(names(items))
    (fault,) = [item.fault for item in items if item.fault]
    assert named in fault.explanation_vi
    assert CODE in fault.explanation_vi


def test_progress_that_came_back_replaces_the_hold_that_stood_for_it(adapter, counter, clock):
    counter.receive(steps=2)
    counter.arm("status", "GET /api/dossiers/{code}/progress", code=404)
    items, checkpoint = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#"]
    clock.advance(60)
    counter.do(note="lưu lại")
    again, _ = fetched(adapter, checkpoint)
    assert [f"{CODE}#" in item.replaces for item in again] == [False, True, False]
