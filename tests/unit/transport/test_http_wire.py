"""What stands on the wire, byte by byte, and what is taken from replies."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib

import pytest
from pydantic import ValidationError

from ebrvt_connect.transport.http import HttpSettings, path_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(reply=OK):
    def script(connection):
        while connection.request():
            connection.send(reply)

    return script


class Pieces:
    """A body of known length whose every iteration starts anew."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.iterations = 0

    def __len__(self):
        return sum(len(piece) for piece in self.pieces)

    def __iter__(self):
        self.iterations += 1
        yield from self.pieces


def test_headers_keep_their_order_case_and_utf8_bytes(serve, connect, ask):
    remote = serve(answering())
    headers = (
        ("XroadVnpt-systemid", "000.00.15.H51"),
        ("XroadVnpt-to", '["000.00.00.G22"]'),
        ("a-Title", "Về việc"),
        ("Content-Type", "application/octet-stream"),
        ("User-Agent", "JAVASDKAgent/1.0.0 XRoad/VPCP"),
    )
    connect(remote.url + "/base/").send(ask(path="/sendEdoc", headers=headers, body=b"<edXML/>\r\n"))
    assert remote.requests == [
        b"POST /base/sendEdoc HTTP/1.1\r\n"
        + f"Host: 127.0.0.1:{remote.port}\r\n".encode()
        + b"XroadVnpt-systemid: 000.00.15.H51\r\n"
        + b'XroadVnpt-to: ["000.00.00.G22"]\r\n'
        + "a-Title: Về việc\r\n".encode()
        + b"Content-Type: application/octet-stream\r\n"
        + b"User-Agent: JAVASDKAgent/1.0.0 XRoad/VPCP\r\n"
        + b"Accept-Encoding: gzip, deflate\r\n"
        + b"Content-Length: 10\r\n\r\n<edXML/>\r\n"
    ]


def test_a_header_of_a_hundred_kilobytes_goes_out_whole(serve, connect, ask):
    remote = serve(answering())
    value = "x" * 100_000
    connect(remote.url).send(ask(headers=(("to", value),)))
    assert b"to: " + value.encode() + b"\r\n" in remote.requests[0]


def test_an_empty_post_announces_no_bytes_and_a_get_announces_nothing(serve, connect, ask):
    remote = serve(answering())
    transport = connect(remote.url)
    transport.send(ask(method="POST"))
    transport.send(ask(method="GET"))
    assert b"Content-Length: 0\r\n" in remote.requests[0]
    assert b"Content-Length" not in remote.requests[1]


def test_a_query_is_percent_encoded_in_its_order(serve, connect, ask):
    remote = serve(answering())
    connect(remote.url).send(ask(query=(("b", "2 +&"), ("a", "Về"))))
    assert remote.requests[0].startswith(b"GET /x?b=2%20%2B%26&a=V%E1%BB%81 HTTP/1.1\r\n")


def test_a_percent_encoded_path_is_left_as_it_is(serve, connect, ask):
    remote = serve(answering())
    connect(remote.url).send(ask(path=path_of("api", "a/b c", "đ..%")))
    assert remote.requests[0].startswith(b"GET /api/a%2Fb%20c/%C4%91..%25 HTTP/1.1\r\n")


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_segment_that_climbs_or_vanishes_is_refused(segment):
    with pytest.raises(ValueError, match="segment"):
        path_of("api", segment)


