"""Documents (văn bản) as they leave and arrive, and the statuses (trạng thái) told about them.

Fields follow QCVN 102:2016/BTTTT (numbers in brackets below) in English; no wire name appears here.
Times are aware and in UTC inside; dates are plain dates as printed on the document. A date or number
that could not be read is absent and leaves a `Warning`: never guessed, never silently changed.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.text import NfcText, Value


class DataWarning(Value):
    """A data-quality warning (cảnh báo chất lượng dữ liệu): recorded, told, never a refusal."""

    code: str
    field: str
    """Where, by the remote's own name (`PromulgationDate`)."""
    got: str = ""
    """The offending text, shortened."""
    message_vi: str


class Agency(Value):
    """An agency as a document names it (cơ quan); only the code is binding."""

    code: AgencyCode
    name: NfcText = ""
    parent_name: NfcText = ""
    """The body directly in charge (cơ quan chủ quản trực tiếp)."""
    address: NfcText = ""
    email: NfcText = ""
    telephone: NfcText = ""
    fax: NfcText = ""
    website: NfcText = ""


class Signatory(Value):
    """Who signed on paper (người ký): competence (quyền hạn: TM., KT., TL.), position, name."""

    competence: NfcText = ""
    position: NfcText = ""
    full_name: NfcText = ""


class DocumentType(Value):
    """The kind of document (loại văn bản); the name is to be trusted over the numbers [1.5]."""

    group: int | None = None
    """1 legal normative, 2 administrative; others occur in the field."""
    detail: int | None = None
    """Ordinal in the group's list."""
    name: NfcText = ""


class Urgency(IntEnum):
    """How urgent (độ khẩn): QCVN 102 [1.11.1]."""

    NORMAL = 0
    URGENT = 1
    VERY_URGENT = 2
    EXPRESS = 3
    EXPRESS_AT_TIME = 4


class Confidentiality(StrEnum):
    """How secret (độ mật). Anything but `NORMAL` never leaves on the axis (QĐ 28/2018)."""

    NORMAL = "normal"
    SECRET = "secret"  # noqa: S105 - a level of secrecy, not a password
    TOP_SECRET = "top-secret"  # noqa: S105 - a level of secrecy, not a password
    ABSOLUTE_SECRET = "absolute-secret"  # noqa: S105 - a level of secrecy, not a password
    UNKNOWN = "unknown"
    """The source said something we do not know: held like a secret one."""


class DocumentReference(Value):
    """Another document this one answers or tells about (văn bản được phản hồi) [1.12]."""

    agency_code: AgencyCode
    number: NfcText
    """Number and symbol joined, as written: `267/VPCP-TTĐT`."""
    document_id: NfcText = ""
    promulgated_on: date | None = None


class Staff(Value):
    """The official in charge (người phụ trách)."""

    department: NfcText = ""
    department_id: NfcText = ""
    name: NfcText = ""
    staff_id: NfcText = ""
    position: NfcText = ""
    email: NfcText = ""
    mobile: NfcText = ""


class BusinessKind(StrEnum):
    """What the packet asks for (nghiệp vụ) [2.2.1]."""

    NEW = "new"
    REVOKE = "revoke"
    UPDATE = "update"
    REPLACE = "replace"
    UNKNOWN = "unknown"
    """A code the standard does not know: its text is among the document's `unknown`; never sent on."""


class ReceiverChange(Value):
    """A recipient added or dropped by an update [2.2.3]."""

    code: AgencyCode
    added: bool


class Replacement(Value):
    """A document replaced, and for whom [2.2.8]."""

    document_id: NfcText
    agency_codes: tuple[AgencyCode, ...] = ()


class Business(Value):
    """The business part of a packet (nghiệp vụ) [2.2]; absent means a new document."""

    kind: BusinessKind = BusinessKind.NEW
    reason: NfcText = ""
    document_id: NfcText = ""
    """The document revoked or updated."""
    paper_follows: bool | None = None
    content_changed: bool | None = None
    receivers_changed: bool | None = None
    receivers: tuple[ReceiverChange, ...] = ()
    staff: tuple[Staff, ...] = ()
    replacements: tuple[Replacement, ...] = ()


