"""Fetching: a link's source is asked what is new; it is stored; only then is the source told so.

A crash between storing and acknowledging leaves items the source may never offer again (the checkpoint
has passed them) and whose acknowledgement is owed: they are acknowledged first at the next fetch. What the
source offers a second time, under the same id or another, is known by the inbox, acknowledged again, and
not delivered again.

A source that will not take the acknowledgement of one thing (refused, or a person must look) is not asked
for less because of it: the others of the batch are acknowledged one by one, the refusal is noted for people
to see, fetching goes on, and what is owed is tried again at the next fetch.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.engine.arrivals import storable
from ebrvt_connect.errors import (
    UNEXPECTED,
    ConnectError,
    HeldForPerson,
    Rejected,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.ports.adapter import Adapter, Batch, Source
from ebrvt_connect.ports.ledger import Origin, Pause
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ebrvt_connect.engine.settings import LinkSpec
    from ebrvt_connect.engine.standing import Standing
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.ledger import IntakeLedger

KIND_NOT_CARRIED = explain(
    "KIND_NOT_CARRIED",
    "Hệ thống {system} đưa ra “{kind}”, nhưng liên kết {link} trong cấu hình không chuyển loại này.",
    "Thêm loại này vào mục carries của liên kết rồi khởi động lại; chưa có gì bị bỏ qua.",
)

_OTHER_BYTES = "%s has given again, in the same version but with other bytes (what came first stands): %s"
_NAMED_AT_MOST = 20
_LEFTOVERS_AT_ONCE = 100
_LONGEST_REST_SECONDS = 60.0
_LONGEST_REST_PERIODS = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """How the last fetch of a link went."""

    began: float
    """By the monotonic clock."""
    new: int
    failures: int
    """In a row; 0 when it went well."""
    not_before: float
    """The source is left in peace until then (monotonic)."""


@dataclass(slots=True)
class _Tick:
    """One fetch while it goes on."""

    began: float
    new: int = 0
    failure: ConnectError | None = None
    """What ended it."""
    refusal: ConnectError | None = None
    """An acknowledgement the source would not take; it ended nothing."""


class Intake:
    """All links' fetching. One link is fetched by one at a time (its queue's partition sees to that)."""

    def __init__(
        self,
        ledger: IntakeLedger,
        systems: Mapping[str, Adapter],
        links: Sequence[LinkSpec],
        clock: Clock,
        standing: Standing,
        *,
        closed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`links` by whatever order; `fetch` takes their names.

        `closed`: whether a system's calendar leaves it alone.
        """
        self._ledger = ledger
        self._systems = systems
        self._links = {link.name: link for link in links}
        self._clock = clock
        self._standing = standing
        self._closed = closed
        self._lock = threading.Lock()
        self._last: dict[str, Fetched] = {}

    def last(self, link: str) -> Fetched | None:
        """How the last fetch of a link in this process went."""
        with self._lock:
            return self._last.get(link)

    def fetch(self, name: str) -> None:
        """Fetch a link once, to its end. Failures are noted in the ledger and make the next fetch wait."""
        link = self._links.get(name)
        if link is None or self._standing.stopping() or self._left_alone(link.source):
            return
        tick = _Tick(self._clock.monotonic())
        try:
            self._fetch_all(link, tick)
        except ConnectError as failure:
            tick.failure = failure
        except Exception as bug:  # noqa: BLE001 - one that ends in silence is noted by nobody and alarms nobody
            _log.exception("fetch of %s failed in a way no fetch should", link.name)
            detail = f"{type(bug).__name__} while storing what {link.source} gave"
            tick.failure = RetryLater(UNEXPECTED, detail, system=link.source, operation="fetch")
        self._note(link, tick)

    def _left_alone(self, system: str) -> bool:
        """Whether a person, the engine or the calendar wants it left alone."""
        return self._standing.paused(system) or self._closed(system)

    def _fetch_all(self, link: LinkSpec, tick: _Tick) -> None:
        source = self._systems[link.source]
        if not isinstance(source, Source):
            raise TypeError(f"link {link.name} fetches from {link.source}, which is no Source")
        origin = Origin(
            link=link.name,
            source=link.source,
            target=link.target,
            kinds=link.kinds,
            give_up_after=link.give_up_after,
        )
        self._acknowledge_leftovers(source, origin, tick)
        if self._drained(link):
            return
        checkpoint = self._ledger.checkpoint(link.name)
        for batch in source.fetch(link.kinds[0], checkpoint):
            crash_point("after_fetch_before_store")
            _refuse_strangers(link, batch)
            if batch.items or batch.checkpoint != checkpoint:
                named = storable(batch, link.source)
                stored = self._ledger.store_batch(origin, named, self._clock.now())
                tick.new += stored.new
                if stored.changed:
                    _log.warning(_OTHER_BYTES, link.source, ", ".join(stored.changed[:_NAMED_AT_MOST]))
                checkpoint = batch.checkpoint
            crash_point("after_store_before_acknowledge")
            if batch.items:
                self._acknowledge(source, origin, batch, tick)
            if self._standing.stopping() or self._drained(link):
                break

    def _drained(self, link: LinkSpec) -> bool:
        """Whether a person wants nothing more taken in from its source, or for its target."""
        return bool(self._ledger.drained_systems() & {link.source, link.target})

    def _acknowledge(self, source: Source, origin: Origin, batch: Batch, tick: _Tick) -> None:
        """Tell the source; of a batch it refuses, each by itself, so that one cannot keep back the rest."""
        try:
            source.acknowledge(origin.kinds[0], batch)
        except (Rejected, HeldForPerson) as refusal:
            if isinstance(refusal, HeldForPerson) and refusal.scope in {Scope.SYSTEM, Scope.STORE}:
                raise
            if len(batch.items) > 1:
                for item in batch.items:
                    self._acknowledge(source, origin, Batch((item,), batch.checkpoint), tick)
            else:
                tick.refusal = refusal
            return
        crash_point("after_acknowledge_before_note")
        self._ledger.acknowledged(origin, storable(batch, origin.source).items, self._clock.now())

    def _acknowledge_leftovers(self, source: Source, origin: Origin, tick: _Tick) -> None:
        """Each owed acknowledgement is tried once, whatever comes of it: the next page begins behind it."""
        left = self._ledger.unacknowledged(origin, limit=_LEFTOVERS_AT_ONCE)
        while left.items and not self._standing.stopping():
            self._acknowledge(source, origin, Batch(left.items, left.checkpoint), tick)
            left = self._ledger.unacknowledged(origin, limit=_LEFTOVERS_AT_ONCE, after=left.last)

    def _note(self, link: LinkSpec, tick: _Tick) -> None:
        """Remember how it went; the ledger hears of it when that has changed.

        A refused acknowledgement is trouble people should see, but no reason to fetch less often.
        """
        before = self.last(link.name)
        error = tick.failure or tick.refusal
        failures = 0 if error is None else (before.failures if before else 0) + 1
        rest = _rest(link, tick.failure, failures)
        fetched = Fetched(tick.began, tick.new, failures, self._clock.monotonic() + rest)
        try:
            if error is not None:
                self._heed(link, error)
            if error is not None or before is None or before.failures:
                self._write_down(link, error)
        finally:
            # Last: whoever waits for a fetch to be over finds it written down.
            with self._lock:
                self._last[link.name] = fetched

    def _write_down(self, link: LinkSpec, error: ConnectError | None) -> None:
        code, reason = (error.code, error.explanation_vi) if error else ("", "")
        try:
            self._ledger.note_fetch(link.name, self._clock.now(), code, reason)
        except ConnectError as trouble:
            self._standing.store_trouble(trouble)

    def _heed(self, link: LinkSpec, error: ConnectError) -> None:
        _log.warning("fetch of %s failed: %s", link.name, error)
        if not isinstance(error, HeldForPerson):
            return
        if error.scope is Scope.STORE:
            self._standing.store_trouble(error)
        elif error.scope is Scope.SYSTEM:
            pause = Pause(link.source, "engine", error.explanation_vi, error.code, self._clock.now())
            self._ledger.pause(pause)
            self._standing.look_again()


def _refuse_strangers(link: LinkSpec, batch: Batch) -> None:
    """What the link does not carry has no gate and no order here: it is not stored, nor passed over."""
    for item in batch.items:
        if item.kind not in link.kinds:
            raise HeldForPerson(
                KIND_NOT_CARRIED,
                f"{link.source} gave {item.kind} {item.external_id}, link {link.name} carries {link.kinds}",
                system=link.source,
                operation="fetch",
                kind=item.kind.value,
                link=link.name,
            )


def _rest(link: LinkSpec, error: ConnectError | None, failures: int) -> float:
    """A source in trouble is asked ever less often: once in ten periods, a minute, or as it wishes."""
    if error is None:
        return 0.0
    every = link.every.total_seconds()
    longest = max(every, min(_LONGEST_REST_SECONDS, every * _LONGEST_REST_PERIODS))
    rest: float = min(every * 2.0 ** min(failures - 1, 16), longest)
    wish = error.retry_after if isinstance(error, RetryLater) else None
    return max(rest, wish.total_seconds()) if wish else rest
