"""Moving a ledger to another database (chuyển sổ cái): every row as it is, and nobody works meanwhile.

1. Mark both stores (`moved`): no daemon starts on either. 2. Copy what only grows in batches, a commit each;
whoever runs the move again goes on after the last row that is there, for a marked source does not change.
3. Copy what stays short, and where numbers go on; raise the flag of every shard with open work. 4. Compare
all tables by count and digest. 5. Give up the source for good, then let go of the target: a crash between
the two leaves a pair on which nobody works, and which the next run brings to its end.

What was being sent when its daemon died stays `sending`, and is asked after at its new place. The
dispatcher's own tables are left behind: its work is made anew from the flags by the first daemon's sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.store import rows_to_move as rows
from ebrvt_connect.store import schema
from ebrvt_connect.store.alone import alone_with
from ebrvt_connect.store.connect import reading, server_facts, telling_apart, writing
from ebrvt_connect.store.instance import names_held
from ebrvt_connect.store.migrations import migrate
from ebrvt_connect.store.moved import Mark, Side, begun, mark_of, place_of, put_mark, refuse_moved
from ebrvt_connect.store.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Sequence

MOVE_DAEMON_ALIVE = explain(
    "MOVE_DAEMON_ALIVE",
    "Sổ cái {place} đang được tiến trình ebrvt dùng: {daemons}.",
    "Dừng mọi tiến trình rồi chạy lại. Nếu tiến trình đã chết hẳn thì chờ một phút, hoặc thêm "
    "--ignore-heartbeats.",
)
MOVE_TARGET_NOT_EMPTY = explain(
    "MOVE_TARGET_NOT_EMPTY",
    "Nơi đến {place} đã có dữ liệu ({tables}).",
    "Chuyển sang một cơ sở dữ liệu trống; không có gì bị ghi đè.",
)
MOVE_ELSEWHERE = explain(
    "MOVE_ELSEWHERE",
    "Sổ cái này đang được chuyển dở sang {place}, không phải {wanted}.",
    "Chạy tiếp với đúng nơi đến đó, hoặc chạy ebrvt migrate-store --abandon trước rồi chuyển lại từ đầu.",
)
MOVE_SAME_PLACE = explain(
    "MOVE_SAME_PLACE",
    "Nơi đến trùng với sổ cái hiện tại ({place}).",
    "Đặt --to là cơ sở dữ liệu khác.",
)
MOVE_TARGET_NOT_UTF8 = explain(
    "MOVE_TARGET_NOT_UTF8",
    "Cơ sở dữ liệu đích dùng bảng mã {encoding}, không chứa được tiếng Việt.",
    "Tạo lại với ENCODING 'UTF8' (xem docs/operate/postgresql.md).",
)
MOVE_NUL_IN_TEXT = explain(
    "MOVE_NUL_IN_TEXT",
    "Bảng {table}, dòng {key}: cột {column} có ký tự NUL mà PostgreSQL không lưu được.",
    "Báo bộ phận kỹ thuật kèm mã này; sổ cái cũ còn nguyên, dùng tiếp được sau khi chạy "
    "ebrvt migrate-store --abandon.",
)
MOVE_DIFFERS = explain(
    "MOVE_DIFFERS",
    "Bảng {table} ở nơi đến khác với nguồn ({there} và {here} dòng).",
    "Chạy ebrvt migrate-store --abandon, tạo cơ sở dữ liệu đích mới rồi chuyển lại; sổ cái cũ còn nguyên.",
)

BATCH = 1000
"""Rows to a commit."""
_MOVING = 0x6562727600000008
"""Among the advisory locks of the database."""
_BOOKKEEPING = frozenset({"store_meta", "shard", "limit_state", "executor", "schema_version"})
"""A store that was opened once has such rows without anything having been carried."""
Tell = Callable[[str, int, int], None]
"""Told of a table's name, how many of its rows are there, and how many there will be."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a move would do."""

    tables: Mapping[str, int]
    """Rows of each table."""
    resumes: bool
    """Whether it would go on with one that was begun."""
    finished: bool
    """Whether the store was moved there already."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that is the same on both sides."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How a move is to go."""

    now: datetime
    dead_after: timedelta = timedelta(seconds=60)
    """A daemon silent for so long is taken for dead."""
    heartbeats: bool = True
    """Whether the heartbeats of daemons count; the locks on their names always do."""
    batch: int = BATCH
    tell: Tell = lambda _table, _there, _all: None
    carry: Callable[[], None] = lambda: None
    """Brings along what lies beside the database (blobs), while nobody works on either store."""


def outlook(source: sa.Engine, target: sa.Engine | None, terms: Terms) -> Outlook:
    """What `move` would do now; nothing is written. `target`: None for a file that is still to be made.

    Raises `HeldForPerson` `MOVE_SAME_PLACE`, `MOVE_ELSEWHERE`, `MOVE_DAEMON_ALIVE`, `MOVE_TARGET_NOT_EMPTY`,
    `MOVE_TARGET_NOT_UTF8`; `STORE_MOVED` where the source was moved elsewhere; else as `reading`.
    """
    if target is not None:
        refuse_same_place(source, target)
    mark = _known(source, target)
    tables = {table.name: rows.count(source, table) for table in rows.moved_tables()}
    if mark is not None and mark.done:
        return Outlook(tables, resumes=False, finished=True)
    _refuse_living(source, terms)
    if target is not None:
        _refuse_living(target, terms)
        _refuse_unfit(target, mark)
    return Outlook(tables, resumes=mark is not None, finished=False)


