"""What the suite sends: a signed letter that says it is a trial, each time under a new number."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    Document,
    DocumentReference,
    DocumentStatus,
    DocumentType,
    Signatory,
    StatusCode,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.message import Kind, Message, Payload, Receipt, State
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ports.adapter import Work
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.http import HttpReply, HttpRequest, HttpTransport
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_adapters.motcua import MotcuaSettings
    from ebrvt_adapters.qlvb import QlvbSettings

    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.testing.pki import SandboxPki

SYMBOL = "KT-EBRVT"
"""Symbol (ký hiệu) of every sample: what to look for when cleaning up."""
ABSTRACT = "Kiểm thử kết nối liên thông số {number}, không có giá trị xử lý; đề nghị bỏ qua"
"""With its number, since a sent list may tell documents of one symbol apart by nothing else."""
AGENCY_NAME = "Đơn vị kiểm thử kết nối (mẫu)"
PDF = "application/pdf"


def signed_letter(pki: SandboxPki, agency: AgencyCode, at: datetime) -> bytes:
    """A PDF with the signatures of leader and agency; the test PKI signs, so no recipient will trust it."""
    day = at.astimezone(VIETNAM).date()
    letter = Letter(
        agency=AGENCY_NAME, number="1", symbol=SYMBOL, abstract=ABSTRACT.format(number=1), promulgated_on=day
    )
    pdf = letter_pdf(letter)
    for role in (SignatureRole.PERSON, SignatureRole.AGENCY):
        pdf = sign_pdf(pdf, pki.signer(agency.text, role=role), role=role, signed_at=at)
    return pdf


def sample_document(
    issuer: AgencyCode, recipient: AgencyCode, file: bytes, blobs: Blobs, at: datetime
) -> Document:
    """A document with the file, under a number nobody has used before."""
    blob = blobs.put((file,), limit_bytes=len(file))
    number = DocumentNumber(str(1 + secrets.randbelow(10**9)), SYMBOL)
    day = at.astimezone(VIETNAM).date()
    return Document(
        document_id=f"{issuer},{day:%Y/%m/%d},{number}",
        number=number,
        issuer=Agency(code=issuer, name=AGENCY_NAME),
        recipients=(Agency(code=recipient, name=AGENCY_NAME),),
        kind=DocumentType(group=2, detail=18, name="Công văn"),
        abstract=ABSTRACT.format(number=number.number),
        place="Bà Rịa",
        promulgated_on=day,
        signatory=Signatory(position="Giám đốc", full_name="Trần Thị Ví Dụ"),
        attachments=(
            Attachment(
                seq=1,
                name=f"{number.number}-{SYMBOL}.signed.pdf",
                media_type=PDF,
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
            ),
        ),
    )


def is_sample(record: Document | DocumentStatus | None) -> bool:
    """Whether a packet is one of this suite's, and so may be taken from a queue."""
    return isinstance(record, Document) and record.number.symbol == SYMBOL


def is_about_sample(record: Document | DocumentStatus | None) -> bool:
    """Whether a packet is a status about one of this suite's documents."""
    return isinstance(record, DocumentStatus) and bool(record.about and record.about.number.endswith(SYMBOL))


def status_of(document: Document, at: datetime, *, ours: bool) -> DocumentStatus:
    """What may truly be told of a sample: 01 (đã đến) where its recipient is `ours`, else a recall.

    A recall (13, lấy lại) is the sender's to tell, and what becomes of a sample anyway.
    """
    issuer, recipient = document.issuer, document.recipients[0]
    return DocumentStatus(
        code=(StatusCode.ARRIVED if ours else StatusCode.RECALL).value,
        reporter=recipient if ours else issuer,
        about=DocumentReference(
            agency_code=issuer.code,
            number=str(document.number),
            document_id=document.document_id,
            promulgated_on=document.promulgated_on,
        ),
        addressee=issuer.code if ours else recipient.code,
        note="Kiểm thử kết nối.",
        happened_at=at,
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """A document that was handed over, with all that asking after it takes."""

    document: Document
    work: Work
    payload: Payload
    receipt: Receipt


def work_of(document: Document, at: datetime) -> Work:
    """The document as a sink gets it from the engine."""
    message = Message(
        id=1,
        idem_key=document.document_id,
        link="sandbox",
        source="sandbox",
        target="axis",
        kind=Kind.DOCUMENT,
        lane=document.document_id,
        shard=0,
        state=State.SENDING,
        attempts=1,
        created_at=at,
        updated_at=at,
        first_sent_at=at,
        title=str(document.number),
        record=document.model_dump_json(),
    )
    return Work(message, document)


def rest_of_file(settings: QlvbSettings | MotcuaSettings, path: str, start: int, clock: Clock) -> HttpReply:
    """The answer to a request for a file's bytes from `start` on (RFC 9110, 14.2)."""
    request = HttpRequest(
        operation="range",
        method="GET",
        path=path,
        headers=(
            ("Authorization", settings.credentials.authorization),
            ("Accept-Encoding", "identity"),
            ("Range", f"bytes={start}-"),
        ),
        safe=True,
    )
    transport = HttpTransport(settings.transport, system="sandbox", clock=clock)
    try:
        return transport.send(request)
    finally:
        transport.close()


def eventually(condition: Callable[[], bool], clock: Clock, seconds: float) -> bool:
    """Whether something comes true in time; asked at once, then again and again."""
    until = clock.monotonic() + seconds
    while not condition():
        if clock.monotonic() > until:
            return False
        clock.sleep(min(0.5, seconds / 20))
    return True
