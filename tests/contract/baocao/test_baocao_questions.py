"""Asking what was decided: only a status decides about a report, and the next one names what stands there."""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ebrvt_connect.errors import ConnectError, HeldForPerson, Rejected, RetryLater
from ebrvt_connect.model.message import State
from ebrvt_connect.model.report import ReportState
from ebrvt_connect.ports.adapter import Pending
from tests.contract.baocao.ministry import CLOSED, JUST_CLOSED, report, work

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "urn:ebrvt:sandbox:reporting:1"


def fault(detail: str = "", code: str = "Client") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><faultcode>s:{code}</faultcode>'
        f"<faultstring>x</faultstring>{detail}</s:Fault></s:Body></s:Envelope>"
    ).encode()


def said(code: str) -> bytes:
    return fault(
        f'<detail><t:ServiceFault xmlns:t="{NAMESPACE}"><t:code>{code}</t:code><t:message>x</t:message>'
        "<t:retryable>false</t:retryable><t:traceId>t</t:traceId></t:ServiceFault></detail>"
    )


REFUSALS = {
    "bare client fault": (500, "text/xml", fault()),
    "400": (400, "", b""),
    "404 json": (404, "application/json", b"{}"),
    "405": (405, "", b""),
    "410": (410, "", b""),
    "413": (413, "", b""),
    "415": (415, "", b""),
    "422 json": (422, "application/json", b"{}"),
    "schema": (500, "text/xml", said("SCHEMA_INVALID")),
    "unknown code": (500, "text/xml", said("SESSION_GONE")),
    "period": (500, "text/xml", said("PERIOD_CLOSED")),
    "sender": (500, "text/xml", said("FORBIDDEN_SENDER")),
}


@pytest.fixture
def refusing(request) -> Iterator[str]:
    """The address of a remote that answers everything with one refusal."""
    status, kind, body = REFUSALS[request.param]

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if kind:
                self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("refusing", REFUSALS, indirect=True)
def test_whatever_refuses_the_question_does_not_turn_the_report_down(refusing, open_adapter):
    record = report()
    adapter = open_adapter(url=refusing)
    payload = adapter.prepare(work(record))

    with pytest.raises(RetryLater) as trouble:
        adapter.ask_after(work(record, State.AWAITING), payload)

    assert trouble.value.code == "BAOCAO_NOT_TOLD"


def test_an_account_refused_while_asking_stops_the_system_not_the_report(adapter, desk):
    record = report()
    payload = adapter.prepare(work(record))
    adapter.submit(work(record), payload)
    desk.arm("auth-failed", "GetReportStatus")

    with pytest.raises(HeldForPerson) as stopped:
        adapter.ask_after(work(record, State.AWAITING), payload)

    assert stopped.value.code == "BAOCAO_AUTH_FAILED"


# --- what stands there ------------------------------------------------------------------------------


def send(adapter, record) -> Pending | ConnectError:
    try:
        return adapter.submit(work(record), adapter.prepare(work(record)))
    except ConnectError as refusal:
        return refusal


def test_after_a_correction_found_invalid_the_next_report_names_nothing(adapter, desk):
    first = report()
    send(adapter, first)
    desk.decide(first.packet_id, ReportState.RETURNED, "x")
    second = report(replaces_packet_id=first.packet_id, version=2)
    send(adapter, second)
    desk.decide(second.packet_id, ReportState.INVALID, "y")

    named = send(adapter, report(replaces_packet_id=first.packet_id, version=3))
    bare = send(adapter, report(version=3))

    assert isinstance(named, Rejected)
    assert named.code == "BAOCAO_SCHEMA_INVALID"
    assert isinstance(bare, Pending)


def test_a_locked_report_is_replaced_once_its_period_takes_reports_again(open_adapter, clock, desk):
    clock.jump(JUST_CLOSED)
    adapter = open_adapter()
    first = report(period=CLOSED, test=False)
    send(adapter, first)
    desk.pass_time(timedelta(days=15).total_seconds())
    second = report(period=CLOSED, test=False, replaces_packet_id=first.packet_id, version=2)

    early = send(adapter, second)
    due = (clock.now() + timedelta(days=3)).isoformat()
    desk.seed(periods=[{"regimeCode": "NQ17", "periodCode": str(CLOSED), "dueAt": due, "open": False}])
    taken = send(adapter, second)

    assert isinstance(early, HeldForPerson)
    assert early.code == "BAOCAO_PERIOD_CLOSED"
    assert isinstance(taken, Pending)


def test_an_older_report_found_invalid_does_not_take_the_newer_one_away(adapter, desk):
    first = report()
    send(adapter, first)
    desk.decide(first.packet_id, ReportState.RETURNED, "x")
    second = report(replaces_packet_id=first.packet_id, version=2)
    send(adapter, second)
    desk.decide(first.packet_id, ReportState.INVALID)

    assert isinstance(send(adapter, report(version=3)), Rejected)
