"""Walks a feed of changed things, ordered by (updatedAt, id), into batches. Pure: the calls are handed in.

A row may be committed late with an older time, so each walk begins some minutes before the place reached;
what this process knows to be stored is skipped, anything else read twice is one message by its version. A
thing whose parts cannot be had waits in the checkpoint and is asked for by its name at each walk, while the
others go on; after a while it is held. One row that cannot be read is held alone. The place reached never
moves past now: what comes behind a row dated ahead has earlier times and would be lost.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import chain
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.feed import Cursor, cursor_of, place_of
from ebrvt_connect.codec.jsonfields import written_moment
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Rejected, RetryLater
from ebrvt_connect.ports.adapter import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.codec.feed import Page
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.message import BlobRef, Kind
    from ebrvt_connect.ports.adapter import Surroundings

_LARGEST_ROW_BYTES = 16 * 1024 * 1024
_REMEMBERED = 20_000
STRUGGLING = 2
"""After so many things in a row whose parts cannot be had, the system is taken to be in trouble."""


class Missing(Enum):
    """Why a thing that waited cannot be had any more."""

    GONE = auto()
    FORBIDDEN = auto()
    UNAVAILABLE = auto()


@dataclass(slots=True)
class FeedProgress:
    """How far a feed has been read: the checkpoint, as it grows."""

    cursor: Cursor | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    """Things whose parts could not be had yet, by name, and since when."""

    @classmethod
    def parse(cls, text: str | None) -> FeedProgress:
        """From a checkpoint of ours; None is the beginning."""
        told = json.loads(text) if text else {}
        cursor = told.get("cursor")
        return FeedProgress(Cursor.model_validate(cursor) if cursor else None, dict(told.get("waiting", {})))

    def told(self) -> dict[str, Any]:
        """What the checkpoint says."""
        return {
            "cursor": self.cursor.model_dump(by_alias=True) if self.cursor else None,
            "waiting": self.waiting,
        }

    def text(self) -> str:
        """The checkpoint."""
        return json.dumps({name: value for name, value in self.told().items() if value}, ensure_ascii=False)

    def advance(self, cursor: Cursor, now: datetime) -> None:
        """Move on, never back and never past now."""
        if cursor.moment() <= now and (self.cursor is None or place_of(cursor) >= place_of(self.cursor)):
            self.cursor = cursor

    def no_later_than(self, now: datetime) -> None:
        """Take a place back that lies ahead: the clock was wrong when it was reached."""
        if self.cursor is not None and self.cursor.moment() > now:
            self.cursor = Cursor(updated_after=written_moment(now))


class StoredVersions:
    """What this process knows to be stored, so that reading again costs nothing; bounded, oldest go first."""

    def __init__(self) -> None:
        """Knows nothing; the ledger recognises what was stored before."""
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._rows: OrderedDict[str, None] = OrderedDict()
        self._names: Counter[str] = Counter()

    def add(self, item: Item) -> None:
        """Remember one."""
        named = (item.external_id, item.version)
        if named not in self._known:
            self._names[item.external_id] += 1
        self._known[named] = None
        self.add_row(item.original.sha256 if item.original else "")
        while len(self._known) > _REMEMBERED:
            (name, _), _ = self._known.popitem(last=False)
            self._names -= Counter((name,))

    def add_row(self, sha256: str) -> None:
        """Remember that all a row makes is stored."""
        self._rows[sha256] = None
        while len(self._rows) > _REMEMBERED:
            self._rows.popitem(last=False)

    def has(self, name: str) -> bool:
        """Whether a thing is stored, in whichever version."""
        return name in self._names

    def has_row(self, row: bytes) -> bool:
        """Whether these very bytes made an item that is stored."""
        return hashlib.sha256(row).hexdigest() in self._rows

    def __contains__(self, named: tuple[str, str]) -> bool:
        """Whether an external id is stored in this version."""
        return named in self._known


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDesk:
    """What a reader of feeds works with."""

    surroundings: Surroundings
    stored: StoredVersions
    patience: timedelta
    """How long something is tried again before it is held."""

    def now(self) -> datetime:
        """The time."""
        return self.surroundings.clock.now()

    def keep(self, row: bytes) -> BlobRef:
        """Store a row's untouched bytes."""
        return self.surroundings.blobs.put((row,), limit_bytes=_LARGEST_ROW_BYTES)

    def held(self, refusal: InvalidValue) -> HeldForPerson:
        """A refusal of the mapping as a hold of one message."""
        return refusal.held(system=self.surroundings.system, operation="fetch")

    def patience_over(self, since: str) -> bool:
        """Whether something has been tried for as long as the settings allow."""
        return self.now() - datetime.fromisoformat(since) > self.patience

    def odd(self, explanation: Explanation, detail: str, operation: str) -> RetryLater:
        """A feed that answers what it cannot mean."""
        return RetryLater(explanation, detail, system=self.surroundings.system, operation=operation)

    def unreadable(
        self, kind: Kind, row: bytes, refusal: InvalidValue, name: str, lane: str = ""
    ) -> Item | None:
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
        return Item(
            kind, named, version, lane or named, "", title, original=original, fault=self.held(refusal)
        )


@dataclass(slots=True)
class Walk:
    """What one walk through a feed has met so far."""

    tried: set[str] = field(default_factory=set)
    """Things that waited and were asked for by their name."""
    answered: bool = False
    """Whether the system could be asked for one of them."""
    failure: RetryLater | None = None
    """What the last one that could not be asked for failed with."""
    found: bool = False

    def conclude(self) -> None:
        """Raise what stood in the way where nothing at all came of the walk."""
        if self.failure is not None and not self.answered and not self.found:
            raise self.failure


