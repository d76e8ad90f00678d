"""The adapter as a source of dossiers, over real HTTP against the simulated one-stop shop."""

import json
import unicodedata
from datetime import timedelta

import pytest

from ebrvt_connect.errors import HeldForPerson, RetryLater, Scope
from ebrvt_connect.model.dossier import Channel, DossierStage
from ebrvt_connect.model.message import Kind
from tests.contract.motcua.shop import CODE, RESULT, dossier, fetched, names, result, step

FILES = "GET /api/dossiers/{code}/files/{fileId}"
PROGRESS = "GET /api/dossiers/{code}/progress"
ONE = "GET /api/dossiers/{code}"


def test_a_dossier_comes_before_its_steps_all_in_its_own_lane(adapter, counter, blobs):
    counter.receive(steps=3, nationalCode="G22.99-261123-0000007")
    items, _ = fetched(adapter)
    assert names(items) == [CODE, f"{CODE}#1", f"{CODE}#2", f"{CODE}#3"]
    assert {item.lane for item in items} == {CODE}
    assert {item.business_key for item in items} == {"G22.99-261123-0000007"}
    assert [item.kind for item in items] == [Kind.DOSSIER, *[Kind.PROGRESS] * 3]
    assert all(item.fault is None for item in items)
    assert items[0].record.stage is DossierStage.RECEIVED
    assert items[0].title == CODE
    assert json.loads(blobs.read(items[0].original.sha256))["code"] == CODE
    assert str(items[1].record.dossier_code) == "G22.99-261123-0000007"


def test_result_files_are_in_the_blobs_before_the_dossier_is_handed_over(adapter, counter, blobs):
    counter.receive()
    counter.do(files={"kq-1": RESULT}, results=[result(), result(None, name="Bản giấy"), result()])
    counter.count(FILES)
    items, _ = fetched(adapter)
    contents = [one.content for one in items[0].record.results]
    assert blobs.read(contents[0].sha256) == RESULT
    assert contents[1] is None
    assert counter.calls(FILES) == 1, "a file named twice comes once"


def test_a_result_file_replaced_later_is_a_new_version(adapter, counter, clock, blobs):
    counter.receive(steps=0)
    counter.do(files={"kq-1": RESULT}, results=[result()])
    (first,), checkpoint = fetched(adapter)
    clock.advance(5)
    with counter.host.held("motcua") as shop:
        counter_blob = shop.world.keep((b"%PDF-1.7 signed anew",))
        shop.shop.add_files(CODE, {"kq-1": {"sha256": counter_blob.sha256}})
        row = shop.world.get("dossiers", CODE)["dossier"]
        shop.shop.put(row | {"updatedAt": "2026-11-23T09:00:00+07:00"})
    clock.advance(10_000)
    (second,), _ = fetched(adapter, checkpoint)
    assert second.version != first.version
    assert blobs.read(second.record.results[0].content.sha256) == b"%PDF-1.7 signed anew"


def test_what_was_stored_is_not_read_twice(adapter, counter, clock):
    counter.receive(steps=2)
    _, checkpoint = fetched(adapter)
    counter.count(PROGRESS)
    assert fetched(adapter, checkpoint) == ([], checkpoint)
    assert counter.calls(PROGRESS) == 0
    clock.advance(60)
    counter.receive("H06.15-261123-0002", steps=0)
    items, _ = fetched(adapter, checkpoint)
    assert names(items) == ["H06.15-261123-0002"]


def test_another_process_reads_the_overlap_again_under_the_same_versions(open_adapter, counter):
    counter.receive(steps=2)
    first, checkpoint = fetched(open_adapter())
    second, _ = fetched(open_adapter(), checkpoint)
    assert [(i.external_id, i.version) for i in first] == [(i.external_id, i.version) for i in second]


def test_a_checkpoint_does_not_grow_with_the_dossiers_read(adapter, counter):
    for number in range(1, 40):
        counter.receive(f"H06.15-261123-{number:04d}")
    _, checkpoint = fetched(adapter)
    assert len(checkpoint) < 200


