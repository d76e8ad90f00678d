"""The simulated axis refuses what the real one refuses, keeps its promises and plays its part."""

import base64
import hashlib
import json

import pytest
from ebrvt_adapters.vxp import wire
from ebrvt_adapters.vxp.sandbox import VxpSimulator

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.model.document import Business, BusinessKind, DocumentStatus
from ebrvt_connect.ports.simulator import SimulatorSeat
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.world import SqliteWorld, memory_world
from tests.contract.vxp.exchange import (
    ACCOUNT,
    CABINET,
    DEPARTMENT,
    MINISTRY,
    NEIGHBOUR,
    PROVINCE,
    Axis,
    make_document,
    moment,
    packet_of,
    sample,
    status_packet,
    with_file,
)

# --- sending ------------------------------------------------------------------------------------------------


def test_document_is_accepted_and_journalled_with_what_an_audit_needs():
    axis, blobs = Axis(), MemoryBlobs()
    document = with_file(make_document(to=(CABINET, MINISTRY)), blobs)
    packet = packet_of(document, blobs)

    answer = axis.send(packet)

    [event] = axis.events("document-accepted")
    assert answer["ErrorCode"] == "0"
    assert event["doc_id"] == answer["DocId"]
    assert event["sha256"] == MemoryBlobs().put(iter((packet,)), limit_bytes=10**6).sha256
    assert event["size_bytes"] == len(packet)
    assert event["recipients"] == [CABINET, MINISTRY]
    assert (event["sender"], event["document_id"]) == (DEPARTMENT, document.document_id)
    assert event["attachments"] == [["letter.pdf", document.attachments[0].sha256]]


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("with_crlf", [True, False])
def test_file_hash_is_known_in_both_spellings_with_and_without_the_final_crlf(padded, with_crlf):
    axis, packet = Axis(), packet_of(make_document())
    hashed = hashlib.sha256(packet).hexdigest()
    headers = (
        ("messagetype", "edoc"),
        ("hash-file", wire.file_hash(hashed, padded=padded)),
        ("from", DEPARTMENT),
    )

    answer = axis.ask("sendEdoc", *headers, body=packet + wire.CRLF if with_crlf else packet)

    assert answer["ErrorCode"] == "0"


def test_file_that_is_not_the_announced_one_is_refused():
    axis = Axis()
    headers = (("messagetype", "edoc"), ("hash-file", "0" * 64), ("from", DEPARTMENT))

    answer = axis.ask("sendEdoc", *headers, body=packet_of(make_document()))

    assert (answer["status"], answer["DocId"]) == ("FAIL", "")
    assert "hash-file" in answer["ErrorDesc"]


def test_sender_not_registered_is_refused_in_the_real_words():
    axis = Axis()
    document = make_document(sender=MINISTRY)

    answer = axis.send(packet_of(document), sender=MINISTRY)

    assert answer["ErrorDesc"] == f"Don vi gui {MINISTRY} khong dung voi ma da dang ky: sys.test.01"
    assert not axis.events("document-accepted")


def test_sender_in_the_packet_must_be_the_one_announced():
    answer = Axis().send(packet_of(make_document(sender=DEPARTMENT)), sender=PROVINCE)

    assert answer["ErrorCode"] == "4"


@pytest.mark.parametrize("body", [b"<edXML/>", b"", b"%PDF-1.7", b"<!DOCTYPE x []><edXML/>"])
def test_what_is_no_edxml_is_refused(body):
    assert Axis().send(body)["ErrorCode"] == "5"


def test_packet_in_the_wrong_queue_is_refused():
    document = make_document()
    status = status_packet("03", make_document(sender=MINISTRY, to=(PROVINCE,)), reporter=PROVINCE)

    assert Axis().send(packet_of(document), kind="status")["ErrorCode"] == "5"
    assert Axis().send(status, kind="edoc", sender=PROVINCE)["ErrorCode"] == "5"


def test_unknown_recipient_is_refused_and_nothing_is_filed():
    axis = Axis()

    answer = axis.send(packet_of(make_document(to=(CABINET, "000.00.99.H29"))))

    assert (answer["ErrorCode"], answer["DocId"]) == ("6", "")
    assert axis.simulator.state()["documents_accepted"] == 0
    assert axis.simulator.state()["answers_to_come"] == 0


@pytest.mark.parametrize("value", ["000.00.00.G22", "[1]", '{"a": 1}', "["])
def test_to_header_must_be_the_text_of_an_array_of_codes(value):
    packet = packet_of(make_document())
    headers = (
        ("messagetype", "edoc"),
        ("hash-file", hashlib.sha256(packet).hexdigest()),
        ("from", DEPARTMENT),
        ("to", value),
    )

    assert Axis().ask("sendEdoc", *headers, body=packet)["ErrorCode"] == "1"


