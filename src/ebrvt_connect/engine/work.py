"""What is done with one message in one step: judge, submit, ask after, tell. Each yields a `Result`.

Steps run in worker threads; they touch remotes and blobs but never write the ledger: the drain does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, overload

from pydantic import ValidationError

from ebrvt_connect.engine import flow
from ebrvt_connect.engine.feedback import feedback_for
from ebrvt_connect.engine.flow import Event
from ebrvt_connect.errors import (
    UNEXPECTED,
    ConnectError,
    Effect,
    HeldForPerson,
    ReconcileFirst,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.model.document import DocumentStatus
from ebrvt_connect.model.dossier import DossierStatus
from ebrvt_connect.model.message import Message, Payload, Receipt, State
from ebrvt_connect.model.record import record_of
from ebrvt_connect.model.report import ReportStatus
from ebrvt_connect.ports.adapter import Adapter, AskAgain, NotThere, Outcome, Pending, Settled, Sink, Work
from ebrvt_connect.ports.ledger import Change, Due, Exchange, Step
from ebrvt_connect.resilience import retry
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.adapter import Answer
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.gate import Gate, Judgement
    from ebrvt_connect.ports.ledger import DrainLedger

INTERRUPTED = explain(
    "SENDING_INTERRUPTED",
    "Chương trình dừng đột ngột khi đang gửi; chưa biết bên nhận đã nhận được hay chưa.",
    "Không cần thao tác: chương trình tự hỏi lại bên nhận rồi mới gửi tiếp.",
)
OUTCOME_UNKNOWN = explain(
    "OUTCOME_UNKNOWN",
    "Không xác định được hệ thống {system} đã nhận thông điệp này hay chưa.",
    "Hỏi đơn vị vận hành hệ thống đó; nếu chưa nhận thì cho gửi tiếp, "
    "nếu đã nhận thì xác nhận thông điệp này đã đến nơi.",
)
TAKEN_BUT_NOT_THERE = explain(
    "TAKEN_BUT_NOT_THERE",
    "Hệ thống {system} đã nhận thông điệp này để xem xét nhưng nay báo không có.",
    "Hỏi đơn vị vận hành hệ thống đó; nếu đúng là đã mất thì cho gửi tiếp để gửi lại cùng nội dung.",
)
DEADLINE_PASSED = explain(
    "DEADLINE_PASSED",
    "Đã quá thời hạn gửi mà hệ thống {system} vẫn chưa nhận được.",
    "Kiểm tra hệ thống nhận; nếu vẫn cần gửi thì yêu cầu gửi lại, nếu không thì bỏ qua.",
)
PAYLOAD_OVER_DAY = explain(
    "PAYLOAD_OVER_DAY",
    "Thông điệp này lớn hơn cả dung lượng được gửi mỗi ngày tới hệ thống {system}.",
    "Tăng limits.bytes_per_day của hệ thống đó rồi cho gửi tiếp, hoặc yêu cầu bên gửi tách nhỏ.",
)
RECORD_UNREADABLE = explain(
    "RECORD_UNREADABLE",
    "Nội dung nhận được không đọc được nên không thể chuyển tiếp.",
    "Xem bản gốc đã lưu, yêu cầu bên gửi gửi lại bản đúng, rồi bỏ qua thông điệp này.",
)
TARGET_CANNOT_RECEIVE = explain(
    "TARGET_CANNOT_RECEIVE",
    "Hệ thống {system} trong cấu hình không có chức năng nhận.",
    "Sửa hệ thống đích của liên kết trong cấu hình rồi cho gửi tiếp.",
)

_STATUSES = (DocumentStatus, DossierStatus, ReportStatus)
"""Records that only tell about another thing."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What a step decided, and the error that made it decide so."""

    due: Due
    change: Change
    error: ConnectError | None = None

    @property
    def effect(self) -> Effect | None:
        """The effect of what went wrong; None when nothing did."""
        return self.error.effect if self.error else None

    @property
    def strain(self) -> Effect | None:
        """The effect as far as it says how its system is: one that answers in its own words is well."""
        well = isinstance(self.error, ReconcileFirst) and self.error.answered
        return None if well else self.effect

    @property
    def scope(self) -> Scope | None:
        """How much must stop."""
        return self.error.scope if isinstance(self.error, HeldForPerson) else None

    @property
    def retry_after(self) -> timedelta | None:
        """The remote's own wish."""
        return self.error.retry_after if isinstance(self.error, RetryLater) else None


