"""Every way a call can break, and what must happen next: was anything sent, and may it be sent twice?"""

from __future__ import annotations

import contextlib
import gzip
import logging
import socket
import ssl
import threading
import time
import traceback

import pytest

from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, RetryLater, Scope
from ebrvt_connect.ports.blobs import BLOB_MISSING
from ebrvt_connect.transport import connection as connection_module
from ebrvt_connect.transport.connection import Call, LookupTimedOut
from ebrvt_connect.transport.http import HttpSettings, HttpTransport

SOON = 20.0
"""Seconds, for a busy machine; without the limit under test each would last longer."""
"""Seconds: what is cut ends well before this even on a busy machine; left alone it would last longer."""
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


# --- before anything was sent: always RetryLater -----------------------------------------------------


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("safe", [True, False])
def test_refused(connect, ask, closed_port, safe):
    failure = failure_of(connect(f"http://127.0.0.1:{closed_port}"), ask(safe=safe))
    assert (type(failure), failure.code) == (RetryLater, "REMOTE_REFUSED_CONNECTION")
    assert (failure.system, failure.operation) == ("axis", "ask")


def test_a_name_nobody_knows(connect, ask):
    failure = failure_of(connect("http://no-such-host.invalid"), ask(safe=False))
    assert (type(failure), failure.code) == (RetryLater, "REMOTE_NAME_NOT_FOUND")


def test_a_resolver_that_does_not_answer_cannot_outlast_the_connect_limit(monkeypatch):
    released = threading.Event()
    real = socket.getaddrinfo

    def deaf(host, *args, **options):
        if options.get("flags"):
            return real(host, *args, **options)
        released.wait(60)
        return []

    monkeypatch.setattr(connection_module.socket, "getaddrinfo", deaf)
    began = time.monotonic()
    with pytest.raises(LookupTimedOut):
        connection_module._looked_up("remote.example", 80, 0.2)
    assert time.monotonic() - began < SOON
    released.set()


def test_a_full_backlog_is_a_connect_timeout(connect, ask):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(4):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
                waiting.append(one)
            failure = failure_of(connect(f"http://127.0.0.1:{port}", connect_seconds=0.3), ask(safe=False))
        finally:
            for one in waiting:
                one.close()
    assert (type(failure), failure.code) == (RetryLater, "REMOTE_CONNECT_TIMEOUT")


def test_a_name_without_addresses(connect, ask, monkeypatch):
    monkeypatch.setattr(connection_module.socket, "getaddrinfo", lambda *_, **__: [])
    failure = failure_of(connect("http://remote.example"), ask(safe=False))
    assert (type(failure), failure.code) == (RetryLater, "REMOTE_UNREACHABLE")


def test_an_address_that_swallows_everything_leaves_time_for_the_next(serve, connect, ask, monkeypatch):
    remote = serve(after_request(says(OK)))
    real, tcp = socket.getaddrinfo, (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    with socket.socket() as deaf, contextlib.ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())

        def both(host, *args, **options):
            if host == "remote.example" and not options.get("flags"):
                return [
                    (socket.AF_INET, *tcp, deaf.getsockname()),
                    (socket.AF_INET, *tcp, ("127.0.0.1", remote.port)),
                ]
            return real(host, *args, **options)

        monkeypatch.setattr(connection_module.socket, "getaddrinfo", both)
        reply = connect(f"http://remote.example:{remote.port}", connect_seconds=0.4).send(ask())
    assert reply.body == b"ok"


