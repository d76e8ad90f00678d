"""Whether the database's file is whole: all pages are read, and every index is held to its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.store.connect import STORE_DAMAGED, reading

if TYPE_CHECKING:
    import sqlalchemy as sa

_SHOWN = 3


def refuse_unsound(database: sa.Engine) -> None:
    """Read all of a SQLite file (dò lỗi tệp); a PostgreSQL server watches over its own pages.

    Takes some seconds for each gigabyte. Raises `HeldForPerson` `STORE_DAMAGED` (scope store) with the first
    of what SQLite says, else as `reading`.
    """
    if database.dialect.name != "sqlite":
        return
    with reading(database) as tx:
        said = tx.exec_driver_sql(f"PRAGMA integrity_check({_SHOWN})").scalars().all()
    if said != ["ok"]:
        raise HeldForPerson(STORE_DAMAGED, f"integrity check: {'; '.join(said)}", scope=Scope.STORE)
