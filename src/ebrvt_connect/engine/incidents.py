"""Incidents (sự cố): one for each trouble, opened once, counted, closed when its cause is gone.

Nothing is told of single failures. Every few seconds each daemon looks at what is wrong: what the ledger says
(paused systems, breakers, what was given up), and what is its own machine's (its housekeeping, its disk). A
trouble that was not there before opens an incident; ten thousand failures of one cause are one incident with
a count. It is over when its cause has not been seen for a while: what goes and comes back within that time
is the same incident, so a system that flaps tells nobody twice.

People are told when it opens, when it is over, and now and then in between. What is to be told is put down
in the transaction that opens or closes, and sent afterwards, again and again until it goes through; the
exchange never waits for it. Where the store itself cannot be written, sinks are told directly, once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.engine.incident_words import alert_of, said
from ebrvt_connect.errors import ConnectError, Explanation, HeldForPerson, Scope, explain
from ebrvt_connect.ports.alerts import Alert, AlertSink, Cause, Incident, Watch, What
from ebrvt_connect.store.incident_rows import NO_SOURCES, Moves

if TYPE_CHECKING:
    from ebrvt_connect.ports.alerts import Key
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.resilience.retry import Ladder
    from ebrvt_connect.store.incident_rows import IncidentRows

HOUSEKEEPING_FAILED = explain(
    "HOUSEKEEPING_FAILED",
    "Việc nội bộ của chương trình trên {place} không chạy được: {why}.",
    "Xem nhật ký của dịch vụ; nếu lặp lại, gửi nhật ký cho bộ phận kỹ thuật. Liên thông vẫn tiếp tục.",
)
HOUSEKEEPING_STALLED = explain(
    "HOUSEKEEPING_STALLED",
    "Việc nội bộ của chương trình trên {place} đã lâu không hoàn thành.",
    "Khởi động lại dịch vụ trên máy đó; nếu lặp lại, gửi nhật ký cho bộ phận kỹ thuật.",
)
DISPATCH_STUCK = explain(
    "DISPATCH_STUCK",
    "Có tác vụ nền đã chạy lại quá nhiều lần mà không hoàn thành.",
    "Báo bộ phận kỹ thuật kèm nhật ký; chương trình đã tự lập tác vụ mới thay thế.",
)

_TO_THE_MINUTE = timedelta(minutes=1)
_WATCH_SECONDS = 60.0
_STALLED_SECONDS = 600.0
_BUSY_SECONDS = 60.0
"""A store that is only busy is no incident before that."""
_FORGET_SECONDS = 3600.0
_AT_ONCE = 20
_MOST_TRIES = 50
"""Of one alert; along the ladder that is more than a week."""

_log = logging.getLogger(__name__)


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """What is an incident, and who is told of it."""

    sinks: Sequence[AlertSink] = ()
    """Besides the log, which is always told."""
    watches: Mapping[str, Watch] = field(default_factory=dict)
    """By name: troubles of this machine to look for each minute."""
    every: timedelta = timedelta(seconds=5)
    damp: timedelta = timedelta(minutes=10)
    """A cause that comes back within this time is the same incident."""
    remind_every: timedelta | None = timedelta(days=1)
    """None: nobody is reminded."""
    fetch_failing: timedelta = timedelta(minutes=15)
    """A source that could not be fetched from for so long is away."""
    held_long: timedelta | None = timedelta(days=1)
    """A message held for so long needs somebody; None: never."""
    keep: timedelta = timedelta(days=400)
    """How long closed incidents are kept."""
    redact: Callable[[str], str] = _as_it_is
    """Takes secrets and people's numbers out of what remotes have said."""


class Standstill(Protocol):
    """Whether this daemon is asked to stop."""

    def wait(self, seconds: float) -> bool:
        """Wait so long or until asked to stop; True when asked to stop."""
        ...


