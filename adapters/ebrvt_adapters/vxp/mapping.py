"""Between the model and what the axis carries: pure functions, no guessing.

A value that is missing or has no place on the axis is refused with `InvalidValue`; the adapter turns that
into a hold. Nothing is invented: a document without a date gets no document id, a status without its
document is not sent.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.edxml_words import AXIS_STATUS_CODES
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import (
    LOCAL_STATUS_CODES,
    Agency,
    BusinessKind,
    Confidentiality,
    Document,
    DocumentReference,
    DocumentStatus,
    StatusCode,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.text import nfc, search_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ebrvt_adapters.vxp.wire import SentEdoc
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.adapter import Work

SECRET = explain(
    "SECRET_NEVER_ON_AXIS",
    "Văn bản {title} có dấu hiệu mật nên không bao giờ được gửi qua trục liên thông ({why}).",
    "Gửi theo quy định bảo vệ bí mật nhà nước. Nếu văn bản không mật, sửa độ mật hoặc đổi tên tệp trong phần "
    "mềm quản lý văn bản rồi phát hành lại.",
)
ISSUER_NOT_OURS = explain(
    "VXP_ISSUER_NOT_OURS",
    "Cơ quan ban hành {agency} không thuộc các đơn vị được gửi qua kết nối này.",
    "Bổ sung mã định danh vào mục agencies nếu đơn vị đã đăng ký với trục, hoặc sửa cơ quan ban hành.",
)
NO_RECIPIENT = explain(
    "VXP_NO_RECIPIENT",
    "Văn bản {title} không có nơi nhận nào có mã định danh.",
    "Bổ sung nơi nhận trong phần mềm quản lý văn bản rồi phát hành lại.",
)
NO_DATE = explain(
    "VXP_NO_PROMULGATION_DATE",
    "Văn bản {title} không có ngày ban hành nên không thể lập mã văn bản gửi qua trục.",
    "Bổ sung ngày ban hành trong phần mềm quản lý văn bản rồi phát hành lại.",
)
NOT_FOR_US = explain(
    "VXP_NOT_OUR_AGENCY",
    "Gói tin không gửi cho đơn vị nào của chúng ta (nơi nhận: {recipients}).",
    "Kiểm tra mục agencies trong cấu hình. Nếu đúng là gửi nhầm, báo đơn vị gửi và đơn vị vận hành trục.",
)
RECALL_REQUESTED = explain(
    "VXP_RECALL_REQUESTED",
    "{sender} đề nghị lấy lại (thu hồi) văn bản {title}.",
    "Phần mềm quản lý văn bản chưa có chức năng tự nhận đề nghị này: văn thư tìm văn bản, xử lý theo quy "
    "định, rồi phản hồi đồng ý (15) hoặc từ chối (16) lấy lại.",
)
NOT_A_STATUS = explain(
    "VXP_PACKET_OF_OTHER_KIND",
    "Gói tin nằm nhầm hàng đợi: danh sách trạng thái nhưng nội dung là văn bản.",
    "Mở gói tin gốc để xử lý bằng tay và báo đơn vị gửi sửa phần mềm.",
)
RECALL_OF_UNKNOWN = explain(
    "VXP_RECALL_UNKNOWN_DOCUMENT",
    "Không gửi yêu cầu lấy lại (13): trong sổ của chương trình không có văn bản {title} do đơn vị mình gửi "
    "qua trục.",
    "Kiểm tra số, ký hiệu văn bản. Nếu văn bản đã gửi bằng phần mềm hoặc đường khác thì thu hồi theo đường "
    "đó, rồi bỏ qua yêu cầu này.",
)
RECALL_OF_UNSENT = explain(
    "VXP_RECALL_NOT_SENT",
    "Không gửi yêu cầu lấy lại (13): văn bản {title} chưa được xác nhận là đã gửi đi qua trục.",
    "Văn bản chưa gửi đi, hãy hủy tại chỗ trong phần mềm quản lý văn bản rồi bỏ qua yêu cầu này. Nếu văn bản "
    "còn đang chờ xác nhận, hãy đợi kết quả; khi chắc chắn đã gửi thì cho yêu cầu này đi tiếp.",
)
UNKNOWN_STATUS = explain(
    "VXP_STATUS_UNKNOWN",
    "Mã trạng thái “{status}” không có trong danh mục của trục liên thông.",
    "Sửa mã trạng thái trong phần mềm quản lý văn bản (01-06, 13, 15, 16) rồi gửi lại.",
)
LOCAL_STATUS = explain(
    "VXP_STATUS_LOCAL_ONLY",
    "Trạng thái “{status}” chỉ dùng trong nội bộ tỉnh, không gửi lên trục.",
    "Đây là lỗi cấu hình liên kết: kiểm tra mục links trong cấu hình và báo bộ phận kỹ thuật.",
)
ORIGIN_UNKNOWN = explain(
    "VXP_STATUS_WITHOUT_DOCUMENT",
    "Không tìm thấy văn bản mà trạng thái {status} nói tới.",
    "Kiểm tra văn bản gốc đã đi qua kết nối này chưa; nếu có, cho gửi lại sau khi văn bản đã được ghi nhận.",
)
REPORTER_UNKNOWN = explain(
    "VXP_STATUS_WITHOUT_REPORTER",
    "Không xác định được đơn vị nào của chúng ta báo trạng thái {status}.",
    "Kiểm tra mã định danh của đơn vị trong mục agencies và trong phần mềm quản lý văn bản.",
)
REASON_MISSING = explain(
    "VXP_REASON_MISSING",
    "Trạng thái {status} phải kèm lý do.",
    "Văn thư ghi lý do từ chối trong phần mềm quản lý văn bản rồi gửi lại.",
)
TIME_MISSING = explain(
    "VXP_STATUS_TIME_MISSING",
    "Trạng thái {status} không có thời điểm.",
    "Kiểm tra dữ liệu thời gian trong phần mềm quản lý văn bản rồi gửi lại.",
)


CHANGES = frozenset({BusinessKind.REVOKE, BusinessKind.UPDATE})
"""Packets about a document sent before, which may carry its number and title."""


def title_of(document: Document) -> str:
    """Number and symbol: what an operator calls the document."""
    return str(document.number)


# --- agencies ---------------------------------------------------------------------------------------------


def is_ours(code: AgencyCode, ours: Iterable[AgencyCode]) -> bool:
    """Whether a code, in whichever form, is one of our agencies."""
    return any(code.same_agency(own) for own in ours)


def our_recipients(document: Document, ours: Sequence[AgencyCode]) -> tuple[Agency, ...]:
    """Those of the document's recipients that are ours, each once."""
    return distinct(agency for agency in document.recipients if is_ours(agency.code, ours))