def move(source: sa.Engine, target: sa.Engine, terms: Terms) -> dict[str, Copied]:
    """Bring everything from source to target, or go on where an earlier run was cut off; returns the tables.

    None are returned where the move was done before. The source is migrated already; the target's tables are
    made. Raises as `outlook`, besides
    `MOVE_NUL_IN_TEXT`, `MOVE_DIFFERS`, `ALREADY_RUNNING` (a daemon or another move sits at a SQLite file).
    """
    refuse_same_place(source, target)
    with ExitStack() as held:
        for side in (source, target):
            held.enter_context(alone(side))
        looked = outlook(source, target, terms)
        if looked.finished and (there := mark_of(target)) is not None and there.done:
            return {}
        migrate(target, terms.now)
        mark = _marked(source, target, terms)
        if not mark.done:
            _copy(source, target, terms)
            terms.carry()
        copied = _compare(source, target, terms)
        put_mark(source, replace(mark, done=True))
        arrived = begun(Side.TARGET, mark.token, source, terms.now)
        put_mark(target, replace(arrived, done=True))
    return copied


def abandon(source: sa.Engine) -> bool:
    """Give up a move that is not done: the source may be used again; False where there is none.

    What was copied stays unusable. Raises `HeldForPerson` `STORE_MOVED` where the move is done.
    """
    mark = mark_of(source)
    if mark is None or mark.side is not Side.SOURCE:
        return False
    if mark.done:
        refuse_moved(source)
    put_mark(source, None)
    return True


# Who may go.


def refuse_same_place(source: sa.Engine, target: sa.Engine) -> None:
    """Raise `HeldForPerson` `MOVE_SAME_PLACE`; to be asked before either is taken for oneself."""
    here = place_of(source)
    if here == place_of(target):
        raise HeldForPerson(MOVE_SAME_PLACE, f"source and target are {here}", scope=Scope.STORE, place=here)


def _known(source: sa.Engine, target: sa.Engine | None) -> Mark | None:
    """The mark of a move from here to there that is under way or done; refuses one to elsewhere."""
    there = place_of(target) if target is not None else "a new file"
    mark = mark_of(source)
    if mark is None or mark.side is Side.TARGET:
        refuse_moved(source)  # half filled itself
        return None
    if mark.place != there:
        if mark.done:
            refuse_moved(source)
        detail = f"the move goes to {mark.place}, not to {there}"
        raise HeldForPerson(MOVE_ELSEWHERE, detail, scope=Scope.STORE, place=mark.place, wanted=there)
    return mark


def _refuse_living(database: sa.Engine, terms: Terms) -> None:
    daemons = set(names_held(database))
    if terms.heartbeats and database.dialect.name == "postgresql" and _has(database, "executor"):
        x = schema.executor
        with reading(database) as tx:
            daemons |= set(tx.scalars(sa.select(x.c.id).where(x.c.beat_at >= terms.now - terms.dead_after)))
    if daemons:
        place, named = place_of(database), ", ".join(sorted(daemons))
        raise HeldForPerson(
            MOVE_DAEMON_ALIVE, f"alive at {place}: {named}", scope=Scope.STORE, place=place, daemons=named
        )


def _refuse_unfit(target: sa.Engine, mark: Mark | None) -> None:
    """The target is empty, or half filled by this very move."""
    facts = server_facts(target)
    if facts is not None and facts.encoding != "UTF8":
        detail = f"the target's encoding is {facts.encoding}, expected UTF8"
        raise HeldForPerson(MOVE_TARGET_NOT_UTF8, detail, scope=Scope.STORE, encoding=facts.encoding)
    if not _has(target, "store_meta"):
        return
    there = mark_of(target)
    if there is not None and mark is not None and there.token == mark.token:
        return
    filled = [
        table.name
        for table in rows.moved_tables()
        if table.name not in _BOOKKEEPING and _has(target, table.name) and rows.count(target, table)
    ]
    if filled or there is not None:
        place, named = place_of(target), ", ".join(filled) or "đang nhận từ nơi khác"
        detail = f"the target {place} is not empty: {named}"
        raise HeldForPerson(MOVE_TARGET_NOT_EMPTY, detail, scope=Scope.STORE, place=place, tables=named)


def _has(database: sa.Engine, table: str) -> bool:
    with telling_apart():
        return sa.inspect(database).has_table(table)


