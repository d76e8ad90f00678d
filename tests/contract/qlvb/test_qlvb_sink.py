"""The adapter as a sink, over real HTTP against the simulated document system."""

import hashlib
import json
import unicodedata

import pytest

from ebrvt_connect.errors import HeldForPerson, Rejected, RetryLater
from ebrvt_connect.model.document import (
    Agency,
    Business,
    BusinessKind,
    DocumentStatus,
    Staff,
    StatusCode,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.adapter import NotThere, Outcome, Work
from tests.contract.qlvb.office import ISSUER, NOW, RECIPIENTS, fetched, incoming_document, message, outgoing

LETTER = b"%PDF-1.7 letter"


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
    assert "confidentiality" not in filed
    assert "role" not in filed["attachments"][0]
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


def test_a_status_without_a_time_is_held(adapter, desk):
    origin, document = origin_of(adapter, desk)
    record = status(happened_at=None)
    with pytest.raises(HeldForPerson) as held:
        adapter.prepare(Work(message(record), record, origin, document))
    assert held.value.code == "QLVB_STATUS_WITHOUT_TIME"


@pytest.mark.parametrize("changes", [{}, {"happened_at": None}])
def test_a_status_code_nobody_knows_is_kept_and_stops_nothing(adapter, desk, changes):
    origin, document = origin_of(adapter, desk)
    record = status(code="07", **changes)
    work = Work(message(record), record, origin, document)
    desk.count("PUT /api/outgoing/{id}/exchange-status")
    receipt = adapter.submit(work, adapter.prepare(work))
    assert receipt.note == "mã trạng thái không có trong danh mục, chỉ lưu ở sổ cái"
    assert desk.calls("PUT /api/outgoing/{id}/exchange-status") == 0


def test_a_status_names_the_agency_as_the_document_does(adapter, desk):
    origin, document = origin_of(adapter, desk)
    for spelled in ("G22", "G99"):
        record = status(reporter=Agency(code=AgencyCode(spelled)))
        work = Work(message(record, idem_key=spelled), record, origin, document)
        adapter.submit(work, adapter.prepare(work))
    assert [told["agencyCode"] for told in desk.journal("exchange-status")] == ["000.00.00.G22", "G99"]


def test_a_document_whose_business_nobody_knows_is_held(adapter):
    record = incoming_document(business=Business(kind=BusinessKind.UNKNOWN))
    with pytest.raises(HeldForPerson) as held:
        adapter.prepare(Work(message(record), record))
    assert held.value.code == "QLVB_BUSINESS_NOT_KNOWN"
    assert "88/VPCP" in held.value.explanation_vi


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
    assert adapter.ping() == "0 cơ quan trong danh bạ"