def distinct(agencies: Iterable[Agency]) -> tuple[Agency, ...]:
    """Each agency once, the first spelling of it; QCVN 102 allows no recipient twice."""
    first: dict[str, Agency] = {}
    for agency in agencies:
        first.setdefault(agency.code.qd20, agency)
    return tuple(first.values())


def spelled(code: AgencyCode, form: str) -> AgencyCode:
    """The code in the form agreed with the axis; raises `InvalidValue` where it has none."""
    if form == "qcvn102":
        return AgencyCode(code.qcvn102)
    return AgencyCode(code.qd20) if form == "qd20" else code


def _respelled(agency: Agency, form: str) -> Agency:
    return agency.model_copy(update={"code": spelled(agency.code, form)})


# --- documents out ----------------------------------------------------------------------------------------


def conventional_id(document: Document) -> str:
    """The document id as the field writes it: `<OrganId>,<yyyy/MM/dd>,<number>/<symbol>` [1.14].

    Raises `InvalidValue` without a date: none is invented.
    """
    if document.promulgated_on is None:
        title = title_of(document)
        raise InvalidValue(NO_DATE, f"document {title} has neither id nor promulgation date", title=title)
    return f"{document.issuer.code},{document.promulgated_on:%Y/%m/%d},{document.number}"


def refuse_secret(document: Document) -> None:
    """Let nothing secret out: raises `InvalidValue` `SECRET_NEVER_ON_AXIS`. There is no way around it.

    State secrets are excluded from the axis by QĐ 28/2018/QĐ-TTg. edXML has no field for secrecy, so
    beside the level the source gave, stamp words in the symbol and the file names count.
    """
    why = ""
    if document.confidentiality is not Confidentiality.NORMAL:
        why = f"độ mật: {document.confidentiality.value}"
    else:
        names = (document.number.symbol, *(attachment.name for attachment in document.attachments))
        marked = next((name for name in names if _secret_words().search(nfc(name))), None)
        if marked is not None:
            why = f"tên: {marked}"
    if why:
        title = title_of(document)
        raise InvalidValue(SECRET, f"document {title} is secret or marked so ({why})", title=title, why=why)


