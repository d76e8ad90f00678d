"""What really leaves the machine: a bare socket takes the bytes, and they are the vendor's own.

`test_vxp_wire` shows that the function signs as the vendor does; here the same is shown of the whole way
down to the socket, where an HTTP library may sort headers, change their case or encode them anew.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading

import pytest
from ebrvt_adapters.vxp import Packet, VxpClient, wire
from ebrvt_adapters.vxp.wire import MessageType, TransportStatus

from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from tests.contract.vxp.exchange import CABINET, DEPARTMENT, MINISTRY, settings_for
from tests.unit.adapters.test_vxp_wire import CAPTURES, SECRET, logical_of

PACKET = b"<edXML/>"
ANSWER = json.dumps(
    {"status": "OK", "ErrorCode": "0", "DocId": "d1", "count": 0, "data": []}, separators=(",", ":")
).encode()


class BareAxis:
    """Takes one request at a time from a socket, byte for byte, and answers each in the same words."""

    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    answer = ANSWER

    def __init__(self):
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    self.requests.append(self._request(connection))
                    connection.sendall(self.head + self.answer)

    @staticmethod
    def _request(connection):
        with connection.makefile("rb") as stream:
            lines = []
            while (line := stream.readline()) not in {b"\r\n", b""}:
                lines.append(line)
            head = b"".join(lines).removesuffix(b"\r\n")
            return head, stream.read(int(dict(header_lines(head)).get(b"Content-Length", b"0")))

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=5)


def header_lines(head):
    """Names and values as they stand on the wire, in order."""
    lines = head.split(b"\r\n")[1:]
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def axis_headers(lines):
    return [(name, value) for name, value in lines if name.startswith(b"XroadVnpt-")]


def captured_lines(capture):
    """The vendor's headers; the file shows bytes as latin-1."""
    return [(name.encode(), value.encode("latin-1")) for name, value in capture["headers"]]


def operation_of(capture):
    return capture["line"].split()[1].strip("/")


CAPTURED = {operation_of(capture): capture for capture in CAPTURES}


@pytest.fixture
def axis():
    bare = BareAxis()
    yield bare
    bare.close()


@pytest.fixture
def caught(axis):
    """What left the machine while the client was asked for something, at the time of a capture."""

    def catch(ask, at, **settings):
        with VxpClient(settings_for(axis.url, **settings), FakeClock(at)) as client:
            ask(client)
        return axis.requests[-1]

    return catch


def moment_of(capture):
    return wire.parse_timestamp(dict(capture["headers"])["XroadVnpt-timestamp"])


# --- all eleven, through the one HTTP client ----------------------------------------------------------------


@pytest.mark.parametrize("capture", CAPTURES, ids=operation_of)
def test_captured_headers_leave_the_socket_byte_for_byte(axis, capture):
    method, path, _ = capture["line"].split()
    request = HttpRequest(
        operation=operation_of(capture),
        method=method,
        path=path,
        headers=wire.signed_headers(logical_of(capture), SECRET),
        body=capture["head"].encode(),
        safe=True,
    )
    transport = HttpTransport(HttpSettings(url=axis.url), system="axis", clock=FakeClock())

    transport.send(request)
    transport.close()

    [(head, body)] = axis.requests
    sent, vendor = header_lines(head), captured_lines(capture)
    assert head.split(b"\r\n")[0] == capture["line"].encode()
    assert axis_headers(sent) == axis_headers(vendor)
    for name in (b"Content-Type", b"User-Agent", b"Content-Length"):
        assert dict(sent).get(name) == dict(vendor).get(name)
    assert (len(body), body) == (capture["len"], capture["head"].encode())


# --- nine of them, by asking the client: its order is the one captured -------------------------------------

PACKED = ANSWER.replace(b"[]", b'"%s"' % base64.b64encode(PACKET))
ASKED = {
    "getReceivedEdocList": (ANSWER, lambda client: client.received(MessageType.EDOC)),
    "getSentEdocList": (ANSWER, lambda client: client.sent(MessageType.STATUS, doc_id="d1")),
    "getEdoc": (PACKED, lambda client: client.fetch("d1", MemoryBlobs())),
    "downloadEdoc": (PACKET, lambda client: client.fetch("d1", MemoryBlobs())),
    "countReceiveEdoc": (ANSWER, lambda client: client.count(MessageType.EDOC)),
    "getAgenciesList": (ANSWER, lambda client: client.agencies()),
    "getAgenciesListQD20": (ANSWER, lambda client: client.agencies_qd20(1)),
    "getSynchronizeUnit": (ANSWER, lambda client: client.units()),
    "deleteAgency": (ANSWER, lambda client: client.delete_agency("000.01.00.H06")),
}


