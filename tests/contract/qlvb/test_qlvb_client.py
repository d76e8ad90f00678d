"""The client alone, over real HTTP against the simulated document system."""

import hashlib
import json

import pytest
from ebrvt_adapters.qlvb import QlvbClient, QlvbCredentials, mapping
from ebrvt_adapters.qlvb.client import file_part

from ebrvt_connect.codec.feed import Cursor
from ebrvt_connect.errors import HeldForPerson, Rejected, RetryLater, Scope
from ebrvt_connect.model.message import BlobRef
from tests.contract.qlvb.office import incoming_document, outgoing, told

DOWNLOAD = "GET /api/outgoing/{id}/attachments/{seq}"


def parts(blobs, document, *contents):
    for content in contents:
        blobs.put((content,), limit_bytes=10**9)
    return [
        file_part(a.seq, a.name, a.media_type, BlobRef(sha256=a.sha256, size_bytes=a.size_bytes), blobs)
        for a in document.attachments
    ]


@pytest.fixture
def delivered(client, blobs):
    """Delivers a one-file document under a key."""

    def deliver(content=b"%PDF-1.7 letter", key="axis-1", **changes):
        document = incoming_document(files=((content, "công văn số 88.pdf"),))
        metadata = json.dumps(told(document, key) | changes, ensure_ascii=False).encode()
        return client.deliver(metadata, parts(blobs, document, content), key=key)

    return deliver


@pytest.mark.parametrize(
    "credentials",
    [
        QlvbCredentials(token="t0ken"),
        QlvbCredentials(username="ebrvt", password="mật khẩu mẫu"),
    ],
    ids=["bearer", "basic"],
)
def test_both_ways_to_log_in_are_let_in(settings, clock, credentials):
    with QlvbClient(settings(credentials=credentials), clock) as client:
        assert client.agencies() == ()


@pytest.mark.parametrize("credentials", [{"token": "wrong"}, {"username": "ebrvt", "password": "wrong"}])
def test_wrong_credentials_pause_the_system(settings, clock, desk, credentials):
    refused = settings(credentials=QlvbCredentials(**credentials))
    with QlvbClient(refused, clock) as client, pytest.raises(HeldForPerson) as held:
        client.outgoing()
    assert (held.value.code, held.value.scope) == ("QLVB_UNAUTHENTICATED", Scope.SYSTEM)
    assert "wrong" not in str(held.value)
    assert desk.journal("refused")[0]["status"] == 401


def test_pages_follow_each_other_in_the_order_of_change_and_id(client, desk, clock):
    for name in ("b", "a", "c"):
        desk.issue(outgoing(name))
    clock.advance(1)
    desk.issue(outgoing("a0"))
    seen, after = [], None
    while True:
        page = client.outgoing(after, limit=2)
        seen += [mapping.outgoing_of(row).id for row in page.rows]
        if page.next is None:
            break
        after = Cursor.model_validate(page.next)
    assert seen == ["a", "b", "c", "a0"]


def test_a_document_is_read_by_its_id_even_with_letters_a_path_must_escape(client, desk):
    desk.issue(outgoing("hồ sơ/2026 #1"))
    assert mapping.outgoing_of(client.outgoing_document("hồ sơ/2026 #1")).id == "hồ sơ/2026 #1"


def test_an_unknown_document_is_rejected(client):
    with pytest.raises(Rejected) as refused:
        client.outgoing_document("nobody")
    assert refused.value.code == "QLVB_NOT_FOUND"


def test_a_file_arrives_untouched(client, desk, blobs):
    content = bytes(range(256)) * 5000
    desk.issue(outgoing(files=(content,)), (content,))
    blob = client.download("vb-1", 1, blobs)
    assert blobs.read(blob.sha256) == content