def decide(
    known: Iterable[Incident],
    causes: Mapping[Key, Cause],
    *,
    mine: Callable[[str], bool],
    now: datetime,
    damp: timedelta,
) -> Moves:
    """What becomes of the incidents, by the causes that are there now.

    `known`: the open ones and those dismissed; `mine`: whether a place is for this daemon to speak of.
    """
    met: set[Key] = set()
    changed: list[Incident] = []
    for incident in known:
        if not mine(incident.place):
            continue
        after = _after(incident, causes.get(incident.key), now, damp)
        if after != incident:
            changed.append(after)
        if after.closed_at is None or after.dismissed:
            met.add(incident.key)
    # In one order everywhere: two daemons that open the same at once would wait for each other.
    opened = [causes[key] for key in sorted(causes.keys() - met)]
    return Moves(opened=opened, changed=changed)


def _after(incident: Incident, cause: Cause | None, now: datetime, damp: timedelta) -> Incident:
    if incident.closed_at is not None:
        return _dismissed(incident, cause)
    if cause is None:
        if incident.gone_at is None:
            return replace(incident, gone_at=now)
        over = now - incident.gone_at >= damp
        return replace(incident, closed_at=incident.gone_at) if over else incident
    most = max(cause.count, incident.count)
    if incident.gone_at is not None:
        return replace(incident, gone_at=None, last_at=now, count=most, returns=incident.returns + 1)
    fresh = most == incident.count and now - incident.last_at < _TO_THE_MINUTE
    return incident if fresh else replace(incident, last_at=now, count=most)


def _dismissed(incident: Incident, cause: Cause | None) -> Incident:
    """One that a person has closed while its cause was there; what comes on top of that is told again."""
    if cause is None or (cause.each_new and cause.count > incident.count):
        return replace(incident, dismissed=False)
    return replace(incident, count=cause.count) if cause.each_new else incident