def test_same_document_again_is_refused_and_journalled():
    axis = Axis()
    first = axis.send(packet_of(make_document()))
    other_bytes = packet_of(make_document(), at=moment("2026-11-24T00:00:00"))

    again, changed = axis.send(packet_of(make_document())), axis.send(other_bytes)

    assert (again["ErrorCode"], changed["ErrorCode"]) == ("8", "8")
    assert [event["first_doc_id"] for event in axis.events("duplicate-refused")] == [first["DocId"]] * 2
    assert len(axis.events("document-accepted")) == 1


def test_update_of_a_document_is_another_packet_under_the_same_id():
    axis = Axis()
    axis.send(packet_of(make_document()))
    update = make_document(business=Business(kind=BusinessKind.UPDATE, reason="Sửa", document_id="x"))

    assert axis.send(packet_of(update))["ErrorCode"] == "0"


def test_identical_status_packet_is_accepted_again_with_the_same_id():
    axis = Axis()
    packet = status_packet("03", make_document(sender=MINISTRY, to=(PROVINCE,)), reporter=PROVINCE)

    first, again = (axis.send(packet, kind="status", sender=PROVINCE) for _ in range(2))

    assert first["DocId"] == again["DocId"] != ""
    assert len(axis.events("status-accepted")) == 1
    assert len(axis.events("status-repeated")) == 1
    assert axis.events("status-accepted")[0]["code"] == "03"


def test_sent_list_has_a_row_for_each_recipient():
    axis = Axis()
    doc_id = axis.send(packet_of(make_document(to=(CABINET, MINISTRY))))["DocId"]
    axis.send(packet_of(make_document("126/BC-STTTT")))

    rows = axis.ask("getSentEdocList", ("messagetype", "edoc"), ("docId", doc_id))["data"]

    assert [row["toCode"] for row in rows] == [CABINET, MINISTRY]
    assert {row["senderDocId"] for row in rows} == {doc_id}
    assert {row["notation"] for row in rows} == {"125/BC-STTTT"}
    assert len(rows[0]) == 14


def test_sent_list_keeps_to_the_period_asked_for():
    axis = Axis()
    axis.send(packet_of(make_document()))
    inside = (("fromDate", "23/11/2026 08:00:00"), ("toDate", "23/11/2026 08:00:00"))
    outside = (("fromDate", "23/11/2026 08:00:01"),)

    assert len(axis.ask("getSentEdocList", *inside)["data"]) == 1
    assert axis.ask("getSentEdocList", *outside)["data"] == []


# --- queues -------------------------------------------------------------------------------------------------


def test_document_reaches_the_other_system_once_however_many_of_its_agencies_are_named():
    blobs = MemoryBlobs()
    accounts = (ACCOUNT, {**NEIGHBOUR, "agencies": ["000.00.00.H29", "000.00.05.H29"]})
    axis = Axis(*accounts)
    document = with_file(
        make_document(to=("000.00.00.H29", "000.00.05.H29")), blobs, b"%PDF-" + b"x" * 90_000
    )

    doc_id = axis.send(packet_of(document, blobs))["DocId"]

    [row] = axis.listed(account=NEIGHBOUR)
    assert (row["docId"], row["from"]) == (doc_id, DEPARTMENT)
    assert axis.listed() == []


def test_delivered_packet_has_one_more_trace_and_the_same_files():
    blobs = MemoryBlobs()
    axis = Axis(ACCOUNT, NEIGHBOUR)
    document = with_file(make_document(to=("000.00.00.H29",)), blobs)
    doc_id = axis.send(packet_of(document, blobs))["DocId"]

    packet = base64.b64decode(axis.ask("getEdoc", ("docId", doc_id), account=NEIGHBOUR)["data"])

    record = read_document(iter((packet,)), blobs).record
    assert [hop.agency for hop in record.trace] == [DEPARTMENT, ""]
    assert record.attachments[0].sha256 == document.attachments[0].sha256


