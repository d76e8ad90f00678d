"""The adapter as source and sink, over real HTTP against the simulated document system."""

import hashlib
import json
import unicodedata
from datetime import timedelta

import pytest
from ebrvt_adapters.qlvb.mapping import NODE

from ebrvt_connect.errors import HeldForPerson, Rejected, RetryLater, Scope
from ebrvt_connect.model.document import (
    Agency,
    Confidentiality,
    DocumentReference,
    DocumentStatus,
    Staff,
    StatusCode,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.adapter import NotThere, Outcome, Work
from tests.contract.qlvb.office import ISSUER, NOW, RECIPIENTS, fetched, incoming_document, message, outgoing

LETTER = b"%PDF-1.7 letter"
DOWNLOAD = "GET /api/outgoing/{id}/attachments/{seq}"
ONE = "GET /api/outgoing/{id}"


# --- documents out of the province --------------------------------------------------------------------------


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


def test_a_system_that_cannot_be_asked_for_a_waiting_document_is_tried_later(adapter, desk):
    desk.issue(outgoing())
    desk.arm("internal", DOWNLOAD, count=4)
    _, checkpoint = fetched(adapter, Kind.DOCUMENT)
    desk.arm("internal", ONE, count=1000)
    with pytest.raises(RetryLater):
        list(adapter.fetch(Kind.DOCUMENT, checkpoint))


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


# --- events -------------------------------------------------------------------------------------------------


def incoming_event(**changes):
    event = {
        "incomingId": "den-000001",
        "axisDocId": "axis-1",
        "code": "03",
        "at": "2026-11-23T09:30:00+07:00",
        "by": {"name": "Nguyễn Thị Mẫu", "unit": "Văn thư", "position": "Văn thư", "phone": "0254"},
        "note": "đã vào sổ",
    }
    return event | changes


def test_a_clerks_act_becomes_a_status_about_the_document_by_its_axis_id(adapter, desk):
    desk.put_event("incoming-events", incoming_event(agencyCode=ISSUER))
    (item,), checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    status = item.record
    assert (status.code, status.about_external_id, status.about) == ("03", "axis-1", None)
    assert str(status.reporter.code) == ISSUER
    assert status.staff == Staff(
        department="Văn thư", name="Nguyễn Thị Mẫu", position="Văn thư", mobile="0254"
    )
    assert status.happened_at.isoformat() == "2026-11-23T02:30:00+00:00"
    assert fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint) == ([], checkpoint)


def test_who_tells_is_the_configured_agency_or_the_system_itself(open_adapter, desk):
    desk.put_event("incoming-events", incoming_event())
    (named,), _ = fetched(open_adapter(agency="H06.15"), Kind.DOCUMENT_STATUS)
    (unnamed,), _ = fetched(open_adapter(), Kind.DOCUMENT_STATUS)
    assert named.record.reporter.code == AgencyCode("H06.15")
    assert unnamed.record.reporter.code == NODE


def test_an_unknown_status_code_is_carried_with_a_warning(adapter, desk):
    desk.put_event("incoming-events", incoming_event(code="77"))
    (item,), _ = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert item.fault is None
    assert [warning.code for warning in item.record.warnings] == ["STATUS_CODE_UNKNOWN"]


def test_an_event_that_cannot_be_read_is_held_and_the_next_ones_come(adapter, desk):
    desk.put_event("incoming-events", incoming_event(at="hôm nay"))
    desk.put_event("incoming-events", incoming_event(code="06"))
    items, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert [(i.external_id, i.fault and i.fault.code) for i in items] == [
        ("incoming-event-1", "QLVB_EVENT_WRONG"),
        ("incoming-event-2", None),
    ]
    assert "thời điểm" in items[0].fault.explanation_vi
    assert fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)[0] == []


def test_many_events_come_page_by_page_in_order(open_adapter, desk):
    for number in range(7):
        desk.put_event("incoming-events", incoming_event(axisDocId=f"axis-{number}"))
    items, _ = fetched(open_adapter(page=3), Kind.DOCUMENT_STATUS)
    assert [i.record.about_external_id for i in items] == [f"axis-{n}" for n in range(7)]


def test_what_issuers_ask_comes_page_by_page(open_adapter, desk):
    desk.issue(outgoing())
    for _ in range(5):
        desk.ask("vb-1")
    items, checkpoint = fetched(open_adapter(page=2), Kind.DOCUMENT_STATUS)
    assert len(items) == 10
    assert json.loads(checkpoint) == {"outgoingEvents": 5}


