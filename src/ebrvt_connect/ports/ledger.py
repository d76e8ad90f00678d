"""The ledger (sổ cái thông điệp): what every message is, where it stands and what was said about it.

The engine decides, the ledger writes down. Each decision about a message is a `Change`: it names what
the message was when it was looked at (state and attempts) and is dropped, never forced, when somebody
else has settled the message meanwhile. That fence is what makes a thawed process harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from ebrvt_connect.model.message import State

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from ebrvt_connect.errors import Effect, HeldForPerson
    from ebrvt_connect.model.message import BlobRef, Kind, Message, Payload, Receipt
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.adapter import Batch, Item


KEEPS_PLACE = frozenset(
    {
        State.RECEIVED,
        State.HELD,
        State.QUEUED,
        State.SENDING,
        State.IN_DOUBT,
        State.AWAITING,
        State.WAITING,
        State.DEAD,
    }
)
"""States in which a message keeps its place in its lane, so that whatever comes after it waits."""


class Activate(Protocol):
    """How the ledger tells the dispatcher that a shard has work; handed in, so the ledger never looks up."""

    def __call__(
        self,
        transaction: Any,  # noqa: ANN401 - only the store and the dispatcher know what it is
        system: str,
        shard: int,
        seq: int,
        not_before: datetime | None,
    ) -> None:
        """Within `transaction` (a SQLAlchemy connection): `seq` is new for every call on a shard."""
        ...


class Step(StrEnum):
    """What was done with a message: one line of its story."""

    JUDGE = "judge"
    SUBMIT = "submit"
    ASK = "ask"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A line of a message's story (lần xử lý): an attempt at it, with the remote's own words as evidence."""

    step: Step
    attempt: int
    started_at: datetime
    ended_at: datetime
    effect: Effect | None = None
    code: str = ""
    detail: str = ""
    """Developer English; for a person's act who did it and why."""
    external_id: str = ""
    raw: bytes = b""
    http_status: int = 0
    """What a failed call was answered with; 0: nothing came, or it went well."""


@dataclass(frozen=True, slots=True)
class Due:
    """A message the engine may work on now, with what only the engine needs to know of it."""

    message: Message
    rung: int = 0
    """How often in a row it had to wait: where it stands on the retry ladder."""
    released: bool = False
    """A person has let it go on: the gate's opinion is recorded but no longer holds it."""
    place: int = 0
    """Where it stands in its lane: its own id, or the place of the held one it has superseded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be stored."""

    idem_key: str
    link: str
    source: str
    target: str
    kind: Kind
    lane: str
    priority: int = 0
    external_id: str = ""
    business_key: str = ""
    title: str = ""
    record: str = ""
    original: BlobRef | None = None
    origin_id: int | None = None
    deadline: datetime | None = None
    state: State = State.RECEIVED
    effect: Effect | None = None
    code: str = ""
    reason_vi: str = ""
    advice_vi: str = ""
    untold: bool = False
    """Its source is still to be told what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a step made of one message; applied only if the message is still what it was."""

    was: Message
    state: State
    next_at: datetime | None = None
    rung: int = 0
    effect: Effect | None = None
    code: str = ""
    reason_vi: str = ""
    advice_vi: str = ""
    payload: Payload | None = None
    verdict: str = ""
    origin_id: int | None = None
    receipt: Receipt | None = None
    exchange: Exchange | None = None
    feedback: tuple[NewMessage, ...] = ()
    told: bool = False
    """The source has been told of an outcome recorded earlier."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a system is left alone (tạm dừng): by whom, since when, and the code where the engine did it."""

    system: str
    by: str
    reason_vi: str
    code: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Everything one commit of a drain, or of several, writes down."""

    changes: Sequence[Change] = ()
    sending: Sequence[Message] = ()
    """Marked `sending` before a byte leaves: after a crash these are in doubt."""
    pauses: Sequence[Pause] = ()
    now: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of storing a batch."""

    new: int
    duplicates: int
    changed: tuple[str, ...] = ()
    """Ids of those that came again in the same version with other bytes: what came first stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a batch comes from and goes to."""

    link: str
    source: str
    target: str
    kinds: tuple[Kind, ...]
    """What its items may be; the first is what its source is asked for."""
    give_up_after: timedelta | None = None
    """How long its messages are tried; None: until a person says otherwise."""


@dataclass(frozen=True, slots=True)
class Act:
    """What a person's word makes of a message."""

    state: State
    action: str
    code: str = ""
    reason_vi: str = ""
    advice_vi: str = ""
    released: bool = False
    """It goes on, and what becomes of it is told anew."""
    waives: bool = False
    """Its gate no longer holds it."""
    untold: bool = False
    fences: bool = False
    """Bump the attempts, so that a copy a drain has read ahead is dropped."""
    redates: bool = False
    """The deadline changes, to `deadline`."""
    deadline: datetime | None = None
    """The new one; None: none from now on."""


