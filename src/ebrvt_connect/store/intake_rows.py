"""Storing what was fetched: messages, inbox rows, checkpoint and activations in one transaction."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import Item
from ebrvt_connect.ports.ledger import Leftover, NewMessage, Stored
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.crash_points import crash_point
from ebrvt_connect.store.delivery import Delivery, pause_row
from ebrvt_connect.store.shards import insert_for

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ebrvt_connect.ports.adapter import Batch
    from ebrvt_connect.ports.ledger import Origin, Pause

_I = schema.inbox
_C = schema.checkpoint
_KNOWN = sa.select(_I.c.id).where(
    *(_I.c[name] == sa.bindparam(name) for name in ("system", "kind", "external_id", "version"))
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
            fresh = [item for item in batch.items if not self._known(tx, origin, item)]
            self.raise_flags(tx, {(origin.target, self.shard_of(item.lane)) for item in fresh})
            stored = sum(self._store_item(tx, origin, item, now) for item in fresh)
            # A source that lists the same again and again costs a look, not a commit.
            if stored or tx.scalar(sa.select(_C.c.value).where(_C.c.link == origin.link)) != batch.checkpoint:
                self._set_checkpoint(tx, origin.link, {"value": batch.checkpoint, "stored_at": now})
            crash_point("in_store_before_commit")
        return Stored(new=stored, duplicates=len(batch.items) - stored)

    @staticmethod
    def _known(tx: sa.Connection, origin: Origin, item: Item) -> bool:
        return tx.scalar(_KNOWN, _arrival(origin, item)) is not None

    def _store_item(self, tx: sa.Connection, origin: Origin, item: Item, now: datetime) -> bool:
        """An inbox row, and a message unless the same content came under another id; True if new."""
        first = self._same_content(tx, origin, item)
        elsewhere = first is not None and first.external_id != item.external_id
        message_id = (
            first.message_id
            if first and elsewhere
            else self._insert_message(tx, _message(origin, item, now), now)
        )
        row = {
            **_arrival(origin, item),
            "link": origin.link,
            "same_as": item.same_as if item.same_as and first is None else None,
            "sha256": item.original.sha256 if item.original else None,
            "message_id": message_id,
            "duplicate": int(elsewhere or message_id is None),
            "stored_at": now,
        }
        tx.execute(_arriving(tx.dialect.name), row)
        return not elsewhere and message_id is not None

    @staticmethod
    def _same_content(tx: sa.Connection, origin: Origin, item: Item) -> rows.AnyRow | None:
        if not item.same_as:
            return None
        return tx.execute(
            sa.select(_I.c.external_id, _I.c.message_id).where(
                _I.c.system == origin.source, _I.c.kind == origin.kind.value, _I.c.same_as == item.same_as
            )
        ).one_or_none()

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
                    _I.c.kind == origin.kind.value,
                    _I.c.external_id == sa.bindparam("its_external_id"),
                    _I.c.version == sa.bindparam("its_version"),
                    _I.c.acknowledged_at.is_(None),
                )
                .values(acknowledged_at=now),
                [{"its_external_id": item.external_id, "its_version": item.version} for item in items],
            )

    def unacknowledged(self, origin: Origin, *, limit: int) -> Leftover:
        """What was stored but never acknowledged (a crash or a cut came between), oldest first."""
        m = schema.message
        query = (
            sa.select(m, _I.c.external_id.label("its_external_id"), _I.c.version.label("its_version"))
            .join(m, m.c.id == _I.c.message_id)
            .where(_I.c.link == origin.link, _I.c.acknowledged_at.is_(None))
            .order_by(_I.c.id)
            .limit(limit)
        )
        with reading(self.database) as tx:
            found = tx.execute(query).all()
            checkpoint = tx.scalar(sa.select(_C.c.value).where(_C.c.link == origin.link))
        return Leftover(tuple(_item(row) for row in found), checkpoint or "")

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


def _arrival(origin: Origin, item: Item) -> dict[str, object]:
    return {
        "system": origin.source,
        "kind": origin.kind.value,
        "external_id": item.external_id,
        "version": item.version,
    }


def _message(origin: Origin, item: Item, now: datetime) -> NewMessage:
    """The message an item becomes: received, or held at once where its bytes could not be read."""
    fault = item.fault
    return NewMessage(
        idem_key=f"{origin.link}:{item.external_id}:{item.version}",
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
        untold=fault is not None and item.record is not None,
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
