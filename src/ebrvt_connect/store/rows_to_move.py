"""The ledger's tables as plain rows: read in order, written as they were, and put into one number.

No type stands between: what one driver gives (int, str, bytes, None) the other takes, so that a row is the
same to the byte on both sides. Computed columns are left to the database that computes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading

Row = tuple[Any, ...]

_LEFT_BEHIND = frozenset({"executor", "schema_version"})
"""Which daemons live, and how the tables came about, is each store's own."""
_STAYS = {
    # A waking and a holder are promises of the other store's dispatcher; the flag is raised anew.
    "shard": ("system", "shard", "seq"),
}
"""The columns that mean the same elsewhere; of tables not named here, all."""


def moved_tables() -> list[sa.Table]:
    """Every table that is moved, whoever added it: those that only grow come first."""
    found = [table for table in schema.metadata.tables.values() if table.name not in _LEFT_BEHIND]
    return sorted(found, key=lambda table: growing_key(table) is None)


def growing_key(table: sa.Table) -> str | None:
    """The whole number by which a table's rows are told apart, if it is that: such tables may be long."""
    key = list(table.primary_key.columns)
    whole = len(key) == 1 and isinstance(key[0].type, sa.Integer)
    return key[0].name if whole else None


def plain(table: sa.Table) -> sa.TableClause:
    """The table without types, and with the columns that are moved."""
    names = _STAYS.get(table.name) or [c.name for c in table.columns if c.computed is None]
    return sa.table(table.name, *(sa.column(name) for name in names))


def pages(database: sa.Engine, table: sa.Table, *, after: int | None, size: int) -> Iterator[list[Row]]:
    """The rows of a growing table after that key, in its order; raises as `reading`."""
    key = growing_key(table)
    if key is None:
        raise ValueError(f"{table.name} has no whole number for a key")
    flat = plain(table)
    place = [c.name for c in flat.columns].index(key)
    while True:
        query = sa.select(*flat.columns).order_by(flat.c[key]).limit(size)
        with reading(database) as tx:
            found = [
                tuple(row) for row in tx.execute(query if after is None else query.where(flat.c[key] > after))
            ]
        if found:
            yield found
            after = found[-1][place]
        if len(found) < size:
            return


def whole(database: sa.Engine, table: sa.Table) -> list[Row]:
    """All rows of a table that stays short, in the order of their texts: databases sort differently."""
    with reading(database) as tx:
        found = [tuple(row) for row in tx.execute(sa.select(*plain(table).columns))]
    return sorted((row for row in found if not _of_this_store_only(table, row)), key=repr)


def _of_this_store_only(table: sa.Table, row: Row) -> bool:
    """The mark of a move, a knock for a daemon that is there, a shard that was never activated."""
    match table.name:
        case "store_meta":
            return row[0] in {"move", "knock"}
        case "shard":
            return not row[-1]
        case _:
            return False


def digest(database: sa.Engine, table: sa.Table, *, size: int) -> tuple[int, str]:
    """How many rows are moved of a table, and the SHA-256 over all of them in order."""
    grows = growing_key(table) is not None
    parts = pages(database, table, after=None, size=size) if grows else [whole(database, table)]
    rows, sha256 = 0, hashlib.sha256()
    for part in parts:
        rows += len(part)
        for row in part:
            sha256.update(repr(row).encode())
    return rows, sha256.hexdigest()


def count(database: sa.Engine, table: sa.Table) -> int:
    """How many rows a table has."""
    with reading(database) as tx:
        return int(tx.scalar(sa.select(sa.func.count()).select_from(plain(table))) or 0)


def newest_key(database: sa.Engine, table: sa.Table) -> int | None:
    """The highest key of a growing table; None where it is empty."""
    key = growing_key(table)
    if key is None:
        raise ValueError(f"{table.name} has no whole number for a key")
    with reading(database) as tx:
        found: int | None = tx.scalar(sa.select(sa.func.max(plain(table).c[key])))
        return found


def last_given(database: sa.Engine, table: sa.Table) -> int:
    """The last number the database has given out for a growing table, deleted rows included; 0 if none."""
    key = growing_key(table)
    highest = newest_key(database, table) or 0
    with reading(database) as tx:
        if database.dialect.name == "sqlite":
            given = tx.scalar(
                sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
            )
        else:
            given = tx.scalar(
                sa.text(
                    "SELECT last_value FROM pg_sequences WHERE schemaname = current_schema()"
                    " AND format('%I.%I', schemaname, sequencename)::regclass"
                    " = CAST(pg_get_serial_sequence(:name, :key) AS regclass)"
                ),
                {"name": table.name, "key": key},
            )
    return max(highest, given or 0)


def give_on_from(tx: sa.Connection, table: sa.Table, last: int) -> None:
    """Have the next number given out be the one after `last`, where the database gives any for the table."""
    if last < 1:
        return
    if tx.dialect.name == "sqlite":
        # Only tables with AUTOINCREMENT remember; the others go by their highest row.
        known = sa.text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name")
        if tx.execute(known, {"name": table.name, "last": last}).rowcount == 0 and _remembers(tx, table):
            new = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
            tx.execute(new, {"name": table.name, "last": last})
        return
    tx.execute(
        sa.text(
            "SELECT setval(CAST(seq AS regclass), :last) FROM pg_get_serial_sequence(:name, :key) AS seq"
            " WHERE seq IS NOT NULL"
        ),
        {"name": table.name, "key": growing_key(table), "last": last},
    )


def _remembers(tx: sa.Connection, table: sa.Table) -> bool:
    made = tx.scalar(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": table.name}
    )
    return "AUTOINCREMENT" in str(made).upper()
