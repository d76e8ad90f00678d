"""One file on its way here: asked for again from where it broke off, and held to the digest it came under."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.transport.failures import is_web_page, status_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebrvt_connect.errors import ConnectError, Explanation
    from ebrvt_connect.model.message import BlobRef
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.http import HttpReply, HttpRequest, HttpTransport

_RESUMPTIONS = 3
_LONGEST_PAUSE_SECONDS = 2.0
_SHA256 = re.compile(r'(?:W/)?"([0-9a-f]{64})"', re.IGNORECASE)
_PARTIAL = 206


class Transfer:
    """A download that goes on after a cut (`Range`), from a system whose `ETag` is the file's SHA-256."""

    def __init__(
        self,
        transport: HttpTransport,
        clock: Clock,
        request: HttpRequest,
        *,
        system: str,
        damaged: Explanation,
        failure_of: Callable[[HttpReply], ConnectError],
    ) -> None:
        """`damaged` explains bytes that are not what the ETag says; `failure_of` an answer without a file."""
        self._transport = transport
        self._clock = clock
        self._request = request
        self._system = system
        self._damaged = damaged
        self._failure_of = failure_of
        self._got_bytes = 0
        self._sha256 = ""

    def into(self, blobs: Blobs, *, limit_bytes: int) -> BlobRef:
        """Keep the file.

        Raises `RetryLater` for bytes that are not the ones its ETag names, `HeldForPerson`
        `BLOB_TOO_LARGE` past the limit, and what `failure_of` makes of a refusal. Without a SHA-256 as ETag
        the file is taken as it came, unless it is a web page.
        """
        blob = blobs.put(self._pieces(), limit_bytes=limit_bytes)
        if self._sha256 not in {"", blob.sha256}:
            raise self._damage(f"got sha256 {blob.sha256}, the ETag says another")
        return blob

    def _pieces(self) -> Iterator[bytes]:
        """All bytes of the file, once each; raises what the last of a few attempts raised."""
        for attempt in count():
            try:
                yield from self._attempt()
            except RetryLater as failure:
                pause = failure.retry_after.total_seconds() if failure.retry_after else 0.2 * 2**attempt
                if attempt == _RESUMPTIONS or pause > _LONGEST_PAUSE_SECONDS:
                    raise
                self._clock.sleep(pause)
            else:
                return

    def _attempt(self) -> Iterator[bytes]:
        resumed = self._got_bytes > 0
        with self._transport.download(self._ranged()) as (reply, pieces):
            said = _SHA256.fullmatch(reply.headers.get("ETag", "").strip())
            sha256 = said[1].lower() if said else ""
            if not reply.ok:
                raise self._failure_of(reply)
            if not sha256 and is_web_page(reply):
                operation = self._request.operation
                raise status_failure(reply, safe=True, system=self._system, operation=operation)
            if resumed and not self._continues(reply, sha256):
                raise self._damage(
                    f"asked from byte {self._got_bytes}, got HTTP {reply.status} of another file"
                )
            self._sha256 = sha256
            for piece in pieces:
                self._got_bytes += len(piece)
                yield piece

    def _ranged(self) -> HttpRequest:
        if not self._got_bytes:
            return self._request
        ranged = ("Range", f"bytes={self._got_bytes}-")
        return replace(self._request, headers=(*self._request.headers, ranged))

    def _continues(self, reply: HttpReply, sha256: str) -> bool:
        """Whether an answer to a range goes on with the same file at the right place."""
        begins = reply.headers.get("Content-Range", "").startswith(f"bytes {self._got_bytes}-")
        return reply.status == _PARTIAL and begins and sha256 != "" and sha256 == self._sha256

    def _damage(self, detail: str) -> RetryLater:
        return RetryLater(self._damaged, detail, system=self._system, operation=self._request.operation)
