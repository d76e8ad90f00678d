"""What a SOAP call puts on the wire: the signed bytes, one token each, nothing the schema does not allow."""

from __future__ import annotations

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import CanonicalizationMethod, InvalidDigest, SignatureConfiguration, XMLSigner, XMLVerifier

from ebrvt_connect.codec.soap import read_envelope
from ebrvt_connect.codec.soap_schema import BodySchema
from ebrvt_connect.codec.username_token import PasswordStyle, check_token
from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.soap import SoapAnswer, UsernameLogin
from tests.unit.transport.soap_remote import (
    NS,
    PASSWORD,
    VECTORS,
    WSDL,
    answering,
    enveloped,
    http,
    login,
    opened,
    receipt_of,
    service_fault,
    status_of,
)

HEADER = (
    "<r:header><r:packetId>{id}</r:packetId><r:packetType>INDICATOR_DATA</r:packetType>"
    "<r:schemaVersion>1.0</r:schemaVersion><r:senderCode>000.00.15.H06</r:senderCode>"
    "<r:senderName>Sở Thông tin &amp; Truyền thông</r:senderName>"
    "<r:receiverCode>000.00.00.G14</r:receiverCode><r:createdAt>2026-11-23T08:00:00+07:00</r:createdAt>"
    "</r:header>"
)
BODY = (
    "<r:body><r:regimeCode>NQ17</r:regimeCode><r:templateCode>NQ17-Q</r:templateCode>"
    "<r:templateVersion>1.0</r:templateVersion><r:periodCode>2026-Q4</r:periodCode>"
    "<r:dataFrom>2026-09-15</r:dataFrom><r:dataTo>2026-12-14</r:dataTo>"
    "<r:organizationCode>000.00.00.H06</r:organizationCode>"
    "<r:observation><r:indicatorCode>NQ17.02</r:indicatorCode><r:value>{value}</r:value></r:observation>\n"
    "\t<!-- remarks and blanks are the signer's own --></r:body>"
)


def packet(packet_id: str = "p-1", value: str = "21.37") -> bytes:
    content = HEADER.format(id=packet_id) + BODY.format(value=value)
    return f'<r:ReportPacket xmlns:r="{NS}" Id="pkt-{packet_id}">{content}</r:ReportPacket>'.encode()


class Signer:
    """Signs packets the way the report desk's key does."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "So TTTT")])
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        )
        made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        usage = x509.KeyUsage(*[True, True, *[False] * 7])
        made = made.not_valid_after(datetime(2049, 1, 1, tzinfo=UTC)).add_extension(usage, critical=True)
        self.certificate = (
            made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        )

    def sign(self, unsigned: bytes) -> bytes:
        exclusive = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
        signer = XMLSigner(c14n_algorithm=exclusive)
        root = etree.fromstring(unsigned)
        signed = signer.sign(root, key=self._key, cert=self.certificate, reference_uri="#" + root.get("Id"))
        return etree.tostring(signed, encoding="UTF-8", xml_declaration=True)

    def verify(self, packet: bytes) -> None:
        XMLVerifier().verify(packet, x509_cert=self.certificate, expect_config=SignatureConfiguration())


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


def test_a_signed_packet_leaves_with_its_very_bytes_and_verifies_on_the_other_side(signer, serve):
    signed = signer.sign(packet())
    remote = serve(answering(enveloped(receipt_of("p-1"))))

    said = opened(remote.url, login=login()).call_with_packet("SubmitReport", signed, safe=False)

    sent = body_of(remote.requests[0])
    element = signed.partition(b"?>\n")[2]
    assert element in sent
    cut_out = sent[sent.index(b"<r:ReportPacket") : sent.index(b"</r:ReportPacket>") + 17]
    signer.verify(cut_out)
    body = read_envelope(sent).body
    assert body.tag == f"{{{NS}}}SubmitReport"
    assert BodySchema(WSDL).problems(body) == ()
    signer.verify(etree.tostring(body[0]))
    assert said.values["duplicate"] is False


def test_the_test_sees_a_broken_signature(signer):
    with pytest.raises(InvalidDigest):
        signer.verify(signer.sign(packet()).replace(b"21.37", b"91.37"))


def test_the_published_sample_leaves_byte_for_byte_and_is_accepted(serve):
    """A ministry that holds each body to the schema and its packet to the signer's certificate."""
    sample = read_sample_body()
    certificate = (VECTORS / "sample_submit.crt.pem").read_text()

    def ministry(request: bytes) -> bytes:
        body = read_envelope(body_of(request)).body
        if BodySchema(WSDL).problems(body):
            return enveloped(service_fault("SCHEMA_INVALID"), "500 x")
        try:
            verified = XMLVerifier().verify(etree.tostring(body[0]), x509_cert=certificate)
        except InvalidDigest:
            return enveloped(service_fault("SIGNATURE_INVALID"), "500 x")
        return enveloped(receipt_of(verified.signed_xml.findtext(f".//{{{NS}}}packetId")))

    remote = serve(answering(ministry))
    channel = opened(remote.url, login=login())

    said = channel.call_with_body("SubmitReport", sample, safe=False)
    spoilt = channel.call_with_body(
        "SubmitReport", sample.replace(b"><ns0:unit>", b">\n<ns0:unit>"), safe=False
    )

    assert isinstance(said, SoapAnswer)
    assert said.values["packetId"] == "5b0f4b7e-7f0a-4f4e-9d3b-3f8f2f6f7a11"
    sent = body_of(remote.requests[0])
    start = sent.index(b"<soap-env:Body>") + len(b"<soap-env:Body>")
    assert sent[start : sent.index(b"</soap-env:Body>")] == sample
    assert spoilt.values["code"] == "SIGNATURE_INVALID"


