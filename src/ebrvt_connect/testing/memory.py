"""Ports that live in memory: blobs, and a linked system whose behaviour a test sets by plain attributes.

They are real implementations of the production ports, so what passes through them has passed through
the ports' own promises too.
"""

from __future__ import annotations

import hashlib
import io
import threading
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self

from pydantic import BaseModel

from ebrvt_connect.model.message import BlobRef, Payload, Receipt
from ebrvt_connect.ports.adapter import (
    Answer,
    Batch,
    Feedback,
    Item,
    NotThere,
    Outcome,
    Pending,
    Settled,
    Sink,
    Source,
    Surroundings,
    Work,
)
from ebrvt_connect.ports.blobs import Blobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import timedelta

    from ebrvt_connect.model.message import Kind, Message
    from ebrvt_connect.model.record import Record

_PAYLOAD_LIMIT_BYTES = 16 * 1024 * 1024


class MemoryBlobs(Blobs):
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        """Empty."""
        self.contents: dict[str, bytes] = {}

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return sha256 in self.contents

    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        content = b"".join(chunks)
        sha256 = hashlib.sha256(content).hexdigest()
        self.contents[sha256] = content
        return BlobRef(sha256=sha256, size_bytes=len(content))

    def _open(self, sha256: str) -> BinaryIO:
        return io.BytesIO(self.contents[sha256])


class NoSettings(BaseModel):
    """A memory system has nothing to configure."""


class MemorySystem(Source, Sink):
    """A system in memory: gives out what is put into `outbox`, takes what is submitted into `arrived`.

    Attributes may be changed at any time: `on_submit`, `on_ask` and `on_prepare` are called first and may
    raise what the remote would (or return what `ask_after` should answer). Where `decides_later` names a
    time, what is submitted is taken and awaits a decision, to be asked after in that time.
    """

    system_kind: ClassVar[str] = "memory"
    settings_type: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, blobs: Blobs) -> None:
        """Empty, friendly, and out of order never."""
        self.blobs = blobs
        self.lock = threading.Lock()
        self.outbox: list[Item] = []
        self.batch_size = 50
        self.brings: Mapping[Kind, tuple[Kind, ...]] = {}
        """Kinds that are given out along with another one."""
        self.acknowledged: list[str] = []
        """External ids, in order; more than once where told more than once."""
        self.arrived: list[Work] = []
        """What was accepted, in order."""
        self.submitted: list[str] = []
        """Idempotency keys of every submit, accepted or not."""
        self.asked: list[str] = []
        """Idempotency keys of every asking after."""
        self.told: list[tuple[str, Outcome]] = []
        """What feedback was asked for: title and outcome."""
        self.on_submit: Callable[[Work], object] = lambda _work: None
        self.decides_later: Callable[[Work], timedelta | None] = lambda _work: None
        self.on_prepare: Callable[[Work], None] = lambda _work: None
        self.on_ask: Callable[[Work], Answer | None] = lambda _work: None
        self.on_fetch: Callable[[], None] = lambda: None
        self.on_acknowledge: Callable[[Batch], None] = lambda _batch: None
        self.feedbacks: Callable[[Message, Outcome], tuple[Feedback, ...]] = lambda _message, _outcome: ()

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """As every adapter is opened."""
        del settings
        return cls(surroundings.blobs)

    def ping(self) -> str:
        """Always there."""
        return "memory"

    def close(self) -> None:
        """Nothing to give back."""

    def feedback(self, message: Message, record: Record | None, outcome: Outcome) -> tuple[Feedback, ...]:
        """What `feedbacks` says."""
        del record
        with self.lock:
            self.told.append((message.title, outcome))
        return self.feedbacks(message, outcome)

    def keys_arrived(self) -> list[str]:
        """Idempotency keys of what was accepted, in order."""
        with self.lock:
            return [work.message.idem_key for work in self.arrived]

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        """The checkpoint is how many of the outbox have been given out; other kinds come as `brings` says."""
        self.on_fetch()
        done = int(checkpoint or 0)
        while done < len(self.outbox):
            taken = self.outbox[done : done + self.batch_size]
            done += len(taken)
            wanted = (kind, *self.brings.get(kind, ()))
            yield Batch(tuple(item for item in taken if item.kind in wanted), str(done))

    def _acknowledge(self, kind: Kind, batch: Batch) -> None:
        del kind
        self.on_acknowledge(batch)
        with self.lock:
            self.acknowledged.extend(item.external_id for item in batch.items)

    def _prepare(self, work: Work) -> Payload:
        self.on_prepare(work)
        blob = self.blobs.put([work.record.model_dump_json().encode()], limit_bytes=_PAYLOAD_LIMIT_BYTES)
        return Payload(blob=blob, media_type="application/json", facts=(("title", work.message.title),))

    def _submit(self, work: Work, payload: Payload) -> Receipt | Pending:
        del payload
        with self.lock:
            self.submitted.append(work.message.idem_key)
        self.on_submit(work)
        receipt, after = self.accept(work), self.decides_later(work)
        return receipt if after is None else Pending(receipt, after)

    def accept(self, work: Work) -> Receipt:
        """Take it; `on_submit` may call this before it raises, as a reply lost after acceptance would."""
        with self.lock:
            self.arrived.append(work)
            return Receipt(external_id=f"r{len(self.arrived)}", raw=b"accepted")

    def _ask_after(self, work: Work, payload: Payload) -> Answer:
        del payload
        key = work.message.idem_key
        with self.lock:
            self.asked.append(key)
        answer = self.on_ask(work)
        if answer is not None:
            return answer
        if key in self.keys_arrived():
            return Settled(Receipt(external_id="found", raw=b"asked after"))
        return NotThere()
