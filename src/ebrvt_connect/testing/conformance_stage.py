"""What the conformance suite plays on: an adapter at its simulator, and a small ledger."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from ebrvt_connect.errors import ReconcileFirst, RetryLater
from ebrvt_connect.model.message import Kind, Message, Receipt, State
from ebrvt_connect.model.record import kind_of
from ebrvt_connect.ports.adapter import AskAgain, NotThere, Pending, Settled, Sink, Source, Work
from ebrvt_connect.testing.sandbox_faults import WRONG_ANSWER, Fault, disarm_all

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from ebrvt_connect.model.message import Payload
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.adapter import Adapter, Item
    from ebrvt_connect.testing.clock import FakeClock
    from ebrvt_connect.testing.memory import MemoryBlobs
    from ebrvt_connect.testing.sandbox_host import SandboxHost

SYSTEM = "remote"
"""The name of the adapter's system in every stage."""
ELSEWHERE = "elsewhere"
"""The name of the system at the other end of the link."""
UNHEARD_OF = "chuaTungThay"
"""The name of something no contract knows (chưa từng thấy)."""
_TURNS = 12
"""How often a doubtful message is asked after before the suite gives up."""


@dataclass(slots=True)
class Memory:
    """What the ledger would know: the messages that have been delivered, with payloads and receipts."""

    done: list[tuple[Message, Record]] = field(default_factory=list)

    def known(self, work: Work) -> Work:
        """The message as the engine hands it over: siblings of its lane, a step with its dossier."""
        same = [(m, r) for m, r in self.done if m.lane == work.message.lane]
        work = replace(work, siblings=(*work.siblings, *(message for message, _ in same)))
        if work.origin is not None or work.message.kind is not Kind.PROGRESS:
            return work
        dossiers = [(m, r) for m, r in same if m.kind is Kind.DOSSIER]
        return replace(work, origin=dossiers[-1][0], origin_record=dossiers[-1][1]) if dossiers else work

    def note(self, work: Work, payload: Payload, receipt: Receipt) -> None:
        """Remember one as done."""
        told = {"state": State.DONE, "payload": payload, "receipt": receipt}
        self.done.append((work.message.model_copy(update=told), work.record))


@dataclass(frozen=True, slots=True)
class Stage:
    """An adapter at its simulator, and a hand on the sandbox."""

    adapter: Adapter
    host: SandboxHost
    blobs: MemoryBlobs
    clock: FakeClock
    memory: Memory = field(default_factory=Memory)

    def play(self, kind: str, **more: Any) -> None:  # noqa: ANN401 - any field of a fault
        """Let the next call fail, or the next `count` ones; `more` are the fields of `Fault`."""
        self.host.arm([Fault(system=SYSTEM, kind=kind, **more)])

    def play_wrong(self, answer: str, **more: Any) -> None:  # noqa: ANN401 - any field of a fault
        """Let the next call, or `count` calls, be answered with one of `WRONG_ANSWERS`."""
        self.play(WRONG_ANSWER, answer=answer, **more)

    def calm(self) -> None:
        """Forget the faults that have not been played."""
        with self.host.held(SYSTEM):
            disarm_all(self.host.seats[SYSTEM].world)

    def journal(self) -> list[dict[str, Any]]:
        """What the simulated remote has written down."""
        with self.host.held(SYSTEM):
            return list(self.host.seats[SYSTEM].world.journal_entries())

    def state(self) -> dict[str, Any]:
        """What the simulator tells of itself."""
        with self.host.held(SYSTEM) as simulator:
            return simulator.state()

    def source(self) -> Source:
        """The adapter as a source."""
        return as_source(self.adapter)

    def sink(self) -> Sink:
        """The adapter as a sink."""
        return as_sink(self.adapter)

    def delivered(self, work: Work) -> Payload:
        """Deliver a message as the engine does, to its end; the payload that was sent."""
        known = self.memory.known(work)
        payload = self.sink().prepare(known)
        sent = self.sink().submit(self.sending(known), payload)
        assert self.settled(known, payload, sent=sent), f"message {work.message.id} did not come to an end"
        return payload

    def sending(self, work: Work) -> Work:
        """The message while it is being sent."""
        now = self.clock.now()
        told = {"state": State.SENDING, "attempts": 1, "first_sent_at": now, "updated_at": now}
        return replace(work, message=work.message.model_copy(update=told))

    def settled(self, work: Work, payload: Payload, *, sent: Receipt | Pending | None = None) -> bool:
        """Do as the engine does with what is in doubt or awaits a decision, until it is settled."""
        receipt = sent if isinstance(sent, Receipt) else self._asked_until_settled(work, payload, sent)
        if receipt is not None:
            self.memory.note(work, payload, receipt)
        return receipt is not None

    def _asked_until_settled(self, work: Work, payload: Payload, pending: Pending | None) -> Receipt | None:
        since = self.clock.now()
        if pending:
            self._wait(pending.after)
        for _ in range(_TURNS):
            answer = self._asked(work, payload, pending, since)
            if isinstance(answer, Receipt):
                return answer
            if isinstance(answer, Pending):
                pending = answer
            self._wait(answer.after)
        return None

    def _asked(
        self, work: Work, payload: Payload, pending: Pending | None, since: datetime
    ) -> Receipt | Pending | AskAgain:
        """Ask after one in doubt, or awaiting a decision; what is surely not there is sent again."""
        told: dict[str, Any] = {"state": State.IN_DOUBT, "doubt_since": since, "first_sent_at": since}
        if pending:
            told = {"state": State.AWAITING, "receipt": pending.receipt, "first_sent_at": since}
        asked = replace(work, message=work.message.model_copy(update=told))
        try:
            answer = self.sink().ask_after(asked, payload)
            if isinstance(answer, NotThere):
                assert pending is None, "what the remote had taken is said not to be there"
                return self.sink().submit(self.sending(work), payload)
        except (RetryLater, ReconcileFirst):
            return AskAgain(timedelta(seconds=1))
        return answer.receipt if isinstance(answer, Settled) else answer

    def _wait(self, for_: timedelta) -> None:
        self.clock.advance(max(for_, timedelta(seconds=1)))
        self.host.tick()


