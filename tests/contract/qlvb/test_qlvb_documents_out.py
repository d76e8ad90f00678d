"""The adapter as a source of documents, over real HTTP against the simulated document system."""

import json
import unicodedata
from datetime import timedelta

import pytest

from ebrvt_connect.errors import HeldForPerson, RetryLater, Scope
from ebrvt_connect.model.document import (
    Confidentiality,
)
from ebrvt_connect.model.message import Kind
from tests.contract.qlvb.office import ISSUER, fetched, outgoing

LETTER = b"%PDF-1.7 letter"
DOWNLOAD = "GET /api/outgoing/{id}/attachments/{seq}"
ONE = "GET /api/outgoing/{id}"


def test_an_issued_document_comes_with_its_files_already_in_the_blobs(adapter, desk, blobs):
    files = (LETTER, b"PK appendix")
    desk.issue(outgoing(files=files), files)
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.fault is None
    assert (item.external_id, item.title, item.priority) == ("vb-1", "125/BC-STTTT", 1)
    assert item.lane == item.business_key == f"{ISSUER},2026/11/20,125/BC-STTTT"
    assert [blobs.read(a.sha256) for a in item.record.attachments] == list(files)
    assert json.loads(blobs.read(item.original.sha256))["id"] == "vb-1"


def test_a_document_id_of_the_system_itself_is_kept_verbatim(adapter, desk):
    desk.issue(outgoing(documentId="  mã riêng, có dấu phẩy "))
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.lane == item.record.document_id == "mã riêng, có dấu phẩy"


def test_text_in_nfd_becomes_nfc_and_the_original_stays_as_it_was(adapter, desk, blobs):
    abstract = "Báo cáo Bà Rịa – Vũng Tàu"
    desk.issue(outgoing(abstract=unicodedata.normalize("NFD", abstract)))
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.record.abstract == abstract
    assert unicodedata.normalize("NFD", abstract).encode() in blobs.read(item.original.sha256)


def test_what_was_stored_is_not_fetched_twice_and_the_overlap_is_read_again(adapter, desk, clock):
    desk.issue(outgoing("a"))
    items, checkpoint = fetched(adapter, Kind.DOCUMENT)
    desk.count(DOWNLOAD)
    clock.advance(60)
    desk.issue(outgoing("b"))
    again, checkpoint = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert ([i.external_id for i in items], [i.external_id for i in again]) == (["a"], ["b"])
    assert fetched(adapter, Kind.DOCUMENT, checkpoint) == ([], checkpoint)
    assert desk.calls(DOWNLOAD) == 0, "the same bytes are in the blobs already"


def test_another_process_reads_the_overlap_again_under_the_same_versions(open_adapter, desk):
    desk.issue(outgoing("a"))
    first, checkpoint = fetched(open_adapter(), Kind.DOCUMENT)
    second, _ = fetched(open_adapter(), Kind.DOCUMENT, checkpoint)
    assert [(i.external_id, i.version) for i in first] == [(i.external_id, i.version) for i in second]


def test_a_row_committed_late_with_an_older_time_is_not_missed(adapter, desk, host, clock):
    desk.issue(outgoing("on-time"))
    late = outgoing("late", updatedAt="2026-11-23T07:55:00+07:00")
    with host.held("qlvb") as dms:
        visible = (clock.now() + timedelta(seconds=30)).isoformat()
        dms.seed({"documents": [late], "visible_at": {"late": visible}})
    items, checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert [i.external_id for i in items] == ["on-time"]
    clock.advance(60)
    items, _ = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert [i.external_id for i in items] == ["late"]


def test_without_an_overlap_reading_goes_on_exactly_where_it_stopped(open_adapter, desk):
    adapter = open_adapter(overlap_minutes=0)
    for name in ("a", "b", "c"):
        desk.issue(outgoing(name))
    items, checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert len(items) == 3
    assert fetched(open_adapter(overlap_minutes=0), Kind.DOCUMENT, checkpoint) == ([], checkpoint)


def test_a_new_revision_is_a_new_version_and_a_document_served_twice_is_not(adapter, desk, clock):
    desk.issue(outgoing())
    (first,), checkpoint = fetched(adapter, Kind.DOCUMENT)
    clock.advance(5)
    changed = outgoing(business={"kind": "UPDATE", "documentId": first.business_key, "reason": "sửa"})
    desk.issue(changed)
    (second,), _ = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert second.external_id == first.external_id
    assert second.version != first.version
    assert second.record.business.kind == "update"


