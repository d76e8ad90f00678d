"""What the document system might answer and should not: never taken for a success, the rest goes on."""

import json

import pytest
from ebrvt_adapters.qlvb import Qlvb, QlvbCredentials, QlvbSettings

from ebrvt_connect.errors import ConnectError, HeldForPerson, Rejected, RetryLater
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.ports.simulator import SimReply, Simulator
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.qlvb.office import outgoing


class Odd(Simulator):
    """Answers each call with what a test has laid ready for its path, in turn; the last one for ever."""

    name = "odd"

    def __init__(self):
        self.ready = {}
        self.asked = []

    @classmethod
    def open(cls, seat):  # noqa: ARG003 - the port's name
        return cls()

    def answer(self, request, now):  # noqa: ARG002 - the port's name
        self.asked.append(dict(request.query))
        waiting = self.ready.get(request.path, [SimReply(404)])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def operation(self, request):
        return request.path

    def credentials(self):
        return {}

    def state(self):
        return {}

    def seed(self, data):
        return dict(data)


@pytest.fixture
def host(tmp_path, clock):
    with SandboxHost(tmp_path, {"odd": Odd}, now=clock.now, tick_seconds=0) as started:
        yield started


@pytest.fixture
def odd(host):
    with host.held("odd") as simulator:
        return simulator


@pytest.fixture
def adapter(host, clock, blobs):
    settings = QlvbSettings(
        transport=HttpSettings(url=host.url("odd")),
        credentials=QlvbCredentials(token="x"),
        largest_page_bytes=20_000,
        overlap_minutes=0,
    )
    opened = Qlvb.open(settings, Surroundings("qlvb", clock, blobs))
    yield opened
    opened.close()


def page(*rows, following=None):
    items = ", ".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    return SimReply(body=f'{{"items": [{items}], "next": {json.dumps(following)}}}'.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"items": null}',
        b'{"items": [1, 2',
        b'{"items": [1,,2]}',
        b'["items": [1]]',
        b'{"items": [] "next": null}',
        b'{"items": [], "items": []}',
        b"\xff\xfe{\x00}\x00",
        '{"items": [], "next": null, "ghi chú": "'.encode("cp1258", "replace") + b'\xe2"}',
        b"<html><body>\xc4\x90ang nh\xe1\xba\xadp</body></html>",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("kind", list(Kind))
def test_a_page_that_cannot_be_read_is_never_an_empty_one(adapter, odd, kind, body):
    odd.ready = {"/api/outgoing": [SimReply(body=body)], "/api/incoming/events": [SimReply(body=body)]}
    with pytest.raises(ConnectError) as failure:
        list(adapter.fetch(kind, None))
    assert isinstance(failure.value, (RetryLater, HeldForPerson))


def test_a_page_over_the_limit_is_refused(adapter, odd):
    odd.ready = {"/api/outgoing": [page({"id": "x" * 30_000})]}
    with pytest.raises(ConnectError):
        list(adapter.fetch(Kind.DOCUMENT, None))


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("NaN", "JSON_NUMBER_INVALID"),
        ('{"id": "a", "id": "b"}', "JSON_KEY_REPEATED"),
        ("[" * 500 + "]" * 500, "JSON_TOO_DEEP"),
        ('{"id": "a", "abstract": "\\ud800"}', "JSON_TEXT_INVALID"),
        ("{'id': 1}", "JSON_MALFORMED"),
        ("17", "QLVB_FIELDS_WRONG"),
        ('"text"', "QLVB_FIELDS_WRONG"),
        ("null", "QLVB_FIELDS_WRONG"),
        ("{}", "QLVB_FIELDS_WRONG"),
        ('{"id": ".."}', "QLVB_FIELDS_WRONG"),
    ],
)
def test_one_row_that_is_nonsense_is_held_alone_with_its_bytes(adapter, odd, blobs, row, code):
    odd.ready = {"/api/outgoing": [page(row, outgoing("good", files=()))]}
    ((broken, good),) = [batch.items for batch in adapter.fetch(Kind.DOCUMENT, None)]
    assert broken.fault.code == code
    assert blobs.read(broken.original.sha256) == row.encode()
    assert (good.external_id, good.fault) == ("good", None)


