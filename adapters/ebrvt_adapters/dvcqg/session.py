"""The login session (phiên làm việc): one for all threads, kept for minutes, renewed by one of them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the portal; its token is a secret and is never shown."""

    token: str = field(repr=False)
    ends_at: float
    """On the clock that never runs backwards, in seconds."""


class SessionKeeper:
    """Lends the session out and logs in when it is needed: once, however many threads are waiting.

    A login that fails is told to all who waited for it, so that a wrong password is not tried by each.
    """

    def __init__(self, login: Callable[[], str], clock: Clock, *, lasts_seconds: float) -> None:
        """`login` gives a token that is not blank, or raises `ConnectError`."""
        self._login = login
        self._clock = clock
        self._lasts_seconds = lasts_seconds
        self._lock = threading.Lock()
        self._held: Session | None = None
        self._flight: Future[Session] | None = None

    def current(self) -> Session:
        """The session, after a login where there is none or its time is over."""
        with self._lock:
            if self._held is not None and self._clock.monotonic() < self._held.ends_at:
                return self._held
            flight, ours = self._flight, False
            if flight is None:
                flight, ours = Future[Session](), True
                self._flight = flight
        return self._fly(flight) if ours else flight.result()

    def drop(self, refused: Session) -> None:
        """Forget a session the portal refused; one that another thread has renewed meanwhile stays."""
        with self._lock:
            if self._held is refused:
                self._held = None

    def _fly(self, flight: Future[Session]) -> Session:
        try:
            token = self._login()
            made = Session(token, self._clock.monotonic() + self._lasts_seconds)
        except BaseException as failure:
            with self._lock:
                self._flight = None
            flight.set_exception(failure)
            raise
        with self._lock:
            self._held, self._flight = made, None
        flight.set_result(made)
        return made
