"""Reports signed and submitted over SOAP per second: ours, held to the schema both ways, against bare zeep.

zeep signs the same packet in a plugin as it leaves, once with signxml and once with our own signer; it checks
no schema. All call the same remote, which answers at once. Then how fast the simulated ministry serves.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
import signxml
import urllib3
import zeep
from cryptography.hazmat.primitives.serialization import Encoding
from ebrvt_adapters.baocao import mapping, wire
from ebrvt_schemas import open_schema
from lxml import etree
from pydantic import SecretStr
from zeep.helpers import serialize_object
from zeep.wsse.username import UsernameToken

from ebrvt_connect.codec.soap import envelope_bytes
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpSettings
from ebrvt_connect.transport.soap import SoapAnswer, SoapChannel, SoapService, UsernameLogin, Wsdl
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.bench.calls import at_once
from tests.bench.loopback import Loopback
from tests.bench.measure import Figure, aimed, rates
from tests.bench.packets import repeated
from tests.contract.baocao import ministry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebrvt_connect.transport.signers import KeySigner
    from tests.bench.measure import Setup

_RATIO, _SERVED_PER_SECOND = 0.8, 150
_PATH = "/soap/reporting"
_PASSWORD = "mat-khau-mau"


def measure(setup: Setup) -> list[Figure]:
    pki = SandboxPki.open(setup.keys)
    report = ministry.report()
    packet = Packet(mapping.unsigned_packet(report, "qcvn102"), wire.packet_reference(report.packet_id))
    found = exchange(packet, pki, setup)
    return found + served(pki, setup)


@dataclass(frozen=True, slots=True)
class Packet:
    """What is signed and sent over and over."""

    unsigned: bytes
    reference: str


def exchange(packet: Packet, pki: SandboxPki, setup: Setup) -> list[Figure]:
    """Sign and submit, each with a login of its own for every call."""
    key = pki.signer(ministry.SENDER)
    with Loopback(answer=accepted(), media_type="text/xml; charset=utf-8") as url, opened(url) as channel:

        def ours() -> None:
            signed = sign_packet(packet.unsigned, key, reference_id=packet.reference)
            told = channel.call_with_packet("SubmitReport", signed, safe=True)
            if not isinstance(told, SoapAnswer):
                raise TypeError(f"the remote answered {told}")

        peers = {
            "bare zeep, signxml": bare(packet, url, with_signxml(packet, pki)),
            "bare zeep, our signer": bare(packet, url, with_ours(packet, key)),
        }
        told = rates(
            "SOAP, packet signed and submitted",
            repeated(ours),
            {name: repeated(act) for name, act in peers.items()},
            setup.sizes,
        )
    return [aimed(figure, _RATIO, ratio=True) for figure in told]


@contextmanager
def opened(url: str, password: str = _PASSWORD) -> Iterator[SoapChannel]:
    login = UsernameLogin(username=ministry.USERNAME, password=SecretStr(password))
    service = SoapService(Wsdl.packaged(wire.WSDL), _PATH)
    channel = SoapChannel(service, HttpSettings(url=url), system="baocao", clock=SystemClock(), login=login)
    try:
        yield channel
    finally:
        channel.close()


def accepted() -> str:
    answer = (
        f'<t:SubmitReportResponse xmlns:t="{ministry.NAMESPACE}"><t:receiptId>r-1</t:receiptId>'
        "<t:packetId>p-1</t:packetId><t:receivedAt>2026-11-23T09:00:00+07:00</t:receivedAt>"
        "<t:status>RECEIVED</t:status><t:duplicate>false</t:duplicate></t:SubmitReportResponse>"
    )
    return envelope_bytes(answer.encode()).decode()


class SigningPlugin(zeep.Plugin):
    """Signs the packet of what leaves."""

    def __init__(self, sign: Callable[[Any], Any]) -> None:
        self._sign = sign

    def egress(self, envelope: Any, http_headers: Any, operation: Any, binding_options: Any) -> Any:  # noqa: ARG002 - zeep's
        packet = next(envelope.iter(wire.PACKET))
        packet.getparent().replace(packet, self._sign(packet))
        return envelope, http_headers


def bare(packet: Packet, url: str, sign: Callable[[Any], Any]) -> Callable[[], object]:
    """A call as zeep's own documentation shows it: values in, values out."""
    session = requests.Session()
    session.trust_env = False
    client = zeep.Client(
        BytesIO(open_schema(wire.WSDL)),
        transport=zeep.Transport(session=session),
        wsse=UsernameToken(ministry.USERNAME, _PASSWORD, use_digest=True),
        plugins=[SigningPlugin(sign)],
    )
    service = client.create_service(f"{{{ministry.NAMESPACE}}}ReportingSoap11", url + _PATH)
    kind = client.get_element(f"{{{ministry.NAMESPACE}}}ReportPacket")
    values = serialize_object(kind.parse(etree.fromstring(packet.unsigned), client.wsdl.types))
    values.pop("_value_1", None)
    return lambda: service.SubmitReport(ReportPacket=values)


