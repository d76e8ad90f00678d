"""Steps of a dossier's way: each once, in order, never changed afterwards."""

import pytest

from ebrvt_connect.model.dossier import DossierStage
from ebrvt_connect.model.message import Kind
from tests.contract.motcua.shop import CODE, fetched, names, step


def warnings(item):
    return [warning.code for warning in item.record.warnings]


def test_a_step_is_mapped_field_by_field(adapter, counter):
    counter.receive(steps=0)
    counter.do(
        entry=step("processing", "Thụ lý", note="Kiểm tra", stepDueAt="2026-11-25T17:00:00+07:00", lạ=1)
    )
    (_, item), _ = fetched(adapter)
    entry = item.record
    assert (entry.seq, entry.stage, entry.status_word) == (1, DossierStage.IN_PROGRESS, "processing")
    assert (entry.actor_name, entry.actor_position, entry.actor_unit) == (
        "Nguyễn Thị B",
        "Chuyên viên",
        "Bộ phận Một cửa",
    )
    assert (entry.action, entry.note) == ("Thụ lý", "Kiểm tra")
    assert entry.step_due_at.isoformat() == "2026-11-25T10:00:00+00:00"
    assert entry.step_started_at is None
    assert entry.unknown == (("lạ", "1"),)
    assert item.title == f"{CODE} (bước 1)"


def test_steps_come_in_the_order_of_their_numbers_however_they_are_listed(adapter, counter):
    counter.receive(steps=3)
    with counter.host.held("motcua") as shop:
        shop.world.put("progress", CODE, {"entries": shop.shop.steps(CODE)[::-1]})
    items, _ = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#2", f"{CODE}#3"]


def test_a_step_rewritten_afterwards_is_no_new_step_but_a_warning_on_its_dossier(adapter, counter, clock):
    counter.receive(steps=2)
    _, checkpoint = fetched(adapter)
    clock.advance(60)
    counter.rewrite(seq=1, action="Viết lại")
    counter.do(entry=step("processing", "Thụ lý"))
    items, _ = fetched(adapter, checkpoint)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#3"]
    assert items[1].once, "the ledger knows whether it was sent"
    assert warnings(items[0]) == ["PROGRESS_CHANGED"]
    assert "số 1" in items[0].record.warnings[0].message_vi


@pytest.mark.parametrize("lacking", [{"status": "lạ"}, {"action": ""}, {"actor": {}}])
def test_a_step_that_lacks_something_is_replaced_by_its_correction(adapter, counter, clock, lacking):
    counter.receive(steps=1)
    counter.rewrite(seq=1, **lacking)
    first, checkpoint = fetched(adapter)
    clock.advance(60)
    counter.rewrite(seq=1, **step())
    counter.do()
    second, _ = fetched(adapter, checkpoint)
    assert first[1].external_id == second[-1].external_id == f"{CODE}#1"
    assert first[1].version != second[-1].version
    assert second[-1].record.stage is DossierStage.RECEIVED


@pytest.mark.parametrize(
    ("bad", "name", "named"),
    [
        ({"seq": 2, "at": "hôm nay"}, f"{CODE}#2", "“Thời điểm xử lý (at)”"),
        ({"seq": 2}, f"{CODE}#2", "“Thời điểm xử lý (at)”"),
        ({"seq": "2", "at": "2026-11-23T08:00:00+07:00"}, f"{CODE}#~2", "“Số thứ tự bước xử lý (seq)”"),
        ({"at": "2026-11-23T08:00:00+07:00", "seq": 2, "actor": "B"}, f"{CODE}#2", "“Người xử lý (actor)”"),
    ],
)
def test_a_step_that_cannot_be_read_is_held_in_its_dossiers_lane(adapter, counter, bad, name, named):
    counter.receive(steps=1)
    with counter.host.held("motcua") as shop:
        shop.world.put("progress", CODE, {"entries": [*shop.shop.steps(CODE), bad]})
    items, _ = fetched(adapter)
    held = next(item for item in items if item.fault)
    assert held.kind is Kind.PROGRESS
    assert held.external_id.startswith(name)
    assert held.lane == CODE
    assert held.fault.code == "MOTCUA_PROGRESS_WRONG"
    assert named in held.fault.explanation_vi
    assert len(items) == 3


def test_a_step_dated_ahead_and_one_told_by_a_long_name_are_told(adapter, counter):
    counter.receive(steps=1)
    counter.rewrite(seq=1, at="2027-01-01T00:00:00+07:00", actor={"name": "B" * 51})
    (_, item), _ = fetched(adapter)
    assert warnings(item) == ["TEXT_TOO_LONG", "UPDATED_IN_FUTURE"]


def test_a_long_way_comes_whole_over_several_pages(adapter, counter):
    counter.receive(steps=250)
    items, _ = fetched(adapter)
    assert len(items) == 251
    assert items[-1].external_id == f"{CODE}#250"
