"""Storing what was fetched: messages, inbox rows, checkpoint and activations in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ebrvt_connect.model.document import DocumentStatus, StatusCode
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.adapter import Item
from ebrvt_connect.ports.ledger import Leftover, NewMessage, Stored
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.crash_points import crash_point
from ebrvt_connect.store.delivery import Delivery, pause_row
from ebrvt_connect.store.shards import insert_for
from ebrvt_connect.store.superseding import GIVES_WAY, NEVER_LEFT, Heir, supersede

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from ebrvt_connect.ports.adapter import Batch
    from ebrvt_connect.ports.ledger import Origin, Pause

_CAME_TO_NOTHING = tuple(s.value for s in (State.REFUSED, State.CANCELLED, State.SUPERSEDED))
_SEND_ANEW = frozenset({StatusCode.REFUSED, StatusCode.CHANGE_ACCEPTED})
"""After these a sender corrects and sends again, under the same document id."""

Shard = tuple[str, int]
"""A shard of a system."""
Named = tuple[str, str]
"""Kind and external id."""
Version = tuple[str, str, str]
"""Kind, external id and version."""

_M = schema.message
_I = schema.inbox
_C = schema.checkpoint
_PAGE = 500
_THESE = _I.c.external_id.in_(sa.bindparam("names", expanding=True))
_KNOWN = sa.select(_I.c.kind, _I.c.external_id, _I.c.version, _I.c.sha256).where(
    _I.c.system == sa.bindparam("of_system"), _THESE
)
_TAKEN = (
    sa.select(_I.c.kind, _I.c.external_id)
    .join(_M, _M.c.id == _I.c.message_id)
    .where(_I.c.system == sa.bindparam("of_system"), _THESE)
    .where(_M.c.state.not_in(_CAME_TO_NOTHING), sa.not_(sa.and_(*NEVER_LEFT)))
)
"""What is on its way, or was delivered, in whatever version."""
_SAME = sa.select(_I.c.id, _I.c.kind, _I.c.external_id, _I.c.message_id, _I.c.same_as).where(
    _I.c.system == sa.bindparam("of_system"), _I.c.same_as.in_(sa.bindparam("same", expanding=True))
)


@cache
def _arriving(dialect: str) -> Any:  # noqa: ANN401 - two dialects' inserts have no common type
    """The insert of an arrival, made once: making statements costs more than running them."""
    insert = postgresql.insert(_I) if dialect == "postgresql" else sqlite.insert(_I)
    return insert.on_conflict_do_nothing()


class IntakeRows(Delivery):
    """The ledger as fetching uses it."""

    def checkpoint(self, link: str) -> str | None:
        """Where the link's last stored batch ended; None before its first."""
        with reading(self.database) as tx:
            found: str | None = tx.scalar(sa.select(_C.c.value).where(_C.c.link == link))
        return found

    def store_batch(self, origin: Origin, batch: Batch, now: datetime) -> Stored:
        """Store a batch; what has arrived before is noted as a duplicate and makes no message."""
        with writing(self.database) as tx:
            known = self._known(tx, origin, batch.items)
            fresh = [item for item in batch.items if _name(item) not in known]
            touched = {(origin.target, self.shard_of(item.lane)) for item in fresh}
            stopped = self._stopped(tx, origin, fresh)
            self.raise_flags(tx, touched.union(*stopped.values()))
            if stopped or not self._all_new(tx, origin, fresh):
                stored = self._store_one_by_one(tx, origin, fresh, stopped, now)
            else:
                stored = self._store_together(tx, origin, fresh, now)
            # A source that lists the same again and again costs a look, not a commit.
            if stored or tx.scalar(sa.select(_C.c.value).where(_C.c.link == origin.link)) != batch.checkpoint:
                self._set_checkpoint(tx, origin.link, {"value": batch.checkpoint, "stored_at": now})
            crash_point("in_store_before_commit")
        changed = tuple(item.external_id for item in batch.items if _is_other(item, known.get(_name(item))))
        return Stored(new=stored, duplicates=len(batch.items) - stored, changed=changed)

    @staticmethod
    def _known(tx: sa.Connection, origin: Origin, items: Sequence[Item]) -> dict[Version, str | None]:
        """The versions of these that have arrived before, and the digests of their bytes."""
        known: dict[Version, str | None] = {}
        for names in _pages({item.external_id for item in items}):
            found = tx.execute(_KNOWN, {"of_system": origin.source, "names": names})
            known |= {(row.kind, row.external_id, row.version): row.sha256 for row in found}
        return known

    @staticmethod
    def _all_new(tx: sa.Connection, origin: Origin, fresh: Sequence[Item]) -> bool:
        """Whether each is the first of its name and of its content, here and among themselves."""
        contents = [(item.kind, item.same_as) for item in fresh if item.same_as]
        if len({(item.kind, item.external_id) for item in fresh}) < len(fresh):
            return False
        if len(set(contents)) < len(contents):
            return False
        for same in _pages({content for _, content in contents}):
            if tx.execute(_SAME, {"of_system": origin.source, "same": same}).first() is not None:
                return False
        for names in _pages({item.external_id for item in fresh if item.once}):
            if tx.execute(_TAKEN, {"of_system": origin.source, "names": names}).first() is not None:
                return False
        return True

    def _store_together(self, tx: sa.Connection, origin: Origin, fresh: Sequence[Item], now: datetime) -> int:
        """The common case, in two statements; returns how many messages were new."""
        if not fresh:
            return 0
        news = [_message(origin, item, now) for item in fresh]
        made = self._insert_all(tx, news, now)
        rows_ = [
            _inbox_row(origin, item, made.get(new.idem_key), now)
            for item, new in zip(fresh, news, strict=True)
        ]
        tx.execute(_arriving(tx.dialect.name), rows_)
        return len(made)

    def _store_one_by_one(
        self,
        tx: sa.Connection,
        origin: Origin,
        fresh: Sequence[Item],
        stopped: dict[Named, set[Shard]],
        now: datetime,
    ) -> int:
        """Where what came before, or stands beside it, decides what becomes of an item."""
        stored = 0
        for item in fresh:
            message_id = self._store_item(tx, origin, item, now)
            if message_id is not None:
                stored += 1
                if (item.kind.value, item.external_id) in stopped:
                    self._take_place(tx, origin, item, message_id, now)
        return stored

    @staticmethod
    def _take_place(tx: sa.Connection, origin: Origin, item: Item, by: int, now: datetime) -> None:
        """What could not be read itself replaces nothing: a person has both to look at."""
        if item.fault is None:
            kind, lane = item.kind.value, item.lane
            heir = Heir(
                by, origin.link, origin.source, origin.target, kind, item.external_id, lane, item.replaces
            )
            supersede(tx, heir, now)

    def _store_item(self, tx: sa.Connection, origin: Origin, item: Item, now: datetime) -> int | None:
        """An inbox row, and a message unless the same content came under another id; the message if new."""
        if item.once and self._is_taken(tx, origin, item):
            # Not noted as known: should what is under way come to nothing, this version is offered again.
            return None
        first = self._same_content(tx, origin, item)
        again = (
            first is not None
            and first.external_id != item.external_id
            and not _turned_down(tx, origin, first.message_id)
        )
        message_id = (
            first.message_id
            if first and again
            else self._insert_message(tx, _message(origin, item, now), now)
        )
        if first is not None and not again and message_id is not None:
            # From now on it is this arrival that later ones are the same as.
            tx.execute(_I.update().where(_I.c.id == first.id).values(same_as=None))
            first = None
        row = _inbox_row(origin, item, message_id, now)
        if again:
            row["duplicate"] = 1
        if first is not None:
            row["same_as"] = None
        tx.execute(_arriving(tx.dialect.name), row)
        return None if again else message_id

    @staticmethod
    def _stopped(tx: sa.Connection, origin: Origin, fresh: Collection[Item]) -> dict[Named, set[Shard]]:
        """Of which of these an earlier version gives way (or may, within the batch), and where it stands."""
        counted = Counter((item.kind.value, item.external_id) for item in fresh)
        stopped: dict[Named, set[Shard]] = {name: set() for name, times in counted.items() if times > 1}
        owners: dict[Named, set[Named]] = {}
        for item in fresh:
            kind = item.kind.value
            for name in (*item.replaces, item.external_id):
                owners.setdefault((kind, name), set()).add((kind, item.external_id))
        if owners:
            found = tx.execute(
                sa.select(_M.c.kind, _M.c.external_id, _M.c.target, _M.c.shard).where(
                    _M.c.external_id.in_({name for _, name in owners}), *_gives_way(origin)
                )
            )
            for kind, name, target, shard in found:
                for owner in owners.get((kind, name), ()):
                    stopped.setdefault(owner, set()).add((target, shard))
        return stopped

    @staticmethod
    def _is_taken(tx: sa.Connection, origin: Origin, item: Item) -> bool:
        """Whether another version is on its way, or was delivered; for what is taken over once."""
        found = tx.execute(_TAKEN, {"of_system": origin.source, "names": [item.external_id]})
        return any(row.kind == item.kind.value for row in found)

    @staticmethod
    def _same_content(tx: sa.Connection, origin: Origin, item: Item) -> rows.AnyRow | None:
        if not item.same_as:
            return None
        found = tx.execute(_SAME, {"of_system": origin.source, "same": [item.same_as]})
        return next((row for row in found if row.kind == item.kind.value), None)

    @staticmethod
    def _set_checkpoint(tx: sa.Connection, link: str, values: dict[str, object]) -> None:
        insert = insert_for(tx, _C).values(link=link, **{"code": "", "reason_vi": "", **values})
        tx.execute(insert.on_conflict_do_update(index_elements=["link"], set_=values))

    def acknowledged(self, origin: Origin, items: Collection[Item], now: datetime) -> None:
        """Note that the source knows these are stored."""
        if not items:
            return
        with writing(self.database) as tx:
            tx.execute(
                _I.update()
                .where(
                    _I.c.system == origin.source,
                    _I.c.kind == sa.bindparam("its_kind"),
                    _I.c.external_id == sa.bindparam("its_external_id"),
                    _I.c.version == sa.bindparam("its_version"),
                    _I.c.acknowledged_at.is_(None),
                )
                .values(acknowledged_at=now),
                [
                    {
                        "its_kind": item.kind.value,
                        "its_external_id": item.external_id,
                        "its_version": item.version,
                    }
                    for item in items
                ],
            )

    def unacknowledged(self, origin: Origin, *, limit: int, after: int = 0) -> Leftover:
        """What was stored but never acknowledged (a crash or a cut came between), oldest first.

        What a link of the same name brought from another system is no business of this source.
        """
        m = schema.message
        query = (
            sa.select(
                m,
                _I.c.id.label("its_id"),
                _I.c.external_id.label("its_external_id"),
                _I.c.version.label("its_version"),
            )
            .join(m, m.c.id == _I.c.message_id)
            .where(_I.c.link == origin.link, _I.c.acknowledged_at.is_(None), _I.c.id > after)
            .where(_I.c.system == origin.source, _I.c.kind.in_([kind.value for kind in origin.kinds]))
            .order_by(_I.c.id)
            .limit(limit)
        )
        with reading(self.database) as tx:
            found = tx.execute(query).all()
            checkpoint = tx.scalar(sa.select(_C.c.value).where(_C.c.link == origin.link))
        last = found[-1].its_id if found else after
        return Leftover(tuple(_item(row) for row in found), checkpoint or "", last)

    def note_fetch(self, link: str, now: datetime, code: str, reason_vi: str) -> None:
        """How the last fetch went; `failing_since` keeps the first of a row of failures."""
        failing_since = (
            sa.func.coalesce(_C.c.failing_since, sa.literal(now, schema.Instant)) if code else None
        )
        values = {"fetched_at": now, "code": code, "reason_vi": reason_vi}
        with writing(self.database) as tx:
            insert = insert_for(tx, _C).values(link=link, failing_since=now if code else None, **values)
            tx.execute(
                insert.on_conflict_do_update(
                    index_elements=["link"], set_={**values, "failing_since": failing_since}
                )
            )

    def pause(self, pause: Pause) -> bool:
        """Leave a system alone; the first reason stands until it is resumed."""
        with writing(self.database) as tx:
            return pause_row(tx, pause)


