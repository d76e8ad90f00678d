"""The verdict on an XML file (kết luận về tệp XML): XMLDSig, and the signed properties of XAdES.

0. Read under limits, no document type. 1. Every ds:Signature in the file, by itself
(`trust.xml_signature`). A signature is about what it refers to, so each says what of the file it leaves
open; a file of which something is left open by a signature has not passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.grounds import FileJudgement
from ebrvt_connect.trust.xml_reading import XmlRefused, read_root, signature_elements
from ebrvt_connect.trust.xml_signature import (
    ExaminedXml,
    bare_report,
    examine_xml_signature,
    refused_report,
)

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.grounds import Grounds

_XMLDSIG_NAMESPACE = b"www.w3.org/2000/09/xmldsig"


def judge_xml(data: bytes, grounds: Grounds) -> FileJudgement:
    """Judge every signature of an XML file. Never raises for bad content."""
    try:
        root = read_root(data)  # 0
        examined = examine_all(root, len(data), grounds)  # 1
    except XmlRefused as refusal:
        if _XMLDSIG_NAMESPACE not in data:  # a page, a drawing, a damaged file: nothing to verify in it
            return FileJudgement((), (grounds.policy.notice(findings.SIGNED_DATA_NOT_FOUND),))
        return FileJudgement((), (grounds.policy.notice(refusal.code, **refusal.facts),))
    if not examined:
        return FileJudgement((), (grounds.policy.notice(findings.SIGNED_DATA_NOT_FOUND),))
    return FileJudgement(tuple(e.report for e in examined), ())


def examine_all(root: Element, size: int, grounds: Grounds) -> tuple[ExaminedXml, ...]:
    """Each signature examined, in document order; raises `XmlRefused` for more than is examined."""
    elements = signature_elements(root, size, grounds.policy)
    return tuple(_fenced(element, index, grounds) for index, element in enumerate(elements, 1))


def _fenced(element: Element, index: int, grounds: Grounds) -> ExaminedXml:
    """One signature examined; whatever a hostile one raises becomes a finding."""
    try:
        return examine_xml_signature(element, index, grounds)
    except XmlRefused as refusal:
        return refused_report(index, grounds, refusal)
    except MemoryError:
        raise
    except Exception as failure:  # noqa: BLE001 - hostile input breaks parsers in every way there is
        finding = grounds.policy.notice(findings.VERIFIER_FAILED, reason=type(failure).__name__)
        return ExaminedXml(bare_report(index, grounds, [finding]))
