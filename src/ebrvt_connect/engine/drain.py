"""A drain: empties one shard of one system, its lanes in parallel, each lane strictly in order.

1. Clear the shard's flag and commit. 2. In a new snapshot read the lane heads that are due. 3. Work on
them in shared pools, one message of a lane at a time. The drain's own thread is the only writer: each of
its commits settles all results that have come, stores what is told back about them, and marks the next
messages as being sent, so the mark that makes crashes safe costs no commit of its own. A lane's next
message is read only after the commit of the one before. 4. Go on until nothing is due, 500 messages or
30 s. 5. Activate the shard again for what is left, or set its waking.

A crash anywhere leaves messages marked `sending`; the next drain finds them, and asks after them before
anything else in their lanes. A drain never returns while a call of its own is under way: the next one
would take that message for a crashed one. Results whose message somebody else has changed meanwhile are
dropped by the ledger's fence.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ebrvt_connect.engine.pressure import Crowded, Early, Resting, Ticket
from ebrvt_connect.errors import ConnectError, RetryLater, Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.ledger import Decisions, Due, Pause
from ebrvt_connect.resilience.sharing import Spent
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import ThreadPoolExecutor

    from ebrvt_connect.engine.pressure import Pressure
    from ebrvt_connect.engine.settings import EngineSettings
    from ebrvt_connect.engine.standing import Standing
    from ebrvt_connect.engine.work import Result, Steps
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.ledger import DrainLedger

_LONGEST_WAIT_SECONDS = 1.0
"""The pause flag is looked at at least so often."""
_GRAIN_SECONDS = 0.001
_BUSY_SECONDS = 60.0
"""How long results are kept for a ledger that cannot be written."""
_UNTOLD_AT_ONCE = 200
_ASKED_AFTER = frozenset({State.IN_DOUBT, State.AWAITING})
"""What has left, or may have: never sent before the remote has been asked, whatever the deadline says."""

_NO_DEADLINE = datetime.max.replace(tzinfo=UTC)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all drains of an engine share."""

    ledger: DrainLedger
    steps: Steps
    clock: Clock
    settings: EngineSettings
    standing: Standing
    pressures: Mapping[str, Pressure]
    judges: ThreadPoolExecutor
    senders: ThreadPoolExecutor
    commit: Callable[[Decisions], frozenset[int]]
    """Writes what has been decided, together with what other drains have (`grouping`)."""
    holder: Callable[[], str]
    """The name this daemon goes by, once it has one: a shard is held under it."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A step chosen for a message."""

    due: Due
    step: Callable[[Due], Result]
    ticket: Ticket | None = None
    """Where it calls the remote."""
    marked: bool = False
    """Where the mark must be committed before it may begin."""
    lapses: int = 0
    """How often this daemon had been late before that."""


