"""One method for each call of the document system. Usable alone: settings and a clock are all it needs.

    with QlvbClient(settings, SystemClock()) as client:
        for row in client.outgoing().rows:
            item = mapping.outgoing_of(row)
            blob = client.download(item.id, 1, blobs)

Every method raises `ConnectError` (see `faults`). Every call is a read, carries a key or may be repeated,
so nothing here is ever in doubt for long. Objects are safe to share between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from ebrvt_adapters.qlvb import faults, wire
from ebrvt_connect.codec.feed import Cursor, Page
from ebrvt_connect.codec.jsonwire import JsonLimits, JsonValue, json_value, write_json
from ebrvt_connect.codec.multipart import MultipartBody, Part
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.transport.http import HttpRequest, path_of
from ebrvt_connect.transport.rest_client import RestClient
from ebrvt_connect.transport.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebrvt_adapters.qlvb.settings import QlvbSettings
    from ebrvt_connect.model.message import BlobRef
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock

Feed = Literal["outgoing", "incoming-events", "outgoing-events"]
"""The three feeds, as `POST /api/ack` names them."""

METADATA = "metadata"
"""The part that holds the IncomingDocument."""

_JSON = "application/json; charset=utf-8"
_CREATED = 201
_AGENCIES = TypeAdapter(tuple[wire.AgencyRow, ...])


@dataclass(frozen=True, slots=True)
class Delivered:
    """The answer to an incoming document: its id there, whether it is new, and the raw words."""

    id: str
    created: bool
    raw: bytes


def file_part(seq: int, name: str, media_type: str, blob: BlobRef, blobs: Blobs) -> Part:
    """A file of an incoming document as a part of the form, read from the blobs each time it is sent."""
    return Part(
        name=f"file-{seq}",
        media_type=media_type,
        filename=name,
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        open=lambda: blobs.chunks(blob.sha256),
    )


class QlvbClient(RestClient):
    """The document system as one account sees it."""

    def __init__(self, settings: QlvbSettings, clock: Clock, *, system: str = "qlvb") -> None:
        """Opens no connection. `system` is how errors name this connection."""
        super().__init__(
            settings,
            clock,
            system=system,
            reads_failure=faults.failure_of,
            unreadable=faults.REPLY_UNREADABLE,
        )
        self._settings = settings

    # --- documents that go out ----------------------------------------------------------------------------

    def outgoing(self, after: Cursor | None = None, *, limit: int | None = None) -> Page:
        """Issued documents past a place in the feed, ordered by time of change and id."""
        place = (("updatedAfter", after.updated_after), ("afterId", after.after_id)) if after else ()
        return self._feed("GET /api/outgoing", path_of("api", "outgoing"), place, limit)

    def outgoing_document(self, document_id: str) -> bytes:
        """One outgoing document as its JSON; `Rejected` `QLVB_NOT_FOUND` where there is none."""
        path = path_of("api", "outgoing", document_id)
        return self._answered(self._get("GET /api/outgoing/{id}", path)).body

    def download(self, document_id: str, seq: int, blobs: Blobs) -> BlobRef:
        """Fetch a file's untouched bytes into the blobs; a transfer that breaks off is resumed.

        The system's `ETag` must be the SHA-256 of what came, else `RetryLater` `QLVB_ATTACHMENT_DAMAGED`;
        `HeldForPerson` `BLOB_TOO_LARGE` past the limit of the settings.
        """
        request = self._download_request(document_id, seq)
        transfer = Transfer(
            self._transport,
            self._clock,
            request,
            system=self._system,
            damaged=faults.ATTACHMENT_DAMAGED,
            failure_of=lambda reply: faults.failure_of(
                reply, system=self._system, operation=request.operation
            ),
        )
        return transfer.into(blobs, limit_bytes=self._settings.largest_attachment_bytes)

    def report_status(self, document_id: str, status: Mapping[str, Any]) -> None:
        """Tell what became of an outgoing document (`PUT .../exchange-status`); may be repeated."""
        request = self._request(
            operation="PUT /api/outgoing/{id}/exchange-status",
            method="PUT",
            path=path_of("api", "outgoing", document_id, "exchange-status"),
            headers=(("Content-Type", _JSON),),
            body=write_json(dict(status)),
        )
        self._told(request)

    # --- documents that come in ---------------------------------------------------------------------------

    def deliver(self, metadata: bytes, files: Sequence[Part], *, key: str) -> Delivered:
        """Hand an incoming document over (`POST /api/incoming`) under its key; may be repeated as it is.

        `HeldForPerson` `QLVB_KEY_REUSED` where other bytes lie under the key.
        """
        operation = "POST /api/incoming"
        body = MultipartBody([Part.field(METADATA, metadata, "application/json"), *files])
        request = self._request(
            operation=operation,
            method="POST",
            path=path_of("api", "incoming"),
            headers=(("Content-Type", body.content_type), ("Idempotency-Key", key)),
            body=body,
            deadline_seconds=self._settings.transfer_seconds,
        )
        return self._patiently(lambda: self._delivered(request, operation))

    def _delivered(self, request: HttpRequest, operation: str) -> Delivered:
        reply = self._once(request)
        try:
            stored = wire.Stored.model_validate(json_value(reply.body))
        except (InvalidValue, ValidationError) as failure:
            raise self._unreadable(operation, "an answer without an id") from failure
        return Delivered(stored.id, reply.status == _CREATED, reply.body)

    # --- events and the rest ------------------------------------------------------------------------------

    def incoming_events(self, after_seq: int = 0, *, limit: int | None = None) -> Page:
        """What clerks did with incoming documents, past a number."""
        path = path_of("api", "incoming", "events")
        return self._feed("GET /api/incoming/events", path, (("afterSeq", str(after_seq)),), limit)

    def outgoing_events(self, after_seq: int = 0, *, limit: int | None = None) -> Page:
        """Recalls, updates and replacements asked by issuers, past a number."""
        path = path_of("api", "outgoing", "events")
        return self._feed("GET /api/outgoing/events", path, (("afterSeq", str(after_seq)),), limit)

    def acknowledge(self, feed: Feed, cursor: JsonValue) -> None:
        """Tell how far a feed has been stored (`POST /api/ack`); advice, which changes nothing there."""
        request = self._request(
            operation="POST /api/ack",
            method="POST",
            path=path_of("api", "ack"),
            headers=(("Content-Type", _JSON),),
            body=write_json({"feed": feed, "cursor": cursor}),
        )
        self._told(request)

    def agencies(self) -> tuple[wire.AgencyRow, ...]:
        """The local address book."""
        operation = "GET /api/agencies"
        reply = self._answered(self._get(operation, path_of("api", "agencies")))
        try:
            limits = JsonLimits(body_bytes=self._settings.largest_page_bytes)
            return _AGENCIES.validate_python(json_value(reply.body, limits))
        except (InvalidValue, ValidationError) as failure:
            raise self._unreadable(operation, "a list without readable agencies") from failure

    # --- calls --------------------------------------------------------------------------------------------

    def _feed(self, operation: str, path: str, place: tuple[tuple[str, str], ...], limit: int | None) -> Page:
        return self._page(operation, path, (*place, ("limit", str(limit or self._settings.page))))

    def _download_request(self, document_id: str, seq: int) -> HttpRequest:
        return self._request(
            operation="GET /api/outgoing/{id}/attachments/{seq}",
            method="GET",
            path=path_of("api", "outgoing", document_id, "attachments", str(seq)),
            # The bytes as they are: a length and a range count them unpacked.
            headers=(("Accept-Encoding", "identity"),),
            deadline_seconds=self._settings.transfer_seconds,
            max_response_bytes=self._settings.largest_attachment_bytes,
        )
