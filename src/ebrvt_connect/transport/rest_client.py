"""What clients of REST systems of one form have in common: requests, patience, pages, plain acceptance.

Every call of such a system is a read, carries a key or may be repeated, so none is ever in doubt for long.
What an answer means is each system's own affair: a client says how it reads a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from ebrvt_connect.codec.feed import page_of
from ebrvt_connect.errors import RetryLater
from ebrvt_connect.transport.failures import is_web_page
from ebrvt_connect.transport.http import HttpRequest, HttpTransport
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.problems import is_plain_acceptance

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.codec.feed import Page
    from ebrvt_connect.errors import ConnectError, Explanation
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.connection import Body
    from ebrvt_connect.transport.credentials import TokenOrPassword
    from ebrvt_connect.transport.http import HttpReply, HttpSettings

T = TypeVar("T")

SMALL_BYTES = 1024 * 1024
"""Of an answer that is no page and no file."""


class RestSettings(Protocol):
    """What such a client needs of its system's settings."""

    @property
    def transport(self) -> HttpSettings:
        """Where it is, and how it is reached."""
        ...

    @property
    def credentials(self) -> TokenOrPassword:
        """Who we are to it."""
        ...

    @property
    def call_seconds(self) -> float:
        """How long a call may take from its beginning to its end."""
        ...

    @property
    def largest_page_bytes(self) -> int:
        """Of an answer that is a page of a list."""
        ...


class ReadsFailure(Protocol):
    """What an answer that is no success means."""

    def __call__(self, reply: HttpReply, *, system: str, operation: str) -> ConnectError:
        """The effect, with its code and words."""
        ...


class HttpClient:
    """One remote over HTTP, with its connections; used in a `with` block, or closed."""

    def __init__(self, transport: HttpSettings, clock: Clock, *, system: str) -> None:
        """Opens no connection. `system` is how errors name this connection."""
        self._clock = clock
        self._system = system
        self._transport = HttpTransport(transport, system=system, clock=clock)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class RestClient(HttpClient):
    """A REST system as one account sees it."""

    def __init__(
        self,
        settings: RestSettings,
        clock: Clock,
        *,
        system: str,
        reads_failure: ReadsFailure,
        unreadable: Explanation,
    ) -> None:
        """Opens no connection. `unreadable` explains an answer that is a success and cannot be read."""
        super().__init__(settings.transport, clock, system=system)
        self._limits = settings
        self._reads_failure = reads_failure
        self._explanation = unreadable

    def _page(self, operation: str, path: str, query: tuple[tuple[str, str], ...]) -> Page:
        reply = self._answered(self._get(operation, path, query))
        try:
            return page_of(reply.body, self._limits.largest_page_bytes)
        except ValueError as failure:
            raise self._unreadable(operation, "a page that cannot be read") from failure

    def _get(self, operation: str, path: str, query: tuple[tuple[str, str], ...] = ()) -> HttpRequest:
        most = self._limits.largest_page_bytes
        return self._request(
            operation=operation, method="GET", path=path, query=query, max_response_bytes=most
        )

    def _request(
        self,
        *,
        operation: str,
        method: str,
        path: str,
        query: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes | Body = b"",
        deadline_seconds: float | None = None,
        max_response_bytes: int = SMALL_BYTES,
    ) -> HttpRequest:
        return HttpRequest(
            operation=operation,
            method=method,
            path=path,
            query=query,
            headers=(("Authorization", self._limits.credentials.authorization), *headers),
            body=body,
            safe=True,
            deadline_seconds=deadline_seconds or self._limits.call_seconds,
            max_response_bytes=max_response_bytes,
        )

    def _answered(self, request: HttpRequest) -> HttpReply:
        return self._patiently(lambda: self._once(request))

    def _told(self, request: HttpRequest) -> None:
        """A write without an answer of its own."""
        reply = self._answered(request)
        if not is_plain_acceptance(reply):
            raise self._unreadable(request.operation, f"HTTP {reply.status} with a body that accepts nothing")

    def _patiently(self, attempt: Callable[[], T]) -> T:
        return with_patience(attempt, clock=self._clock)

    def _once(self, request: HttpRequest) -> HttpReply:
        reply = self._transport.send(request)
        if not reply.ok or is_web_page(reply):
            raise self._reads_failure(reply, system=self._system, operation=request.operation)
        return reply

    def _unreadable(self, operation: str, detail: str) -> RetryLater:
        return RetryLater(self._explanation, detail, system=self._system, operation=operation)
