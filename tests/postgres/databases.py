"""Databases for tests on one server: each test has one of its own while it runs, and finds it empty.

Making a database costs a hundred times what emptying one does, so a used one is emptied and lent again,
unless its tables have changed. All are dropped in the end.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

_CUT_OFF = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name"
_SHAPE = """
    SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (
        SELECT concat_ws('.', table_schema, table_name, column_name, data_type) AS line
        FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
        UNION ALL SELECT indexdef FROM pg_indexes
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
        UNION ALL SELECT version::text FROM public.schema_version
    ) AS lines
"""
_EMPTY = """
    DO $$
    DECLARE found record; filled boolean; one text;
    BEGIN
        FOR found IN SELECT schemaname, tablename FROM pg_tables
            WHERE schemaname IN ('public', 'dbos') AND tablename NOT IN ('schema_version', 'dbos_migrations')
        LOOP
            one := format('%I.%I', found.schemaname, found.tablename);
            EXECUTE 'SELECT EXISTS (SELECT FROM ' || one || ')' INTO filled;
            IF filled THEN
                EXECUTE 'TRUNCATE ' || one || ' CASCADE';
            END IF;
        END LOOP;
        PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
            FROM pg_sequences WHERE schemaname IN ('public', 'dbos') AND last_value IS NOT NULL;
    END $$
"""


class Databases:
    """The databases of one test process."""

    def __init__(self, server: str) -> None:
        self._server = sa.make_url(server)
        self._admin = sa.create_engine(self._server, isolation_level="AUTOCOMMIT", pool_size=1)
        self._idle: list[tuple[str, str]] = []
        self._made: set[str] = set()

    def close(self) -> None:
        for name in sorted(self._made):
            self._drop(name)
        self._admin.dispose()

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database without a single table."""
        name = self._create()
        yield self._url(name)
        self._drop(name)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The URL of a store without a single row."""
        name, shape = self._idle.pop() if self._idle else self._migrate(self._create())
        yield self._url(name)
        if self._emptied(name, shape):
            self._idle.append((name, shape))
        else:
            self._drop(name)

    def _create(self) -> str:
        name = f"ebrvt_test_{uuid.uuid4().hex}"
        with self._admin.connect() as tx:
            tx.exec_driver_sql(f"CREATE DATABASE {name}")
        self._made.add(name)
        return name

    def _migrate(self, name: str) -> tuple[str, str]:
        from dbos import DBOS

        from ebrvt_connect.store.ledger import Ledger
        from ebrvt_connect.testing.clock import START

        Ledger.open(self._url(name), START).close()
        DBOS.migrate(self._url(name))
        with self._connected(name) as tx:
            return name, tx.scalar(sa.text(_SHAPE))

    def _emptied(self, name: str, shape: str) -> bool:
        with self._admin.connect() as tx:
            tx.execute(sa.text(_CUT_OFF), {"name": name})
        with self._connected(name) as tx:
            if tx.scalar(sa.text(_SHAPE)) != shape:
                return False
            tx.execute(sa.text(_EMPTY))
        return True

    def _drop(self, name: str) -> None:
        with self._admin.connect() as tx:
            tx.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        self._made.discard(name)

    @contextmanager
    def _connected(self, name: str) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self._url(name), poolclass=sa.NullPool)
        with engine.begin() as tx:
            yield tx

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)
