"""The client alone: no daemon, no database; over real HTTP to the simulated axis or to a page that lies."""

import base64
import json

import pytest
from ebrvt_adapters.vxp import Packet, VxpClient, wire
from ebrvt_adapters.vxp.sandbox import VxpSimulator
from ebrvt_adapters.vxp.settings import VxpCredentials
from ebrvt_adapters.vxp.wire import MessageType, TransportStatus
from pydantic import SecretStr

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.ports.simulator import SimReply
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.contract.vxp.exchange import (
    ACCOUNT,
    CABINET,
    DEPARTMENT,
    MINISTRY,
    PROVINCE,
    SYSTEMID,
    make_document,
    packet_of,
    settings_for,
    status_packet,
)


class Liar(VxpSimulator):
    """An axis that answers everything with one reply, and counts how often it was asked."""

    reply = SimReply()
    asked = 0
    last_headers: tuple[tuple[bytes, bytes], ...] = ()

    def answer(self, request, now):
        del now
        self.asked += 1
        self.last_headers = request.headers
        return self.reply


@pytest.fixture
def axis(tmp_path):
    """Makes a client of a simulated axis."""
    opened = []

    def make(simulator=VxpSimulator, **settings):
        clock = FakeClock()
        config = {"vxp": [{**ACCOUNT, "pace_seconds": 0}]}
        host = SandboxHost(
            tmp_path / str(len(opened)), {"vxp": simulator}, config, now=clock.now, tick_seconds=0
        ).start()
        client = VxpClient(settings_for(host.url("vxp"), **settings), clock, system="axis")
        opened.append((client, host))
        return client, host.seats["vxp"].simulator

    yield make
    for client, host in opened:
        client.close()
        host.stop()


def put_in(simulator, name="a", document=None):
    packet = packet_of(document or make_document(sender=MINISTRY, to=(PROVINCE,)))
    item = {"id": name, "base64": base64.b64encode(packet).decode()}
    return simulator.seed({"incoming": [item]})["doc_ids"][name][0], packet


# --- the round of a packet ----------------------------------------------------------------------------------


def test_document_is_sent_listed_fetched_and_acknowledged(axis):
    client, simulator = axis()
    doc_id, packet = put_in(simulator)
    blobs = MemoryBlobs()

    [row] = client.received(MessageType.EDOC).rows
    fetched = client.fetch(row.doc_id, blobs)
    client.update_status(row.doc_id, TransportStatus.DONE)

    assert (row.doc_id, row.sender) == (doc_id, MINISTRY)
    assert blobs.read(fetched.sha256) == packet
    assert client.received(MessageType.EDOC).rows == ()
    assert client.count(MessageType.EDOC) == 0


def test_sent_document_gets_an_id_and_stands_in_the_sent_list(axis):
    client, _ = axis()
    packet = Packet.of(packet_of(make_document(to=(CABINET, MINISTRY))))

    accepted = client.send(packet, MessageType.EDOC, sender=DEPARTMENT, recipients=(CABINET, MINISTRY))

    rows = client.sent(MessageType.EDOC, doc_id=accepted.doc_id, since=START, until=START)
    assert [row.to_code for row in rows] == [CABINET, MINISTRY]
    assert rows[0].sent_at == START
    assert json.loads(accepted.raw)["DocId"] == accepted.doc_id


@pytest.mark.parametrize("padded", [True, False])
def test_stored_packet_is_streamed_with_either_spelling_of_its_hash(axis, padded):
    client, _ = axis(padded_file_hash=padded)
    blobs = MemoryBlobs()
    stored = blobs.put(iter((packet_of(make_document()),)), limit_bytes=10**6)

    assert client.send(Packet.stored(blobs, stored), MessageType.EDOC, sender=DEPARTMENT).doc_id


@pytest.mark.parametrize("operation", ["downloadEdoc", "getEdoc"])
def test_packet_is_fetched_by_either_operation(axis, operation):
    client, simulator = axis(fetch_by=operation)
    doc_id, packet = put_in(simulator)
    blobs = MemoryBlobs()

    assert blobs.read(client.fetch(doc_id, blobs).sha256) == packet