def test_a_document_retold_in_other_words_without_a_new_revision_is_the_same(adapter, desk, clock):
    desk.issue(outgoing())
    _, checkpoint = fetched(adapter, Kind.DOCUMENT)
    desk.issue(outgoing(abstract="khác", updatedAt="2026-11-23T08:00:01+07:00"), unchecked=True)
    assert fetched(adapter, Kind.DOCUMENT, checkpoint)[0] == []


def test_an_account_closed_while_files_are_fetched_pauses_the_system(adapter, desk):
    desk.issue(outgoing())
    desk.arm("unauthenticated", DOWNLOAD)
    with pytest.raises(HeldForPerson) as held:
        list(adapter.fetch(Kind.DOCUMENT, None))
    assert held.value.scope is Scope.SYSTEM


def test_small_pages_are_batches_that_each_hold_their_own_checkpoint(open_adapter, desk):
    adapter = open_adapter(page=2)
    for name in "abcde":
        desk.issue(outgoing(name))
    batches = list(adapter.fetch(Kind.DOCUMENT, None))
    assert [[i.external_id for i in batch.items] for batch in batches] == [["a", "b"], ["c", "d"], ["e"]]
    resumed, _ = fetched(open_adapter(page=2, overlap_minutes=0), Kind.DOCUMENT, batches[0].checkpoint)
    assert [i.external_id for i in resumed] == ["c", "d", "e"]


@pytest.mark.parametrize("word", ["HẠN CHẾ", "mat", None, 5, ["MAT"]])
def test_an_unknown_degree_of_secrecy_is_unknown_never_normal(adapter, desk, word):
    desk.issue(outgoing(confidentiality=word))
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.record.confidentiality is Confidentiality.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "field_vi"),
    [
        ({"codeNumber": ""}, "số văn bản"),
        ({"promulgation": {"date": "2026-02-30"}}, "ngày ban hành"),
        ({"promulgation": {"date": "20/11/2026"}}, "ngày ban hành"),
        ({"recipients": []}, "nơi nhận"),
        ({"recipients": [{"code": "x y"}]}, "mã định danh nơi nhận"),
        ({"signatory": {"position": "Giám đốc"}}, "họ tên người ký"),
        ({"urgency": "0"}, "độ khẩn"),
        ({"urgency": 9}, "độ khẩn"),
        ({"business": {"kind": "DESTROY"}}, "loại nghiệp vụ"),
        ({"type": {"code": "BC"}}, "tên loại văn bản"),
        ({"issuer": 5}, "cơ quan ban hành"),
        ({"dueDate": "mai"}, "hạn trả lời"),
        ({"abstract": None}, "trích yếu"),
    ],
)
def test_a_missing_or_wrong_field_holds_the_document_and_names_the_field(adapter, desk, changes, field_vi):
    desk.issue(outgoing("broken") | changes, unchecked=True)
    desk.issue(outgoing("good"))
    items, _ = fetched(adapter, Kind.DOCUMENT)
    broken = next(i for i in items if i.external_id == "broken")
    assert broken.record is None
    assert broken.original is not None
    assert broken.fault.code == "QLVB_FIELDS_WRONG"
    assert field_vi in broken.fault.explanation_vi
    assert [i.external_id for i in items if i.fault is None] == ["good"]


def test_a_document_held_for_its_fields_is_not_held_again_at_each_reading(adapter, desk):
    desk.issue(outgoing(codeNumber=""), unchecked=True)
    _, checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert fetched(adapter, Kind.DOCUMENT, checkpoint)[0] == []


def test_a_number_that_is_none_holds_the_document(adapter, desk):
    desk.issue(outgoing(codeNotation="K\u0007H"))
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.fault.code == "DOCUMENT_NUMBER_INVALID"


def test_two_files_under_one_seq_hold_the_document(adapter, desk):
    document = outgoing(files=(LETTER, b"two"))
    document["attachments"][1]["seq"] = 1
    desk.issue(document, (LETTER, b"two"))
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert "thứ tự tệp đính kèm" in item.fault.explanation_vi


def test_a_file_saved_again_after_issuing_holds_the_document_as_it_came(adapter, desk, blobs):
    desk.issue(outgoing())
    desk.arm("attachment-changed", DOWNLOAD)
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.fault.code == "ATTACHMENT_CHANGED"
    assert blobs.read(item.record.attachments[0].sha256) == LETTER + b"\n"


def test_a_size_that_is_not_the_files_own_holds_the_document(adapter, desk):
    document = outgoing()
    document["attachments"][0]["size"] += 1
    desk.issue(document)
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.fault.code == "ATTACHMENT_CHANGED"