def test_the_request_says_what_it_is(serve):
    remote = serve(answering(enveloped(status_of("p-1"))))

    opened(remote.url).call("GetReportStatus", {"packetId": "p-1"}, safe=True)

    head = remote.requests[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0] == "POST /soap/reporting HTTP/1.1"
    assert "Content-Type: text/xml; charset=utf-8" in head
    assert f'SOAPAction: "{NS}/GetReportStatus"' in head
    assert not any("zeep" in line.lower() for line in head)
    sent = read_envelope(body_of(remote.requests[0]))
    assert sent.header is None
    assert sent.body.findtext(f"{{{NS}}}packetId") == "p-1"


# --- what must not leave ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "element"),
    [
        ({}, "packetId"),
        ({"packetId": "p-1", "year": "2026"}, "year"),
        ({"packetId": None}, "packetId"),
        ({"packetId": "a\x00b"}, "GetReportStatus"),
        ({"packetId": {"a": 1}}, "GetReportStatus"),
    ],
)
def test_values_no_message_can_be_made_of_are_for_a_person_and_stay_here(values, element, serve):
    remote = serve(answering(enveloped(status_of("p-1"))))

    with pytest.raises(HeldForPerson) as caught:
        opened(remote.url).call("GetReportStatus", values, safe=True)

    assert caught.value.code == "SOAP_REQUEST_INVALID"
    assert caught.value.scope is Scope.MESSAGE
    assert element in caught.value.explanation_vi
    assert remote.connections == 0


@pytest.mark.parametrize(
    ("found", "put", "told"),
    [
        (b">21.37<", b">21,37<", "mục “ReportPacket/body/observation/value” giá trị sai kiểu dữ liệu"),
        (
            b"INDICATOR_DATA",
            b"SOMETHING",
            "mục “ReportPacket/header/packetType” giá trị không thuộc danh mục",
        ),
        (b"2026-12-14", b"2026-02-30", "mục “ReportPacket/body/dataTo” giá trị sai kiểu dữ liệu"),
        (b' Id="pkt-p-1"', b"", "thiếu thuộc tính bắt buộc (Id)"),
        (b"<r:periodCode>2026-Q4</r:periodCode>", b"", "mục “ReportPacket/body/dataFrom” không được phép"),
    ],
)
def test_a_packet_against_the_schema_is_for_a_person_and_stays_here(found, put, told, serve):
    remote = serve(answering(enveloped(receipt_of("p-1"))))
    channel, wrong = opened(remote.url), packet().replace(found, put)

    for attempt in (
        lambda: channel.call_with_packet("SubmitReport", wrong, safe=False),
        lambda: channel.check_packet("SubmitReport", wrong),
    ):
        with pytest.raises(HeldForPerson) as caught:
            attempt()
        assert caught.value.code == "SOAP_REQUEST_INVALID"
        assert told in caught.value.explanation_vi
        assert "21,37" not in str(caught.value) + caught.value.explanation_vi
    assert remote.connections == 0


