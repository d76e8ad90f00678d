"""Each answer a SOAP service (or a proxy before it) can give means one thing, and zeep is not asked."""

from __future__ import annotations

import pytest

from ebrvt_connect.codec.soap import SOAP_12, envelope_bytes, fault_bytes
from ebrvt_connect.codec.username_token import WSSE
from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.soap import SoapAnswer, SoapFault
from tests.unit.transport.soap_remote import (
    answering,
    element,
    enveloped,
    http,
    opened,
    receipt_of,
    service_fault,
    status_of,
)

SECRET = "Nguyễn Thị Bí Mật 0912345678"
PAGE = f"<html><body>502 Bad Gateway {SECRET}</body></html>".encode()
GOOD = envelope_bytes(status_of("p-1"))

IN_DOUBT = {
    "502 with a web page": (http(PAGE, "502 Bad Gateway", "text/html"), "REMOTE_ANSWERED_WEB_PAGE"),
    "503 with a web page": (http(PAGE, "503 Service Unavailable", "text/html"), None),
    "200 with a web page": (http(PAGE, "200 OK", "text/html"), "REMOTE_ANSWERED_WEB_PAGE"),
    "200 with a web page labelled XML": (http(PAGE), "REMOTE_ANSWERED_WEB_PAGE"),
    "200 empty": (http(b""), "SOAP_REPLY_EMPTY"),
    "202 empty": (http(b"", "202 Accepted"), "SOAP_REPLY_EMPTY"),
    "200 blank": (http(b" \r\n"), "SOAP_REPLY_EMPTY"),
    "JSON": (http(b'{"a": 1}', "200 OK", "application/json"), "SOAP_REPLY_NOT_XML"),
    "XML labelled as text": (http(GOOD, "200 OK", "text/plain"), "SOAP_REPLY_NOT_XML"),
    "multipart": (http(GOOD, "200 OK", "multipart/related; boundary=b"), "SOAP_REPLY_NOT_XML"),
    "truncated": (http(GOOD[:-30]), "SOAP_REPLY_MALFORMED"),
    "words labelled XML": (http(SECRET.encode()), "SOAP_REPLY_MALFORMED"),
    "UTF-16": (http(GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16")), "SOAP_REPLY_MALFORMED"),
    "DOCTYPE": (
        http(GOOD.replace(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY a "b">]>')),
        "SOAP_REPLY_DOCTYPE",
    ),
    "external entity": (
        http(GOOD.replace(b"?>\n", b'?>\n<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">')),
        "SOAP_REPLY_DOCTYPE",
    ),
    "XML without an envelope": (http(status_of("p-1")), "SOAP_REPLY_NOT_ENVELOPE"),
    "two elements in the body": (enveloped(status_of("p-1") * 2), "SOAP_REPLY_NOT_ENVELOPE"),
    "empty body": (enveloped(b""), "SOAP_REPLY_NOT_ENVELOPE"),
    "SOAP 1.2": (http(envelope_bytes(status_of("p-1"), version=SOAP_12)), "SOAP_REPLY_OTHER_VERSION"),
    "another operation's answer": (enveloped(receipt_of("p-1")), "SOAP_REPLY_OTHER_ELEMENT"),
    "its name in another namespace": (
        enveloped(element("GetReportStatusResponse", namespace="urn:other")),
        "SOAP_REPLY_OTHER_ELEMENT",
    ),
    "unknown status word": (enveloped(status_of("p-1", SECRET)), "SOAP_REPLY_INVALID"),
    "bad date": (enveloped(status_of("p-1", changed_at="2026-02-30T00:00:00Z")), "SOAP_REPLY_INVALID"),
    "missing element": (enveloped(element("GetReportStatusResponse")), "SOAP_REPLY_INVALID"),
    "a year Python has not": (enveloped(status_of("p-1", changed_at="12026-01-01T00:00:00Z")), None),
    "500 around a valid body": (http(GOOD, "500 Internal Server Error"), "REMOTE_SERVER_ERROR"),
    "503 around a valid body": (http(GOOD, "503 Service Unavailable"), None),
    "500 empty": (http(b"", "500 Internal Server Error"), "REMOTE_SERVER_ERROR"),
    "500 with broken XML": (http(GOOD[:-9], "500 Internal Server Error"), "REMOTE_SERVER_ERROR"),
    "Server fault": (enveloped(fault_bytes("Server", SECRET), "500 x"), "SOAP_FAULT_SERVER"),
    "Server fault in 200": (enveloped(fault_bytes("Server.Busy", SECRET)), "SOAP_FAULT_SERVER"),
    "fault without a code": (
        enveloped(b'<e:Fault xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>', "500 x"),
        "SOAP_FAULT_SERVER",
    ),
}


@pytest.mark.parametrize("safe", [True, False], ids=["repeatable", "must not be made twice"])
@pytest.mark.parametrize("name", IN_DOUBT)
def test_an_answer_that_leaves_it_open_is_asked_after_unless_harmless(name, safe, serve):
    reply, code = IN_DOUBT[name]

    failure = failure_of(reply, serve, safe=safe)

    assert type(failure) is (RetryLater if safe else ReconcileFirst)
    assert code in {None, failure.code}
    assert told_well(failure)


def test_an_oversize_answer_to_a_read_waits_for_a_person_and_to_a_write_is_asked_after(serve):
    reply = enveloped(status_of("p" * 5000))

    held = failure_of(reply, serve, safe=True, max_response_bytes=4096)
    open_ = failure_of(reply, serve, safe=False, max_response_bytes=4096)

    assert (type(held), held.code) == (HeldForPerson, "REMOTE_REPLY_TOO_LARGE")
    assert type(open_) is ReconcileFirst


REFUSED = {
    "Client fault": (enveloped(fault_bytes("Client", SECRET), "500 x"), Rejected, "SOAP_FAULT_CLIENT"),
    "Client fault in 200": (enveloped(fault_bytes("Client.Data", SECRET)), Rejected, "SOAP_FAULT_CLIENT"),
    "Client fault with 400": (
        enveloped(fault_bytes("Client", SECRET), "400 x"),
        Rejected,
        "SOAP_FAULT_CLIENT",
    ),
    "a detail nobody declared": (
        enveloped(fault_bytes("Client", SECRET, element("Other", SECRET)), "500 x"),
        Rejected,
        "SOAP_FAULT_CLIENT",
    ),
    "a detail the schema knows and the operation does not declare": (
        enveloped(fault_bytes("Client", SECRET, status_of("p-1")), "500 x"),
        Rejected,
        "SOAP_FAULT_CLIENT",
    ),
    "a declared detail that is not by the schema": (
        enveloped(service_fault(retryable="có"), "500 x"),
        Rejected,
        "SOAP_FAULT_CLIENT",
    ),
    "wrong password": (
        enveloped(
            fault_bytes("Client", SECRET)
            .replace(b">soap-env:Client<", b">w:FailedAuthentication<")
            .replace(b"<faultcode", b'<faultcode xmlns:w="%s"' % WSSE.encode()),
            "500 x",
        ),
        HeldForPerson,
        "SOAP_FAULT_SECURITY",
    ),
    "header not understood": (
        enveloped(fault_bytes("MustUnderstand", "")),
        HeldForPerson,
        "SOAP_FAULT_PROTOCOL",
    ),
    "401 with a fault": (
        enveloped(fault_bytes("Client", SECRET), "401 x"),
        HeldForPerson,
        "REMOTE_UNAUTHENTICATED",
    ),
    "403 with a page": (http(PAGE, "403 x", "text/html"), HeldForPerson, "REMOTE_FORBIDDEN"),
    "404 with XML": (http(status_of("p"), "404 x"), Rejected, "REMOTE_REJECTED"),
    "302": (http(b"", "302 Found", "", "Location: http://127.0.0.1:9/"), HeldForPerson, "REMOTE_REDIRECTED"),
    "429": (http(b"", "429 x", "", "Retry-After: 7"), RetryLater, "REMOTE_THROTTLED"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_told_by_whose_fault_it_is(name, serve):
    reply, effect, code = REFUSED[name]

    failure = failure_of(reply, serve, safe=False)

    assert (type(failure), failure.code) == (effect, code)
    assert told_well(failure)


def test_a_person_s_matter_with_the_account_stops_the_whole_system(serve):
    reply, _, _ = REFUSED["wrong password"]

    failure = failure_of(reply, serve, safe=True)

    assert isinstance(failure, HeldForPerson)
    assert failure.scope is Scope.SYSTEM
    assert "FailedAuthentication" in failure.explanation_vi


@pytest.mark.parametrize("status", ["500 Internal Server Error", "200 OK", "409 Conflict", "503 Busy"])
def test_a_fault_with_the_service_s_own_detail_is_handed_over_whatever_the_status(status, serve):
    url = serve(answering(enveloped(service_fault(), status, "text/xml", "Retry-After: 30"))).url

    said = opened(url).call("GetReportStatus", {"packetId": "p-1"}, safe=False)

    assert isinstance(said, SoapFault)
    assert (said.name, said.code, said.status) == ("ServiceFault", "Client", int(status[:3]))
    assert said.retry_after.total_seconds() == 30
    assert said.values == {
        "code": "PERIOD_CLOSED",
        "message": "Kỳ báo cáo đã khóa",
        "retryable": False,
        "traceId": "t-1",
        "issue": [],
    }
    assert said.message == "period closed"
    assert "khóa" not in repr(said)


def test_an_answer_is_values_and_the_bytes_it_was_made_of(serve):
    url = serve(answering(enveloped(status_of("p-1", "APPROVED")))).url

    said = opened(url).call("GetReportStatus", {"packetId": "p-1"}, safe=True)

    assert isinstance(said, SoapAnswer)
    assert said.values["status"] == "APPROVED"
    assert said.values["changedAt"].utcoffset().total_seconds() == 7 * 3600
    assert said.values["reason"] is None
    assert said.values["issue"] == []
    assert said.raw == envelope_bytes(status_of("p-1", "APPROVED"))
    assert "p-1" not in repr(said)


@pytest.mark.parametrize(
    "kind", ["", "application/xml", "application/soap+xml", "TEXT/XML;charset=ISO-8859-1"]
)
def test_labels_that_servers_muddle_up_do_not_matter(kind, serve):
    url = serve(answering(http(GOOD, "200 OK", kind))).url

    assert isinstance(opened(url).call("GetReportStatus", {"packetId": "p-1"}, safe=True), SoapAnswer)


def test_an_answer_with_security_headers_or_without_any_signature_is_read_the_same(serve):
    signed = envelope_bytes(status_of("p-1"), header=f'<w:Security xmlns:w="{WSSE}"/>'.encode())
    url = serve(answering(http(signed))).url

    assert isinstance(opened(url).call("GetReportStatus", {"packetId": "p-1"}, safe=True), SoapAnswer)


def test_prefixes_that_only_the_envelope_declares_hold_for_types_within(serve):
    typed = GOOD.replace(b"<t:packetId>", b'<t:packetId xsi:type="xsd:string">').replace(
        b"<soap-env:Envelope ",
        b'<soap-env:Envelope xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ',
    )
    url = serve(answering(http(typed))).url

    assert opened(url).call("GetReportStatus", {"packetId": "p-1"}, safe=True).values["packetId"] == "p-1"


def test_what_is_wrong_with_an_answer_is_named_by_its_element_in_both_languages(serve):
    failure = failure_of(enveloped(status_of("p-1", SECRET)), serve, safe=True)

    assert "status: CVC_ENUMERATION_VALID" in failure.detail
    assert "mục “status” giá trị không thuộc danh mục cho phép" in failure.explanation_vi


def test_a_lost_connection_keeps_the_meaning_it_has_for_all_http(serve):
    def cut(connection):
        connection.request()
        connection.reset()

    failure = failure_of(cut, serve, safe=False, script=True)

    assert (type(failure), failure.code) == (ReconcileFirst, "REMOTE_CONNECTION_LOST")


def test_a_slow_drip_ends_with_the_call_s_deadline(serve):
    def drip(connection):
        connection.request()
        connection.drip(enveloped(status_of("p-1")), 0.05)

    failure = failure_of(drip, serve, safe=False, script=True, clock=SystemClock(), deadline_seconds=0.4)

    assert (type(failure), failure.code) == (ReconcileFirst, "REMOTE_REPLY_TIMEOUT")


def failure_of(reply, serve, *, safe, script=False, clock=None, **changes) -> ConnectError:
    channel = opened(serve(reply if script else answering(reply)).url, clock=clock or FakeClock())
    with pytest.raises(ConnectError) as caught:
        channel.call("GetReportStatus", {"packetId": "p-1"}, safe=safe, **changes)
    channel.close()
    return caught.value


def told_well(failure: ConnectError) -> bool:
    """Nothing of the body is quoted anywhere, and no place of a sentence is left unfilled."""
    causes = (failure, failure.__cause__ or "", *failure.facts.values(), failure.explanation_vi)
    quoted = any(word in str(text) for text in causes for word in ("Bí Mật", "0912345678", "Bad Gateway"))
    return not quoted and "{" not in failure.explanation_vi + failure.advice_vi
