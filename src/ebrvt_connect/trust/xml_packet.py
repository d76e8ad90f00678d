"""A signed packet (gói tin có ký số): verified, and handed out as the bytes that were signed.

Whoever reads a packet must read exactly what the signature is about, not what stands where a packet is
expected: that is what wrapping attacks rely on. So the packet comes back only after its signature has
passed, and as the canonical bytes the digest was made of, without comments and without the signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebrvt_connect.codec.xml import local_name, parse_tree
from ebrvt_connect.trust import findings, limit_findings, xml_findings
from ebrvt_connect.trust.grounds import FileJudgement, Grounds
from ebrvt_connect.trust.verdict import DocumentKind, Indication
from ebrvt_connect.trust.verify import fenced, report_of
from ebrvt_connect.trust.xades import examine_all
from ebrvt_connect.trust.xml_reading import XmlRefused, read_root
from ebrvt_connect.trust.xml_words import SIGNATURE

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import VerificationReport
    from ebrvt_connect.trust.xml_signature import ExaminedXml


@dataclass(frozen=True, slots=True)
class SignedPacket:
    """A packet whose signature has passed."""

    data: bytes = field(repr=False)
    """The canonical bytes that were signed; there is no signature in them."""
    certificate_sha256: str
    """Who signed, as the register of signers knows it."""

    @property
    def element(self) -> Element:
        """The same, parsed anew at each call: nothing of it shares a tree with unsigned content."""
        return parse_tree(self.data)


@dataclass(frozen=True, slots=True)
class PacketVerdict:
    """The report on a packet, and the packet where it has passed."""

    report: VerificationReport
    signed: SignedPacket | None = None


def signed_packet(
    data: bytes,
    *,
    tag: str,
    policy: VerificationPolicy,
    trust: TrustStore,
    at: datetime,
    revocation: RevocationArchive | None = None,
    name: str = "",
) -> PacketVerdict:
    """Verify the one packet in `data` at the time `at` (aware), and give back what was signed.

    `data` are the bytes as received: the packet alone, or the whole SOAP message around it. `tag` is the
    packet's element, `{namespace}name`. Its signature must be its last child and cover all of it. Never
    raises for what the data hold; raises `ValueError` for a naive time.
    """
    grounds = Grounds.of(policy, trust, at, revocation)
    handed_out: list[SignedPacket] = []
    judgement = fenced(lambda: _judge(data, tag, grounds, handed_out), policy)
    report = report_of(judgement, grounds, kind=DocumentKind.XML, name=name, data=data)
    passed = report.indication is Indication.TOTAL_PASSED
    return PacketVerdict(report, handed_out[0] if passed and handed_out else None)


def _judge(data: bytes, tag: str, grounds: Grounds, handed_out: list[SignedPacket]) -> FileJudgement:
    """Judge the signatures and the packet's place; what it signed goes into `handed_out`."""
    notice = grounds.policy.notice
    if len(data) > grounds.policy.largest_bytes:
        limit = grounds.policy.largest_bytes
        return FileJudgement((), (notice(limit_findings.FILE_TOO_LARGE, limit_bytes=limit),))
    try:
        root = read_root(data)
        examined = examine_all(root, len(data), grounds, message=True)
    except XmlRefused as refusal:
        return FileJudgement((), (notice(refusal.code, **refusal.facts),))
    if not examined:
        return FileJudgement((), (notice(findings.SIGNED_DATA_NOT_FOUND),))
    reports = tuple(e.report for e in examined)
    packet, reason = _place(root, tag, examined)
    if packet is None:
        misplaced = notice(xml_findings.XML_PACKET_MISPLACED, packet=local_name(tag), reason=reason)
        return FileJudgement(reports, (misplaced,))
    if reports[0].certificate is not None:
        handed_out.append(SignedPacket(packet, reports[0].certificate.sha256))
    return FileJudgement(reports, ())


def _place(root: Element, tag: str, examined: tuple[ExaminedXml, ...]) -> tuple[bytes | None, str]:
    """The packet's signed bytes; else nothing, and what is wrong with its place (in Vietnamese)."""
    packets = list(root.iter(tag))
    if len(packets) != 1:
        return None, f"có {len(packets)} gói tin"
    signatures = list(root.iter(SIGNATURE))
    if len(signatures) != 1:
        return None, f"có {len(signatures)} chữ ký"
    if packets[0][-1:] != signatures:
        return None, "chữ ký không nằm cuối gói tin"
    signed = [data for target, data in examined[0].signed if target is packets[0]]
    if not signed and not examined[0].report.integrity:
        return b"", ""  # its own report says why; there is nothing to hand out
    return (signed[0], "") if len(signed) == 1 else (None, "chữ ký không ký trọn gói tin")