@dataclass(frozen=True, slots=True)
class Case:
    """A message a person decides about, with what its story says of how far it got."""

    message: Message
    failed_at: Step | None = None
    """The last step that was tried with it; None where none was noted."""
    doubted: bool = False
    """It may have arrived, and the remote has not said since that it did not."""
    newer: int | None = None
    """The message with the newest version of it that is under way or delivered."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of a person's word about several messages."""

    done: tuple[Message, ...] = ()
    """As they are now."""
    refused: tuple[HeldForPerson, ...] = ()
    """Why the others stay as they are; each names its `message_id`."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Items stored earlier whose source was never told so: to be acknowledged again."""

    items: tuple[Item, ...] = ()
    checkpoint: str = ""
    last: int = 0
    """Where the next page begins."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What a drain leaves behind: whether its shard was activated again, and when it is to be woken."""

    activated: bool
    wake_at: datetime | None = None


class DrainLedger(Protocol):
    """What a drain asks of the ledger, each in one short transaction.

    Every method may raise `HeldForPerson` `STORE_FULL` (scope store) or `RetryLater` `STORE_BUSY`.
    """

    def open_shard(self, system: str, shard: int, now: datetime, *, holder: str) -> bool:
        """Clear the shard's flag, take it and commit: whoever stores a message from now on raises it again.

        `holder` is the name this daemon goes by. False where another living daemon holds the shard: its
        messages that are being sent are that one's, and no leftovers of a crash.
        """
        ...

    def heads(
        self,
        system: str,
        shard: int,
        *,
        now: datetime,
        limit: int,
        judging_only: bool,
        in_hand: Collection[int] = (),
    ) -> list[Due]:
        """The heads of the shard's lanes that are due; lanes waiting, in doubt or held are left out.

        So are those `in_hand`, by their ids.

        `judging_only`: only what is still to be judged, whatever stands before it in its lane, and heads that
        could not leave before their deadline.
        """
        ...

    def untold(self, system: str, shard: int, *, limit: int) -> list[Due]:
        """Messages settled elsewhere (by a person, at intake) whose source is still to be told."""
        ...

    def commit(self, decisions: Decisions) -> frozenset[int]:
        """Write all of it in one transaction; returns the ids that somebody else had changed (dropped)."""
        ...

    def close_shard(
        self,
        system: str,
        shard: int,
        *,
        now: datetime,
        sendable: bool,
        not_before: datetime | None,
        holder: str,
    ) -> Rest:
        """Let go of the shard; activate it again if due work is left, or set its waking for what is later.

        `sendable` is False while the system is paused; `not_before` holds back what is to be sent until then.
        """
        ...

    def let_go(self, system: str, shard: int, *, holder: str) -> None:
        """Let go of the shard after trouble, and do nothing else."""
        ...

    def origin_of(self, message: Message, record: Record) -> Message | None:
        """The message of the thing that `record` tells about or belongs to, where the ledger knows it.

        For a progress entry the dossier that the same target has taken last; None for a thing of its own.
        """
        ...

    def siblings_of(self, message: Message) -> tuple[Message, ...]:
        """What the same target has taken of the same lane already: done, with a receipt, in order."""
        ...

    def paused(self) -> dict[str, Pause]:
        """The systems that are left alone."""
        ...

    def note_breaker(self, system: str, state: str, now: datetime) -> None:
        """Keep the breaker's state for people to see."""
        ...


class IntakeLedger(Protocol):
    """What fetching asks of the ledger; raises as `DrainLedger`."""

    def checkpoint(self, link: str) -> str | None:
        """Where the link's last stored batch ended."""
        ...

    def store_batch(self, origin: Origin, batch: Batch, now: datetime) -> Stored:
        """Store messages, inbox rows, checkpoint and activations in one transaction."""
        ...

    def acknowledged(self, origin: Origin, items: Collection[Item], now: datetime) -> None:
        """The source has been told that these are stored."""
        ...

    def unacknowledged(self, origin: Origin, *, limit: int, after: int = 0) -> Leftover:
        """What came over this link from this source, was stored, but never acknowledged; oldest first.

        `after` is where the page before ended (`Leftover.last`).
        """
        ...

    def drained_systems(self) -> frozenset[str]:
        """The systems from which and for which nothing is taken in."""
        ...

    def note_fetch(self, link: str, now: datetime, code: str, reason_vi: str) -> None:
        """How the last fetch went (an empty code: well); written when it changes."""
        ...

    def pause(self, pause: Pause) -> bool:
        """Leave a system alone; False when it already was."""
        ...
