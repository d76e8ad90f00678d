"""One method for each operation of the axis. Usable alone: settings and a clock are all it needs.

    client = VxpClient(settings, SystemClock())
    for row in client.received(MessageType.EDOC).rows:
        packet = client.fetch(row.doc_id, blobs)
        client.update_status(row.doc_id, TransportStatus.DONE)

Success is `ErrorCode == "0"` with a status other than FAIL, in a 2xx reply that can be read; nothing else
is, least of all an empty body. Every method raises `ConnectError` (see `faults`). The envelope, with its
timestamp, is made anew for each attempt; a request refused as not authentic gets one more attempt. Objects
are safe to share between threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import ValidationError

from ebrvt_adapters.vxp import faults, wire
from ebrvt_connect.codec.base64_stream import decode_base64
from ebrvt_connect.codec.jsonwire import JsonLimits, json_value, write_json
from ebrvt_connect.errors import HeldForPerson, InvalidValue, ReconcileFirst, RetryLater
from ebrvt_connect.ports.blobs import CHUNK_BYTES
from ebrvt_connect.transport.failures import is_web_page
from ebrvt_connect.transport.http import HttpReply, HttpRequest
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.rest_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ebrvt_adapters.vxp.settings import VxpSettings
    from ebrvt_connect.model.message import BlobRef
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock

T = TypeVar("T")
Row = TypeVar("Row", bound=wire.WireValue)

_EMPTY_JSON = b"{}"
_SMALL_REPLY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet to be sent: edXML bytes that can be read again for each attempt, and their SHA-256."""

    sha256: str
    size_bytes: int
    source: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, content: bytes) -> Self:
        """From bytes in memory."""
        return cls(hashlib.sha256(content).hexdigest(), len(content), lambda: iter((content,)))

    @classmethod
    def stored(cls, blobs: Blobs, blob: BlobRef) -> Self:
        """From a stored file, streamed."""
        return cls(blob.sha256, blob.size_bytes, lambda: blobs.chunks(blob.sha256))

    def __iter__(self) -> Iterator[bytes]:
        """The file and the CRLF the vendor's client puts behind it."""
        yield from self.source()
        yield wire.CRLF

    def __len__(self) -> int:
        """Bytes on the wire."""
        return self.size_bytes + len(wire.CRLF)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is waiting in a queue: rows, and rows too broken to be fetched (as their JSON)."""

    rows: tuple[wire.ReceivedEdoc, ...]
    unreadable: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a packet sent: the axis' id and the raw reply, kept as evidence."""

    doc_id: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One operation, before it is dressed in an envelope."""

    operation: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Packet = b""
    content_type: str = wire.JSON_TYPE
    method: str = "POST"
    safe: bool = True
    limit_bytes: int = _SMALL_REPLY_BYTES
    seconds: float


class VxpClient(HttpClient):
    """The axis as one registered system sees it."""

    def __init__(self, settings: VxpSettings, clock: Clock, *, system: str = "vxp") -> None:
        """Opens no connection. `system` is how errors name this connection."""
        super().__init__(settings.transport, clock, system=system)
        self._settings = settings

    # --- packets ------------------------------------------------------------------------------------------

    def received(
        self, kind: wire.MessageType, *, since: datetime | None = None, until: datetime | None = None
    ) -> Listing:
        """What waits for us (`getReceivedEdocList`): everything not yet acknowledged, again and again.

        A reply without a readable list is an error, never an empty queue.
        """
        headers = (*_service(kind), *_period(since, until))
        rows = self._rows(self._list_call("getReceivedEdocList", headers))
        good: list[wire.ReceivedEdoc] = []
        broken: list[bytes] = []
        for row in rows:
            try:
                good.append(wire.ReceivedEdoc.model_validate(row))
            except ValidationError:
                broken.append(write_json(row))
        return Listing(tuple(good), tuple(broken))

    def sent(
        self,
        kind: wire.MessageType,
        *,
        doc_id: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[wire.SentEdoc, ...]:
        """What we have sent (`getSentEdocList`): one row for each packet and recipient."""
        wanted = (("docId", doc_id),) if doc_id else ()
        headers = (*_service(kind), *wanted, *_period(since, until))
        return self._typed(self._list_call("getSentEdocList", headers), wire.SentEdoc)

    def send(
        self, packet: Packet, kind: wire.MessageType, *, sender: str, recipients: Sequence[str] = ()
    ) -> Accepted:
        """Hand a packet over (`sendEdoc`).

        `sender` must be registered for our systemid. `recipients` repeat those in the packet and are left
        out where the list is too long for a header. A document is not safe to repeat: its doubtful ends
        raise `ReconcileFirst`; a status packet is: its doubtful ends raise `RetryLater`.
        """
        operation = "sendEdoc"
        safe = kind is wire.MessageType.STATUS
        call = _Call(
            operation=operation,
            headers=(
                *_service(kind),
                ("hash-file", wire.file_hash(packet.sha256, padded=self._settings.padded_file_hash)),
                ("from", sender),
                *self._recipients_header(recipients),
            ),
            body=packet,
            content_type=wire.FILE_TYPE,
            safe=safe,
            seconds=self._settings.transfer_seconds,
        )
        envelope, reply = self._answered(call)
        if envelope.doc_id in {"", "0"}:
            effect = RetryLater if safe else ReconcileFirst
            raise effect(
                faults.CONTRADICTION,
                f"accepted without a DocId: got {envelope.doc_id!r}",
                system=self._system,
                operation=operation,
            )
        return Accepted(envelope.doc_id, reply.body)

    def fetch(self, doc_id: str, blobs: Blobs) -> BlobRef:
        """Fetch a packet's untouched bytes into the blobs, by the operation the settings name.

        `RetryLater` where nothing came; `Rejected` `VXP_PACKET_NOT_FOUND` where it is not ours.
        """
        if self._settings.fetch_by == "getEdoc":
            return self._get_edoc(doc_id, blobs)
        return self._patiently(lambda: self._download_edoc(doc_id, blobs))

    def update_status(self, doc_id: str, status: wire.TransportStatus, description: str = "") -> None:
        """Acknowledge the transport of a packet (`updateStatus`); may be repeated.

        This says nothing about what becomes of the document: business statuses are packets (`send`).
        """
        told = (("description", description),) if description else ()
        self._answered(
            self._small_call(
                "updateStatus", ((self._settings.ack_header, doc_id), *told, ("status", status.value))
            )
        )

    def count(self, kind: wire.MessageType) -> int:
        """How many packets wait (`countReceiveEdoc`, `countReceiveStatus`)."""
        operation = "countReceiveEdoc" if kind is wire.MessageType.EDOC else "countReceiveStatus"
        envelope, _ = self._answered(self._small_call(operation, _service(kind)))
        if envelope.count is None:
            raise self._unlisted(operation, "no count")
        return envelope.count

    # --- agencies -----------------------------------------------------------------------------------------

    def agencies(self) -> tuple[wire.AgencyRow, ...]:
        """The directory (`getAgenciesList`): more than 120,000 rows at the real axis, so keep it."""
        return self._typed(self._list_call("getAgenciesList", ()), wire.AgencyRow)

    def agencies_qd20(self, level: int | None = None) -> tuple[wire.AgencyRow, ...]:
        """The directory with both code forms (`getAgenciesListQD20`), optionally one level of it."""
        headers = () if level is None else (("level", str(level)),)
        return self._typed(self._list_call("getAgenciesListQD20", headers), wire.AgencyRow)

    def units(self) -> tuple[wire.UnitRow, ...]:
        """The units with version and time of change (`getSynchronizeUnit`)."""
        return self._typed(self._list_call("getSynchronizeUnit", ()), wire.UnitRow)

    def register_agency(self, agency: wire.NewAgency) -> None:
        """Register an agency under our connection (`registerAgency`)."""
        body = write_json(agency.model_dump())
        self._answered(
            _Call(operation="registerAgency", body=body, safe=False, seconds=self._settings.call_seconds)
        )

    def delete_agency(self, code: str) -> None:
        """Remove an agency of ours (`deleteAgency`); may be repeated."""
        self._answered(self._small_call("deleteAgency", (("AgencyCode", code),)))

    # --- calls --------------------------------------------------------------------------------------------

    def _small_call(self, operation: str, headers: tuple[tuple[str, str], ...]) -> _Call:
        seconds = self._settings.call_seconds
        return _Call(operation=operation, headers=headers, body=_EMPTY_JSON, seconds=seconds)

    def _list_call(self, operation: str, headers: tuple[tuple[str, str], ...]) -> _Call:
        settings = self._settings
        return _Call(
            operation=operation,
            headers=headers,
            limit_bytes=settings.largest_list_bytes,
            seconds=settings.call_seconds,
        )

    def _recipients_header(self, recipients: Sequence[str]) -> tuple[tuple[str, str], ...]:
        text = write_json(list(recipients)).decode()
        wanted = self._settings.send_to_header and len(recipients) > 0
        return (("to", text),) if wanted and len(text) <= self._settings.longest_to_header else ()

    def _rows(self, call: _Call) -> list[Any]:
        envelope, _ = self._answered(call)
        if not isinstance(envelope.data, list):
            raise self._unlisted(call.operation, f"data is {type(envelope.data).__name__}, expected a list")
        return envelope.data

    def _typed(self, call: _Call, kind: type[Row]) -> tuple[Row, ...]:
        """All rows of a list; a row that is none makes the list unreadable."""
        try:
            return tuple(kind.model_validate(row) for row in self._rows(call))
        except ValidationError as failure:
            detail = f"{failure.error_count()} unreadable fields in a row"
            raise self._unlisted(call.operation, detail) from None

    def _unlisted(self, operation: str, detail: str) -> RetryLater:
        return RetryLater(faults.NO_LIST, detail, system=self._system, operation=operation)

    def _answered(self, call: _Call) -> tuple[wire.Envelope, HttpReply]:
        """A successful answer, after seconds of patience."""
        return self._patiently(lambda: self._once(call))

    def _patiently(self, attempt: Callable[[], T]) -> T:
        return with_patience(lambda: _renewed(attempt), clock=self._clock)

    def _once(self, call: _Call) -> tuple[wire.Envelope, HttpReply]:
        reply = self._transport.send(self._request(call))
        envelope = _envelope(reply, call.limit_bytes)
        if envelope is None or not (reply.ok and envelope.succeeded):
            raise faults.failure_of(
                envelope, reply, safe=call.safe, system=self._system, operation=call.operation
            )
        return envelope, reply

    def _request(self, call: _Call) -> HttpRequest:
        """The request in a new envelope: timestamp and HMAC of this moment."""
        logical = (
            ("systemid", self._settings.credentials.systemid),
            *call.headers,
            ("timestamp", wire.timestamp(self._clock.now())),
            ("Content-Type", call.content_type),
        )
        if (header := wire.unsendable(logical)) is not None:
            raise HeldForPerson(
                faults.UNSENDABLE,
                f"header {header!r} is not printable ASCII",
                system=self._system,
                operation=call.operation,
                header=header,
            )
        return HttpRequest(
            operation=call.operation,
            method=call.method,
            path=f"/{call.operation}",
            headers=wire.signed_headers(logical, self._settings.credentials.secret.get_secret_value()),
            body=call.body,
            safe=call.safe,
            deadline_seconds=call.seconds,
            max_response_bytes=call.limit_bytes,
        )

    def _fetch_headers(self, doc_id: str) -> tuple[tuple[str, str], ...]:
        return (("docId", doc_id), ("filePath", self._settings.file_path))

    def _get_edoc(self, doc_id: str, blobs: Blobs) -> BlobRef:
        """The packet in base64 inside JSON: the whole of it passes through memory."""
        limit = self._settings.largest_packet_bytes
        call = _Call(
            operation="getEdoc",
            headers=self._fetch_headers(doc_id),
            body=_EMPTY_JSON,
            limit_bytes=limit * 4 // 3 + _SMALL_REPLY_BYTES,
            seconds=self._settings.transfer_seconds,
        )
        envelope, _ = self._answered(call)
        text = envelope.data if isinstance(envelope.data, str) else ""
        try:
            if not text.strip():
                raise self._nothing_came(call.operation, doc_id)
            return blobs.put(decode_base64(iter((text,))), limit_bytes=limit)
        except InvalidValue as refusal:
            raise self._nothing_came(call.operation, doc_id) from refusal

    def _download_edoc(self, doc_id: str, blobs: Blobs) -> BlobRef:
        """The packet as the reply's raw body; a body that is JSON or a web page is no packet."""
        call = _Call(
            operation="downloadEdoc",
            headers=self._fetch_headers(doc_id),
            method="GET",
            limit_bytes=self._settings.largest_packet_bytes,
            seconds=self._settings.transfer_seconds,
        )
        with self._transport.download(self._request(call)) as (reply, pieces):
            told = replace(reply, body=_head(pieces)) if reply.ok else reply
            if not _may_be_packet(told):
                whole = replace(told, body=_rest(told.body, pieces))
                envelope = _envelope(whole, call.limit_bytes)
                raise faults.failure_of(
                    envelope, whole, safe=True, system=self._system, operation=call.operation
                )
            if not told.body.strip():
                raise self._nothing_came(call.operation, doc_id)
            return blobs.put(_chain(told.body, pieces), limit_bytes=call.limit_bytes)

    def _nothing_came(self, operation: str, doc_id: str) -> RetryLater:
        return RetryLater(
            faults.NO_PACKET,
            f"no packet in the reply for {doc_id[:60]!r}",
            system=self._system,
            operation=operation,
            doc_id=doc_id[:60],
        )