@cache
def _secret_words() -> re.Pattern[str]:
    table = tomllib.loads(files(__package__).joinpath("data/outgoing.toml").read_text("utf-8"))
    # Underscores join words in file names, so a word ends at anything that is no letter.
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(table['secret_words'])})(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What this connection has agreed with the axis, as far as packets we write show it."""

    ours: tuple[AgencyCode, ...]
    """Agencies that may send through it."""
    form: str
    """Spelling of agency codes: `as-written`, `qcvn102`, `qd20`."""
    steering_default: int | None
    steering: Mapping[int, int]


def outgoing(document: Document, agreed: Agreement) -> Document:
    """The document as it goes into the packet; raises `InvalidValue` for what must not or cannot leave."""
    refuse_secret(document)
    title = title_of(document)
    issuer = document.issuer
    if not is_ours(issuer.code, agreed.ours):
        detail = f"issuer {issuer.code} of {title} is none of the configured agencies"
        raise InvalidValue(ISSUER_NOT_OURS, detail, agency=str(issuer.code))
    recipients = distinct(document.recipients)
    if not recipients:
        raise InvalidValue(NO_RECIPIENT, f"document {title} names no recipient", title=title)
    form = agreed.form
    addressed = document.model_copy(
        update={
            "issuer": _respelled(issuer, form),
            "recipients": tuple(_respelled(agency, form) for agency in recipients),
            "steering": _steering(document.steering, agreed),
        }
    )
    document_id = document.document_id or conventional_id(addressed)
    return addressed.model_copy(update={"document_id": document_id})


def _steering(number: int | None, agreed: Agreement) -> int | None:
    return agreed.steering_default if number is None else agreed.steering.get(number, number)


# --- documents and statuses in ----------------------------------------------------------------------------


def content_of(record: Document | DocumentStatus) -> str:
    """A digest of what a packet says.

    The axis re-writes packets on the way (trace headers, order, encoding), so the packet's own hash says
    nothing. To whom else it went and how its files were wrapped is no part of it.
    """
    if isinstance(record, DocumentStatus):
        return _digest(record.model_dump(mode="json", exclude={"unknown", "warnings"}))
    told = record.model_dump(
        mode="json", exclude={"recipients", "trace", "attachments", "unknown", "warnings"}
    )
    told["attachments"] = sorted([a.name, a.sha256] for a in record.attachments)
    return _digest(told)


def lane_of(document: Document) -> str:
    """What a packet must wait its turn for: the document it revokes or updates, else itself."""
    changed = document.business.document_id if document.business.kind in CHANGES else ""
    return changed or document.document_id


def same_document(document: Document, ours: Sequence[AgencyCode]) -> str:
    """Recognises a document that arrives again under another docId: sender, id, recipients, content.

    A packet with changed content, or one that revokes or updates, is another thing.
    """
    recipients = "+".join(sorted(agency.code.qd20 for agency in our_recipients(document, ours)))
    named = (document.issuer.code.qd20, document.document_id or title_of(document), recipients)
    return "|".join((*named, document.business.kind.value, content_of(document)))


def same_status(status: DocumentStatus) -> str:
    """Recognises a status that arrives again under another docId: who tells what about which, and when."""
    about = status.about
    subject = (about.document_id or f"{about.agency_code.qd20} {about.number}") if about else ""
    happened = status.happened_at.isoformat() if status.happened_at else ""
    named = (status.reporter.code.qd20, subject, status.code, happened)
    return "|".join((*named, content_of(status)))


def _digest(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def reference_to(document: Document) -> DocumentReference:
    """How a status names a document; a document without id goes by the one we send it under."""
    has_id = document.document_id or document.promulgated_on is None
    return DocumentReference(
        agency_code=document.issuer.code,
        number=str(document.number),
        document_id=document.document_id if has_id else conventional_id(document),
        promulgated_on=document.promulgated_on,
    )


# --- statuses out -----------------------------------------------------------------------------------------


def arrivals(
    document: Document, ours: Sequence[AgencyCode], happened_at: datetime
) -> tuple[DocumentStatus, ...]:
    """Status 01 (đã đến) from each of our recipients to the document's sender."""
    return tuple(
        DocumentStatus(
            code=StatusCode.ARRIVED.value,
            reporter=recipient,
            about=reference_to(document),
            happened_at=happened_at,
        )
        for recipient in our_recipients(document, ours)
    )


def outgoing_statuses(
    status: DocumentStatus, origin: Document | None, ours: Sequence[AgencyCode], form: str
) -> tuple[DocumentStatus, ...]:
    """The status packets to send: one, or for a recall one to each recipient of the document.

    What the source did not know (it may have named only the axis' docId) comes from `origin`. Raises
    `InvalidValue` for a code that has no place on the axis, a refusal without its reason, an unknown
    document or an unknown reporter.
    """
    code = status.code
    if code in LOCAL_STATUS_CODES:
        raise InvalidValue(LOCAL_STATUS, f"local status {code} routed to the axis", status=code)
    if code not in AXIS_STATUS_CODES:
        raise InvalidValue(UNKNOWN_STATUS, f"status {code[:20]!r} is none of QCVN 102", status=code[:20])
    if _status_table()[code].get("reason") and not status.note.strip():
        raise InvalidValue(REASON_MISSING, f"status {code} without a reason", status=shown_status(code))
    if status.happened_at is None:
        raise InvalidValue(TIME_MISSING, f"status {code} without a time", status=shown_status(code))
    about = status.about or (reference_to(origin) if origin else None)
    if about is None:
        raise InvalidValue(
            ORIGIN_UNKNOWN, f"status {code}: neither reference nor origin", status=shown_status(code)
        )
    agency_code = spelled(_as_in_packet(about.agency_code, origin), form)
    about = about.model_copy(update={"agency_code": agency_code})
    reporter = _respelled(_reporter(status, origin, ours), form)
    told = {"reporter": reporter, "about": about, "about_external_id": ""}
    return tuple(
        status.model_copy(update={**told, "addressee": spelled(_as_in_packet(addressee, origin), form)})
        for addressee in _addressees(status, about, origin)
    )


def shown_status(code: str) -> str:
    """A status code with its Vietnamese name, as an operator knows it: `03 (Đã tiếp nhận)`."""
    return f"{code} ({_status_table()[code]['name_vi']})" if code in _status_table() else code


@cache
def _status_table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("data/statuses.toml").read_text("utf-8"))