class ChangeFeed(ABC):
    """A feed of changed things; an adapter says how it asks and what a row makes."""

    def batches(self, progress: FeedProgress, walk: Walk) -> Iterator[Batch]:
        """What is new since the checkpoint; a thing that cannot be had does not stop the others."""
        progress.no_later_than(self._desk().now())
        for batch in chain(self._asked_again(progress, walk), self._read(progress, walk)):
            walk.found = walk.found or bool(batch.items)
            yield batch

    # --- what an adapter says -----------------------------------------------------------------------------

    @abstractmethod
    def _desk(self) -> FeedDesk:
        """What it works with."""

    @abstractmethod
    def _overlap(self) -> timedelta:
        """How far back the feed is read again."""

    @abstractmethod
    def _page(self, cursor: Cursor | None) -> Page:
        """One page behind a place."""

    @abstractmethod
    def _one(self, name: str) -> bytes:
        """One thing's row by its name."""

    @abstractmethod
    def _name(self, row: bytes) -> str:
        """The name a thing is asked for by."""

    @abstractmethod
    def _made(self, row: bytes, *, last_try: bool) -> tuple[Item, ...]:
        """What a row makes that is not known to be stored; raises `RetryLater` when a part cannot be had."""

    @abstractmethod
    def _without_row(self, name: str, version: str, why: Missing) -> Item:
        """A thing that cannot be had any more, held under its name."""

    @abstractmethod
    def _concerns_one(self, held: HeldForPerson) -> bool:
        """Whether a hold met while one thing was asked for is about that one only."""

    @abstractmethod
    def _unreadable_place(self, detail: str) -> RetryLater:
        """The next page's place cannot be read."""

    @abstractmethod
    def _stuck(self, detail: str) -> RetryLater:
        """The feed does not go on."""

    # --- the walk -----------------------------------------------------------------------------------------

    def _read(self, progress: FeedProgress, walk: Walk) -> Iterator[Batch]:
        """The feed, page by page; raises `RetryLater` when the system seems to be in trouble."""
        cursor = self._begin(progress.cursor)
        told = progress.text()
        while True:
            page = self._page(cursor)
            following: Cursor | None = None
            astray: RetryLater | None = None
            try:
                following = self._following(page, cursor)
            except RetryLater as odd:
                # What came is good all the same; only the way on is not.
                astray = odd
            items, trouble = self._items(page.rows, progress, walk)
            failure = trouble or astray
            if following is not None and failure is None:
                progress.advance(following, self._desk().now())
            if items or progress.text() != told:
                told = progress.text()
                yield Batch(items, told)
            if failure is not None:
                raise failure
            if following is None:
                return
            cursor = following

    def _asked_again(self, progress: FeedProgress, walk: Walk) -> Iterator[Batch]:
        """Things that waited for their parts, by their name; none of them stops the others."""
        items: list[Item] = []
        for name, since in list(progress.waiting.items()):
            try:
                found = self._again(name, since, walk)
            except RetryLater:
                continue
            del progress.waiting[name]
            items.extend(found)
        if items:
            yield Batch(tuple(items), progress.text())

    def _again(self, name: str, since: str, walk: Walk) -> tuple[Item, ...]:
        """One that waited; raises `RetryLater` when it has to wait on."""
        last_try = self._desk().patience_over(since)
        try:
            row = self._one(name)
        except Rejected:
            return (self._without_row(name, "gone", Missing.GONE),)
        except HeldForPerson as held:
            if not self._concerns_one(held):
                raise
            return (self._without_row(name, f"forbidden:{since}", Missing.FORBIDDEN),)
        except RetryLater as failure:
            walk.failure = failure
            if not last_try:
                raise
            return (self._without_row(name, f"unavailable:{since}", Missing.UNAVAILABLE),)
        walk.answered = True
        walk.tried.add(name)
        return self._made(row, last_try=last_try)

    def _begin(self, reached: Cursor | None) -> Cursor | None:
        """Some minutes before the place reached."""
        overlap = self._overlap()
        if reached is None or not overlap:
            return reached
        try:
            earlier = reached.moment() - overlap
        except OverflowError:
            return None
        return Cursor(updated_after=written_moment(earlier))

    def _following(self, page: Page, cursor: Cursor | None) -> Cursor | None:
        """Where the next page begins; raises `RetryLater` when that is unreadable or no step forward."""
        if page.next is None:
            return None
        try:
            following = Cursor.model_validate(page.next)
            place = place_of(following)
        except ValueError as failure:
            raise self._unreadable_place("the next page's place is unreadable") from failure
        if cursor is not None and (following == cursor or place[0] < cursor.moment()):
            raise self._stuck("the next page begins where this one did, or before")
        return following

    def _items(
        self, rows: tuple[bytes, ...], progress: FeedProgress, walk: Walk
    ) -> tuple[tuple[Item, ...], RetryLater | None]:
        """The rows as items; stops early, with the failure, when the system seems to be in trouble.

        Those that failed wait from now on, so that none of them is in the way again.
        """
        items: list[Item] = []
        failed = 0
        trouble: RetryLater | None = None
        now = self._desk().now()
        for row in rows:
            if not (walk.tried and self._name(row) in walk.tried):
                try:
                    items.extend(self._made(row, last_try=False))
                except RetryLater as failure:
                    name = self._name(row)
                    failed += name not in progress.waiting
                    trouble = failure if failed >= STRUGGLING else None
                    progress.waiting.setdefault(name, now.isoformat())
                else:
                    failed = 0
                    if progress.waiting:
                        progress.waiting.pop(self._name(row), None)
            if (cursor := cursor_of(row)) is not None:
                progress.advance(cursor, now)
            if trouble is not None:
                break
        return tuple(items), trouble
