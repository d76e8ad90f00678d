"""The document system as the engine sees it: a source of documents and statuses, and a sink for both.

Receiving. Issued documents come by their feed, changed ones (updates, replacements, revocations) as a new
revision with its `business` part. Clerks' events become statuses about incoming documents, an issuer's
recall a status 13 for each recipient; an update or replacement asked for by event is only compared with
its document. Reading changes nothing there: how far we are is our own checkpoint, and acknowledging is
advice.

Sending. `POST /api/incoming` carries a key and `PUT .../exchange-status` may be repeated, so a doubtful
end is simply sent again.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ebrvt_adapters.qlvb import mapping
from ebrvt_adapters.qlvb.client import QlvbClient, file_part
from ebrvt_adapters.qlvb.document_feed import DocumentFeed
from ebrvt_adapters.qlvb.event_feed import EventFeed
from ebrvt_adapters.qlvb.feeds import Desk, DocumentWatch, Progress
from ebrvt_adapters.qlvb.incoming import incoming_metadata
from ebrvt_adapters.qlvb.settings import QlvbSettings
from ebrvt_adapters.qlvb.verification import verification_of
from ebrvt_connect.codec.change_feed import StoredVersions
from ebrvt_connect.codec.jsonwire import write_json
from ebrvt_connect.errors import ConnectError, InvalidValue
from ebrvt_connect.model.document import BusinessKind, Document, DocumentStatus
from ebrvt_connect.model.message import BlobRef, Kind, Payload, Receipt
from ebrvt_connect.ports.adapter import (
    Answer,
    Batch,
    Feedback,
    NotThere,
    Outcome,
    Sink,
    Source,
    Surroundings,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record

JSON_TYPE = "application/json"
_LARGEST_METADATA_BYTES = 16 * 1024 * 1024
_KEY = re.compile(r"[!-~]{1,200}")
_MEDIA_TYPE = re.compile(r"[!-~]+(; ?[!-~]+)*")
_OCTETS = "application/octet-stream"
_KEPT = "kept"
"""Marks the payload of a status that stays in the ledger: its code, which the system does not know."""


class Qlvb(Source, Sink):
    """One document-management system (phần mềm quản lý văn bản) of the province."""

    system_kind: ClassVar[str] = "qlvb"
    settings_type: ClassVar[type[BaseModel]] = QlvbSettings

    def __init__(self, settings: QlvbSettings, surroundings: Surroundings) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._system = surroundings.system
        self._blobs = surroundings.blobs
        self.client = QlvbClient(settings, surroundings.clock, system=surroundings.system)
        self._stored = StoredVersions()
        self._desk = Desk(
            surroundings=surroundings,
            stored=self._stored,
            patience=timedelta(minutes=settings.attachment_patience_minutes),
            client=self.client,
            settings=settings,
            documents=DocumentWatch(),
        )

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """Make an instance; raises `TypeError` for settings of another adapter."""
        if not isinstance(settings, QlvbSettings):
            raise TypeError(f"expected QlvbSettings, got {type(settings).__name__}")
        return cls(settings, surroundings)

    def ping(self) -> str:
        """Read the address book."""
        return f"{len(self.client.agencies())} cơ quan trong danh bạ"

    def close(self) -> None:
        """Give back connections."""
        self.client.close()

    # --- source -------------------------------------------------------------------------------------------

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        if kind is Kind.DOCUMENT:
            return DocumentFeed(self._desk).documents(checkpoint)
        return EventFeed(self._desk).batches(checkpoint)

    def _acknowledge(self, kind: Kind, batch: Batch) -> None:
        """Remember what is stored; then tell the system how far, whatever it makes of it."""
        for item in batch.items:
            self._stored.add(item)
        if not self._settings.acknowledge:
            return
        progress = Progress.parse(batch.checkpoint)
        try:
            if kind is Kind.DOCUMENT and progress.cursor is not None:
                self.client.acknowledge("outgoing", progress.cursor.model_dump(by_alias=True))
            if kind is Kind.DOCUMENT_STATUS and progress.incoming.reached:
                self.client.acknowledge("incoming-events", progress.incoming.reached)
            if kind is Kind.DOCUMENT_STATUS and progress.outgoing.reached:
                self.client.acknowledge("outgoing-events", progress.outgoing.reached)
        except ConnectError:
            # Advice that was not taken changes nothing; trouble that lasts shows at the next fetch.
            return

    def feedback(self, message: Message, record: Record | None, outcome: Outcome) -> tuple[Feedback, ...]:
        """SENT, HELD with its reason, or FAILED, told for each recipient of a document of ours."""
        if not isinstance(record, Document):
            return ()
        statuses = mapping.outcome_statuses(message.external_id, record, outcome, message.updated_at)
        return tuple(Feedback(f"{status.code}:{status.reporter.code.qd20}", status) for status in statuses)

    # --- sink ---------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> Payload:
        try:
            if isinstance(work.record, Document):
                return self._document_payload(work.message, work.record)
            if isinstance(work.record, DocumentStatus):
                return self._status_payload(work.record, work)
        except InvalidValue as refusal:
            raise refusal.held(system=self._system, operation="prepare") from refusal
        raise TypeError(f"the document system takes no {type(work.record).__name__}")

    def _document_payload(self, message: Message, record: Document) -> Payload:
        key = message.external_id
        if not _KEY.fullmatch(key):
            raise InvalidValue(mapping.KEY_UNUSABLE, f"id {key[:60]!r} is not printable ASCII")
        if message.original is None:
            raise InvalidValue(mapping.ORIGINAL_MISSING, f"document {key!r} has no original bytes")
        if record.business.kind is BusinessKind.UNKNOWN:
            detail = f"document {key!r} asks for a business the standard does not know"
            raise InvalidValue(mapping.BUSINESS_NOT_KNOWN, detail, title=str(record.number))
        metadata = incoming_metadata(
            record,
            axis_doc_id=key,
            received_at=message.created_at,
            packet=message.original,
            verification=verification_of(record, message.verdict),
        )
        return self._payload(metadata, (("key", key),))

    def _status_payload(self, record: DocumentStatus, work: Work) -> Payload:
        origin = work.origin
        if origin is None or origin.source != self._system or origin.kind is not Kind.DOCUMENT:
            raise InvalidValue(
                mapping.STATUS_WITHOUT_DOCUMENT,
                f"status {record.code[:20]!r}: its document did not come from {self._system}",
                status=record.code[:20],
            )
        if not mapping.is_known_status(record):
            # Stored and warned about: the system takes no such code, and holding it would stop the lane.
            return self._payload(record.model_dump(mode="json"), ((_KEPT, record.code),))
        recipients = work.origin_record.recipients if isinstance(work.origin_record, Document) else ()
        told = mapping.exchange_status(record, work.message.idem_key, recipients)
        return self._payload(told, (("document_id", origin.external_id),))

    def _payload(self, content: dict[str, Any], facts: tuple[tuple[str, str], ...]) -> Payload:
        blob = self._blobs.put((write_json(content),), limit_bytes=_LARGEST_METADATA_BYTES)
        return Payload(blob=blob, media_type=JSON_TYPE, facts=facts)

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        content = self._blobs.read(payload.blob.sha256, limit_bytes=_LARGEST_METADATA_BYTES)
        if isinstance(work.record, Document):
            return self._submit_document(work.record, content, payload.fact("key"))
        if _KEPT in dict(payload.facts):
            return Receipt(note=mapping.KEPT_ONLY_VI)
        self.client.report_status(payload.fact("document_id"), json.loads(content))
        return Receipt()

    def _submit_document(self, record: Document, metadata: bytes, key: str) -> Receipt:
        files = [
            file_part(
                attachment.seq,
                attachment.name,
                attachment.media_type if _MEDIA_TYPE.fullmatch(attachment.media_type) else _OCTETS,
                BlobRef(sha256=attachment.sha256, size_bytes=attachment.size_bytes),
                self._blobs,
            )
            for attachment in record.attachments
        ]
        delivered = self.client.deliver(metadata, files, key=key)
        return Receipt(external_id=delivered.id, raw=delivered.raw)

    def _ask_after(self, work: Work, payload: Payload) -> Answer:  # noqa: ARG002 - the port's signature
        """Both operations may be sent again as they are: by their key, by their message id."""
        return NotThere()
