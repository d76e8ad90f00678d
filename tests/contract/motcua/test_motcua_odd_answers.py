"""What the one-stop shop might answer and should not: never taken for a success, the rest goes on."""

import json

import pytest
from ebrvt_adapters.motcua import Motcua, MotcuaCredentials, MotcuaSettings

from ebrvt_connect.errors import ConnectError, HeldForPerson, Rejected, RetryLater
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.ports.simulator import SimReply, Simulator
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.motcua.shop import CODE, dossier, result, step

WEB_PAGE = SimReply(200, b"<html>login</html>", headers=(("content-type", "text/html"),))


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
        self.asked.append(request.path)
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
    settings = MotcuaSettings(
        transport=HttpSettings(url=host.url("odd")),
        credentials=MotcuaCredentials(token="x"),
        largest_page_bytes=20_000,
        overlap_minutes=0,
    )
    opened = Motcua.open(settings, Surroundings("motcua", clock, blobs))
    yield opened
    opened.close()


def page(*rows, following=None):
    items = ", ".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    return SimReply(body=f'{{"items": [{items}], "next": {json.dumps(following)}}}'.encode())


FEED = "/api/dossiers"
PROGRESS = f"/api/dossiers/{CODE}/progress"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'{"items": null}', b'{"items": [1, 2', b'{"items": [], "items": []}'],
)
@pytest.mark.parametrize("path", [FEED, PROGRESS])
def test_a_page_that_cannot_be_read_is_never_an_empty_one(adapter, odd, path, body):
    odd.ready = {path: [SimReply(body=body)]}
    ask = adapter.client.dossiers if path == FEED else lambda: adapter.client.progress(CODE)
    with pytest.raises(ConnectError) as failure:
        ask()
    assert isinstance(failure.value, (RetryLater, HeldForPerson))


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("NaN", "MOTCUA_ROW_NAMELESS"),
        ('{"id": "a", "id": "b"}', "MOTCUA_ROW_NAMELESS"),
        ('{"id": "a", "note": "x", "note": "y"}', "MOTCUA_FIELDS_WRONG"),
        ('{"id": "a", "abstract": "\\ud800"}', "MOTCUA_FIELDS_WRONG"),
        ('{"id": "a", "fees": [{"amount": 1e999}]}', "MOTCUA_FIELDS_WRONG"),
        ("null", "MOTCUA_ROW_NAMELESS"),
        ('{"id": ".."}', "MOTCUA_FIELDS_WRONG"),
    ],
)
def test_one_row_that_is_nonsense_is_held_alone_with_its_bytes(adapter, odd, blobs, row, code):
    odd.ready = {FEED: [page(row, dossier())], PROGRESS: [page()]}
    ((broken, good),) = [batch.items for batch in adapter.fetch(Kind.DOSSIER, None)]
    assert broken.fault.code == code
    assert blobs.read(broken.original.sha256) == row.encode()
    assert (good.external_id, good.fault) == (CODE, None)


def test_nonsense_is_not_held_again_by_the_same_process(adapter, odd):
    odd.ready = {FEED: [page("17")], PROGRESS: [page("18")]}
    (batch,) = adapter.fetch(Kind.DOSSIER, None)
    adapter.acknowledge(Kind.DOSSIER, batch)
    assert list(adapter.fetch(Kind.DOSSIER, None)) == []


def test_a_feed_that_goes_round_in_circles_is_left(adapter, odd):
    here = {"updatedAfter": "2026-11-23T08:00:00+07:00", "afterId": "a"}
    odd.ready = {FEED: [page(following=here)]}
    with pytest.raises(RetryLater) as later:
        list(adapter.fetch(Kind.DOSSIER, None))
    assert later.value.code == "MOTCUA_FEED_STUCK"


def test_what_came_with_an_unreadable_next_place_is_handed_over_first(adapter, odd):
    odd.ready = {FEED: [page(dossier(), following={"updatedAfter": "yesterday"})], PROGRESS: [page()]}
    batches = adapter.fetch(Kind.DOSSIER, None)
    assert [item.external_id for item in next(batches).items] == [CODE]
    with pytest.raises(RetryLater):
        next(batches)