def test_what_zeep_would_send_without_a_word_is_stopped_by_the_schema(serve):
    """zeep checks presence and names; `abc` for a number and 2019-13-45 for a date it sends."""
    remote = serve(answering(enveloped(receipt_of("p-1"))))
    header = {
        "packetId": "p-1",
        "packetType": "INDICATOR_DATA",
        "schemaVersion": "1.0",
        "senderCode": "a",
        "receiverCode": "b",
        "createdAt": "2019-13-45",
    }
    body = dict.fromkeys(
        ["regimeCode", "templateCode", "templateVersion", "periodCode", "organizationCode"], "x"
    )
    observation = {"indicatorCode": "NQ17.02", "value": "abc"}
    body |= {"dataFrom": "2026-01-01", "dataTo": "2026-01-31", "observation": [observation]}

    with pytest.raises(HeldForPerson) as caught:
        opened(remote.url).call(
            "SubmitReport", {"ReportPacket": {"Id": "a", "header": header, "body": body}}, safe=False
        )

    assert "header/createdAt" in caught.value.explanation_vi
    assert "body/observation/value" in caught.value.explanation_vi
    assert remote.connections == 0


@pytest.mark.parametrize(
    "put",
    [
        b"",
        b"no element",
        b"<!-- before --><r/>",
        b"<r/><!-- after -->",
        b'<?xml version="1.0" encoding="UTF-16"?><r/>',
        b"<r>",
        b"<r/></ebr:SubmitReport></soap-env:Body><soap-env:Body><r/>",
        b'<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>',
        b"<r>" + b"\xe1\xbb" + b"</r>",
    ],
)
def test_bytes_that_are_not_one_element_never_get_into_an_envelope(put, serve):
    remote = serve(answering(enveloped(receipt_of("p-1"))))

    with pytest.raises(HeldForPerson):
        opened(remote.url).call_with_packet("SubmitReport", put, safe=False)

    assert remote.connections == 0


def test_a_mistaken_operation_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="no document/literal operation 'Submit'"):
        opened("http://127.0.0.1:9").call("Submit", {}, safe=True)
    with pytest.raises(ValueError, match="expected the bytes of"):
        opened("http://127.0.0.1:9").call_with_body("GetReportStatus", read_sample_body(), safe=True)


# --- the token -------------------------------------------------------------------------------------
def test_each_attempt_has_a_token_of_its_own_that_the_other_side_accepts(serve):
    clock, answers = FakeClock(), iter(["503 Busy", "503 Busy", "200 OK"])
    replies = answering(lambda _: enveloped(status_of("p-1"), next(answers)))
    remote = serve(replies)
    channel = opened(remote.url, clock=clock, login=login())

    with_patience(
        lambda: channel.call("GetReportStatus", {"packetId": "p-1"}, safe=True),
        clock=clock,
        limit_seconds=60.0,
        jitter=lambda _: 2.0,
    )

    channel.close()
    verdicts = [verdict_on(request, clock.now(), timedelta(minutes=1)) for request in remote.requests]
    assert [verdict.problem for verdict in verdicts] == [None] * 3
    assert len({verdict.nonce for verdict in verdicts}) == 3
    assert [(clock.now() - verdict.created).total_seconds() for verdict in verdicts] == [4, 2, 0]


def test_a_password_as_text_does_not_leave_the_machine_without_tls(serve):
    text = login(style=PasswordStyle.TEXT)

    with pytest.raises(HeldForPerson) as caught:
        opened("http://baocao.example.vn", login=text)
    assert (caught.value.code, caught.value.scope) == ("SOAP_PASSWORD_IN_CLEAR", Scope.SYSTEM)

    opened("https://baocao.example.vn", login=text).close()
    opened("http://baocao.example.vn", login=login(style="text", text_without_tls=True)).close()
    remote = serve(answering(enveloped(status_of("p-1"))))
    opened(remote.url, login=text).call("GetReportStatus", {"packetId": "p-1"}, safe=True)
    assert f">{PASSWORD}<".encode() in remote.requests[0]


def test_a_login_shows_no_password_and_takes_none_xml_cannot_carry():
    assert PASSWORD not in repr(login())
    with pytest.raises(ValueError, match="character XML has no place for"):
        UsernameLogin(username="a", password="b\x07")


