"""Papers of one agency with their record, signed one after the other by whom a rule says, in each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from asn1crypto import cms

from ebrvt_connect.ports.signer import Signer
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from tests.unit.trust.ooxml_samples import HOW, office_parts, packed, signed_package
from tests.unit.trust.packet_samples import edxml, record_of
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY, Desk, plain_pdf

CONTENT = b"Van ban mau, trang 1 cua 1.\n" * 9
_BETWEEN = timedelta(hours=1)

Signing = tuple[Signer, datetime]


def packet_of(desk: Desk, form: str, rule: str) -> tuple[object, Mapping[str, bytes]]:
    """What `verify_packet` takes: an edXML file, or a record and its files."""
    signers = _signers(desk, rule)
    first = AT - len(signers) * _BETWEEN
    signings = [(signer, first + n * _BETWEEN) for n, signer in enumerate(signers)]
    if form == "edxml":
        return edxml(_pdf(desk, signings)), {}
    return record_of(_PAPERS[form](desk, signings))


def _signers(desk: Desk, rule: str) -> list[Signer]:
    leader, seal = (desk.pki.signer(AGENCY, role=role) for role in ("person", "agency"))
    foreign, unlisted = desk.pki.signer(OTHER_AGENCY), desk.pki.signer(AGENCY, flavour="unlisted")
    return {
        "leader-then-seal": [leader, seal],
        "seal-before-leader": [seal, leader],
        "foreign-seal": [leader, foreign],
        "foreign-seal-added": [leader, seal, foreign],
        "seal-without-leader": [seal],
        "leader-without-seal": [leader],
        "seal-in-nobodys-register": [leader, unlisted],
    }[rule]


def _pdf(desk: Desk, signings: list[Signing], *, pades: bool = True) -> dict[str, bytes]:
    from ebrvt_connect.transport.signers import sign_pdf

    pdf = plain_pdf()
    for signer, when in signings:
        pdf = sign_pdf(
            pdf, signer, role="agency", signed_at=when, timestamper=desk.stamped(when), pades=pades
        )
    return {"cv.pdf": pdf}


def _adbe(desk: Desk, signings: list[Signing]) -> dict[str, bytes]:
    return _pdf(desk, signings, pades=False)


def _xml(_: Desk, signings: list[Signing]) -> dict[str, bytes]:
    """Without any time: nobody can tell who signed first."""
    return {"cv.xml": signed_xml(result_paper_xml("Báo cáo", {"Số": "125"}), [s for s, _ in signings])}


def _signed(desk: Desk, signing: Signing, *, detached: bool) -> bytes:
    signer, when = signing
    stamper = desk.stamped(when)
    return signed_cms(CONTENT, [signer], signed_at=when, detached=detached, timestamper=stamper)


def _cms(desk: Desk, signings: list[Signing]) -> dict[str, bytes]:
    """One content with several signers, each with his own time."""
    each = [cms.ContentInfo.load(_signed(desk, s, detached=False))["content"] for s in signings]
    whole = each[0]
    certificates = {c.dump(): c for one in each for c in one["certificates"]}
    whole["certificates"] = list(certificates.values())
    whole["signer_infos"] = cms.SignerInfos([one["signer_infos"][0] for one in each])
    return {"cv.p7m": cms.ContentInfo({"content_type": "signed_data", "content": whole}).dump()}


def _p7s(desk: Desk, signings: list[Signing]) -> dict[str, bytes]:
    """Each signature in a file of its own beside the content."""
    names = ["cv.txt.p7s", "cv.p7s", "cv.txt.sig"]
    beside = {name: _signed(desk, s, detached=True) for name, s in zip(names, signings, strict=False)}
    return {"cv.txt": CONTENT, **beside}


def _package(kind: str) -> Callable[[Desk, list[Signing]], dict[str, bytes]]:
    def make(_: Desk, signings: list[Signing]) -> dict[str, bytes]:
        parts = office_parts(kind)
        for signer, when in signings:
            parts = signed_package(parts, signer, replace(HOW, signed_at=when))
        return {f"cv.{kind}": packed(parts)}

    return make


_PAPERS: Mapping[str, Callable[[Desk, list[Signing]], dict[str, bytes]]] = {
    "pdf": _pdf,
    "adbe": _adbe,
    "xml": _xml,
    "cms": _cms,
    "p7s": _p7s,
    **{kind: _package(kind) for kind in ("docx", "xlsx", "pptx")},
}