def _gives_way(origin: Origin) -> tuple[sa.ColumnElement[bool], ...]:
    """What of this link a newer version may take the place of."""
    kinds = [kind.value for kind in origin.kinds]
    return (_M.c.link == origin.link, _M.c.source == origin.source, _M.c.kind.in_(kinds), GIVES_WAY)


def _turned_down(tx: sa.Connection, origin: Origin, message_id: int | None) -> bool:
    """Whether the sender has reason to send this anew: it came to nothing here, or we told it so (02, 15)."""
    state = tx.scalar(sa.select(_M.c.state).where(_M.c.id == message_id))
    if state in _CAME_TO_NOTHING:
        return True
    told = tx.scalars(
        sa.select(_M.c.record).where(
            _M.c.origin_id == message_id,
            _M.c.kind == Kind.DOCUMENT_STATUS.value,
            _M.c.target == origin.source,
            _M.c.attempts > 0,
            _M.c.state.not_in(_CAME_TO_NOTHING),
            _M.c.record != "",
        )
    )
    return any(DocumentStatus.model_validate_json(record).code in _SEND_ANEW for record in told)


def _arrival(origin: Origin, item: Item) -> dict[str, object]:
    return {
        "system": origin.source,
        "kind": item.kind.value,
        "external_id": item.external_id,
        "version": item.version,
    }


