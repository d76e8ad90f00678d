"""The document-management system (qlvb): what its interface must do before a daemon is let loose on it.

Each test says what its failure means for the province. What is written there, and how to clean it up, is in
docs/guide/sandbox-tests.md.
"""

import json
import secrets
from itertools import pairwise

import pytest
from ebrvt_adapters.qlvb import QlvbClient, QlvbCredentials, mapping
from ebrvt_adapters.qlvb.client import file_part
from ebrvt_adapters.qlvb.incoming import incoming_metadata
from ebrvt_adapters.qlvb.verification import verification_of
from pydantic import SecretStr

from ebrvt_connect.codec.feed import cursor_of, place_of
from ebrvt_connect.errors import HeldForPerson, Rejected, Scope
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.transport.http import path_of
from tests.sandbox.samples import rest_of_file, sample_document

PAGES = 5
"""How much of a long feed is read."""
FOREIGN = AgencyCode("000.00.00.G22")
"""Whom the delivered samples say they come from."""


# --- being let in -----------------------------------------------------------------------------------------


def test_account_is_let_in(dms):
    """If not: token, user name or password are wrong, or the account may not use the exchange interface."""
    dms.outgoing(limit=1)


def test_wrong_password_is_refused_and_pauses_the_system(dms_peer, clock):
    """If not refused: anybody on the network can read and deliver documents; tell the vendor at once.

    If refused in another way than the contract says (401 `UNAUTHENTICATED`): the daemon would go on
    knocking instead of pausing the system and calling a person.
    """
    wrong = QlvbCredentials(token=SecretStr("surely-not-this"))
    if dms_peer.settings.credentials.token is None:
        username = dms_peer.settings.credentials.username
        wrong = QlvbCredentials(username=username, password=SecretStr("surely not this"))
    settings = dms_peer.settings.model_copy(update={"credentials": wrong})

    with QlvbClient(settings, clock, system="qlvb") as stranger, pytest.raises(HeldForPerson) as held:
        stranger.outgoing(limit=1)
    assert held.value.scope is Scope.SYSTEM


def test_address_book_can_be_read(dms):
    """If not: agencies cannot be compared with the axis' directory. Nothing else depends on it."""
    dms.agencies()


# --- documents that go out --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(dms):
    """The beginning of the outgoing feed, two rows at a time."""
    read = [dms.outgoing(limit=2)]
    while read[-1].rows and read[-1].next is not None and len(read) < PAGES:
        read.append(dms.outgoing(cursor_of(read[-1].rows[-1]), limit=2))
    if not read[0].rows:
        pytest.skip("no document has been issued there; issue one")
    return read


def test_feed_goes_forward_and_repeats_nothing(pages):
    """If not: documents issued in the same moment, or while we read, would be missed or come again.

    Rows must be ordered by time of change and id, and a page must begin behind the place it was asked for.
    """
    places = [place_of(cursor_of(row)) for page in pages for row in page.rows]

    assert all(one < next_one for one, next_one in pairwise(places))


def test_every_issued_document_can_be_read(pages):
    """If not: the document in question is held, with the fields that are wrong (`QLVB_FIELDS_WRONG`)."""
    for row in (row for page in pages for row in page.rows):
        mapping.document_of(mapping.outgoing_of(row))


@pytest.fixture(scope="module")
def with_file(pages):
    """An issued document that has a file."""
    documents = [mapping.outgoing_of(row) for page in pages for row in page.rows]
    found = next((document for document in documents if document.attachments), None)
    return found or pytest.skip("no document with a file among the first of the feed")


def test_document_can_be_asked_for_by_its_id(dms, with_file):
    """If not: a recall cannot be told to the recipients, since it names the document by its id."""
    assert mapping.outgoing_of(dms.outgoing_document(with_file.id)).id == with_file.id


def test_unknown_document_is_not_found(dms):
    """If not: a document deleted there would be asked for again and again."""
    with pytest.raises(Rejected) as refused:
        dms.outgoing_document(f"khong-co-{secrets.token_hex(8)}")
    assert refused.value.code == "QLVB_NOT_FOUND"


def test_file_is_the_one_announced(dms, with_file, blobs):
    """If not: the file was saved again after signing, or is not the one signed: its signature is worth
    nothing and the document will be held (`ATTACHMENT_CHANGED`)."""
    announced = with_file.attachments[0]

    blob = dms.download(with_file.id, announced.seq, blobs)

    assert (blob.sha256, blob.size_bytes) == (announced.sha256, announced.size)