def _renewed(attempt: Callable[[], T]) -> T:
    """The attempt, and one more when the envelope was refused: its timestamp may have aged on the way."""
    try:
        return attempt()
    except faults.AuthenticationRefused:
        return attempt()


def _envelope(reply: HttpReply, limit_bytes: int) -> wire.Envelope | None:
    try:
        return wire.envelope_of(json_value(reply.body, JsonLimits(body_bytes=limit_bytes)))
    except InvalidValue:
        return None


def _service(kind: wire.MessageType) -> tuple[tuple[str, str], ...]:
    return (("servicetype", wire.SERVICE_TYPE), ("messagetype", kind.value))


def _period(since: datetime | None, until: datetime | None) -> tuple[tuple[str, str], ...]:
    bounds = (("fromDate", since), ("toDate", until))
    return tuple((name, wire.list_time(moment)) for name, moment in bounds if moment is not None)


def _head(pieces: Iterator[bytes]) -> bytes:
    """Enough of a body to tell what it is."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head.lstrip()) >= 16:  # noqa: PLR2004 - longer than "<!doctype html"
            break
    return head


def _may_be_packet(reply: HttpReply) -> bool:
    """Whether a body, by how it begins, is neither JSON nor a web page; what it is the codec will tell."""
    return reply.ok and not is_web_page(reply) and not reply.body.lstrip().startswith(b"{")


def _rest(head: bytes, pieces: Iterator[bytes]) -> bytes:
    """A short answer that came where a packet was expected, read to its end or to a sane length."""
    content = head
    for piece in pieces:
        content += piece
        if len(content) > _SMALL_REPLY_BYTES:
            break
    return content


def _chain(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for start in range(0, len(head), CHUNK_BYTES):
        yield head[start : start + CHUNK_BYTES]
    yield from pieces
