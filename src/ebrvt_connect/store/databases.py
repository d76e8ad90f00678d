"""Databases made for a purpose on a PostgreSQL server, and dropped again: only those that bear our mark."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.store.connect import telling_apart

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MARK = re.compile(r"[a-z0-9 -]{1,80}")
_MARK_OF = sa.text(
    "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = CAST(:name AS text)"
)


def create_database(server: str, name: str, mark: str) -> None:
    """Make an empty database in UTF-8 and leave the mark on it.

    `server` is the URL of any database there, of a role that may make others. Raises `ValueError` for a
    name or mark with other than plain characters, else as `store.connect.writing` does.
    """
    _refuse_specials(name, mark)
    with _administering(server) as tx:
        tx.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        tx.exec_driver_sql(f"COMMENT ON DATABASE {name} IS '{mark}'")


def is_marked(server: str, name: str, mark: str) -> bool:
    """Whether there is a database of this name that bears this mark."""
    with _administering(server) as tx:
        return bool(tx.scalar(_MARK_OF, {"name": name}) == mark)


def drop_database(server: str, name: str, mark: str) -> bool:
    """Drop the database if it bears the mark, whoever is connected; False, and nothing done, if not."""
    _refuse_specials(name, mark)
    with _administering(server) as tx:
        if tx.scalar(_MARK_OF, {"name": name}) != mark:
            return False
        tx.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        return True


def _refuse_specials(name: str, mark: str) -> None:
    if not _NAME.fullmatch(name) or not _MARK.fullmatch(mark):
        raise ValueError(f"not a plain name and mark: {name!r}, {mark!r}")


@contextmanager
def _administering(server: str) -> Iterator[sa.Connection]:
    """A connection without transactions, in which databases can be made and dropped."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with telling_apart(), engine.connect() as tx:
        yield tx
