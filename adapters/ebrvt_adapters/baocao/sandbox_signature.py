"""How the simulated ministry checks a packet's signature: as somebody else's software would.

It does not ask our own verifier, and knows certificates one by one instead of by their issuers. The form is
held to first, so that nothing is verified but the packet, and only what was verified is read.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidInput, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from ebrvt_adapters.baocao import wire
from ebrvt_adapters.baocao.sandbox_door import RefusedError, issue, refused
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lxml.etree import _Element as Element

    from ebrvt_adapters.baocao.sandbox_door import Cut

_CERTIFICATES = "{*}KeyInfo/{*}X509Data/{*}X509Certificate"
_PLACE = "ReportPacket/Signature"
_EXPECTED = SignatureConfiguration(
    location="./",
    expect_references=1,
    signature_methods=frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.ECDSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
)
_BROKEN = (InvalidInput, ValueError, TypeError, KeyError, AttributeError, etree.Error)
"""What signxml lets out over a signature that is none."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A packet whose signature holds: only what was signed is read."""

    packet: wire.Packet
    certificate_sha256: str


@dataclass(frozen=True, slots=True)
class Register:
    """Which certificate may sign for which agencies; one that is not listed signs for nobody."""

    senders: Mapping[str, tuple[AgencyCode, ...]]
    """By the certificate's SHA-256 in hex."""
    receivers: tuple[AgencyCode, ...]

    def signed(self, cut: Cut, now: datetime) -> Signed:
        """The packet as it was signed; raises `RefusedError` `SIGNATURE_INVALID`."""
        # The hardened parser has read these bytes within their request; comments are to be seen this time.
        packet = etree.fromstring(cut.alone, etree.XMLParser(resolve_entities=False, no_network=True))
        signature = _signature_of(packet)
        certificate, sha256 = self._signer(signature)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise _invalid("CERTIFICATE_EXPIRED", "chứng thư số chưa có hiệu lực hoặc đã hết hạn")
        return Signed(wire.Packet.read(_verified(packet, certificate)), sha256)

    def check_sender(self, signed: Signed) -> None:
        """The certificate may sign for the sender, the sender report for the organisation."""
        header = signed.packet.header
        sender = _agency(header.sender_code, "header/senderCode")
        if not any(sender.same_agency(one) for one in self.senders[signed.certificate_sha256]):
            detail = issue("SENDER", "header/senderCode", "chứng thư chưa đăng ký cho mã cơ quan này")
            raise refused("FORBIDDEN_SENDER", "the certificate is not registered for this sender", detail)
        organization = _agency(signed.packet.body.organization_code, "body/organizationCode")
        if organization.level_1 != sender.level_1:
            detail = issue("ORGANIZATION", "body/organizationCode", "cơ quan gửi không thuộc cùng tỉnh, bộ")
            raise refused("FORBIDDEN_SENDER", "the sender may not report for this organisation", detail)
        receiver = _agency(header.receiver_code, "header/receiverCode")
        if not any(receiver.same_agency(one) for one in self.receivers):
            detail = issue("RECEIVER", "header/receiverCode", "không phải cơ quan nhận báo cáo này")
            raise refused("SCHEMA_INVALID", "this packet is for somebody else", detail)

    def _signer(self, signature: Element) -> tuple[x509.Certificate, str]:
        """The first certificate in the signature that is listed."""
        for element in signature.iterfind(_CERTIFICATES):
            try:
                der = base64.b64decode("".join((element.text or "").split()), validate=True)
                sha256 = hashlib.sha256(der).hexdigest()
                if sha256 in self.senders:
                    return x509.load_der_x509_certificate(der), sha256
            except ValueError:
                continue
        raise _invalid("CERTIFICATE_UNKNOWN", "gói tin không được ký bằng chứng thư số đã đăng ký")


def _signature_of(packet: Element) -> Element:
    """The packet's one signature, its last child, about the packet and nothing else."""
    if any(not isinstance(node.tag, str) for node in packet.iter()):
        raise _invalid("REMARKS", "gói tin có chú thích hoặc chỉ thị xử lý XML")
    signatures = list(packet.iter(wire.SIGNATURE))
    if not signatures:
        raise _invalid("SIGNATURE_MISSING", "gói tin chưa được ký số")
    if len(signatures) != 1 or packet[-1] is not signatures[0]:
        raise _invalid("SIGNATURE_MISPLACED", "chữ ký số phải là phần tử cuối cùng và duy nhất của gói tin")
    name = packet.get("Id") or ""
    references = [one.get("URI") for one in signatures[0].iterfind("{*}SignedInfo/{*}Reference")]
    same = [node for node in packet.iter() if name in {node.get(key) for key in ("Id", "ID", "id")}]
    if references != [f"#{name}"] or same != [packet]:
        raise _invalid("SIGNATURE_ELSEWHERE", "chữ ký số không ký đúng gói tin này")
    return signatures[0]


def _verified(packet: Element, certificate: x509.Certificate) -> Element:
    """What was signed, as signxml hands it out; raises `RefusedError`."""
    # Whether the certificate is valid now has been seen to; signxml would ask the machine's clock.
    expected = replace(_EXPECTED, verification_time=certificate.not_valid_before_utc)
    try:
        result = XMLVerifier().verify(
            packet, x509_cert=certificate, expect_config=expected, id_attribute="Id", validate_schema=False
        )
    except InvalidDigest:
        raise _invalid("DIGEST", "nội dung gói tin đã thay đổi hoặc bị định dạng lại sau khi ký") from None
    except InvalidSignature:
        raise _invalid(
            "SIGNATURE_VALUE", "giá trị chữ ký số không đúng, hoặc chữ ký đã bị định dạng lại"
        ) from None
    except _BROKEN:
        raise _invalid(
            "SIGNATURE_MALFORMED", "chữ ký số sai cấu trúc hoặc dùng thuật toán không được phép"
        ) from None
    signed = None if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != wire.PACKET:
        raise _invalid("SIGNATURE_ELSEWHERE", "chữ ký số không ký đúng gói tin này")
    return signed


def _invalid(code: str, message_vi: str) -> RefusedError:
    detail = issue(code, _PLACE, message_vi)
    return refused("SIGNATURE_INVALID", "the packet's signature does not hold", detail)


def _agency(text: str, path: str) -> AgencyCode:
    try:
        return AgencyCode.parse(text)
    except InvalidValue:
        detail = issue("AGENCY_CODE", path, "mã cơ quan không hợp lệ")
        raise refused("SCHEMA_INVALID", "no agency code", detail) from None
