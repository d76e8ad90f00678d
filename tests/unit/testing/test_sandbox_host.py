"""The host over real HTTP with a simulator that only echoes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from ebrvt_connect.testing.sandbox_host import SandboxHost, installed_simulators
from ebrvt_connect.testing.sandbox_run import run_sandbox

DEADLINE_SECONDS = 60.0


def arm(host, http, **fault):
    answer = http.post(host.control_url + "/_sandbox/faults", json=[{"system": "echo", **fault}])
    assert answer.status_code == 200, answer.text
    return answer.json()["armed"]


def fired(host, http):
    listed = http.get(host.control_url + "/_sandbox/faults").json()["faults"]
    return {row["id"]: row["fired"] for row in listed}


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def listens(url):
    port = int(url.rsplit(":", 1)[1])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_query_and_header_bytes_arrive_as_sent_and_in_order(host, http):
    heard = http.get(
        host.url("echo") + "/danh%20sách?a=1&a=&b=%E1%BA%BF",
        headers={"X-First": "Văn phòng".encode(), "X-Second": b"2", "X-Long": b"n" * 1_000_000},
    ).json()
    assert heard["path"] == "/danh sách"
    assert heard["query"] == [["a", "1"], ["a", ""], ["b", "ế"]]
    ours = [pair for pair in heard["headers"] if pair[0].startswith("x-")]
    assert ours[0] == ["x-first", "Văn phòng".encode().hex()]
    assert ours[1] == ["x-second", b"2".hex()]
    assert len(ours[2][1]) == 2_000_000


def test_large_bodies_travel_both_ways_unchanged(host, http):
    content = os.urandom(1_000_000) * 3
    assert http.put(host.url("echo") + "/blob", data=content).content == content


def test_no_content_answers_carry_no_length(host, http):
    answer = http.delete(host.url("echo") + "/x")
    assert (answer.status_code, answer.headers.get("content-length")) == (204, None)


def test_a_body_over_the_limit_is_refused_and_the_connection_goes_on(tmp_path, echo_type, http):
    with SandboxHost(tmp_path, {"echo": echo_type}, max_body_bytes=1000) as small:
        assert http.post(small.url("echo") + "/x", data=b"x" * 100_000).status_code == 413
        assert http.post(small.url("echo") + "/x", data=b"x" * 1000).status_code == 200


def test_a_simulator_that_breaks_answers_500_and_takes_everything_back(host, http, caplog):
    assert http.get(host.url("echo") + "/broken").status_code == 500
    with host.held("echo") as echo:
        assert echo.seat.world.get("kept", "half-done") is None
    assert "failed on GET /broken" in caplog.text


def test_state_journal_and_seed_are_told_over_the_control_address(host, http):
    http.post(host.url("echo") + "/one")
    http.post(host.url("echo") + "/two")
    state = http.get(host.control_url + "/_sandbox/state").json()
    assert state["systems"]["echo"] == {
        "url": host.url("echo"),
        "up": True,
        "synthetic": ["everything"],
        "state": {"kept": 2},
    }
    journal = http.get(host.control_url + "/_sandbox/journal", params={"system": "echo", "after": 1}).json()
    assert [(e["seq"], e["event"], e["path"]) for e in journal["entries"]] == [(2, "kept", "/two")]
    seeded = http.post(host.control_url + "/_sandbox/seed", json={"system": "echo", "data": {"id": "d1"}})
    assert seeded.json() == {"id": "d1"}
    kept = http.put(host.control_url + "/_sandbox/blob?system=echo", data=b"abc").json()
    assert kept["size_bytes"] == 3
    with host.held("echo") as echo:
        assert echo.seat.world.open(kept["sha256"]).read() == b"abc"
    assert "now" in http.get(host.control_url + "/_sandbox/time").json()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", [{"system": "nobody", "kind": "slow"}]),
        ("POST", "faults", [{"system": "echo", "kind": "slow", "secs": 1}]),
        ("POST", "faults", {"system": "echo"}),
        ("POST", "faults", {"faults": 5}),
        ("POST", "seed", {"system": "echo"}),
        ("POST", "seed", {"system": "nobody", "data": {}}),
        ("POST", "seed", {"system": "echo", "data": {"no-id": 1}}),
        ("PUT", "blob?system=nobody", {}),
        ("GET", "journal?system=nobody", None),
        ("GET", "journal?after=two", None),
    ],
)
def test_a_wrong_control_call_is_told_so(host, http, method, path, body):
    answer = http.request(method, f"{host.control_url}/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_a_fault_begins_at_its_call_and_is_played_so_often(host, http):
    url = host.url("echo")
    arm(host, http, operation="x", kind="status", code=429, retry_after=7, after=2, count=2)
    answers = [http.get(url + "/x") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["retry-after"] == "7"
    assert http.get(url + "/y").status_code == 200
    with host.held("echo") as echo:
        played = [entry for entry in echo.seat.world.journal_entries() if entry["event"] == "sandbox-fault"]
    assert [(entry["kind"], entry["operation"]) for entry in played] == [("status", "x")] * 2


def test_faults_may_be_wrapped_in_an_object(host, http):
    plan = {"faults": [{"system": "echo", "kind": "slow"}]}
    assert http.post(host.control_url + "/_sandbox/faults", json=plan).json() == {"armed": ["fault-1"]}


def test_two_faults_due_at_one_call_are_played_one_after_the_other(host, http):
    arm(host, http, kind="status", code=500)
    arm(host, http, kind="html-502")
    codes = [http.get(host.url("echo") + "/x").status_code for _ in range(3)]
    assert codes == [500, 502, 200]


def test_a_gateway_page_comes_instead_of_an_answer(host, http):
    arm(host, http, kind="html-502")
    answer = http.post(host.url("echo") + "/x")
    assert answer.headers["content-type"] == "text/html"
    assert "502 Bad Gateway" in answer.text
    with host.held("echo") as echo:
        assert echo.state() == {"kept": 0}


def test_a_lost_reply_has_had_its_effect(host, http):
    arm(host, http, kind="lose-reply")
    with pytest.raises(requests.ConnectionError):
        http.post(host.url("echo") + "/x")
    with host.held("echo") as echo:
        assert echo.state() == {"kept": 1}


def test_a_cut_before_processing_has_no_effect(host, http):
    arm(host, http, kind="cut-before")
    with pytest.raises(requests.ConnectionError):
        http.post(host.url("echo") + "/x")
    with host.held("echo") as echo:
        assert echo.state() == {"kept": 0}


@pytest.mark.parametrize("large", [False, True])
def test_a_truncated_answer_stops_in_the_middle(host, http, large):
    arm(host, http, kind="truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http.put(host.url("echo") + "/x", data=b"x" * (1_000_000 if large else 100))


def test_an_empty_answer_cannot_be_truncated_and_is_lost(host, http):
    arm(host, http, kind="truncate")
    with pytest.raises(requests.ConnectionError):
        http.delete(host.url("echo") + "/x")


def test_a_slow_answer_is_processed_before_the_wait(host, http):
    arm(host, http, kind="slow", seconds=3600)
    with pytest.raises(requests.ReadTimeout):
        http.post(host.url("echo") + "/x", timeout=(DEADLINE_SECONDS, 0.3))
    with host.held("echo") as echo:
        assert echo.state() == {"kept": 1}


def test_a_kind_the_host_does_not_know_is_handed_to_the_simulator(host, http):
    arm(host, http, kind="duplicate")
    answers = [http.get(host.url("echo") + "/x").json()["fault"] for _ in range(2)]
    assert answers == ["duplicate", ""]


def test_down_closes_the_port_and_live_connections_and_comes_back_on_the_same_port(host, http):
    url = host.url("echo")
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), DEADLINE_SECONDS) as idle:
        idle.sendall(b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n")
        answered = b""
        while not answered.endswith(b"\r\n\r\n"):
            answered += idle.recv(65536)
        arm(host, http, kind="down", seconds=3600)
        assert idle.recv(1) == b""
    assert not listens(url)
    assert http.get(host.control_url + "/_sandbox/state").json()["systems"]["echo"]["up"] is False
    arm(host, http, kind="down", seconds=0)
    until(lambda: listens(url), "the port came back")
    assert http.get(url + "/x").status_code == 200


def test_down_can_begin_at_a_call(host, http):
    arm(host, http, kind="down", operation="x", seconds=0.2)
    assert http.get(host.url("echo") + "/y").status_code == 200
    with pytest.raises(requests.ConnectionError):
        http.get(host.url("echo") + "/x")
    until(lambda: listens(host.url("echo")), "the port came back")


def test_faults_armed_and_fired_outlive_the_host(tmp_path, echo_type, http):
    fault = {"id": "plan-1", "kind": "status", "code": 500, "after": 2}
    with SandboxHost(tmp_path, {"echo": echo_type}) as first:
        assert arm(first, http, **fault) == ["plan-1"]
        arm(first, http, kind="down", seconds=3600)
        url = first.url("echo")
    port = int(url.rsplit(":", 1)[1])
    with SandboxHost(tmp_path, {"echo": echo_type}, ports={"echo": port}) as second:
        assert second.url("echo") == url
        assert arm(second, http, **fault) == [], "a plan armed before is not armed twice"
        assert fired(second, http) == {"plan-1": 0, "fault-2": 1}
        codes = [http.get(url + "/x").status_code for _ in range(3)]
        assert codes == [200, 500, 200]
        http.delete(second.control_url + "/_sandbox/faults")
        assert fired(second, http) == {}


def test_the_ticker_lets_time_pass(tmp_path, echo_type):
    with SandboxHost(tmp_path, {"echo": echo_type}, tick_seconds=0.01) as host:

        def ticked():
            with host.held("echo") as echo:
                return echo.ticks > 2

        until(ticked, "the simulator was ticked")


def test_a_simulator_that_fails_to_tick_does_not_stop_the_others(tmp_path, echo_type, caplog):
    class Broken(echo_type):
        def tick(self, now):  # noqa: ARG002 - the port's name
            raise LookupError

    with SandboxHost(tmp_path, {"broken": Broken, "echo": echo_type}, tick_seconds=0) as host:
        host.tick()
        with host.held("echo") as echo:
            assert echo.ticks == 1
    assert "failed to tick" in caplog.text


def test_a_list_of_tables_reaches_the_simulator_as_accounts(tmp_path, echo_type):
    config = {"echo": [{"systemid": "a"}, {"systemid": "b"}]}
    with SandboxHost(tmp_path, {"echo": echo_type}, config) as host, host.held("echo") as echo:
        assert echo.seat.config == {"accounts": config["echo"]}


@pytest.mark.parametrize("table", [5, ["x"]])
def test_a_configuration_of_another_shape_is_refused(tmp_path, echo_type, table):
    with pytest.raises(ValueError, match="TOML table"):
        SandboxHost(tmp_path, {"echo": echo_type}, {"echo": table})


def test_an_unknown_system_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="no simulator named xyz"):
        SandboxHost(tmp_path, ["xyz"])


def test_a_taken_port_is_an_error_and_nothing_stays_open(tmp_path, echo_type):
    with SandboxHost(tmp_path / "a", {"echo": echo_type}) as first:
        port = int(first.url("echo").rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            SandboxHost(tmp_path / "b", {"echo": echo_type}, ports={"echo": port})


def test_installed_simulators_are_hosted_by_their_names(tmp_path):
    assert {"qlvb", "vxp"} <= set(installed_simulators())
    with SandboxHost(tmp_path, ["qlvb"]) as host:
        assert list(host.ready_line()["systems"]) == ["qlvb"]


def test_a_request_that_breaks_off_has_no_effect(host):
    port = int(host.url("echo").rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as broken:
        broken.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
    until(lambda: not host.seats["echo"].listener.busy, "the connection was noticed")
    with host.held("echo") as echo:
        assert echo.state() == {"kept": 0}


def test_a_host_that_cannot_listen_says_so(tmp_path, echo_type):
    host = SandboxHost(tmp_path, {"echo": echo_type})
    host.seats["echo"].listener.shut()
    with pytest.raises(RuntimeError, match="did not come up"):
        host.start()
    host.stop()


PROGRAM = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from ebrvt_connect.testing.sandbox_run import run_sandbox
from tests.unit.testing.echo_simulator import Echo
run_sandbox(pathlib.Path(sys.argv[2]), systems={"echo": Echo}, until_stdin_closes=True)
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def spawn(tmp_path):
    running = []

    def start():
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ROOT), str(tmp_path / "world")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(child)
        return child, json.loads(child.stdout.readline())

    yield start
    for child in running:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_the_process_tells_where_it_is_and_ends_when_its_input_closes(spawn):
    child, ready = spawn()
    assert ready["systems"]["echo"]["token"] == "echo-token"
    assert listens(ready["systems"]["echo"]["url"])
    assert listens(ready["control_url"])
    child.stdin.close()
    assert child.wait(DEADLINE_SECONDS) == 0
    assert child.stdout.read() == ""


def test_the_process_ends_on_sigterm(spawn):
    child, _ = spawn()
    child.send_signal(signal.SIGTERM)
    assert child.wait(DEADLINE_SECONDS) == 0


def test_what_was_answered_outlives_a_kill(spawn, http):
    child, ready = spawn()
    for number in range(20):
        assert http.post(f"{ready['systems']['echo']['url']}/kept-{number}").status_code == 200
    child.kill()
    child.wait()
    _, again = spawn()
    state = http.get(again["control_url"] + "/_sandbox/state").json()
    assert state["systems"]["echo"]["state"] == {"kept": 20}


def test_ports_credentials_and_faults_come_from_the_command(spawn_command):
    ready = spawn_command(
        ("plan.json", '[{"system": "echo", "kind": "status", "code": 503}]'),
        ("sandbox.toml", '[echo]\nword = "xin chào"\n'),
    )
    control = int(ready["control_url"].rsplit(":", 1)[1])
    assert ready["systems"]["echo"]["url"].endswith(f":{control + 1}")
    assert requests.get(ready["systems"]["echo"]["url"] + "/x", timeout=DEADLINE_SECONDS).status_code == 503


@pytest.fixture
def spawn_command(tmp_path):
    """Runs the sandbox in a thread-less way: as the command would, in a process of its own."""
    children = []

    def start(plan, config):
        for name, text in (plan, config):
            (tmp_path / name).write_text(text, encoding="utf-8")
        program = PROGRAM.replace("until_stdin_closes=True", "**eval(sys.argv[3])").replace(
            "pathlib.Path(sys.argv[2])", "None"
        )
        options = (
            f"dict(port={free_pair()}, faults_file=pathlib.Path({str(tmp_path / plan[0])!r}), "
            f"config_file=pathlib.Path({str(tmp_path / config[0])!r}))"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(ROOT), "", options], stdout=subprocess.PIPE, text=True
        )
        children.append(child)
        return json.loads(child.stdout.readline())

    yield start
    for child in children:
        child.terminate()
        child.wait()
        child.stdout.close()


def free_pair():
    """Two neighbouring ports that nobody has."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    pytest.fail("no two free ports side by side")


