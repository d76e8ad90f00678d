"""The verdict on an XML file (kết luận về tệp XML): XMLDSig, and the signed properties of XAdES.

0. Read under limits, no document type. 1. Every ds:Signature in the file, by itself
(`trust.xml_signature`). A signature is about what it refers to, so each says what of the file it leaves
open; a file of which something is left open by a signature has not passed. 2. Where a seal is on the whole,
what stands around the parts that others signed is no more open.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ebrvt_connect.codec.xml import XML_DTD_FORBIDDEN
from ebrvt_connect.trust import findings, xml_findings
from ebrvt_connect.trust.examination import fenced
from ebrvt_connect.trust.grounds import FileJudgement
from ebrvt_connect.trust.kind import is_web_page
from ebrvt_connect.trust.signature_marks import holds_signature_element
from ebrvt_connect.trust.verdict import Indication, SignatureRole
from ebrvt_connect.trust.xml_reading import XmlRefused, holds_signature, read_root, signature_elements
from ebrvt_connect.trust.xml_signature import (
    ExaminedXml,
    content_of_packet,
    content_of_sealed_xml,
    content_of_xml,
    examine_xml_signature,
)

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.verdict import SignatureReport
    from ebrvt_connect.trust.xml_signature import ContentOf

_LARGE_BYTES = 1024 * 1024
"""Packets with large files are rarely signed themselves: it is looked before a tree is made of one."""


def judge_xml(data: bytes, grounds: Grounds) -> FileJudgement:
    """Judge every signature of an XML file. Never raises for bad content."""
    try:
        if len(data) > _LARGE_BYTES and not holds_signature(data):
            return FileJudgement((), (grounds.policy.notice(findings.SIGNED_DATA_NOT_FOUND),))
        root = read_root(data)  # 0
        examined = examine_all(root, len(data), grounds)  # 1
    except XmlRefused as refusal:
        # A page, or a drawing with a document type: nothing to verify in it. A damaged file may have lost it.
        no_xml = is_web_page(data) or refusal.facts.get("fault") == XML_DTD_FORBIDDEN.code
        if no_xml and not _may_show_signature(data):
            return FileJudgement((), (grounds.policy.notice(findings.SIGNED_DATA_NOT_FOUND),))
        return FileJudgement((), (grounds.policy.notice(refusal.code, **refusal.facts),))
    if not examined:
        return FileJudgement((), (grounds.policy.notice(findings.SIGNED_DATA_NOT_FOUND),))
    return FileJudgement(tuple(e.report for e in examined), ())


def _may_show_signature(data: bytes) -> bool:
    """Whether a signature stands in it, or may come out of an entity with a character reference in it."""
    return holds_signature_element(data) or (b"<!ENTITY" in data and b"&#" in data)


def examine_all(
    root: Element, size: int, grounds: Grounds, *, message: bool = False
) -> tuple[ExaminedXml, ...]:
    """Each signature examined, in document order; raises `XmlRefused` for more than is examined.

    `message`: a packet in its envelope, of which only the signed octets are read any further.
    """
    elements = signature_elements(root, size, grounds.policy)
    content_of = content_of_packet if message else content_of_xml
    numbered = tuple(enumerate(elements, 1))
    examined = tuple(_examined(element, index, grounds, content_of) for index, element in numbered)
    if message or not any(_seals_all(one.report) for one in examined):
        return examined
    return tuple(
        _examined(element, index, grounds, content_of_sealed_xml) if _is_in_envelope(one.report) else one
        for (index, element), one in zip(numbered, examined, strict=True)
    )


def _examined(element: Element, index: int, grounds: Grounds, content_of: ContentOf) -> ExaminedXml:
    look = partial(examine_xml_signature, element, index, grounds, content_of)
    return fenced(look, index, grounds.policy, ExaminedXml, format="XMLDSig")


def _seals_all(report: SignatureReport) -> bool:
    """Whether it is a registered seal that has passed, over all of the file, other signatures with it."""
    passed = report.indication is Indication.TOTAL_PASSED and report.role is SignatureRole.AGENCY
    return passed and report.coverage.level == "entire_file"


def _is_in_envelope(report: SignatureReport) -> bool:
    return any(f.code == xml_findings.XML_ENVELOPE_UNSIGNED for f in report.findings)
