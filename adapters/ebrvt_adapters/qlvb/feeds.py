"""What both readers of the document system's feeds share: the checkpoint, and what has been read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.change_feed import FeedDesk, FeedProgress
from ebrvt_connect.codec.feed import Cursor, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrvt_adapters.qlvb.client import QlvbClient
    from ebrvt_adapters.qlvb.settings import QlvbSettings


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
class Progress(FeedProgress):
    """How far each feed has been read: the checkpoint, as it grows."""

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
            Cursor.model_validate(cursor) if cursor else None,
            dict(told.get("waiting", {})),
            EventPlace(int(told.get("incomingEvents", 0)), set(told.get("incomingMissing", ()))),
            EventPlace(int(told.get("outgoingEvents", 0)), set(told.get("outgoingMissing", ()))),
            [PutOff(row, since) for row, since in told.get("putOff", ())],
        )

    def told(self) -> dict[str, Any]:
        """What the checkpoint says."""
        return {
            "outgoing": self.cursor.model_dump(by_alias=True) if self.cursor else None,
            "waiting": self.waiting,
            "incomingEvents": self.incoming.reached,
            "incomingMissing": sorted(self.incoming.missing),
            "outgoingEvents": self.outgoing.reached,
            "outgoingMissing": sorted(self.outgoing.missing),
            "putOff": [[event.row, event.since] for event in self.put_off],
        }


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(FeedDesk):
    """What both readers work with."""

    client: QlvbClient
    settings: QlvbSettings
    documents: DocumentWatch


def event_name(feed: str, row: bytes) -> str:
    """What an event is called here, by its feed and number; empty where that cannot be read."""
    seq = seq_of(row)
    return "" if seq is None else f"{feed}-event-{seq}"


def seq_of(row: bytes) -> int | None:
    """The number of an event, where it can be read."""
    value = fields_of(row).get("seq")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
