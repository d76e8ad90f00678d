"""The axis as the engine sees it: a source of documents and statuses, and a sink for both.

Receiving. The axis lists what was not acknowledged, again and again; so the list itself is the
checkpoint. A packet is acknowledged (`updateStatus done`) once its bytes are stored, the unreadable, the
recalled and those for somebody else included: they are held here with a reason, and left in the list they
would only come again and push others back. `fail` is never said: what the axis then does is not known.
What could not be fetched at all is held, too, but stays in the list, and is tried last (see `unfetched`).

Sending. `sendEdoc` of a document carries no key, so after a doubtful end the list of what was sent is
asked first. Status packets may be repeated.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ebrvt_adapters.vxp import faults, mapping, wire
from ebrvt_adapters.vxp.client import Packet, VxpClient
from ebrvt_adapters.vxp.settings import VxpSettings
from ebrvt_adapters.vxp.unfetched import Unfetched
from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_words import EdxmlLimits
from ebrvt_connect.codec.edxml_write import write_document, write_status
from ebrvt_connect.errors import (
    UNEXPECTED,
    ConnectError,
    HeldForPerson,
    InvalidValue,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.model.document import Document, DocumentStatus, StatusCode
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import BlobRef, Kind, Payload, Receipt, State
from ebrvt_connect.ports.adapter import (
    Answer,
    AskAgain,
    Batch,
    Feedback,
    Item,
    NotThere,
    Outcome,
    Settled,
    Sink,
    Source,
    Surroundings,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pydantic import BaseModel

    from ebrvt_adapters.vxp.unfetched import Trouble
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record

SEVERAL_FOUND = explain(
    "VXP_SENT_LIST_AMBIGUOUS",
    "Mất trả lời khi gửi văn bản {title}; danh sách đã gửi trên trục có văn bản giống như vậy nhưng không "
    "xác định được có phải chính lần gửi này hay không.",
    "Đối chiếu trên trục: nếu văn bản đã đến nơi, đánh dấu là đã gửi; nếu chưa, cho gửi lại.",
)
PARTLY_FOUND = explain(
    "VXP_SENT_TO_SOME",
    "Mất trả lời khi gửi văn bản {title}; trên trục chỉ thấy đã gửi tới {found}/{wanted} nơi nhận.",
    "Liên hệ đơn vị vận hành trục để biết các nơi nhận còn thiếu; không gửi lại toàn bộ khi chưa rõ.",
)
DUPLICATE_NOT_FOUND = explain(
    "VXP_DUPLICATE_NOT_FOUND",
    "Trục báo văn bản {title} đã được gửi trước đó, nhưng không thấy trong danh sách đã gửi.",
    "Kiểm tra văn bản có được gửi bằng phần mềm khác không; nếu đã đến nơi thì đánh dấu là đã gửi.",
)
UNFETCHABLE = explain(
    "VXP_PACKET_UNFETCHABLE",
    "Gói tin {doc_id} trên trục vẫn không tải về được sau {tries} lần thử trong {minutes} phút.",
    "Báo đơn vị vận hành trục kèm mã gói tin. Chương trình vẫn tiếp tục thử tải và chưa xác nhận gói tin nên "
    "không bị mất; khi tải được, văn bản sẽ vào như thường và có thể bỏ qua mục này.",
)
ROW_UNREADABLE = explain(
    "VXP_LIST_ROW_UNREADABLE",
    "Danh sách trên trục có một dòng không có mã gói tin nên không tải về được.",
    "Báo đơn vị vận hành trục kèm nội dung dòng đã lưu.",
)

CHECKPOINT = "queue"
"""The axis remembers what we have not acknowledged; there is nothing of our own to remember."""
UNFETCHED = "unfetched"
"""Version of an item whose packet could not be fetched: not acknowledged."""
UNLISTED = "unlisted"
"""Version of a row without docId: there is nothing to acknowledge."""
EDXML_TYPE = "application/xml"

_QUEUES = {Kind.DOCUMENT: wire.MessageType.EDOC, Kind.DOCUMENT_STATUS: wire.MessageType.STATUS}
_TROUBLES_IN_A_ROW = 2
"""So many packets one after the other that cannot be fetched, though they came never before, mean that the
axis is in trouble; and so many of those known to fail are tried in vain at each fetch."""


class Vxp(Source, Sink):
    """The national document exchange axis (trục liên thông văn bản quốc gia), by its VXP interface."""

    system_kind: ClassVar[str] = "vxp"
    settings_type: ClassVar[type[BaseModel]] = VxpSettings

    def __init__(self, settings: VxpSettings, surroundings: Surroundings) -> None:
        """Opens no connection."""
        self._settings = settings
        self._system = surroundings.system
        self._clock = surroundings.clock
        self._blobs = surroundings.blobs
        self._ours = settings.agencies
        patience = timedelta(minutes=settings.fetch_patience_minutes)
        self._unfetched = {kind: Unfetched(patience) for kind in _QUEUES}
        self.client = VxpClient(settings, surroundings.clock, system=surroundings.system)
        """The operations themselves, for whoever needs one that no link uses."""

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """From validated `VxpSettings`; raises `TypeError` for any others."""
        if not isinstance(settings, VxpSettings):
            raise TypeError(f"settings are {type(settings).__name__}, expected VxpSettings")
        return cls(settings, surroundings)

    def ping(self) -> str:
        """Ask how many documents wait."""
        return f"{self.client.count(wire.MessageType.EDOC)} văn bản đang chờ"

    def close(self) -> None:
        """Give back connections."""
        self.client.close()

    # --- source -------------------------------------------------------------------------------------------

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        """Everything listed, in batches; a packet that fails is left for the next time, the others come.

        A failure that is new is told at the end. Two new ones in a row, or one that concerns the whole
        system, end the fetch: then the axis is in trouble, not a packet.
        """
        del checkpoint
        listing = self.client.received(_QUEUES[kind])
        if listing.unreadable:
            yield Batch(tuple(self._broken_row(kind, row) for row in listing.unreadable), CHECKPOINT)
        last: ConnectError | None = None
        items: list[Item] = []
        arriving = self._arriving(kind, [row.doc_id for row in listing.rows])
        while True:
            try:
                item = next(arriving, None)
            except ConnectError as failure:
                item, last = None, failure
            if item is not None:
                items.append(item)
            if items and (item is None or len(items) >= self._settings.batch):
                yield Batch(tuple(items), CHECKPOINT)
                # Only now, with the batch stored, is a person sure to see them.
                for told in items:
                    self._unfetched[kind].told(told.external_id)
                items = []
            if item is None:
                break
        if last is not None:
            raise last

    def _arriving(self, kind: Kind, doc_ids: list[str]) -> Iterator[Item]:
        """The packets one by one, those that would not come before last; raises as `_fetch` says."""
        troubles = self._unfetched[kind]
        new, in_trouble = troubles.sorted(doc_ids)
        last: RetryLater | None = None
        in_a_row = 0
        for doc_id in new:
            try:
                item = self._item(kind, doc_id)
            except RetryLater as failure:
                troubles.failed(doc_id, self._clock.now())
                last = failure
                in_a_row += 1
                if in_a_row >= _TROUBLES_IN_A_ROW:
                    raise
            else:
                in_a_row = 0
                if item.version == UNFETCHED:
                    troubles.failed(doc_id, self._clock.now())
                yield item
        yield from self._retried(kind, in_trouble)
        if last is not None:
            raise last

    def _retried(self, kind: Kind, in_trouble: list[str]) -> Iterator[Item]:
        """Those of the packets in trouble that come now or are given up; so many fail and the rest waits."""
        troubles = self._unfetched[kind]
        failing = 0
        for doc_id in in_trouble:
            if failing >= _TROUBLES_IN_A_ROW:
                return
            try:
                item = self._item(kind, doc_id)
            except RetryLater as failure:
                failing += 1
                trouble = troubles.failed(doc_id, self._clock.now())
                if troubles.over(trouble):
                    yield self._given_up(kind, doc_id, trouble, failure)
            else:
                if item.version != UNFETCHED:
                    troubles.came(doc_id)
                    yield item
                    continue
                failing += 1
                if not troubles.failed(doc_id, self._clock.now()).told:
                    yield item

    def _item(self, kind: Kind, doc_id: str) -> Item:
        try:
            original = self.client.fetch(doc_id, self._blobs)
        except (Rejected, HeldForPerson) as refusal:
            if isinstance(refusal, HeldForPerson) and refusal.scope is not Scope.MESSAGE:
                raise
            return Item(kind, doc_id, UNFETCHED, lane=doc_id, fault=refusal)
        return self._read(kind, doc_id, original)

    def _given_up(self, kind: Kind, doc_id: str, trouble: Trouble, failure: RetryLater) -> Item:
        minutes = int((trouble.last_at - trouble.since).total_seconds() // 60)
        fault = HeldForPerson(
            UNFETCHABLE,
            f"packet {doc_id[:60]!r} did not come in {trouble.tries} tries; the last one: {failure}",
            system=self._system,
            operation="fetch",
            doc_id=doc_id,
            tries=trouble.tries,
            minutes=minutes,
        )
        return Item(kind, doc_id, UNFETCHED, lane=doc_id, fault=fault)

    def _read(self, kind: Kind, doc_id: str, original: BlobRef) -> Item:
        """The item a packet makes; one that cannot be read is an item with a fault."""
        limits = EdxmlLimits(file_bytes=self._settings.largest_packet_bytes)
        try:
            record = read_document(self._blobs.chunks(original.sha256), self._blobs, limits).record
        except InvalidValue as refusal:
            return self._unreadable(kind, doc_id, original, self._held(refusal, "fetch"))
        except ConnectError:
            raise
        except Exception as failure:  # noqa: BLE001 - a packet that breaks our reader must not stop the others
            detail = f"{type(failure).__name__} escaped from reading packet {doc_id[:60]!r}"
            fault = HeldForPerson(UNEXPECTED, detail, system=self._system, operation="fetch")
            return self._unreadable(kind, doc_id, original, fault)
        if isinstance(record, DocumentStatus):
            # Some clients send their 15 and 16 into the queue of documents: it is a status all the same.
            return self._status_item(doc_id, original, record)
        if kind is Kind.DOCUMENT:
            return self._document_item(doc_id, original, record)
        # The link of statuses has none of the gates a document must pass, so none goes on by it.
        misplaced = InvalidValue(mapping.NOT_A_STATUS, "packet in the queue of statuses is a document")
        return self._unreadable(kind, doc_id, original, self._held(misplaced, "fetch"))

    def _document_item(self, doc_id: str, original: BlobRef, document: Document) -> Item:
        ours = mapping.our_recipients(document, self._ours)
        fault = None
        if not ours:
            fault = self._not_for_us([agency.code for agency in document.recipients])
        return Item(
            kind=Kind.DOCUMENT,
            external_id=doc_id,
            version=mapping.content_of(document),
            lane=mapping.lane_of(document) or doc_id,
            business_key=document.document_id,
            title=mapping.title_of(document),
            # A centre serves several agencies: only its own are booked for; the packet keeps the rest.
            record=document.model_copy(update={"recipients": ours}) if ours else document,
            original=original,
            fault=fault,
            same_as=mapping.same_document(document, self._ours),
            priority=int(document.urgency or 0),
        )

    def _status_item(self, doc_id: str, original: BlobRef, status: DocumentStatus) -> Item:
        about = status.about
        document_id = about.document_id if about else ""
        to = mapping.told_to(status)
        fault: ConnectError | None = None
        if to is None or not mapping.is_ours(to, self._ours):
            fault = self._not_for_us([to] if to else [])
        elif status.code == StatusCode.RECALL:
            fault = HeldForPerson(
                mapping.RECALL_REQUESTED,
                f"status 13 for {document_id[:80]!r}: no call of the document system takes it",
                system=self._system,
                operation="fetch",
                sender=status.reporter.name or str(status.reporter.code),
                title=about.number if about else document_id,
            )
        return Item(
            kind=Kind.DOCUMENT_STATUS,
            external_id=doc_id,
            version=mapping.content_of(status),
            lane=document_id or doc_id,
            business_key=document_id,
            title=about.number if about else "",
            record=status,
            original=original,
            fault=fault,
            same_as=mapping.same_status(status),
        )

    @staticmethod
    def _unreadable(kind: Kind, doc_id: str, original: BlobRef, fault: ConnectError) -> Item:
        return Item(kind, doc_id, original.sha256, lane=doc_id, original=original, fault=fault)

    def _broken_row(self, kind: Kind, row: bytes) -> Item:
        """A row without docId cannot be fetched or acknowledged; it is kept once, for a person."""
        original = self._blobs.put(iter((row,)), limit_bytes=self._settings.largest_list_bytes)
        name = f"row-{original.sha256[:24]}"
        fault = HeldForPerson(
            ROW_UNREADABLE, "a list row has no docId", system=self._system, operation="fetch"
        )
        return Item(kind, name, UNLISTED, lane=name, original=original, fault=fault)

    def _not_for_us(self, recipients: list[AgencyCode]) -> HeldForPerson:
        named = ", ".join(str(code) for code in recipients[:5]) or "?"
        return HeldForPerson(
            mapping.NOT_FOR_US,
            f"addressed to {named}, none of the configured agencies",
            system=self._system,
            operation="fetch",
            recipients=named,
        )

    def _acknowledge(self, kind: Kind, batch: Batch) -> None:
        """`updateStatus done` for all that is stored; one the axis no longer knows needs no more."""
        del kind
        refused: ConnectError | None = None
        for item in batch.items:
            if item.version in {UNFETCHED, UNLISTED}:
                continue
            try:
                self.client.update_status(item.external_id, wire.TransportStatus.DONE)
            except Rejected as refusal:
                if refusal.code != faults.NOT_FOUND.code:
                    refused = refusal
        if refused is not None:
            raise refused

    def feedback(self, message: Message, record: Record | None, outcome: Outcome) -> tuple[Feedback, ...]:
        """Once an incoming document is safely with the document system: status 01 to its sender."""
        if outcome.state is not State.DONE or not isinstance(record, Document):
            return ()
        arrivals = mapping.arrivals(record, self._ours, message.updated_at)
        return tuple(Feedback(f"01:{status.reporter.code.qd20}", status) for status in arrivals)

    # --- sink ---------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> Payload:
        try:
            if isinstance(work.record, Document):
                return self._document_payload(work.record)
            if isinstance(work.record, DocumentStatus):
                if work.record.code == StatusCode.RECALL:
                    mapping.refuse_recall(work, self._ours)
                origin = work.origin_record
                return self._status_payload(work.record, origin if isinstance(origin, Document) else None)
        except InvalidValue as refusal:
            raise self._held(refusal, "prepare") from refusal
        raise TypeError(f"the axis takes no {type(work.record).__name__}")

    def _document_payload(self, record: Document) -> Payload:
        settings = self._settings
        agreed = mapping.Agreement(
            settings.agencies, settings.agency_form, settings.steering_default, settings.steering
        )
        document = mapping.outgoing(record, agreed)
        packet = write_document(document, self._blobs, passed_at=self._clock.now())
        return Payload(
            blob=self._blobs.put(packet, limit_bytes=settings.largest_packet_bytes),
            media_type=EDXML_TYPE,
            facts=(
                ("document_id", document.document_id),
                ("from", str(document.issuer.code)),
                ("to", json.dumps([str(agency.code) for agency in document.recipients])),
                ("number", str(document.number)),
                ("symbol", document.number.symbol),
                ("title", document.abstract),
            ),
        )

    def _status_payload(self, record: DocumentStatus, origin: Document | None) -> Payload:
        """One packet, or for a recall one to each recipient, laid end to end in one blob."""
        statuses = mapping.outgoing_statuses(record, origin, self._ours, self._settings.agency_form)
        packets = [write_status(status) for status in statuses]
        told = [
            [str(mapping.told_to(status)), len(packet)]
            for status, packet in zip(statuses, packets, strict=True)
        ]
        return Payload(
            blob=self._blobs.put(iter(packets), limit_bytes=self._settings.largest_packet_bytes),
            media_type=EDXML_TYPE,
            facts=(
                ("code", record.code),
                ("from", str(statuses[0].reporter.code)),
                ("packets", json.dumps(told)),
            ),
        )

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        if work.message.kind is Kind.DOCUMENT_STATUS:
            return self._submit_statuses(payload)
        accepted = self.client.send(
            Packet.stored(self._blobs, payload.blob),
            wire.MessageType.EDOC,
            sender=payload.fact("from"),
            recipients=json.loads(payload.fact("to")),
        )
        return Receipt(external_id=accepted.doc_id, raw=accepted.raw)

    def _submit_statuses(self, payload: Payload) -> Receipt:
        """All packets of the payload; if one fails all are sent again, which does no harm."""
        content = self._blobs.read(payload.blob.sha256)
        doc_ids: list[str] = []
        raws: list[bytes] = []
        for recipient, size in json.loads(payload.fact("packets")):
            packet, content = content[:size], content[size:]
            try:
                accepted = self.client.send(
                    Packet.of(packet),
                    wire.MessageType.STATUS,
                    sender=payload.fact("from"),
                    recipients=(recipient,),
                )
            except ReconcileFirst as failure:
                # Only a refused repetition comes here, and then the status is there already.
                if failure.code != faults.DUPLICATE.code:
                    raise
                raws.append(failure.detail.encode())
            else:
                doc_ids.append(accepted.doc_id)
                raws.append(accepted.raw)
        return Receipt(external_id=",".join(doc_ids), raw=b"\n".join(raws))

    def _ask_after(self, work: Work, payload: Payload) -> Answer:
        """Look a document up in the list of what was sent; a status packet may simply be sent again."""
        if work.message.kind is Kind.DOCUMENT_STATUS:
            return NotThere()
        now = self._clock.now()
        sought = self._sought(work.message, payload, now)
        listed = self.client.sent(wire.MessageType.EDOC, since=sought.since, until=sought.until)
        facts: dict[str, Any] = {
            "system": self._system,
            "operation": "ask_after",
            "title": work.message.title,
        }
        by_recipient = mapping.found_rows(listed, sought)
        others = mapping.taken_by_others(work.siblings, listed, sought)
        by_recipient = {
            code: tuple(row for row in rows if row.sender_doc_id not in others.doc_ids)
            for code, rows in by_recipient.items()
        }
        rows = sum(map(len, by_recipient.values()))
        if rows and (others.unplaced or not mapping.original_accounted_for(work.record, others)):
            why = f"{others.unplaced} like it are in no row" if others.unplaced else "its original is unknown"
            detail = f"{rows} rows that may be another packet's ({why})"
            raise HeldForPerson(SEVERAL_FOUND, detail, **facts)
        if any(len(found) > 1 for found in by_recipient.values()):
            raise HeldForPerson(SEVERAL_FOUND, f"{rows} rows for {len(by_recipient)} recipients", **facts)
        found = [rows[0] for rows in by_recipient.values() if rows]
        if len(found) == len(by_recipient):
            return Settled(_receipt_of(found))
        if wait := self._still_to_wait(work.message, now):
            return AskAgain(wait)
        if found:
            wanted = len(by_recipient)
            detail = f"sent list has {len(found)} of {wanted} recipients"
            raise HeldForPerson(PARTLY_FOUND, detail, found=len(found), wanted=wanted, **facts)
        if work.message.code == faults.DUPLICATE.code:
            raise HeldForPerson(DUPLICATE_NOT_FOUND, "refused as a duplicate, yet not listed", **facts)
        return NotThere()

    def _sought(self, message: Message, payload: Payload, now: datetime) -> mapping.Sought:
        slack = timedelta(seconds=self._settings.ask_window_seconds)
        return mapping.Sought(
            sender=AgencyCode(payload.fact("from")),
            recipients=tuple(AgencyCode(code) for code in json.loads(payload.fact("to"))),
            number=payload.fact("number"),
            symbol=payload.fact("symbol"),
            title=payload.fact("title"),
            since=(message.first_sent_at or message.created_at) - slack,
            until=now + slack,
        )

    def _still_to_wait(self, message: Message, now: datetime) -> timedelta | None:
        """How long the document may yet take to be listed; None when the delay has passed.

        It counts from the moment the sending had ended without an answer: a sending may itself last longer
        than the delay. Where that moment is not known (a row of an earlier release), the row's last change
        stands for it; asking moves that, so then the whole delay is waited for at once, less a tenth.
        """
        delay = timedelta(seconds=self._settings.ask_after_seconds)
        if message.doubt_since is not None:
            left = message.doubt_since + delay - now
            return left if left > timedelta(0) else None
        return delay if now - message.updated_at < delay * 0.9 else None

    def _held(self, refusal: InvalidValue, operation: str) -> HeldForPerson:
        return refusal.held(system=self._system, operation=operation)


def _receipt_of(rows: list[wire.SentEdoc]) -> Receipt:
    """A receipt from the list; that `senderDocId` is the DocId of `sendEdoc` holds for our simulator only."""
    raw = json.dumps([row.model_dump(by_alias=True) for row in rows], ensure_ascii=False)
    return Receipt(
        external_id=rows[0].sender_doc_id, raw=raw.encode(), note="Xác nhận qua danh sách đã gửi trên trục."
    )
