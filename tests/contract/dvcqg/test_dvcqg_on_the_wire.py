"""What really leaves the machine: a bare socket takes the bytes, and they are those of the example."""

import contextlib
import socket
import threading

import pytest
from ebrvt_adapters.dvcqg import Dvcqg

from ebrvt_connect.model.message import State
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from tests.contract.dvcqg.desk import (
    CODE,
    DSTCODE,
    PASSWORD,
    ROOT,
    SESSION,
    make_dossier,
    make_entry,
    make_work,
    settings_for,
    surroundings,
    vector,
)

STEPS = ("1_login", "2_look_up", "3_dossier", "4_progress")


class BarePortal:
    """Takes one request at a time from a socket, byte for byte, and answers from the vectors."""

    def __init__(self):
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            for step in STEPS:
                connection, _ = self.listener.accept()
                with connection:
                    self.requests.append(self._request(connection))
                    reply = vector(f"{step}_reply")
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(reply) + reply)

    @staticmethod
    def _request(connection):
        with connection.makefile("rb") as stream:
            line = stream.readline()
            headers = []
            while (raw := stream.readline()) not in {b"\r\n", b""}:
                name, _, value = raw.decode().rstrip("\r\n").partition(": ")
                headers.append((name, value))
            return line.decode(), headers, stream.read(int(dict(headers)["Content-Length"]))

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=5)


@pytest.fixture
def pushed():
    """The four requests of a first push, and the receipts."""
    portal = BarePortal()
    adapter = Dvcqg.open(settings_for(portal.url), surroundings(FakeClock(), MemoryBlobs()))
    receipts = []
    for record in (make_dossier(), make_entry()):
        work = make_work(record, state=State.SENDING)
        receipts.append(adapter.submit(work, adapter.prepare(work)))
    yield portal.requests, receipts
    adapter.close()
    portal.close()


def test_a_first_push_is_the_example_byte_for_byte(pushed):
    requests, _ = pushed

    assert [body for _, _, body in requests] == [vector(f"{step}_request") for step in STEPS]


def test_headers_stand_in_the_order_of_the_example(pushed):
    requests, _ = pushed
    wanted = [
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("Charset", "utf-8"),
        ("dstcode", DSTCODE),
    ]

    for _, headers, _ in requests:
        assert [header for header in headers if header[0] in dict(wanted)] == wanted
        assert "Authorization" not in dict(headers)


def test_login_and_business_have_addresses_of_their_own(pushed):
    requests, _ = pushed

    assert [line.split()[:2] for line, _, _ in requests] == [["POST", f"{ROOT}/login"], *[["POST", ROOT]] * 3]


def test_receipt_keeps_the_portals_words_and_no_session(pushed):
    _, receipts = pushed

    assert [receipt.external_id for receipt in receipts] == [CODE, CODE]
    assert [receipt.raw for receipt in receipts] == [vector("3_dossier_reply"), vector("4_progress_reply")]
    assert SESSION.encode() not in receipts[0].raw
    assert PASSWORD.encode() not in receipts[0].raw
