"""One method for each call of the remote. Usable alone: settings and a clock are all it needs.

    with KhuonmauClient(settings, SystemClock()) as client:
        for row in client.statuses(after=0).rows:
            print(mapping.status_of(mapping.row_of(row)))

Every method raises `ConnectError` (see `faults`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from ebrvt_connect.codec.feed import Page, page_of
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue, RetryLater
from ebrvt_connect.transport.failures import is_web_page
from ebrvt_connect.transport.http import HttpReply, HttpRequest, HttpTransport, path_of
from ebrvt_connect.transport.patience import with_patience

from . import faults, wire

if TYPE_CHECKING:
    from ebrvt_connect.ports.clock import Clock

    from .settings import KhuonmauSettings

_PATH = path_of("api", "statuses")
_READ, _WRITE = "GET /api/statuses", "POST /api/statuses"


class KhuonmauClient:
    """The system as one account sees it; safe to share between threads."""

    def __init__(
        self,
        settings: KhuonmauSettings,
        clock: Clock,
        *,
        system: str = "khuonmau",
    ) -> None:
        """Opens no connection. `system` is how errors name this connection."""
        self._settings = settings
        self._clock = clock
        self._system = system
        self._transport = HttpTransport(settings.transport, system=system, clock=clock)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def statuses(self, after: int, *, limit: int | None = None) -> Page:
        """Rows of the feed past a number, each in its own untouched bytes."""
        query = (("after", str(after)), ("limit", str(limit or self._settings.page)))
        reply = self._answered(_READ, "GET", query=query)
        try:
            return page_of(reply.body, self._settings.largest_page_bytes)
        except ValueError as failure:
            raise self._unreadable(_READ, "a page that cannot be read") from failure

    def tell(self, content: bytes, *, key: str) -> tuple[str, bytes]:
        """Tell a status under its key; its id there and the raw answer. May be repeated as it is."""
        headers = (("Content-Type", "application/json; charset=utf-8"), ("Idempotency-Key", key))
        reply = self._answered(_WRITE, "POST", headers=headers, body=content)
        try:
            return wire.Stored.model_validate(json_value(reply.body)).id, reply.body
        except (InvalidValue, ValidationError) as failure:
            raise self._unreadable(_WRITE, "an answer without an id") from failure

    def _answered(
        self,
        operation: str,
        method: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> HttpReply:
        request = HttpRequest(
            operation=operation,
            method=method,
            path=_PATH,
            query=query,
            headers=(("Authorization", self._settings.credentials.authorization), *headers),
            body=body,
            safe=True,  # a read, or keyed: a cut connection is no doubt, the same is sent again
            deadline_seconds=self._settings.call_seconds,
            max_response_bytes=self._settings.largest_page_bytes,
        )
        return with_patience(lambda: self._once(request), clock=self._clock)

    def _once(self, request: HttpRequest) -> HttpReply:
        reply = self._transport.send(request)
        if not reply.ok or is_web_page(reply):
            raise faults.failure_of(reply, system=self._system, operation=request.operation)
        return reply

    def _unreadable(self, operation: str, detail: str) -> RetryLater:
        return RetryLater(faults.REPLY_UNREADABLE, detail, system=self._system, operation=operation)
