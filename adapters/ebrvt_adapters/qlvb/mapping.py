"""Between the model and the document system's JSON: pure functions, nothing guessed.

A document whose required fields are missing or wrong is refused with `InvalidValue`, which names the
fields as a clerk knows them; the adapter turns that into a hold. Codes and field names are data
(`mapping.toml`).
"""

from __future__ import annotations

import hashlib
import tomllib
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from ebrvt_adapters.qlvb import wire
from ebrvt_connect.codec.jsonfields import WireValue, written_moment
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    AttachmentRole,
    Business,
    BusinessKind,
    Confidentiality,
    DataWarning,
    Document,
    DocumentReference,
    DocumentStatus,
    DocumentType,
    ReceiverChange,
    Replacement,
    Signatory,
    Staff,
    StatusCode,
    Urgency,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.message import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.ports.adapter import Outcome

Wire = TypeVar("Wire", bound=WireValue)

FIELDS_WRONG = explain(
    "QLVB_FIELDS_WRONG",
    "Văn bản {title} trong phần mềm quản lý văn bản thiếu hoặc ghi sai: {fields}.",
    "Mở văn bản trong phần mềm quản lý văn bản, bổ sung hoặc sửa các mục đã nêu rồi phát hành lại.",
)
EVENT_WRONG = explain(
    "QLVB_EVENT_WRONG",
    "Sự kiện xử lý văn bản do phần mềm quản lý văn bản gửi bị thiếu hoặc ghi sai: {fields}.",
    "Báo đơn vị quản trị phần mềm quản lý văn bản kiểm tra; có thể phải báo trạng thái cho nơi gửi bằng tay.",
)
EVENT_KIND_UNKNOWN = explain(
    "QLVB_EVENT_KIND_UNKNOWN",
    "Phần mềm quản lý văn bản yêu cầu “{kind}” đối với văn bản {document}: yêu cầu này chưa được hỗ trợ.",
    "Xử lý yêu cầu bằng tay với nơi nhận; báo bộ phận kỹ thuật nếu yêu cầu này sẽ còn lặp lại.",
)
EVENT_CONTRADICTS_DOCUMENT = explain(
    "EVENT_CONTRADICTS_DOCUMENT",
    "Đơn vị ban hành yêu cầu {asked} nhưng văn bản {document} lại ghi nghiệp vụ {found}.",
    "Xác minh với đơn vị soạn thảo, sửa nghiệp vụ của văn bản trong phần mềm quản lý văn bản rồi phát hành "
    "lại.",
)
STATUS_WITHOUT_DOCUMENT = explain(
    "STATUS_WITHOUT_DOCUMENT",
    "Nhận được trạng thái “{status}” nhưng không tìm thấy văn bản đi tương ứng của phần mềm quản lý văn bản.",
    "Tra sổ văn bản đi theo số, ký hiệu ghi trong trạng thái; nếu văn bản gửi ngoài chương trình này thì chỉ "
    "cần ghi nhận bằng tay.",
)
STATUS_NOT_KNOWN = explain(
    "QLVB_STATUS_NOT_KNOWN",
    "Phần mềm quản lý văn bản không ghi nhận mã trạng thái “{status}”.",
    "Ghi nhận trạng thái bằng tay trong phần mềm quản lý văn bản rồi đánh dấu thông điệp này đã xử lý.",
)
STATUS_WITHOUT_TIME = explain(
    "QLVB_STATUS_WITHOUT_TIME",
    "Trạng thái “{status}” không ghi rõ thời điểm nên chưa thể ghi vào phần mềm quản lý văn bản.",
    "Hỏi lại nơi gửi thời điểm xử lý rồi ghi nhận bằng tay.",
)
BUSINESS_NOT_KNOWN = explain(
    "QLVB_BUSINESS_NOT_KNOWN",
    "Văn bản đến {title} ghi loại nghiệp vụ không có trong quy chuẩn nên chưa chuyển vào phần mềm quản lý "
    "văn bản.",
    "Hỏi nơi gửi văn bản này là văn bản mới, thu hồi, cập nhật hay thay thế, và đề nghị nơi gửi gửi lại cho "
    "đúng.",
)
KEY_UNUSABLE = explain(
    "QLVB_KEY_UNUSABLE",
    "Mã của văn bản trên trục liên thông có ký tự lạ nên không dùng làm khóa chống trùng được.",
    "Chuyển mã lỗi cho bộ phận kỹ thuật; văn bản gốc vẫn được giữ nguyên.",
)
ORIGINAL_MISSING = explain(
    "QLVB_ORIGINAL_MISSING",
    "Không có gói tin gốc của văn bản đến nên chưa thể chuyển vào phần mềm quản lý văn bản.",
    "Kiểm tra kho lưu nội dung (blobs); nếu không còn gói tin, đề nghị nơi gửi gửi lại.",
)