@pytest.mark.parametrize("spelling", ["docid", "docId"])
def test_acknowledgement_works_in_either_spelling(axis, spelling):
    client, simulator = axis(ack_header=spelling)
    doc_id, _ = put_in(simulator)

    client.update_status(doc_id, TransportStatus.FAIL, "khong doc duoc")

    assert client.received(MessageType.EDOC).rows == ()


def test_directory_and_registration(axis):
    client, _ = axis()
    code = "000.00.77.H06"
    client.register_agency(wire.NewAgency(id="77", pcode=PROVINCE, code=code, name="Sở mới"))

    assert code in {row.code for row in client.agencies()}
    assert {row.code102 for row in client.agencies_qd20(level=2)} == {DEPARTMENT, code}
    assert {row.name for row in client.units() if row.code == code} == {"Sở mới"}

    client.delete_agency(code)
    assert code not in {row.code for row in client.agencies()}


def test_client_closes_with_its_block(axis):
    client, _ = axis()

    with client as opened:
        assert opened.count(MessageType.STATUS) == 0
    with pytest.raises(RuntimeError):
        client.count(MessageType.STATUS)


# --- the envelope -------------------------------------------------------------------------------------------


def sent_headers(simulator):
    return {name.decode().lower(): value.decode() for name, value in simulator.last_headers}


def test_list_of_recipients_is_left_out_when_it_is_long_or_unwanted(axis):
    for settings, expected in [
        ({}, True),
        ({"longest_to_header": 20}, False),
        ({"send_to_header": False}, False),
    ]:
        client, simulator = axis(Liar, **settings)
        simulator.reply = told(DocId="d1")
        client.send(Packet.of(b"x"), MessageType.EDOC, sender=DEPARTMENT, recipients=(CABINET, MINISTRY))

        assert ("xroadvnpt-to" in sent_headers(simulator)) is expected


def test_recipients_are_the_text_of_an_array(axis):
    client, simulator = axis(Liar)
    simulator.reply = told(DocId="d1")
    client.send(Packet.of(b"x"), MessageType.EDOC, sender=DEPARTMENT, recipients=(CABINET, MINISTRY))

    assert sent_headers(simulator)["xroadvnpt-to"] == f'["{CABINET}","{MINISTRY}"]'


@pytest.mark.parametrize("doc_id", ["Về việc", "a\nb"])
def test_header_that_would_be_mangled_is_never_sent(axis, doc_id):
    client, simulator = axis(Liar)

    with pytest.raises(HeldForPerson) as caught:
        client.update_status(doc_id, TransportStatus.DONE)

    assert (caught.value.code, caught.value.scope) == ("VXP_HEADER_UNSENDABLE", Scope.MESSAGE)
    assert simulator.asked == 0


def test_wrong_secret_pauses_the_system_after_one_renewed_attempt(axis):
    client, _ = axis(credentials=VxpCredentials(systemid=SYSTEMID, secret=SecretStr("wrong")))

    with pytest.raises(HeldForPerson) as caught:
        client.count(MessageType.EDOC)

    assert (caught.value.code, caught.value.scope) == ("VXP_NOT_AUTHENTIC", Scope.SYSTEM)
    assert "ebrvt resume axis" in caught.value.advice_vi


def test_refused_timestamp_is_renewed_once_and_each_attempt_has_its_own(axis):
    stamps = []

    class Strict(Liar):
        def answer(self, request, now):
            del now
            stamps.append(request.header("XroadVnpt-timestamp"))
            client._clock.advance(0.25)
            return told("FAIL", "2", "Timestamp khong hop le") if len(stamps) == 1 else told(count=3)

    client, _ = axis(Strict)

    assert client.count(MessageType.EDOC) == 3
    assert len(set(stamps)) == 2