@pytest.mark.parametrize(
    "path", ["x", "", "//x", "/a/../b", "/a/.", "/a b", "/a?b", "/a#b", "/đ", "/a\r\nX: y"]
)
def test_a_path_that_would_be_rewritten_is_refused(serve, connect, ask, path):
    remote = serve(answering())
    with pytest.raises(ValueError, match="path"):
        connect(remote.url).send(ask(path=path))
    assert remote.connections == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nInjected: 1"),
        ("X", "a\nb"),
        ("X", "a\rb"),
        ("X", "a\0b"),
        ("X", " a"),
        ("X y", "a"),
        ("X:", "a"),
        ("", "a"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
    ],
)
def test_a_header_that_breaks_the_frame_is_refused_without_showing_its_value(connect, ask, name, value):
    transport = connect("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="header") as refused:
        transport.send(ask(headers=((name, value),)))
    assert "Injected" not in str(refused.value)


def test_a_header_given_twice_is_refused(connect, ask):
    with pytest.raises(ValueError, match="twice"):
        connect("http://127.0.0.1:1").send(ask(headers=(("A", "1"), ("a", "2"))))


@pytest.mark.parametrize("method", ["GE T", "GET\r\n", ""])
def test_a_method_that_is_none_is_refused(connect, ask, method):
    with pytest.raises(ValueError, match="method"):
        connect("http://127.0.0.1:1").send(ask(method=method))


def test_a_streamed_body_goes_out_whole_and_can_go_out_again(serve, connect, ask):
    remote = serve(answering())
    transport = connect(remote.url)
    body = Pieces(b"a" * 70_000, b"", b"b" * 3)
    for _ in range(2):
        transport.send(ask(body=body))
    sent = [request.partition(b"\r\n\r\n") for request in remote.requests]
    assert [body for _, _, body in sent] == [b"a" * 70_000 + b"bbb"] * 2
    assert all(b"Content-Length: 70003" in head and b"chunked" not in head for head, _, _ in sent)


def test_a_body_may_be_streamed_from_another_reply(serve, connect, ask):
    source = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
    target = serve(answering())
    fetching = connect(source.url)

    class Fetched:
        def __len__(self):
            return 5

        def __iter__(self):
            with fetching.download(ask()) as (_, pieces):
                yield from pieces

    connect(target.url).send(ask(body=Fetched()))
    assert target.requests[0].endswith(b"\r\n\r\nhello")


def test_a_503_to_a_streamed_body_is_answered_not_resent(serve, connect, ask):
    remote = serve(answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"))
    body = Pieces(b"abc")
    reply = connect(remote.url).send(ask(body=body))
    assert (reply.status, body.iterations, len(remote.requests)) == (503, 1, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(serve, connect, ask, status):
    other = serve(answering())
    remote = serve(
        answering(
            f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}/y\r\nContent-Length: 3\r\n\r\nabc".encode()
        )
    )
    reply = connect(remote.url).send(ask(body=b"1", headers=(("Authorization", "secret"),)))
    assert (reply.status, reply.body, len(remote.requests), other.connections) == (status, b"abc", 1, 0)


def test_cookies_are_not_kept(serve, connect, ask):
    remote = serve(answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
    transport = connect(remote.url)
    transport.send(ask())
    transport.send(ask())
    assert b"ookie" not in remote.requests[1]


def test_the_environment_changes_nothing(serve, connect, ask, monkeypatch, tmp_path):
    elsewhere = serve(answering(b"HTTP/1.1 418 Proxy\r\nContent-Length: 0\r\n\r\n"))
    remote = serve(answering())
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("NETRC", str(netrc))
    assert connect(remote.url).send(ask()).status == 200
    assert elsewhere.connections == 0
    assert b"Authorization" not in remote.requests[0]


def test_a_configured_proxy_is_used_with_its_account(serve, connect, ask):
    proxy = serve(answering())
    settings = {"proxy": proxy.url, "proxy_user": "u", "proxy_password": "p"}
    transport = connect("http://remote.invalid/base", **settings)
    for _ in range(2):
        transport.send(ask())
    assert proxy.connections == 1
    for request in proxy.requests:
        assert request.startswith(b"GET http://remote.invalid/base/x HTTP/1.1\r\n")
        assert b"\r\nproxy-authorization: Basic dTpw\r\n" in request


def test_a_proxy_that_asks_for_no_account_is_shown_none(serve, connect, ask):
    proxy = serve(answering())
    connect("http://remote.invalid", proxy=proxy.url).send(ask())
    assert b"uthorization" not in proxy.requests[0]


def test_one_connection_carries_several_calls(serve, connect, ask):
    remote = serve(answering())
    transport = connect(remote.url)
    for _ in range(3):
        transport.send(ask(safe=True))
    assert (remote.connections, len(remote.requests)) == (1, 3)


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 404, 422, 500, 503])
def test_any_status_is_an_answer(serve, connect, ask, status):
    remote = serve(answering(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))
    reply = connect(remote.url).send(ask())
    assert (reply.status, reply.ok, reply.body) == (status, status < 300, b"")


def test_reply_headers_are_found_in_any_case_joined_and_read_as_utf8(serve, connect, ask):
    headers = b"X-A: 1\r\nx-a: 2\r\nX-Old: \xa7\r\n" + "X-Name: Về\r\n".encode()
    remote = serve(answering(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n"))
    found = connect(remote.url).send(ask()).headers
    assert (found["x-A"], found["X-NAME"], found["x-old"]) == ("1, 2", "Về", "\xa7")


def test_a_reply_shows_neither_headers_nor_body_in_its_repr(serve, connect, ask):
    remote = serve(answering(b"HTTP/1.1 200 OK\r\nX-Token: sesame\r\nContent-Length: 6\r\n\r\nsecret"))
    request = ask(headers=(("A", "sesame"),), query=(("k", "sesame"),), body=b"sesame")
    reply = connect(remote.url).send(request)
    assert reply.body == b"secret"
    assert not any(word in repr(reply) + repr(request) for word in ("sesame", "secret"))


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"v\xe1\xbb\x81" * 100_000)),
        ("gzip", gzip.compress(b"v\xe1\xbb\x81") + gzip.compress(b"v\xe1\xbb\x81" * 99_999)),
        ("x-gzip", gzip.compress(b"v\xe1\xbb\x81" * 100_000)),
        ("deflate", zlib.compress(b"v\xe1\xbb\x81" * 100_000)),
        ("deflate", zlib.compress(b"v\xe1\xbb\x81" * 100_000, wbits=-15)),
        ("identity", b"v\xe1\xbb\x81" * 100_000),
    ],
    ids=["gzip", "gzip-members", "x-gzip", "deflate", "deflate-bare", "identity"],
)
def test_packed_replies_are_unpacked(serve, connect, ask, encoding, packed):
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    )
    remote = serve(answering(head + packed))
    transport = connect(remote.url)
    assert transport.send(ask()).body == b"v\xe1\xbb\x81" * 100_000
    transport.send(ask())
    assert remote.connections == 1