@pytest.mark.parametrize(
    "following",
    [
        5,
        "x",
        [],
        {},
        {"updatedAfter": 5},
        {"updatedAfter": "yesterday"},
        {"updatedAfter": None, "afterId": "a"},
    ],
)
def test_a_next_place_that_cannot_be_read_is_tried_later(adapter, odd, following):
    odd.ready = {"/api/outgoing": [page(following=following)]}
    with pytest.raises(RetryLater) as later:
        list(adapter.fetch(Kind.DOCUMENT, None))
    assert later.value.code == "QLVB_REPLY_UNREADABLE"


def test_a_feed_that_goes_round_in_circles_is_left(adapter, odd):
    here = {"updatedAfter": "2026-11-23T08:00:00+07:00", "afterId": "a"}
    odd.ready = {"/api/outgoing": [page(following=here)]}
    with pytest.raises(RetryLater) as later:
        list(adapter.fetch(Kind.DOCUMENT, None))
    assert later.value.code == "QLVB_FEED_STUCK"
    assert len(odd.asked) == 2


@pytest.mark.parametrize("following", ["2", True, 1.5, {"seq": 2}])
def test_a_next_number_that_is_none_is_tried_later(adapter, odd, following):
    odd.ready = {"/api/incoming/events": [page(following=following)]}
    with pytest.raises(RetryLater) as later:
        list(adapter.fetch(Kind.DOCUMENT_STATUS, None))
    assert later.value.code == "QLVB_REPLY_UNREADABLE"


@pytest.mark.parametrize("path", ["/api/incoming/events", "/api/outgoing/events"])
def test_events_that_do_not_go_on_are_left(adapter, odd, path):
    odd.ready = {"/api/incoming/events": [page()], "/api/outgoing/events": [page()]}
    odd.ready[path] = [page(following=0)]
    with pytest.raises(RetryLater) as later:
        list(adapter.fetch(Kind.DOCUMENT_STATUS, None))
    assert later.value.code == "QLVB_FEED_STUCK"


def test_an_event_without_a_number_is_held_under_its_own_digest(adapter, odd):
    odd.ready = {
        "/api/incoming/events": [page({"code": "03"}, {"seq": -1})],
        "/api/outgoing/events": [page({"kind": "RECALL"})],
    }
    items = [item for batch in adapter.fetch(Kind.DOCUMENT_STATUS, None) for item in batch.items]
    assert {item.fault.code for item in items} == {"QLVB_EVENT_WRONG"}
    assert all(item.external_id.startswith("unreadable-") for item in items)
    assert len({item.external_id for item in items}) == 3


def test_an_unreadable_event_is_not_held_again_by_the_same_process(adapter, odd):
    odd.ready = {"/api/incoming/events": [page({"code": "03"})], "/api/outgoing/events": [page()]}
    (batch,) = adapter.fetch(Kind.DOCUMENT_STATUS, None)
    adapter.acknowledge(Kind.DOCUMENT_STATUS, batch)
    assert list(adapter.fetch(Kind.DOCUMENT_STATUS, None)) == []


def test_an_event_about_a_document_that_cannot_be_read_is_held(adapter, odd):
    event = {"seq": 1, "id": "a", "kind": "RECALL", "at": "2026-11-23T08:00:00Z", "by": "Phạm Văn Soạn"}
    odd.ready = {
        "/api/incoming/events": [page()],
        "/api/outgoing/events": [page(event)],
        "/api/outgoing/a": [SimReply(body=b"{}")],
    }
    (batch,) = adapter.fetch(Kind.DOCUMENT_STATUS, None)
    assert [item.fault.code for item in batch.items] == ["QLVB_FIELDS_WRONG"]
    assert json.loads(batch.checkpoint) == {"outgoingEvents": 1}