# --- many at once, and nothing of zeep's beside us -------------------------------------------------
def test_eight_threads_get_their_own_answers(signer, serve):
    """One parsed WSDL, one schema, one channel: every answer and every refusal is the caller's own."""

    def reply(request: bytes) -> bytes:
        sent = read_envelope(body_of(request))
        packet_id = sent.body.find(f".//{{{NS}}}packetId").text
        assert check_token(sent.header, password_of=passwords, now=datetime.now(UTC)).accepted
        if packet_id.endswith("7"):  # an answer with an error of its own, so that errors could be mixed up
            return enveloped(status_of(packet_id, f"WRONG-{packet_id}"))
        return enveloped(status_of(packet_id, "APPROVED"))

    remote = serve(answering(reply))
    channel = opened(remote.url, clock=SystemClock(), login=login())
    gate = threading.Barrier(8)

    def caller(number: int) -> list[str]:
        gate.wait(60)
        return [wrong for n in range(200) if (wrong := mistake(channel, f"{number}-{n}"))]

    with ThreadPoolExecutor(8) as pool:
        mistakes = [wrong for found in pool.map(caller, range(8)) for wrong in found]

    assert mistakes == []
    tokens = {re.search(rb"<wsse:Nonce[^>]*>([^<]+)<", request)[1] for request in remote.requests}
    assert len(tokens) == len(remote.requests) == 8 * 200


def mistake(channel, packet_id: str) -> str:
    """What went wrong with one call, if anything; every tenth packet is refused before it leaves."""
    last = packet_id[-1]
    if last == "3":
        try:
            channel.check_packet("SubmitReport", packet(packet_id, value=f"bad-{packet_id}"))
        except HeldForPerson as held:
            if held.facts["problems"].count("“") != 1:
                return f"{packet_id}: {held.facts['problems']}"
        else:
            return f"{packet_id} was not refused"
    try:
        said = channel.call("GetReportStatus", {"packetId": packet_id}, safe=True)
    except Exception as failure:  # noqa: BLE001 - a test of what comes back
        told = getattr(failure, "facts", {}).get("problems", "")
        return (
            ""
            if last == "7" and told.count("mục “status”") == 1 == told.count("“")
            else f"{packet_id}: {failure!r}"
        )
    right = isinstance(said, SoapAnswer) and said.values["packetId"] == packet_id and last != "7"
    return "" if right else f"{packet_id} got {said.values}"


def test_a_failed_call_changes_nothing_for_the_next(serve):
    answers = iter([http(b"", "500 x"), enveloped(status_of("p-2"))])
    channel = opened(serve(answering(lambda _: next(answers))).url)

    with pytest.raises(Exception, match="REMOTE_SERVER_ERROR"):
        channel.call("GetReportStatus", {"packetId": "p-1"}, safe=True, deadline_seconds=9.0)

    assert channel.call("GetReportStatus", {"packetId": "p-2"}, safe=True).values["packetId"] == "p-2"


def test_no_session_of_requests_is_opened_for_a_call(serve, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a requests session was opened")

    monkeypatch.setattr(requests.Session, "__init__", refuse)
    url = serve(answering(enveloped(status_of("p-1")))).url

    opened(url).call("GetReportStatus", {"packetId": "p-1"}, safe=True)


def test_nothing_of_an_envelope_is_logged_even_when_everything_is(serve, caplog):
    url = serve(answering(enveloped(status_of("p-1", changed_at="12026-01-01T00:00:00Z")))).url
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(Exception, match="SOAP_REPLY_INVALID"):
            opened(url, login=login()).call("GetReportStatus", {"packetId": "p-1"}, safe=True)

        assert not logging.getLogger("zeep.transports").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("zeep.wsdl.bindings.soap").isEnabledFor(logging.DEBUG)
    assert not [word for word in ("Envelope", "12026", "Traceback", PASSWORD) if word in caplog.text]


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def passwords(username: str) -> str | None:
    return {"brvt.stttt": PASSWORD}.get(username)


def verdict_on(request: bytes, now: datetime, fresh_for: timedelta):
    return check_token(
        read_envelope(body_of(request)).header, password_of=passwords, now=now, fresh_for=fresh_for
    )


def read_sample_body() -> bytes:
    raw = (VECTORS / "sample_submit.xml").read_bytes()
    return raw[raw.index(b"<ns0:SubmitReport") : raw.index(b"</soap-env:Body>")]