def as_source(adapter: Adapter) -> Source:
    """The adapter as a source."""
    assert isinstance(adapter, Source)
    return adapter


def as_sink(adapter: Adapter) -> Sink:
    """The adapter as a sink."""
    assert isinstance(adapter, Sink)
    return adapter


def fetched(source: Source, kind: Kind, checkpoint: str | None) -> tuple[list[Item], str | None]:
    """Everything new, each batch acknowledged as the engine would, and the checkpoint behind it."""
    items: list[Item] = []
    for batch in source.fetch(kind, checkpoint):
        source.acknowledge(kind, batch)
        items.extend(batch.items)
        checkpoint = batch.checkpoint
    return items, checkpoint


def message_of(record: Record, at: datetime, **fields: Any) -> Message:  # noqa: ANN401 - any field of a message
    """A message of the ledger around a record."""
    made = {
        "id": 1,
        "idem_key": "conformance:1:1",
        "link": "conformance",
        "source": ELSEWHERE,
        "target": SYSTEM,
        "kind": kind_of(record),
        "lane": "1",
        "shard": 0,
        "state": State.QUEUED,
        "created_at": at,
        "updated_at": at,
        "record": record.model_dump_json(),
    }
    return Message.model_validate(made | fields)


def named(item: Item) -> tuple[str, str, str, str]:
    """What the ledger recognises a thing by, and its lane."""
    return item.kind, item.external_id, item.version, item.lane


# --- what a record says -----------------------------------------------------------------------------------


def told_by(record: Record) -> Iterator[str]:
    """The paths of all values of a record that are not simply left out.

    Warnings are no values of the thing's own, and `unknown` repeats what came.
    """
    yield from _paths(record.model_dump(mode="json", exclude_defaults=True, exclude={"warnings", "unknown"}))


def _paths(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}" if path else name)
    elif value not in (None, "", []):
        yield path


def is_said(path: str, said: Collection[str]) -> bool:
    """Whether a path, or one above it, is among those that were said."""
    return any(path == one or path.startswith(f"{one}.") for one in said)


# --- nobody there, somebody else --------------------------------------------------------------------------


class SettingsOfSomebodyElse(BaseModel):
    """Settings no adapter takes."""

    password: SecretStr = SecretStr("")


def nowhere() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def without(config: object, secrets: Sequence[str]) -> object:
    """A simulator's table with other secrets than ours."""
    if isinstance(config, str):
        return "something else entirely" if config in secrets else config
    if isinstance(config, dict):
        return {key: without(value, secrets) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [without(value, secrets) for value in config]
    return config
