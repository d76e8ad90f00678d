"""The national axis: what this connection must be able to do there before a daemon is let loose on it.

Each test says what its failure means for the province. What is written to the axis, and how to clean it
up, is in docs/guide/sandbox-tests.md.
"""

import functools

import pytest
from ebrvt_adapters.vxp import Packet, VxpClient
from ebrvt_adapters.vxp.wire import MessageType, TransportStatus
from pydantic import SecretStr

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_write import write_status
from ebrvt_connect.errors import HeldForPerson, InvalidValue, ReconcileFirst, Rejected, Scope
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ports.adapter import Settled
from tests.sandbox.samples import eventually, is_about_sample, is_sample, status_of

QUEUES = [MessageType.EDOC, MessageType.STATUS]


# --- being let in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("queue", QUEUES)
def test_signed_request_is_let_in(axis, queue):
    """If not: systemid or secret are not those of the operator's letter, or this machine's clock is wrong.

    Nothing else can work until this does. `VXP_LIST_UNREADABLE` instead means that we are let in and the
    list has a form we do not know: report it.
    """
    axis.received(queue)


@pytest.mark.parametrize("queue", QUEUES)
def test_every_row_of_a_list_has_a_packet_id(axis, queue):
    """If not: those packets cannot be fetched and will be held with `VXP_LIST_ROW_UNREADABLE`."""
    assert axis.received(queue).unreadable == ()


def test_waiting_packets_can_be_counted(axis):
    """If not: the server is older than this operation. Documents are exchanged all the same, but
    `ebrvt doctor`, which asks for the count, will call the axis unreachable."""
    assert axis.count(MessageType.EDOC) >= 0


@pytest.fixture(scope="module")
def refused_secret(axis_peer, clock):
    """What a wrong secret is told: asked once, since some systems lock an account after a few."""
    credentials = axis_peer.settings.credentials.model_copy(update={"secret": SecretStr("surely not this")})
    settings = axis_peer.settings.model_copy(update={"credentials": credentials})
    with VxpClient(settings, clock, system="axis") as stranger:
        try:
            stranger.received(MessageType.EDOC)
        except (Rejected, HeldForPerson) as refusal:
            return refusal
    return None


def test_wrong_secret_is_refused(refused_secret, learn):
    """If not: the endpoint does not check who asks. Anybody on the network could read and send; tell the
    operator before anything real is sent there."""
    assert refused_secret is not None
    learn(f"a wrong secret is told: {refused_secret.detail}")


def test_refusal_of_a_wrong_secret_is_understood(refused_secret):
    """If not: the daemon would take a wrong secret for a refused document instead of pausing the system.

    The words the axis uses are missing in the adapter's `data/answers.toml`: report them (they stand at
    the end of the run).
    """
    assert isinstance(refused_secret, HeldForPerson)
    assert refused_secret.scope is Scope.SYSTEM


def test_sender_and_recipient_are_in_the_directory(axis, axis_peer, learn):
    """If not: documents from or to that agency will be refused. Register it, or correct its code.

    A directory that cannot be read at all only means that codes cannot be checked beforehand.
    """
    rows = axis.agencies()
    known = {code.qd20 for row in rows for text in (row.code, row.old_code) if (code := parsed(text))}
    learn(f"the directory has {len(rows)} agencies")

    assert {axis_peer.sender.qd20, axis_peer.recipient.qd20} <= known


def parsed(text):
    try:
        return AgencyCode.parse(text)
    except InvalidValue:
        return None


# --- sending ----------------------------------------------------------------------------------------------


def test_signed_document_is_accepted(sent, learn):
    """If not: read the code. `VXP_SENDER_MISMATCH`: the sending agency is not registered for this
    systemid. `VXP_UNKNOWN_RECIPIENT`: no such recipient. `VXP_INVALID_PACKET`, `VXP_FILE_HASH_WRONG`: the
    axis cannot take packets as we write them (try `padded_file_hash`, `agency_form`); report it.
    """
    assert sent.receipt.external_id
    learn(f"written there: document {sent.document.number}, DocId {sent.receipt.external_id}")


def test_sent_document_is_found_by_asking_after(sent, adapter, axis_peer, clock):
    """If not: a document whose reply is lost on the way cannot be told from one that never arrived.

    It would be sent again after `ask_after_seconds` and might arrive twice. Do not go into production:
    raise `ask_after_seconds` if it is found later, and report what the sent list shows.
    """
    assert eventually(
        lambda: isinstance(adapter.ask_after(sent.work, sent.payload), Settled),
        clock,
        axis_peer.patience_seconds,
    )


def test_sent_list_has_one_row_for_the_recipient(sent, axis, axis_peer, clock, learn):
    """If not: `VXP_SENT_LIST_AMBIGUOUS` or `VXP_SENT_TO_SOME` will call for a person after a lost reply."""
    number, title = str(sent.document.number), sent.document.abstract

    def rows():
        listed = axis.sent(MessageType.EDOC, since=sent.work.message.created_at)
        return [row for row in listed if number == row.notation or title == row.title]

    eventually(lambda: bool(rows()), clock, axis_peer.patience_seconds)

    [row] = rows()
    learn(f"sent list: notation is number/symbol: {row.notation == number}")
    learn(f"sent list: title is the abstract: {row.title == title}")
    learn(f"sent list: senderDocId is the DocId of sendEdoc: {row.sender_doc_id == sent.receipt.external_id}")
    learn(f"sent list: times look like {''.join('9' if c.isdigit() else c for c in row.sent_time)}")
    assert row.sent_at is not None