def _inbox_row(origin: Origin, item: Item, message_id: int | None, now: datetime) -> dict[str, object]:
    """The arrival of something that is the same as nothing before it."""
    return {
        **_arrival(origin, item),
        "link": origin.link,
        "same_as": item.same_as or None,
        "sha256": item.original.sha256 if item.original else None,
        "message_id": message_id,
        "duplicate": int(message_id is None),
        "stored_at": now,
    }


def _name(item: Item) -> Version:
    return item.kind.value, item.external_id, item.version


def _is_other(item: Item, sha256: str | None) -> bool:
    """Whether what arrived before under its name and version had other bytes."""
    return sha256 is not None and item.original is not None and item.original.sha256 != sha256


def _pages(names: Collection[str]) -> Iterator[list[str]]:
    """In pieces: databases take only so many parameters at once."""
    ordered = sorted(names)
    return (ordered[at : at + _PAGE] for at in range(0, len(ordered), _PAGE))


def _key(origin: Origin, item: Item) -> str:
    """The idempotency key; what only comes along is told apart from the link's own kind by its kind."""
    link = origin.link if item.kind is origin.kinds[0] else f"{origin.link}:{item.kind.value}"
    key = f"{link}:{item.external_id}:{item.version}"
    if ":" not in item.external_id and ">" not in key:  # else two names might run together (`feedback`, too)
        return key
    parts = json.dumps([link, item.external_id, item.version])
    return f"{key}~{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def _message(origin: Origin, item: Item, now: datetime) -> NewMessage:
    """The message an item becomes: received, or held at once where its bytes could not be read."""
    fault = item.fault
    return NewMessage(
        idem_key=_key(origin, item),
        link=origin.link,
        source=origin.source,
        target=origin.target,
        kind=item.kind,
        lane=item.lane,
        priority=item.priority,
        external_id=item.external_id,
        business_key=item.business_key,
        title=item.title,
        record=item.record.model_dump_json() if item.record is not None else "",
        original=item.original,
        deadline=now + origin.give_up_after if origin.give_up_after else None,
        state=State.RECEIVED if fault is None else State.HELD,
        effect=fault.effect if fault else None,
        code=fault.code if fault else "",
        reason_vi=fault.explanation_vi if fault else "",
        advice_vi=fault.advice_vi if fault else "",
        untold=fault is not None,
    )


def _item(row: rows.AnyRow) -> Item:
    """An item as far as acknowledging it needs."""
    message = rows.message_of(row)
    return Item(
        kind=message.kind,
        external_id=row.its_external_id,
        version=row.its_version,
        lane=message.lane,
        business_key=message.business_key,
        title=message.title,
        record=rows.record_of(message),
        original=message.original,
    )