@pytest.mark.parametrize("following", [5, "x", {}, {"updatedAfter": "yesterday"}])
def test_a_next_place_that_cannot_be_read_is_tried_later(adapter, odd, following):
    odd.ready = {FEED: [page(following=following)]}
    with pytest.raises(RetryLater) as later:
        list(adapter.fetch(Kind.DOSSIER, None))
    assert later.value.code == "MOTCUA_REPLY_UNREADABLE"


@pytest.mark.parametrize(
    ("following", "code"),
    [("2", "MOTCUA_REPLY_UNREADABLE"), (True, "MOTCUA_REPLY_UNREADABLE"), (0, "MOTCUA_FEED_STUCK")],
)
def test_progress_that_does_not_go_on_is_left(adapter, odd, following, code):
    odd.ready = {PROGRESS: [page({"seq": 1} | step(), following=following)]}
    with pytest.raises(RetryLater) as later:
        adapter.client.progress(CODE)
    assert later.value.code == code


def test_a_login_page_instead_of_a_file_is_not_taken_for_the_file(adapter, odd, blobs):
    odd.ready = {
        FEED: [page(dossier(results=[result()]))],
        PROGRESS: [page()],
        f"/api/dossiers/{CODE}/files/kq-1": [WEB_PAGE],
    }
    with pytest.raises(RetryLater):
        adapter.client.download(CODE, "kq-1", blobs)
    (batch,) = adapter.fetch(Kind.DOSSIER, None)
    assert (batch.items, CODE in batch.checkpoint) == ((), True)


@pytest.mark.parametrize(
    ("reply", "effect"),
    [
        (SimReply(201, b"{}"), RetryLater),
        (SimReply(200, b""), RetryLater),
        (WEB_PAGE, RetryLater),
        (SimReply(413), Rejected),
        (SimReply(422, b'{"error_code": "INVALID", "issues": null}'), Rejected),
        (SimReply(400, b'{"error_code": "NEW_WORD", "message": null}'), Rejected),
        (SimReply(500, b'{"error_code": "NEW_WORD"}'), RetryLater),
        (SimReply(403, b'{"error_code": "FORBIDDEN"}'), HeldForPerson),
    ],
)
def test_answers_to_a_filed_dossier_mean_what_must_happen_next(adapter, odd, reply, effect):
    odd.ready = {"/api/inbox/dossiers": [reply]}
    with pytest.raises(effect):
        adapter.client.file("dossiers", b"{}", key="k")


def test_procedures_that_are_none_are_no_answer(adapter, odd):
    odd.ready = {"/api/procedures": [page({"name": "không có mã"})]}
    with pytest.raises(RetryLater):
        adapter.client.procedures()


def test_settings_of_another_adapter_are_refused(clock, blobs):
    with pytest.raises(TypeError):
        Motcua.open(HttpSettings(url="http://127.0.0.1"), Surroundings("motcua", clock, blobs))


def test_a_status_file_that_is_not_there_stops_the_system(clock, blobs, tmp_path):
    settings = MotcuaSettings(
        transport=HttpSettings(url="http://127.0.0.1"),
        credentials=MotcuaCredentials(token="x"),
        status_file=tmp_path / "không có.toml",
    )
    with pytest.raises(HeldForPerson) as held:
        Motcua.open(settings, Surroundings("motcua", clock, blobs))
    assert held.value.code == "MOTCUA_STATUS_FILE_WRONG"
    assert "không có.toml" in held.value.explanation_vi


@pytest.mark.parametrize("body", [b"", b"\x00" * 40, b"[]", b'{"error_code": "INTERNAL"}', b"{", b"ok"])
def test_a_success_that_says_something_else_is_none(adapter, odd, body):
    odd.ready = {f"/api/dossiers/{CODE}/exchange-status": [SimReply(200, body)]}
    with pytest.raises(RetryLater) as later:
        adapter.client.report_exchange(CODE, {"system": "dvcqg"})
    assert later.value.code == "MOTCUA_REPLY_UNREADABLE"


@pytest.mark.parametrize("reply", [SimReply(204, headers=()), SimReply(200, b"{}")])
def test_a_success_that_says_nothing_is_one(adapter, odd, reply):
    odd.ready = {f"/api/dossiers/{CODE}/exchange-status": [reply]}
    adapter.client.report_exchange(CODE, {"system": "dvcqg"})
