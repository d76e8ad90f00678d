"""Signed samples that are no PDFs: XML result papers and CMS files, signed for real with the sandbox's keys.

A result paper (giấy tờ kết quả giải quyết thủ tục hành chính) in XML has its content in one part and the
signatures beside it, so that leader and seal both sign the same part, as state forms in XML have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ebrvt_connect.transport.signing_cms import sign_cms as signed_cms
from ebrvt_connect.trust.xmldsig import sign_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebrvt_connect.ports.signer import Signer

__all__ = ["RESULT_PART_ID", "result_paper_xml", "signed_cms", "signed_xml"]

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


def signed_xml(paper: bytes, signers: Sequence[Signer], *, part_id: str = RESULT_PART_ID) -> bytes:
    """The paper with a signature of each signer over its part, in this order: the leader, then the seal.

    Raises `ValueError` when the paper has no such part.
    """
    for signer in signers:
        paper = sign_part(paper, signer, reference_id=part_id)
    return paper