def test_a_transfer_cut_in_the_middle_goes_on_where_it_broke_off(client, desk, blobs):
    content = bytes(range(256)) * 5000
    desk.issue(outgoing(files=(content,)), (content,))
    desk.count(DOWNLOAD)
    desk.arm("truncate", DOWNLOAD, count=2)
    blob = client.download("vb-1", 1, blobs)
    assert blobs.read(blob.sha256) == content
    assert desk.calls(DOWNLOAD) == 3


def test_a_transfer_cut_again_and_again_is_tried_later_and_leaves_nothing(client, desk, blobs):
    content = bytes(range(256)) * 5000
    desk.issue(outgoing(files=(content,)), (content,))
    desk.arm("truncate", DOWNLOAD, count=100)
    with pytest.raises(RetryLater):
        client.download("vb-1", 1, blobs)
    assert blobs.contents == {}


def test_a_file_that_changed_between_two_parts_is_not_patched_together(client, desk, blobs):
    content = bytes(range(256)) * 5000
    desk.issue(outgoing(files=(content,)), (content,))
    desk.arm("truncate", DOWNLOAD)
    desk.arm("attachment-changed", DOWNLOAD, count=100)
    with pytest.raises(RetryLater) as later:
        client.download("vb-1", 1, blobs)
    assert later.value.code == "QLVB_ATTACHMENT_DAMAGED"
    assert blobs.contents == {}


def test_an_etag_that_is_not_the_digest_of_what_came_is_damage(client, desk, blobs):
    desk.issue(outgoing())
    desk.arm("wrong-etag", DOWNLOAD)
    with pytest.raises(RetryLater) as later:
        client.download("vb-1", 1, blobs)
    assert later.value.code == "QLVB_ATTACHMENT_DAMAGED"


def test_a_file_over_the_limit_is_not_kept(settings, clock, desk, blobs):
    content = b"x" * 5000
    desk.issue(outgoing(files=(content,)), (content,))
    small = settings(largest_attachment_bytes=1024)
    with QlvbClient(small, clock) as client, pytest.raises(HeldForPerson):
        client.download("vb-1", 1, blobs)
    assert blobs.contents == {}


@pytest.mark.parametrize("seq", [2, 999])
def test_a_file_that_is_not_listed_is_rejected(client, desk, blobs, seq):
    desk.issue(outgoing())
    with pytest.raises(Rejected):
        client.download("vb-1", seq, blobs)


def test_an_incoming_document_is_stored_once_however_often_it_is_sent(delivered, desk):
    first, again = delivered(), delivered()
    assert (first.created, again.created) == (True, False)
    assert first.id == again.id
    assert desk.state()["incoming"] == 1
    (stored,) = desk.journal("incoming-stored")
    assert stored["sha256s"] == [hashlib.sha256(b"%PDF-1.7 letter").hexdigest()]
    assert stored["axisDocId"] == "axis-1"


def test_a_lost_reply_is_repaired_by_sending_the_same_again(delivered, desk):
    desk.arm("lose-reply", "POST /api/incoming")
    assert delivered().created is False
    assert desk.state()["incoming"] == 1


def test_other_bytes_under_a_used_key_are_held(delivered):
    delivered()
    with pytest.raises(HeldForPerson) as held:
        delivered(b"%PDF-1.7 other letter")
    assert (held.value.code, held.value.scope) == ("QLVB_KEY_REUSED", Scope.MESSAGE)


@pytest.mark.parametrize(
    ("changes", "field_vi"),
    [
        ({"codeNumber": " "}, "số văn bản"),
        ({"sender": {"code": "không phải mã"}}, "sender"),
        ({"receivedAt": "hôm qua"}, "receivedAt"),
        ({"verification": {"indication": "MAYBE"}}, "verification"),
        ({"attachments": []}, "file-1"),
        ({"attachments": [5]}, "tệp đính kèm"),
        ({"recipients": "all"}, "nơi nhận"),
        ({"axisDocId": "axis-2"}, "Idempotency-Key"),
    ],
)
def test_an_incomplete_document_is_rejected_with_the_field(delivered, changes, field_vi):
    with pytest.raises(Rejected) as refused:
        delivered(**changes)
    assert refused.value.code == "QLVB_INVALID"
    assert field_vi in refused.value.explanation_vi


