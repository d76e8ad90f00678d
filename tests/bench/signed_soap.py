"""A sink that signs reports as the ministry's packets and submits them over SOAP, checked both ways."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ebrvt_adapters.baocao import mapping, wire

from ebrvt_connect.model.message import Kind, Payload, Receipt
from ebrvt_connect.model.report import Report
from ebrvt_connect.ports.adapter import Item
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.soap import SoapAnswer, SoapChannel
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.bench.loopback import Loopback
from tests.bench.signed import SENDER, Kit, SignedSink
from tests.bench.soap_calls import accepted, opened
from tests.contract.baocao import ministry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebrvt_connect.ports.adapter import Work
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.transport.signers import KeySigner


class SignedSoap(SignedSink):
    """Sends reports as the ministry's packets, signed, held to the schema both ways."""

    def __init__(self, blobs: Blobs, key: KeySigner, channel: SoapChannel) -> None:
        super().__init__(blobs, key)
        self.channel = channel

    def _prepare(self, work: Work) -> Payload:
        assert isinstance(work.record, Report)
        unsigned = mapping.unsigned_packet(work.record, "qcvn102")
        reference = wire.packet_reference(work.record.packet_id)
        return self._payload(sign_packet(unsigned, self.key, reference_id=reference), "text/xml")

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        packet = self.blobs.read(payload.blob.sha256)
        told = self.channel.call_with_packet("SubmitReport", packet, safe=True)
        if not isinstance(told, SoapAnswer):
            raise TypeError(f"the remote answered {told}")
        self.delivered(work)
        return Receipt(external_id=told.values["receiptId"], raw=told.raw)


def _report(number: int) -> Item:
    packet_id = str(uuid.uuid4())
    report = ministry.report(packet_id=packet_id)
    fields: dict[str, Any] = {"business_key": packet_id, "title": f"report {number}", "record": report}
    return Item(Kind.REPORT, packet_id, "1", f"lane{number // 2}", **fields)


@contextmanager
def _soap(blobs: Blobs, keys: Path, url: str) -> Iterator[SignedSoap]:
    with opened(url) as channel:
        yield SignedSoap(blobs, SandboxPki.open(keys).signer(SENDER), channel)


SOAP = Kit(
    "SOAP",
    Kind.REPORT,
    _report,
    _soap,
    lambda: Loopback(answer=accepted(), media_type="text/xml; charset=utf-8"),
)
