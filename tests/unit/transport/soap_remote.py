"""What the SOAP tests share: bodies as a remote would write them, and a script that answers with them."""

from __future__ import annotations

from pathlib import Path

from ebrvt_schemas import open_schema
from pydantic import SecretStr

from ebrvt_connect.codec.soap import SOAP_11, envelope_bytes, fault_bytes
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.transport.http import HttpSettings
from ebrvt_connect.transport.soap import SoapChannel, SoapService, UsernameLogin, Wsdl

NS = "urn:ebrvt:sandbox:reporting:1"
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "reporting"
WSDL = open_schema("reporting/mic_reporting.wsdl")
XML = "text/xml; charset=utf-8"
PASSWORD = "sandbox-password"


def element(name: str, content: str = "", namespace: str = NS) -> bytes:
    return f'<t:{name} xmlns:t="{namespace}">{content}</t:{name}>'.encode()


def status_of(
    packet_id: str, status: str = "RECEIVED", changed_at: str = "2026-11-23T08:00:00+07:00"
) -> bytes:
    return element(
        "GetReportStatusResponse",
        f"<t:packetId>{packet_id}</t:packetId><t:status>{status}</t:status>"
        f"<t:changedAt>{changed_at}</t:changedAt>",
    )


def receipt_of(packet_id: str) -> bytes:
    return element(
        "SubmitReportResponse",
        f"<t:receiptId>r-1</t:receiptId><t:packetId>{packet_id}</t:packetId>"
        "<t:receivedAt>2026-11-23T08:00:00+07:00</t:receivedAt><t:status>RECEIVED</t:status>"
        "<t:duplicate>false</t:duplicate>",
    )


def service_fault(code: str = "PERIOD_CLOSED", retryable: str = "false", fault: str = "Client") -> bytes:
    detail = element(
        "ServiceFault",
        f"<t:code>{code}</t:code><t:message>Kỳ báo cáo đã khóa</t:message>"
        f"<t:retryable>{retryable}</t:retryable><t:traceId>t-1</t:traceId>",
    )
    return fault_bytes(fault, "period closed", detail)


def http(body: bytes, status: str = "200 OK", kind: str = XML, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def enveloped(body: bytes, status: str = "200 OK", kind: str = XML, *headers: str) -> bytes:
    return http(envelope_bytes(body, version=SOAP_11), status, kind, *headers)


def answering(reply):
    """A script that answers every request alike, or with what `reply(request)` says."""

    def script(connection):
        while request := connection.request():
            connection.send(reply(request) if callable(reply) else reply)

    return script


def opened(url: str, **changes) -> SoapChannel:
    """A channel to the reporting service at this address, with its clock standing still."""
    service = SoapService(Wsdl.packaged("reporting/mic_reporting.wsdl"), "/soap/reporting")
    settings = HttpSettings(url=url, connect_seconds=5.0, read_seconds=5.0)
    wanted = {"system": "baocao", "clock": FakeClock(), **changes}
    return SoapChannel(wanted.pop("service", service), settings, **wanted)


def login(**changes) -> UsernameLogin:
    return UsernameLogin(**{"username": "brvt.stttt", "password": SecretStr(PASSWORD), **changes})