def test_a_chunked_reply_is_read_and_its_connection_used_again(serve, connect, ask):
    remote = serve(
        answering(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        )
    )
    transport = connect(remote.url)
    assert [transport.send(ask()).body for _ in range(2)] == [b"abcde"] * 2
    assert remote.connections == 1


def test_a_reply_that_ends_with_its_connection_is_read_to_the_end(serve, connect, ask):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nabc")

    assert connect(serve(script).url).send(ask()).body == b"abc"


def test_a_head_request_has_no_body(serve, connect, ask):
    remote = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"))
    transport = connect(remote.url)
    assert [transport.send(ask(method="HEAD")).status for _ in range(2)] == [200, 200]


def test_a_continue_before_the_answer_is_skipped(serve, connect, ask):
    remote = serve(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + OK))
    assert connect(remote.url).send(ask(body=b"x")).body == b"ok"


def test_a_download_is_handed_over_in_pieces(serve, connect, ask):
    content = bytes(range(256)) * 4000
    remote = serve(answering(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content))
    transport = connect(remote.url)
    with transport.download(ask()) as (reply, pieces):
        got = list(pieces)
    assert (reply.status, reply.body, b"".join(got)) == (200, b"", content)
    assert len(got) > 1
    transport.send(ask())
    assert remote.connections == 1


def test_a_download_that_was_refused_has_the_answer_and_nothing_to_read(serve, connect, ask):
    remote = serve(answering(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}"))
    with connect(remote.url).download(ask()) as (reply, pieces):
        assert (reply.status, reply.body, list(pieces)) == (404, b"{}", [])


def test_a_download_left_early_does_not_spoil_the_next_call(serve, connect, ask):
    content = b"x" * 1_000_000
    remote = serve(answering(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content))
    transport = connect(remote.url)
    with transport.download(ask()) as (_, pieces):
        next(pieces)
    assert transport.send(ask()).body == content
    assert remote.connections == 2


def test_a_closed_transport_is_a_mistake_to_use(serve, connect, ask):
    transport = connect(serve(answering()).url)
    transport.close()
    with pytest.raises(RuntimeError, match="closed"):
        transport.send(ask())


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"url": "ftp://h"}, "http"),
        ({"url": "http://"}, "http"),
        ({"url": "http://user:pw@h"}, "credentials"),
        ({"url": "http://h/?a=b"}, "query"),
        ({"url": "http://h/á"}, "ASCII"),
        ({"url": "http://h:99999"}, "ort"),
        ({"url": "http://h", "https_only": True}, "https_only"),
        ({"url": "http://h", "proxy": "https://p"}, "http://host:port"),
        ({"url": "http://h", "proxy": "http://u:pw@p"}, "credentials"),
        ({"url": "https://h", "client_key": "k.pem"}, "client_certificate"),
        ({"url": "http://h", "timeout": 5}, "extra"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong, word):
    with pytest.raises(ValidationError, match=word) as refused:
        HttpSettings.model_validate(wrong)
    assert "pw" not in str(refused.value.errors(include_input=False))


def test_settings_without_a_proxy_need_none():
    assert HttpSettings(url="HTTPS://h", https_only=True, proxy=None).proxy is None


def test_the_url_of_an_ipv6_host_is_understood(connect, ask):
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        threading.Thread(target=_answer_once, args=(listener,), daemon=True).start()
        assert connect(f"http://[::1]:{listener.getsockname()[1]}").send(ask()).body == b"ok"


def _answer_once(listener):
    accepted, _ = listener.accept()
    with accepted:
        accepted.recv(65536)
        accepted.sendall(OK)