def test_a_recall_is_told_to_each_recipient_of_the_document(adapter, desk):
    desk.issue(outgoing())
    desk.ask("vb-1")
    items, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert [(i.record.code, str(i.record.addressee)) for i in items] == [("13", code) for code in RECIPIENTS]
    status = items[0].record
    assert (status.note, str(status.reporter.code)) == ("Ban hành nhầm", ISSUER)
    assert status.about == DocumentReference(
        agency_code=AgencyCode(ISSUER),
        number="125/BC-STTTT",
        document_id=items[0].lane,
        promulgated_on=status.about.promulgated_on,
    )
    assert status.about_external_id == "vb-1"
    assert len({i.external_id for i in items}) == 2
    assert fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)[0] == []


@pytest.mark.parametrize("business", [None, {"kind": "UPDATE"}, {"kind": "NEW"}])
def test_an_update_asked_for_by_event_adds_nothing_when_the_document_agrees(adapter, desk, business):
    desk.issue(outgoing(business=business))
    desk.ask("vb-1", "UPDATE")
    assert fetched(adapter, Kind.DOCUMENT_STATUS)[0] == []


def test_an_event_that_contradicts_its_document_is_held(adapter, desk):
    desk.issue(outgoing(business={"kind": "REVOKE"}))
    desk.ask("vb-1", "REPLACE")
    (item,), _ = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert item.fault.code == "EVENT_CONTRADICTS_DOCUMENT"
    assert "yêu cầu thay thế" in item.fault.explanation_vi
    assert "nghiệp vụ thu hồi" in item.fault.explanation_vi


def test_an_event_about_no_document_is_held(adapter, desk):
    desk.ask("nobody")
    (item,), _ = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert item.fault.code == "STATUS_WITHOUT_DOCUMENT"


def test_an_event_of_an_unknown_kind_is_held(adapter, desk):
    desk.issue(outgoing())
    desk.ask("vb-1", "SHRED")
    (item,), _ = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert item.fault.code == "QLVB_EVENT_KIND_UNKNOWN"


def test_an_event_whose_document_cannot_be_had_waits_and_is_held_after_a_while(open_adapter, desk, clock):
    adapter = open_adapter(attachment_patience_minutes=5)
    desk.issue(outgoing())
    desk.ask("vb-1")
    desk.arm("internal", ONE, count=1000)
    batches = adapter.fetch(Kind.DOCUMENT_STATUS, None)
    checkpoint = next(batches).checkpoint
    with pytest.raises(RetryLater):
        next(batches)
    clock.advance(timedelta(minutes=6))
    (item,), checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)
    assert item.fault.code == "STATUS_WITHOUT_DOCUMENT"
    assert fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)[0] == []


# --- acknowledging ------------------------------------------------------------------------------------------


def test_how_far_we_are_is_told_and_refusing_to_hear_it_changes_nothing(adapter, desk, host):
    desk.issue(outgoing())
    desk.put_event("incoming-events", incoming_event())
    desk.ask("vb-1")
    desk.arm("status", "POST /api/ack", code=404)
    fetched(adapter, Kind.DOCUMENT)
    fetched(adapter, Kind.DOCUMENT_STATUS)
    with host.held("qlvb") as dms:
        acks = {key: row["cursor"] for key, row in dms.world.rows("acks")}
    assert acks == {"incoming-events": 1, "outgoing-events": 1}


def test_telling_how_far_we_are_can_be_switched_off(open_adapter, desk):
    desk.issue(outgoing())
    desk.count("POST /api/ack")
    fetched(open_adapter(acknowledge=False), Kind.DOCUMENT)
    assert desk.calls("POST /api/ack") == 0


# --- documents into the province ----------------------------------------------------------------------------

VERDICT = json.dumps(
    {
        "documents": [
            {
                "sha256": hashlib.sha256(LETTER).hexdigest(),
                "indication": "TOTAL_FAILED",
                "signatures": [
                    {"findings": [{"code": "HASH", "severity": "error", "message_vi": "Nội dung đã bị sửa."}]}
                ],
                "findings": [],
            }
        ]
    }
)


def deliver(adapter, record, **changes):
    work = Work(message(record, **changes), record)
    payload = adapter.prepare(work)
    return adapter.submit(work, payload), payload


