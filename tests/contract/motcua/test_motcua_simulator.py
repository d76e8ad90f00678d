"""The simulated one-stop shop itself: what it refuses, what its clerks do, what survives."""

import hashlib
import json

import pytest
import requests
from ebrvt_adapters.motcua.sandbox import MotcuaSimulator

from ebrvt_connect.ports.simulator import SimulatorSeat
from ebrvt_connect.testing.clock import START
from ebrvt_connect.testing.world import memory_world
from tests.contract.motcua.shop import CODE, RESULT, dossier, kept, result, step


@pytest.fixture
def http(host):
    """A bare session that is let in."""

    class Session(requests.Session):
        def request(self, method, path, **options):
            options.setdefault("headers", {"Authorization": "Bearer t0ken"})
            return super().request(method, host.url("motcua") + path, timeout=60, **options)

    with Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def simulator():
    with memory_world() as world:
        yield MotcuaSimulator.open(SimulatorSeat(world))


@pytest.mark.parametrize("path", ["/api/nothing", "/", "/api/dossiers/", "/api/inbox/letters"])
def test_an_unknown_call_is_not_found(http, path):
    answer = http.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


def test_nobody_is_let_in_without_an_account(http):
    answer = http.get("/api/dossiers", headers={})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("query", ["updatedAfter=hôm qua", "limit=many", "updatedAfter=2026-11-23T08:00:00"])
def test_a_query_that_makes_no_sense_is_invalid(http, query):
    answer = http.get(f"/api/dossiers?{query}")
    assert (answer.status_code, answer.json()["error_code"]) == (422, "INVALID")


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=5-", 206, RESULT[5:]),
        ("bytes=0-3", 206, RESULT[:4]),
        ("bytes=99-", 416, b""),
        ("x", 200, RESULT),
    ],
)
def test_a_part_of_a_file_is_served(http, counter, wanted, status, content):
    counter.receive()
    counter.do(files={"kq/1": RESULT}, results=[result("kq/1")])
    answer = http.get(
        f"/api/dossiers/{CODE}/files/kq%2F1", headers={"Authorization": "Bearer t0ken", "Range": wanted}
    )
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(RESULT).hexdigest()}"'


def test_every_wrong_field_of_a_filed_dossier_is_named_at_once(http):
    body = {"channel": "FAX", "fees": [{"amount": "1"}], "applicant": {"identities": [{"kind": "X"}]}}
    headers = {"Authorization": "Bearer t0ken", "Idempotency-Key": "k"}
    answer = http.post("/api/inbox/dossiers", json=body, headers=headers)
    assert answer.status_code == 422
    issues = {issue["field"]: issue["code"] for issue in answer.json()["issues"]}
    assert issues == {
        "channel": "NOT_VALID",
        "fees.0.amount": "NOT_VALID",
        "applicant.identities.0.number": "REQUIRED",
    }