class Steps:
    """The steps of all messages of one engine."""

    def __init__(
        self,
        ledger: DrainLedger,
        systems: Mapping[str, Adapter],
        gates: Mapping[str, Gate | None],
        clock: Clock,
        ladder: retry.Ladder,
        jitter: Callable[[float], float],
    ) -> None:
        """`gates` by link name; `jitter` picks seconds between 0 and its argument."""
        self._ledger = ledger
        self._systems = systems
        self._gates = gates
        self._clock = clock
        self._ladder = ladder
        self._jitter = jitter

    def judge(self, due: Due) -> Result:
        """The gate's verdict, and the payload, made once."""
        started = self._clock.now()
        message = due.message
        verdict, payload, origin = message.verdict, message.payload, message.origin_id
        try:
            record = self._record(message)
            judgement = self._judgement(message, record)
            if judgement is not None:
                verdict = judgement.verdict
                if not judgement.passed and not due.released:
                    return self._stopped(due, record, judgement, started)
            work = self._work(message.model_copy(update={"verdict": verdict}), record)
            origin = work.origin.id if work.origin else origin
            payload = payload or self._sink(message).prepare(work)
        except ConnectError as error:
            return self._failed(due, error, Step.JUDGE, started, verdict=verdict)
        except Exception as failure:  # noqa: BLE001 - a gate's or mapping's bug holds its message, not the lane's drain
            return self._failed(due, self._unexpected(message, "judge", failure), Step.JUDGE, started)
        state = flow.after(message.state, Event.PASSED)
        return Result(
            due, Change(was=message, state=state, payload=payload, verdict=verdict, origin_id=origin)
        )

    def submit(self, due: Due) -> Result:
        """Send once; `due.message` is as it was marked."""
        started = self._clock.now()
        message = due.message
        try:
            record = self._record(message)
            work = self._work_beside(message, record)
            answer = self._sink(message).submit(work, _payload(message))
        except ConnectError as error:
            crash_point("after_send_before_settle")
            return self._failed(due, error, Step.SUBMIT, started)
        except Exception as failure:  # noqa: BLE001 - whether it left is not known: ask first
            crash_point("after_send_before_settle")
            return self._failed(due, self._unexpected(message, "submit", failure), Step.SUBMIT, started)
        crash_point("after_send_before_settle")
        if isinstance(answer, Pending):
            return self._taken(due, answer, Step.SUBMIT, started)
        return self._accepted(due, record, answer, Step.SUBMIT, started)

    def ask(self, due: Due) -> Result:
        """Ask after a message in doubt, or what was decided about one that awaits it."""
        started = self._clock.now()
        message = due.message
        crash_point("before_ask")
        try:
            record = self._record(message)
            work = self._work_beside(message, record)
            answer = self._sink(message).ask_after(work, _payload(message))
        except ConnectError as error:
            return self._failed(due, self._about_asking(message, error), Step.ASK, started)
        except Exception as failure:  # noqa: BLE001 - still in doubt: a person must look
            return self._failed(due, self._unexpected(message, "ask_after", failure), Step.ASK, started)
        crash_point("after_ask_before_settle")
        return self._answered(due, record, answer, started)

    def tell(self, due: Due) -> Result:
        """Tell the source of an outcome that somebody else recorded (a person, or the intake)."""
        message = due.message
        change = Change(was=message, state=message.state, told=True)
        try:
            record = self._record(message) if message.record else None
        except ConnectError:
            return Result(due, change)
        outcome = Outcome(message.state, message.code, message.reason_vi, message.advice_vi)
        return Result(due, replace(change, feedback=feedback_for(self._systems, message, record, outcome)))

    def expire(self, due: Due) -> Result:
        """The deadline has passed before it could leave."""
        error = HeldForPerson(
            DEADLINE_PASSED,
            f"message {due.message.id} has not left by {due.message.deadline}",
            system=due.message.target,
        )
        return self._told(due, Event.EXPIRED, error, Step.SUBMIT, self._clock.now())

    def oversized(self, due: Due) -> Result:
        """No day's allowance will ever reach for it."""
        error = HeldForPerson(
            PAYLOAD_OVER_DAY,
            f"the payload of message {due.message.id} is more than the bytes of a day",
            system=due.message.target,
        )
        return self._told(due, Event.STOPPED, error, Step.SUBMIT, self._clock.now())

    def interrupted(self, due: Due) -> Result:
        """Found as being sent when nobody is sending: a crash came between."""
        message, now = due.message, self._clock.now()
        line = Exchange(
            step=Step.SUBMIT,
            attempt=message.attempts,
            started_at=message.updated_at,
            ended_at=now,
            effect=Effect.RECONCILE_FIRST,
            code=INTERRUPTED.code,
            detail="the process ended while this was being sent",
        )
        change = Change(
            was=message,
            state=flow.after(message.state, Event.UNKNOWN),
            rung=due.rung,
            effect=Effect.RECONCILE_FIRST,
            code=INTERRUPTED.code,
            reason_vi=INTERRUPTED.sentence_vi,
            advice_vi=INTERRUPTED.advice_vi,
            exchange=line,
        )
        return Result(due, change)

    def unsent(self, due: Due) -> Result:
        """Marked, but this daemon was frozen before the first byte: others may be sending it now."""
        change = Change(was=due.message, state=flow.after(due.message.state, Event.UNHARMED), rung=due.rung)
        return Result(due, change)

    def broken(self, due: Due, bug: BaseException) -> Result:
        """A step failed in a way no step should: the message is held, so that it cannot spin."""
        _log.error("a step of message %s broke", due.message.id, exc_info=bug)
        error = HeldForPerson(
            UNEXPECTED,
            f"{type(bug).__name__} in a step of message {due.message.id}",
            system=due.message.target,
        )
        return self._moved(due, Event.STOPPED, error, Step.SUBMIT, self._clock.now(), next_at=None, rung=0)

    # What a step comes to.

    def _answered(self, due: Due, record: Record, answer: Answer, started: datetime) -> Result:
        match answer:
            case Settled(receipt):
                return self._accepted(due, record, receipt, Step.ASK, started)
            case Pending() if due.message.state is not State.AWAITING:
                return self._taken(due, answer, Step.ASK, started)
            case Pending(receipt, after):
                return self._undecided(due, after, receipt)
            case AskAgain(after) if due.message.state is State.AWAITING:
                return self._undecided(due, after, None)
            case NotThere() if due.message.state is State.AWAITING:
                error = HeldForPerson(
                    TAKEN_BUT_NOT_THERE,
                    f"message {due.message.id} was taken and is not there any more",
                    system=due.message.target,
                    operation="ask_after",
                )
                return self._told(due, Event.STOPPED, error, Step.ASK, started)
            case _:
                return self._not_there(due, answer, started)

    def _taken(self, due: Due, pending: Pending, step: Step, started: datetime) -> Result:
        """The remote has it and decides later; nothing is settled, so its source is not told."""
        message, now = due.message, self._clock.now()
        line = Exchange(
            step=step,
            attempt=message.attempts,
            started_at=started,
            ended_at=now,
            code=Event.TAKEN.value,
            detail="taken; the remote decides later",
            external_id=pending.receipt.external_id,
            raw=pending.receipt.raw,
        )
        change = Change(
            was=message,
            state=flow.after(message.state, Event.TAKEN),
            next_at=now + pending.after,
            receipt=pending.receipt,
            exchange=line,
        )
        return Result(due, change)

    def _undecided(self, due: Due, after: timedelta, receipt: Receipt | None) -> Result:
        """Asked, and nothing new: no line of its own, or weeks of waiting would bury the story."""
        state = flow.after(due.message.state, Event.DELAYED)
        change = Change(was=due.message, state=state, next_at=self._clock.now() + after, receipt=receipt)
        return Result(due, change)

    def _accepted(self, due: Due, record: Record, receipt: Receipt, step: Step, started: datetime) -> Result:
        message = due.message
        state = flow.after(message.state, Event.ACCEPTED)
        line = Exchange(
            step=step,
            attempt=message.attempts,
            started_at=started,
            ended_at=self._clock.now(),
            external_id=receipt.external_id,
            raw=receipt.raw,
        )
        change = Change(
            was=message,
            state=state,
            receipt=receipt,
            exchange=line,
            feedback=feedback_for(self._systems, message, record, Outcome(state)),
        )
        return Result(due, change)

    def _stopped(self, due: Due, record: Record, judgement: Judgement, started: datetime) -> Result:
        message, now = due.message, self._clock.now()
        state = flow.after(message.state, Event.STOPPED)
        outcome = Outcome(state, judgement.code, judgement.reason_vi, judgement.advice_vi)
        line = Exchange(
            step=Step.JUDGE,
            attempt=message.attempts,
            started_at=started,
            ended_at=now,
            effect=Effect.HELD_FOR_PERSON,
            code=judgement.code,
            detail="held by its gate",
        )
        change = Change(
            was=message,
            state=state,
            effect=Effect.HELD_FOR_PERSON,
            code=judgement.code,
            reason_vi=judgement.reason_vi,
            advice_vi=judgement.advice_vi,
            verdict=judgement.verdict,
            exchange=line,
            feedback=feedback_for(self._systems, message, record, outcome),
        )
        return Result(due, change)

    def _not_there(self, due: Due, answer: NotThere | AskAgain, started: datetime) -> Result:
        message, now = due.message, self._clock.now()
        line = Exchange(step=Step.ASK, attempt=message.attempts, started_at=started, ended_at=now)
        if isinstance(answer, NotThere):
            state = flow.after(message.state, Event.ABSENT)
            line = replace(line, detail="the remote has not got it")
            # What a remote lost again and again is not poured in without a pause.
            at = self._later(due.rung) if due.rung else None
            return Result(due, Change(was=message, state=state, next_at=at, rung=due.rung, exchange=line))
        change = Change(
            was=message,
            state=flow.after(message.state, Event.DELAYED),
            next_at=now + answer.after,
            rung=due.rung,
            effect=message.effect,
            code=message.code,
            reason_vi=message.reason_vi,
            advice_vi=message.advice_vi,
            exchange=replace(line, detail="not there yet; asked again later"),
        )
        return Result(due, change)

    def _failed(
        self, due: Due, error: ConnectError, step: Step, started: datetime, *, verdict: str = ""
    ) -> Result:
        """What an error makes of the message, by its effect alone."""
        now = self._clock.now()
        decision = retry.decide(
            retry.Failure.of(error), attempts=due.rung + 1, now=now, ladder=self._ladder, jitter=self._jitter
        )
        match decision:
            case retry.Hold(scope=Scope.SYSTEM | Scope.STORE):
                # Judging goes on while a system is paused, so what cannot be judged must wait by itself.
                at = self._later(due.rung + 1) if step is Step.JUDGE else None
                return self._moved(due, Event.UNHARMED, error, step, started, next_at=at, rung=due.rung)
            case retry.RetryAt(at):
                return self._moved(due, Event.DELAYED, error, step, started, next_at=at, rung=due.rung + 1)
            case retry.Ask(at) if step is Step.SUBMIT:
                return self._moved(due, Event.UNKNOWN, error, step, started, next_at=at, rung=due.rung + 1)
            case retry.Ask():
                at = self._later(due.rung + 1)
                return self._moved(due, Event.DELAYED, error, step, started, next_at=at, rung=due.rung + 1)
            case retry.Refuse():
                event = Event.REJECTED if self._heeds_refusal(due.message, error) else Event.STOPPED
                return self._told(due, event, error, step, started, verdict=verdict)
            case retry.Hold():
                return self._told(due, Event.STOPPED, error, step, started, verdict=verdict)

    def _moved(
        self,
        due: Due,
        event: Event,
        error: ConnectError,
        step: Step,
        started: datetime,
        *,
        next_at: datetime | None,
        rung: int,
    ) -> Result:
        """It goes on later; its source is not told."""
        change = Change(
            was=due.message,
            state=flow.after(due.message.state, event),
            next_at=next_at,
            rung=rung,
            effect=error.effect,
            code=error.code,
            reason_vi=error.explanation_vi,
            advice_vi=error.advice_vi,
            exchange=self._line(due, error, step, started),
        )
        return Result(due, change, error)

    def _told(
        self, due: Due, event: Event, error: ConnectError, step: Step, started: datetime, *, verdict: str = ""
    ) -> Result:
        """It has come to an end or to a person, and its source is told."""
        message = due.message
        state = flow.after(message.state, event)
        outcome = Outcome(state, error.code, error.explanation_vi, error.advice_vi)
        record = _record_or_none(message)
        change = Change(
            was=message,
            state=state,
            effect=error.effect,
            code=error.code,
            reason_vi=error.explanation_vi,
            advice_vi=error.advice_vi,
            verdict=verdict,
            exchange=self._line(due, error, step, started),
            feedback=feedback_for(self._systems, message, record, outcome) if record else (),
        )
        return Result(due, change, error)

    def _heeds_refusal(self, message: Message, error: ConnectError) -> bool:
        """Whether anybody hears of a refusal. A thing whose source has no word for it must not end unseen.

        An axis, say, has no message "your document was refused by our document system": a person must look.
        """
        record = _record_or_none(message)
        if record is None or isinstance(record, _STATUSES):
            return True
        outcome = Outcome(State.REFUSED, error.code, error.explanation_vi, error.advice_vi)
        return bool(feedback_for(self._systems, message, record, outcome))

    def _line(self, due: Due, error: ConnectError, step: Step, started: datetime) -> Exchange:
        return Exchange(
            step=step,
            attempt=due.message.attempts,
            started_at=started,
            ended_at=self._clock.now(),
            effect=error.effect,
            code=error.code,
            detail=error.detail,
            http_status=_http_status(error),
        )

    def _later(self, rung: int) -> datetime:
        wait = self._jitter(self._ladder.after(rung).total_seconds())
        return self._clock.now() + timedelta(seconds=wait)

    # What a step needs.

    def _sink(self, message: Message) -> Sink:
        sink = self._systems[message.target]
        if not isinstance(sink, Sink):
            raise HeldForPerson(
                TARGET_CANNOT_RECEIVE,
                f"{message.target} is a {type(sink).__name__}, expected a Sink",
                system=message.target,
            )
        return sink

    def _judgement(self, message: Message, record: Record) -> Judgement | None:
        gate = self._gates.get(message.link)
        return None if gate is None else gate.judge(message, record)

    @staticmethod
    def _record(message: Message) -> Record:
        record = _record_or_none(message)
        if record is None:
            raise HeldForPerson(
                RECORD_UNREADABLE, f"message {message.id} has no record", system=message.source
            )
        return record

    def _work(self, message: Message, record: Record) -> Work:
        origin = self._ledger.origin_of(message, record)
        return Work(message, record, origin, _record_or_none(origin) if origin else None)

    def _work_beside(self, message: Message, record: Record) -> Work:
        """The work together with what the target has taken of its lane before."""
        return replace(self._work(message, record), siblings=_Siblings(self._ledger, message))

    @staticmethod
    def _about_asking(message: Message, error: ConnectError) -> ConnectError:
        """A refusal to answer the question is not a refusal of the message: a person must find out.

        Where a decision is awaited it is just that.
        """
        if error.effect is not Effect.REJECTED or message.state is State.AWAITING:
            return error
        return HeldForPerson(
            OUTCOME_UNKNOWN,
            f"asking after it was refused: {error}",
            system=message.target,
            operation="ask_after",
        )

    @staticmethod
    def _unexpected(message: Message, operation: str, failure: Exception) -> ConnectError:
        _log.error("%s of message %s failed", operation, message.id, exc_info=failure)
        detail = f"{type(failure).__name__} in {operation} of message {message.id}"
        if operation == "submit":
            return ReconcileFirst(UNEXPECTED, detail, system=message.target, operation=operation)
        return HeldForPerson(UNEXPECTED, detail, system=message.target, operation=operation)


class _Siblings(Sequence[Message]):
    """What the target has taken of a message's lane already; read when an adapter looks, for few do."""

    def __init__(self, ledger: DrainLedger, message: Message) -> None:
        self._ledger = ledger
        self._message = message

    @cached_property
    def _found(self) -> tuple[Message, ...]:
        return self._ledger.siblings_of(self._message)

    @overload
    def __getitem__(self, at: int) -> Message: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Message, ...]: ...
    def __getitem__(self, at: int | slice) -> Message | tuple[Message, ...]:
        return self._found[at]

    def __len__(self) -> int:
        return len(self._found)


def _http_status(error: ConnectError) -> int:
    """What the call was answered with; 0 where there was no answer. Some facts go by the same name."""
    status = error.facts.get("status")
    return status if isinstance(status, int) else 0


def _payload(message: Message) -> Payload:
    if message.payload is None:
        raise RuntimeError(f"message {message.id} left its preparation without a payload")
    return message.payload


def _record_or_none(message: Message) -> Record | None:
    if not message.record:
        return None
    try:
        return record_of(message.kind, message.record)
    except ValidationError:
        _log.exception("record of message %s cannot be read", message.id)
        return None