def told_to(status: DocumentStatus) -> AgencyCode | None:
    """Whom a status is told to: the one named, else the document's sender; None where neither is known."""
    return status.addressee or (status.about.agency_code if status.about else None)


def _addressees(
    status: DocumentStatus, about: DocumentReference, origin: Document | None
) -> tuple[AgencyCode, ...]:
    """The document's sender; of a recall each of its recipients, or the one named."""
    if status.addressee is not None:
        return (status.addressee,)
    if status.code != StatusCode.RECALL:
        return (about.agency_code,)
    if origin is None:
        detail = "status 13 without addressee, and the document's recipients are not known"
        raise InvalidValue(ORIGIN_UNKNOWN, detail, status=shown_status(status.code))
    return tuple(agency.code for agency in distinct(origin.recipients))


def _reporter(status: DocumentStatus, origin: Document | None, ours: Sequence[AgencyCode]) -> Agency:
    """Our agency that tells, under the code the packet knows it by.

    Where the document is known it is one of its recipients (for 13 its issuer): the sender expects word
    from nobody else. The only one there is speaks also for a unit the document did not name.
    """
    told_by = status.reporter
    if origin is None:
        if is_ours(told_by.code, ours):
            return told_by
    else:
        own = _entitled(status.code, origin, ours)
        for agency in own:
            if agency.code.same_agency(told_by.code):
                return told_by.model_copy(update={"code": agency.code})
        if len(own) == 1:
            return own[0]
    detail = f"status {status.code} told by {told_by.code}, which is no agency of ours in that document"
    raise InvalidValue(REPORTER_UNKNOWN, detail, status=shown_status(status.code))


def _entitled(code: str, origin: Document, ours: Sequence[AgencyCode]) -> tuple[Agency, ...]:
    """Those of our agencies that may tell this status about the document."""
    if code != StatusCode.RECALL:
        return our_recipients(origin, ours)
    return (origin.issuer,) if is_ours(origin.issuer.code, ours) else ()


def _as_in_packet(code: AgencyCode, origin: Document | None) -> AgencyCode:
    """The spelling the document itself uses, by which the other side knows the agency."""
    known = (origin.issuer, *origin.recipients) if origin else ()
    return next((agency.code for agency in known if agency.code.same_agency(code)), code)


def refuse_recall(work: Work, ours: Sequence[AgencyCode]) -> None:
    """Let only recalls (13) out of what has gone out: raises `InvalidValue` for any other.

    A document that has not left is cancelled where it is; a 13 for it would tell strangers of a document
    they never saw.
    """
    origin, document = work.origin, work.origin_record
    about = work.record.about if isinstance(work.record, DocumentStatus) else None
    title = origin.title if origin else (about.number or about.document_id if about else "?")
    ours_out = origin is not None and origin.target == work.message.target
    if (
        origin is None
        or not isinstance(document, Document)
        or not ours_out
        or not is_ours(document.issuer.code, ours)
    ):
        detail = f"recall of {title[:80]!r}, which the ledger does not know as sent by us"
        raise InvalidValue(RECALL_OF_UNKNOWN, detail, title=title)
    if origin.state is not State.DONE:
        raise InvalidValue(
            RECALL_OF_UNSENT, f"recall of {title[:80]!r}, which is {origin.state}", title=title
        )


