"""From the elements of a packet to a document or a status (QCVN 102:2016/BTTTT, numbers in brackets).

What identifies a document is required and must be there once: sender, number and symbol, abstract, the
document a status is about. Everything else may be absent, odd or repeated and leaves a warning. Nothing
is made up: a date that cannot be read is absent.
"""

from __future__ import annotations

from ebrvt_connect.codec.edxml_findings import Node
from ebrvt_connect.codec.edxml_words import (
    AGENCY_CODE_NOT_READ,
    AXIS_STATUS_CODES,
    BUSINESS_KIND_UNKNOWN,
    BUSINESS_KINDS,
    EDXML_STATUS_CODE_LOCAL,
    FIELD_ABSENT,
    PRIORITY_UNKNOWN,
    RECIPIENT_REPEATED,
    STATUS_CODE_UNKNOWN,
    missing,
)
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import (
    LOCAL_STATUS_CODES,
    Agency,
    Attachment,
    Business,
    BusinessKind,
    Document,
    DocumentReference,
    DocumentStatus,
    DocumentType,
    ReceiverChange,
    Replacement,
    Signatory,
    Staff,
    StatusCode,
    TraceHop,
    Urgency,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber

_URGENCIES = {str(int(urgency)): urgency for urgency in Urgency}


def read_status(header: Node) -> DocumentStatus:
    """The status a `MessageHeader` with a `StatusCode` tells of.

    Raises `InvalidValue` when it says not who tells it or about which document, or carries a code that
    is the province's own.
    """
    reporter = _agency(header.required("From"))
    about = _required_reference(header.required("ResponseFor"))
    code = _status_code(header)
    recall = code == StatusCode.RECALL
    note = header.text("Description")
    if not note and code == StatusCode.REFUSED:
        header.findings.warn(FIELD_ABSENT, "Description")
    return DocumentStatus(
        code=code,
        reporter=reporter,
        # A recall is told by the document's sender, and ResponseFor names whom it is told to.
        about=about.model_copy(update={"agency_code": reporter.code}) if recall else about,
        addressee=about.agency_code if recall else None,
        note=note,
        happened_at=header.time("Timestamp"),
        staff=_staff(header.first("StaffInfo")),
    )


def read_document(header: Node, trace: Node | None, attachments: tuple[Attachment, ...]) -> Document:
    """The document a `MessageHeader` describes, with its trace, business part and files.

    Raises `InvalidValue` when sender, recipients, number, symbol or abstract are missing or unreadable.
    """
    other = header.first("OtherInfo")
    promulgation = header.first("PromulgationInfo")
    promulgated_on = promulgation.day("PromulgationDate") if promulgation else None
    if promulgation is None or not promulgation.has("PromulgationDate"):
        header.findings.warn(FIELD_ABSENT, "PromulgationInfo/PromulgationDate")
    places = header.first("ToPlaces")
    tasks = header.first("ResponseForTask")
    appendixes = other.first("Appendixes") if other else None
    return Document(
        document_id=_only_text(header, "DocumentId"),
        number=_number(header.required("Code")),
        issuer=_agency(header.required("From")),
        recipients=_recipients(header),
        kind=_kind(header.first("DocumentType")),
        abstract=header.required_text("Subject"),
        content=header.text("Content"),
        place=promulgation.text("Place") if promulgation else "",
        promulgated_on=promulgated_on,
        signatory=_signatory(header.first("SignerInfo")),
        due_on=header.day("DueDate"),
        urgency=_urgency(header, other),
        circulation_scope=other.text("SphereOfPromulgation") if other else "",
        typist=other.text("TyperNotation") if other else "",
        copies=other.number("PromulgationAmount") if other else None,
        pages=other.number("PageAmount") if other else None,
        direction=other.flag("Direction") if other else None,
        appendixes=appendixes.texts("Appendix") if appendixes else (),
        reply_fors=other.text("ReplyFors") if other else "",
        reference_codes=other.text("ReferenceCodes") if other else "",
        response_for=_references(header),
        steering=header.number("SteeringType"),
        task_codes=tasks.texts("TaskCode") if tasks else (),
        application_type=header.text("ApplicationType"),
        places=places.texts("Place") if places else (),
        business=_business(trace),
        trace=_trace(trace),
        attachments=attachments,
    )


def _only_text(header: Node, name: str) -> str:
    header.only(name)
    return header.text(name)


def _agency(node: Node) -> Agency:
    return Agency(
        code=AgencyCode.parse(node.required_text("OrganId")),
        name=node.text("OrganName"),
        parent_name=node.text("OrganizationInCharge"),
        address=node.text("OrganAdd"),
        email=node.text("Email"),
        telephone=node.text("Telephone"),
        fax=node.text("Fax"),
        website=node.text("Website"),
    )


def _recipients(header: Node) -> tuple[Agency, ...]:
    """Every agency addressed, once; one that cannot be read is left out with a warning."""
    found: dict[str, Agency] = {}
    for node in header.all("To"):
        code = _code_or_none(node)
        if code is None:
            continue
        agency = _agency(node)
        if code.qd20 in found:
            node.findings.warn(RECIPIENT_REPEATED, "To/OrganId", code.text)
        found.setdefault(code.qd20, agency)
    if not found:
        raise missing("To")
    return tuple(found.values())


def _code_or_none(node: Node) -> AgencyCode | None:
    """The code under `OrganId`; without a readable one a warning, and the text stays among the unknown."""
    text = node.text("OrganId")
    try:
        return AgencyCode.parse(text)
    except InvalidValue:
        node.findings.warn(AGENCY_CODE_NOT_READ, node.path("OrganId"), text)
        for child in node.all("OrganId"):
            node.findings.leave(child.element)
        return None


def _number(node: Node) -> DocumentNumber:
    return DocumentNumber.of(node.required_text("CodeNumber"), node.required_text("CodeNotation"))


def _kind(node: Node | None) -> DocumentType:
    if node is None:
        return DocumentType()
    return DocumentType(
        group=node.number("Type"), detail=node.number("TypeDetail"), name=node.text("TypeName")
    )


def _signatory(node: Node | None) -> Signatory:
    if node is None:
        return Signatory()
    return Signatory(
        competence=node.text("Competence"), position=node.text("Position"), full_name=node.text("FullName")
    )


def _urgency(header: Node, other: Node | None) -> Urgency | None:
    """None, with a warning, when it is absent or unknown."""
    text = other.code("Priority", _URGENCIES, PRIORITY_UNKNOWN) if other else ""
    if not text:
        header.findings.warn(FIELD_ABSENT, "OtherInfo/Priority")
    return _URGENCIES.get(text)


def _references(header: Node) -> tuple[DocumentReference, ...]:
    return tuple(
        _reference(node, code)
        for node, code in ((node, _code_or_none(node)) for node in header.all("ResponseFor"))
        if code is not None
    )


def _reference(node: Node, code: AgencyCode) -> DocumentReference:
    number = node.text("Code")
    if not number:
        node.findings.warn(FIELD_ABSENT, node.path("Code"))
    return DocumentReference(
        agency_code=code,
        number=number,
        document_id=node.text("DocumentId"),
        promulgated_on=node.day("PromulgationDate"),
    )


def _required_reference(node: Node) -> DocumentReference:
    reference = _reference(node, AgencyCode.parse(node.required_text("OrganId")))
    if not (reference.number or reference.document_id):
        raise missing("ResponseFor/DocumentId")
    return reference


def _status_code(header: Node) -> str:
    """The code as it was told; one nobody knows leaves a warning, one of the province's own is refused."""
    code = header.required_text("StatusCode")
    if code in LOCAL_STATUS_CODES:
        raise InvalidValue(EDXML_STATUS_CODE_LOCAL, f"status code {code!r} came from the axis", got=code)
    if code not in AXIS_STATUS_CODES:
        header.findings.warn(STATUS_CODE_UNKNOWN, "StatusCode", code)
    return code


def _staff(node: Node | None) -> Staff | None:
    if node is None:
        return None
    return Staff(
        department=node.text("Department"),
        department_id=node.text("DepartmentId"),
        name=node.text("Staff"),
        staff_id=node.text("StaffId"),
        position=node.text("Position"),
        email=node.text("Email"),
        mobile=node.text("Mobile"),
    )


def _trace(node: Node | None) -> tuple[TraceHop, ...]:
    """Hops as written; since 2025 the axis adds ones whose agency is empty or the word "null"."""
    if node is None:
        return ()
    return tuple(
        TraceHop(agency=hop.text("OrganId"), passed_at=hop.time("Timestamp"))
        for hop in node.all("TraceHeader")
    )


def _business(trace: Node | None) -> Business:
    node = trace.only("Bussiness") if trace else None
    if trace is None or node is None:
        return Business()
    kind = node.code("BussinessDocType", BUSINESS_KINDS, BUSINESS_KIND_UNKNOWN)
    info = node.first("BussinessDocumentInfo")
    paper = node.flag("Paper")
    return Business(
        kind=BUSINESS_KINDS.get(kind, BusinessKind.UNKNOWN) if kind else BusinessKind.NEW,
        reason=node.text("BussinessDocReason"),
        document_id=node.text("DocumentId"),
        # Some put it beside the business part instead of into it.
        paper_follows=trace.flag("Paper") if paper is None else paper,
        content_changed=info.flag("DocumentInfo") if info else None,
        receivers_changed=info.flag("DocumentReceiver") if info else None,
        receivers=_receivers(info),
        staff=tuple(staff for staff in map(_staff, node.all("StaffInfo")) if staff),
        replacements=tuple(
            _replacement(one)
            for listed in node.all("ReplacementInfoList")
            for one in listed.all("ReplacementInfo")
        ),
    )


def _receivers(info: Node | None) -> tuple[ReceiverChange, ...]:
    changes = []
    lists = info.all("ReceiverList") if info else ()
    for node in (receiver for one in lists for receiver in one.all("Receiver")):
        code, added = _code_or_none(node), node.flag("ReceiverType")
        if code is not None and added is not None:
            changes.append(ReceiverChange(code=code, added=added))
    return tuple(changes)


def _replacement(node: Node) -> Replacement:
    listed = node.first("OrganIdList")
    codes = []
    for child in listed.all("OrganId") if listed else ():
        try:
            codes.append(AgencyCode.parse(child.own_text()))
        except InvalidValue:
            node.findings.warn(AGENCY_CODE_NOT_READ, node.path("OrganIdList/OrganId"), child.own_text())
            node.findings.leave(child.element)
    return Replacement(document_id=node.required_text("DocumentId"), agency_codes=tuple(codes))
