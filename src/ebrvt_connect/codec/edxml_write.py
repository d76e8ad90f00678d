"""edXML generation 2, written in the vendor's very form: prefixes, order, CRLF, two spaces, `<x />`.

At least one axis node rejects files whose children lost the `edXML:` prefix, so the form is not a
matter of taste. The packet is checked against the strict schema before its first byte is handed out
(with the files left out: they are streamed from the blob store afterwards).

Ids are made from the document and its files, never drawn: preparing twice gives the same bytes.
Left out, because the wire has no place for them: confidentiality (anything but normal is refused), the
role of a file, a status teller's position, `unknown` and `warnings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

from ebrvt_connect.codec.edxml_attachments import extension, wire_content, wire_label
from ebrvt_connect.codec.edxml_dates import write_date, write_time
from ebrvt_connect.codec.edxml_words import (
    BUSINESS_KINDS,
    EDXML_SECRET_FORBIDDEN,
    EDXML_STATUS_CODE_LOCAL,
    EDXML_WRITE_INVALID,
    NAMESPACE,
    STRICT,
    missing,
)
from ebrvt_connect.codec.xml import (
    XML_CHARACTER_FORBIDDEN,
    XmlLimits,
    forbidden_character,
    parse_tree,
)
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import (
    LOCAL_STATUS_CODES,
    Agency,
    Attachment,
    Business,
    Confidentiality,
    Document,
    DocumentReference,
    DocumentStatus,
    DocumentType,
    Signatory,
    Staff,
    StatusCode,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ports.blobs import Blobs

_OWN_LIMITS = XmlLimits(file_bytes=64 * 1024 * 1024, elements=2_000_000)
_IDS = UUID("6f1c1f0e-5d1b-5f0e-9a53-0d4f4a0b1e02")
"""Name space of every id made here; changing it changes the bytes of packets prepared again."""

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\r\n'
_BUSINESS_CODES = {kind: code for code, kind in BUSINESS_KINDS.items()}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;", "\n": "\r\n"})
_QUOTED = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;"})
_DECLARED = ("xmlns:edXML", NAMESPACE)


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the content of a file goes."""

    attachment: Attachment
    entry_name: str


@dataclass(frozen=True, slots=True)
class _Element:
    """An element to be written: children, or a text, or a file."""

    name: str
    content: str | _Slot | tuple[_Element, ...]
    attributes: tuple[tuple[str, str], ...] = ()


def write_document(
    document: Document, blobs: Blobs, *, passed_at: datetime, passed_by: AgencyCode | None = None
) -> Iterator[bytes]:
    """A document as a packet (gói tin edXML), in pieces; nothing comes out unless all of it is valid.

    `passed_at` (aware) and `passed_by` (the issuer when not given) become the last hop of the trace.
    Raises `InvalidValue` `EDXML_FIELD_MISSING` (no document id, recipient, date, abstract, type or business
    reference), `EDXML_SECRET_FORBIDDEN`, `XML_CHARACTER_FORBIDDEN`, `EDXML_WRITE_INVALID`; `HeldForPerson`
    `BLOB_MISSING`; `ValueError` for a time without zone.
    """
    if document.confidentiality is not Confidentiality.NORMAL:
        raise InvalidValue(EDXML_SECRET_FORBIDDEN, f"confidentiality {document.confidentiality}")
    ids = _content_ids(document)
    envelope = _Element(
        "edXML:edXMLEnvelope",
        (
            _element("edXMLHeader", _message(document), _trace_list(document, passed_at, passed_by)),
            _element("edXMLBody", _manifest(document, ids)),
        ),
        (_DECLARED,),
    )
    files = _Element(
        "AttachmentEncoded", tuple(_file(document, one, ids[one.seq]) for one in document.attachments)
    )
    frame = _checked((envelope, files))
    for attachment in document.attachments:
        blobs.open(attachment.sha256).close()
    return _emitted(frame, blobs)