@contextmanager
def alone(database: sa.Engine) -> Iterator[None]:
    """No daemon sits at this SQLite file, no other move works on this PostgreSQL store, while inside.

    Raises `HeldForPerson` `ALREADY_RUNNING`, `MOVE_DAEMON_ALIVE`.
    """
    if database.dialect.name == "sqlite":
        seat = Seat(database.url.render_as_string(hide_password=False))
        seat.take()
        try:
            yield
        finally:
            seat.leave()
        return
    with alone_with(database, _MOVING) as nobody_else:
        if not nobody_else:
            place = place_of(database)
            raise HeldForPerson(
                MOVE_DAEMON_ALIVE,
                f"another move works on {place}",
                scope=Scope.STORE,
                place=place,
                daemons="migrate-store",
            )
        yield


# Marking, copying, comparing.


def _marked(source: sa.Engine, target: sa.Engine, terms: Terms) -> Mark:
    """Both stores marked, with no daemon at work on either."""
    known = mark_of(source)
    mark = known if known is not None and known.side is Side.SOURCE else None
    if mark is None:
        mark = begun(Side.SOURCE, uuid4().hex, target, terms.now)
        put_mark(source, mark)
    if not mark.done:
        # A daemon beats first and looks for marks then: whoever began meanwhile is seen here, or sees ours.
        try:
            _refuse_living(source, terms)
        except HeldForPerson:
            put_mark(source, known)
            raise
        put_mark(target, begun(Side.TARGET, mark.token, source, terms.now))
    return mark


def _copy(source: sa.Engine, target: sa.Engine, terms: Terms) -> None:
    tables = rows.moved_tables()
    growing = [table for table in tables if rows.growing_key(table) is not None]
    for table in growing:
        _copy_growing(source, target, table, terms)
    given = {table.name: rows.last_given(source, table) for table in growing}
    short = {table.name: rows.whole(source, table) for table in tables if table not in growing}
    with writing(target) as tx:
        for table in tables:
            if table in growing:
                rows.give_on_from(tx, table, given[table.name])
            else:
                _replace(tx, table, short[table.name])
        _raise_flags(tx)
        tx.execute(schema.executor.delete())


def _copy_growing(source: sa.Engine, target: sa.Engine, table: sa.Table, terms: Terms) -> None:
    flat = rows.plain(table)
    names = [column.name for column in flat.columns]
    total, there = rows.count(source, table), rows.count(target, table)
    terms.tell(table.name, there, total)
    after = rows.newest_key(target, table)
    for page in rows.pages(source, table, after=after, size=terms.batch):
        if target.dialect.name == "postgresql":
            _refuse_nul(table, names, page)
        with writing(target) as tx:
            tx.execute(flat.insert(), [dict(zip(names, row, strict=True)) for row in page])
        there += len(page)
        terms.tell(table.name, there, total)


def _refuse_nul(table: sa.Table, names: Sequence[str], page: Sequence[rows.Row]) -> None:
    for row in page:
        for name, value in zip(names, row, strict=True):
            if isinstance(value, str) and "\0" in value:
                raise HeldForPerson(
                    MOVE_NUL_IN_TEXT,
                    f"{table.name} {row[0]}: {name} holds a NUL",
                    scope=Scope.STORE,
                    table=table.name,
                    key=row[0],
                    column=name,
                )


def _replace(tx: sa.Connection, table: sa.Table, found: Sequence[rows.Row]) -> None:
    """A short table's rows as they are at the source; of the target's own facts the mark stays."""
    flat = rows.plain(table)
    keep = [flat.c.key != "move"] if table.name == "store_meta" else []
    tx.execute(flat.delete().where(*keep))
    names = [column.name for column in flat.columns]
    beside = {"pending": 0} if table.name == "shard" else {}
    values = [dict(zip(names, row, strict=True)) | beside for row in found]
    if values:
        tx.execute(sa.table(table.name, *map(sa.column, values[0])).insert(), values)


def _raise_flags(tx: sa.Connection) -> None:
    """Every shard with open work counts as asked for; its activation is made by the first daemon's sweep."""
    m, s = schema.message, schema.shard
    open_here = sa.or_(m.c.in_lane == 1, m.c.untold == 1)
    found = tx.execute(sa.select(m.c.target, m.c.shard).where(open_here).distinct()).all()
    known = {tuple(row) for row in tx.execute(sa.select(s.c.system, s.c.shard))}
    for system, shard in sorted((row.target, row.shard) for row in found):
        if (system, shard) in known:
            tx.execute(s.update().where(s.c.system == system, s.c.shard == shard).values(pending=1))
        else:
            tx.execute(s.insert().values(system=system, shard=shard, pending=1, seq=0))


def _compare(source: sa.Engine, target: sa.Engine, terms: Terms) -> dict[str, Copied]:
    """Every table by count and digest; raises `MOVE_DIFFERS`."""
    copied: dict[str, Copied] = {}
    for table in rows.moved_tables():
        here, there = (rows.digest(side, table, size=terms.batch) for side in (source, target))
        if here != there:
            raise HeldForPerson(
                MOVE_DIFFERS,
                f"{table.name}: {there} at the target, {here} at the source",
                scope=Scope.STORE,
                table=table.name,
                here=here[0],
                there=there[0],
            )
        copied[table.name] = Copied(*here)
    return copied