NODE = AgencyCode("qlvb")
"""Who tells when neither the event nor the settings name an agency: the system itself, which is no agency.
Whoever sends the status on names the document's own recipient instead."""

RECALL = "RECALL"
"""An outgoing event by which an issuer takes a document back."""
_ASKED = frozenset({RECALL, "UPDATE", "REPLACE"})

STATUS_UNKNOWN = "STATUS_CODE_UNKNOWN"
UPDATED_IN_FUTURE = "UPDATED_IN_FUTURE"
_CLOCKS_DIFFER = timedelta(minutes=1)
KEPT_ONLY_VI = "mã trạng thái không có trong danh mục, chỉ lưu ở sổ cái"
_KNOWN_CODES = frozenset(StatusCode)
_SHOWN_FIELDS = 8
_FAILED = frozenset({State.REFUSED, State.DEAD, State.CANCELLED})


# --- data -------------------------------------------------------------------------------------------------


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("mapping.toml").read_text("utf-8"))


def field_vi(path: Iterable[str | int]) -> str:
    """What a clerk calls a field, by its wire path; the longest known beginning of the path counts."""
    names: Mapping[str, str] = _data()["field_names"]
    known = ""
    walked: list[str] = []
    for part in path:
        if isinstance(part, str):
            walked.append(part)
            known = names.get(".".join(walked), known)
    return known or ".".join(walked[:3]) or "toàn bộ nội dung"


def _steering_out(steering: int | None) -> int | None:
    table: Mapping[str, int] = _data()["steering"]
    return steering if steering is None else table.get(str(steering), steering)


def steering_in(steering: int | None) -> int | None:
    """The number this system has for a steering value."""
    table: Mapping[str, int] = _data()["steering"]
    back = {carried: int(own) for own, carried in table.items()}
    return steering if steering is None else back.get(steering, steering)


def _confidentiality(word: object) -> Confidentiality:
    table: Mapping[str, str] = _data()["confidentiality"]
    known = table.get(word.strip()) if isinstance(word, str) else None
    return Confidentiality(known) if known else Confidentiality.UNKNOWN


def _type(kind: wire.DocumentType) -> DocumentType:
    table: Mapping[str, list[int]] = _data()["document_types"]
    group, detail = table.get(kind.code, (None, None))
    return DocumentType(group=group, detail=detail, name=kind.name)


def type_code(kind: DocumentType) -> str:
    """The code this system has for a type; empty where its group and ordinal are not listed."""
    table: Mapping[str, list[int]] = _data()["document_types"]
    return next((code for code, known in table.items() if known == [kind.group, kind.detail]), "")


# --- reading ----------------------------------------------------------------------------------------------


def outgoing_of(row: bytes) -> wire.OutgoingDocument:
    """A row of the outgoing feed; raises `InvalidValue` `QLVB_FIELDS_WRONG` or `JSON_…`."""
    found = _read(row, wire.OutgoingDocument, FIELDS_WRONG)
    seqs = [attachment.seq for attachment in found.attachments]
    if len(set(seqs)) != len(seqs):
        raise InvalidValue(
            FIELDS_WRONG,
            f"attachments of {found.id!r} share a seq: {seqs[:20]}",
            title=found.id,
            fields=field_vi(("attachments", "seq")),
        )
    return found


