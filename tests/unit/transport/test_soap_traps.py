"""What zeep and its neighbours do when they are left alone, and that here they are not.

Each trap is set off with zeep as it comes where that is possible, so that a test that holds nothing any
more can be told from one that holds.
"""

from __future__ import annotations

import ast
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import zeep
from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault

import ebrvt_connect
from ebrvt_connect.codec.soap import envelope_bytes, read_envelope
from ebrvt_connect.codec.soap_schema import BodySchema
from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, RetryLater
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.soap import SoapAnswer, SoapFault, SoapService, Wsdl
from tests.unit.transport.soap_remote import (
    NS,
    WSDL,
    answering,
    element,
    enveloped,
    http,
    login,
    opened,
    receipt_of,
    service_fault,
    status_of,
)

PAGE = b"<html><body>0912345678</body></html>"
PERIOD = (
    "<periodCode>2026-Q3</periodCode><frequency>QUARTER</frequency><dataFrom>2026-06-15</dataFrom>"
    "<dataTo>2026-09-14Z</dataTo><dueAt>2026-09-25T17:00:00+07:00</dueAt><open> true </open>"
)


def left_alone(url: str):
    """What zeep as it comes makes of the same call to the same remote."""
    client = zeep.Client(io.BytesIO(WSDL))
    service = client.create_service(f"{{{NS}}}ReportingSoap11", f"{url}/soap/reporting")
    with client.transport.session:
        return service.GetReportStatus(packetId="p-1")


def asked(url: str, *, safe: bool = True, **changes):
    channel = opened(url, **changes)
    try:
        return channel.call("GetReportStatus", {"packetId": "p-1"}, safe=safe)
    finally:
        channel.close()


# --- zeep as it comes, and ours ------------------------------------------------------------------------
def test_zeep_turns_a_bad_value_into_nothing_and_we_do_not_take_it(serve):
    url = serve(answering(enveloped(status_of("p-1", changed_at="hôm qua")))).url

    assert left_alone(url).changedAt is None
    with pytest.raises(RetryLater, match="changedAt") as caught:
        asked(url)
    assert caught.value.code == "SOAP_REPLY_INVALID"


@pytest.mark.parametrize(
    ("reply", "alone", "code"),
    [
        (http(PAGE, "502 Bad Gateway", "text/html"), Fault, "REMOTE_ANSWERED_WEB_PAGE"),
        (http(PAGE, "200 OK", "text/html"), ZeepError, "REMOTE_ANSWERED_WEB_PAGE"),
        (enveloped(status_of("p-1"), "503 Busy"), Fault, "REMOTE_"),
    ],
    ids=["page with 502", "page with 200", "answer with 503"],
)
def test_zeep_hides_the_status_and_shows_the_body_and_we_do_the_contrary(reply, alone, code, serve):
    url = serve(answering(reply)).url

    with pytest.raises(alone):
        left_alone(url)
    with pytest.raises(ReconcileFirst) as caught:
        asked(url, safe=False)
    assert caught.value.code.startswith(code)
    assert "0912345678" not in str(caught.value)


def test_zeep_takes_an_empty_202_for_an_answer_and_we_ask_after_it(serve):
    url = serve(answering(http(b"", "202 Accepted"))).url

    assert left_alone(url) is None
    with pytest.raises(ReconcileFirst) as caught:
        asked(url, safe=False)
    assert caught.value.code == "SOAP_REPLY_EMPTY"


# --- once, and to nobody else --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "reply",
    [
        http(b"", "503 Busy"),
        http(b"", "503 Busy", "", "Retry-After: 0"),
        http(b"", "429 x", "", "Retry-After: 0"),
        http(b"", "401 x", "", "WWW-Authenticate: Basic realm=a"),
        http(PAGE, "502 x", "text/html"),
        enveloped(service_fault(retryable="true", fault="Server"), "500 x"),
    ],
)
@pytest.mark.parametrize("safe", [True, False])
def test_a_call_is_one_request_whatever_comes_back(reply, safe, serve):
    remote = serve(answering(reply))

    try:
        said = asked(remote.url, safe=safe)
    except ConnectError:
        said = None

    assert said is None or isinstance(said, SoapFault)
    assert len(remote.requests) == 1