@pytest.mark.parametrize(
    ("answer", "effect", "code"),
    [
        (b"HTTP/1.1 407 Auth\r\n\r\n", HeldForPerson, "PROXY_AUTH_REQUIRED"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", RetryLater, "PROXY_FAILED"),
        (b"", RetryLater, "PROXY_FAILED"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_has_passed_nothing_on(serve, connect, ask, answer, effect, code):
    proxy = serve(after_request(says(answer)))
    failure = failure_of(connect("https://remote.invalid", proxy=proxy.url), ask(safe=False, body=b"x"))
    assert (type(failure), failure.code) == (effect, code)
    assert proxy.requests[0].startswith(b"CONNECT remote.invalid:443")


def test_a_proxy_that_drips_its_answer_cannot_outlast_the_deadline(serve, connect, ask):
    proxy = serve(after_request(lambda c: c.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, 0.05)))
    began = time.monotonic()
    failure = failure_of(
        connect("https://remote.invalid", proxy=proxy.url), ask(safe=False, deadline_seconds=0.4)
    )
    assert (type(failure), failure.code) == (RetryLater, "PROXY_FAILED")
    assert time.monotonic() - began < SOON


# --- after something was sent: RetryLater if it may be repeated, else ReconcileFirst -------------------

CUTS = {
    "closed": (after_request(), "REMOTE_CONNECTION_LOST"),
    "reset": (after_request(lambda c: c.reset()), "REMOTE_CONNECTION_LOST"),
    "half_closed": (
        after_request(lambda c: c.raw.shutdown(socket.SHUT_WR), lambda c: c.stall()),
        "REMOTE_CONNECTION_LOST",
    ),
    "status_line_cut": (after_request(says(b"HTTP/1.1 20")), "REMOTE_REPLY_UNREADABLE"),
    "body_cut": (
        after_request(says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")),
        "REMOTE_CONNECTION_LOST",
    ),
    "body_reset": (
        after_request(says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), lambda c: c.reset()),
        "REMOTE_CONNECTION_LOST",
    ),
    "chunk_cut": (
        after_request(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")),
        "REMOTE_CONNECTION_LOST",
    ),
    "last_chunk_missing": (
        after_request(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")),
        "REMOTE_CONNECTION_LOST",
    ),
    "silent": (after_request(lambda c: c.stall()), "REMOTE_REPLY_TIMEOUT"),
    "silent_in_the_body": (
        after_request(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), lambda c: c.stall()),
        "REMOTE_REPLY_TIMEOUT",
    ),
    "not_http": (after_request(says(b"220 mail.example ESMTP\r\n")), "REMOTE_REPLY_UNREADABLE"),
    "interim_for_an_answer": (after_request(says(b"HTTP/1.1 103 Hints\r\n\r\n")), "REMOTE_REPLY_UNREADABLE"),
    "two_lengths": (
        after_request(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "header_line_endless": (
        after_request(says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "headers_endless": (
        after_request(says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000)),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "header_name_not_ascii": (
        after_request(says("HTTP/1.1 200 OK\r\nTên: x\r\nContent-Length: 2\r\n\r\nok".encode())),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "gzip_cut": (
        after_request(
            says(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
                + gzip.compress(b"x" * 9999)[:20]
            )
        ),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "gzip_with_something_after_it": (
        after_request(
            says(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n"
                + gzip.compress(b"x")
                + b"\0abc"
            )
        ),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "gzip_broken": (
        after_request(says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")),
        "REMOTE_REPLY_UNREADABLE",
    ),
    "encoding_unknown": (
        after_request(says(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello")),
        "REMOTE_REPLY_UNREADABLE",
    ),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("safe", "effect"), [(True, RetryLater), (False, ReconcileFirst)])
def test_what_breaks_after_sending(serve, connect, ask, cut, safe, effect):
    script, code = CUTS[cut]
    remote = serve(script)
    failure = failure_of(connect(remote.url, read_seconds=0.5), ask(safe=safe, body=b"abc"))
    assert (type(failure), failure.code) == (effect, code)
    assert len(remote.requests) == 1


@pytest.mark.parametrize("cut", ["closed", "silent", "body_cut", "not_http"])
def test_a_call_after_a_broken_one_gets_a_new_connection(serve, connect, ask, cut):
    script, _ = CUTS[cut]
    broken = []

    def once(connection):
        if not broken:
            broken.append(True)
            script(connection)
        else:
            after_request(says(OK))(connection)

    transport = connect(serve(once).url, read_seconds=0.5)
    failure_of(transport, ask())
    assert transport.send(ask()).body == b"ok"


def test_more_bytes_than_announced_do_not_reach_the_next_call(serve, connect, ask):
    def script(connection):
        while connection.request():
            connection.send(OK + b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")

    transport = connect(serve(script).url)
    assert [transport.send(ask()).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(("safe", "effect"), [(True, RetryLater), (False, ReconcileFirst)])
def test_an_upload_cut_in_the_middle(serve, connect, ask, safe, effect):
    def script(connection):
        connection.raw.recv(1000)
        connection.reset()

    failure = failure_of(connect(serve(script).url), ask(safe=safe, body=b"x" * 20 * MIB))
    assert (type(failure), failure.code) == (effect, "REMOTE_CONNECTION_LOST")


@pytest.mark.parametrize(("safe", "effect"), [(True, RetryLater), (False, ReconcileFirst)])
def test_an_upload_nobody_reads_ends_at_the_silence_limit(serve, connect, ask, safe, effect):
    def script(connection):
        connection.stopping.wait()

    began = time.monotonic()
    failure = failure_of(connect(serve(script).url, read_seconds=0.3), ask(safe=safe, body=b"x" * 20 * MIB))
    assert (type(failure), failure.code) == (effect, "REMOTE_REPLY_TIMEOUT")
    assert time.monotonic() - began < SOON


def test_an_early_refusal_is_read_though_the_upload_was_cut(serve, connect, ask):
    def script(connection):
        connection.raw.recv(1000)
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        connection.raw.shutdown(socket.SHUT_WR)
        connection.stall()

    reply = connect(serve(script).url).send(ask(safe=False, body=b"x" * 2 * MIB))
    assert (reply.status, reply.body) == (413, b"no")


# --- the deadline of the whole call --------------------------------------------------------------------

DRIPS = {
    "status_line": b"HTTP/1.1 200 " + b"O" * 2000,
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500,
    "interim_answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 500,
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 500,
    "endless_body": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000,
}


@pytest.mark.parametrize("what", DRIPS)
@pytest.mark.parametrize(("safe", "effect"), [(True, RetryLater), (False, ReconcileFirst)])
def test_a_drip_cannot_outlast_the_deadline(serve, connect, ask, what, safe, effect):
    remote = serve(after_request(lambda c: c.drip(DRIPS[what], 0.02)))
    began = time.monotonic()
    failure = failure_of(connect(remote.url), ask(safe=safe, deadline_seconds=0.4))
    assert 0.35 < time.monotonic() - began < SOON
    assert (type(failure), failure.code) == (effect, "REMOTE_REPLY_TIMEOUT")
    assert "deadline" in failure.detail


def test_a_dripping_download_ends_at_the_deadline_and_its_error_comes_from_the_iterator(serve, connect, ask):
    head = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
    remote = serve(after_request(head, lambda c: c.drip(b"x" * 2000, 0.02)))
    transport = connect(remote.url)
    began = time.monotonic()
    with transport.download(ask(deadline_seconds=0.4)) as (reply, pieces):
        assert reply.status == 200
        with pytest.raises(RetryLater) as caught:
            list(pieces)
    assert caught.value.code == "REMOTE_REPLY_TIMEOUT"
    assert time.monotonic() - began < SOON


def test_a_remote_that_reads_slowly_cannot_outlast_the_deadline(serve, connect, ask):
    def script(connection):
        connection.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while connection.raw.recv(2048):
            if connection.stopping.wait(0.01):
                return

    began = time.monotonic()
    failure = failure_of(
        connect(serve(script).url), ask(safe=False, body=b"x" * 20 * MIB, deadline_seconds=0.5)
    )
    assert (type(failure), failure.code) == (ReconcileFirst, "REMOTE_REPLY_TIMEOUT")
    assert time.monotonic() - began < SOON


def test_a_call_without_time_left_sends_nothing(serve, ask):
    remote = serve(after_request(says(OK)))

    class Late:
        """A clock that leaps a minute between two looks."""

        seconds = 0.0

        def monotonic(self):
            self.seconds += 60
            return self.seconds

    transport = HttpTransport(HttpSettings(url=remote.url), system="axis", clock=Late())
    failure = failure_of(transport, ask(safe=False))
    transport.close()
    assert type(failure) is RetryLater
    assert remote.requests == []


# --- the body's own failures ------------------------------------------------------------------------------


class Breaking:
    """A body that fails half way."""

    def __init__(self, failure, length=10):
        self.failure, self.length = failure, length

    def __len__(self):
        return self.length

    def __iter__(self):
        yield b"half"
        if self.failure:
            raise self.failure


def test_a_disk_that_fails_during_the_upload_is_not_taken_for_the_network(serve, connect, ask):
    remote = serve(after_request())
    failure = failure_of(connect(remote.url), ask(safe=False, body=Breaking(OSError(5, "EIO"))))
    assert (type(failure), failure.code, failure.scope) == (
        HeldForPerson,
        "REQUEST_BODY_UNREADABLE",
        Scope.MESSAGE,
    )


def test_a_missing_blob_says_so_itself(serve, connect, ask):
    missing = HeldForPerson(BLOB_MISSING, "no blob", sha256="ab")
    assert failure_of(connect(serve(after_request()).url), ask(body=Breaking(missing))) is missing


@pytest.mark.parametrize("length", [3, 5])
def test_a_body_of_another_length_than_announced_is_not_sent_to_its_end(serve, connect, ask, length):
    remote = serve(after_request())
    failure = failure_of(connect(remote.url), ask(safe=False, body=Breaking(None, length)))
    assert failure.code == "REQUEST_BODY_UNREADABLE"
    assert all(not request.endswith(b"half") or length == 5 for request in remote.requests)


# --- what errors tell ---------------------------------------------------------------------------------------


def test_no_error_traceback_or_log_shows_a_secret(serve, connect, ask, caplog):
    caplog.set_level(logging.DEBUG)
    remote = serve(after_request(says(b"HTTP/1.1 200 OK\r\nSet-Cookie: sesame\r\nsesame\r\nX: \xe1\r\n\r\n")))
    places = [
        connect(remote.url),
        connect("http://127.0.0.1:1"),
        connect("http://no-such-host.invalid"),
        connect(serve(after_request(says(b"sesame\r\n"))).url),
        connect(serve(after_request(says(OK.replace(b"2", b"9") + b"sesame"))).url, read_seconds=0.5),
    ]
    for transport in places:
        request = ask(query=(("key", "sesame"),), headers=(("Authorization", "sesame"),), body=b"sesame")
        failure = failure_of(transport, request)
        told = "".join(traceback.format_exception(failure)) + failure.explanation_vi + failure.advice_vi
        # The test's own source lines are part of a traceback.
        told = "\n".join(line for line in told.splitlines() if "ask(query" not in line)
        assert "sesame" not in told
    assert "sesame" not in caplog.text


def test_a_failure_is_not_explained_by_what_the_caller_was_dealing_with(connect, ask, closed_port):
    transport = connect(f"http://127.0.0.1:{closed_port}")
    try:
        raise ssl.SSLCertVerificationError("another call's trouble")
    except OSError:
        failure = failure_of(transport, ask())
    assert failure.code == "REMOTE_REFUSED_CONNECTION"


def test_a_connection_outside_of_a_call_is_a_mistake():
    with pytest.raises(RuntimeError, match="outside"):
        connection_module._call()


def test_a_call_gives_the_smaller_of_what_is_left_and_what_one_wait_may_take():
    seconds = [0.0]
    call = Call(lambda: seconds[0], deadline_seconds=10, connect_seconds=5, read_seconds=3, idle_seconds=1)
    assert call.left(3) == 3
    seconds[0] = 8.0
    assert (call.left(3), call.expired) == (2, False)
    seconds[0] = 10.0
    assert call.expired
    with pytest.raises(TimeoutError):
        call.left(3)
