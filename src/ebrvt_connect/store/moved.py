"""The mark on a store that is moved elsewhere, or filled from elsewhere: nobody works on it meanwhile.

A store has one at most. The source's stays for good: whoever is still configured for it is told where to go.
The target's turns into a note of where its rows came from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from ebrvt_connect.errors import Explanation, HeldForPerson, Scope, explain
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.shards import insert_for

STORE_MOVED = explain(
    "STORE_MOVED",
    "Sổ cái này đã được chuyển sang {place} lúc {at}; không dùng ở đây nữa.",
    "Đặt store.url trong cấu hình trỏ tới {place} rồi chạy lại. Sổ cái cũ chỉ để lưu.",
)
STORE_MOVING = explain(
    "STORE_MOVING",
    "Sổ cái này đang được chuyển dở sang {place} (từ {at}).",
    "Chạy lại đúng lệnh ebrvt migrate-store đó để làm tiếp; muốn thôi, tiếp tục dùng sổ cái này thì chạy "
    "ebrvt migrate-store --abandon.",
)
STORE_HALF_FILLED = explain(
    "STORE_HALF_FILLED",
    "Sổ cái này đang được chép sang từ {place} (từ {at}), chưa xong.",
    "Chạy lại đúng lệnh ebrvt migrate-store đó (với cấu hình của sổ cái nguồn) đến khi báo xong; nếu việc "
    "chuyển đã bỏ thì tạo cơ sở dữ liệu khác.",
)

KEY = "move"
"""Where the mark lies among the facts about the store."""
_META = schema.store_meta


class Side(StrEnum):
    """Which end of a move a store is."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written on a store of which a move knows."""

    side: Side
    token: str
    """Of this move, on both stores."""
    place: str
    """The other end, for people: no user, no password."""
    at: str
    """When it began; ISO 8601."""
    done: bool = False

    @property
    def blocks(self) -> bool:
        """Whether nobody may work on a store that bears it."""
        return self.side is Side.SOURCE or not self.done


def mark_of(database: sa.Engine) -> Mark | None:
    """The mark a store bears, if any; raises as `reading`."""
    with reading(database) as tx:
        return _read(tx)


def put_mark(database: sa.Engine, mark: Mark | None) -> None:
    """Write the mark, or wipe it off; raises as `writing`."""
    with writing(database) as tx:
        if mark is None:
            tx.execute(_META.delete().where(_META.c.key == KEY))
            return
        value = json.dumps(asdict(mark))
        insert = insert_for(tx, _META).values(key=KEY, value=value)
        tx.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def refuse_moved(database: sa.Engine) -> None:
    """Refuse a store that is moved away, or only half filled.

    Raises `HeldForPerson` `STORE_MOVED`, `STORE_MOVING`, `STORE_HALF_FILLED` (scope store), or as `reading`.
    """
    mark = mark_of(database)
    if mark is not None and mark.blocks:
        raise HeldForPerson(
            _explanation(mark),
            f"this store is the {mark.side} of a move ({'done' if mark.done else 'not done'}): {mark.place}",
            scope=Scope.STORE,
            place=mark.place,
            at=f"{datetime.fromisoformat(mark.at).astimezone(VIETNAM):%d/%m/%Y %H:%M}",
        )


def place_of(database: sa.Engine) -> str:
    """Where a store lies, for people: no user, no password."""
    url = database.url
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"


def begun(side: Side, token: str, other: sa.Engine, now: datetime) -> Mark:
    """The mark of a move that begins."""
    return Mark(side, token, place_of(other), now.isoformat(timespec="seconds"))


def _read(tx: sa.Connection) -> Mark | None:
    value = tx.scalar(sa.select(_META.c.value).where(_META.c.key == KEY))
    if value is None:
        return None
    facts = json.loads(value)
    return Mark(**{**facts, "side": Side(facts["side"])})


def _explanation(mark: Mark) -> Explanation:
    match mark.side:
        case Side.SOURCE:
            return STORE_MOVED if mark.done else STORE_MOVING
        case Side.TARGET:
            return STORE_HALF_FILLED
