"""Reads the feed of issued documents (văn bản đi đã phát hành) into batches.

It comes ordered by (updatedAt, id). A row may be committed late with an older time, so each fetch begins
some minutes before the place reached; what this process knows to be stored is skipped, anything else read
twice is one message by its version. A document whose files cannot be had waits in the checkpoint and is
asked for by its id at each fetch, while the others go on; after a while it is held. One row that cannot
be read is held alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from ebrvt_adapters.qlvb import faults, mapping, wire
from ebrvt_adapters.qlvb.feeds import Desk, Progress, cursor_of, place_of, word_of
from ebrvt_connect.errors import ConnectError, HeldForPerson, InvalidValue, Rejected, RetryLater, Scope
from ebrvt_connect.model.message import BlobRef, Kind
from ebrvt_connect.ports.adapter import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.document import Attachment, Document

_STRUGGLING = 2
"""After so many documents in a row whose files cannot be had, the system is taken to be in trouble."""
_OPERATION = "GET /api/outgoing"


@dataclass(slots=True)
class _Reading:
    """What one reading of the feed has met so far."""

    tried: set[str] = field(default_factory=set)
    """Documents that waited and were asked for by their id."""
    answered: bool = False
    """Whether the system could be asked for one of them."""
    failure: RetryLater | None = None
    """What the last one that could not be asked for failed with."""
    found: bool = False


@dataclass(frozen=True, slots=True)
class DocumentFeed:
    """The feed of issued documents."""

    desk: Desk

    def batches(self, checkpoint: str | None) -> Iterator[Batch]:
        """What is new since the checkpoint; a document that cannot be had does not stop the others."""
        progress = Progress.parse(checkpoint)
        progress.no_later_than(self._now())
        watch = self.desk.documents
        number = watch.begin(progress.waiting)
        reading = _Reading()
        for batch in chain(self._asked_again(progress, reading), self._read(progress, reading)):
            reading.found = reading.found or bool(batch.items)
            yield batch
            watch.stored(progress.waiting)
        watch.end(number)
        if reading.failure is not None and not reading.answered and not reading.found:
            raise reading.failure

    def _read(self, progress: Progress, reading: _Reading) -> Iterator[Batch]:
        """The feed, page by page; raises `RetryLater` when the system seems to be in trouble."""
        cursor = self._begin(progress.cursor)
        told = progress.text()
        while True:
            page = self.desk.client.outgoing(cursor)
            following = self._following(page, cursor)
            items, failure = self._items(page.rows, progress, reading)
            if following is not None and failure is None:
                progress.advance(following, self._now())
            if items or progress.text() != told:
                told = progress.text()
                yield Batch(items, told)
            if failure is not None:
                raise failure
            if following is None:
                return
            cursor = following

    def _asked_again(self, progress: Progress, reading: _Reading) -> Iterator[Batch]:
        """Documents that waited for their files, by their id; none of them stops the others."""
        items: list[Item] = []
        for name, since in list(progress.waiting.items()):
            try:
                item = self._again(name, since, reading)
            except RetryLater:
                continue
            del progress.waiting[name]
            if item is not None:
                items.append(item)
        if items:
            yield Batch(tuple(items), progress.text())

    def _again(self, name: str, since: str, reading: _Reading) -> Item | None:
        """One that waited; raises `RetryLater` when it has to wait on."""
        last_try = self.desk.patience_over(since)
        try:
            row = self.desk.client.outgoing_document(name)
        except Rejected:
            return self._without_row(name, "gone", faults.NOT_FOUND)
        except HeldForPerson as held:
            if not faults.concerns_one(held):
                raise
            return self._without_row(name, f"forbidden:{since}", faults.DOCUMENT_FORBIDDEN)
        except RetryLater as failure:
            reading.failure = failure
            if not last_try:
                raise
            return self._without_row(name, f"unavailable:{since}", faults.DOCUMENT_UNAVAILABLE)
        reading.answered = True
        reading.tried.add(name)
        return self._item(row, last_try=last_try)

    def _begin(self, reached: wire.Cursor | None) -> wire.Cursor | None:
        """Some minutes before the place reached."""
        if reached is None or not self.desk.settings.overlap_minutes:
            return reached
        try:
            earlier = reached.moment() - timedelta(minutes=self.desk.settings.overlap_minutes)
        except OverflowError:
            return None
        return wire.Cursor(updated_after=wire.written_moment(earlier))

    def _following(self, page: wire.Page, cursor: wire.Cursor | None) -> wire.Cursor | None:
        """Where the next page begins; raises `RetryLater` when that is unreadable or no step forward."""
        if page.next is None:
            return None
        try:
            following = wire.Cursor.model_validate(page.next)
            place = place_of(following)
        except ValueError as failure:
            raise self.desk.odd(
                faults.REPLY_UNREADABLE, "the next page's place is unreadable", _OPERATION
            ) from failure
        if cursor is not None and (following == cursor or place[0] < cursor.moment()):
            raise self.desk.odd(
                faults.FEED_STUCK, "the next page begins where this one did, or before", _OPERATION
            )
        return following

    def _items(
        self, rows: tuple[bytes, ...], progress: Progress, reading: _Reading
    ) -> tuple[tuple[Item, ...], RetryLater | None]:
        """The rows as items; stops early, with the failure, when the system seems to be in trouble.

        Those that failed wait from now on, so that none of them is in the way again.
        """
        items: list[Item] = []
        failed = 0
        trouble: RetryLater | None = None
        for row in rows:
            name = word_of(row, "id")
            try:
                item = None if name in reading.tried else self._item(row)
            except RetryLater as failure:
                failed += name not in progress.waiting
                trouble = failure if failed >= _STRUGGLING else None
                progress.waiting.setdefault(mapping.outgoing_of(row).id, self._now().isoformat())
            else:
                failed = 0
                if item is not None:
                    items.append(item)
                    progress.waiting.pop(item.external_id, None)
            if (cursor := cursor_of(row)) is not None:
                progress.advance(cursor, self._now())
            if trouble is not None:
                break
        return tuple(items), trouble

    def _now(self) -> datetime:
        return self.desk.surroundings.clock.now()

    def _item(self, row: bytes, *, last_try: bool = False) -> Item | None:
        """One document with its files in the blobs; None when it is known to be stored.

        Raises `RetryLater` when a file cannot be had now; at the last try that holds the document.
        """
        if self.desk.stored.has_row(row):
            return None
        try:
            found = mapping.outgoing_of(row)
            document = mapping.document_of(found, now=self._now())
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

    def _without_row(self, name: str, version: str, explanation: Explanation) -> Item:
        """A document that cannot be had any more, held under its id."""
        fault = HeldForPerson(
            explanation,
            f"outgoing document {name!r}: {version}",
            system=self.desk.surroundings.system,
            operation="fetch",
            title=name,
        )
        return Item(Kind.DOCUMENT, name, version, name, fault=fault)
