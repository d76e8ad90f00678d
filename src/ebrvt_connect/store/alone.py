"""Doing alone what several daemons must not do at once: a lock of the server that dies with its holder."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.store.connect import telling_apart

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def alone_with(database: sa.Engine, lock: int) -> Iterator[bool]:
    """Whether this advisory lock is free; while inside it is ours, for as long as that takes.

    Held by a session and not by a transaction: of one that is long idle the server would end the
    transaction, and with it the lock (`connect.LOCKS_KEPT`). On SQLite everybody is alone, one daemon a file.
    Raises as `writing`; that the session was cut meanwhile is told to nobody.
    """
    if database.dialect.name == "sqlite":
        yield True
        return
    with telling_apart():
        session = database.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with telling_apart():
            session.execute(sa.text("SET idle_session_timeout = 0"))
            mine = bool(session.scalar(sa.select(sa.func.pg_try_advisory_lock(lock))))
        yield mine
    finally:
        with suppress(sa.exc.SQLAlchemyError):
            session.execute(sa.select(sa.func.pg_advisory_unlock_all()))
        # Given back to the pool it would keep what was set.
        with suppress(sa.exc.SQLAlchemyError):
            session.invalidate()
        with suppress(sa.exc.SQLAlchemyError):
            session.close()
