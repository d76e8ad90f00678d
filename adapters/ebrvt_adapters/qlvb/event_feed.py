"""Reads the two feeds of events into batches: what clerks did, and what issuers ask about documents sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_adapters.qlvb import faults, mapping, wire
from ebrvt_adapters.qlvb.feeds import Desk, Progress, event_name, seq_of, word_of
from ebrvt_connect.errors import ConnectError, InvalidValue, Rejected, RetryLater
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.model.document import DocumentStatus


_INCOMING = "incoming"
_OUTGOING = "outgoing"


@dataclass(frozen=True, slots=True)
class EventFeed:
    """The two feeds of events: what clerks did, and what issuers ask."""

    desk: Desk

    def batches(self, checkpoint: str | None) -> Iterator[Batch]:
        """What is new since the checkpoint, clerks' events first."""
        progress = Progress.parse(checkpoint)
        yield from self._incoming(progress)
        yield from self._outgoing(progress)

    def _incoming(self, progress: Progress) -> Iterator[Batch]:
        while True:
            page = self.desk.client.incoming_events(progress.incoming_seq)
            following = self._following(page, progress.incoming_seq, "GET /api/incoming/events")
            items = [item for row in page.rows if (item := self._clerk_item(row)) is not None]
            seqs = [seq for row in page.rows if (seq := seq_of(row)) is not None]
            reached = max([progress.incoming_seq, *seqs, following or 0])
            if items or reached != progress.incoming_seq:
                progress.incoming_seq = reached
                yield Batch(tuple(items), progress.text())
            if following is None:
                return

    def _outgoing(self, progress: Progress) -> Iterator[Batch]:
        while True:
            page = self.desk.client.outgoing_events(progress.outgoing_seq)
            following = self._following(page, progress.outgoing_seq, "GET /api/outgoing/events")
            for row in page.rows:
                try:
                    items = self._asked_items(row)
                except RetryLater as failure:
                    if self._may_wait(progress):
                        yield Batch((), progress.text())
                        raise
                    items = self._held_event(row, failure)
                progress.stuck_since = ""
                progress.outgoing_seq = max(progress.outgoing_seq, seq_of(row) or 0)
                yield Batch(items, progress.text())
            if following is None:
                return
            progress.outgoing_seq = max(progress.outgoing_seq, following)

    def _following(self, page: wire.Page, after: int, operation: str) -> int | None:
        """The number after which the next page begins; raises `RetryLater` when it is no step forward."""
        if page.next is None:
            return None
        if isinstance(page.next, bool) or not isinstance(page.next, int):
            raise self.desk.odd(faults.REPLY_UNREADABLE, "the next page's number is unreadable", operation)
        if page.next <= after:
            raise self.desk.odd(faults.FEED_STUCK, f"next {page.next} does not lie behind {after}", operation)
        return page.next

    def _clerk_item(self, row: bytes) -> Item | None:
        try:
            event = mapping.incoming_event_of(row)
        except InvalidValue as refusal:
            return self.desk.unreadable(Kind.DOCUMENT_STATUS, row, refusal, event_name(_INCOMING, row))
        status = mapping.clerk_status(event, self.desk.settings.agency)
        return self._status_item(row, event_name(_INCOMING, row), event.axis_doc_id, status)

    def _asked_items(self, row: bytes) -> tuple[Item, ...]:
        """What an issuer's event makes: a recall for each recipient, a contradiction, or nothing."""
        try:
            event = mapping.outgoing_event_of(row)
            found = mapping.outgoing_of(self.desk.client.outgoing_document(event.id))
            return tuple(self._made(row, event, found))
        except InvalidValue as refusal:
            return self._held(row, refusal)
        except Rejected as refusal:
            return self._held_event(row, refusal)

    def _made(self, row: bytes, event: wire.OutgoingEvent, found: wire.OutgoingDocument) -> Iterator[Item]:
        if event.kind != mapping.RECALL:
            if (refusal := mapping.contradiction(event, found)) is not None:
                raise refusal
            return
        for status in mapping.recall_statuses(event, found):
            name = f"{event_name(_OUTGOING, row)}:{status.addressee.qd20 if status.addressee else ''}"
            yield self._status_item(row, name, status.about.document_id if status.about else name, status)

    def _status_item(self, row: bytes, name: str, lane: str, status: DocumentStatus) -> Item:
        told = f"{status.about_external_id}\n{status.code}\n{status.happened_at}\n{status.addressee}"
        return Item(
            kind=Kind.DOCUMENT_STATUS,
            external_id=name,
            version=hashlib.sha256(told.encode()).hexdigest()[:32],
            lane=lane,
            business_key=status.about.document_id if status.about else "",
            title=status.about.number if status.about else "",
            record=status,
            original=self.desk.keep(row),
        )

    def _may_wait(self, progress: Progress) -> bool:
        """Whether an event whose document cannot be had now is tried again, or held by now."""
        if not progress.stuck_since:
            progress.stuck_since = self.desk.surroundings.clock.now().isoformat()
        return not self.desk.patience_over(progress.stuck_since)

    def _held_event(self, row: bytes, failure: ConnectError) -> tuple[Item, ...]:
        """An event whose document cannot be had."""
        refusal = InvalidValue(
            mapping.STATUS_WITHOUT_DOCUMENT, f"{failure}", status=word_of(row, "kind") or "?"
        )
        return self._held(row, refusal)

    def _held(self, row: bytes, refusal: InvalidValue) -> tuple[Item, ...]:
        item = self.desk.unreadable(Kind.DOCUMENT_STATUS, row, refusal, event_name(_OUTGOING, row))
        return () if item is None else (item,)