def incoming_event_of(row: bytes) -> wire.IncomingEvent:
    """A row of the incoming events; raises `InvalidValue` `QLVB_EVENT_WRONG` or `JSON_…`."""
    return _read(row, wire.IncomingEvent, EVENT_WRONG)


def outgoing_event_of(row: bytes) -> wire.OutgoingEvent:
    """A row of the outgoing events; raises `InvalidValue` `QLVB_EVENT_…` or `JSON_…`."""
    event = _read(row, wire.OutgoingEvent, EVENT_WRONG)
    if event.kind not in _ASKED:
        detail = f"event {event.seq} asks {event.kind[:40]!r}"
        raise InvalidValue(EVENT_KIND_UNKNOWN, detail, kind=event.kind[:40], document=event.id)
    return event


def _read(row: bytes, kind: type[Wire], explanation: Explanation) -> Wire:
    value = json_value(row)
    try:
        return kind.model_validate(value)
    except ValidationError as failure:
        # Without inputs: they may hold citizens' data.
        wrong = failure.errors(include_url=False, include_context=False, include_input=False)
    places = [".".join(str(part) for part in error["loc"]) for error in wrong[:_SHOWN_FIELDS]]
    names = list(dict.fromkeys(field_vi(error["loc"]) for error in wrong))
    more = "" if len(names) <= _SHOWN_FIELDS else f" và {len(names) - _SHOWN_FIELDS} mục khác"
    raise InvalidValue(
        explanation,
        f"{kind.__name__}: {len(wrong)} fields wrong or missing: {', '.join(places)[:400]}",
        title=title_of(value),
        fields=", ".join(names[:_SHOWN_FIELDS]) + more,
    )


def title_of(value: object) -> str:
    """How an operator would find a document whose fields are not all readable."""
    if not isinstance(value, dict):
        return "(không rõ)"
    number, symbol, own = (_short(value.get(name)) for name in ("codeNumber", "codeNotation", "id"))
    return f"{number or '?'}/{symbol or '?'}" if number or symbol else own or "(không rõ)"


def _short(value: object) -> str:
    return str(value)[:80] if isinstance(value, (str, int)) else ""


# --- documents out of the province ------------------------------------------------------------------------


def document_of(item: wire.OutgoingDocument, *, now: datetime | None = None) -> Document:
    """The model's document; raises `InvalidValue` for a number that is none.

    By `now`, an aware time, a document changed in the future is told by a warning.

    Where the system has no edXML document id of its own, the convention of QCVN 102 [1.14] makes one:
    `<issuer's code>,<yyyy/MM/dd>,<number>/<symbol>`.
    """
    number = DocumentNumber.of(item.code_number, item.code_notation)
    return Document(
        document_id=item.document_id or conventional_id(item.issuer.code, item.promulgation.date, number),
        number=number,
        issuer=_agency(item.issuer),
        recipients=tuple(_agency(party) for party in item.recipients),
        kind=_type(item.type),
        abstract=item.abstract,
        content=item.content,
        place=item.promulgation.place,
        promulgated_on=item.promulgation.date,
        signatory=Signatory(
            competence=item.signatory.competence,
            position=item.signatory.position,
            full_name=item.signatory.full_name,
        ),
        due_on=item.due_date,
        urgency=Urgency(item.urgency),
        confidentiality=_confidentiality(item.confidentiality),
        copies=item.copies,
        pages=item.pages,
        appendixes=item.appendixes,
        response_for=tuple(_reference(answered) for answered in item.response_for),
        steering=_steering_out(item.steering),
        task_codes=item.task_codes,
        places=item.places,
        business=_business(item.business),
        attachments=tuple(_attachment(attachment) for attachment in item.attachments),
        warnings=_ahead(item.updated_at, now),
    )


def _ahead(updated_at: datetime, now: datetime | None) -> tuple[DataWarning, ...]:
    if now is None or updated_at <= now + _CLOCKS_DIFFER:
        return ()
    return (
        DataWarning(
            code=UPDATED_IN_FUTURE,
            field="updatedAt",
            got=written_moment(updated_at),
            message_vi="Thời điểm cập nhật của văn bản nằm ở tương lai; kiểm tra đồng hồ của phần mềm quản "
            "lý văn bản.",
        ),
    )