class IncidentKeeper:
    """Keeps a daemon's share of the incidents, in a thread of its own."""

    def __init__(
        self,
        rows: IncidentRows,
        alerting: Alerting,
        clock: Clock,
        retries: Callable[[int], timedelta],
        *,
        name: Callable[[], str],
        living: Callable[[], set[str]],
        troubles: Callable[[], Iterable[ConnectError]] = tuple,
        sources: Mapping[str, str] = NO_SOURCES,
    ) -> None:
        """`name`: this daemon's, and `living`: those of all that live; `retries`: the wait after n failures.

        `troubles`: what this daemon knows to be wrong with itself; `sources`: the systems by link.
        """
        self._sources = sources
        self._rows = rows
        self._alerting = alerting
        self._clock = clock
        self._retries = retries
        self._name = name
        self._living = living
        self._troubles = troubles
        self._sinks = {sink.name: sink for sink in alerting.sinks}
        self._lock = threading.Lock()
        self._heard_at: float | None = None
        self._failed: BaseException | None = None
        self._failures = 0
        self._spent = 0
        self._watched_at = -_WATCH_SECONDS
        self._watched: tuple[Cause, ...] = ()
        self._forgot_at = clock.monotonic()
        self._busy_since: float | None = None
        self._direct: _Direct | None = None
        self._thread: threading.Thread | None = None

    # Told by others.

    def housekeeping(self, failure: BaseException | None) -> None:
        """A round of housekeeping has ended: well, or so."""
        with self._lock:
            self._heard_at = self._clock.monotonic()
            self._failed = failure
            self._failures = 0 if failure is None else self._failures + 1

    def spent(self, number: int) -> None:
        """So many pieces of work were begun too often."""
        with self._lock:
            self._spent = number

    # Running.

    def start(self, standstill: Standstill) -> None:
        """Look now and then, in the background, until asked to stop."""
        with self._lock:
            self._heard_at = self._clock.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(standstill,), name="ebrvt-incidents", daemon=True
        )
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end after it was asked to."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, standstill: Standstill) -> None:
        while not standstill.wait(self._alerting.every.total_seconds()):
            try:
                self.turn()
            except Exception as bug:  # noqa: BLE001 - whatever it meets, it looks again
                _log.exception("incidents cannot be looked after; it will be tried again")
                self.housekeeping(bug)

    def turn(self) -> None:
        """Look once, put down what has changed, and tell what is to be told."""
        now = self._clock.now()
        try:
            self._look(now)
        except ConnectError as error:
            self._cannot_write(error, now)
            return
        try:
            self._deliver(now)
        except ConnectError as error:
            _log.warning("alerts wait: %s", error)

    def _look(self, now: datetime) -> None:
        wanted = self._alerting
        here = {cause.key: cause for cause in self._own(now)}
        there = self._rows.causes(
            now,
            fetch_failing=wanted.fetch_failing,
            held_long=wanted.held_long,
            sources=self._sources,
        )
        causes = here | {cause.key: self._redacted(cause) for cause in there}
        name, living = self._name(), self._living()
        self._record_direct(now)
        moved = self._rows.move(
            lambda known: decide(
                known,
                causes,
                mine=lambda place: _is_mine(place, name, living),
                now=now,
                damp=wanted.damp,
            ),
            sinks=self._sinks,
            now=now,
        )
        self._busy_since = None
        _log_moves(moved)
        self._remind(now)
        self._forget(now)

    def _redacted(self, cause: Cause) -> Cause:
        return replace(cause, reason_vi=self._alerting.redact(cause.reason_vi))

    # What is wrong here.

    def _own(self, now: datetime) -> Iterable[Cause]:
        name, troubles = self._name(), list(self._troubles())
        yield from (self._redacted(_of_error(error, name)) for error in troubles)
        with self._lock:
            failed, failures, spent, heard_at = self._failed, self._failures, self._spent, self._heard_at
        if failed is not None:
            why = type(failed).__name__
            yield _told(HOUSEKEEPING_FAILED, name, count=failures, place=name, why=why)
        silent = heard_at is not None and self._clock.monotonic() - heard_at > _STALLED_SECONDS
        if silent and not troubles:  # a store that cannot be written is told of already
            yield _told(HOUSEKEEPING_STALLED, name, place=name)
        if spent:
            yield _told(DISPATCH_STUCK, "", count=spent)
        if self._clock.monotonic() - self._watched_at >= _WATCH_SECONDS:
            self._watched_at = self._clock.monotonic()
            self._watched = tuple(self._watch(now, name))
        yield from self._watched

    def _watch(self, now: datetime, name: str) -> Iterable[Cause]:
        for called, watch in self._alerting.watches.items():
            try:
                yield from [replace(cause, place=name) for cause in watch(now)]
            except Exception as failure:  # noqa: BLE001 - a watch that fails in silence is worse than none
                _log.warning("the watch %s failed", called, exc_info=True)
                why = f"{called}: {type(failure).__name__}"
                yield _told(HOUSEKEEPING_FAILED, f"{name}/{called}", place=name, why=why)

    # Where nothing can be written.

    def _cannot_write(self, error: ConnectError, now: datetime) -> None:
        """Tell the sinks directly, once each, of a store that cannot be written."""
        moment = self._clock.monotonic()
        self._busy_since = moment if self._busy_since is None else self._busy_since
        damaged = isinstance(error, HeldForPerson) and error.scope is Scope.STORE
        if not damaged and moment - self._busy_since < _BUSY_SECONDS:
            return
        if self._direct is None:
            cause = self._redacted(_of_error(error, self._name()))
            self._direct = _Direct(cause, now, set())
            _log.critical("incident opened: %s", said(cause))
        alert = self._direct.alert()
        for sink in self._alerting.sinks:
            if sink.name not in self._direct.told and _failure(sink, alert) is None:
                self._direct.told.add(sink.name)

    def _record_direct(self, now: datetime) -> None:
        """The store can be written again: what was told directly is put down, to be closed like any other."""
        direct = self._direct
        if direct is None:
            return

        def opened(known: Sequence[Incident]) -> Moves:
            open_already = any(one.key == direct.cause.key and one.closed_at is None for one in known)
            causes = () if open_already else (direct.cause,)
            return Moves(opened=causes, opened_at=direct.opened_at, told=direct.told)

        self._rows.move(opened, sinks=self._sinks, now=now)
        self._direct = None

    # Telling.

    def _remind(self, now: datetime) -> None:
        every = self._alerting.remind_every
        if every is None or not self._sinks:
            return
        for incident in self._rows.open():
            nth = (now - incident.opened_at) // every
            due = nth > 0 and incident.closed_at is None and incident.gone_at is None
            if due and self._rows.remind(incident.id, nth, self._sinks, now):
                _log.warning("incident %s goes on: %s", incident.id, said(incident))

    def _deliver(self, now: datetime) -> None:
        if not self._sinks:
            return
        silent: set[str] = set()
        for waiting in self._rows.waiting(self._sinks, now, limit=_AT_ONCE):
            if waiting.sink in silent:
                continue  # its claim is over in a few minutes
            alert = alert_of(waiting.incident, waiting.what, nth=waiting.nth)
            failure = _failure(self._sinks[waiting.sink], alert)
            if failure is None:
                self._rows.sent(waiting.id, self._clock.now())
                continue
            silent.add(waiting.sink)
            tries = waiting.attempts + 1
            again = None if tries >= _MOST_TRIES else now + self._retries(tries)
            self._rows.failed(waiting.id, failure, again)

    def _forget(self, now: datetime) -> None:
        if self._clock.monotonic() - self._forgot_at >= _FORGET_SECONDS:
            self._forgot_at = self._clock.monotonic()
            self._rows.forget(now - self._alerting.keep)


