"""The simulated axis misbehaves when it is told to, in the ways the real one does."""

import json

import pytest

from tests.contract.vxp.exchange import (
    MINISTRY,
    PROVINCE,
    Axis,
    make_document,
    packet_of,
    sample,
    status_packet,
)

# --- faults it plays itself ---------------------------------------------------------------------------------


def with_one_waiting(**more):
    axis = Axis()
    packet = packet_of(make_document(sender=MINISTRY, to=(PROVINCE,)))
    axis.simulator.seed({"incoming": [sample("a", packet)]})
    return axis, axis.listed()[0]["docId"]


def test_rejected_timestamp_does_nothing():
    axis = Axis()

    answer = axis.send(packet_of(make_document()), fault="reject-timestamp")

    assert (answer["status"], answer["ErrorDesc"]) == ("FAIL", "Timestamp khong hop le")
    assert not axis.events("document-accepted")


def test_plain_failure_with_status_200_does_nothing():
    axis = Axis()

    assert axis.send(packet_of(make_document()), fault="fail-200")["status"] == "FAIL"
    assert not axis.events("document-accepted")


def test_truncated_answer_comes_after_the_work_was_done():
    axis = Axis()
    with pytest.raises(json.JSONDecodeError):
        axis.send(packet_of(make_document()), fault="truncated-json")

    assert len(axis.events("document-accepted")) == 1


def test_empty_list_body_is_empty():
    with pytest.raises(json.JSONDecodeError):
        Axis().listed(fault="empty-list-body")


def test_stale_list_shows_what_was_acknowledged():
    axis, doc_id = with_one_waiting()
    axis.acknowledge(doc_id)

    assert [row["docId"] for row in axis.listed(fault="stale-list")] == [doc_id]
    assert axis.listed() == []


def test_stale_acknowledgement_is_answered_and_forgotten():
    axis, doc_id = with_one_waiting()

    assert axis.acknowledge(doc_id, fault="stale-list")["ErrorCode"] == "0"
    assert [row["docId"] for row in axis.listed()] == [doc_id]


def test_duplicate_delivery_shows_the_packet_again_until_acknowledged_again():
    axis, doc_id = with_one_waiting()
    axis.acknowledge(doc_id)

    shown = [row["docId"] for row in axis.listed(fault="duplicate")]
    axis.acknowledge(doc_id)

    assert shown == [doc_id]
    assert axis.listed() == []
    assert axis.events("redelivered")[0]["as_doc_id"] == doc_id


def test_duplicate_under_a_new_id_is_the_same_packet():
    axis, doc_id = with_one_waiting()
    axis.acknowledge(doc_id)

    [row] = axis.listed(fault="duplicate-new-id")

    assert row["docId"] != doc_id
    assert axis.ask("getEdoc", ("docId", row["docId"])) == axis.ask("getEdoc", ("docId", doc_id))


def told(axis, document, code):
    """Our own system reports about a document it has taken."""
    assert (
        axis.send(
            status_packet(code, document, reporter=PROVINCE, note="Trả lại"), kind="status", sender=PROVINCE
        )["status"]
        == "OK"
    )


def test_document_turned_down_is_not_the_one_that_comes_under_a_new_id():
    axis = Axis()
    documents = [make_document(number, sender=MINISTRY, to=(PROVINCE,)) for number in ("1/A", "2/A", "3/A")]
    packets = [sample(document.document_id, packet_of(document)) for document in documents]
    axis.simulator.seed({"incoming": packets})
    first, second, third = (row["docId"] for row in axis.listed())
    for doc_id in (first, second, third):
        axis.acknowledge(doc_id)
    told(axis, documents[0], "03")
    told(axis, documents[2], "02")

    axis.listed(fault="duplicate-new-id")
    told(axis, documents[0], "02")
    axis.listed(fault="duplicate-new-id")

    assert [event["doc_id"] for event in axis.events("redelivered")] == [first, second]


def test_duplicate_waits_for_something_to_deliver_twice():
    axis, doc_id = with_one_waiting()

    assert len(axis.listed(fault="duplicate")) == 1
    axis.acknowledge(doc_id)

    assert [row["docId"] for row in axis.listed()] == [doc_id]
