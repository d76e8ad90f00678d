"""The schedule: every link is asked for news at its own pace. A plain thread that ticks.

A link whose fetch still waits or runs is not ticked again; one whose source is in trouble rests longer.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from ebrvt_connect.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebrvt_connect.engine.intake import Intake
    from ebrvt_connect.engine.settings import LinkSpec
    from ebrvt_connect.engine.standing import Standing
    from ebrvt_connect.ports.clock import Clock

_GRAIN_SECONDS = 0.05
_ASK_AFTER_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Schedule:
    """Ticks the links."""

    def __init__(
        self,
        links: Sequence[LinkSpec],
        tick: Callable[[str], None],
        intake: Intake,
        standing: Standing,
        clock: Clock,
        *,
        at_work: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`tick` asks the dispatcher for a fetch of the named link; `at_work`: whether one waits or runs."""
        self._links = links
        self._tick = tick
        self._intake = intake
        self._standing = standing
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = at_work
        self._pending: dict[str, float] = {}
        """Ticked and not yet fetched here, and when that was last known to be so."""
        self._running = 0
        self._thread = threading.Thread(target=self._run, name="ebrvt-schedule", daemon=True)

    def start(self) -> None:
        """Tick every link at once, then at its pace."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end after `standing.stop`."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def fetch(self, link: str) -> None:
        """What the dispatcher calls: fetch, and let the link be ticked again."""
        with self._lock:
            self._running += 1
        try:
            self._intake.fetch(link)
        finally:
            with self._lock:
                self._running -= 1
                self._pending.pop(link, None)

    def idle(self) -> bool:
        """Whether no fetch of this process is under way."""
        with self._lock:
            return self._running == 0

    def _run(self) -> None:
        due = {link.name: self._clock.monotonic() for link in self._links}
        while not self._standing.wait(_GRAIN_SECONDS):
            now = self._clock.monotonic()
            for link in self._links:
                if now >= due[link.name] and self._may(link, now):
                    due[link.name] = now + link.every.total_seconds()
                    self._tick_one(link.name)

    def _may(self, link: LinkSpec, now: float) -> bool:
        if self._pending_still(link.name, now):
            return False
        last = self._intake.last(link.name)
        return (last is None or now >= last.not_before) and self._standing.trouble() is None

    def _pending_still(self, link: str, now: float) -> bool:
        """Whether a tick has not come to its end. Another daemon may have fetched: then nobody tells us."""
        with self._lock:
            since = self._pending.get(link)
        if since is None or now - since < _ASK_AFTER_SECONDS:
            return since is not None
        try:
            still = self._at_work(link)
        except Exception as failure:  # noqa: BLE001 - whatever a database says, the clock goes on
            self._heed(link, failure)
            still = True
        with self._lock:
            if still and link in self._pending:
                self._pending[link] = now
            elif not still:
                self._pending.pop(link, None)
        return still

    def _tick_one(self, link: str) -> None:
        with self._lock:
            self._pending[link] = self._clock.monotonic()
        try:
            self._tick(link)
        except Exception as failure:  # noqa: BLE001 - whatever a database says, the clock goes on
            with self._lock:
                self._pending.pop(link, None)
            self._heed(link, failure)

    def _heed(self, link: str, failure: Exception) -> None:
        if isinstance(failure, ConnectError):
            self._standing.store_trouble(failure)
        else:
            _log.warning("cannot tick %s: %s", link, failure)