@dataclass(slots=True)
class _Direct:
    """An incident that could not be written down yet."""

    cause: Cause
    opened_at: datetime
    told: set[str]

    def alert(self) -> Alert:
        cause = self.cause
        incident = Incident(
            id=0,
            system=cause.system,
            code=cause.code,
            place=cause.place,
            reason_vi=cause.reason_vi,
            advice_vi=cause.advice_vi,
            opened_at=self.opened_at,
            last_at=self.opened_at,
            count=cause.count,
        )
        return alert_of(incident, What.OPENED)


def retries(ladder: Ladder, jitter: Callable[[float], float]) -> Callable[[int], timedelta]:
    """Waits along a ladder: at least half of each step, by chance up to the whole of it."""

    def wait(failures: int) -> timedelta:
        step = ladder.after(failures).total_seconds()
        return timedelta(seconds=step / 2 + jitter(step / 2))

    return wait


def _is_mine(place: str, name: str, living: set[str]) -> bool:
    """Troubles of all, of this daemon, and of daemons that are gone."""
    owner = place.partition("/")[0]
    return not owner or owner == name or owner not in living


def _of_error(error: ConnectError, place: str) -> Cause:
    return Cause(
        code=error.code,
        system=error.system,
        place=place,
        reason_vi=error.explanation_vi,
        advice_vi=error.advice_vi,
    )


def _told(explanation: Explanation, at: str, *, count: int = 1, **facts: object) -> Cause:
    return Cause(
        code=explanation.code,
        place=at,
        reason_vi=explanation.sentence_vi.format(**facts),
        advice_vi=explanation.advice_vi.format(**facts),
        count=count,
    )


def _log_moves(moves: Moves) -> None:
    for cause in moves.opened:
        _log.error("incident opened: %s", said(cause))
    for incident in moves.changed:
        if incident.closed_at is not None and not incident.closed_by:
            _log.warning("incident %s is over: %s", incident.id, said(incident))


def _failure(sink: AlertSink, alert: Alert) -> str | None:
    """Send; the code of what went wrong, None where nothing did."""
    try:
        sink.send(alert)
    except ConnectError as error:
        _log.warning("the alert did not go through %s: %s", sink.name, error)
        return error.code
    except Exception as bug:  # noqa: BLE001 - a sink must stop neither the others nor the exchange
        _log.exception("the alert did not go through %s", sink.name)
        return type(bug).__name__
    return None
