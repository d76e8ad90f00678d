"""A WSDL is a file with everything in it: nothing is fetched or obeyed, and one parse serves all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.transport.soap import SoapAnswer, SoapService, Wsdl
from tests.unit.transport.soap_remote import NS, WSDL, answering, enveloped, http, opened, status_of


def service(content: bytes, binding: str = "") -> SoapService:
    return SoapService(Wsdl("test.wsdl", content), "/soap", binding)


def refusal(content: bytes, binding: str = "") -> HeldForPerson:
    with pytest.raises(HeldForPerson) as caught:
        opened("http://127.0.0.1:9", service=service(content, binding))
    assert caught.value.code == "WSDL_UNUSABLE"
    assert caught.value.scope is Scope.SYSTEM
    assert "test.wsdl" in caught.value.explanation_vi
    return caught.value


OUTSIDE = {
    "import over HTTP": '<xs:import namespace="urn:x" schemaLocation="{url}/x.xsd"/>',
    "include over HTTP": '<xs:include schemaLocation="{url}/x.xsd"/>',
    "import of a file": '<xs:import namespace="urn:x" schemaLocation="file:///etc/passwd"/>',
    "import of a neighbour": '<xs:import namespace="urn:x" schemaLocation="x.xsd"/>',
    "include of a neighbour": '<xs:include schemaLocation="/etc/passwd"/>',
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_schema_elsewhere_is_refused_and_not_fetched(name, serve):
    remote = serve(answering(http(b"<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'/>")))
    line = OUTSIDE[name].format(url=remote.url).encode()

    refusal(WSDL.replace(b'elementFormDefault="qualified">', b'elementFormDefault="qualified">' + line))

    assert remote.connections == 0


@pytest.mark.parametrize("location", ["{url}/other.wsdl", "file:///etc/passwd", "other.wsdl"])
def test_a_wsdl_elsewhere_is_refused_and_not_fetched(location, serve):
    remote = serve(answering(http(WSDL)))
    place = location.format(url=remote.url).encode()

    refusal(
        WSDL.replace(b" <wsdl:types>", b' <wsdl:import namespace="urn:x" location="%s"/><wsdl:types>' % place)
    )

    assert remote.connections == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not XML",
        b"<a/>",
        WSDL[:-40],
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + WSDL.partition(b"?>")[2],
        WSDL.replace(b'base="xs:string"', b'base="t:Unknown"'),
        WSDL[: WSDL.index(b"<wsdl:types>")] + b"</wsdl:definitions>",
    ],
)
def test_what_is_no_wsdl_with_a_schema_is_refused(content):
    refusal(content)


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path):
    with pytest.raises(HeldForPerson) as caught:
        Wsdl.file(tmp_path / "nowhere.wsdl", system="baocao")
    assert "nowhere.wsdl" in caught.value.explanation_vi


def test_the_address_in_the_wsdl_is_not_called(serve, tmp_path):
    trap, remote = serve(answering(http(b""))), serve(answering(enveloped(status_of("p-1"))))
    file = tmp_path / "moved.wsdl"
    file.write_bytes(WSDL.replace(b"http://127.0.0.1:8089", trap.url.encode()))

    channel = opened(remote.url, service=SoapService(Wsdl.file(file), "/soap"))

    assert isinstance(channel.call("GetReportStatus", {"packetId": "p-1"}, safe=True), SoapAnswer)
    assert trap.connections == 0


def test_the_binding_is_the_one_named_or_the_only_one():
    assert "has" in str(refusal(WSDL, "{urn:x}Other"))
    start, end = WSDL.index(b' <wsdl:binding name="R'), WSDL.index(b" <wsdl:service")
    second = WSDL[start:end].replace(b'<wsdl:binding name="ReportingSoap11"', b'<wsdl:binding name="Second"')
    two = WSDL[:end] + second + WSDL[end:]

    refusal(two)
    opened("http://127.0.0.1:9", service=service(two, f"{{{NS}}}Second")).close()


def test_a_wsdl_is_parsed_once_however_many_threads_open_it():
    from ebrvt_connect.transport import soap_zeep

    content = WSDL.replace(b'name="ReportingSandbox"', b'name="ParsedOnce"')
    gate = threading.Barrier(8)

    def open_one(_: int) -> int:
        gate.wait(60)
        channel = opened("http://127.0.0.1:9", service=service(content))
        channel.close()
        return id(channel._wsdl)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(open_one, range(8)))) == 1
    assert content in soap_zeep._parsed


def test_schemas_of_several_namespaces_in_one_wsdl_are_held_to_together(serve):
    other = (
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x">'
        b'<xs:simpleType name="Id"><xs:restriction base="xs:string"><xs:maxLength value="5"/>'
        b"</xs:restriction></xs:simpleType></xs:schema>"
    )
    two = WSDL.replace(b"<wsdl:types>", b"<wsdl:types>" + other).replace(
        b'elementFormDefault="qualified">',
        b'elementFormDefault="qualified" xmlns:x="urn:x"><xs:import namespace="urn:x"/>',
    )
    asked = (
        b'<xs:element name="GetReportStatus"><xs:complexType><xs:sequence><xs:element name="packetId" type='
    )
    two = two.replace(asked + b'"xs:string"', asked + b'"x:Id"')
    remote = serve(answering(enveloped(status_of("p-1"))))
    channel = opened(remote.url, service=service(two))

    assert isinstance(channel.call("GetReportStatus", {"packetId": "p-1"}, safe=True), SoapAnswer)
    with pytest.raises(HeldForPerson, match="CVC_MAXLENGTH_VALID"):
        channel.call("GetReportStatus", {"packetId": "p-12345"}, safe=True)


def test_soap_1_2_is_spoken_where_the_wsdl_says_so(serve):
    from ebrvt_connect.codec.soap import SOAP_12, envelope_bytes

    twelve = WSDL.replace(
        b"http://schemas.xmlsoap.org/wsdl/soap/", b"http://schemas.xmlsoap.org/wsdl/soap12/"
    )
    reply = envelope_bytes(status_of("p-1"), version=SOAP_12)
    remote = serve(answering(http(reply, "200 OK", "application/soap+xml")))

    said = opened(remote.url, service=service(twelve)).call("GetReportStatus", {"packetId": "p-1"}, safe=True)

    assert said.values["packetId"] == "p-1"
    head, _, body = remote.requests[0].partition(b"\r\n\r\n")
    assert f'application/soap+xml; charset=utf-8; action="{NS}/GetReportStatus"'.encode() in head
    assert b"SOAPAction" not in head
    assert SOAP_12.namespace.encode() in body


def test_naming_a_channel_does_not_import_zeep_and_opening_one_does():
    program = (
        "import sys; from ebrvt_connect.testing.clock import FakeClock\n"
        "from ebrvt_connect.transport.http import HttpSettings\n"
        "from ebrvt_connect.transport.soap import SoapChannel, SoapService, Wsdl\n"
        "service = SoapService(Wsdl.packaged('reporting/mic_reporting.wsdl'), '/soap')\n"
        "print('zeep' in sys.modules)\n"
        "SoapChannel(service, HttpSettings(url='http://127.0.0.1:9'), system='s', clock=FakeClock())\n"
        "print('zeep' in sys.modules)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert said.stdout.split() == ["False", "True"]
