"""How much of a reply is taken, and which connections are used again."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from urllib3.util.wait import wait_for_read

from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, Scope
from ebrvt_connect.testing.clock import START
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpSettings, HttpTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = 1024 * 1024


def failure_of(transport, request):
    with pytest.raises(ConnectError) as caught:
        transport.send(request)
    return caught.value


def after_request(*steps):
    """A script: read one request, then do these."""

    def script(connection):
        connection.request()
        for step in steps:
            step(connection)

    return script


def says(content):
    return lambda connection: connection.send(content)


# --- sizes ------------------------------------------------------------------------------------------------


def test_an_announced_gigabyte_is_not_begun(serve, connect, ask):
    remote = serve(after_request(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")))
    failure = failure_of(connect(remote.url), ask(max_response_bytes=MIB))
    assert (type(failure), failure.code) == (HeldForPerson, "REMOTE_REPLY_TOO_LARGE")
    assert failure.scope is Scope.MESSAGE
    assert "1048576" in failure.explanation_vi


def endless(head):
    def flood(connection):
        connection.send(head)
        while not connection.stopping.is_set():
            connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in head else b"x" * 65536)

    return after_request(flood)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ids=["until_closed", "chunked"],
)
@pytest.mark.parametrize(("safe", "effect"), [(True, HeldForPerson), (False, ReconcileFirst)])
def test_an_endless_body_ends_at_the_limit_in_little_memory(serve, connect, ask, head, safe, effect):
    transport = connect(serve(endless(head)).url)
    tracemalloc.start()
    failure = failure_of(transport, ask(safe=safe, max_response_bytes=2 * MIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (type(failure), failure.code) == (effect, "REMOTE_REPLY_TOO_LARGE")
    assert peak < 6 * MIB


def test_a_bomb_ends_at_the_limit_in_little_memory(serve, connect, ask):
    bomb = gzip.compress(bytes(60 * MIB), compresslevel=9)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    transport = connect(serve(after_request(says(head + bomb))).url)
    tracemalloc.start()
    failure = failure_of(transport, ask(max_response_bytes=2 * MIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failure.code == "REMOTE_REPLY_TOO_LARGE"
    assert peak < 6 * MIB


def test_a_large_member_is_followed_by_the_next_and_not_by_itself_for_ever(serve, connect, ask):
    # Of a member met in several pieces zlib tells what follows it as if it were the rest of it.
    members = gzip.compress(bytes(200 * 1024)) + gzip.compress(b"the end")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(members)}\r\n\r\n".encode()
    transport = connect(serve(after_request(says(head + members))).url)
    assert transport.send(ask(max_response_bytes=2 * MIB)).body == bytes(200 * 1024) + b"the end"


def test_endless_members_that_unfold_to_nothing_end_at_the_limit(serve, connect, ask):
    members = gzip.compress(b"") * 3000

    def flood(connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while not connection.stopping.is_set():
            connection.send(members)

    failure = failure_of(connect(serve(after_request(flood)).url), ask(max_response_bytes=MIB // 4))
    assert failure.code == "REMOTE_REPLY_TOO_LARGE"


def test_the_limit_holds_for_a_download_and_for_the_body_of_a_refusal(serve, connect, ask):
    transport = connect(serve(endless(b"HTTP/1.1 200 OK\r\n\r\n")).url)
    with transport.download(ask(max_response_bytes=MIB)) as (_, pieces), pytest.raises(HeldForPerson):
        list(pieces)
    transport = connect(serve(endless(b"HTTP/1.1 500 Error\r\n\r\n")).url)
    with pytest.raises(HeldForPerson), transport.download(ask(max_response_bytes=MIB)):
        pytest.fail("the body of a refusal is read before it is handed over")


def test_a_large_download_takes_little_memory(serve, connect, ask):
    content = b"x" * 64 * 1024
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content) * 512}\r\n\r\n".encode()
    transport = connect(serve(after_request(says(head), *[says(content)] * 512)).url)
    tracemalloc.start()
    with transport.download(ask(max_response_bytes=64 * MIB, deadline_seconds=10)) as (_, pieces):
        total = sum(len(piece) for piece in pieces)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 32 * MIB
    assert peak < 4 * MIB


# --- connections at rest ------------------------------------------------------------------------------------


def closing_after_each(connection):
    connection.request()
    connection.send(OK)


def test_a_connection_the_remote_has_closed_is_replaced_unseen(serve, connect, ask):
    remote = serve(closing_after_each)
    transport = connect(remote.url)
    for _ in range(4):
        transport.send(ask(safe=False))
        _until(lambda: _all_closed(transport))
    assert (remote.connections, len(remote.requests)) == (4, 4)


def _until(true):
    ends_at = time.monotonic() + 60
    while not true() and time.monotonic() < ends_at:
        pass


def _all_closed(transport):
    pools = transport._adapter.poolmanager.pools
    resting = [c for key in pools.keys() for c in pools[key].pool.queue if c is not None and c.sock]  # noqa: SIM118
    return all(wait_for_read(c.sock, timeout=0) for c in resting)


class Stepping:
    """The machine's clock with a hand on it."""

    def __init__(self):
        self.ahead = 0.0

    def monotonic(self):
        return time.monotonic() + self.ahead

    def now(self):
        return START

    def sleep(self, seconds):
        self.ahead += seconds


@pytest.mark.parametrize(
    ("rest", "safe", "header", "connections"),
    [
        (0.5, True, b"", 1),
        (0.0, False, b"", 2),
        (2.0, True, b"", 1),
        (2.0, False, b"", 2),
        (5.0, True, b"", 2),
        (2.0, True, b"Keep-Alive: timeout=2, max=100\r\n", 2),
        (2.0, True, b"Keep-Alive: timeout=60\r\n", 1),
        (2.0, True, b"Keep-Alive: nonsense\r\n", 1),
    ],
)
def test_how_long_a_connection_may_have_rested(serve, ask, rest, safe, header, connections):
    def script(connection):
        while connection.request():
            connection.send(b"HTTP/1.1 200 OK\r\n" + header + b"Content-Length: 0\r\n\r\n")

    remote, clock = serve(script), Stepping()
    transport = HttpTransport(HttpSettings(url=remote.url), system="axis", clock=clock)
    transport.send(ask(safe=safe))
    clock.sleep(rest)
    transport.send(ask(safe=safe))
    transport.close()
    assert remote.connections == connections


def test_a_reply_sent_twice_does_not_answer_the_next_request_that_must_not_be_repeated(serve, connect, ask):
    def script(connection):
        mine = b"%d" % remote.connections
        while connection.request():
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + mine)

    remote = serve(script)
    transport = connect(remote.url)
    assert [transport.send(ask(safe=False)).body for _ in range(3)] == [b"1", b"2", b"3"]


def test_threads_that_share_a_transport_each_get_their_own_answer(serve, ask):
    def echo(connection):
        while request := connection.request():
            body = request.partition(b"\r\n\r\n")[2]
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    remote = serve(echo)
    transport = HttpTransport(HttpSettings(url=remote.url, pool_size=4), system="axis", clock=SystemClock())

    def call(number):
        body = f"{number}:".encode() + b"x" * (number * 37 % 5000)
        return transport.send(ask(body=body)).body == body

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(300)))
    transport.close()
    assert remote.connections < 300
