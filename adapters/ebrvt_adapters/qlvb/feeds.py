"""What both readers of the document system's feeds share: the checkpoint, what is stored, odd rows."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ebrvt_adapters.qlvb import wire
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import HeldForPerson, InvalidValue, RetryLater
from ebrvt_connect.model.message import BlobRef, Kind
from ebrvt_connect.ports.adapter import Item

if TYPE_CHECKING:
    from ebrvt_adapters.qlvb.client import QlvbClient
    from ebrvt_adapters.qlvb.settings import QlvbSettings
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.ports.adapter import Surroundings

_LARGEST_ROW_BYTES = 16 * 1024 * 1024
_REMEMBERED = 20_000


@dataclass(slots=True)
class Progress:
    """How far each feed has been read: the checkpoint, as it grows."""

    cursor: wire.Cursor | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    """Documents whose files could not be had yet, by id, and since when."""
    incoming_seq: int = 0
    outgoing_seq: int = 0
    stuck_since: str = ""
    """Since when the next outgoing event cannot be looked into; empty when it can."""

    @classmethod
    def parse(cls, text: str | None) -> Progress:
        """From a checkpoint of ours; None is the beginning."""
        if not text:
            return cls()
        told = json.loads(text)
        cursor = told.get("outgoing")
        return cls(
            wire.Cursor.model_validate(cursor) if cursor else None,
            dict(told.get("waiting", {})),
            int(told.get("incomingEvents", 0)),
            int(told.get("outgoingEvents", 0)),
            str(told.get("stuckSince", "")),
        )

    def text(self) -> str:
        """The checkpoint."""
        told: dict[str, Any] = {
            "outgoing": self.cursor.model_dump(by_alias=True) if self.cursor else None,
            "waiting": self.waiting,
            "incomingEvents": self.incoming_seq,
            "outgoingEvents": self.outgoing_seq,
            "stuckSince": self.stuck_since,
        }
        return json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False)

    def advance(self, cursor: wire.Cursor) -> None:
        """Move on, never back: a fetch begins before the place reached."""
        if self.cursor is None or place_of(cursor) >= place_of(self.cursor):
            self.cursor = cursor


class StoredVersions:
    """What this process knows to be stored, so that reading again costs nothing; bounded, oldest go first."""

    def __init__(self) -> None:
        """Knows nothing; the ledger recognises what was stored before."""
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._rows: set[str] = set()

    def add(self, item: Item) -> None:
        """Remember one."""
        row = item.original.sha256 if item.original else ""
        self._known[item.external_id, item.version] = row
        self._rows.add(row)
        while len(self._known) > _REMEMBERED:
            _, oldest = self._known.popitem(last=False)
            self._rows.discard(oldest)

    def has_row(self, row: bytes) -> bool:
        """Whether these very bytes made an item that is stored."""
        return hashlib.sha256(row).hexdigest() in self._rows

    def __contains__(self, named: tuple[str, str]) -> bool:
        """Whether an external id is stored in this version."""
        return named in self._known


@dataclass(frozen=True, slots=True)
class Desk:
    """What both readers work with."""

    client: QlvbClient
    settings: QlvbSettings
    surroundings: Surroundings
    stored: StoredVersions

    def keep(self, row: bytes) -> BlobRef:
        """Store a row's untouched bytes."""
        return self.surroundings.blobs.put((row,), limit_bytes=_LARGEST_ROW_BYTES)

    def held(self, refusal: InvalidValue) -> HeldForPerson:
        """A refusal of the mapping as a hold of one message."""
        return refusal.held(system=self.surroundings.system, operation="fetch")

    def patience_over(self, since: str) -> bool:
        """Whether something has been tried for as long as the settings allow."""
        allowed = timedelta(minutes=self.settings.attachment_patience_minutes)
        return self.surroundings.clock.now() - datetime.fromisoformat(since) > allowed

    def odd(self, explanation: Explanation, detail: str, operation: str) -> RetryLater:
        """A feed that answers what it cannot mean."""
        return RetryLater(explanation, detail, system=self.surroundings.system, operation=operation)

    def unreadable(self, kind: Kind, row: bytes, refusal: InvalidValue, name: str) -> Item | None:
        """A row that cannot be followed, held for a person with its bytes; None if it is stored so.

        `name` is its own id, empty where it has none that can be read.
        """
        digest = hashlib.sha256(row).hexdigest()
        named = name or f"unreadable-{digest[:24]}"
        version = f"unreadable:{digest[:32]}"
        if (named, version) in self.stored:
            return None
        title = str(refusal.facts.get("title", ""))
        original = self.keep(row)
        return Item(kind, named, version, named, "", title, original=original, fault=self.held(refusal))


def _fields(row: bytes) -> dict[str, Any]:
    try:
        value = json_value(row)
    except InvalidValue:
        return {}
    return value if isinstance(value, dict) else {}


def word_of(row: bytes, name: str) -> str:
    """A text field of a row, shortened; empty where it cannot be read."""
    value = _fields(row).get(name)
    return value.strip()[:100] if isinstance(value, str) else ""


def event_name(feed: str, row: bytes) -> str:
    """What an event is called here, by its feed and number; empty where that cannot be read."""
    seq = seq_of(row)
    return "" if seq is None else f"{feed}-event-{seq}"


def seq_of(row: bytes) -> int | None:
    """The number of an event, where it can be read."""
    value = _fields(row).get("seq")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def cursor_of(row: bytes) -> wire.Cursor | None:
    """A document's place in its feed, where it can be read."""
    fields = _fields(row)
    try:
        cursor = wire.Cursor.model_validate(
            {"updatedAfter": fields.get("updatedAt"), "afterId": fields.get("id")}
        )
        cursor.moment()
    except (ValidationError, ValueError):
        return None
    return cursor


def place_of(cursor: wire.Cursor) -> tuple[datetime, str]:
    """A cursor as a value that can be compared; raises `ValueError` for a time that is none."""
    return cursor.moment(), cursor.after_id