def write_status(status: DocumentStatus) -> bytes:
    """A status as a packet; raises `InvalidValue` as `write_document` does.

    `about` must be known, a refusal (02) needs its reason, a recall (13) somebody else to tell it to.
    """
    if status.code in LOCAL_STATUS_CODES:
        raise InvalidValue(
            EDXML_STATUS_CODE_LOCAL, f"status {status.code} is not for the axis", got=status.code
        )
    if status.code == StatusCode.REFUSED and not status.note.strip():
        raise missing("Description")
    message = _element(
        "MessageHeader",
        _agency("From", status.reporter),
        _about(status),
        *_staff(status.staff),
        _text("StatusCode", status.code),
        *_optional("Description", status.note),
        *_optional("Timestamp", write_time(status.happened_at) if status.happened_at else ""),
    )
    envelope = _Element("edXML:edXMLEnvelope", (_element("edXMLHeader", message),), (_DECLARED,))
    return "".join(piece for piece in _checked((envelope,)) if isinstance(piece, str)).encode("utf-8")


# --- the message header ---------------------------------------------------------------------------


def _message(document: Document) -> _Element:
    return _element(
        "MessageHeader",
        _agency("From", document.issuer),
        *_recipients(document),
        _required("DocumentId", document.document_id),
        _element(
            "Code",
            _text("CodeNumber", document.number.number),
            _text("CodeNotation", document.number.symbol),
        ),
        _promulgation(document),
        *_kind(document.kind),
        _required("Subject", document.abstract),
        *_optional("Content", document.content),
        *_signatory(document.signatory),
        *_day("DueDate", document.due_on),
        _other(document),
        *(_reference(one, one.agency_code) for one in document.response_for),
        *_number("SteeringType", document.steering),
        *_listed("ResponseForTask", "TaskCode", document.task_codes),
        *_optional("ApplicationType", document.application_type),
        *_listed("ToPlaces", "Place", document.places),
    )


def _agency(name: str, agency: Agency) -> _Element:
    return _element(
        name,
        _text("OrganId", agency.code.text),
        *_optional("OrganizationInCharge", agency.parent_name),
        *_optional("OrganName", agency.name),
        *_optional("OrganAdd", agency.address),
        *_optional("Email", agency.email),
        *_optional("Telephone", agency.telephone),
        *_optional("Fax", agency.fax),
        *_optional("Website", agency.website),
    )


def _recipients(document: Document) -> Iterator[_Element]:
    """Every agency once: an axis client refuses packets that name one twice."""
    once: dict[str, Agency] = {}
    for agency in document.recipients:
        once.setdefault(agency.code.qd20, agency)
    if not once:
        raise missing("To")
    return (_agency("To", agency) for agency in once.values())


def _promulgation(document: Document) -> _Element:
    if document.promulgated_on is None:
        raise missing("PromulgationInfo/PromulgationDate")
    return _element(
        "PromulgationInfo",
        *_optional("Place", document.place),
        *_day("PromulgationDate", document.promulgated_on),
    )


def _kind(kind: DocumentType) -> tuple[_Element, ...]:
    if kind == DocumentType():
        return ()
    if kind.group is None:
        raise missing("DocumentType/Type")
    return (
        _element(
            "DocumentType",
            *_number("Type", kind.group),
            *_number("TypeDetail", kind.detail),
            *_optional("TypeName", kind.name),
        ),
    )


def _signatory(signatory: Signatory) -> tuple[_Element, ...]:
    return _unless_empty(
        _element(
            "SignerInfo",
            *_optional("Competence", signatory.competence),
            *_optional("Position", signatory.position),
            *_optional("FullName", signatory.full_name),
        )
    )


def _other(document: Document) -> _Element:
    if document.urgency is None:
        raise missing("OtherInfo/Priority")
    direction = "" if document.direction is None else str(document.direction).lower()
    return _element(
        "OtherInfo",
        _text("Priority", str(int(document.urgency))),
        *_optional("SphereOfPromulgation", document.circulation_scope),
        *_optional("TyperNotation", document.typist),
        *_number("PromulgationAmount", document.copies),
        *_number("PageAmount", document.pages),
        *_optional("ReplyFors", document.reply_fors),
        *_optional("Direction", direction),
        *_optional("ReferenceCodes", document.reference_codes),
        *_listed("Appendixes", "Appendix", document.appendixes),
    )


def _reference(reference: DocumentReference, agency: AgencyCode) -> _Element:
    return _element(
        "ResponseFor",
        _text("OrganId", agency.text),
        _text("Code", reference.number),
        *_optional("DocumentId", reference.document_id),
        *_day("PromulgationDate", reference.promulgated_on),
    )