def test_packet_stays_listed_until_it_is_acknowledged_and_may_be_fetched_afterwards():
    axis = Axis()
    packet = packet_of(make_document(sender=MINISTRY, to=(PROVINCE,)))
    [doc_id] = axis.simulator.seed({"incoming": [sample("a", packet)]})["doc_ids"]["a"]

    assert [row["docId"] for row in axis.listed()] == [row["docId"] for row in axis.listed()] == [doc_id]
    assert axis.acknowledge(doc_id)["ErrorCode"] == "0"
    assert axis.acknowledge(doc_id)["ErrorCode"] == "0"
    assert axis.listed() == []
    assert axis.ask("getEdoc", ("docId", doc_id))["ErrorCode"] == "0"
    assert [event["repeated"] for event in axis.events("acknowledged")] == [False, True]


def test_processing_does_not_take_a_packet_from_the_queue():
    axis = Axis()
    axis.simulator.seed(
        {"incoming": [sample("a", packet_of(make_document(sender=MINISTRY, to=(PROVINCE,))))]}
    )
    [row] = axis.listed()

    axis.ask("updateStatus", ("docId", row["docId"]), ("status", "processing"))

    assert [row["status"] for row in axis.listed()] == ["processing"]


def test_packet_of_another_system_is_not_given_out():
    axis = Axis(ACCOUNT, NEIGHBOUR)
    doc_id = axis.send(packet_of(make_document(to=("000.00.00.H29",))))["DocId"]

    assert axis.ask("getEdoc", ("docId", doc_id))["ErrorCode"] == "7"
    assert axis.acknowledge(doc_id)["ErrorCode"] == "7"


def test_counts_tell_what_waits():
    axis = Axis()
    axis.simulator.seed(
        {"incoming": [sample("a", packet_of(make_document(sender=MINISTRY, to=(PROVINCE,))))]}
    )

    assert axis.ask("countReceiveEdoc")["count"] == 1
    assert axis.ask("countReceiveStatus")["count"] == 0


def test_sample_put_in_twice_is_delivered_once():
    axis = Axis()
    item = sample("a", packet_of(make_document(sender=MINISTRY, to=(PROVINCE,))))

    first, again = (axis.simulator.seed({"incoming": [item]}) for _ in range(2))

    assert first == again
    assert len(axis.listed()) == 1


def test_unreadable_sample_is_delivered_all_the_same():
    axis = Axis()
    axis.simulator.seed({"incoming": [sample("a", b"<not edXML")]})

    assert len(axis.listed()) == 1


# --- the script ---------------------------------------------------------------------------------------------


def statuses_of(axis, **more):
    records = []
    for row in axis.listed("status", **more):
        packet = base64.b64decode(axis.ask("getEdoc", ("docId", row["docId"]), **more)["data"])
        records.append(read_document(iter((packet,)), MemoryBlobs()).record)
    return records


def code_of(reply):
    return json.loads(reply.body)["ErrorCode"]


def play_out(axis, until="2026-11-23T02:00:00"):
    axis.simulator.answers_a_tick = 10_000
    axis.simulator.tick(moment(until))


def test_recipients_answer_in_order_and_one_in_ten_refuses_with_a_reason():
    axis = Axis()
    for number in range(200):
        axis.send(packet_of(make_document(f"{number}/BC-STTTT")))

    play_out(axis)

    told: dict[str, list[DocumentStatus]] = {}
    for status in statuses_of(axis):
        told.setdefault(status.about.document_id, []).append(status)
    stories = [tuple(status.code for status in story) for story in told.values()]
    assert set(stories) == {("01", "03", "06"), ("01", "02")}
    assert 8 <= stories.count(("01", "02")) <= 35
    assert all(status.note for story in told.values() for status in story if status.code == "02")


def test_answers_come_at_their_time():
    axis = Axis({**ACCOUNT, "pace_seconds": 60})
    axis.send(packet_of(make_document()))

    counts = []
    for minute in ("00:30", "01:00", "01:59", "02:00", "03:00"):
        axis.simulator.tick(moment(f"2026-11-23T01:{minute}"))
        counts.append(len(axis.listed("status")))

    assert counts in ([0, 1, 1, 2, 3], [0, 1, 1, 2, 2])


def test_answers_that_pile_up_come_in_portions():
    axis = Axis()
    for number in range(30):
        axis.send(packet_of(make_document(f"{number}/BC-STTTT")))

    axis.simulator.tick(moment("2026-11-23T02:00:00"))

    assert len(axis.listed("status")) == 50
    assert axis.simulator.state()["answers_to_come"] > 0