@pytest.mark.parametrize("safe", [True, False])
def test_a_call_that_is_cut_is_not_made_again(safe, serve):
    def cut(connection):
        connection.request()
        connection.reset()

    remote = serve(cut)

    with pytest.raises(RetryLater if safe else ReconcileFirst):
        asked(remote.url, safe=safe)
    assert len(remote.requests) == 1


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_a_token_does_not_follow_a_redirect(status, serve):
    other = serve(answering(enveloped(status_of("p-1"))))
    remote = serve(answering(http(b"", status, "", f"Location: {other.url}/soap/reporting")))

    with pytest.raises(HeldForPerson) as caught:
        asked(remote.url, login=login())

    assert caught.value.code == "REMOTE_REDIRECTED"
    assert (len(remote.requests), other.connections) == (1, 0)


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_reply_that_drips_ends_with_the_deadline_wherever_it_drips(part, serve):
    reply = enveloped(status_of("p-1"))
    head, body = reply.partition(b"\r\n\r\n")[0], reply

    def drip(connection):
        connection.request()
        whole = head if part == "head" else body
        start = 0 if part == "head" else whole.index(b"\r\n\r\n") + 4
        connection.send(whole[:start])
        connection.drip(whole[start:], 0.2)

    channel, clock = opened(serve(drip).url, clock=SystemClock()), SystemClock()
    started = clock.monotonic()
    with pytest.raises(ReconcileFirst) as caught:
        channel.call("GetReportStatus", {"packetId": "p-1"}, safe=False, deadline_seconds=0.5)

    assert caught.value.code == "REMOTE_REPLY_TIMEOUT"
    assert clock.monotonic() - started < 10


# --- values that are easy to get wrong -----------------------------------------------------------------
def test_dates_times_years_and_words_are_read_as_what_they_are(serve):
    reply = element("GetPeriodsResponse", f'<period xmlns="{NS}">{PERIOD}</period>')
    remote = serve(answering(enveloped(reply)))

    said = opened(remote.url).call("GetPeriods", {"regimeCode": "NQ17", "year": (2026, None)}, safe=True)

    [period] = said.values["period"]
    assert (period["dataFrom"], period["dataTo"]) == (date(2026, 6, 15), date(2026, 9, 14))
    assert period["dueAt"] == datetime(2026, 9, 25, 10, 0, tzinfo=UTC)
    assert period["dueAt"].utcoffset() == timedelta(hours=7)
    assert period["open"] is True
    sent = read_envelope(remote.requests[0].partition(b"\r\n\r\n")[2])
    assert sent.body.findtext(f"{{{NS}}}year") == "2026"


