"""Whether the database is whole: all tables and columns; all pages of the file, every index by its table."""

from __future__ import annotations

import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import STORE_DAMAGED, reading

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


def refuse_incomplete(database: sa.Engine) -> None:
    """Ask for every table and column of the ledger; nothing is read.

    Raises `HeldForPerson` `STORE_INCOMPLETE` (scope store) for the first that is missing, else as `reading`.
    """
    for table in schema.metadata.sorted_tables:
        with reading(database) as tx:
            tx.execute(sa.select(table).where(sa.false()))
