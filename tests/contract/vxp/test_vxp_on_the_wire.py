"""What really leaves the machine: a bare socket takes the bytes, and they are the vendor's own.

`test_vxp_wire` shows that the function signs as the vendor does; here the same is shown of the whole way
down to the socket, where an HTTP library may sort headers, change their case or encode them anew.
"""

import contextlib
import hashlib
import hmac
import json
import socket
import threading

import pytest
from ebrvt_adapters.vxp import Packet, VxpClient, wire
from ebrvt_adapters.vxp.wire import MessageType, TransportStatus

from ebrvt_connect.testing.clock import FakeClock
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

    def __init__(self, answer=ANSWER):
        self.head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        self.answer = answer
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
        content = b""
        while b"\r\n\r\n" not in content:
            content += connection.recv(65536)
        head, _, body = content.partition(b"\r\n\r\n")
        while len(body) < int(dict(header_lines(head)).get(b"Content-Length", b"0")):
            body += connection.recv(65536)
        return head, body

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


# --- nine of them, by asking the client for the operation ---------------------------------------------------

SAME_ORDER = {
    "getReceivedEdocList": lambda client: client.received(MessageType.EDOC),
    "getSentEdocList": lambda client: client.sent(MessageType.STATUS, doc_id="d1"),
    "getEdoc": lambda client: client.fetch("d1", MemoryBlobs()),
    "downloadEdoc": lambda client: client.fetch("d1", MemoryBlobs()),
    "countReceiveEdoc": lambda client: client.count(MessageType.EDOC),
    "getAgenciesList": lambda client: client.agencies(),
    "getAgenciesListQD20": lambda client: client.agencies_qd20(1),
    "getSynchronizeUnit": lambda client: client.units(),
    "deleteAgency": lambda client: client.delete_agency(),
}
