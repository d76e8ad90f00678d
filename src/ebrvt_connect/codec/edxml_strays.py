"""Elements of a packet that stand where none belongs (mục đặt sai chỗ trong gói tin).

Elements are read at their one place and in the namespace of edXML, so what stands elsewhere is nothing to us.
Software that looks for a name wherever it stands, or whatever its namespace, takes it for the file, the
sender or the date. So each is told, and a verdict on signatures does not pass over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.codec.edxml_findings import path_of
from ebrvt_connect.codec.edxml_words import EDXML_ELEMENT_ELSEWHERE, NAMESPACE
from ebrvt_connect.codec.xml import local_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element as Element

    from ebrvt_connect.codec.edxml_findings import Findings

_OURS = f"{{{NAMESPACE}}}"
_PARENTS = {
    "edXML": (),
    "edXMLEnvelope": ("edXML",),
    "edXMLHeader": ("edXMLEnvelope",),
    "MessageHeader": ("edXMLHeader",),
    "PromulgationInfo": ("MessageHeader",),
    "From": ("MessageHeader",),
    "edXMLBody": ("edXMLEnvelope",),
    "edXMLManifest": ("edXMLBody",),
    "Manifest": ("edXMLBody",),
    "Reference": ("edXMLManifest", "Manifest"),
    "AttachmentEncoded": ("edXML",),
    "Attachment": ("AttachmentEncoded",),
    "ContentTransferEncoded": ("Attachment",),
    "AttachmentName": ("Attachment", "Reference"),
    "ContentId": ("Attachment", "Reference"),
    "OrganId": ("From", "To", "ResponseFor", "TraceHeader", "Receiver", "OrganIdList"),
    "CodeNumber": ("Code",),
    "CodeNotation": ("Code",),
    "PromulgationDate": ("PromulgationInfo", "ResponseFor"),
    "StatusCode": ("MessageHeader",),
}
"""What files and document are read from, with what each may stand in."""
_OF_A_DOCUMENT = {
    **dict.fromkeys(
        ("To", "ResponseFor", "Subject", "Content", "DocumentType", "SignerInfo", "DueDate", "ToPlaces"),
        ("MessageHeader",),
    ),
    **dict.fromkeys(("OtherInfo", "SteeringType", "ResponseForTask", "ApplicationType"), ("MessageHeader",)),
    "Code": ("MessageHeader", "ResponseFor"),
    "DocumentId": ("MessageHeader", "ResponseFor", "Bussiness", "ReplacementInfo"),
    **dict.fromkeys(("OrganName", "OrganAdd", "OrganizationInCharge"), ("From", "To")),
    "TraceHeaderList": ("edXMLHeader",),
    "TraceHeader": ("TraceHeaderList",),
    "Bussiness": ("TraceHeaderList",),
    "BussinessDocumentInfo": ("Bussiness",),
    "ReceiverList": ("BussinessDocumentInfo",),
    "Receiver": ("ReceiverList",),
    "ReplacementInfoList": ("Bussiness",),
    "ReplacementInfo": ("ReplacementInfoList",),
    "OrganIdList": ("ReplacementInfo",),
    **dict.fromkeys(("BussinessDocType", "BussinessDocReason"), ("Bussiness",)),
    **dict.fromkeys(("Type", "TypeDetail", "TypeName"), ("DocumentType",)),
    **dict.fromkeys(("Competence", "FullName"), ("SignerInfo",)),
    **dict.fromkeys(
        ("Priority", "SphereOfPromulgation", "TyperNotation", "PromulgationAmount", "PageAmount"),
        ("OtherInfo",),
    ),
    "Appendixes": ("OtherInfo",),
    "Appendix": ("Appendixes",),
    "TaskCode": ("ResponseForTask",),
    "Place": ("PromulgationInfo", "ToPlaces"),
}
"""What else a document says (QCVN 102:2016/BTTTT). These words others use as well, for other things: they are
told only in the namespace of edXML. Parts that vendors put in different places are left out.
"""


def note_strays(root: Element, findings: Findings) -> None:
    """Warn about each element that is called like one of the packet's own and is none."""
    for element in _strays(root):
        name = local_name(str(element.tag))
        findings.warn(EDXML_ELEMENT_ELSEWHERE, path_of(element), name)


def _strays(root: Element) -> Iterator[Element]:
    for element in root.iter():
        name = local_name(str(element.tag))
        if name in _PARENTS:
            above = _PARENTS[name]
        elif element.tag == _OURS + name and name in _OF_A_DOCUMENT:
            above = _OF_A_DOCUMENT[name]
        else:
            continue
        if element.tag != _OURS + name or not _is_in_place(element, above):
            yield element


def _is_in_place(element: Element, above: tuple[str, ...]) -> bool:
    """Whether its parent is one it may have; that stands in its own place, or is told as well."""
    parent = element.getparent()
    return parent is None or str(parent.tag) in {_OURS + name for name in above}