def test_a_file_too_large_is_not_even_asked_for(open_adapter, desk):
    adapter = open_adapter(largest_attachment_bytes=1024)
    desk.issue(outgoing(files=(b"x" * 2000,)), (b"x" * 2000,))
    desk.count(DOWNLOAD)
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert (item.fault.code, item.record) == ("ATTACHMENT_TOO_LARGE", None)
    assert desk.calls(DOWNLOAD) == 0


def test_a_file_that_lies_about_its_size_is_cut_off_at_the_limit(open_adapter, desk):
    adapter = open_adapter(largest_attachment_bytes=1024)
    document = outgoing(files=(b"x" * 2000,))
    document["attachments"][0]["size"] = 10
    desk.issue(document, (b"x" * 2000,))
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert item.fault.code == "ATTACHMENT_TOO_LARGE"


def test_a_file_that_is_gone_holds_its_document_only(adapter, desk):
    desk.issue(outgoing("a", files=(b"first",)), (b"first",))
    desk.issue(outgoing("b", files=(b"second",)), (b"second",))
    desk.arm("status", DOWNLOAD, code=404)
    items, _ = fetched(adapter, Kind.DOCUMENT)
    assert [(i.external_id, i.fault and i.fault.code) for i in items] == [
        ("a", "ATTACHMENT_UNAVAILABLE"),
        ("b", None),
    ]
    assert items[0].record is None


def test_a_file_that_cannot_be_had_lets_the_others_go_on_and_comes_later(adapter, desk, clock):
    desk.issue(outgoing("a", files=(b"first",)), (b"first",))
    clock.advance(1)
    desk.issue(outgoing("b", files=(b"second",)), (b"second",))
    desk.arm("internal", DOWNLOAD, count=4)
    items, checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert [i.external_id for i in items] == ["b"]
    assert "a" in json.loads(checkpoint)["waiting"]
    items, checkpoint = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert [(i.external_id, i.fault) for i in items] == [("a", None)]
    assert "waiting" not in json.loads(checkpoint)


def test_a_file_that_cannot_be_had_for_long_holds_its_document(open_adapter, desk, clock):
    adapter = open_adapter(attachment_patience_minutes=5)
    desk.issue(outgoing())
    desk.arm("internal", DOWNLOAD, count=1000)
    items, checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert items == []
    clock.advance(timedelta(minutes=6))
    (item,), _ = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert item.fault.code == "ATTACHMENT_UNAVAILABLE"


def test_a_file_still_missing_keeps_its_document_waiting(adapter, desk, clock):
    desk.issue(outgoing())
    desk.arm("internal", DOWNLOAD, count=1000)
    _, checkpoint = fetched(adapter, Kind.DOCUMENT)
    clock.advance(60)
    assert fetched(adapter, Kind.DOCUMENT, checkpoint) == ([], checkpoint)


def test_a_waiting_document_that_cannot_be_asked_for_does_not_stop_the_others(adapter, desk, clock):
    desk.issue(outgoing("bad"))
    clock.advance(timedelta(minutes=20))
    desk.issue(outgoing("first", codeNumber="7", files=(b"first",)), (b"first",))
    desk.arm("internal", DOWNLOAD, count=4)
    _, checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert list(json.loads(checkpoint)["waiting"]) == ["bad"]
    desk.arm("internal", ONE, count=1000)
    clock.advance(timedelta(minutes=15))
    desk.issue(outgoing("good", codeNumber="126"))
    items, checkpoint = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert [i.external_id for i in items] == ["good"]
    with pytest.raises(RetryLater):
        list(adapter.fetch(Kind.DOCUMENT, checkpoint))
    clock.advance(timedelta(minutes=20))
    (held,), checkpoint = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert (held.external_id, held.fault.code) == ("bad", "QLVB_DOCUMENT_UNAVAILABLE")
    assert fetched(adapter, Kind.DOCUMENT, checkpoint) == ([], checkpoint)


def test_several_bad_documents_are_in_the_way_once_only(adapter, desk, clock):
    for name in "abcd":
        desk.issue(outgoing(name, files=(b"bad " + name.encode(),)), (b"bad " + name.encode(),))
    with_files = adapter.client.download
    adapter.client.download = lambda name, seq, blobs: failing(desk, lambda: with_files(name, seq, blobs))
    checkpoint = None
    for _ in range(2):
        batches = adapter.fetch(Kind.DOCUMENT, checkpoint)
        checkpoint = next(batches).checkpoint
        with pytest.raises(RetryLater):
            next(batches)
    adapter.client.download = with_files
    desk.issue(outgoing("good", codeNumber="126"))
    items, _ = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert [i.external_id for i in items] == [*"abcd", "good"]


