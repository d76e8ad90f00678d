"""The simulated document system itself: what it refuses, what its clerks do, what survives."""

import hashlib
import json
from collections import Counter
from datetime import timedelta

import pytest
import requests
from ebrvt_adapters.qlvb.sandbox import QlvbSimulator

from ebrvt_connect.ports.simulator import SimulatorSeat
from ebrvt_connect.testing.clock import START
from ebrvt_connect.testing.world import memory_world
from tests.contract.qlvb.office import incoming_document, outgoing, told

LETTER = b"%PDF-1.7 letter"


@pytest.fixture
def http(host):
    """A bare session that is let in."""

    class Session(requests.Session):
        def request(self, method, path, **options):
            options.setdefault("headers", {"Authorization": "Bearer t0ken"})
            return super().request(method, host.url("qlvb") + path, timeout=60, **options)

    with Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def simulator():
    with memory_world() as world:
        yield QlvbSimulator.open(SimulatorSeat(world, seed=7))


def codes(events):
    return [event["code"] for event in events]


@pytest.mark.parametrize("path", ["/api/nothing", "/", "/api/outgoing/", "/api/outgoing/x/attachments/one"])
def test_an_unknown_call_is_not_found(http, path):
    answer = http.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


def test_nobody_is_let_in_without_an_account(http):
    answer = http.get("/api/outgoing", headers={})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("query", ["updatedAfter=hôm qua", "limit=many", "updatedAfter=2026-11-23T08:00:00"])
def test_a_query_that_makes_no_sense_is_invalid(http, query):
    answer = http.get(f"/api/outgoing?{query}")
    assert (answer.status_code, answer.json()["error_code"]) == (422, "INVALID")


@pytest.mark.parametrize(
    ("wanted", "status", "content", "span"),
    [
        ("bytes=5-", 206, LETTER[5:], f"bytes 5-14/{len(LETTER)}"),
        ("bytes=0-3", 206, LETTER[:4], f"bytes 0-3/{len(LETTER)}"),
        ("bytes=0-999", 206, LETTER, f"bytes 0-14/{len(LETTER)}"),
        ("bytes=15-", 416, b"", "bytes */15"),
        ("lines=1-2", 200, LETTER, None),
    ],
)
def test_a_part_of_a_file_is_served(http, desk, wanted, status, content, span):
    desk.issue(outgoing())
    answer = http.get(
        "/api/outgoing/vb-1/attachments/1", headers={"Authorization": "Bearer t0ken", "Range": wanted}
    )
    assert (answer.status_code, answer.content, answer.headers.get("Content-Range")) == (
        status,
        content,
        span,
    )
    assert answer.headers["ETag"] == f'"{hashlib.sha256(LETTER).hexdigest()}"'


def part(name, content, media_type=""):
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    head = f'Content-Disposition: form-data; name="{name}"\r\n{kind}\r\n'
    return b"--b\r\n" + head.encode() + content + b"\r\n"


FORM = "multipart/form-data; boundary=b"
JSON = "application/json"
END = b"--b--\r\n"


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"", JSON, "MULTIPART_MALFORMED"),
        (b"--b\r\n", FORM, "MULTIPART_MALFORMED"),
        (part("file-1", b"x") + END, FORM, "REQUIRED"),
        (part("metadata", b"{}") + END, FORM, "NOT_JSON"),
        (part("metadata", b"[]", JSON) + END, FORM, "NOT_AN_OBJECT"),
        (part("metadata", b"{NaN}", JSON) + END, FORM, "JSON_MALFORMED"),
        (part("metadata", b" " * (17 * 1024 * 1024), JSON) + END, FORM, "TOO_LARGE"),
        (part("f", b"x") + part("f", b"x") + END, FORM, "REPEATED"),
    ],
)
def test_a_form_that_is_none_is_refused(http, host, body, content_type, code):
    headers = {"Authorization": "Bearer t0ken", "Content-Type": content_type, "Idempotency-Key": "k"}
    answer = http.post("/api/incoming", data=body, headers=headers)
    assert answer.status_code == 422
    assert code in {issue["code"] for issue in answer.json()["issues"]}
    with host.held("qlvb") as dms:
        assert dms.state()["incoming"] == 0


def test_every_wrong_field_of_a_document_is_named_at_once(http):
    metadata = {
        "axisDocId": "k",
        "packet": 5,
        "verification": {"indication": "TOTAL_PASSED"},
        "attachments": [{"seq": 1}],
        "recipients": [{"code": "?"}],
    }
    files = {"metadata": (None, json.dumps(metadata), JSON), "file-9": ("x", b"x")}
    headers = {"Authorization": "Bearer t0ken", "Idempotency-Key": "k"}
    answer = http.post("/api/incoming", files=files, headers=headers)
    assert {issue["field"] for issue in answer.json()["issues"]} == {
        "codeNumber",
        "codeNotation",
        "receivedAt",
        "sender.code",
        "recipients.0.code",
        "packet",
        "verification.headlineVi",
        "file-1",
        "file-9",
        "attachments.0.name",
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"feed": "letters"}'])
def test_an_acknowledgement_that_is_none_is_invalid(http, body):
    assert http.post("/api/ack", data=body).status_code == 422


