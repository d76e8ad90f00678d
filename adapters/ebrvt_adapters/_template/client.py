"""One method for each call of the remote. Usable alone: settings and a clock are all it needs.

    with KhuonmauClient(settings, SystemClock()) as client:
        for row in client.statuses(after=0).rows:
            print(mapping.status_of(mapping.row_of(row)))

Every method raises `ConnectError` (see `faults`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.transport.http import path_of
from ebrvt_connect.transport.rest_client import RestClient

from . import faults, wire

if TYPE_CHECKING:
    from ebrvt_connect.codec.feed import Page
    from ebrvt_connect.ports.clock import Clock

    from .settings import KhuonmauSettings

_PATH = path_of("api", "statuses")
_READ, _WRITE = "GET /api/statuses", "POST /api/statuses"


class KhuonmauClient(RestClient):
    """The system as one account sees it; safe to share between threads."""

    def __init__(
        self,
        settings: KhuonmauSettings,
        clock: Clock,
        *,
        system: str = "khuonmau",
    ) -> None:
        """Opens no connection. `system` is how errors name this connection."""
        super().__init__(
            settings,
            clock,
            system=system,
            reads_failure=faults.failure_of,
            unreadable=faults.REPLY_UNREADABLE,
        )
        self._settings = settings

    def statuses(self, after: int, *, limit: int | None = None) -> Page:
        """Rows of the feed past a number, each in its own untouched bytes."""
        return self._page(_READ, _PATH, (("after", str(after)), ("limit", str(limit or self._settings.page))))

    def tell(self, content: bytes, *, key: str) -> tuple[str, bytes]:
        """Tell a status under its key; its id there and the raw answer. May be repeated as it is."""
        headers = (("Content-Type", "application/json; charset=utf-8"), ("Idempotency-Key", key))
        request = self._request(operation=_WRITE, method="POST", path=_PATH, headers=headers, body=content)
        reply = self._answered(request)
        try:
            return wire.Stored.model_validate(json_value(reply.body)).id, reply.body
        except (InvalidValue, ValidationError) as failure:
            raise self._unreadable(_WRITE, "an answer without an id") from failure