def test_a_row_committed_late_with_an_older_time_is_not_missed(adapter, counter, clock):
    counter.receive(steps=0)
    late = dossier("H06.15-261123-0009", updatedAt="2026-11-23T07:59:00+07:00")
    visible = (clock.now() + timedelta(seconds=30)).isoformat()
    counter.put(dossier(updatedAt="2026-11-23T08:00:00+07:00"))
    counter.seed(late, visible_at={"H06.15-261123-0009": visible})
    items, checkpoint = fetched(adapter)
    assert names(items) == [CODE]
    clock.advance(60)
    items, _ = fetched(adapter, checkpoint)
    assert names(items) == ["H06.15-261123-0009"]


def test_dossiers_that_share_one_time_all_come_page_by_page(open_adapter, counter):
    adapter = open_adapter(page=2, overlap_minutes=0)
    codes = [f"H06.15-261123-{number:04d}" for number in range(1, 6)]
    for code in codes:
        counter.receive(code, steps=1)
    batches = list(adapter.fetch(Kind.DOSSIER, None))
    assert [names(batch.items)[::2] for batch in batches] == [codes[:2], codes[2:4], codes[4:]]
    resumed, _ = fetched(open_adapter(page=2, overlap_minutes=0), batches[0].checkpoint)
    assert names(resumed)[::2] == codes[2:]


def test_a_dossier_dated_in_the_future_is_told_and_hides_nobody(adapter, counter, clock):
    counter.put(dossier(updatedAt="2099-01-01T00:00:00+07:00"))
    items, checkpoint = fetched(adapter)
    assert [warning.code for warning in items[0].record.warnings] == ["UPDATED_IN_FUTURE"]
    clock.advance(60)
    counter.receive("H06.15-261123-0002", steps=0)
    again, _ = fetched(adapter, checkpoint)
    assert names(again) == ["H06.15-261123-0002"]


def test_a_new_step_brings_itself_and_no_new_dossier_where_nothing_else_changed(adapter, counter, clock):
    counter.receive(steps=1)
    _, checkpoint = fetched(adapter)
    clock.advance(60)
    with counter.host.held("motcua") as shop:
        shop.shop.add_steps(CODE, [{"at": "2026-11-23T09:01:00+07:00", **step("receiving", "Chuyển")}])
        row = shop.world.get("dossiers", CODE)["dossier"]
        shop.shop.put(row | {"updatedAt": "2026-11-23T08:02:00+07:00"})
    items, checkpoint = fetched(adapter, checkpoint)
    assert names(items) == [f"{CODE}#2"]
    counter.count(PROGRESS)
    assert fetched(adapter, checkpoint)[0] == []
    assert counter.calls(PROGRESS) == 0


def test_a_new_status_is_a_new_version_with_its_new_step_behind_it(adapter, counter, clock):
    counter.receive(steps=1)
    (first, _), checkpoint = fetched(adapter)
    clock.advance(60)
    counter.do(entry=step("processing", "Thụ lý hồ sơ"))
    items, _ = fetched(adapter, checkpoint)
    assert names(items) == [CODE, f"{CODE}#2"]
    assert items[0].version != first.version
    assert items[0].record.stage is DossierStage.IN_PROGRESS


def test_a_batch_that_was_not_stored_comes_again(adapter, counter):
    counter.receive(steps=1)
    first = next(iter(adapter.fetch(Kind.DOSSIER, None)))
    items, _ = fetched(adapter)
    assert names(items) == names(first.items)


def test_text_in_nfd_becomes_nfc_and_the_original_stays_as_it_was(adapter, counter, blobs):
    name = unicodedata.normalize("NFD", "Đơn đề nghị.pdf")
    counter.receive(steps=0, components=[{"name": name, "fileId": "1"}], channel="DIRECT")
    (item,), _ = fetched(adapter)
    assert item.record.components[0].name == "Đơn đề nghị.pdf"
    assert item.record.channel is Channel.DIRECT
    assert name.encode() in blobs.read(item.original.sha256)