def test_an_incoming_document_is_filed_with_its_verdict(adapter, desk, blobs, host):
    blobs.put((LETTER,), limit_bytes=10**6)
    receipt, payload = deliver(adapter, incoming_document(), verdict=VERDICT)
    with host.held("qlvb") as dms:
        filed = dms.world.get("incoming", receipt.external_id)["metadata"]
    assert filed["verification"] == {
        "indication": "TOTAL_FAILED",
        "headlineVi": "KHÔNG HỢP LỆ",
        "perFile": [
            {
                "seq": 1,
                "indication": "TOTAL_FAILED",
                "findings": [{"code": "HASH", "severity": "error", "messageVi": "Nội dung đã bị sửa."}],
            }
        ],
    }
    assert filed["sender"]["code"] == RECIPIENTS[0]
    assert filed["type"] == {"code": "CV", "name": "Công văn"}
    assert filed["packet"] == {"sha256": "a" * 64, "size": 99}
    assert filed["receivedAt"] == "2026-11-23T09:00:00+07:00"
    assert filed["business"]["kind"] == "UPDATE"
    assert json.loads(blobs.read(payload.blob.sha256)) == filed


def test_a_document_nobody_judged_says_so(adapter, blobs, host):
    blobs.put((LETTER,), limit_bytes=10**6)
    receipt, _ = deliver(adapter, incoming_document())
    with host.held("qlvb") as dms:
        verification = dms.world.get("incoming", receipt.external_id)["metadata"]["verification"]
    assert verification["indication"] == "NOT_VERIFIED"
    assert verification["headlineVi"] == "CHƯA KIỂM TRA CHỮ KÝ SỐ"


def test_the_payload_is_made_once_and_sending_it_again_has_no_second_effect(adapter, desk, blobs):
    blobs.put((LETTER,), limit_bytes=10**6)
    record = incoming_document()
    work = Work(message(record), record)
    payload = adapter.prepare(work)
    desk.arm("lose-reply", "POST /api/incoming", count=3)
    with pytest.raises(RetryLater):
        adapter.submit(work, payload)
    assert adapter.ask_after(work, payload) == NotThere()
    adapter.submit(work, payload)
    assert desk.state()["incoming"] == 1
    assert len(desk.journal("incoming-repeated")) == 3


def test_odd_file_names_and_media_types_are_carried(adapter, blobs, host):
    name = unicodedata.normalize("NFC", 'Phụ lục "số 1";\r\n/../ế.pdf')
    record = incoming_document(files=((LETTER, name),))
    odd = record.attachments[0].model_copy(update={"media_type": "văn bản\r\nX: y"})
    record = record.model_copy(update={"attachments": (odd,)})
    blobs.put((LETTER,), limit_bytes=10**6)
    receipt, _ = deliver(adapter, record)
    with host.held("qlvb") as dms:
        filed = dms.world.get("incoming", receipt.external_id)["metadata"]
    assert filed["attachments"][0]["name"] == name


def test_a_document_without_date_or_files_is_filed_as_it_is(adapter, host):
    record = incoming_document(files=(), promulgated_on=None, place="", due_on=None)
    receipt, _ = deliver(adapter, record)
    with host.held("qlvb") as dms:
        filed = dms.world.get("incoming", receipt.external_id)["metadata"]
    assert "promulgation" not in filed
    assert "attachments" not in filed


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"external_id": "mã có dấu"}, "QLVB_KEY_UNUSABLE"),
        ({"external_id": ""}, "QLVB_KEY_UNUSABLE"),
        ({"original": None}, "QLVB_ORIGINAL_MISSING"),
    ],
)
def test_a_document_that_cannot_be_keyed_or_evidenced_is_held(adapter, changes, code):
    record = incoming_document()
    with pytest.raises(HeldForPerson) as held:
        adapter.prepare(Work(message(record, **changes), record))
    assert held.value.code == code


def test_a_file_lost_from_the_blobs_is_held_and_nothing_is_filed(adapter, desk):
    record = incoming_document()
    work = Work(message(record), record)
    payload = adapter.prepare(work)
    with pytest.raises(HeldForPerson):
        adapter.submit(work, payload)
    assert desk.state()["incoming"] == 0


# --- statuses into the province -----------------------------------------------------------------------------


def status(**changes):
    fields = {
        "code": "03",
        "reporter": Agency(code=AgencyCode(RECIPIENTS[0]), name="Văn phòng (mẫu)"),
        "about_external_id": "vb-1",
        "note": "đã vào sổ",
        "happened_at": NOW,
        "staff": Staff(name="Trần Văn Mẫu", department="Phòng Hành chính"),
    }
    return DocumentStatus(**(fields | changes))


def origin_of(adapter, desk):
    desk.issue(outgoing())
    (item,), _ = fetched(adapter, Kind.DOCUMENT)
    sent = message(
        item.record, idem_key="x", external_id="vb-1", source="qlvb", target="axis", state=State.DONE
    )
    return sent, item.record