@pytest.mark.parametrize("operation", ASKED)
def test_client_sends_what_the_vendor_sends(axis, caught, operation):
    axis.answer, ask = ASKED[operation]
    capture = CAPTURED[operation]
    settings = {"fetch_by": operation} if "fetch" in ask.__code__.co_names else {}

    head, body = caught(ask, moment_of(capture), **settings)

    assert head.split(b"\r\n")[0] == capture["line"].encode()
    assert axis_headers(header_lines(head)) == axis_headers(captured_lines(capture))
    assert body == capture["head"].encode()


# --- the other two: the same headers in another order, signed as the algorithm says ------------------------


def signed_in_order(lines):
    """The names signed, after checking key list, text and HMAC against the bytes that came before them.

    Nothing of ours is used for it: order by `sign-header-key`, compact JSON of the prefixed names, HMAC
    with the secret as text.
    """
    sent = dict(axis_headers(lines))
    names = sent[b"XroadVnpt-sign-header-key"].decode().split(";")
    came = [name.decode().removeprefix("XroadVnpt-") for name, _ in axis_headers(lines)]
    assert came == [*names, "sign-header-key", "sign-header", "hash-header", "version"]
    told = {f"XroadVnpt-{name}": sent[f"XroadVnpt-{name}".encode()].decode() for name in names}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    assert sent[b"XroadVnpt-sign-header"] == text
    digest = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    assert sent[b"XroadVnpt-hash-header"].decode() == digest
    return names


def values_told(lines, *left_out):
    """The axis' headers, sorted, without those that name or sign an order."""
    unsaid = {
        b"XroadVnpt-" + name for name in (b"sign-header-key", b"sign-header", b"hash-header", *left_out)
    }
    return sorted((name, value) for name, value in axis_headers(lines) if name not in unsaid)


def test_the_check_accepts_every_capture():
    for capture in CAPTURES:
        assert signed_in_order(captured_lines(capture))


def test_document_is_sent_with_signed_headers_and_the_file_with_crlf(caught):
    capture = CAPTURED["sendEdoc"]

    head, body = caught(
        lambda client: client.send(
            Packet.of(PACKET), MessageType.EDOC, sender="000.00.00.H06", recipients=("000.00.00.G22",)
        ),
        moment_of(capture),
    )

    lines = header_lines(head)
    names = signed_in_order(lines)
    # The vendor's capture has a title, which its own stack mangles elsewhere; we never send one.
    assert values_told(lines) == values_told(captured_lines(capture), b"title")
    assert names == [
        "systemid",
        "servicetype",
        "messagetype",
        "hash-file",
        "from",
        "to",
        "timestamp",
        "Content-Type",
    ]
    assert dict(lines)[b"Content-Type"] == b"application/octet-stream"
    assert dict(lines)[b"Content-Length"] == b"10"
    assert b"Transfer-Encoding" not in dict(lines)
    assert body == b"<edXML/>\r\n"


def test_acknowledgement_is_sent_with_signed_headers(caught):
    capture = CAPTURED["updateStatus"]

    head, body = caught(lambda client: client.update_status("d1", TransportStatus.DONE), moment_of(capture))

    lines = header_lines(head)
    assert signed_in_order(lines) == ["systemid", "docid", "status", "timestamp", "Content-Type"]
    assert values_told(lines) == values_told(captured_lines(capture))
    assert body == b"{}"


def test_large_packet_leaves_whole_with_the_length_and_hash_of_the_file(caught):
    content = bytes(range(256)) * 3000

    head, body = caught(
        lambda client: client.send(
            Packet.of(content), MessageType.EDOC, sender=DEPARTMENT, recipients=(CABINET, MINISTRY)
        ),
        START,
        padded_file_hash=True,
    )

    lines = dict(header_lines(head))
    assert body == content + b"\r\n"
    assert lines[b"Content-Length"] == b"%d" % (len(content) + 2)
    assert lines[b"XroadVnpt-hash-file"].decode() == hashlib.sha256(content).hexdigest()
    assert lines[b"XroadVnpt-to"] == b'["%s","%s"]' % (CABINET.encode(), MINISTRY.encode())