def test_what_is_absent_stays_absent(adapter, counter):
    bare = {name: dossier()[name] for name in ("id", "code", "status", "revision", "updatedAt")}
    counter.put(bare)
    (item,), _ = fetched(adapter)
    record = item.record
    assert item.fault is None
    assert (record.channel, record.return_method, record.online_payment, record.applicant.kind) == (None,) * 4
    assert (record.due_at, record.received_at, record.national_code) == (None, None, None)
    assert record.applicant.verified_by_vneid is None
    assert record.components == record.results == record.fees == ()


def test_an_unknown_status_word_has_no_stage_and_is_told(adapter, counter):
    counter.receive(status="pausing")
    items, _ = fetched(adapter)
    assert items[0].record.stage is None
    assert items[0].record.status_word == "pausing"
    assert "STATUS_WORD_UNMAPPED" in [warning.code for warning in items[0].record.warnings]


def test_a_status_file_of_the_deployment_counts_and_its_sub_words_first(open_adapter, counter, tmp_path):
    path = tmp_path / "trang-thai.toml"
    path.write_text(
        '[words]\n"đang chờ" = 4\nreceiving = 1\n[sub_words."đang chờ"]\n"chờ bổ sung" = 5\n',
        encoding="utf-8",
    )
    adapter = open_adapter(status_file=path)
    counter.receive(steps=0, status="Đang chờ", subStatus=" Chờ bổ sung ")
    counter.receive("H06.15-261123-0002", steps=0, status="ĐANG CHỜ", subStatus="khác")
    counter.receive("H06.15-261123-0003", steps=0)
    items, _ = fetched(adapter)
    assert [item.record.stage for item in items] == [5, 4, 1]


def test_an_unmapped_step_is_replaced_once_its_word_is_in_the_status_file(open_adapter, counter, tmp_path):
    counter.receive(steps=0, status="new")
    counter.do(entry=step("pausing", "Tạm dừng"))
    before, checkpoint = fetched(open_adapter())
    path = tmp_path / "trang-thai.toml"
    path.write_text("[words]\npausing = 8\n", encoding="utf-8")
    after, _ = fetched(open_adapter(status_file=path), checkpoint)
    assert names(before) == names(after) == [CODE, f"{CODE}#1"]
    assert [item.record.stage for item in after] == [8, 8]
    assert all(old.version != new.version for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dueAt": "2026-02-30T08:00:00+07:00"}, "“Ngày hẹn trả (dueAt)”"),
        ({"dueAt": "30/11/2026"}, "“Ngày hẹn trả (dueAt)”"),
        ({"receivedAt": "2026-11-23T08:00:00"}, "“Ngày tiếp nhận (receivedAt)”"),
        ({"channel": "FAX"}, "“Kênh tiếp nhận (channel)”"),
        ({"returnMethod": 1}, "“Hình thức trả kết quả (returnMethod)”"),
        ({"onlinePayment": "CASH"}, "“Thanh toán trực tuyến (onlinePayment)”"),
        ({"applicant": {"kind": "GHOST"}}, "“Loại đối tượng nộp hồ sơ (applicant.kind)”"),
        ({"status": ""}, "“Trạng thái hồ sơ (status)”"),
        ({"fees": [{"amount": 1.5}]}, "“Số tiền phí, lệ phí (fees.amount)”"),
        ({"fees": [{"amount": -1}]}, "“Số tiền phí, lệ phí (fees.amount)”"),
        ({"nationalCode": "không phải mã"}, "“Mã hồ sơ trên Cổng Dịch vụ công quốc gia (nationalCode)”"),
        ({"results": "all"}, "“Giấy tờ kết quả (results)”"),
    ],
)
def test_a_value_that_cannot_be_read_holds_its_dossier_alone_and_is_named(
    adapter, counter, blobs, changes, named
):
    counter.put(dossier(**changes))
    counter.receive("H06.15-261123-0002", steps=0)
    items, _ = fetched(adapter)
    held = next(item for item in items if item.external_id == CODE)
    assert held.fault.code == "MOTCUA_FIELDS_WRONG"
    assert named in held.fault.explanation_vi
    assert (held.lane, held.record) == (CODE, None)
    assert json.loads(blobs.read(held.original.sha256))["code"] == CODE
    assert [item.fault for item in items if item is not held] == [None]