def test_wrong_plans_are_refused_before_anything_listens(tmp_path, echo_type):
    plan = tmp_path / "plan.toml"
    plan.write_text('[[faults]]\nsystem = "echo"\nkind = "slow"\nwhy = "typo"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="why"):
        run_sandbox(tmp_path / "world", systems={"echo": echo_type}, faults_file=plan)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:{port}"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1:{port}.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "journal"), ("POST", "faults"), ("PUT", "blob?system=echo")]
)
def test_what_a_web_page_could_send_is_turned_away(host, http, method, path, headers):
    port = host.control_url.rpartition(":")[2]
    sent = {name: value.format(port=port) for name, value in headers.items()}
    plan = [{"system": "echo", "kind": "slow"}]
    answer = http.request(method, f"{host.control_url}/_sandbox/{path}", json=plan, headers=sent)
    assert answer.status_code == 403
    assert answer.json()["message"]
    assert http.get(host.control_url + "/_sandbox/faults").json() == {"faults": []}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_each_name_of_this_machine_is_answered(host, http, name):
    own = {"Host": f"{name}:{host.control_url.rpartition(':')[2]}"}
    assert http.get(host.control_url + "/_sandbox/time", headers=own).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_post_a_form_could_send_is_turned_away(host, http, kind):
    headers = {"Content-Type": kind} if kind else {}
    body = b'[{"system": "echo", "kind": "slow"}]'
    answer = http.post(host.control_url + "/_sandbox/faults", data=body, headers=headers)
    assert answer.status_code == 415
    assert http.get(host.control_url + "/_sandbox/faults").json() == {"faults": []}


def test_a_control_body_over_the_limit_is_refused_and_the_connection_goes_on(tmp_path, echo_type, http):
    with SandboxHost(tmp_path, {"echo": echo_type}, max_body_bytes=1000) as small:
        blob, seed = (small.control_url + f"/_sandbox/{path}" for path in ("blob?system=echo", "seed"))
        assert http.put(blob, data=b"x" * 300_000).status_code == 413
        assert http.post(seed, json={"system": "echo", "data": {"id": "x" * 1000}}).status_code == 413
        assert http.put(blob, data=b"x" * 1000).json()["size_bytes"] == 1000