def lane_of(document: Document) -> str:
    """A revocation or an update stays in order with the document it is about."""
    business = document.business
    changes = business.kind in {BusinessKind.REVOKE, BusinessKind.UPDATE}
    return (business.document_id if changes else "") or document.document_id


def conventional_id(issuer: AgencyCode, day: date, number: DocumentNumber) -> str:
    """A document id by convention, of what the document itself says."""
    return f"{issuer},{day.isoformat().replace('-', '/')},{number}"


def version_of(item: wire.OutgoingDocument) -> str:
    """Tells a changed document from the same one read again: revision and the digests of its files."""
    told = "\n".join(f"{attachment.seq} {attachment.sha256}" for attachment in item.attachments)
    return f"{item.revision}:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _agency(party: wire.Party) -> Agency:
    return Agency(
        code=party.code,
        name=party.name,
        parent_name=party.in_charge,
        address=party.address,
        email=party.email,
        telephone=party.phone,
    )


def _reference(answered: wire.Answered) -> DocumentReference:
    return DocumentReference(
        agency_code=answered.agency_code,
        number=answered.code,
        document_id=answered.document_id,
        promulgated_on=answered.date,
    )


def _business(business: wire.Business | None) -> Business:
    if business is None:
        return Business()
    return Business(
        kind=BusinessKind(business.kind.lower()),
        reason=business.reason,
        document_id=business.document_id,
        paper_follows=business.paper_follows,
        content_changed=business.content_changed,
        receivers_changed=business.receivers_changed,
        receivers=tuple(ReceiverChange(code=one.code, added=one.added) for one in business.receivers),
        staff=tuple(_staff(actor) for actor in business.staff),
        replacements=tuple(
            Replacement(document_id=one.document_id, agency_codes=one.agency_codes)
            for one in business.replaces
        ),
    )


def _staff(actor: wire.Actor) -> Staff:
    return Staff(
        department=actor.unit,
        name=actor.name,
        position=actor.position,
        email=actor.email,
        mobile=actor.phone,
    )


def _attachment(attachment: wire.Attachment) -> Attachment:
    return Attachment(
        seq=attachment.seq,
        name=attachment.name,
        media_type=attachment.media_type,
        size_bytes=attachment.size,
        sha256=attachment.sha256,
        role=AttachmentRole(attachment.role.lower()),
    )


# --- events -----------------------------------------------------------------------------------------------


def clerk_status(event: wire.IncomingEvent, agency: AgencyCode | None) -> DocumentStatus:
    """What a clerk did with an incoming document, as a status told about it.

    An unknown code is carried with a warning, never dropped.
    """
    warnings: tuple[DataWarning, ...] = ()
    if event.code not in _KNOWN_CODES:
        warnings = (
            DataWarning(
                code=STATUS_UNKNOWN,
                field="code",
                got=event.code[:40],
                message_vi=f"Mã trạng thái “{event.code[:40]}” không có trong danh mục.",
            ),
        )
    return DocumentStatus(
        code=event.code,
        reporter=Agency(code=event.agency_code or agency or NODE, name=event.by.unit if event.by else ""),
        about_external_id=event.axis_doc_id,
        note=event.note,
        happened_at=event.at,
        staff=_staff(event.by) if event.by else None,
        warnings=warnings,
    )


def recall_statuses(event: wire.OutgoingEvent, item: wire.OutgoingDocument) -> tuple[DocumentStatus, ...]:
    """The recall (13, lấy lại) of a document that has gone out, one for each of its recipients.

    Raises `InvalidValue` as `document_of`.
    """
    document = document_of(item)
    return tuple(
        DocumentStatus(
            code=StatusCode.RECALL.value,
            reporter=document.issuer,
            about=reference_to(document),
            about_external_id=item.id,
            addressee=recipient.code,
            note=event.reason,
            happened_at=event.at,
            staff=_staff(event.by) if event.by else None,
        )
        for recipient in distinct(document.recipients)
    )