def test_broken_download_can_go_on_where_it_broke_off(dms_peer, with_file, clock):
    """If not: over a bad line a large file may never arrive, since each attempt begins anew."""
    announced = with_file.attachments[0]
    path = path_of("api", "outgoing", with_file.id, "attachments", str(announced.seq))

    reply = rest_of_file(dms_peer.settings, path, announced.size - 1, clock)

    assert (reply.status, len(reply.body)) == (206, 1)
    assert (
        reply.headers["Content-Range"] == f"bytes {announced.size - 1}-{announced.size - 1}/{announced.size}"
    )
    assert reply.headers["ETag"].strip('"').lower() == announced.sha256


def test_same_exchange_status_may_be_told_twice(dms, dms_peer, clock):
    """If not: a status whose reply was lost cannot simply be told again, as the daemon does."""
    if not dms_peer.document:
        pytest.skip("no issued document may be written to; set EBRVT_TEST_SANDBOX_QLVB_DOCUMENT")
    status = {
        "agencyCode": FOREIGN.text,
        "code": "SENT",
        "at": clock.now().isoformat(timespec="seconds"),
        "note": "Kiểm thử kết nối",
        "messageId": f"kiem-thu-{secrets.token_hex(8)}",
    }

    dms.report_status(dms_peer.document, status)
    dms.report_status(dms_peer.document, status)


def test_status_of_an_unknown_document_is_refused(dms, clock):
    """If not: statuses told about a wrong id vanish, and nobody learns what became of a document."""
    status = {"agencyCode": FOREIGN.text, "code": "SENT", "at": clock.now().isoformat(timespec="seconds")}
    with pytest.raises(Rejected):
        dms.report_status(f"khong-co-{secrets.token_hex(8)}", status | {"messageId": "kiem-thu"})


# --- documents that come in -------------------------------------------------------------------------------


class Parcel:
    """A sample as it would come from the axis, with its key."""

    def __init__(self, agency, letter, blobs, clock):
        self.blobs = blobs
        self.key = f"kiem-thu-{secrets.token_hex(8)}"
        self.document = sample_document(FOREIGN, agency, letter, blobs, clock.now())
        self.metadata = incoming_metadata(
            self.document,
            axis_doc_id=self.key,
            received_at=clock.now(),
            packet=BlobRef(sha256="0" * 64, size_bytes=1),
            verification=verification_of(self.document, ""),
        )

    def deliver(self, dms, **changes):
        [file] = self.document.attachments
        blob = BlobRef(sha256=file.sha256, size_bytes=file.size_bytes)
        told = json.dumps(self.metadata | changes, ensure_ascii=False).encode()
        part = file_part(1, file.name, file.media_type, blob, self.blobs)
        return dms.deliver(told, [part], key=self.key)


@pytest.fixture(scope="module")
def parcel(dms_peer, letter_of, blobs, clock):
    return Parcel(dms_peer.agency, letter_of(FOREIGN), blobs, clock)


@pytest.fixture(scope="module")
def delivered(parcel, dms):
    """One incoming document, delivered once and used by every test that needs one there."""
    return parcel.deliver(dms)


def test_incoming_document_is_stored(delivered, parcel, learn):
    """If not: read the fields `QLVB_INVALID` names; the document system asks for more than the contract."""
    assert delivered.id
    assert delivered.created
    learn(
        f"written there: incoming document {delivered.id}, {parcel.document.number}, axisDocId {parcel.key}"
    )


def test_same_document_delivered_twice_is_one(delivered, parcel, dms):
    """If not: whenever a reply is lost, the document will stand in the incoming book twice."""
    again = parcel.deliver(dms)

    assert (again.id, again.created) == (delivered.id, False)


def test_other_bytes_under_a_used_key_are_refused(delivered, parcel, dms):
    """If not: one document could silently take the place of another in the incoming book."""
    with pytest.raises(HeldForPerson) as held:
        parcel.deliver(dms, abstract="Một văn bản khác")
    assert held.value.code == "QLVB_KEY_REUSED"


def test_incomplete_document_is_refused_with_the_field(dms_peer, dms, letter_of, blobs, clock):
    """If not: documents without number would be filed, or refused without anybody knowing why."""
    with pytest.raises(Rejected) as refused:
        Parcel(dms_peer.agency, letter_of(FOREIGN), blobs, clock).deliver(dms, codeNumber="")
    assert refused.value.code == "QLVB_INVALID"
    assert "số văn bản" in refused.value.explanation_vi


@pytest.mark.parametrize(
    ("feed", "read"),
    [("incoming_events", mapping.incoming_event_of), ("outgoing_events", mapping.outgoing_event_of)],
)
def test_events_can_be_read_and_go_forward(dms, feed, read):
    """If not: the sender will not learn what became of its document (`incoming_events`), or a recall will
    not reach the recipients (`outgoing_events`)."""
    rows = [read(row) for row in getattr(dms, feed)(0, limit=50).rows]

    assert all(one.seq < next_one.seq for one, next_one in pairwise(rows))