def _about(status: DocumentStatus) -> _Element:
    """ResponseFor says which document, and whom the status is told to: the axis routes by it."""
    if status.about is None:
        raise missing("ResponseFor")
    addressee = status.addressee or status.about.agency_code
    if status.code == StatusCode.RECALL and addressee.same_agency(status.reporter.code):
        raise missing("ResponseFor/OrganId")
    if not (status.about.number or status.about.document_id):
        raise missing("ResponseFor/DocumentId")
    return _reference(status.about, addressee)


def _staff(staff: Staff | None) -> tuple[_Element, ...]:
    if staff is None:
        return ()
    return (
        _element(
            "StaffInfo",
            *_optional("Department", staff.department),
            *_optional("DepartmentId", staff.department_id),
            *_optional("Staff", staff.name),
            *_optional("StaffId", staff.staff_id),
            *_optional("Email", staff.email),
            *_optional("Mobile", staff.mobile),
        ),
    )


# --- trace and business ---------------------------------------------------------------------------


def _trace_list(document: Document, passed_at: datetime, passed_by: AgencyCode | None) -> _Element:
    own = (passed_by or document.issuer.code).text
    earlier = ((hop.agency, hop.passed_at) for hop in document.trace if hop.passed_at is not None)
    return _Element(
        "edXML:TraceHeaderList",
        (
            _business(document.business),
            *(
                _element("TraceHeader", *_optional("OrganId", agency), _text("Timestamp", write_time(moment)))
                for agency, moment in (*earlier, (own, passed_at))
            ),
        ),
        (("id", _id(document, "trace")), ("version", "1.0")),
    )


def _business(business: Business) -> _Element:
    code = _BUSINESS_CODES.get(business.kind)
    if code is None:
        raise missing("Bussiness/BussinessDocType")
    return _element(
        "Bussiness",
        *_optional("DocumentId", business.document_id),
        _text("BussinessDocType", code),
        *_optional("BussinessDocReason", business.reason),
        *_flag("Paper", flag=business.paper_follows),
        *_changes(business),
        *_replacements(business),
        *(element for staff in business.staff for element in _staff(staff)),
    )


def _changes(business: Business) -> tuple[_Element, ...]:
    receivers = tuple(
        _element("Receiver", _text("OrganId", one.code.text), *_flag("ReceiverType", flag=one.added))
        for one in business.receivers
    )
    return _unless_empty(
        _element(
            "BussinessDocumentInfo",
            *_flag("DocumentInfo", flag=business.content_changed),
            *_flag("DocumentReceiver", flag=business.receivers_changed),
            *_unless_empty(_element("ReceiverList", *receivers)),
        )
    )


def _replacements(business: Business) -> tuple[_Element, ...]:
    return _unless_empty(
        _element(
            "ReplacementInfoList",
            *(
                _element(
                    "ReplacementInfo",
                    _required("DocumentId", one.document_id),
                    *_listed("OrganIdList", "OrganId", tuple(code.text for code in one.agency_codes)),
                )
                for one in business.replacements
            ),
        )
    )


# --- files ----------------------------------------------------------------------------------------


def _id(document: Document, what: str) -> str:
    return str(uuid5(_IDS, f"{document.document_id}\n{what}"))


def _content_ids(document: Document) -> dict[int, str]:
    """The id each file is referred to by: its own where it has one, else made from document and content."""
    ids = {
        one.seq: one.content_id or _id(document, f"{one.seq}\n{one.sha256}") for one in document.attachments
    }
    if len(set(ids.values())) < len(document.attachments):
        detail = "two attachments with one seq or content id"
        raise InvalidValue(EDXML_WRITE_INVALID, detail, field="ContentId")
    return ids


def _manifest(document: Document, ids: dict[int, str]) -> _Element:
    references = tuple(
        _element(
            "Reference",
            _text("ContentId", f"cid:{ids[one.seq]}"),
            _text("ContentType", "application/zip"),  # whatever the file: the vendor's own form
            *_optional("Description", one.description),
            _required("AttachmentName", one.name),
        )
        for one in document.attachments
    )
    return _Element("edXML:edXMLManifest", references, (("version", "1.0"),))