class TraceHop(Value):
    """One stop on the packet's way (vết luân chuyển) [2.1]; servers add empty names."""

    agency: NfcText = ""
    passed_at: AwareDatetime | None = None


class AttachmentRole(StrEnum):
    """What a file is to its document."""

    MAIN = "main"
    APPENDIX = "appendix"


class Attachment(Value):
    """A file of a document (tệp đính kèm): named, measured and pinned by its SHA-256.

    `name` is for people and comes from the other side; it is never a path. The bytes lie in the
    blob store under `sha256`, untouched.
    """

    seq: int = Field(ge=1)
    name: NfcText
    media_type: str = "application/octet-stream"
    size_bytes: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern=r"[0-9a-f]{64}")]
    role: AttachmentRole = AttachmentRole.MAIN
    description: NfcText = ""
    content_id: str = ""
    """How the packet refers to it, without `cid:`."""


class Document(Value):
    """A document (văn bản) on its way out or in, complete with who, what, when and its files."""

    document_id: NfcText = ""
    """Business key (mã văn bản) [1.14], echoed verbatim; by convention `<agency>,<yyyy/MM/dd>,<number>`."""
    number: DocumentNumber
    issuer: Agency
    recipients: tuple[Agency, ...] = ()
    kind: DocumentType = DocumentType()
    abstract: NfcText = ""
    """Trích yếu [1.6]."""
    content: NfcText = ""
    place: NfcText = ""
    promulgated_on: date | None = None
    signatory: Signatory = Signatory()
    due_on: date | None = None
    urgency: Urgency | None = Urgency.NORMAL
    """None where a packet named none we know; such a document cannot be written again."""
    confidentiality: Confidentiality = Confidentiality.NORMAL
    circulation_scope: NfcText = ""
    typist: NfcText = ""
    copies: int | None = None
    pages: int | None = None
    direction: bool | None = None
    appendixes: tuple[NfcText, ...] = ()
    reply_fors: NfcText = ""
    reference_codes: NfcText = ""
    response_for: tuple[DocumentReference, ...] = ()
    steering: int | None = None
    """Loại chỉ đạo [1.13]: sources disagree on its values, so it is carried as it is."""
    task_codes: tuple[NfcText, ...] = ()
    application_type: NfcText = ""
    places: tuple[NfcText, ...] = ()
    """Nơi nhận & lưu as printed [1.10]; not for routing."""
    business: Business = Business()
    trace: tuple[TraceHop, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    """Fields we do not know, kept as (path, text)."""
    warnings: tuple[DataWarning, ...] = ()


class StatusCode(StrEnum):
    """What became of a document at its recipient (mã trạng thái), QCVN 102; the last three are our own."""

    ARRIVED = "01"
    REFUSED = "02"
    ACCEPTED = "03"
    ASSIGNED = "04"
    IN_PROGRESS = "05"
    FINISHED = "06"
    RECALL = "13"
    CHANGE_ACCEPTED = "15"
    CHANGE_REFUSED = "16"
    SENT = "SENT"
    HELD = "HELD"
    FAILED = "FAILED"


LOCAL_STATUS_CODES = frozenset({StatusCode.SENT, StatusCode.HELD, StatusCode.FAILED})
"""Told to the province's own systems only; they have no place on the axis."""


class DocumentStatus(Value):
    """A status told about a document (trạng thái xử lý văn bản).

    `about` names the document; where the source knows only the exchange's own id,
    `about_external_id` does, and the ledger completes it.
    """

    code: NfcText
    """One of `StatusCode`, or a code we do not know: stored and warned about, never dropped."""
    reporter: Agency
    """Who tells: the recipient of the document; for 13 its sender."""
    about: DocumentReference | None = None
    about_external_id: str = ""
    addressee: AgencyCode | None = None
    """Whom it is told to, where that is not `about.agency_code`."""
    note: NfcText = ""
    happened_at: AwareDatetime | None = None
    staff: Staff | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    warnings: tuple[DataWarning, ...] = ()