@pytest.mark.parametrize("year", ["2026", "26", 2026, (2026, "Z"), datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_year_given_otherwise_does_not_leave_as_some_other_year(year, serve):
    remote = serve(answering(enveloped(element("GetPeriodsResponse"))))

    with pytest.raises(HeldForPerson) as caught:
        opened(remote.url).call("GetPeriods", {"regimeCode": "NQ17", "year": year}, safe=True)

    assert caught.value.code == "SOAP_REQUEST_INVALID"
    assert remote.connections == 0


def report(value: object) -> dict[str, object]:
    header = {
        "packetId": "p-1",
        "packetType": "INDICATOR_DATA",
        "schemaVersion": "1.0",
        "senderCode": "a",
        "receiverCode": "b",
        "createdAt": datetime(2026, 11, 23, 1, tzinfo=UTC),
    }
    words = ["regimeCode", "templateCode", "templateVersion", "periodCode", "organizationCode"]
    body = dict.fromkeys(words, "x") | {"dataFrom": date(2026, 6, 15), "dataTo": date(2026, 9, 14)}
    body["observation"] = [{"indicatorCode": "NQ17.02", "value": value}]
    return {"ReportPacket": {"Id": "a", "header": header, "body": body}}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("21.370"), "21.370"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.00"), "-0.00"),
        (Decimal("0E+2"), "0"),
        (Decimal(0), "0"),
        (0, "0"),
        (0.0, "0.0"),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"),
    ],
)
def test_a_decimal_leaves_with_all_its_digits_and_without_an_exponent(value, written, serve):
    remote = serve(answering(enveloped(receipt_of("p-1"))))

    opened(remote.url).call("SubmitReport", report(value), safe=False)

    body = read_envelope(remote.requests[0].partition(b"\r\n\r\n")[2]).body
    assert body.findtext(f".//{{{NS}}}value") == written
    assert body.findtext(f".//{{{NS}}}dataFrom") == "2026-06-15"
    assert BodySchema(WSDL).problems(body) == ()


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), "21,37", "1E+3"])
def test_what_is_no_decimal_does_not_leave(value, serve):
    remote = serve(answering(enveloped(receipt_of("p-1"))))

    with pytest.raises(HeldForPerson, match="observation/value: CVC_DATATYPE"):
        opened(remote.url).call("SubmitReport", report(value), safe=False)
    assert remote.connections == 0


def with_optional_choice() -> SoapService:
    """The reporting service, were it not to insist on a value, a text or a reason why there is none."""
    wsdl = WSDL.replace(b"<xs:choice>", b'<xs:choice minOccurs="0">')
    assert wsdl != WSDL
    return SoapService(Wsdl("optional.wsdl", wsdl), "/soap")


@pytest.mark.parametrize("value", [0, Decimal("0.0"), 0.0])
def test_a_zero_in_a_choice_is_not_taken_for_nothing(value, serve):
    """zeep leaves such a choice out without a word where the schema lets it."""
    client = zeep.Client(io.BytesIO(with_optional_choice().wsdl.content))
    service = client.create_service(f"{{{NS}}}ReportingSoap11", "http://127.0.0.1:9")
    alone = client.create_message(service, "SubmitReport", **report(value))
    assert alone.find(f".//{{{NS}}}value") is None
    remote = serve(answering(enveloped(receipt_of("p-1"))))

    opened(remote.url, service=with_optional_choice()).call("SubmitReport", report(value), safe=False)

    body = read_envelope(remote.requests[0].partition(b"\r\n\r\n")[2]).body
    assert float(body.findtext(f".//{{{NS}}}value")) == 0


def test_what_zeep_leaves_out_all_the_same_stops_the_call(serve):
    remote = serve(answering(enveloped(receipt_of("p-1"))))
    values = report("")

    with pytest.raises(HeldForPerson) as caught:
        opened(remote.url, service=with_optional_choice()).call("SubmitReport", values, safe=False)

    assert "mục “ReportPacket/body/observation/value” không đưa được" in caught.value.explanation_vi
    assert remote.connections == 0


def test_an_answer_in_a_default_namespace_is_the_same_answer(serve):
    body = status_of("p-1", "RETURNED").replace(b"<t:", b"<").replace(b"</t:", b"</").replace(b":t=", b"=")
    default = b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>%s</Body></Envelope>' % body
    url = serve(answering(http(default))).url

    said = asked(url)

    assert isinstance(said, SoapAnswer)
    assert said.values["status"] == "RETURNED"
    assert said.raw == default


def test_an_element_may_be_called_like_an_argument_of_zeep_s(serve):
    asked_for = b'<xs:element name="GetReportStatus"><xs:complexType><xs:sequence>'
    more = (
        b'<xs:element name="service" type="xs:string"/><xs:element name="operation_name" type="xs:string"/>'
    )
    wsdl = WSDL.replace(asked_for, asked_for + more)
    assert wsdl != WSDL
    remote = serve(answering(enveloped(status_of("p-1"))))
    channel = opened(remote.url, service=SoapService(Wsdl("named.wsdl", wsdl), "/soap"))

    channel.call("GetReportStatus", {"service": "a", "operation_name": "b", "packetId": "c"}, safe=True)

    body = read_envelope(remote.requests[0].partition(b"\r\n\r\n")[2]).body
    assert [child.text for child in body] == ["a", "b", "c"]