def test_what_comes_without_a_key_is_refused(http):
    answer = http.post("/api/inbox/enquiries", json={})
    assert answer.json()["issues"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_a_body_that_is_no_object_is_invalid(http, counter, body):
    counter.receive()
    for method, path in (("POST", "/api/ack"), ("PUT", f"/api/dossiers/{CODE}/exchange-status")):
        assert http.request(method, path, data=body).status_code == 422


def test_an_acknowledgement_of_no_time_is_invalid(http):
    answer = http.post("/api/ack", json={"kind": "dossier", "updatedAfter": "hôm nay"})
    assert answer.json()["issues"][0]["field"] == "updatedAfter"


# --- seed and clerks --------------------------------------------------------------------------------------


def script(**more):
    return {
        "dossiers": [dossier()],
        "progress": {CODE: [{"at": "2026-11-23T08:00:00+07:00", **step()}]},
        "clerks": {
            CODE: [
                {"after_seconds": 1, "entry": step("processing", "Thụ lý")},
                {
                    "after_seconds": 2,
                    "entry": step("done", "Trả kết quả"),
                    "dossier": {"returnedAt": "$now", "results": [result(signedAt="$now")]},
                    "files": {"kq-1": kept()},
                },
            ]
        },
    } | more


def test_clerks_do_their_steps_when_they_are_due(adapter, counter, clock):
    counter.seed(files=(RESULT,))
    with counter.host.held("motcua") as shop:
        shop.seed(script())
    counter.tick()
    assert counter.state()["steps_to_come"] == 2
    clock.advance(1)
    counter.tick()
    counter.tick()
    assert counter.state()["steps_to_come"] == 1
    clock.advance(2)
    counter.tick()
    assert counter.state()["steps_to_come"] == 0
    assert [entry["step"] for entry in counter.journal("progress")] == [1, 2, 3]
    last = counter.journal("dossier-changed")[-1]
    assert (last["status"], last["revision"]) == ("done", 3)
    with counter.host.held("motcua") as shop:
        told = shop.world.get("dossiers", CODE)["dossier"]
    assert told["returnedAt"] == told["updatedAt"] == told["results"][0]["signedAt"]


def test_a_seed_counts_once(simulator):
    simulator.world.keep((RESULT,))
    more = {"procedures": [{"localCode": "a"}], "rows": [5]}
    assert simulator.seed(script(**more)) == {"dossiers": 1, "rows": 1, "procedures": 1}
    assert simulator.seed(script(**more)) == {"dossiers": 0, "rows": 0, "procedures": 0}
    assert simulator.state() == {
        "dossiers": 2,
        "exchange_statuses": 0,
        "inbox": 0,
        "procedures": 1,
        "progress": 1,
        "files": 0,
        "steps_to_come": 2,
    }


@pytest.mark.parametrize(
    "data",
    [
        {"dossiers": [dossier(channel="FAX")]},
        {"dossiers": [dossier()], "files": {CODE: {"kq-1": kept(b"never kept")}}},
        script(),
        {"dossiers": [dossier()], "visible_at": {CODE: "hôm nay"}},
        {"procedures": [{"name": "không có mã"}]},
    ],
)
def test_a_seed_the_contract_does_not_allow_is_a_value_error(simulator, data):
    with pytest.raises(ValueError, match=r"."):
        simulator.seed(data)


def test_clerks_may_rewrite_the_whole_progress_and_write_what_the_contract_does_not_allow(counter):
    counter.receive(steps=2)
    odd = [{"seq": "một"}, 17, {"seq": 5, **step()}]
    counter.do(progress=odd, unchecked=True, dueAt="9999-12-31T23:30:00Z", updatedAt="không rõ")
    assert counter.steps() == odd
    assert counter.journal("progress-rewritten")[0]["steps"] == 3
    with counter.host.held("motcua") as shop:
        assert shop.world.get("dossiers", CODE)["dossier"]["dueAt"] == "9999-12-31T23:30:00Z"
        with pytest.raises(ValueError, match="valid"):
            shop.shop.change(CODE, {"dueAt": "9999-12-31T23:30:00Z"}, START)
    counter.do(unchecked=True, entry=step())
    assert counter.steps()[-1]["seq"] == 6


def test_a_dossier_that_is_not_there_cannot_be_changed(simulator):
    with pytest.raises(KeyError):
        simulator.shop.change(CODE, {}, START)


def test_the_world_survives_the_shop(simulator):
    simulator.world.keep((RESULT,))
    simulator.seed(script())
    again = MotcuaSimulator.open(SimulatorSeat(simulator.world))
    assert again.state() == simulator.state()
    assert json.loads(json.dumps(again.state()))["dossiers"] == 1


def test_credentials_name_the_token_only_where_there_is_one(simulator, host):
    assert set(simulator.credentials()) == {"username", "password"}
    assert host.ready_line()["systems"]["motcua"]["token"] == "t0ken"
