"""Reads the feed of issued documents (văn bản đi đã phát hành) into batches.

How it is walked is `codec.change_feed`; here is what a row makes: the document with all its files in the
blobs, or a hold that names what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_adapters.qlvb import faults, mapping
from ebrvt_adapters.qlvb.feeds import Desk, Progress
from ebrvt_connect.codec.change_feed import ChangeFeed, Missing, Walk
from ebrvt_connect.codec.feed import Cursor, Page, word_of
from ebrvt_connect.errors import ConnectError, HeldForPerson, InvalidValue, Rejected, RetryLater, Scope
from ebrvt_connect.model.message import BlobRef, Kind
from ebrvt_connect.ports.adapter import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.document import Attachment, Document

_OPERATION = "GET /api/outgoing"
_MISSING = {
    Missing.GONE: faults.NOT_FOUND,
    Missing.FORBIDDEN: faults.DOCUMENT_FORBIDDEN,
    Missing.UNAVAILABLE: faults.DOCUMENT_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class DocumentFeed(ChangeFeed):
    """The feed of issued documents."""

    desk: Desk

    def documents(self, checkpoint: str | None) -> Iterator[Batch]:
        """What is new since the checkpoint; a document that cannot be had does not stop the others."""
        progress = Progress.parse(checkpoint)
        watch, walk = self.desk.documents, Walk()
        number = watch.begin(progress.waiting)
        for batch in self.batches(progress, walk):
            yield batch
            watch.stored(progress.waiting)
        watch.end(number)
        walk.conclude()

    def _desk(self) -> Desk:
        return self.desk

    def _overlap(self) -> timedelta:
        return timedelta(minutes=self.desk.settings.overlap_minutes)

    def _page(self, cursor: Cursor | None) -> Page:
        return self.desk.client.outgoing(cursor)

    def _one(self, name: str) -> bytes:
        return self.desk.client.outgoing_document(name)

    def _name(self, row: bytes) -> str:
        return word_of(row, "id")

    def _concerns_one(self, held: HeldForPerson) -> bool:
        return faults.concerns_one(held)

    def _unreadable_place(self, detail: str) -> RetryLater:
        return self.desk.odd(faults.REPLY_UNREADABLE, detail, _OPERATION)

    def _stuck(self, detail: str) -> RetryLater:
        return self.desk.odd(faults.FEED_STUCK, detail, _OPERATION)

    def _made(self, row: bytes, *, last_try: bool) -> tuple[Item, ...]:
        item = self._item(row, last_try=last_try)
        return () if item is None else (item,)

    def _item(self, row: bytes, *, last_try: bool) -> Item | None:
        """One document with its files in the blobs; None when it is known to be stored.

        Raises `RetryLater` when a file cannot be had now; at the last try that holds the document.
        """
        if self.desk.stored.has_row(row):
            return None
        try:
            found = mapping.outgoing_of(row)
            document = mapping.document_of(found, now=self.desk.now())
        except InvalidValue as refusal:
            return self.desk.unreadable(Kind.DOCUMENT, row, refusal, word_of(row, "id"))
        version = mapping.version_of(found)
        if (found.id, version) in self.desk.stored:
            return None
        record, fault = self._with_files(found.id, document, last_try=last_try)
        return Item(
            kind=Kind.DOCUMENT,
            external_id=found.id,
            version=version,
            lane=mapping.lane_of(document),
            business_key=document.document_id,
            title=str(document.number),
            record=record,
            original=self.desk.keep(row),
            fault=fault,
            priority=int(document.urgency or 0),
        )

    def _with_files(
        self, name: str, document: Document, *, last_try: bool
    ) -> tuple[Document | None, ConnectError | None]:
        """The document with its files as they came; without them there is no record, only a fault."""
        fault: ConnectError | None = None
        came: list[Attachment] = []
        for attachment in document.attachments:
            try:
                blob = self._fetched(name, attachment)
            except Rejected:
                return None, self._fault(faults.ATTACHMENT_UNAVAILABLE, document, attachment)
            except RetryLater:
                if not last_try:
                    raise
                return None, self._fault(faults.ATTACHMENT_UNAVAILABLE, document, attachment)
            except HeldForPerson as held:
                if not faults.concerns_one(held):
                    raise
                too_large = held.scope is Scope.MESSAGE
                explanation = faults.ATTACHMENT_TOO_LARGE if too_large else faults.DOCUMENT_FORBIDDEN
                return None, self._fault(explanation, document, attachment)
            if (blob.sha256, blob.size_bytes) != (attachment.sha256, attachment.size_bytes):
                fault = self._fault(faults.ATTACHMENT_CHANGED, document, attachment)
            came.append(attachment.model_copy(update={"sha256": blob.sha256, "size_bytes": blob.size_bytes}))
        return document.model_copy(update={"attachments": tuple(came)}), fault

    def _fetched(self, name: str, attachment: Attachment) -> BlobRef:
        """The file's bytes; those we have under the announced digest need not come again."""
        blobs = self.desk.surroundings.blobs
        limit = self.desk.settings.largest_attachment_bytes
        if attachment.size_bytes > limit:
            detail = f"announced with {attachment.size_bytes} bytes, at most {limit} are fetched"
            raise HeldForPerson(faults.ATTACHMENT_TOO_LARGE, detail, limit_bytes=limit)
        if blobs.has(attachment.sha256):
            with blobs.open(attachment.sha256) as stream:
                size = stream.seek(0, 2)
            return BlobRef(sha256=attachment.sha256, size_bytes=size)
        return self.desk.client.download(name, attachment.seq, blobs)

    def _fault(self, explanation: Explanation, document: Document, attachment: Attachment) -> HeldForPerson:
        return HeldForPerson(
            explanation,
            f"attachment {attachment.seq} of {document.document_id!r}, announced {attachment.size_bytes} "
            f"bytes with sha256 {attachment.sha256}",
            system=self.desk.surroundings.system,
            operation="fetch",
            file=attachment.name,
            title=str(document.number),
            limit_bytes=self.desk.settings.largest_attachment_bytes,
        )

    def _without_row(self, name: str, version: str, why: Missing) -> Item:
        """A document that cannot be had any more, held under its id."""
        fault = HeldForPerson(
            _MISSING[why],
            f"outgoing document {name!r}: {version}",
            system=self.desk.surroundings.system,
            operation="fetch",
            title=name,
        )
        return Item(Kind.DOCUMENT, name, version, name, fault=fault)
