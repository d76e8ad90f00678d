"""One method for each call of the one-stop shop. Usable alone: settings and a clock are all it needs.

    with MotcuaClient(settings, SystemClock()) as client:
        for row in client.dossiers().rows:
            found = mapping.dossier_of(row)
            steps = client.progress(str(found.code))

Every method raises `ConnectError` (see `faults`). Every call is a read, carries a key or may be repeated,
so nothing here is ever in doubt for long. Objects are safe to share between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from ebrvt_adapters.motcua import faults, wire
from ebrvt_connect.codec.feed import Cursor, Page
from ebrvt_connect.codec.jsonfields import WireValue, written_moment
from ebrvt_connect.codec.jsonwire import json_value, write_json
from ebrvt_connect.errors import InvalidValue, RetryLater
from ebrvt_connect.transport.http import HttpRequest, path_of
from ebrvt_connect.transport.rest_client import RestClient
from ebrvt_connect.transport.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ebrvt_adapters.motcua.settings import MotcuaSettings
    from ebrvt_connect.model.message import BlobRef
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock

Inbox = Literal["dossiers", "supplements", "payments", "enquiries"]
"""What the one-stop shop takes from elsewhere, as the paths name it."""

_JSON = "application/json; charset=utf-8"
_CREATED = 201
_MOST_PAGES = 1000
"""A list that is longer than so many pages goes round in circles."""


@dataclass(frozen=True, slots=True)
class FiledReply:
    """The answer to something sent into the inbox: its code there, whether it is new, and the raw words."""

    code: str
    created: bool
    raw: bytes


class MotcuaClient(RestClient):
    """The one-stop shop as one account sees it."""

    def __init__(self, settings: MotcuaSettings, clock: Clock, *, system: str = "motcua") -> None:
        """Opens no connection. `system` is how errors name this connection."""
        super().__init__(
            settings,
            clock,
            system=system,
            reads_failure=faults.failure_of,
            unreadable=faults.REPLY_UNREADABLE,
        )
        self._settings = settings

    # --- dossiers -----------------------------------------------------------------------------------------

    def dossiers(self, after: Cursor | None = None, *, limit: int | None = None) -> Page:
        """Changed dossiers past a place in the feed, ordered by time of change and id."""
        place = (("updatedAfter", after.updated_after), ("afterId", after.after_id)) if after else ()
        query = (*place, ("limit", str(limit or self._settings.page)))
        return self._page("GET /api/dossiers", path_of("api", "dossiers"), query)

    def dossier(self, code: str) -> bytes:
        """One dossier as its JSON; `Rejected` `MOTCUA_NOT_FOUND` where there is none."""
        path = path_of("api", "dossiers", code)
        return self._answered(self._get("GET /api/dossiers/{code}", path)).body

    def progress(self, code: str, after_seq: int = 0) -> tuple[bytes, ...]:
        """All steps of a dossier's way past a number, each in its own bytes."""
        operation = "GET /api/dossiers/{code}/progress"
        path = path_of("api", "dossiers", code, "progress")
        rows: list[bytes] = []
        for _ in range(_MOST_PAGES):
            page = self._page(operation, path, (("afterSeq", str(after_seq)),))
            rows.extend(page.rows)
            if page.next is None:
                return tuple(rows)
            if isinstance(page.next, bool) or not isinstance(page.next, int):
                raise self._unreadable(operation, "the next page's number is unreadable")
            if page.next <= after_seq:
                break
            after_seq = page.next
        raise RetryLater(
            faults.FEED_STUCK, f"stuck behind step {after_seq}", system=self._system, operation=operation
        )

    def download(self, code: str, file_id: str, blobs: Blobs) -> BlobRef:
        """Fetch a file's untouched bytes into the blobs; a transfer that breaks off is resumed.

        The system's `ETag` must be the SHA-256 of what came, else `RetryLater` `MOTCUA_FILE_DAMAGED`;
        `HeldForPerson` `BLOB_TOO_LARGE` past the limit of the settings.
        """
        operation = "GET /api/dossiers/{code}/files/{fileId}"
        request = self._request(
            operation=operation,
            method="GET",
            path=path_of("api", "dossiers", code, "files", file_id),
            # The bytes as they are: a length and a range count them unpacked.
            headers=(("Accept-Encoding", "identity"),),
            deadline_seconds=self._settings.transfer_seconds,
            max_response_bytes=self._settings.largest_file_bytes,
        )
        transfer = Transfer(
            self._transport,
            self._clock,
            request,
            system=self._system,
            damaged=faults.FILE_DAMAGED,
            failure_of=lambda reply: faults.failure_of(reply, system=self._system, operation=operation),
        )
        return transfer.into(blobs, limit_bytes=self._settings.largest_file_bytes)

    def report_exchange(self, code: str, status: Mapping[str, Any]) -> None:
        """Tell what became of a dossier at a remote (`PUT .../exchange-status`); may be repeated."""
        path = path_of("api", "dossiers", code, "exchange-status")
        self._put("PUT /api/dossiers/{code}/exchange-status", path, status)

    # --- the inbox ----------------------------------------------------------------------------------------

    def file(self, inbox: Inbox, content: bytes, *, key: str) -> FiledReply:
        """Hand in what was born elsewhere (`POST /api/inbox/...`) under its key; may be repeated as it is.

        `content` is the JSON of a `wire.FiledDossier`, `InboxSupplement`, `InboxPayment` or `InboxEnquiry`.
        `Rejected` `MOTCUA_INVALID` names what is wrong; `HeldForPerson` `MOTCUA_KEY_REUSED` where other
        content came under the key.
        """
        operation = f"POST /api/inbox/{inbox}"
        request = self._request(
            operation=operation,
            method="POST",
            path=path_of("api", "inbox", inbox),
            headers=(("Content-Type", _JSON), ("Idempotency-Key", key)),
            body=content,
        )
        return self._patiently(lambda: self._filed(request, operation))

    def file_dossier(self, dossier: wire.FiledDossier, *, key: str) -> FiledReply:
        """A dossier born on the national or provincial portal."""
        return self.file("dossiers", _written(dossier), key=key)

    def file_supplement(self, supplement: wire.InboxSupplement, *, key: str) -> FiledReply:
        """Papers an applicant handed in elsewhere."""
        return self.file("supplements", _written(supplement), key=key)

    def file_payment(self, payment: wire.InboxPayment, *, key: str) -> FiledReply:
        """A fee that was paid elsewhere."""
        return self.file("payments", _written(payment), key=key)

    def file_enquiry(self, enquiry: wire.InboxEnquiry, *, key: str) -> FiledReply:
        """A question a citizen asked elsewhere."""
        return self.file("enquiries", _written(enquiry), key=key)

    def _filed(self, request: HttpRequest, operation: str) -> FiledReply:
        reply = self._once(request)
        try:
            filed = wire.Filed.model_validate(json_value(reply.body))
        except (InvalidValue, ValidationError) as failure:
            raise self._unreadable(operation, "an answer without a code") from failure
        return FiledReply(filed.code, reply.status == _CREATED, reply.body)

    # --- procedures and the rest --------------------------------------------------------------------------

    def procedures(self, updated_after: datetime | None = None) -> tuple[wire.ProcedureRow, ...]:
        """Local procedures changed since, with their national code and component mapping."""
        operation = "GET /api/procedures"
        query = (("updatedAfter", written_moment(updated_after)),) if updated_after else ()
        page = self._page(operation, path_of("api", "procedures"), query)
        try:
            return tuple(wire.ProcedureRow.model_validate(json_value(row)) for row in page.rows)
        except (InvalidValue, ValidationError) as failure:
            raise self._unreadable(operation, "a list without readable procedures") from failure

    def map_procedure(self, national_code: str, procedure: wire.ProcedureRow) -> None:
        """Tell which local procedure a national one is (`PUT /api/procedures/...`); may be repeated."""
        path = path_of("api", "procedures", national_code)
        self._put("PUT /api/procedures/{nationalCode}", path, _fields(procedure))

    def acknowledge(self, kind: str, cursor: Cursor) -> None:
        """Tell how far a feed has been stored (`POST /api/ack`); advice, which changes nothing there."""
        request = self._request(
            operation="POST /api/ack",
            method="POST",
            path=path_of("api", "ack"),
            headers=(("Content-Type", _JSON),),
            body=write_json({"kind": kind, **cursor.model_dump(by_alias=True)}),
        )
        self._told(request)

    # --- calls --------------------------------------------------------------------------------------------

    def _put(self, operation: str, path: str, content: Mapping[str, Any]) -> None:
        request = self._request(
            operation=operation,
            method="PUT",
            path=path,
            headers=(("Content-Type", _JSON),),
            body=write_json(dict(content)),
        )
        self._told(request)


def _fields(value: WireValue) -> dict[str, Any]:
    """A boundary value as this dialect writes it; what was never set is left out."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _written(value: WireValue) -> bytes:
    return write_json(_fields(value))
