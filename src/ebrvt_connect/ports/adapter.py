"""What an adapter is to the engine: a source that fetches, a sink that submits, one that can be asked after.

The public methods are finished: they let `ConnectError` pass and re-wrap whatever else escapes
(never a raw `requests`, `lxml` or `KeyError`), in the sense that is safe for the moment. Adapters
write the underscore methods. Everything handed over is a frozen value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from ebrvt_connect.errors import (
    UNEXPECTED,
    ConnectError,
    HeldForPerson,
    ReconcileFirst,
    RetryLater,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from pydantic import BaseModel

    from ebrvt_connect.model.message import BlobRef, Kind, Message, Payload, Receipt, State
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an adapter is handed when it is opened, beside its own settings."""

    system: str
    """The name of this instance in the configuration (`axis`)."""
    clock: Clock
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class Item:
    """One thing fetched: stored before it is judged, acknowledged only after it is stored."""

    kind: Kind
    external_id: str
    """The remote's own id (dms id, axis docId, event number)."""
    version: str
    """Distinguishes a changed thing under the same id (revision and content hash)."""
    lane: str
    """Document id, dossier code or report; where unreadable, the external id."""
    business_key: str = ""
    title: str = ""
    record: Record | None = None
    """None when the bytes could not be read: then `fault` says why and the message is held."""
    original: BlobRef | None = None
    """The untouched bytes."""
    fault: ConnectError | None = None
    same_as: str = ""
    """A content identity across external ids (sender, document id, recipient): a second arrival under
    another id is recognised by it and not delivered again. Empty: only the external id counts."""
    once: bool = False
    """Of a thing that is taken over once (a progress entry): another version of it counts as known, unless
    all before came to nothing (refused, cancelled) or are held and nothing of them was ever sent."""
    replaces: tuple[str, ...] = ()
    """Other external ids this same thing may be held under, since it could not be read at first: what is
    held there, and was never sent, gives up its place to this one."""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Some items and the checkpoint that holds once all of them are stored."""

    items: tuple[Item, ...]
    checkpoint: str
    """Opaque text of the adapter's own; handed back at the next fetch."""


@dataclass(frozen=True, slots=True)
class Work:
    """All a sink may know of a message it prepares, submits or asks after."""

    message: Message
    record: Record
    origin: Message | None = None
    """The message of the thing itself (document, dossier, report), for a status told about it."""
    origin_record: Record | None = None
    siblings: Sequence[Message] = ()
    """Other messages of the same lane that this target has already taken, with their receipts, in order:
    whoever asks after one in doubt must not take one of these for it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The remote has it and will decide later (chờ phê duyệt): never sent again, asked after in `after`."""

    receipt: Receipt
    after: timedelta


@dataclass(frozen=True, slots=True)
class Settled:
    """The remote has it: do not send again."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class NotThere:
    """The remote surely has not got it: send (again)."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Not there yet, but it may still turn up: ask again after `after`."""

    after: timedelta


Answer = Settled | NotThere | AskAgain | Pending
"""What asking after a message can yield; several candidates raise `HeldForPerson`.

`Pending` of one in doubt: it is there, and the remote decides later. From then on it awaits that decision.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item, told to the source it came from (see `Source.feedback`)."""

    state: State
    code: str = ""
    reason_vi: str = ""
    advice_vi: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A status the engine shall deliver back to the source, as a message of its own."""

    key: str
    """Distinguishes the feedbacks of one message; part of the idempotency key."""
    record: Record
    """Its type says which kind of message it becomes."""


class Adapter(ABC):
    """One linked system (hệ thống được kết nối)."""

    system_kind: ClassVar[str]
    """The adapter's folder name: `vxp`, `qlvb`."""
    settings_type: ClassVar[type[BaseModel]]

    @classmethod
    @abstractmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """Make an instance from validated `settings_type` settings; opens no connection yet."""

    @abstractmethod
    def ping(self) -> str:
        """One harmless read for `ebrvt doctor`: a short word on what answered; raises `ConnectError`."""

    def open_keys(self) -> None:  # noqa: B027 - most have none
        """Open what this system signs with, without asking the remote; raises `ConnectError`.

        Done whenever it is opened, so that a renewed key is known to be good before it takes the old one's
        place. Nothing by default.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back connections."""


