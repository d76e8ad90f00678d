"""Reads the two feeds of events into batches: what clerks did, and what issuers ask about documents sent.

Numbers that have not come are looked for again until the feed is some hundreds further: an event may be
committed late. What issuers ask waits in the checkpoint while its document cannot be had, and a recall
until its document has been stored, so that it never overtakes it; other documents' events go on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebrvt_adapters.qlvb import faults, mapping, wire
from ebrvt_adapters.qlvb.feeds import Desk, EventPlace, Progress, PutOff, event_name, seq_of
from ebrvt_connect.codec.change_feed import STRUGGLING
from ebrvt_connect.codec.feed import Page, word_of
from ebrvt_connect.errors import ConnectError, HeldForPerson, InvalidValue, Rejected, RetryLater
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.model.document import DocumentStatus


_INCOMING = "incoming"
_OUTGOING = "outgoing"
_LONGEST_PAGE = 500


@dataclass(slots=True)
class _Reading:
    """What one reading of the outgoing events has met so far."""

    put_off: set[str] = field(default_factory=set)
    """Documents about which an event waits."""
    failure: RetryLater | None = None
    failed: int = 0
    """How many events in a row could not be looked into."""
    found: bool = False


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
        place, overlap = progress.incoming, self.desk.settings.event_overlap
        after = place.begin()
        told = progress.text()
        while True:
            page = self.desk.client.incoming_events(after, limit=self._limit(place, after))
            following = self._following(page, after, "GET /api/incoming/events")
            items: list[Item] = []
            for row in page.rows:
                seq = seq_of(row)
                if place.is_new(seq) and (item := self._clerk_item(row)) is not None:
                    items.append(item)
                place.read(seq or 0, overlap)
            place.skip_to(following or 0, overlap)
            if items or progress.text() != told:
                told = progress.text()
                yield Batch(tuple(items), told)
            if following is None:
                return
            after = following

    def _outgoing(self, progress: Progress) -> Iterator[Batch]:
        reading = _Reading()
        for event in tuple(progress.put_off):
            items = self._now(event.row.encode(), event.since, reading)
            if items is not None:
                progress.put_off.remove(event)
                yield Batch(items, progress.text())
        reading.failed = 0
        yield from self._new_events(progress, reading)
        if reading.failure is not None and (reading.failed >= STRUGGLING or not reading.found):
            raise reading.failure

    def _new_events(self, progress: Progress, reading: _Reading) -> Iterator[Batch]:
        place, overlap = progress.outgoing, self.desk.settings.event_overlap
        after = place.begin()
        while True:
            page = self.desk.client.outgoing_events(after, limit=self._limit(place, after))
            following = self._following(page, after, "GET /api/outgoing/events")
            for row in page.rows:
                seq = seq_of(row)
                if not place.is_new(seq):
                    continue
                now = self.desk.now().isoformat()
                items = self._now(row, now, reading)
                if items is None:
                    progress.put_off.append(PutOff(row.decode(), now))
                place.read(seq or 0, overlap)
                yield Batch(items or (), progress.text())
                if reading.failed >= STRUGGLING:
                    return
            if following is None:
                return
            place.skip_to(following, overlap)
            after = following

    def _limit(self, place: EventPlace, after: int) -> int:
        """A page, and what is read again before it, by one call."""
        return min(self.desk.settings.page + max(place.reached - after, 0), _LONGEST_PAGE)

    def _now(self, row: bytes, since: str, reading: _Reading) -> tuple[Item, ...] | None:
        """What an event makes; None when it has to wait, and all later ones about its document with it."""
        document_id = word_of(row, "id")
        items = None
        if document_id not in reading.put_off:
            try:
                items = self._asked_items(row, since)
                reading.failed = 0
            except RetryLater as failure:
                reading.failure = failure
                reading.failed += 1
                if self.desk.patience_over(since):
                    items = self._held_event(row, failure)
        if items is None:
            reading.put_off.add(document_id)
            return None
        reading.found = reading.found or bool(items)
        return items

    def _following(self, page: Page, after: int, operation: str) -> int | None:
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

    def _asked_items(self, row: bytes, since: str) -> tuple[Item, ...] | None:
        """What an issuer's event makes: a recall for each recipient, a contradiction, or nothing.

        None for a recall whose document is not stored yet: it would overtake it.
        """
        try:
            event = mapping.outgoing_event_of(row)
            found = mapping.outgoing_of(self.desk.client.outgoing_document(event.id))
            if event.kind == mapping.RECALL and not self._may_go(event, since):
                return None
            return tuple(self._made(row, event, found))
        except InvalidValue as refusal:
            return self._held(row, refusal)
        except Rejected as refusal:
            return self._held_event(row, refusal)
        except HeldForPerson as held:
            if not faults.concerns_one(held):
                raise
            return self._held_event(row, held)

    def _may_go(self, event: wire.OutgoingEvent, since: str) -> bool:
        """Whether the document of an event has been handed over, or is surely not to be expected.

        A document handed over by an earlier process is known by a reading that no longer finds it new. Where
        nobody reads documents at all, an event is patient for a while only.
        """
        watch = self.desk.documents
        if watch.waits(event.id):
            return False
        alone = not watch.begun and self.desk.patience_over(since)
        if not (self.desk.stored.has(event.id) or watch.read_since(event.seq) or alone):
            return False
        watch.forget(event.seq)
        return True

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

    def _held_event(self, row: bytes, failure: ConnectError) -> tuple[Item, ...]:
        """An event whose document cannot be had."""
        refusal = InvalidValue(
            mapping.STATUS_WITHOUT_DOCUMENT, f"{failure}", status=word_of(row, "kind") or "?"
        )
        return self._held(row, refusal)

    def _held(self, row: bytes, refusal: InvalidValue) -> tuple[Item, ...]:
        item = self.desk.unreadable(Kind.DOCUMENT_STATUS, row, refusal, event_name(_OUTGOING, row))
        return () if item is None else (item,)
