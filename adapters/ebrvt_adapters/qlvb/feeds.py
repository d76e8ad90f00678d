"""What both readers of the document system's feeds share: the checkpoint, what is stored, odd rows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
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
    from collections.abc import Iterable

    from ebrvt_adapters.qlvb.client import QlvbClient
    from ebrvt_adapters.qlvb.settings import QlvbSettings
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.ports.adapter import Surroundings

_LARGEST_ROW_BYTES = 16 * 1024 * 1024
_REMEMBERED = 20_000


@dataclass(slots=True)
class EventPlace:
    """How far a feed of events has been read: its highest number, and those below it that have not come."""

    reached: int = 0
    missing: set[int] = field(default_factory=set)
    """An event committed late has a smaller number than others read before it."""

    def begin(self) -> int:
        """The number behind which reading begins."""
        return min(self.missing) - 1 if self.missing else self.reached

    def is_new(self, seq: int | None) -> bool:
        """Whether an event has not been read yet; one without a number may be new."""
        return not seq or seq > self.reached or seq in self.missing

    def read(self, seq: int, overlap: int) -> None:
        """An event has been read; missing ones are waited for as long as `overlap` numbers."""
        self.missing.discard(seq)
        if seq > self.reached:
            self.missing.update(range(max(self.reached + 1, seq - overlap), seq))
            self.reached = seq
            self.missing = {one for one in self.missing if one >= seq - overlap}

    def skip_to(self, seq: int, overlap: int) -> None:
        """The feed goes on behind a number that has not come."""
        if seq > self.reached:
            self.read(seq, overlap)
            self.missing.add(seq)


@dataclass(frozen=True, slots=True)
class PutOff:
    """An event whose document has not come through yet: its row, and since when it waits."""

    row: str
    since: str


@dataclass(slots=True)
class Progress:
    """How far each feed has been read: the checkpoint, as it grows."""

    cursor: wire.Cursor | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    """Documents whose files could not be had yet, by id, and since when."""
    incoming: EventPlace = field(default_factory=EventPlace)
    outgoing: EventPlace = field(default_factory=EventPlace)
    put_off: list[PutOff] = field(default_factory=list)
    """Outgoing events that wait for their document, in their order."""

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
            EventPlace(int(told.get("incomingEvents", 0)), set(told.get("incomingMissing", ()))),
            EventPlace(int(told.get("outgoingEvents", 0)), set(told.get("outgoingMissing", ()))),
            [PutOff(row, since) for row, since in told.get("putOff", ())],
        )

    def text(self) -> str:
        """The checkpoint."""
        told: dict[str, Any] = {
            "outgoing": self.cursor.model_dump(by_alias=True) if self.cursor else None,
            "waiting": self.waiting,
            "incomingEvents": self.incoming.reached,
            "incomingMissing": sorted(self.incoming.missing),
            "outgoingEvents": self.outgoing.reached,
            "outgoingMissing": sorted(self.outgoing.missing),
            "putOff": [[event.row, event.since] for event in self.put_off],
        }
        return json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False)

    def advance(self, cursor: wire.Cursor, now: datetime) -> None:
        """Move on, never back and never past now.

        What comes later has earlier times than a row whose time lies ahead: behind it, it would be lost.
        """
        if cursor.moment() <= now and (self.cursor is None or place_of(cursor) >= place_of(self.cursor)):
            self.cursor = cursor

    def no_later_than(self, now: datetime) -> None:
        """Take a place back that lies ahead: the clock was wrong when it was reached."""
        if self.cursor is not None and self.cursor.moment() > now:
            self.cursor = wire.Cursor(updated_after=wire.written_moment(now))


class DocumentWatch:
    """What this process knows of the reading of documents, so that no event overtakes its document."""

    def __init__(self) -> None:
        """Nothing has been read yet."""
        self.begun = 0
        """How many readings have begun."""
        self._ended = 0
        self._waiting: frozenset[str] = frozenset()
        self._seen: dict[int, int] = {}

    def begin(self, waiting: Iterable[str]) -> int:
        """A reading begins; returns its number."""
        self.begun += 1
        self._waiting = frozenset(waiting)
        return self.begun

    def stored(self, waiting: Iterable[str]) -> None:
        """What was read up to here is stored, but for those that wait."""
        self._waiting = frozenset(waiting)

    def end(self, number: int) -> None:
        """A reading has come to its end."""
        self._ended = number

    def waits(self, document_id: str) -> bool:
        """Whether a document is known and waits for its files."""
        return document_id in self._waiting

    def read_since(self, event: int) -> bool:
        """Whether all documents were read once since this was first asked about an event."""
        return self._ended >= self._seen.setdefault(event, self.begun + 1)

    def forget(self, event: int) -> None:
        """An event has gone on."""
        self._seen.pop(event, None)


class StoredVersions:
    """What this process knows to be stored, so that reading again costs nothing; bounded, oldest go first."""

    def __init__(self) -> None:
        """Knows nothing; the ledger recognises what was stored before."""
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._rows: set[str] = set()
        self._documents: Counter[str] = Counter()

    def add(self, item: Item) -> None:
        """Remember one."""
        row = item.original.sha256 if item.original else ""
        if item.kind is Kind.DOCUMENT and (item.external_id, item.version) not in self._known:
            self._documents[item.external_id] += 1
        self._known[item.external_id, item.version] = row
        self._rows.add(row)
        while len(self._known) > _REMEMBERED:
            (name, _), oldest = self._known.popitem(last=False)
            self._rows.discard(oldest)
            self._documents -= Counter((name,))

    def has_document(self, name: str) -> bool:
        """Whether a document is stored, in whichever version."""
        return name in self._documents

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
    documents: DocumentWatch

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