def test_a_declared_detail_counts_behind_a_trace_of_the_server_s_own(serve):
    fault = service_fault("PERIOD_CLOSED").replace(b"<detail>", b'<detail><trace xmlns="urn:j">at X</trace>')
    url = serve(answering(enveloped(fault, "500 x"))).url

    said = asked(url)

    assert isinstance(said, SoapFault)
    assert said.values["code"] == "PERIOD_CLOSED"


def test_an_answer_with_more_elements_than_any_real_one_is_not_weighed_one_by_one(serve):
    crowd = status_of("p-1").replace(b"</t:GetReport", b"<t:issue/>" * 60_000 + b"</t:GetReport")
    url = serve(answering(enveloped(crowd))).url

    with pytest.raises(RetryLater) as caught:
        asked(url, clock=FakeClock())
    assert caught.value.code == "SOAP_REPLY_MALFORMED"


# --- what is never used at all -------------------------------------------------------------------------
SOURCES = sorted(Path(ebrvt_connect.__file__).parent.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_zeep_is_spoken_to_in_one_place_and_its_wsse_plugins_and_transports_in_none():
    """Its verifier takes a wrapped signature for a good one; its transport and history keep whole bodies."""
    users = {path.name: imports_of(path) for path in SOURCES}
    of_zeep = {name: {i for i in found if i.split(".")[0] == "zeep"} for name, found in users.items()}

    assert [name for name, found in of_zeep.items() if found] == ["soap_zeep.py"]
    refused = ("zeep.wsse", "zeep.plugins", "zeep.transports", "zeep.cache", "zeep.AsyncClient")
    assert not [i for i in of_zeep["soap_zeep.py"] if i.startswith(refused)]


@pytest.mark.parametrize("package", ["xmlsec", "niquests", "pybreaker", "httpx"])
def test_packages_with_a_trap_of_their_own_are_used_nowhere(package):
    assert not [path for path in SOURCES if {i.split(".")[0] for i in imports_of(path)} & {package}]


def test_a_channel_takes_no_network_setting_from_zeep(serve):
    """The client holds a reader of one file: no session, no timeout to be changed, no file adapter."""
    remote = serve(answering(enveloped(status_of("p-1"))))
    channel = opened(remote.url)
    channel.call("GetReportStatus", {"packetId": "p-1"}, safe=True)

    client, _ = channel._messages._of_this_thread()

    assert not isinstance(client.transport, zeep.Transport)
    assert not hasattr(client.transport, "post")
    assert client.wsse is None
    assert client.plugins == []
    settings = client.settings
    assert (settings.strict, settings.xml_huge_tree) == (True, False)
    assert (settings.forbid_dtd, settings.forbid_entities, settings.forbid_external) == (True, True, True)


def test_each_thread_has_a_cheap_client_of_its_own_over_one_parsed_wsdl(serve):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    messages = opened("http://127.0.0.1:9")._messages
    gate = Barrier(8)

    def client_of(_: int):
        gate.wait(60)
        return messages._of_this_thread()[0]

    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(client_of, range(8)))

    assert len({id(client) for client in clients}) == 8
    assert len({id(client.wsdl) for client in clients}) == 1


def test_a_text_over_what_a_tree_takes_is_refused_before_it_leaves(serve):
    remote = serve(answering(enveloped(receipt_of("p-1"))))
    large = element("SubmitReport", "A" * 11_000_000)
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(envelope_bytes(large))

    with pytest.raises(HeldForPerson):
        opened(remote.url).call_with_body("SubmitReport", large, safe=False)
    assert remote.connections == 0