def test_a_place_at_the_edge_of_the_calendar_is_read(host, clock, blobs, odd):
    settings = QlvbSettings(
        transport=HttpSettings(url=host.url("odd")), credentials=QlvbCredentials(token="x")
    )
    adapter = Qlvb.open(settings, Surroundings("qlvb", clock, blobs))
    first = outgoing("a", files=(), updatedAt="0001-01-01T00:00:00Z")
    odd.ready = {"/api/outgoing": [page(first)]}
    (batch,) = adapter.fetch(Kind.DOCUMENT, None)
    (again,) = adapter.fetch(Kind.DOCUMENT, batch.checkpoint)
    assert again.items
    assert "updatedAfter" not in odd.asked[-1], "ten minutes before the beginning of time is the beginning"
    adapter.close()


def test_a_document_of_an_impossible_time_is_held_alone_and_the_rest_flows_on(adapter, odd):
    late = outgoing("a", files=(), updatedAt="9999-12-31T23:30:00Z")
    odd.ready = {"/api/outgoing": [page(late, outgoing("b", files=()))]}
    (batch,) = adapter.fetch(Kind.DOCUMENT, None)
    held, good = batch.items
    assert (held.external_id, held.fault.code) == ("a", "QLVB_FIELDS_WRONG")
    assert "thời điểm cập nhật" in held.fault.explanation_vi
    assert (good.external_id, good.fault) == ("b", None)


@pytest.mark.parametrize(
    ("reply", "effect"),
    [
        (SimReply(201, b"{}"), RetryLater),
        (SimReply(200, b""), RetryLater),
        (SimReply(200, b"<html>login</html>", headers=(("content-type", "text/html"),)), RetryLater),
        (SimReply(302, headers=(("location", "/login"),)), HeldForPerson),
        (SimReply(413), Rejected),
        (SimReply(422, b'{"error_code": "INVALID", "issues": null}'), Rejected),
        (SimReply(400, b'{"error_code": "B\\u0000AD"}'), Rejected),
        (SimReply(400, b'{"error_code": "NEW_WORD", "message": null}'), Rejected),
        (SimReply(500, b'{"error_code": "NEW_WORD"}'), RetryLater),
        (SimReply(200, b'{"error_code": "INTERNAL"}'), RetryLater),
        (SimReply(403, b'{"error_code": "FORBIDDEN"}'), HeldForPerson),
    ],
)
def test_answers_to_a_delivery_mean_what_must_happen_next(adapter, odd, reply, effect):
    odd.ready = {"/api/incoming": [reply]}
    with pytest.raises(effect):
        adapter.client.deliver(b"{}", [], key="axis-1")


@pytest.mark.parametrize(
    "reply",
    [
        SimReply(200, b"[{}]"),
        SimReply(200, b"{}"),
        SimReply(200, b"<html></html>"),
    ],
)
def test_an_address_book_that_is_none_is_no_answer(adapter, odd, reply):
    odd.ready = {"/api/agencies": [reply]}
    with pytest.raises(RetryLater):
        adapter.ping()


def test_a_login_page_instead_of_a_file_is_not_taken_for_the_file(adapter, odd, blobs):
    reply = SimReply(200, b"<html>login</html>", headers=(("content-type", "text/html"),))
    odd.ready = {"/api/outgoing/a/attachments/1": [reply]}
    with pytest.raises(RetryLater):
        adapter.client.download("a", 1, blobs)
    assert blobs.contents == {}


def test_settings_of_another_adapter_are_refused(clock, blobs):
    with pytest.raises(TypeError):
        Qlvb.open(HttpSettings(url="http://127.0.0.1"), Surroundings("qlvb", clock, blobs))