def test_a_corrected_dossier_comes_under_the_same_id(adapter, counter, clock):
    counter.put(dossier(channel="FAX"))
    _, checkpoint = fetched(adapter)
    clock.advance(60)
    counter.do(channel="POST")
    (item,), _ = fetched(adapter, checkpoint)
    assert (item.external_id, item.fault, item.record.channel) == (CODE, None, Channel.POST)


@pytest.mark.parametrize(
    ("row", "code", "name"),
    [
        (17, "MOTCUA_ROW_NAMELESS", "unreadable-"),
        ("text", "MOTCUA_ROW_NAMELESS", "unreadable-"),
        ([], "MOTCUA_ROW_NAMELESS", "unreadable-"),
        ({"id": "x"}, "MOTCUA_FIELDS_WRONG", "row:x"),
        ({"code": "mã lạ", "id": "y"}, "MOTCUA_FIELDS_WRONG", "row:y"),
        ({"code": "mã lạ", "id": 7}, "MOTCUA_FIELDS_WRONG", "row:7"),
        (
            {"code": "H06.15-\uff12\uff16\uff11\uff11\uff12\uff13-0001", "id": "y"},
            "MOTCUA_FIELDS_WRONG",
            "row:y",
        ),
    ],
)
def test_a_row_that_is_no_dossier_is_held_alone(adapter, counter, row, code, name):
    counter.seed(rows=[row])
    counter.receive(steps=0)
    items, _ = fetched(adapter)
    assert [item.fault.code if item.fault else None for item in items] == [code, None]
    assert items[0].external_id.startswith(name)
    assert items[0].lane == items[0].external_id


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"abstract": "a\x00b"}, "“Trích yếu hồ sơ (abstract)” (dữ liệu JSON có ký tự không hợp lệ"),
        ({"components": [{"name": "x"}, {"name": "\x00"}]}, "“Tên thành phần hồ sơ (components.name)”"),
        ({"id": "\x00"}, "“Mã nội bộ (id)”"),
    ],
)
def test_a_row_that_is_no_json_is_held_under_its_code_and_names_the_field(adapter, counter, changes, named):
    counter.put(dossier(**changes))
    (item,), _ = fetched(adapter)
    assert (item.external_id, item.lane, item.title) == (CODE, CODE, CODE)
    assert item.fault.code == "MOTCUA_FIELDS_WRONG"
    assert named in item.fault.explanation_vi
    assert CODE in item.fault.explanation_vi


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:30:00Z", "9999-12-31T23:30:00-05:00", "0001-01-01T00:00:00Z"]
)
@pytest.mark.parametrize(
    ("field", "named"),
    [("updatedAt", "“Thời điểm cập nhật (updatedAt)”"), ("dueAt", "“Ngày hẹn trả (dueAt)”")],
)
def test_an_impossible_time_holds_its_dossier_alone_and_the_rest_of_the_page_flows_on(
    adapter, counter, field, named, time
):
    counter.put(dossier(**{field: time}))
    counter.receive("H06.15-261123-0002", steps=1)
    items, checkpoint = fetched(adapter)
    held = {item.external_id: item.fault for item in items if item.fault}
    if time.startswith("0001") and field == "dueAt":
        # It can be written: told by a warning.
        (found,) = [item for item in items if item.external_id == CODE]
        assert "TIME_IMPLAUSIBLE" in [warning.code for warning in found.record.warnings]
    elif not time.startswith("0001"):
        assert named in held[CODE].explanation_vi
    assert {"H06.15-261123-0002", "H06.15-261123-0002#1"} <= set(names(items))
    assert "9999" not in checkpoint