def test_a_status_is_written_to_its_document_under_the_messages_own_key(adapter, desk, host):
    origin, document = origin_of(adapter, desk)
    record = status()
    work = Work(message(record, idem_key="trang-thai-ve:s1:1"), record, origin, document)
    payload = adapter.prepare(work)
    adapter.submit(work, payload)
    adapter.submit(work, payload)
    (told,) = desk.journal("exchange-status")
    assert (told["id"], told["agencyCode"], told["code"]) == ("vb-1", RECIPIENTS[0], "03")
    assert told["messageId"] == "trang-thai-ve:s1:1"
    with host.held("qlvb") as dms:
        ((_, row),) = dms.world.rows("exchange-statuses")
    assert row["by"] == {"name": "Trần Văn Mẫu", "unit": "Phòng Hành chính"}
    assert row["at"] == "2026-11-23T09:00:00+07:00"


def test_a_status_about_no_document_of_ours_is_held(adapter, desk):
    record = status()
    origin, document = origin_of(adapter, desk)
    foreign = origin.model_copy(update={"source": "axis", "target": "qlvb"})
    for work in (Work(message(record), record), Work(message(record), record, foreign, document)):
        with pytest.raises(HeldForPerson) as held:
            adapter.prepare(work)
        assert held.value.code == "STATUS_WITHOUT_DOCUMENT"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"code": "77"}, "QLVB_STATUS_NOT_KNOWN"), ({"happened_at": None}, "QLVB_STATUS_WITHOUT_TIME")],
)
def test_a_status_the_system_cannot_take_is_held(adapter, desk, changes, code):
    origin, document = origin_of(adapter, desk)
    record = status(**changes)
    with pytest.raises(HeldForPerson) as held:
        adapter.prepare(Work(message(record), record, origin, document))
    assert held.value.code == code


def test_a_status_for_a_document_deleted_there_is_rejected(adapter, desk, host):
    origin, document = origin_of(adapter, desk)
    with host.held("qlvb") as dms:
        dms.world.delete("outgoing", "vb-1")
    record = status()
    work = Work(message(record), record, origin, document)
    with pytest.raises(Rejected):
        adapter.submit(work, adapter.prepare(work))


@pytest.mark.parametrize(
    ("state", "code", "note"),
    [
        (State.DONE, StatusCode.SENT, ""),
        (State.HELD, StatusCode.HELD, "Chưa ký. Ký lại."),
        (State.REFUSED, StatusCode.FAILED, "Chưa ký. Ký lại."),
        (State.DEAD, StatusCode.FAILED, "Chưa ký. Ký lại."),
        (State.CANCELLED, StatusCode.FAILED, "Chưa ký. Ký lại."),
    ],
)
def test_what_became_of_a_document_is_told_for_each_recipient(adapter, desk, state, code, note):
    origin, document = origin_of(adapter, desk)
    told = adapter.feedback(origin, document, Outcome(state, "X", "Chưa ký.", "Ký lại."))
    assert [(f.record.code, str(f.record.reporter.code), f.record.note) for f in told] == [
        (code, recipient, note) for recipient in RECIPIENTS
    ]
    assert len({f.key for f in told}) == 2
    for feedback in told:
        work = Work(message(feedback.record, idem_key=feedback.key), feedback.record, origin, document)
        adapter.submit(work, adapter.prepare(work))
    assert [entry["code"] for entry in desk.journal("exchange-status")] == [code, code]


def test_nothing_is_told_of_statuses_or_of_outcomes_that_mean_nothing_yet(adapter, desk):
    origin, document = origin_of(adapter, desk)
    record = status()
    assert adapter.feedback(message(record), record, Outcome(State.DONE)) == ()
    assert adapter.feedback(origin, document, Outcome(State.WAITING)) == ()


def test_one_recipient_in_both_spellings_is_told_once_and_none_under_the_issuer(adapter, desk):
    origin, document = origin_of(adapter, desk)
    twice = document.model_copy(
        update={"recipients": (Agency(code=AgencyCode("G22")), Agency(code=AgencyCode("000.00.00.G22")))}
    )
    nobody = document.model_copy(update={"recipients": ()})
    assert [str(f.record.reporter.code) for f in adapter.feedback(origin, twice, Outcome(State.DONE))] == [
        "G22"
    ]
    assert [str(f.record.reporter.code) for f in adapter.feedback(origin, nobody, Outcome(State.HELD))] == [
        ISSUER
    ]


def test_the_doctor_is_told_how_many_agencies_answered(adapter):
    assert adapter.ping() == "0 agencies"