def test_samples_are_put_in_once_and_only_with_their_bytes(simulator):
    document = outgoing()
    with pytest.raises(ValueError, match="were not kept"):
        simulator.seed({"documents": [document]})
    simulator.world.keep((LETTER,))
    recall = {"key": "r1", "id": "vb-1", "kind": "RECALL", "reason": "", "at": "2026-11-23T08:00:00Z"}
    data = {"documents": [document], "outgoing_events": [recall], "agencies": [{"code": "H06"}]}
    assert simulator.seed(data) == {"documents": 1, "outgoing_events": 1, "agencies": 1}
    assert simulator.seed(data) == {"documents": 0, "outgoing_events": 0, "agencies": 0}
    assert simulator.state()["outgoing"] == 1


@pytest.mark.parametrize("changes", [{"recipients": []}, {"updatedAt": "hôm nay"}])
def test_samples_the_contract_does_not_allow_are_refused(simulator, changes):
    simulator.world.keep((LETTER,))
    with pytest.raises(ValueError, match=r"recipients|updatedAt"):
        simulator.seed({"documents": [outgoing() | changes]})


def file_incoming(simulator, count, indication="TOTAL_PASSED"):
    for number in range(count):
        metadata = told(incoming_document(files=()), f"axis-{number}")
        metadata["verification"]["indication"] = indication
        simulator.office.put_incoming(metadata, START)


def work_off(simulator):
    now = START
    while simulator.state()["steps_to_come"]:
        now += timedelta(seconds=0.2)
        simulator.tick(now)
    return list(simulator.office.events_after("incoming-events", 0))


def test_clerks_finish_most_documents_and_refuse_a_few_with_a_reason(simulator):
    file_incoming(simulator, 200)
    events = work_off(simulator)
    by_document = {}
    for event in events:
        by_document.setdefault(event["axisDocId"], []).append(event)
    outcomes = Counter(codes(steps)[-1] for steps in by_document.values())
    assert len(by_document) == 200
    assert set(outcomes) == {"02", "06"}
    assert 5 < outcomes["02"] < 40
    assert all(steps[0]["code"] in {"02", "03"} for steps in by_document.values())
    assert all(event["note"] for event in events if event["code"] == "02")
    assert all(event["agencyCode"] == "000.00.15.H06" for event in events)


def test_clerks_always_refuse_a_document_whose_signature_failed(simulator):
    file_incoming(simulator, 20, "TOTAL_FAILED")
    assert set(codes(work_off(simulator))) == {"02"}


def test_the_same_seed_plays_the_same_play():
    plays = []
    for _ in range(2):
        with memory_world() as world:
            simulator = QlvbSimulator.open(SimulatorSeat(world, seed=7))
            file_incoming(simulator, 30)
            plays.append(work_off(simulator))
    assert plays[0] == plays[1]


def test_opened_again_it_goes_on_with_the_next_numbers(simulator):
    simulator.world.keep((LETTER,))
    simulator.issue(outgoing("b"), START)
    simulator.issue(outgoing("a"), START)
    file_incoming(simulator, 2)
    simulator.recall("a", "nhầm", START)
    again = QlvbSimulator.open(SimulatorSeat(simulator.world, seed=7))
    beginning = (START - timedelta(days=1), "")
    assert [one["id"] for one in again.office.outgoing_after(beginning, START)] == ["a", "b"]
    assert again.recall("a", "nhầm", START) == 2
    assert again.office.put_incoming(told(incoming_document(files=())), START) == "den-000003"
    assert again.issue(outgoing("a"), START)["revision"] == 2


def test_a_document_issued_twice_in_one_moment_is_listed_once(simulator):
    simulator.world.keep((LETTER,))
    for _ in range(2):
        simulator.issue(outgoing("a"), START)
    (listed,) = simulator.office.outgoing_after((START - timedelta(days=1), ""), START)
    assert listed["revision"] == 2


def test_what_a_transaction_took_back_never_shows(simulator):
    simulator.world.keep((LETTER,))

    def fail():
        with simulator.world.transaction():
            simulator.issue(outgoing("a"), START)
            simulator.recall("a", "nhầm", START)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list(simulator.office.outgoing_after((START - timedelta(days=1), ""), START)) == []
    assert list(simulator.office.events_after("outgoing-events", 0)) == []


def test_credentials_name_the_token_only_where_there_is_one(simulator, host):
    assert set(simulator.credentials()) == {"username", "password"}
    assert host.ready_line()["systems"]["qlvb"]["token"] == "t0ken"
