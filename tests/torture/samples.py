"""Signed files to be tortured: one small, sound file of each format, and what it needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ebrvt_connect.testing import sample_ooxml
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import VerificationReport
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.ooxml_samples import signed
from tests.unit.trust.packet_samples import edxml
from tests.unit.trust.samples import AGENCY, AT, Desk, plain_pdf
from tests.unit.trust.xades_samples import xades_signed


@dataclass(frozen=True)
class Sample:
    """A sound file; `beside` is detached content, which is tortured too where there is some."""

    format: str
    data: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Verifier:
    """The verdict under one policy at one time."""

    trust: TrustStore

    def __call__(self, data: bytes, beside: Mapping[str, bytes]) -> VerificationReport:
        return verify_bytes(data, policy=VN_2025, trust=self.trust, at=AT, detached=beside)


def _pdf(desk: Desk) -> Sample:
    return Sample("pdf", desk.issued(timestamper=desk.stamped()))


def _xml(desk: Desk) -> Sample:
    people = [desk.pki.signer(AGENCY, role="person"), desk.pki.signer(AGENCY)]
    return Sample(
        "xml", signed_xml(result_paper_xml("Giấy phép", {"Số": "12", "Ngày": "01/10/2019"}), people)
    )


def _xades(desk: Desk) -> Sample:
    xml = b'<goi Id="pkt-1"><giaTri>21.37</giaTri><kyHan>2019</kyHan></goi>'
    return Sample("xades", xades_signed(desk.pki.signer(AGENCY), xml, timestamper=desk.stamped()))


def _edxml(desk: Desk) -> Sample:
    packet = edxml({"cv.pdf": desk.issued(timestamper=desk.stamped())})
    return Sample("edxml", xades_signed(desk.pki.signer(AGENCY), packet, timestamper=desk.stamped()))


def _cms(desk: Desk) -> Sample:
    people = [desk.pki.signer(AGENCY, role="person"), desk.pki.signer(AGENCY)]
    return Sample("cms", signed_cms(b"Van ban mau.\n" * 20, people, signed_at=AT, timestamper=desk.stamped()))


def _p7s(desk: Desk) -> Sample:
    content = plain_pdf()
    people = [desk.pki.signer(AGENCY)]
    return Sample("p7s", signed_cms(content, people, signed_at=AT, detached=True), {"giay.pdf": content})


def _package(kind: sample_ooxml.OfficeKind) -> Callable[[Desk], Sample]:
    def make(desk: Desk) -> Sample:
        return Sample(kind, sample_ooxml.packed(signed(desk.pki.signer(AGENCY), kind)))

    return make


MAKERS: Mapping[str, Callable[[Desk], Sample]] = {
    "pdf": _pdf,
    "xml": _xml,
    "xades": _xades,
    "edxml": _edxml,
    "cms": _cms,
    "p7s": _p7s,
    "docx": _package("docx"),
    "xlsx": _package("xlsx"),
    "pptx": _package("pptx"),
}