def test_neither_secret_nor_body_is_told_in_errors(axis):
    client, simulator = axis(Liar)
    simulator.reply = SimReply(500, b"a body nobody should see")

    with pytest.raises(RetryLater) as caught:
        client.count(MessageType.EDOC)

    told_text = f"{caught.value} {caught.value.explanation_vi} {caught.value.facts!r}"
    assert "s3cret" not in told_text
    assert "nobody should see" not in told_text


# --- what is not a success ----------------------------------------------------------------------------------


def told(status="OK", code="0", said="Thanh cong", **more):
    return SimReply(
        body=json.dumps({"status": status, "ErrorCode": code, "ErrorDesc": said, **more}).encode()
    )


NO_LISTS = {
    "empty_body": SimReply(body=b""),
    "spaces": SimReply(body=b" \r\n"),
    "html_with_200": SimReply(body=b"<html><body>Dang nhap</body></html>"),
    "truncated": SimReply(body=b'{"status":"OK","ErrorCode":"0","data":[{"docId"'),
    "json_null": SimReply(body=b"null"),
    "json_list": SimReply(body=b"[]"),
    "no_error_code": SimReply(body=b'{"status":"OK","data":[]}'),
    "no_data": told(),
    "null_data": told(data=None),
    "data_is_text": told(data="[]"),
    "utf_16": SimReply(body='{"status":"OK","ErrorCode":"0","data":[]}'.encode("utf-16")),
    "code_twice": SimReply(body=b'{"ErrorCode":"1","ErrorCode":"0","data":[]}'),
    "fail_with_code_0": told("FAIL", data=[]),
    "trouble": told("FAIL", "99", "Loi he thong", data=[]),
    "http_500": SimReply(500, b""),
    "http_502_page": SimReply(502, b"<html></html>", headers=(("content-type", "text/html"),)),
    "success_with_500": SimReply(500, b'{"status":"OK","ErrorCode":"0","data":[]}'),
}


@pytest.mark.parametrize("reply", NO_LISTS.values(), ids=NO_LISTS.keys())
def test_unreadable_list_is_never_an_empty_inbox(axis, reply):
    client, simulator = axis(Liar)
    simulator.reply = reply

    with pytest.raises(RetryLater):
        client.received(MessageType.EDOC)


def test_refused_list_is_told_as_what_it_is(axis):
    client, simulator = axis(Liar)
    simulator.reply = told("FAIL", "3", "systemid khong ton tai")

    with pytest.raises(HeldForPerson) as caught:
        client.received(MessageType.EDOC)
    assert caught.value.scope is Scope.SYSTEM


def test_row_without_id_does_not_hide_the_others(axis):
    client, simulator = axis(Liar)
    simulator.reply = told(data=[{"from": "x"}, {"docId": "d1"}, "?", {"docId": ""}])

    listing = client.received(MessageType.EDOC)

    assert [row.doc_id for row in listing.rows] == ["d1"]
    assert listing.unreadable == (b'{"from":"x"}', b'"?"', b'{"docId":""}')


@pytest.mark.parametrize("operation", ["sent", "agencies", "agencies_qd20", "units"])
def test_other_lists_are_all_or_nothing(axis, operation):
    client, simulator = axis(Liar)
    simulator.reply = told(data=[{}, "?"])
    arguments = (MessageType.EDOC,) if operation == "sent" else ()

    with pytest.raises(RetryLater) as caught:
        getattr(client, operation)(*arguments)
    assert caught.value.code == "VXP_LIST_UNREADABLE"


def test_count_without_a_number_is_no_count(axis):
    client, simulator = axis(Liar)
    simulator.reply = told()

    with pytest.raises(RetryLater):
        client.count(MessageType.EDOC)


NO_RECEIPTS = {
    **{name: NO_LISTS[name] for name in ("empty_body", "html_with_200", "truncated", "no_error_code")},
    **{name: NO_LISTS[name] for name in ("fail_with_code_0", "trouble", "http_500", "success_with_500")},
    "no_doc_id": told(),
    "empty_doc_id": told(DocId=""),
    "doc_id_zero": told(DocId="0"),
    "duplicate": told("FAIL", "8", "Van ban da ton tai"),
}