# --- asking after -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sought:
    """A document looked for in the list of what was sent."""

    sender: AgencyCode
    recipients: tuple[AgencyCode, ...]
    number: str
    """Number and symbol joined."""
    symbol: str
    title: str
    """Its abstract (trích yếu)."""
    since: datetime
    until: datetime


def found_rows(rows: Iterable[SentEdoc], sought: Sought) -> dict[AgencyCode, tuple[SentEdoc, ...]]:
    """For each recipient the rows of the sent list that can only be this document.

    `notation` may hold the symbol or number/symbol; an empty title says nothing, so it counts only
    beside the full number.
    """
    fitting = [row for row in rows if _fits(row, sought)]
    return {
        code: tuple(row for row in fitting if _same_code(row.to_code, code)) for code in sought.recipients
    }


@dataclass(frozen=True, slots=True)
class Others:
    """What else went out in the same lane: rows of the sent list that are not the document sought."""

    doc_ids: frozenset[str]
    """Ids from the receipts of all of them: such a row belongs to one of them."""
    unplaced: int
    """How many look like the document sought, may have been sent in the same window, and are found by
    their receipts in no row: any row left may be theirs."""
    named: frozenset[str]
    """Document ids (mã văn bản) of all of them."""
    look_alikes: int
    """How many have its number and title."""


def taken_by_others(siblings: Iterable[Message], rows: Iterable[SentEdoc], sought: Sought) -> Others:
    """What the receipts of the lane's other documents say about the rows of the sent list."""
    documents = [one for one in siblings if one.kind is Kind.DOCUMENT]
    fitting = [row for row in rows if _fits(row, sought)]
    listed = {row.sender_doc_id for row in fitting}
    untimed = any(row.sent_at is None for row in fitting)
    alike = [one for one in documents if _looks_like(one, sought)]
    current = [one for one in alike if untimed or _may_be_listed(one, sought)]
    unplaced = [one for one in current if not _receipt_ids(one) & listed]
    return Others(
        doc_ids=frozenset[str]().union(*map(_receipt_ids, documents)),
        unplaced=len(unplaced),
        named=frozenset(one.business_key for one in documents if one.business_key),
        look_alikes=len(alike),
    )


def original_accounted_for(record: Record, others: Others) -> bool:
    """Whether the document a packet revokes or updates is known, so that its rows are.

    Such a packet often carries the number and title of its original: while we do not know where that one
    is, a row may be the original's.
    """
    if not isinstance(record, Document) or record.business.kind not in CHANGES:
        return True
    return others.look_alikes > 0 or (record.business.document_id or record.document_id) in others.named


def _receipt_ids(message: Message) -> frozenset[str]:
    ids = message.receipt.external_id.split(",") if message.receipt else ()
    return frozenset(one for one in ids if one)


def _looks_like(message: Message, sought: Sought) -> bool:
    """By what was sent; where that is not kept, by the number alone."""
    facts = dict(message.payload.facts) if message.payload else {}
    if search_key(facts.get("number", message.title)) != search_key(sought.number):
        return False
    return search_key(facts.get("title", sought.title)) == search_key(sought.title)


def _may_be_listed(message: Message, sought: Sought) -> bool:
    """Whether it was on its way at some moment of the window; once done, a message changes no more."""
    began = message.first_sent_at or message.created_at
    return began <= sought.until and message.updated_at >= sought.since


def _fits(row: SentEdoc, sought: Sought) -> bool:
    notation = search_key(row.notation)
    full = notation == search_key(sought.number)
    if not full and notation != search_key(sought.symbol):
        return False
    title = search_key(row.title)
    if title != search_key(sought.title) and (title or not full):
        return False
    return _same_code(row.from_code, sought.sender) and _in_window(row, sought)


def _in_window(row: SentEdoc, sought: Sought) -> bool:
    """Outside of the window only if its time can be read and says so."""
    moment = row.sent_at
    return moment is None or sought.since <= moment <= sought.until


def _same_code(text: str, code: AgencyCode) -> bool:
    try:
        return AgencyCode.parse(text).same_agency(code)
    except InvalidValue:
        return False