def test_same_seed_tells_the_same_story():
    def story(seed):
        axis = Axis(seed=seed)
        for number in range(40):
            axis.send(packet_of(make_document(f"{number}/BC-STTTT")))
        play_out(axis)
        return [(event["document_id"], event["code"], event["doc_id"]) for event in axis.events("delivered")]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_recipient_agrees_to_a_recall():
    axis = Axis()
    document = make_document()
    axis.send(packet_of(document))
    play_out(axis)
    recall = status_packet(
        "13", document, reporter=DEPARTMENT, addressee=make_document(sender=CABINET).issuer.code
    )

    axis.send(recall, kind="status")
    play_out(axis, "2026-11-23T03:00:00")

    assert [status.code for status in statuses_of(axis)][-1] == "15"


def test_status_to_a_registered_agency_reaches_its_queue():
    axis = Axis(ACCOUNT, NEIGHBOUR)
    document = make_document(to=("000.00.00.H29",))
    axis.send(packet_of(document))

    axis.send(
        status_packet("03", document, reporter="000.00.00.H29"),
        kind="status",
        sender="000.00.00.H29",
        account=NEIGHBOUR,
    )

    assert [status.code for status in statuses_of(axis)] == ["03"]


# --- the directory ------------------------------------------------------------------------------------------


def test_directory_is_told_in_three_forms():
    axis = Axis()
    plain = {row["code"]: row for row in axis.ask("getAgenciesList")["data"]}
    level_2 = axis.ask("getAgenciesListQD20", ("level", "2"))["data"]
    units = {row["code"]: row for row in axis.ask("getSynchronizeUnit")["data"]}

    assert plain[CABINET]["oldCode"] == "G22"
    assert [(row["code"], row["code102"]) for row in level_2] == [("H06.15", DEPARTMENT)]
    assert units[PROVINCE]["centerCode"] == "sys.test.01"


def test_registered_agency_can_send_and_a_deleted_one_cannot():
    axis = Axis()
    code = "000.00.77.H06"
    body = json.dumps({"id": "77", "pcode": PROVINCE, "code": code, "name": "Sở mới"}).encode()

    before = axis.send(packet_of(make_document(sender=code)), sender=code)
    registered = axis.ask("registerAgency", body=body)
    during = axis.send(packet_of(make_document(sender=code)), sender=code)
    deleted = axis.ask("deleteAgency", ("AgencyCode", code))
    after = axis.send(packet_of(make_document("2/X", sender=code)), sender=code)

    answers = [answer["ErrorCode"] for answer in (before, registered, during, deleted, after)]
    assert answers == ["4", "0", "0", "0", "4"]


# --- the world ----------------------------------------------------------------------------------------------


def test_reopened_world_goes_on_where_it_was(tmp_path):
    with SqliteWorld(tmp_path) as world:
        before = Axis(ACCOUNT, NEIGHBOUR, world=world)
        doc_id = before.send(packet_of(make_document(to=(CABINET, "000.00.00.H29"))))["DocId"]
        before.simulator.seed(
            {"incoming": [sample("a", packet_of(make_document("9/QĐ", sender=MINISTRY, to=(PROVINCE,))))]}
        )
        before.acknowledge(before.listed()[0]["docId"])
        state = before.simulator.state()
    with SqliteWorld(tmp_path) as world:
        after = Axis(ACCOUNT, NEIGHBOUR, world=world)

        assert after.simulator.state() == state
        assert after.send(packet_of(make_document(to=(CABINET,))))["ErrorCode"] == "8"
        assert [row["docId"] for row in after.listed(account=NEIGHBOUR)] == [doc_id]
        play_out(after)
        assert len(after.listed("status")) in {2, 3}


def test_failure_in_the_middle_leaves_indices_and_world_as_they_were():
    axis = Axis()
    axis.send(packet_of(make_document()))
    state = axis.simulator.state()

    class Broken(SqliteWorld):
        def journal(self, event, **facts):
            raise OSError(event, facts)

    axis.world.__class__ = Broken
    with pytest.raises(OSError, match="document-accepted"):
        axis.send(packet_of(make_document("126/BC-STTTT")))
    axis.world.__class__ = SqliteWorld

    assert axis.simulator.state() == state
    assert axis.send(packet_of(make_document("126/BC-STTTT")))["ErrorCode"] == "0"


def test_single_table_and_none_are_configurations_too():
    alone = VxpSimulator.open(SimulatorSeat(memory_world(), 1, {**ACCOUNT, "pace_seconds": 2}))
    default = VxpSimulator.open(SimulatorSeat(memory_world()))

    assert alone.credentials()["systemid"] == "sys.test.01"
    assert alone.axis.pace.total_seconds() == 2
    assert default.credentials()["agencies"] == [PROVINCE, DEPARTMENT, "000.00.08.H06"]


def test_configuration_it_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="systemId"):
        VxpSimulator.open(SimulatorSeat(memory_world(), 1, {"systemId": "x"}))