@pytest.fixture(scope="module")
def refused_packet(axis, axis_peer):
    """What a packet that is no edXML is told."""
    try:
        axis.send(Packet.of(b"<khong-phai-edxml/>"), MessageType.EDOC, sender=axis_peer.sender.text)
    except (Rejected, HeldForPerson, ReconcileFirst) as refusal:
        return refusal
    return None


def test_unreadable_packet_is_refused(refused_packet, learn):
    """If not: the axis takes anything, and nobody will be told when a packet cannot be read. The statuses
    that come back are then the only sign that a document arrived."""
    assert refused_packet is not None
    learn(f"an unreadable packet is told: {refused_packet.detail}")


def test_refusal_of_an_unreadable_packet_is_final(refused_packet):
    """If not: the daemon would ask after or retry a packet that can never be accepted.

    The axis answers such packets in words or a form the adapter does not know: report them.
    """
    assert isinstance(refused_packet, Rejected)


@pytest.fixture(scope="module")
def told_twice(sent, axis, axis_peer, clock):
    """The answers to one status packet about the sample, sent twice."""
    status = status_of(sent.document, clock.now(), ours=axis_peer.comes_back)
    packet = Packet.of(write_status(status))
    told = {"sender": status.reporter.code.text, "recipients": (status.addressee.text,)}
    return [axis.send(packet, MessageType.STATUS, **told) for _ in range(2)]


def test_same_status_may_be_sent_twice(told_twice):
    """If not: a status whose reply was lost cannot simply be sent again, as the daemon does; it would end
    as refused although it arrived. Report how the axis answers the second one.

    The status is a recall (13), so that the recipient knows the sample may be thrown away; where the
    recipient is one of ours, it is 01 (arrived).
    """
    assert all(answer.doc_id for answer in told_twice)


# --- receiving --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def waiting(axis, axis_peer, blobs, clock, coming_from):
    """The packets in our queue, fetched: row, and what it says or None for what cannot be read."""

    def listed():
        """What we had sent to us comes first."""
        return sorted(axis.received(MessageType.EDOC).rows, key=lambda row: not same(row.sender, coming_from))

    if coming_from:
        eventually(
            lambda: any(same(row.sender, coming_from) for row in listed()), clock, axis_peer.patience_seconds
        )
    fetched = [(row, document_of(axis.fetch(row.doc_id, blobs), blobs)) for row in listed()[:10]]
    if not fetched:
        pytest.skip(
            "nothing waits for us: name one of our agencies as recipient, or have something sent to us"
        )
    return fetched


def same(text, agency):
    code = parsed(text)
    return code is not None and agency is not None and code.same_agency(agency)


def document_of(blob, blobs):
    try:
        return read_document(blobs.chunks(blob.sha256), blobs).record
    except InvalidValue:
        return None


def test_waiting_packet_is_fetched_and_read(waiting):
    """If not fetched: the server may be too old for `downloadEdoc`; set `fetch_by` to `getEdoc`.

    If not read: real senders write edXML in a way our reader refuses; those documents will be held for a
    person. Keep such a packet and report it.
    """
    assert all(isinstance(document, Document) for _, document in waiting)


def test_acknowledged_packet_leaves_the_queue(waiting, axis, axis_peer, clock):
    """If not: every document will be fetched again and again. The daemon delivers it once all the same,
    but the list grows; try `ack_header = "docId"`.

    Only samples of this suite are acknowledged: whatever else waits is left for the daemon.
    """
    own = [row.doc_id for row, document in waiting if is_sample(document)]
    if not own:
        pytest.skip("only documents that are not this suite's wait; they are left for the daemon")

    for doc_id in own:
        axis.update_status(doc_id, TransportStatus.DONE)

    assert eventually(
        lambda: not {row.doc_id for row in axis.received(MessageType.EDOC).rows} & set(own),
        clock,
        axis_peer.patience_seconds,
    )
    axis.update_status(own[0], TransportStatus.DONE)  # its reply may be lost, so it must be repeatable


def test_status_comes_back_and_leaves_the_queue(told_twice, axis, axis_peer, blobs, clock):
    """If not: the province will not learn what became of its documents.

    A recipient of ours has told 01, so that one must come; others answer when they like. Only statuses
    about samples of this suite are acknowledged.
    """

    @functools.cache
    def record_of(doc_id):
        return document_of(axis.fetch(doc_id, blobs), blobs)

    def about_samples():
        rows = axis.received(MessageType.STATUS).rows[:50]
        return {row.doc_id for row in rows if is_about_sample(record_of(row.doc_id))}

    must_come = axis_peer.simulated or axis_peer.comes_back
    if must_come:
        assert eventually(lambda: bool(about_samples()), clock, axis_peer.patience_seconds)
    own = about_samples()
    if not own:
        pytest.skip("no status about a sample waits; the recipient has not answered yet")

    for doc_id in own:
        axis.update_status(doc_id, TransportStatus.DONE)

    assert eventually(lambda: not about_samples() & own, clock, axis_peer.patience_seconds)