def test_a_file_that_is_not_the_one_announced_is_rejected(client, blobs):
    document = incoming_document()
    metadata = told(document)
    metadata["attachments"][0]["sha256"] = "0" * 64
    with pytest.raises(Rejected) as refused:
        client.deliver(
            json.dumps(metadata).encode(), parts(blobs, document, b"%PDF-1.7 letter"), key="axis-1"
        )
    assert "NOT_THE_FILE" in str(refused.value)


def test_exchange_status_is_applied_once_for_each_message_id(client, desk):
    desk.issue(outgoing())
    status = {
        "agencyCode": "000.00.00.G22",
        "code": "SENT",
        "at": "2026-11-23T09:00:00+07:00",
        "messageId": "m1",
    }
    client.report_status("vb-1", status)
    client.report_status("vb-1", status)
    client.report_status("vb-1", status | {"messageId": "m2", "code": "03"})
    assert [entry["code"] for entry in desk.journal("exchange-status")] == ["SENT", "03"]
    assert len(desk.journal("exchange-status-repeated")) == 1


@pytest.mark.parametrize(
    "changes", [{"code": "99"}, {"agencyCode": "?"}, {"at": "hôm nay"}, {"messageId": ""}, {"code": None}]
)
def test_a_status_the_contract_does_not_know_is_rejected(client, desk, changes):
    desk.issue(outgoing())
    status = {
        "agencyCode": "H06",
        "code": "01",
        "at": "2026-11-23T09:00:00+07:00",
        "messageId": "m1",
    } | changes
    with pytest.raises(Rejected) as refused:
        client.report_status("vb-1", status)
    assert refused.value.code == "QLVB_INVALID"
    assert desk.journal("exchange-status") == []


def test_a_status_for_an_unknown_document_is_rejected(client):
    with pytest.raises(Rejected) as refused:
        client.report_status("nobody", {"code": "01"})
    assert refused.value.code == "QLVB_NOT_FOUND"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttled", "QLVB_THROTTLED"),
        ("internal", "QLVB_INTERNAL"),
        ("unavailable", "QLVB_UNAVAILABLE"),
        ("html-502", "REMOTE_ANSWERED_WEB_PAGE"),
        ("cut-before", "REMOTE_CONNECTION_LOST"),
        ("truncate", "REMOTE_CONNECTION_LOST"),
    ],
)
def test_trouble_there_is_tried_later(client, desk, kind, code):
    desk.arm(kind, count=100)
    with pytest.raises(RetryLater) as later:
        client.outgoing()
    assert later.value.code == code


def test_a_moment_of_trouble_costs_only_patience(client, desk):
    desk.arm("internal")
    assert client.outgoing().rows == ()


def test_the_remote_names_how_long_to_wait(client, desk):
    desk.arm("status", code=429, retry_after=3600, count=100)
    with pytest.raises(RetryLater) as later:
        client.outgoing()
    assert later.value.retry_after.total_seconds() == 3600


def test_acknowledging_is_heard_and_an_unknown_feed_refused(client, host):
    client.acknowledge("incoming-events", 7)
    with host.held("qlvb") as dms:
        assert dms.world.get("acks", "incoming-events") == {"cursor": 7}
    with pytest.raises(Rejected):
        client.acknowledge("letters", 7)


def test_the_address_book_is_read(client, host):
    with host.held("qlvb") as dms:
        dms.seed({"agencies": [{"code": "H06.15", "oldCode": "000.00.15.H06", "name": "Sở (mẫu)"}]})
    (row,) = client.agencies()
    assert (row.code, row.old_code, row.name) == ("H06.15", "000.00.15.H06", "Sở (mẫu)")