def failing(desk, call):
    desk.arm("internal", DOWNLOAD, count=4)
    return call()


@pytest.mark.parametrize("operation", [DOWNLOAD, ONE])
@pytest.mark.parametrize("status", [403, 404])
def test_a_document_closed_to_us_is_held_and_the_others_come(adapter, desk, clock, operation, status):
    desk.issue(outgoing("bad"))
    if operation == ONE:
        desk.arm("internal", DOWNLOAD, count=4)
    desk.arm("status", operation, code=status)
    items, checkpoint = fetched(adapter, Kind.DOCUMENT)
    desk.issue(outgoing("good", codeNumber="126"))
    more, _ = fetched(adapter, Kind.DOCUMENT, checkpoint)
    by_name = {item.external_id: item.fault for item in (*items, *more)}
    assert by_name["good"] is None
    missing = "QLVB_NOT_FOUND" if operation == ONE else "ATTACHMENT_UNAVAILABLE"
    faults = {i.fault.code for i in (*items, *more) if i.external_id == "bad" and i.fault}
    assert faults == {"QLVB_DOCUMENT_FORBIDDEN" if status == 403 else missing}


@pytest.mark.parametrize("overlap", [0, 10])
@pytest.mark.parametrize("ahead", ["2099-01-01T00:00:00+07:00", "2026-11-23T10:00:00+07:00"])
def test_a_time_that_lies_ahead_loses_no_later_document(open_adapter, desk, clock, ahead, overlap):
    adapter = open_adapter(overlap_minutes=overlap)
    desk.issue(outgoing("ahead", updatedAt=ahead), unchecked=True)
    (item,), checkpoint = fetched(adapter, Kind.DOCUMENT)
    assert [(w.code, w.field) for w in item.record.warnings] == [("UPDATED_IN_FUTURE", "updatedAt")]
    clock.advance(60)
    desk.issue(outgoing("right", codeNumber="126"))
    items, checkpoint = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert [(i.external_id, i.record.warnings) for i in items] == [("right", ())]
    clock.advance(timedelta(hours=3))
    assert fetched(adapter, Kind.DOCUMENT, checkpoint)[0] == []


@pytest.mark.parametrize("kind", ["REVOKE", "UPDATE"])
def test_a_change_travels_behind_the_document_it_is_about(adapter, desk, kind):
    desk.issue(outgoing("vb-1"))
    about = f"{ISSUER},2026/11/20,125/BC-STTTT"
    desk.issue(
        outgoing("vb-2", codeNumber="126", business={"kind": kind, "reason": "a", "documentId": about})
    )
    first, second = fetched(adapter, Kind.DOCUMENT)[0]
    assert first.lane == second.lane == about
    assert second.business_key.endswith("126/BC-STTTT")


def test_a_waiting_document_that_came_meanwhile_is_not_made_twice(adapter, desk, clock):
    desk.issue(outgoing())
    desk.arm("internal", DOWNLOAD, count=4)
    _, waiting = fetched(adapter, Kind.DOCUMENT)
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    assert fetched(adapter, Kind.DOCUMENT, waiting)[0] == []
    assert item.fault is None


def test_a_document_withdrawn_while_its_files_were_awaited_is_held(adapter, desk, host):
    desk.issue(outgoing())
    desk.arm("internal", DOWNLOAD, count=4)
    _, checkpoint = fetched(adapter, Kind.DOCUMENT)
    with host.held("qlvb") as dms:
        dms.world.delete("outgoing", "vb-1")
    (item,), _ = fetched(adapter, Kind.DOCUMENT, checkpoint)
    assert item.fault.code == "QLVB_NOT_FOUND"


def test_files_failing_one_after_the_other_mean_the_system_is_in_trouble(adapter, desk, clock):
    for place, name in enumerate("abc"):
        desk.issue(outgoing(name, files=(name.encode(),)), (name.encode(),))
        clock.advance(place + 1)
    desk.arm("internal", DOWNLOAD, count=8)
    batches = adapter.fetch(Kind.DOCUMENT, None)
    first = next(batches)
    assert first.items == ()
    with pytest.raises(RetryLater):
        next(batches)
    items, _ = fetched(adapter, Kind.DOCUMENT, first.checkpoint)
    assert sorted(i.external_id for i in items) == ["a", "b", "c"]


def test_a_system_that_is_down_is_tried_later(adapter, desk):
    desk.arm("down", seconds=3600)
    with pytest.raises(RetryLater):
        list(adapter.fetch(Kind.DOCUMENT, None))
