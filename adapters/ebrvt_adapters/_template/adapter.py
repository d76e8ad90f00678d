"""The system as the engine sees it: a source of statuses about documents, and a sink for them.

Receiving. Rows of the feed past the checkpoint, a batch a page; a row that cannot be read is held alone.
Sending. One keyed call: a doubtful end is simply sent again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar, Self

from ebrvt_connect.codec.feed import fields_of
from ebrvt_connect.codec.jsonwire import write_json
from ebrvt_connect.errors import InvalidValue, RetryLater
from ebrvt_connect.model.document import DocumentStatus
from ebrvt_connect.model.message import Kind, Payload, Receipt
from ebrvt_connect.ports.adapter import (
    Answer,
    Batch,
    Item,
    NotThere,
    Sink,
    Source,
    Surroundings,
    Work,
)

from . import faults, mapping
from .client import KhuonmauClient
from .settings import KhuonmauSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

_LARGEST_BYTES = 1024 * 1024


class Khuonmau(Source, Sink):
    """One such system (hệ thống khuonmau)."""

    system_kind: ClassVar[str] = "khuonmau"
    settings_type: ClassVar[type[BaseModel]] = KhuonmauSettings

    def __init__(self, settings: KhuonmauSettings, surroundings: Surroundings) -> None:
        """Opens no connection yet."""
        self._system = surroundings.system
        self._blobs = surroundings.blobs
        self.client = KhuonmauClient(settings, surroundings.clock, system=surroundings.system)

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """Make an instance; raises `TypeError` for settings of another adapter."""
        if not isinstance(settings, KhuonmauSettings):
            raise TypeError(f"expected KhuonmauSettings, got {type(settings).__name__}")
        return cls(settings, surroundings)

    def ping(self) -> str:
        """Read one row."""
        return f"đọc thử được {len(self.client.statuses(0, limit=1).rows)} dòng"

    def close(self) -> None:
        """Give back connections."""
        self.client.close()

    # --- source -------------------------------------------------------------------------------------------

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        """Page after page, each row once.

        Here a row's number grows as rows are committed; where a system may commit one late with a smaller
        number or an older time, read again from some way back (`codec.change_feed`).
        """
        after = int(checkpoint or 0)
        while True:
            page = self.client.statuses(after)
            reached = max((_number_of(row) for row in page.rows), default=after)
            if page.rows:
                if reached <= after:
                    raise self._stuck(after)
                after = reached
                yield Batch(tuple(self._item(kind, row) for row in page.rows), str(after))
            if not page.rows or page.next is None:
                return

    def _item(self, kind: Kind, row: bytes) -> Item:
        original = self._blobs.put((row,), limit_bytes=_LARGEST_BYTES)
        try:
            found = mapping.row_of(row)
            record = mapping.status_of(found)
        except InvalidValue as refusal:
            # Held alone, under a name that is the same whenever these bytes come again.
            name = f"row-{hashlib.sha256(row).hexdigest()[:32]}"
            fault = refusal.held(system=self._system, operation="fetch")
            return Item(kind, name, "1", name, original=original, fault=fault)
        return Item(
            kind,
            found.id,
            str(found.seq),
            found.document_id,
            business_key=found.document_id,
            title=found.number,
            record=record,
            original=original,
        )

    def _acknowledge(self, kind: Kind, batch: Batch) -> None:
        """Nothing to tell: how far we are is our own checkpoint."""

    def _stuck(self, after: int) -> RetryLater:
        detail = f"rows past {after} have no number past it"
        return RetryLater(faults.REPLY_UNREADABLE, detail, system=self._system, operation="fetch")

    # --- sink ---------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> Payload:
        if not isinstance(work.record, DocumentStatus):
            raise TypeError(f"expected a DocumentStatus, got {type(work.record).__name__}")
        try:
            content = write_json(mapping.told_of(work.record))
        except InvalidValue as refusal:
            raise refusal.held(system=self._system, operation="prepare") from refusal
        blob = self._blobs.put((content,), limit_bytes=_LARGEST_BYTES)
        return Payload(blob=blob, media_type="application/json")

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        content = self._blobs.read(payload.blob.sha256, limit_bytes=_LARGEST_BYTES)
        # The key as the engine made it; a header holds ASCII only, so its digest goes.
        key = hashlib.sha256(work.message.idem_key.encode()).hexdigest()
        name, raw = self.client.tell(content, key=key)
        return Receipt(external_id=name, raw=raw)

    def _ask_after(self, work: Work, payload: Payload) -> Answer:  # noqa: ARG002 - the port's signature
        """It carries a key: the same is sent again and has no second effect."""
        return NotThere()


def _number_of(row: bytes) -> int:
    """A row's number; 0 where it cannot be read."""
    seq = fields_of(row).get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else 0
