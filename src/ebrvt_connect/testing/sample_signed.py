"""Signed samples that are no PDFs: XML result papers and CMS files, signed for real with the sandbox's keys.

A result paper (giấy tờ kết quả giải quyết thủ tục hành chính) in XML has its content in one part and the
signatures beside it, so that leader and seal both sign the same part, as state forms in XML have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from asn1crypto import cms
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from ebrvt_connect.transport.signers import VIETNAM_TIME, run_steps
from ebrvt_connect.trust.xmldsig import sign_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.transport.signers import KeySigner

RESULT_PART_ID = "noi-dung"
"""Id of the part of a result paper that is signed."""
_NAMESPACE = "urn:ebrvt:sandbox:result:1"


def result_paper_xml(title: str, facts: Mapping[str, str]) -> bytes:
    """An unsigned result paper; `facts` are its lines, label to value."""
    lines = "".join(
        f"<muc><ten>{escape(k)}</ten><giaTri>{escape(v)}</giaTri></muc>" for k, v in facts.items()
    )
    content = f'<noiDung Id="{RESULT_PART_ID}"><tieuDe>{escape(title)}</tieuDe>{lines}</noiDung>'
    return f'<ketQua xmlns="{_NAMESPACE}">{content}</ketQua>'.encode()


def signed_xml(paper: bytes, signers: Sequence[KeySigner], *, part_id: str = RESULT_PART_ID) -> bytes:
    """The paper with a signature of each signer over its part, in this order: the leader, then the seal.

    Raises `ValueError` when the paper has no such part.
    """
    for signer in signers:
        paper = sign_part(paper, signer, reference_id=part_id)
    return paper


def signed_cms(
    content: bytes,
    signers: Sequence[KeySigner],
    *,
    signed_at: datetime,
    detached: bool = False,
    timestamper: TimeStamper | None = None,
    digest: str = "sha256",
    cades: bool = True,
) -> bytes:
    """A CMS file (DER): with the content inside (.p7m), or beside it (.p7s, `detached`).

    `signed_at` (aware) is the claimed time. `cades` binds each signer's certificate (CAdES-BES). Raises
    `ValueError` without signers, and whatever the timestamper raises.
    """
    attributes = PdfCMSSignedAttributes(signing_time=signed_at.astimezone(VIETNAM_TIME))
    made = [
        run_steps(
            signer.async_sign_general_data(
                content,
                digest,
                detached=detached,
                use_cades=cades,
                timestamper=timestamper,
                signed_attr_settings=attributes,
            )
        )["content"]
        for signer in signers
    ]
    if not made:
        raise ValueError("signers: got none, expected at least one")
    whole = made[0]
    whole["signer_infos"] = cms.SignerInfos([data["signer_infos"][0] for data in made])
    certificates = {c.dump(): c for data in made for c in data["certificates"]}
    whole["certificates"] = cms.CertificateSet(list(certificates.values()))
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": whole}).dump())