def test_pages_behind_rows_of_impossible_times_are_read(open_adapter, counter):
    codes = [f"H06.15-261123-{number:04d}" for number in range(1, 6)]
    for code in codes:
        counter.put(dossier(code, updatedAt="9999-12-31T23:30:00Z"))
    items, _ = fetched(open_adapter(page=2))
    assert sorted(names(items)) == codes


def test_a_good_dossier_says_under_which_name_it_may_be_held(adapter, counter):
    counter.receive(steps=0)
    (item,), _ = fetched(adapter)
    assert item.replaces == (f"row:hs-{CODE}",)


def test_no_personal_data_stands_in_a_fault(adapter, counter):
    person = {
        "kind": "CITIZEN",
        "name": "Trần Văn Kín",
        "identities": [{"kind": "CITIZEN_ID", "number": 5.5}],
    }
    counter.put(dossier(applicant=person, dueAt="Trần Văn Kín"))
    (item,), _ = fetched(adapter)
    assert "Kín" not in f"{item.fault} {item.fault.explanation_vi} {item.fault.facts} {item.title}"


def test_what_the_contract_does_not_know_is_kept(adapter, counter):
    odd = {"name": "x", "mức": 3}
    counter.receive(steps=0, components=[odd], ghiChuNoiBo={"a": [1]})
    (item,), _ = fetched(adapter)
    assert dict(item.record.unknown) == {"components.0.mức": "3", "ghiChuNoiBo": '{"a": [1]}'}


# --- trouble ----------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_had_makes_its_dossier_wait_and_no_other(adapter, counter, clock):
    counter.receive(steps=1)
    counter.do(files={"kq-1": RESULT}, results=[result()])
    counter.receive("H06.15-261123-0002", steps=0)
    counter.arm("unavailable", FILES, count=4)
    items, checkpoint = fetched(adapter)
    assert names(items) == ["H06.15-261123-0002"]
    assert CODE in checkpoint
    clock.advance(60)
    items, checkpoint = fetched(adapter, checkpoint)
    assert names(items) == [CODE, f"{CODE}#1"]
    assert "waiting" not in checkpoint


def test_a_file_that_is_never_to_be_had_holds_its_dossier_in_the_end(adapter, counter, clock):
    counter.receive(steps=1)
    counter.do(files={"kq-1": RESULT}, results=[result()])
    counter.arm("unavailable", FILES, count=1000)
    _, checkpoint = fetched(adapter)
    clock.advance(3600)
    (item,), _ = fetched(adapter, checkpoint)
    assert (item.fault.code, item.record) == ("RESULT_FILE_UNAVAILABLE", None)
    assert "“Giấy phép”" in item.fault.explanation_vi


@pytest.mark.parametrize(
    ("results", "limit", "code"),
    [
        ([result("không có")], 1024, "RESULT_FILE_UNAVAILABLE"),
        ([result()], 1024, "RESULT_FILE_TOO_LARGE"),
    ],
)
def test_a_file_that_is_gone_or_too_large_holds_its_dossier(open_adapter, counter, results, limit, code):
    adapter = open_adapter(largest_file_bytes=limit)
    counter.receive(steps=1)
    counter.do(files={"kq-1": b"x" * 5000}, results=results)
    (item,), _ = fetched(adapter)
    assert item.fault.code == code


def test_progress_that_cannot_be_had_makes_its_dossier_wait_and_is_held_in_the_end(adapter, counter, clock):
    counter.receive(steps=1)
    counter.arm("unavailable", PROGRESS, count=1000)
    items, checkpoint = fetched(adapter)
    assert items == []
    clock.advance(3600)
    (made, missing), _ = fetched(adapter, checkpoint)
    assert (made.external_id, made.fault) == (CODE, None)
    assert (missing.kind, missing.fault.code) == (Kind.PROGRESS, "MOTCUA_PROGRESS_UNAVAILABLE")


def test_a_dossier_deleted_while_it_waited_is_held(adapter, counter, clock):
    counter.receive(steps=0)
    counter.arm("unavailable", PROGRESS, count=4)
    _, checkpoint = fetched(adapter)
    with counter.host.held("motcua") as shop:
        shop.world.delete("dossiers", CODE)
    (item,), _ = fetched(adapter, checkpoint)
    assert item.fault.code == "MOTCUA_NOT_FOUND"