def _file(document: Document, attachment: Attachment, content_id: str) -> _Element:
    suffix = extension(attachment.name)
    entry = _id(document, f"{attachment.seq}\n{attachment.sha256}\nentry")
    slot = _Slot(attachment, f"{entry}.{suffix}" if suffix else entry)
    description = attachment.description.strip()
    return _Element(
        "Attachment",
        (
            _Element("ContentId", f"cid:{content_id}"),
            _Element("AttachmentName", attachment.name),
            *((_Element("Description", description),) if description else ()),
            _Element("ContentType", wire_label(attachment.name)),
            _Element("edXML:ContentTransferEncoded", slot, (_DECLARED,)),
        ),
    )


# --- writing --------------------------------------------------------------------------------------


def _element(name: str, *children: _Element) -> _Element:
    return _Element(f"edXML:{name}", children)


def _text(name: str, text: str) -> _Element:
    return _Element(f"edXML:{name}", text.strip())


def _required(name: str, text: str) -> _Element:
    if not text.strip():
        raise missing(name)
    return _text(name, text)


def _optional(name: str, text: str) -> tuple[_Element, ...]:
    return (_text(name, text),) if text.strip() else ()


def _number(name: str, number: int | None) -> tuple[_Element, ...]:
    return () if number is None else (_text(name, str(number)),)


def _flag(name: str, *, flag: bool | None) -> tuple[_Element, ...]:
    return () if flag is None else (_text(name, str(int(flag))),)


def _day(name: str, day: date | None) -> tuple[_Element, ...]:
    return () if day is None else (_text(name, write_date(day)),)


def _listed(outer: str, inner: str, texts: tuple[str, ...]) -> tuple[_Element, ...]:
    return _unless_empty(_element(outer, *(element for text in texts for element in _optional(inner, text))))


def _unless_empty(element: _Element) -> tuple[_Element, ...]:
    return (element,) if element.content else ()


def _checked(content: tuple[_Element, ...]) -> list[str | _Slot]:
    """The packet as pieces of text and slots, once it has passed the strict schema with empty files."""
    root = _Element("edXML", content, (("xmlns", NAMESPACE),))
    frame: list[str | _Slot] = [_DECLARATION, *_lines(root, "")]
    hollow = "".join(piece for piece in frame if isinstance(piece, str))
    problems = STRICT.problems(parse_tree(hollow.encode("utf-8"), _OWN_LIMITS))
    if problems:
        first = problems[0]
        detail = f"packet not in the strict schema: {first.message}"
        raise InvalidValue(EDXML_WRITE_INVALID, detail, field=first.element)
    return frame


def _lines(element: _Element, indent: str) -> Iterator[str | _Slot]:
    opening = f"{indent}<{element.name}" + "".join(
        f' {name}="{value.translate(_QUOTED)}"' for name, value in element.attributes
    )
    content = element.content
    if not content:
        yield f"{opening} />\r\n"
    elif isinstance(content, str):
        yield f"{opening}>{_escaped(element.name, content)}</{element.name}>\r\n"
    elif isinstance(content, _Slot):
        yield f"{opening}>"
        yield content
        yield f"</{element.name}>\r\n"
    else:
        yield f"{opening}>\r\n"
        for child in content:
            yield from _lines(child, indent + "  ")
        yield f"{indent}</{element.name}>\r\n"


def _escaped(name: str, text: str) -> str:
    character = forbidden_character(text)
    if character:
        field = name.removeprefix("edXML:")
        detail = f"{field} holds U+{ord(character):04X}, which XML 1.0 has no place for"
        raise InvalidValue(XML_CHARACTER_FORBIDDEN, detail, element=field)
    return text.translate(_ESCAPES)


def _emitted(frame: list[str | _Slot], blobs: Blobs) -> Iterator[bytes]:
    text: list[str] = []
    for piece in frame:
        if isinstance(piece, str):
            text.append(piece)
            continue
        yield "".join(text).encode("utf-8")
        text.clear()
        yield from wire_content(piece.attachment, piece.entry_name, blobs.chunks(piece.attachment.sha256))
    yield "".join(text).encode("utf-8")