@pytest.mark.parametrize("reply", NO_RECEIPTS.values(), ids=NO_RECEIPTS.keys())
def test_doubtful_answer_to_a_document_is_asked_after_and_not_sent_again(axis, reply):
    client, simulator = axis(Liar)
    simulator.reply = reply

    with pytest.raises(ReconcileFirst):
        client.send(Packet.of(b"x"), MessageType.EDOC, sender=DEPARTMENT)
    assert simulator.asked == 1


def test_doubtful_answer_to_a_status_is_tried_again(axis):
    client, simulator = axis(Liar)
    simulator.reply = SimReply(body=b"")

    with pytest.raises(RetryLater):
        client.send(Packet.of(b"x"), MessageType.STATUS, sender=DEPARTMENT)
    assert simulator.asked == 3


def test_refused_document_is_refused(axis):
    client, _ = axis()

    with pytest.raises(Rejected) as caught:
        client.send(Packet.of(b"<x/>"), MessageType.EDOC, sender=DEPARTMENT)
    assert caught.value.code == "VXP_INVALID_PACKET"


NO_PACKETS = {
    "empty": SimReply(body=b""),
    "blank": SimReply(body=b"\r\n  "),
    "html": SimReply(body=b"<!DOCTYPE html><html></html>"),
    "json_success": told(),
    "json_trouble": told("FAIL", "99", "Loi he thong"),
    "json_broken": SimReply(body=b'{"status":'),
    "http_502": SimReply(502, b"<html></html>", headers=(("content-type", "text/html"),)),
}


@pytest.mark.parametrize("reply", NO_PACKETS.values(), ids=NO_PACKETS.keys())
@pytest.mark.parametrize("operation", ["downloadEdoc", "getEdoc"])
def test_packet_that_did_not_come_is_asked_for_again(axis, reply, operation):
    client, simulator = axis(Liar, fetch_by=operation)
    simulator.reply = reply
    blobs = MemoryBlobs()

    with pytest.raises(RetryLater):
        client.fetch("d1", blobs)
    assert blobs.contents == {}


@pytest.mark.parametrize("data", [None, "", "%%%", 17, "QUJD="])
def test_packet_in_broken_base64_did_not_come(axis, data):
    client, simulator = axis(Liar, fetch_by="getEdoc")
    simulator.reply = told(data=data)

    with pytest.raises(RetryLater) as caught:
        client.fetch("d1", MemoryBlobs())
    assert caught.value.code == "VXP_PACKET_EMPTY"


@pytest.mark.parametrize("operation", ["downloadEdoc", "getEdoc"])
def test_packet_that_is_not_ours_is_refused(axis, operation):
    client, _ = axis(fetch_by=operation)

    with pytest.raises(Rejected) as caught:
        client.fetch("d1", MemoryBlobs())
    assert caught.value.code == "VXP_PACKET_NOT_FOUND"


@pytest.mark.parametrize("operation", ["downloadEdoc", "getEdoc"])
def test_packet_over_the_limit_is_held(axis, operation):
    client, simulator = axis(fetch_by=operation, largest_packet_bytes=1024)
    doc_id, packet = put_in(simulator)

    assert len(packet) > 1024
    with pytest.raises(HeldForPerson) as caught:
        client.fetch(doc_id, MemoryBlobs())
    assert caught.value.scope is Scope.MESSAGE


def test_packet_larger_than_one_piece_comes_whole(axis):
    client, simulator = axis(Liar)
    content = b"<x>" + bytes(range(32, 123)) * 20_000
    simulator.reply = SimReply(body=content)
    blobs = MemoryBlobs()

    assert blobs.read(client.fetch("d1", blobs).sha256) == content


def test_status_packet_sent_twice_has_one_id(axis):
    client, _ = axis()
    document = make_document(sender=MINISTRY, to=(PROVINCE,))
    packet = Packet.of(status_packet("01", document, reporter=PROVINCE))

    ids = {client.send(packet, MessageType.STATUS, sender=PROVINCE).doc_id for _ in range(2)}

    assert len(ids) == 1