def contradiction(event: wire.OutgoingEvent, item: wire.OutgoingDocument) -> InvalidValue | None:
    """Whether an event's kind and the document's own business part speak against each other.

    A document that has no business part yet, or an ordinary one, contradicts nothing.
    """
    found = item.business.kind if item.business else "NEW"
    if found in {"NEW", event.kind}:
        return None
    words: Mapping[str, str] = _data()["business_words"]
    return InvalidValue(
        EVENT_CONTRADICTS_DOCUMENT,
        f"event {event.seq} asks {event.kind}, document {item.id!r} says {found}",
        asked=words.get(event.kind, event.kind),
        found=words.get(found, found),
        document=f"{item.code_number}/{item.code_notation}",
    )


def reference_to(document: Document) -> DocumentReference:
    """How a status names the document it tells about."""
    return DocumentReference(
        agency_code=document.issuer.code,
        number=str(document.number),
        document_id=document.document_id,
        promulgated_on=document.promulgated_on,
    )


def distinct(agencies: Iterable[Agency]) -> tuple[Agency, ...]:
    """Each agency once, whichever way its code is spelled."""
    return tuple({agency.code.qd20: agency for agency in reversed(tuple(agencies))}.values())[::-1]


# --- statuses into the document system --------------------------------------------------------------------


def outcome_statuses(
    external_id: str, document: Document, outcome: Outcome, at: datetime
) -> tuple[DocumentStatus, ...]:
    """What became of an outgoing document, told for each recipient: SENT, HELD with its reason, or FAILED.

    A document without recipients is told under its issuer's own code.
    """
    code = _outcome_code(outcome.state)
    if code is None:
        return ()
    reason = " ".join(part for part in (outcome.reason_vi, outcome.advice_vi) if part)
    return tuple(
        DocumentStatus(
            code=code.value,
            reporter=agency,
            about=reference_to(document),
            about_external_id=external_id,
            note="" if code is StatusCode.SENT else reason,
            happened_at=at,
        )
        for agency in distinct(document.recipients or (document.issuer,))
    )


def _outcome_code(state: State) -> StatusCode | None:
    if state is State.DONE:
        return StatusCode.SENT
    if state is State.HELD:
        return StatusCode.HELD
    return StatusCode.FAILED if state in _FAILED else None


def is_known_status(status: DocumentStatus) -> bool:
    """Whether the contract knows the code of a status."""
    return status.code in _KNOWN_CODES


def exchange_status(
    status: DocumentStatus, message_id: str, recipients: Iterable[Agency] = ()
) -> dict[str, Any]:
    """The body of `PUT .../exchange-status`, who tells spelled as among the document's own recipients.

    Raises `InvalidValue` for a code the contract does not know and a status without a time.
    """
    if status.code not in _KNOWN_CODES:
        raise InvalidValue(STATUS_NOT_KNOWN, f"status {status.code[:20]!r}", status=status.code[:20])
    if status.happened_at is None:
        raise InvalidValue(STATUS_WITHOUT_TIME, f"status {status.code} without a time", status=status.code)
    told: dict[str, Any] = {
        "agencyCode": str(_as_written(status.reporter.code, recipients)),
        "code": status.code,
        "at": written_moment(status.happened_at),
        "messageId": message_id,
    }
    if status.staff is not None and (by := actor(status.staff)):
        told["by"] = by
    if status.note:
        told["note"] = status.note
    return told


def _as_written(code: AgencyCode, recipients: Iterable[Agency]) -> AgencyCode:
    """An agency's code as the document names it; as it was told where the document does not."""
    return next((agency.code for agency in recipients if agency.code.same_agency(code)), code)


def actor(staff: Staff) -> dict[str, str]:
    """An official as this dialect writes one; what is absent is left out."""
    named = {
        "name": staff.name,
        "unit": staff.department,
        "position": staff.position,
        "email": staff.email,
        "phone": staff.mobile,
    }
    return {name: text for name, text in named.items() if text}
