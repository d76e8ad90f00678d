"""Where a store can lie: in SQLite, and in PostgreSQL if `EBRVT_TEST_POSTGRES_URL` names a server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

SERVER = "EBRVT_TEST_POSTGRES_URL"

EITHER = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def made(kind, folder) -> Iterator[str]:
    """The URL of an empty store of this kind, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/ledger.db"
        return
    server = os.environ.get(SERVER)
    if not server:
        pytest.skip(f"{SERVER} names no server")
    name = f"ebrvt_{uuid.uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as tx:
        tx.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as tx:
        tx.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()
