"""What the sandbox does to answers, seen by a client that reads the bare wire."""

import socket
import time
from pathlib import Path

import pytest
import requests

from ebrvt_connect.testing import sandbox_faults as faults
from ebrvt_connect.testing.sandbox_faults import Fault
from ebrvt_connect.testing.toxics import every_toxic
from ebrvt_connect.testing.wrong_answers import WRONG_ANSWERS

GUIDES = Path(__file__).parents[3] / "docs" / "guide"

ASKS = b"POST /kept HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
SOON = 60.0


def arm(host, kind, **more):
    host.arm([Fault(system="echo", kind=kind, **more)])


def kept(host):
    with host.held("echo") as echo:
        return echo.state()["kept"]


@pytest.fixture
def asked(host):
    """A connection on which the request has been made."""
    port = int(host.url("echo").rsplit(":", 1)[1])

    def ask():
        client = socket.create_connection(("127.0.0.1", port), timeout=SOON)
        client.sendall(ASKS)
        opened.append(client)
        return client

    opened = []
    yield ask
    for client in opened:
        client.close()


def read(client, at_least):
    got = b""
    while len(got) < at_least and (piece := client.recv(65536)):
        got += piece
    return got


def test_a_drip_comes_byte_by_byte_after_acting(host, asked):
    arm(host, faults.DRIP, seconds=0.01)
    begun = time.monotonic()
    client = asked()
    head = read(client, 1)
    while b"\r\n\r\n" not in head:
        head += client.recv(1)
    assert len(read(client, 10)) == 10
    assert time.monotonic() - begun >= 0.05
    assert kept(host) == 1


def test_a_duplicate_reply_is_the_same_answer_twice_for_one_effect(host, asked):
    arm(host, faults.DUPLICATE_REPLY)
    client = asked()
    got = read(client, 1)
    deadline = time.monotonic() + SOON
    while got.count(b"HTTP/1.1 200 OK") < 2:
        assert time.monotonic() < deadline
        got += client.recv(65536)
    assert kept(host) == 1


@pytest.mark.parametrize("acted", [False, True])
def test_headers_do_not_end_whether_it_acted_or_not(host, asked, acted):
    arm(host, faults.ENDLESS_HEADERS, seconds=0, acted=acted)
    got = read(asked(), 1_000_000)
    assert got.startswith(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    assert b"\r\n\r\n" not in got
    assert kept(host) == acted


@pytest.mark.parametrize("acted", [False, True])
@pytest.mark.parametrize("name", ["page", "nothing", "utf-16", "no-type", "away"])
def test_a_wrong_answer_comes_as_it_is_described(host, http, name, acted):
    arm(host, faults.WRONG_ANSWER, answer=name, acted=acted)
    wrong = WRONG_ANSWERS[name]
    answer = http.post(host.url("echo") + "/kept", data=b"hi", allow_redirects=False)
    assert (answer.status_code, answer.content) == (wrong.status, wrong.body)
    assert answer.headers.get("content-type", "") == wrong.media_type
    assert kept(host) == acted


@pytest.mark.parametrize("name", ["huge", "huge-in-chunks", "packed"])
def test_a_gigabyte_is_left_off_when_the_client_leaves(host, http, name):
    assert WRONG_ANSWERS[name].large
    arm(host, faults.WRONG_ANSWER, answer=name)
    with http.get(host.url("echo") + "/x", stream=True) as answer:
        assert len(next(answer.iter_content(1000))) == 1000
    assert http.get(host.url("echo") + "/after").status_code == 200
    deadline = time.monotonic() + SOON
    while host.seats["echo"].busy:
        assert time.monotonic() < deadline


def test_what_is_said_of_a_gigabyte_is_true():
    huge, packed = WRONG_ANSWERS["huge"], WRONG_ANSWERS["packed"]
    assert huge.size_bytes == 1024**3
    assert packed.size_bytes < 2 * 1024**2


@pytest.mark.parametrize("wrong", [{"kind": "wrong-answer"}, {"kind": "slow", "answer": "page"}])
def test_only_a_wrong_answer_names_one(wrong):
    with pytest.raises(ValueError, match="wrong-answer"):
        Fault(system="echo", **wrong)
    with pytest.raises(ValueError, match="page"):
        Fault(system="echo", kind="wrong-answer", answer="unheard-of")


def test_a_late_answer_meets_nobody_and_is_no_trouble(host, http):
    arm(host, faults.SLOW, seconds=0.5)
    with pytest.raises(requests.Timeout):
        http.post(host.url("echo") + "/kept", data=b"hi", timeout=(SOON, 0.05))
    assert http.get(host.url("echo") + "/after").status_code == 200
    assert kept(host) == 1


def test_the_guides_name_every_fault_toxic_and_wrong_answer():
    control, guide = ((GUIDES / name).read_text("utf-8") for name in ("sandbox-control.md", "faults.md"))
    assert [kind for kind in faults.HOST_KINDS if f"| `{kind}` |" not in control] == []
    assert [name for name in WRONG_ANSWERS if f"`{name}`" not in control] == []
    for toxic in map(type, every_toxic(hold_seconds=1.0).values()):
        row = next(line for line in guide.splitlines() if line.startswith(f"| `{toxic.__name__}` |"))
        measures = set(toxic.model_fields) - {"type", "direction", "toxicity"}
        assert [name for name in measures if f"`{name}`" not in row] == []