def with_signxml(packet: Packet, pki: SandboxPki) -> Callable[[Any], Any]:
    identity = pki.identity(f"{ministry.SENDER}-agency-good")
    chain = [one.public_bytes(Encoding.PEM).decode() for one in (identity.certificate, *identity.chain)]
    exclusive = signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    signer = signxml.XMLSigner(c14n_algorithm=exclusive)
    return lambda element: signer.sign(
        element, key=identity.key, cert=chain, reference_uri=packet.reference, id_attribute="Id"
    )


def with_ours(packet: Packet, key: KeySigner) -> Callable[[Any], Any]:
    return lambda element: etree.fromstring(
        sign_packet(etree.tostring(element), key, reference_id=packet.reference)
    )


def served(pki: SandboxPki, setup: Setup) -> list[Figure]:
    """The simulated ministry, which checks schema, login, signature and figures, from several threads."""
    key = pki.signer(ministry.SENDER)
    config = setup.folder / "sandbox.toml"
    config.write_text(
        f'[baocao]\nusername = "{ministry.USERNAME}"\npassword = "{_PASSWORD}"\n'
        f'[baocao.senders]\n{key.certificate_sha256} = ["{ministry.SENDER}"]\n'
    )
    with simulated(config, setup) as url, opened(url) as channel, Loopback() as idle:
        record = ministry.report()
        unsigned = mapping.unsigned_packet(record, "qcvn102")
        signed = sign_packet(unsigned, key, reference_id=wire.packet_reference(record.packet_id))
        calls = {
            "GetReportStatus": lambda: channel.call(
                "GetReportStatus", {"packetId": record.packet_id}, safe=True
            ),
            "SubmitReport": lambda: channel.call_with_packet("SubmitReport", signed, safe=True),
        }
        pool = urllib3.PoolManager(maxsize=16, retries=False)
        limit = {
            "a remote that answers at once": at_once(lambda: pool.request("POST", idle, body=signed).data)
        }
        found: list[Figure] = []
        for name, call in reversed(calls.items()):
            if not isinstance(told := call(), SoapAnswer):
                raise TypeError(f"the sandbox answered {told}")
            found += rates(
                f"sandbox serves {name}",
                at_once(call),
                limit,
                setup.sizes,
            )
    return [aimed(figure, _SERVED_PER_SECOND) for figure in found]


@contextmanager
def simulated(config: Any, setup: Setup) -> Iterator[str]:
    """`ebrvt sandbox` with the ministry alone, and its address."""
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "sandbox", "--until-stdin-closes"]
    options = ["--systems", "baocao", "--config", str(config), "--folder", str(setup.folder / "sandbox")]
    piped = subprocess.PIPE
    with subprocess.Popen([*command, *options], stdin=piped, stdout=piped, text=True) as child:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())["systems"]["baocao"]["url"]
        child.communicate(timeout=10)