class Source(Adapter):
    """Things come from here."""

    def fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        """What is new since the checkpoint, in batches small enough to store in one transaction.

        A read: whatever goes wrong is `RetryLater` unless the adapter knows better. One unreadable
        item does not end the batch: it comes as an `Item` with a `fault`.
        """
        batches: Iterator[Batch] | None = None
        while True:
            try:
                if batches is None:
                    batches = self._fetch(kind, checkpoint)
                batch = next(batches, None)
            except ConnectError:
                raise
            except Exception as failure:
                raise _escaped(RetryLater, self, "fetch", failure) from failure
            if batch is None:
                return
            yield batch

    def acknowledge(self, kind: Kind, batch: Batch) -> None:
        """Tell the remote that the batch is safely stored; may be repeated."""
        try:
            self._acknowledge(kind, batch)
        except ConnectError:
            raise
        except Exception as failure:
            raise _escaped(RetryLater, self, "acknowledge", failure) from failure

    def feedback(
        self,
        message: Message,  # noqa: ARG002 - for those who override it
        record: Record | None,  # noqa: ARG002 - for those who override it
        outcome: Outcome,  # noqa: ARG002 - for those who override it
    ) -> tuple[Feedback, ...]:
        """What this source wants to be told when its item reached `outcome` (pure; nothing by default).

        `record` is None for what could not be read.
        """
        return ()

    @abstractmethod
    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        """Yield batches in order."""

    @abstractmethod
    def _acknowledge(self, kind: Kind, batch: Batch) -> None:
        """Acknowledge each item of the batch."""


class Sink(Adapter):
    """Things go here."""

    def prepare(self, work: Work) -> Payload:
        """Make the payload once, before the first send: pure mapping plus writing one blob.

        Raises `HeldForPerson` when a value is missing or unmapped: nothing is invented.
        """
        try:
            return self._prepare(work)
        except ConnectError:
            raise
        except Exception as failure:
            raise _escaped(HeldForPerson, self, "prepare", failure) from failure

    def submit(self, work: Work, payload: Payload) -> Receipt | Pending:
        """Send once (with seconds of patience for `RetryLater`); the envelope is new, the payload is not.

        A `Receipt` settles it. `Pending`: the remote has it and decides later, which `ask_after` will tell.
        """
        try:
            return self._submit(work, payload)
        except ConnectError:
            raise
        except Exception as failure:
            raise _escaped(ReconcileFirst, self, "submit", failure) from failure

    def ask_after(self, work: Work, payload: Payload) -> Answer:
        """Whether an in-doubt message arrived, or what was decided about one that awaits a decision.

        A keyed operation answers `NotThere` for one in doubt: send the same again. For a message that awaits
        a decision (`State.AWAITING`) `AskAgain` and `Pending` mean that there is none yet, `Rejected` is
        raised when it was turned down, and `NotThere` brings a person: it is not sent again. `Rejected` for
        one in doubt says that the question was refused; what is there and turned down already is `Pending`
        first, with nothing to wait for.
        """
        try:
            return self._ask_after(work, payload)
        except ConnectError:
            raise
        except Exception as failure:
            raise _escaped(RetryLater, self, "ask_after", failure) from failure

    @abstractmethod
    def _prepare(self, work: Work) -> Payload: ...

    @abstractmethod
    def _submit(self, work: Work, payload: Payload) -> Receipt | Pending: ...

    @abstractmethod
    def _ask_after(self, work: Work, payload: Payload) -> Answer: ...


def _escaped(
    effect: type[ConnectError], adapter: Adapter, operation: str, failure: Exception
) -> ConnectError:
    """Re-wrap what nobody had named; only its class is told, since its text may hold data."""
    detail = f"{type(failure).__name__} escaped from {type(adapter).__name__}.{operation}"
    return effect(UNEXPECTED, detail, system=adapter.system_kind, operation=operation)
