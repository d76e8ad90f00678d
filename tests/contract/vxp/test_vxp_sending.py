"""The axis as a sink: made once, asked after before it is sent again, nothing that must not leave."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from ebrvt_adapters.vxp.sandbox_entry import Refusal

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.model.document import (
    Business,
    BusinessKind,
    Confidentiality,
    Document,
    DocumentStatus,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Receipt, State
from ebrvt_connect.ports.adapter import AskAgain, NotThere, Settled, Work
from ebrvt_connect.testing.clock import START
from tests.contract.vxp.exchange import (
    CABINET,
    DEPARTMENT,
    MINISTRY,
    PROVINCE,
    incoming,
    make_document,
    make_message,
    make_status,
    make_work,
    sent,
    sent_status,
    with_file,
)

# --- documents out ------------------------------------------------------------------------------------------


def test_document_is_prepared_once_and_accepted(linked):
    link = linked()
    document = with_file(make_document(document_id="", to=(CABINET, MINISTRY)), link.blobs)
    work, payload, receipt = sent(link, document)

    [event] = link.events("document-accepted")
    assert event["sha256"] == payload.blob.sha256
    assert event["doc_id"] == receipt.external_id
    assert event["document_id"] == "000.00.15.H06,2026/11/20,125/BC-STTTT"
    assert json.loads(receipt.raw)["ErrorCode"] == "0"
    assert link.adapter.prepare(work) == payload
    record = read_document(link.blobs.chunks(payload.blob.sha256), link.blobs).record
    assert isinstance(record, Document)
    assert record.steering is None
    assert record.attachments[0].sha256 == document.attachments[0].sha256


@pytest.mark.parametrize("default", [None, 1])
def test_steering_type_is_written_only_where_the_province_agreed_one(linked, default):
    link = linked() if default is None else linked(steering_default=default)

    payload = link.adapter.prepare(make_work(make_document(steering=None)))

    assert (b"SteeringType" in link.blobs.read(payload.blob.sha256)) is (default is not None)


def test_secret_document_is_stopped_here_too(linked):
    link = linked()

    with pytest.raises(HeldForPerson) as caught:
        link.adapter.prepare(make_work(make_document(confidentiality=Confidentiality.SECRET)))

    assert (caught.value.code, caught.value.scope) == ("SECRET_NEVER_ON_AXIS", Scope.MESSAGE)
    assert link.blobs.contents == {}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (make_document(to=()), "VXP_NO_RECIPIENT"),
        (make_document(sender=MINISTRY), "VXP_ISSUER_NOT_OURS"),
        (make_document(promulgated_on=None, document_id=""), "VXP_NO_PROMULGATION_DATE"),
        (make_document(abstract=""), "EDXML_FIELD_MISSING"),
    ],
)
def test_document_with_something_missing_is_held(linked, document, code):
    with pytest.raises(HeldForPerson) as caught:
        linked().adapter.prepare(make_work(document))

    assert caught.value.code == code
    assert caught.value.explanation_vi


def test_packet_over_the_limit_is_held(linked):
    link = linked(largest_packet_bytes=4096)
    document = with_file(make_document(), link.blobs, b"%PDF-" + b"x" * 8000)

    with pytest.raises(HeldForPerson) as caught:
        link.adapter.prepare(make_work(document))
    assert caught.value.code == "BLOB_TOO_LARGE"


def test_unknown_recipient_is_a_refusal(linked):
    link = linked()

    with pytest.raises(Rejected) as caught:
        sent(link, make_document(to=("000.00.99.H29",)))

    assert caught.value.code == "VXP_UNKNOWN_RECIPIENT"
    assert "000.00.99.H29" in caught.value.explanation_vi


def test_sender_the_axis_does_not_know_is_held(linked):
    link = linked(agencies=("000.00.77.H06",))

    with pytest.raises(HeldForPerson) as caught:
        sent(link, make_document(sender="000.00.77.H06"))

    assert (caught.value.code, caught.value.scope) == ("VXP_SENDER_MISMATCH", Scope.MESSAGE)


def test_rejected_timestamp_does_not_cost_the_document(linked):
    link = linked()
    link.arm("reject-timestamp", "sendEdoc")

    sent(link)

    assert len(link.events("document-accepted")) == 1


@pytest.mark.parametrize("fault", ["lose-reply", "truncated-json", "truncate"])
def test_document_whose_reply_was_lost_is_found_and_not_sent_again(linked, fault):
    link = linked()
    work = make_work(make_document(to=(CABINET, MINISTRY)), first_sent_at=START, attempts=1)
    payload = link.adapter.prepare(work)
    link.arm(fault, "sendEdoc")

    with pytest.raises(ReconcileFirst):
        link.adapter.submit(work, payload)
    answer = link.adapter.ask_after(work, payload)

    assert isinstance(answer, Settled)
    assert answer.receipt.external_id == link.events("document-accepted")[0]["doc_id"]
    assert len(json.loads(answer.receipt.raw)) == 2


def test_document_cut_off_before_it_was_processed_is_waited_for_and_then_sent(linked):
    link = linked(ask_after_seconds=60)
    work = make_work(make_document(), first_sent_at=START, doubt_since=START, attempts=1)
    payload = link.adapter.prepare(work)
    link.arm("cut-before", "sendEdoc")

    with pytest.raises(ReconcileFirst):
        link.adapter.submit(work, payload)
    link.clock.advance(20)
    assert link.adapter.ask_after(work, payload) == AskAgain(timedelta(seconds=40))
    link.clock.advance(40)
    assert link.adapter.ask_after(work, payload) == NotThere()
    assert link.adapter.submit(work, payload).external_id


@pytest.mark.parametrize("attempts", [1, 2])
def test_delay_counts_from_the_end_of_the_sending_whichever_attempt_it_was(linked, attempts):
    link = linked(ask_after_seconds=60)
    payload = link.adapter.prepare(make_work(make_document()))
    work = make_work(
        make_document(), first_sent_at=START - timedelta(hours=1), doubt_since=START, attempts=attempts
    )

    link.clock.advance(20)
    assert link.adapter.ask_after(work, payload) == AskAgain(timedelta(seconds=40))
    link.clock.advance(40)
    assert link.adapter.ask_after(work, payload) == NotThere()


def test_doubt_of_an_unknown_moment_is_waited_for_whole(linked):
    link = linked(ask_after_seconds=60)
    payload = link.adapter.prepare(make_work(make_document()))
    work = make_work(make_document(), first_sent_at=START - timedelta(hours=1), attempts=1)

    assert link.adapter.ask_after(work, payload) == AskAgain(timedelta(seconds=60))
    link.clock.advance(60)
    assert link.adapter.ask_after(work, payload) == NotThere()


def revocation_of(document, **more):
    business = Business(kind=BusinessKind.REVOKE, reason="Ban hành nhầm", document_id=document.document_id)
    return document.model_copy(update={"business": business, **more})


def taken_before(link, document, **more):
    """A document sent in the ordinary way, as the ledger keeps it."""
    work, payload, receipt = sent(link, document)
    now = link.clock.now()
    known = {"id": 7, "state": State.DONE, "payload": payload, "receipt": receipt, "updated_at": now}
    return work.message.model_copy(
        update={**known, "first_sent_at": now, "business_key": document.document_id, **more}
    )


def in_doubt(link, record, *siblings, **more):
    now = link.clock.now()
    facts = {"attempts": 1, "first_sent_at": now, "doubt_since": now, "state": State.IN_DOUBT, **more}
    return replace(make_work(record, **facts), siblings=siblings)


def test_revocation_that_never_left_is_not_settled_by_its_original(linked):
    link = linked(ask_after_seconds=60)
    original = make_document()
    before = taken_before(link, original)
    work = in_doubt(link, revocation_of(original), before)
    payload = link.adapter.prepare(work)

    assert isinstance(link.adapter.ask_after(work, payload), AskAgain)
    link.clock.advance(60)
    assert link.adapter.ask_after(work, payload) == NotThere()


@pytest.mark.parametrize("kind", [BusinessKind.REVOKE, BusinessKind.UPDATE])
def test_change_of_a_document_we_know_nothing_of_is_not_settled_by_what_may_be_the_original(linked, kind):
    link = linked()
    original = make_document()
    sent(link, original)
    change = original.model_copy(update={"business": Business(kind=kind, reason="Sửa")})
    work = in_doubt(link, change)

    with pytest.raises(HeldForPerson) as caught:
        link.adapter.ask_after(work, link.adapter.prepare(work))
    assert caught.value.code == "VXP_SENT_LIST_AMBIGUOUS"


def test_revocation_that_arrived_is_found_beside_its_original(linked):
    link = linked()
    original = make_document()
    before = taken_before(link, original)
    revocation = revocation_of(original, document_id="another-id")
    _, payload, receipt = sent(link, revocation)

    answer = link.adapter.ask_after(in_doubt(link, revocation, before), payload)

    assert isinstance(answer, Settled)
    assert answer.receipt.external_id == receipt.external_id != before.receipt.external_id


def test_revocation_is_found_though_its_original_left_long_before(linked):
    link = linked()
    original = make_document()
    before = taken_before(link, original)
    link.clock.advance(timedelta(days=3))
    revocation = revocation_of(original, document_id="another-id")
    _, payload, receipt = sent(link, revocation)

    answer = link.adapter.ask_after(in_doubt(link, revocation, before), payload)

    assert isinstance(answer, Settled)
    assert answer.receipt.external_id == receipt.external_id


def test_row_that_may_be_a_siblings_is_for_a_person(linked):
    """An axis whose `senderDocId` is not the DocId of `sendEdoc`: rows cannot be told apart by it."""
    link = linked()
    before = taken_before(link, make_document())
    strange = before.model_copy(update={"receipt": Receipt(external_id="an id no row has")})
    work = in_doubt(link, make_document(document_id="second"), strange)

    with pytest.raises(HeldForPerson) as caught:
        link.adapter.ask_after(work, link.adapter.prepare(work))
    assert caught.value.code == "VXP_SENT_LIST_AMBIGUOUS"


def test_sibling_with_another_title_changes_nothing(linked):
    link = linked()
    before = taken_before(link, make_document(abstract="Một văn bản khác", document_id="first"))
    strange = before.model_copy(update={"receipt": Receipt(external_id="an id no row has")})
    _, payload, _ = sent(link, make_document())

    assert isinstance(link.adapter.ask_after(in_doubt(link, make_document(), strange), payload), Settled)


def test_refused_duplicate_of_our_own_is_found(linked):
    link = linked()
    sent(link)
    work = make_work(make_document(), first_sent_at=START, attempts=2)
    payload = link.adapter.prepare(work)

    with pytest.raises(ReconcileFirst) as caught:
        link.adapter.submit(work, payload)

    assert caught.value.code == "VXP_DUPLICATE"
    assert isinstance(link.adapter.ask_after(work, payload), Settled)


def test_refused_duplicate_nobody_can_find_is_for_a_person(linked):
    link = linked(ask_after_seconds=0)
    payload = link.adapter.prepare(make_work(make_document()))
    work = make_work(make_document(), first_sent_at=START, attempts=1, code="VXP_DUPLICATE")

    with pytest.raises(HeldForPerson) as caught:
        link.adapter.ask_after(work, payload)
    assert caught.value.code == "VXP_DUPLICATE_NOT_FOUND"


def test_several_that_look_alike_are_for_a_person(linked):
    link = linked()
    sent(link, make_document(document_id="one"))
    work, payload, _ = sent(link, make_document(document_id="two"), first_sent_at=START, attempts=1)

    with pytest.raises(HeldForPerson) as caught:
        link.adapter.ask_after(work, payload)
    assert caught.value.code == "VXP_SENT_LIST_AMBIGUOUS"


def test_document_that_reached_only_some_is_for_a_person_once_the_delay_is_over(linked):
    link = linked(ask_after_seconds=60)
    sent(link, make_document(to=(CABINET,)))
    work = make_work(make_document(to=(CABINET, MINISTRY)), first_sent_at=START, attempts=1)
    payload = link.adapter.prepare(work)

    assert isinstance(link.adapter.ask_after(work, payload), AskAgain)
    link.clock.advance(61)
    with pytest.raises(HeldForPerson) as caught:
        link.adapter.ask_after(work, payload)
    assert "1/2" in caught.value.explanation_vi


def test_document_of_another_day_is_not_taken_for_this_one(linked):
    link = linked(ask_after_seconds=0)
    sent(link, make_document(document_id="yesterday's"))
    link.clock.advance(timedelta(days=1))
    work = make_work(make_document(), first_sent_at=link.clock.now(), attempts=1)

    assert link.adapter.ask_after(work, link.adapter.prepare(work)) == NotThere()


def test_asking_an_axis_that_is_down_is_asked_again(linked):
    link = linked()
    work, payload, _ = sent(link, first_sent_at=START, attempts=1)
    link.arm("html-502", "getSentEdocList", count=10)

    with pytest.raises(RetryLater):
        link.adapter.ask_after(work, payload)


# --- statuses out -------------------------------------------------------------------------------------------


def test_clerks_status_is_completed_from_the_document_and_sent(linked):
    link = linked()
    status = make_status("03", incoming(), reporter=PROVINCE).model_copy(
        update={"about": None, "about_external_id": "axis-1"}
    )
    _, _, receipt = sent_status(link, status, incoming())

    [event] = link.events("status-accepted")
    assert (event["code"], event["sender"], event["recipient"]) == ("03", PROVINCE, MINISTRY)
    assert event["document_id"] == incoming().document_id
    assert receipt.external_id == event["doc_id"]


def test_recall_goes_to_every_recipient_in_one_message(linked):
    link = linked()
    document = make_document(to=(CABINET, MINISTRY))
    sent(link, document)

    _, payload, receipt = sent_status(link, make_status("13", document, reporter=DEPARTMENT), document)

    assert [event["recipient"] for event in link.events("status-accepted")] == [CABINET, MINISTRY]
    assert len(receipt.external_id.split(",")) == 2
    assert len(json.loads(payload.fact("packets"))) == 2


def recall(document, *, addressee=None):
    return make_status("13", document, reporter=DEPARTMENT, addressee=addressee)


def test_recall_of_a_document_nobody_sent_is_held(linked):
    status = recall(make_document(), addressee=AgencyCode(CABINET))

    with pytest.raises(HeldForPerson) as caught:
        linked().adapter.prepare(make_work(status))

    assert (caught.value.code, caught.value.scope) == ("VXP_RECALL_UNKNOWN_DOCUMENT", Scope.MESSAGE)
    assert "125/BC-STTTT" in caught.value.explanation_vi


def test_recall_of_a_document_we_received_is_held(linked):
    received = incoming()
    status = recall(received)
    origin = make_message(received, source="axis", target="qlvb", state=State.DONE)

    with pytest.raises(HeldForPerson) as caught:
        linked().adapter.prepare(Work(make_message(status), status, origin, received))
    assert caught.value.code == "VXP_RECALL_UNKNOWN_DOCUMENT"


@pytest.mark.parametrize("state", [state for state in State if state is not State.DONE])
def test_recall_of_a_document_that_has_not_left_is_held(linked, state):
    document = make_document()
    status = recall(document)
    work = Work(make_message(status), status, make_message(document, state=state), document)

    with pytest.raises(HeldForPerson) as caught:
        linked().adapter.prepare(work)

    assert caught.value.code == "VXP_RECALL_NOT_SENT"
    assert "hãy hủy tại chỗ" in caught.value.advice_vi


def test_status_names_us_and_the_sender_as_the_document_did(linked):
    link = linked()
    document = incoming(to=("H06", DEPARTMENT))
    status = make_status("03", incoming(sender="G14"), reporter=PROVINCE)

    _, payload, _ = sent_status(link, status, document)

    packet = read_document(link.blobs.chunks(payload.blob.sha256), link.blobs).record
    assert isinstance(packet, DocumentStatus)
    assert packet.about is not None
    assert (str(packet.reporter.code), str(packet.about.agency_code)) == ("H06", MINISTRY)
    assert payload.fact("from") == "H06"


def test_repeating_a_status_does_no_harm(linked):
    link = linked()
    work, payload, receipt = sent_status(link, make_status("03", incoming(), reporter=PROVINCE))

    assert link.adapter.ask_after(work, payload) == NotThere()
    assert link.adapter.submit(work, payload) == receipt
    assert len(link.events("status-accepted")) == 1


def test_lost_reply_to_a_status_is_repeated_within_the_attempt(linked):
    link = linked()
    link.arm("lose-reply", "sendEdoc")

    sent_status(link, make_status("03", incoming(), reporter=PROVINCE))

    assert len(link.events("status-accepted")) == 1
    assert len(link.events("status-repeated")) == 1


def test_axis_that_refuses_a_repeated_status_has_it_already(linked):
    link = linked()

    def refusing(call):
        raise Refusal("duplicate", "Trang thai da ton tai")

    link.simulator._operations["sendEdoc"] = refusing

    _, _, receipt = sent_status(link, make_status("03", incoming(), reporter=PROVINCE))

    assert receipt.external_id == ""


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (make_status("SENT", incoming(), reporter=PROVINCE), "VXP_STATUS_LOCAL_ONLY"),
        (make_status("02", incoming(), reporter=PROVINCE), "VXP_REASON_MISSING"),
        (make_status("03", incoming(), reporter=CABINET), "VXP_STATUS_WITHOUT_REPORTER"),
    ],
)
def test_status_that_must_not_leave_is_held(linked, status, code):
    with pytest.raises(HeldForPerson) as caught:
        linked().adapter.prepare(make_work(status))
    assert caught.value.code == code


def test_status_the_axis_cannot_be_asked_about_is_told_as_it_is(linked):
    link = linked()

    def refusing(call):
        raise Refusal("trouble", "Loi he thong")

    link.simulator._operations["sendEdoc"] = refusing

    with pytest.raises(RetryLater):
        sent_status(link, make_status("03", incoming(), reporter=PROVINCE))


def test_large_document_is_streamed_through(linked):
    link = linked()
    document = with_file(make_document(), link.blobs, b"%PDF-" + bytes(range(256)) * 8192)

    sent(link, document)

    [event] = link.events("document-accepted")
    assert event["attachments"][0][1] == document.attachments[0].sha256
    assert event["size_bytes"] > 2_000_000
