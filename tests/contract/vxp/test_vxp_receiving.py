"""The axis as a source: nothing lost, nothing doubled, nothing clogged."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from ebrvt_adapters.vxp import Vxp, VxpSettings
from ebrvt_adapters.vxp.sandbox_entry import Refusal

from ebrvt_connect.errors import HeldForPerson, Rejected, RetryLater, Scope
from ebrvt_connect.model.document import (
    Attachment,
    AttachmentRole,
    Business,
    BusinessKind,
    Document,
    DocumentStatus,
    Urgency,
)
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.adapter import Outcome
from ebrvt_connect.testing.clock import START
from tests.contract.vxp.exchange import (
    ACCOUNT,
    CABINET,
    DEPARTMENT,
    MINISTRY,
    NEIGHBOUR,
    PROMPT,
    PROVINCE,
    fetched,
    incoming,
    make_document,
    make_message,
    make_status,
    packet_of,
    sent,
    sent_status,
    status_packet,
    taken,
    with_file,
)
from tests.integration.engine.bench import IN, Bench

# --- documents in -------------------------------------------------------------------------------------------


def test_document_arrives_with_its_files_and_is_acknowledged_after(linked):
    link = linked()
    document = with_file(incoming(urgency=Urgency.EXPRESS, to=(PROVINCE, CABINET)), link.blobs)
    packet = packet_of(document, link.blobs)
    [doc_id] = link.seed("a", packet)

    [item] = fetched(link)

    assert link.waiting() == 1
    assert (item.external_id, item.lane, item.business_key) == (
        doc_id,
        document.document_id,
        document.document_id,
    )
    assert (item.title, item.priority, item.fault) == ("9/QĐ-BTTTT", 3, None)
    assert item.original is not None
    assert link.blobs.read(item.original.sha256) == packet
    assert isinstance(item.record, Document)
    assert [str(one.code) for one in item.record.recipients] == [PROVINCE]
    assert link.blobs.has(item.record.attachments[0].sha256)

    assert taken(link) == [item]
    assert fetched(link) == []


def test_every_file_read_is_a_main_one_for_the_packet_tells_no_roles(linked):
    link = linked()
    blob = link.blobs.put(iter((b"%PDF-1.7 x",)), limit_bytes=100)
    letter = Attachment(seq=1, name="letter.pdf", size_bytes=blob.size_bytes, sha256=blob.sha256)
    table = letter.model_copy(update={"seq": 2, "name": "table.pdf", "role": AttachmentRole.APPENDIX})
    link.seed("a", packet_of(incoming(attachments=(letter, table)), link.blobs))

    [item] = taken(link)

    assert isinstance(item.record, Document)
    files = [(file.seq, file.name, file.role) for file in item.record.attachments]
    assert files == [(1, "letter.pdf", AttachmentRole.MAIN), (2, "table.pdf", AttachmentRole.MAIN)]


def test_document_whose_urgency_is_unknown_is_taken_in(linked):
    link = linked()
    packet = packet_of(incoming())
    start, end = packet.index(b"<edXML:Priority>"), packet.index(b"</edXML:Priority>")
    link.seed("a", packet[:start] + packet[end + len(b"</edXML:Priority>") :])

    [item] = taken(link)

    assert (item.fault, item.priority) == (None, 0)


def test_unacknowledged_document_comes_again_as_the_same(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))

    assert fetched(link) == fetched(link)


def test_documents_come_in_batches(linked):
    link = linked(batch=2)
    for number in range(5):
        link.seed(str(number), packet_of(incoming(f"{number}/X")))

    sizes = [len(batch.items) for batch in link.adapter.fetch(Kind.DOCUMENT, None)]

    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("kind", ["duplicate", "duplicate-new-id"])
def test_duplicate_delivery_is_recognised(linked, kind):
    link = linked()
    link.seed("a", packet_of(incoming()))
    [first] = taken(link)
    link.arm(kind, "getReceivedEdocList")

    [again] = taken(link)

    assert (again.same_as, again.version) == (first.same_as, first.version)
    assert (again.external_id == first.external_id) is (kind == "duplicate")
    assert link.waiting() == 0


def test_resent_document_is_the_same_and_an_update_is_not(linked):
    link = linked()
    update = Business(kind=BusinessKind.UPDATE, document_id=incoming().document_id, reason="Sửa")
    link.seed("a", packet_of(incoming()))
    link.seed("b", packet_of(incoming(), at=START + timedelta(hours=1)))
    link.seed("c", packet_of(incoming(business=update)))

    first, resent, updated = taken(link)

    assert first.same_as == resent.same_as != updated.same_as
    assert updated.fault is None


@pytest.mark.parametrize("kind", [BusinessKind.REVOKE, BusinessKind.UPDATE, BusinessKind.REPLACE])
def test_every_kind_of_business_is_taken_in_and_acknowledged(linked, kind):
    link = linked()
    business = Business(kind=kind, document_id="x", reason="y")
    link.seed("a", packet_of(incoming(business=business)))

    [item] = taken(link)

    assert item.fault is None
    assert link.waiting() == 0


def test_packet_for_somebody_else_is_held_not_dropped(linked):
    link = linked()
    link.seed("a", packet_of(make_document(sender=MINISTRY, to=(CABINET,))))

    [item] = taken(link)

    assert isinstance(item.fault, HeldForPerson)
    assert item.fault.code == "VXP_NOT_OUR_AGENCY"
    assert CABINET in item.fault.explanation_vi
    assert item.record is not None
    assert item.original is not None
    assert link.waiting() == 0


@pytest.mark.parametrize(
    "content",
    [
        b"<not-edxml/>",
        b"not xml at all",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><edXML>&a;</edXML>",
        b"\xff\xfe<\x00",
    ],
)
def test_unreadable_packet_is_held_with_its_bytes_and_does_not_stop_the_others(linked, content):
    link = linked()
    link.seed("bad", content)
    link.seed("good", packet_of(incoming()))

    bad, good = taken(link)

    assert isinstance(bad.fault, HeldForPerson)
    assert bad.record is None
    assert bad.original is not None
    assert link.blobs.read(bad.original.sha256) == content
    assert bad.fault.explanation_vi
    assert good.fault is None
    assert link.waiting() == 0


def misplaced(link, name, packet, queue, *, sender, recipient):
    """A packet some client put into the other queue."""
    with link.host.held("vxp") as simulator:
        blob = simulator.world.keep((packet,))
        row = {"doc_id": name, "queue": queue, "sender": sender, "recipients": [recipient]}
        simulator.axis.deliver(ACCOUNT["systemid"], row, blob, START)


def test_status_in_the_queue_of_documents_is_the_status_it_is(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))
    document = make_document()
    answer = status_packet("15", document, reporter=CABINET)
    misplaced(link, "odd", answer, "edoc", sender=CABINET, recipient=DEPARTMENT)

    items = {item.external_id: item for item in taken(link)}

    odd = items["odd"]
    assert (odd.kind, odd.fault, odd.lane) == (Kind.DOCUMENT_STATUS, None, document.document_id)
    assert isinstance(odd.record, DocumentStatus)
    assert odd.record.code == "15"
    assert len(items) == 2
    assert link.waiting() == 0


def test_status_in_the_queue_of_documents_reaches_the_document_system(linked, tmp_path):
    link = linked()
    answer = status_packet("15", make_document(), reporter=CABINET)
    misplaced(link, "odd", answer, "edoc", sender=CABINET, recipient=DEPARTMENT)
    [odd] = taken(link)
    bench = Bench(f"sqlite:///{tmp_path}/ledger.db", links=(IN,))

    bench.store(odd, link=IN)
    bench.drain()

    message = bench.only("in")
    assert (message.kind, message.state) == (Kind.DOCUMENT_STATUS, State.DONE)
    assert [work.record for work in bench.dms.arrived] == [odd.record]
    bench.close()


def test_document_in_the_queue_of_statuses_is_held(linked):
    link = linked()
    misplaced(link, "odd", packet_of(incoming()), "status", sender=MINISTRY, recipient=PROVINCE)

    [odd] = taken(link, Kind.DOCUMENT_STATUS)

    assert odd.fault is not None
    assert (odd.fault.code, odd.record) == ("VXP_PACKET_OF_OTHER_KIND", None)
    assert odd.original is not None


@pytest.mark.parametrize("kind", [BusinessKind.REVOKE, BusinessKind.UPDATE])
def test_change_of_a_document_waits_for_that_document(linked, kind):
    link = linked()
    first = incoming()
    change = Business(kind=kind, reason="Sửa", document_id=first.document_id)
    link.seed("a", packet_of(first))
    link.seed("b", packet_of(incoming("10/QĐ-BTTTT", business=change)))

    original, changing = taken(link)

    assert original.lane == changing.lane == first.document_id
    assert changing.business_key == "000.00.00.G14,2026/11/20,10/QĐ-BTTTT"


def test_broken_row_is_kept_once_and_nothing_is_said_about_it(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))
    listed = link.simulator._list_received
    link.simulator._operations["getReceivedEdocList"] = lambda call: _with_broken_row(listed(call))

    broken, whole = taken(link)
    [again] = taken(link)

    assert broken.fault.code == "VXP_LIST_ROW_UNREADABLE"
    assert link.blobs.read(broken.original.sha256) == b'{"from":"?"}'
    assert whole.fault is None
    assert (again.external_id, again.version) == (broken.external_id, broken.version)


def _with_broken_row(reply):
    answer = json.loads(reply.body)
    answer["data"].insert(0, {"from": "?"})
    return replace(reply, body=json.dumps(answer).encode())


@pytest.mark.parametrize("fault", ["empty-list-body", "truncated-json", "fail-200"])
def test_broken_list_is_no_empty_inbox(linked, fault):
    link = linked()
    link.seed("a", packet_of(incoming()))
    link.arm(fault, "getReceivedEdocList", count=10)

    with pytest.raises(RetryLater):
        fetched(link)


def test_rejected_timestamp_is_renewed_without_anybody_noticing(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))
    for operation in ("getReceivedEdocList", "downloadEdoc", "updateStatus"):
        link.arm("reject-timestamp", operation)

    assert len(taken(link)) == 1
    assert link.waiting() == 0


def test_forgotten_acknowledgement_is_made_again(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))
    link.arm("stale-list", "updateStatus")

    first, again = taken(link), taken(link)

    assert first == again
    assert fetched(link) == []


def test_acknowledging_what_the_axis_forgot_is_no_trouble(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))
    [batch] = link.adapter.fetch(Kind.DOCUMENT, None)
    with link.host.held("vxp") as simulator:
        for key, _ in list(simulator.world.rows("delivery")):
            simulator.world.delete("delivery", key)

    link.adapter.acknowledge(Kind.DOCUMENT, batch)


def test_refused_acknowledgement_is_told_after_all_were_tried(linked):
    link = linked()
    for name in ("a", "b"):
        link.seed(name, packet_of(incoming(f"{name}/X")))
    [batch] = link.adapter.fetch(Kind.DOCUMENT, None)
    refuse_first = link.simulator._operations["updateStatus"]

    def refusing(call):
        if call.given("docid") == batch.items[0].external_id:
            raise Refusal("duplicate", "Khong duoc phep")
        return refuse_first(call)

    link.simulator._operations["updateStatus"] = refusing

    with pytest.raises(Rejected):
        link.adapter.acknowledge(Kind.DOCUMENT, batch)
    assert link.waiting() == 1


# --- statuses in --------------------------------------------------------------------------------------------


def status_in(link, code, *, name="s", about=None, **more):
    document = about or make_document()
    link.seed(name, status_packet(code, document, reporter=CABINET, **more))
    return document


@pytest.mark.parametrize("code", ["01", "02", "03", "04", "05", "06", "15", "16"])
def test_status_about_our_document_arrives(linked, code):
    link = linked()
    document = status_in(link, code, note="lý do")

    [item] = taken(link, Kind.DOCUMENT_STATUS)

    assert item.fault is None
    assert isinstance(item.record, DocumentStatus)
    assert (item.record.code, item.record.note) == (code, "lý do")
    assert (item.lane, item.business_key, item.title) == (
        document.document_id,
        document.document_id,
        "125/BC-STTTT",
    )
    assert link.waiting("status") == 0


def test_unknown_status_is_taken_in_with_a_warning(linked):
    link = linked()
    packet = status_packet("05", make_document(), reporter=CABINET)
    link.seed("s", packet.replace(b"<edXML:StatusCode>05", b"<edXML:StatusCode>77"))

    [item] = taken(link, Kind.DOCUMENT_STATUS)

    assert item.fault is None
    assert isinstance(item.record, DocumentStatus)
    assert [(warning.code, warning.got) for warning in item.record.warnings] == [
        ("STATUS_CODE_UNKNOWN", "77")
    ]


def test_recall_of_a_document_we_received_is_held_for_the_clerk(linked):
    link = linked()
    link.seed(
        "s",
        status_packet(
            "13", incoming(), reporter=MINISTRY, addressee=make_document(sender=PROVINCE).issuer.code
        ),
    )

    [item] = taken(link, Kind.DOCUMENT_STATUS)

    assert isinstance(item.fault, HeldForPerson)
    assert (item.fault.code, item.fault.scope) == ("VXP_RECALL_REQUESTED", Scope.MESSAGE)
    assert "thu hồi" in item.fault.explanation_vi
    assert "9/QĐ-BTTTT" in item.fault.explanation_vi
    assert f"Cơ quan {MINISTRY}" in item.fault.explanation_vi
    assert link.waiting("status") == 0


def test_status_told_to_somebody_else_is_held(linked):
    link = linked()
    link.seed("s", status_packet("03", incoming(), reporter=PROVINCE))

    [item] = taken(link, Kind.DOCUMENT_STATUS)

    assert item.fault is not None
    assert item.fault.code == "VXP_NOT_OUR_AGENCY"


def test_same_status_under_another_id_is_recognised(linked):
    link = linked()
    status_in(link, "03", name="one")
    [first] = taken(link, Kind.DOCUMENT_STATUS)
    link.arm("duplicate-new-id", "getReceivedEdocList")

    [again] = taken(link, Kind.DOCUMENT_STATUS)

    assert again.same_as == first.same_as
    assert again.external_id != first.external_id


# --- telling the sender, and the rest -----------------------------------------------------------------------


def test_sender_is_told_once_the_document_is_safely_filed(linked):
    link = linked()
    document = incoming(to=(PROVINCE, DEPARTMENT))
    message = make_message(document, source="axis", state=State.DONE)

    told = link.adapter.feedback(message, document, Outcome(State.DONE))

    assert [feedback.key for feedback in told] == ["01:H06", "01:H06.15"]
    for feedback in told:
        sent_status(link, feedback.record, document)
    events = link.events("status-accepted")
    assert [(event["code"], event["sender"], event["recipient"]) for event in events] == [
        ("01", PROVINCE, MINISTRY),
        ("01", DEPARTMENT, MINISTRY),
    ]


@pytest.mark.parametrize("state", [State.HELD, State.REFUSED, State.DEAD])
def test_sender_is_told_nothing_of_our_own_troubles(linked, state):
    document = incoming()

    assert linked().adapter.feedback(make_message(document), document, Outcome(state)) == ()


def test_a_status_that_arrived_is_not_answered(linked):
    status = make_status("03", make_document(), reporter=CABINET)

    assert linked().adapter.feedback(make_message(status), status, Outcome(State.DONE)) == ()


def test_whole_story_of_a_document_between_two_agencies(linked):
    link = linked(accounts=(PROMPT, NEIGHBOUR))
    document = with_file(make_document(), link.blobs)
    sent(link, document)
    link.host.tick()

    codes = [item.record.code for item in taken(link, Kind.DOCUMENT_STATUS) if item.record]

    assert codes in (["01", "03", "06"], ["01", "02"])


def test_ping_tells_what_waits(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))

    assert link.adapter.ping() == "1 văn bản đang chờ"


def test_settings_of_another_kind_are_a_programming_error(linked):
    link = linked()

    with pytest.raises(TypeError):
        Vxp.open(link.blobs, None)  # type: ignore[arg-type]
    assert Vxp.settings_type is VxpSettings


def test_axis_that_does_not_know_us_any_more_ends_the_fetch_at_once(linked):
    link = linked()
    for number in range(4):
        link.seed(str(number), packet_of(incoming(f"{number}/X")))
    link.arm("reject-timestamp", "downloadEdoc", after=2, count=2)

    with pytest.raises(HeldForPerson) as caught:
        fetched(link)

    assert (caught.value.code, caught.value.scope) == ("VXP_NOT_AUTHENTIC", Scope.SYSTEM)


def test_packet_the_axis_will_not_give_out_is_held_and_not_acknowledged(linked):
    link = linked()
    link.seed("a", packet_of(incoming()))

    def refusing(call):
        raise Refusal("not-found", "Khong tim thay van ban")

    link.simulator._operations["downloadEdoc"] = refusing

    [item] = taken(link)

    assert item.fault is not None
    assert (item.fault.code, item.version) == ("VXP_PACKET_NOT_FOUND", "unfetched")
    assert link.waiting() == 1


def test_packet_that_breaks_the_reader_itself_is_held(linked, monkeypatch):
    def broken(*_):
        raise RecursionError

    link = linked()
    link.seed("a", packet_of(incoming()))
    monkeypatch.setattr("ebrvt_adapters.vxp.adapter.read_document", broken)

    [item] = taken(link)

    assert item.fault is not None
    assert item.fault.code == "UNEXPECTED_FAILURE"
    assert "RecursionError" in item.fault.detail
    assert item.original is not None


def test_full_store_ends_the_fetch(linked, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    link = linked()
    link.seed("a", packet_of(incoming()))
    monkeypatch.setattr(link.blobs, "_put", full)

    with pytest.raises(HeldForPerson) as caught:
        fetched(link)
    assert caught.value.scope is Scope.STORE