class Drain:
    """One run over one shard; made anew each time."""

    def __init__(self, shared: Shared, system: str, shard: int) -> None:
        """Nothing happens until `run`."""
        self._shared = shared
        self._ledger = shared.ledger
        self._steps = shared.steps
        self._system = system
        self._shard = shard
        self._pressure = shared.pressures[system]
        self._ready: deque[Due] = deque()
        self._jobs: dict[int, _Job] = {}
        """By message id, from the commit that allows them until the commit of their result."""
        self._results: list[Result] = []
        """Come, but not committed yet."""
        self._arrived: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._pause: Pause | None = None
        self._unread = True
        self._resting = self._pressure.closed() is not None
        self._spent: Spent | None = None
        """Something did not fit into what is left of the day's bytes."""
        self._begun: set[int] = set()
        self._ahead: set[int] = set()
        """Read to be judged only, whatever stands before them: judged, they are read again in their turn."""
        self._gather_seconds = shared.settings.gather.total_seconds()
        self._until = shared.clock.monotonic() + shared.settings.drain_seconds

    def run(self) -> None:
        """Drain. Trouble with the store is told to `standing`, and no call is left unattended.

        An engine that stops does not even begin: the sweep of the next start finds what is due.
        """
        if self._shared.standing.stopping():
            return
        try:
            holder = self._shared.holder()
            if not self._ledger.open_shard(self._system, self._shard, self._now(), holder=holder):
                _log.info("%s shard %s is being drained by another daemon", self._system, self._shard)
                return
            try:
                self._tell()
                self._empty()
                self._ledger.close_shard(
                    self._system,
                    self._shard,
                    now=self._now(),
                    sendable=not self._paused(),
                    not_before=self._not_before(),
                    holder=holder,
                )
            except ConnectError as error:
                self._shared.standing.store_trouble(error)  # first: on a full disk that makes some room
                self._let_go(holder)
            except BaseException:
                self._let_go(holder)
                raise
            else:
                self._pressure.leave()
        except ConnectError as error:
            self._shared.standing.store_trouble(error)
        finally:
            self._see_off()

    def _let_go(self, holder: str) -> None:
        """After trouble: other daemons would be turned away from a shard that is held and drained by nobody.

        Not before the last call has ended: whoever holds it next takes what is being sent for cut off.
        What the calls have come to is known here alone, so it is written if at all possible.
        """
        self._see_off()
        changes, self._results = [result.change for result in self._results], []
        with suppress(Exception):  # the trouble that has brought us here is what is told
            if changes:
                self._written(Decisions(changes=changes, now=self._now()))
        with suppress(ConnectError):
            self._ledger.let_go(self._system, self._shard, holder=holder)

    def _empty(self) -> None:
        """Read, choose, commit, begin, collect, until nothing is due or it is another shard's turn."""
        while True:
            if self._stopping():
                self._ready.clear()
            elif self._reading() and len(self._ready) <= self._shared.settings.judges:
                self._read()
            chosen, hindrance = self._choose()
            self._commit(chosen)
            if self._jobs:
                self._collect(hindrance)
            elif self._ready and hindrance is not None:
                self._wait(hindrance)
            elif not self._ready and (self._stopping() or not self._reading()):
                return

    def _tell(self) -> None:
        """Outcomes recorded by others come first: they cost nothing and stop nobody."""
        for due in self._ledger.untold(self._system, self._shard, limit=_UNTOLD_AT_ONCE):
            self._results.append(self._steps.tell(due))

    def _read(self) -> None:
        """Lane heads that are due, in a new snapshot; what this drain has in hand already is left out."""
        in_hand = {
            *self._jobs,
            *(due.message.id for due in self._ready),
            *(r.due.message.id for r in self._results),
        }
        judging_only = self._resting or self._paused()
        heads = self._ledger.heads(
            self._system,
            self._shard,
            now=self._now(),
            limit=self._shared.settings.window,
            judging_only=judging_only,
            in_hand=in_hand,
        )
        if judging_only:
            self._ahead.update(due.message.id for due in heads)
        self._ready.extend(heads)
        self._unread = False

    def _not_before(self) -> datetime | None:
        """When what is left may be sent, if not at once."""
        until = self._pressure.resting_until()
        if until is None and self._spent is not None and not (self._stopping() or self._full()):
            return self._spent.until
        return until

    # Choosing.

    def _choose(self) -> tuple[list[_Job], Crowded | Early | None]:
        """Steps that may be taken now, and what hinders the rest, if anything does.

        What cannot be begun now stays ready; what may not be sent while its system is paused or rests is let
        go, and read again another time. Once nothing more can be begun, the rest is not even looked at.
        """
        chosen: list[_Job] = []
        kept: deque[Due] = deque()
        hindrance: Crowded | Early | None = None
        paused = self._paused() if self._ready else False
        judging = sum(job.ticket is None for job in self._jobs.values())
        ahead = sum(map(_size, self._ready))
        now = self._now()
        most = self._shared.settings.preparing
        in_turn = sorted(self._ready, key=_turn)
        for nth, due in enumerate(in_turn):
            if hindrance is not None and judging >= most:
                kept.extend(in_turn[nth:])
                break
            state = due.message.state
            if self._settled_at_once(due, now):
                continue
            if state is State.RECEIVED:
                if judging < most:
                    judging += 1
                    chosen.append(_Job(due, self._steps.judge))
                else:
                    kept.append(due)
            elif paused or self._resting:
                continue
            elif hindrance is not None:
                kept.append(due)
            else:
                job, hindrance = self._admitted(due, ahead)
                if job is not None:
                    chosen.append(job)
                elif hindrance is not None:
                    kept.append(due)
        self._ready = kept
        self._begun.update(job.due.message.id for job in chosen)
        return chosen, hindrance

    def _settled_at_once(self, due: Due, now: datetime) -> bool:
        """What needs no call: cut off by a crash, past its deadline, or more than the limits ever allow."""
        message = due.message
        if message.state is State.SENDING:
            self._results.append(self._steps.interrupted(due))
            return True
        late = message.deadline is not None and message.deadline <= now
        if late and message.state not in _ASKED_AFTER:
            self._results.append(self._steps.expire(due))
            return True
        if message.state not in _ASKED_AFTER and self._pressure.never(_size(due)):
            self._results.append(self._steps.oversized(due))
            return True
        return False

    def _admitted(self, due: Due, ahead: int) -> tuple[_Job | None, Crowded | Early | None]:
        """A job with its ticket; or why there is none yet; or neither, when it is let go for now."""
        asks = due.message.state in _ASKED_AFTER
        match self._pressure.admit(0 if asks else _size(due), ready=len(self._ready), ahead=ahead):
            case Ticket() as ticket if asks:
                return _Job(due, self._steps.ask, ticket), None
            case Ticket() as ticket:
                lapses = self._shared.standing.lapses()
                return _Job(due, self._steps.submit, ticket, marked=True, lapses=lapses), None
            case Resting():
                # What has come meanwhile may stand behind a window full of what is not to be sent.
                self._resting = self._unread = True
                return None, None
            case Spent() as spent:
                self._spent = spent
                return None, None
            case hindrance:
                return None, hindrance

    # Committing and beginning.

    def _commit(self, chosen: list[_Job]) -> None:
        """Settle all that has come, mark what is sent next, then begin what may begin."""
        fenced: frozenset[int] = frozenset()
        marked = [job.due.message for job in chosen if job.marked]
        if self._results or marked or self._pause is not None:
            try:
                fenced = self._written(
                    Decisions(
                        changes=[result.change for result in self._results],
                        sending=marked,
                        pauses=[self._pause] if self._pause is not None else (),
                        now=self._now(),
                    )
                )
            except BaseException:
                self._give_back(chosen)
                raise
            self._committed()
            crash_point("after_mark_before_send")
        for job in chosen:
            if job.marked and job.due.message.id in fenced:
                self._give_back([job])
            else:
                self._begin(job)

    def _written(self, decisions: Decisions) -> frozenset[int]:
        """What calls have come to is known here alone: a ledger that is busy is waited for, a minute long.

        Thrown away, a message would be asked after, and where that cannot be done brought to a person.
        Nothing is written twice: where the first time went through after all, the second meets its fence.
        """
        until = self._shared.clock.monotonic() + _BUSY_SECONDS
        told = False
        while True:
            try:
                return self._shared.commit(decisions)
            except RetryLater as busy:
                if not decisions.changes or self._shared.clock.monotonic() >= until:
                    raise
                if not told:
                    _log.warning("what calls have come to is written again, each second: %s", busy)
                told = True
            self._pressure.keep()
            self._shared.clock.sleep(_LONGEST_WAIT_SECONDS)

    def _committed(self) -> None:
        # What was merely judged is in hand and stands where it stood, unless it may not be sent now.
        let_go = self._resting or self._spent is not None or self._paused()
        for result in self._results:
            self._jobs.pop(result.due.message.id, None)
            self._unread |= let_go or not self._stays_in_hand(result)
        self._results.clear()
        if self._pause is not None:
            self._pause = None
            self._shared.standing.look_again()

    def _give_back(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            if job.ticket is not None:
                self._pressure.abandon(job.ticket)

    def _begin(self, job: _Job) -> None:
        if job.marked:
            job = replace(job, due=replace(job.due, message=_as_marked(job.due.message, self._now())))
        pool = self._shared.judges if job.ticket is None else self._shared.senders
        pool.submit(self._perform, job)
        self._jobs[job.due.message.id] = job

    def _perform(self, job: _Job) -> None:
        """In a worker thread: take the step and bring its result, whatever happens."""
        try:
            # A frozen process thaws right here as likely as anywhere.
            late = job.marked and self._shared.standing.late_since(job.lapses)
            result = self._steps.unsent(job.due) if late else job.step(job.due)
        except BaseException as bug:  # noqa: BLE001 - a drain that waits for a result must get one
            result = self._steps.broken(job.due, bug)
        self._arrived.put(result)

    # Collecting.

    def _wait(self, hindrance: Crowded | Early) -> None:
        """Nothing of ours is under way, and nothing may begin yet."""
        if isinstance(hindrance, Early):
            self._shared.clock.sleep(min(max(hindrance.seconds, _GRAIN_SECONDS), _LONGEST_WAIT_SECONDS))
        else:
            self._pressure.wait(_LONGEST_WAIT_SECONDS)

    def _collect(self, hindrance: Crowded | Early | None) -> None:
        """Wait for a result (or until more may begin, or a second), then take all that come with it.

        A commit costs the same for many as for one: what is still under way is waited for as long as one
        comes soon after another (`gather`). Meanwhile other drains keep the processor busy.
        """
        wait = _LONGEST_WAIT_SECONDS
        if isinstance(hindrance, Early):
            wait = min(hindrance.seconds, wait)
        self._pressure.keep()
        try:
            self._heed(self._arrived.get(timeout=wait))
            while len(self._results) < len(self._jobs):
                self._heed(self._arrived.get(timeout=self._gather_seconds))
        except queue.Empty:
            return

    def _heed(self, result: Result) -> None:
        """What a result means beyond its own message: for the breaker, the system, the store."""
        job = self._jobs[result.due.message.id]
        if job.ticket is not None:
            self._pressure.settle(job.ticket, result.strain, result.retry_after)
        else:
            crash_point("after_judge_before_commit")
        self._results.append(result)
        if result.error is not None and result.scope is Scope.SYSTEM:
            self._pause = Pause(
                self._system, "engine", result.error.explanation_vi, result.error.code, self._now()
            )
        if result.error is not None and result.scope is Scope.STORE:
            self._shared.standing.store_trouble(result.error)
        if self._stays_in_hand(result):
            self._ready.append(_as_judged(result))

    def _stays_in_hand(self, result: Result) -> bool:
        """Whether it was merely judged, and may be sent in the next commit as the head of its lane."""
        return _just_judged(result) and result.due.message.id not in self._ahead

    def _see_off(self) -> None:
        """Wait out the calls still under way after trouble."""
        for result in self._results:
            self._jobs.pop(result.due.message.id, None)
        while self._jobs:
            result = self._arrived.get()
            self._results.append(result)
            job = self._jobs.pop(result.due.message.id)
            if job.ticket is not None:
                self._pressure.settle(job.ticket, result.strain, result.retry_after)

    # Asking around.

    def _now(self) -> datetime:
        return self._shared.clock.now()

    def _stopping(self) -> bool:
        """Whether to begin nothing more: asked to stop, or another shard's turn has come."""
        return self._shared.standing.stopping() or self._shared.clock.monotonic() >= self._until

    def _reading(self) -> bool:
        """Whether there may be more to read, and this drain has not had its fill."""
        return self._unread and not self._full()

    def _full(self) -> bool:
        return len(self._begun) >= self._shared.settings.drain_messages

    def _paused(self) -> bool:
        return self._shared.standing.paused(self._system)


def _turn(due: Due) -> tuple[int, datetime, int]:
    """Higher priority first, then what must be there soonest, then in the order of their places."""
    return -due.message.priority, due.message.deadline or _NO_DEADLINE, due.place


def _size(due: Due) -> int:
    """The bytes of what is sent, as far as it is made."""
    return due.message.payload.blob.size_bytes if due.message.payload else 0


def _just_judged(result: Result) -> bool:
    return result.change.state is State.QUEUED and result.change.was.state is State.RECEIVED


def _as_marked(message: Message, now: datetime) -> Message:
    """The message as the commit has just made it."""
    return message.model_copy(
        update={
            "state": State.SENDING,
            "attempts": message.attempts + 1,
            "first_sent_at": message.first_sent_at or now,
            "next_at": None,
        }
    )


def _as_judged(result: Result) -> Due:
    """A judged message as the commit is about to make it: it may be marked in the same commit."""
    change = result.change
    message = change.was.model_copy(
        update={
            "state": change.state,
            "payload": change.payload or change.was.payload,
            "verdict": change.verdict or change.was.verdict,
            "origin_id": change.origin_id or change.was.origin_id,
            "next_at": None,
        }
    )
    return Due(message, place=result.due.place)
