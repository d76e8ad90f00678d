"""Giving back the room that deleted rows have left in a SQLite file (thu gọn tệp sổ cái).

SQLite uses such room again, and never gives it back by itself. Compacting writes the whole file anew, in one
transaction that a kill undoes, and needs the file to itself for as long. A PostgreSQL server looks after its
own tables.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.store.connect import reading, telling_apart

COMPACT_NO_ROOM = explain(
    "COMPACT_NO_ROOM",
    "Không đủ chỗ để thu gọn: cần khoảng {needed_mb} MB trống tại {place}, hiện còn {free_mb} MB.",
    "Giải phóng dung lượng trên ổ đĩa đó rồi chạy lại; sổ cái chưa bị động đến.",
)
COMPACT_NOT_HERE = explain(
    "COMPACT_NOT_HERE",
    "Chỉ tệp SQLite mới cần thu gọn; PostgreSQL tự dùng lại chỗ trống (autovacuum).",
    "Muốn trả chỗ cho ổ đĩa thì người quản trị máy chủ chạy VACUUM FULL khi các dịch vụ đã dừng.",
)
_MARGIN_BYTES = 16 * 1000**2
_MB = 1000**2


@dataclass(frozen=True, slots=True)
class FileRoom:
    """How large the ledger is, and how much of it is empty."""

    total_bytes: int
    free_bytes: int | None
    """Used again before the file grows; None where the server keeps that to itself."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting has done."""

    before_bytes: int
    after_bytes: int


def file_room(database: sa.Engine) -> FileRoom:
    """The size of the ledger and the room in it; raises as `reading`."""
    with reading(database) as tx:
        if tx.dialect.name != "sqlite":
            size = sa.func.pg_database_size(sa.func.current_database())
            return FileRoom(int(tx.scalar(sa.select(size)) or 0), None)
        page, pages, empty = (
            int(tx.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
            for name in ("page_size", "page_count", "freelist_count")
        )
    return FileRoom(page * pages, page * empty)


def compact(database: sa.Engine) -> Compacted:
    """Write a SQLite file anew without its empty pages; the caller sees to it that no daemon is at work.

    Needs twice what is in use on the ledger's disk, for a while. Raises `InvalidValue` `COMPACT_NOT_HERE`,
    `COMPACT_NO_ROOM`, else as `writing` does.
    """
    refuse_elsewhere(database)
    file = Path(str(database.url.database))
    room = file_room(database)
    _refuse_without_room(room, file.parent)
    before = file.stat().st_size
    with telling_apart(), database.connect() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        # The copy holds what is in the records: beside the ledger, not in a folder that all share.
        folder = str(file.parent.resolve()).replace("'", "''")
        alone.exec_driver_sql(f"PRAGMA temp_store_directory = '{folder}'")
        alone.exec_driver_sql("VACUUM")
        alone.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Compacted(before, file.stat().st_size)


def refuse_elsewhere(database: sa.Engine) -> None:
    """Raise `InvalidValue` `COMPACT_NOT_HERE` for what is no SQLite file."""
    if database.dialect.name != "sqlite":
        raise InvalidValue(COMPACT_NOT_HERE, f"a {database.dialect.name} database has no file of ours")


def _refuse_without_room(room: FileRoom, folder: Path) -> None:
    needed = 2 * (room.total_bytes - (room.free_bytes or 0)) + _MARGIN_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InvalidValue(
            COMPACT_NO_ROOM,
            f"{free} bytes are free, {needed} are needed",
            needed_mb=needed // _MB,
            free_mb=free // _MB,
            place=folder,
        )