def test_a_system_in_trouble_is_left_alone(adapter, counter):
    for number in range(1, 6):
        counter.receive(f"H06.15-261123-{number:04d}")
    counter.arm("internal", PROGRESS, count=1000)
    with pytest.raises(RetryLater):
        fetched(adapter)


def test_an_account_closed_while_a_dossier_is_read_pauses_the_system(adapter, counter):
    counter.receive()
    counter.arm("unauthenticated", PROGRESS)
    with pytest.raises(HeldForPerson) as held:
        fetched(adapter)
    assert held.value.scope is Scope.SYSTEM


def test_one_dossier_closed_to_our_account_is_held_alone(adapter, counter):
    counter.receive(steps=0)
    counter.receive("H06.15-261123-0002", steps=0)
    counter.arm("status", PROGRESS, code=403)
    items, _ = fetched(adapter)
    codes = [item.fault.code if item.fault else None for item in items]
    assert codes == [None, "MOTCUA_PROGRESS_UNAVAILABLE", None]


def test_a_dossier_closed_to_our_account_while_it_waited_is_held(adapter, counter):
    counter.receive(steps=0)
    counter.arm("unavailable", PROGRESS, count=4)
    _, checkpoint = fetched(adapter)
    counter.arm("status", ONE, code=403)
    items, _ = fetched(adapter, checkpoint)
    assert names(items) == [CODE, CODE]
    assert [item.fault.code if item.fault else None for item in items] == ["MOTCUA_DOSSIER_FORBIDDEN", None]


def test_a_dossier_that_is_never_to_be_had_again_is_held_in_the_end(adapter, counter, clock):
    counter.receive(steps=0)
    counter.arm("unavailable", PROGRESS, count=4)
    _, checkpoint = fetched(adapter)
    counter.arm("unavailable", ONE, count=1000)
    clock.advance(3600)
    items, _ = fetched(adapter, checkpoint)
    assert [item.fault.code if item.fault else None for item in items] == ["MOTCUA_DOSSIER_UNAVAILABLE", None]


def test_a_file_closed_to_our_account_holds_its_dossier_alone(adapter, counter):
    counter.receive(steps=0)
    counter.do(files={"kq-1": RESULT}, results=[result()])
    counter.receive("H06.15-261123-0002", steps=0)
    counter.arm("status", FILES, code=403)
    items, _ = fetched(adapter)
    assert [item.fault.code if item.fault else None for item in items] == ["MOTCUA_DOSSIER_FORBIDDEN", None]


def test_an_account_closed_while_a_file_is_fetched_pauses_the_system(adapter, counter):
    counter.receive()
    counter.do(files={"kq-1": RESULT}, results=[result()])
    counter.arm("unauthenticated", FILES)
    with pytest.raises(HeldForPerson) as held:
        fetched(adapter)
    assert held.value.scope is Scope.SYSTEM


def test_how_far_is_told_and_a_refusal_of_that_changes_nothing(adapter, counter):
    counter.receive()
    counter.arm("status", "POST /api/ack", code=500, count=100)
    items, checkpoint = fetched(adapter)
    assert len(items) == 2
    assert "cursor" in checkpoint


def test_a_quiet_adapter_tells_nothing(open_adapter, counter):
    counter.receive()
    counter.count("POST /api/ack")
    fetched(open_adapter(acknowledge=False))
    assert counter.calls("POST /api/ack") == 0
    fetched(open_adapter())
    assert counter.calls("POST /api/ack") == 1


def test_only_dossiers_are_asked_for(adapter):
    with pytest.raises((TypeError, RetryLater)):
        list(adapter.fetch(Kind.DOCUMENT, None))


def test_the_doctor_is_answered(adapter, counter):
    assert adapter.ping() == "đọc thử được 0 hồ sơ"
    counter.receive()
    assert adapter.ping() == "đọc thử được 1 hồ sơ"
