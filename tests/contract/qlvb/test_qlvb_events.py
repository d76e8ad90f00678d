"""The adapter as a source of statuses, over real HTTP against the simulated document system."""

import json
from datetime import timedelta

import pytest
from ebrvt_adapters.qlvb.mapping import NODE

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.model.document import (
    DocumentReference,
    Staff,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind
from tests.contract.qlvb.office import ISSUER, RECIPIENTS, fetched, outgoing

DOWNLOAD = "GET /api/outgoing/{id}/attachments/{seq}"
ONE = "GET /api/outgoing/{id}"


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
    adapter = open_adapter(page=2)
    desk.issue(outgoing())
    fetched(adapter, Kind.DOCUMENT)
    for _ in range(5):
        desk.ask("vb-1")
    items, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert len(items) == 10
    assert json.loads(checkpoint) == {"outgoingEvents": 5}


def test_a_recall_is_told_to_each_recipient_of_the_document(adapter, desk):
    desk.issue(outgoing())
    fetched(adapter, Kind.DOCUMENT)
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


def test_a_recall_waits_until_its_document_was_handed_over(adapter, desk):
    desk.issue(outgoing())
    desk.arm("internal", DOWNLOAD, count=4)
    _, documents = fetched(adapter, Kind.DOCUMENT)
    desk.ask("vb-1")
    items, statuses = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert items == []
    assert fetched(adapter, Kind.DOCUMENT_STATUS, statuses) == ([], statuses)
    assert [i.external_id for i in fetched(adapter, Kind.DOCUMENT, documents)[0]] == ["vb-1"]
    items, statuses = fetched(adapter, Kind.DOCUMENT_STATUS, statuses)
    assert [i.record.code for i in items] == ["13", "13"]
    assert json.loads(statuses) == {"outgoingEvents": 1}


def test_a_recall_in_a_new_process_waits_for_one_reading_of_the_documents(open_adapter, desk, clock):
    desk.issue(outgoing())
    _, documents = fetched(open_adapter(), Kind.DOCUMENT)
    clock.advance(timedelta(hours=1))
    desk.ask("vb-1")
    adapter = open_adapter()
    items, statuses = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert items == []
    fetched(adapter, Kind.DOCUMENT, documents)
    assert len(fetched(adapter, Kind.DOCUMENT_STATUS, statuses)[0]) == 2


def test_a_recall_goes_on_after_a_while_where_nobody_reads_documents(adapter, desk, clock):
    desk.issue(outgoing())
    desk.ask("vb-1")
    items, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert items == []
    clock.advance(timedelta(minutes=31))
    assert len(fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)[0]) == 2


def test_one_event_that_must_wait_does_not_stop_the_others(adapter, desk):
    desk.issue(outgoing("a"))
    desk.issue(outgoing("b", codeNumber="126"))
    fetched(adapter, Kind.DOCUMENT)
    desk.ask("a")
    desk.ask("a", "SHRED")
    desk.ask("b")
    desk.arm("internal", ONE, count=3)
    items, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert {i.record.about_external_id for i in items} == {"b"}
    items, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)
    assert [i.fault and i.fault.code for i in items] == [None, None, "QLVB_EVENT_KIND_UNKNOWN"]
    assert fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint) == ([], checkpoint)


def test_an_event_about_a_document_closed_to_us_is_held(adapter, desk):
    desk.issue(outgoing())
    desk.ask("vb-1")
    desk.arm("status", ONE, code=403)
    (item,), _ = fetched(adapter, Kind.DOCUMENT_STATUS)
    assert item.fault.code == "STATUS_WITHOUT_DOCUMENT"


@pytest.mark.parametrize("table", ["incoming-events", "outgoing-events"])
def test_an_event_committed_late_with_a_smaller_number_is_found(open_adapter, desk, host, table):
    adapter = open_adapter(page=2)
    desk.issue(outgoing())
    fetched(adapter, Kind.DOCUMENT)
    late = incoming_event() if table == "incoming-events" else recall_event()
    with host.held("qlvb") as dms:
        for seq in (1, 2, 4):
            dms.office.put_event(table, late)
            dms.world.put(table, str(seq), {"seq": seq, **late})
        dms.world.delete(table, "3")
        dms.office.put_event(table, late)
    first, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS)
    with host.held("qlvb") as dms:
        dms.world.put(table, "3", {"seq": 3, **late})
    found, checkpoint = fetched(open_adapter(page=2), Kind.DOCUMENT_STATUS, checkpoint)
    if table == "outgoing-events":
        found, checkpoint = fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint)
    assert {i.external_id.split(":")[0] for i in found} == {f"{table.split('-')[0]}-event-3"}
    assert len(first) == 3 * len(found)
    assert fetched(adapter, Kind.DOCUMENT_STATUS, checkpoint) == ([], checkpoint)


def recall_event():
    return {"id": "vb-1", "kind": "RECALL", "reason": "a", "at": "2026-11-23T09:30:00+07:00"}


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