def test_further_recipients_can_be_named():
    axis = Axis({**ACCOUNT, "recipients": ["000.00.99.H29"]})
    axis.simulator.seed({"agencies": [{"code": "000.00.98.H29", "name": "Sở khác"}]})

    assert axis.send(packet_of(make_document(to=("000.00.99.H29", "000.00.98.H29"))))["ErrorCode"] == "0"


def test_packet_of_an_update_is_agreed_to():
    axis = Axis()
    axis.send(packet_of(make_document(business=Business(kind=BusinessKind.UPDATE, document_id="x"))))
    play_out(axis)

    assert [status.code for status in statuses_of(axis)] == ["01", "15"]


def test_recall_of_a_document_the_recipient_never_had_is_not_answered():
    axis = Axis()
    to = make_document(sender=CABINET).issuer.code
    axis.send(status_packet("13", make_document(), reporter=DEPARTMENT, addressee=to), kind="status")

    assert axis.simulator.state()["answers_to_come"] == 0


def test_status_about_our_document_put_in_as_a_sample_goes_to_the_queue_of_statuses():
    axis = Axis(ACCOUNT, NEIGHBOUR)
    packet = status_packet("03", make_document(), reporter=CABINET)
    axis.simulator.seed({"incoming": [sample("s", packet)]})

    assert [status.code for status in statuses_of(axis)] == ["03"]


def test_sample_for_nobody_goes_where_it_is_told():
    axis = Axis(ACCOUNT, NEIGHBOUR)
    packet = packet_of(make_document(sender=MINISTRY, to=(CABINET,)))
    axis.simulator.seed({"incoming": [sample("s", packet, systemid=NEIGHBOUR["systemid"])]})

    assert axis.listed() == []
    assert len(axis.listed(account=NEIGHBOUR)) == 1


def test_status_to_an_unknown_agency_is_refused():
    document = make_document(sender="000.00.99.H29", to=(PROVINCE,))

    answer = Axis().send(status_packet("03", document, reporter=PROVINCE), kind="status", sender=PROVINCE)

    assert answer["ErrorCode"] == "6"


@pytest.mark.parametrize(
    ("operation", "headers"),
    [
        ("getReceivedEdocList", (("messagetype", "letters"),)),
        ("updateStatus", (("docid", "d"), ("status", "perhaps"))),
        ("sendEdoc", (("messagetype", "edoc"), ("from", DEPARTMENT))),
        ("registerAgency", ()),
    ],
)
def test_call_with_something_missing_or_unknown_is_refused(operation, headers):
    answer = Axis().ask(operation, *headers)

    assert (answer["status"], answer["ErrorCode"]) == ("FAIL", "1")


def test_agency_with_an_impossible_code_is_not_registered():
    body = json.dumps({"id": "1", "pcode": "", "code": "Sở mới", "name": "x"}).encode()

    assert Axis().ask("registerAgency", body=body)["ErrorCode"] == "6"


def test_agency_without_a_qcvn_form_keeps_its_own():
    axis = Axis({**ACCOUNT, "recipients": ["vxp.saas.03"]})

    assert "vxp.saas.03" in {row["code"] for row in axis.ask("getAgenciesList")["data"]}


def test_packet_without_trace_list_is_delivered_as_it_is():
    axis = Axis(ACCOUNT, NEIGHBOUR)
    packet = packet_of(make_document(to=("000.00.00.H29",)))
    start, end = packet.index(b"    <edXML:TraceHeaderList"), packet.index(b"    </edXML:edXMLHeader>")
    bare = packet[:start] + packet[end:]
    doc_id = axis.send(bare)["DocId"]

    delivered = base64.b64decode(axis.ask("getEdoc", ("docId", doc_id), account=NEIGHBOUR)["data"])

    assert delivered == bare


def test_document_without_id_is_known_again_by_its_number_and_date():
    axis = Axis()
    packet = packet_of(make_document())
    line = b"<edXML:DocumentId>000.00.15.H06,2026/11/20,125/BC-STTTT</edXML:DocumentId>"
    bare = packet.replace(line, b"")

    assert bare != packet
    assert [axis.send(bare)["ErrorCode"] for _ in range(2)] == ["0", "8"]


def test_time_that_is_no_timestamp_is_refused():
    headers = wire.signed_headers(
        (("systemid", ACCOUNT["systemid"]), ("timestamp", "2026-11-23T08:00:00Z")), ACCOUNT["secret"]
    )

    assert code_of(Axis().raw("getAgenciesList", headers)) == "2"
