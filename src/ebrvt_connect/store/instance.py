"""The name a daemon goes by among those at one store: the same after a restart, never two at once.

On PostgreSQL a session lock of the server stands for the name. It dies with its process, so a daemon that
starts again at once finds its own name free and takes up its own unfinished work; a second daemon on the
same machine finds it taken and goes by the next number. A SQLite file has one daemon, and one name.
"""

from __future__ import annotations

import logging
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.store.connect import telling_apart

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTANCE_TAKEN = explain(
    "INSTANCE_TAKEN",
    "Tên tiến trình “{name}” đang được một tiến trình ebrvt khác dùng trên cùng sổ cái.",
    "Đặt engine.instance khác nhau cho mỗi tiến trình, hoặc bỏ trống để chương trình tự chọn.",
)

_ONLY = "daemon-1"
_MOST = 64
"""Daemons of one machine at one store."""
_SPACE = 0x65627276
"""Keeps these locks apart from others in the same database."""
_MAY_BE_IDLE = "SET idle_session_timeout = 0"
"""Idle is what this session is meant to be."""

_log = logging.getLogger(__name__)


class Instance:
    """The daemon's name at a store, held until it leaves or ends."""

    def __init__(self, database: sa.Engine, *, wanted: str, host: str) -> None:
        """`wanted` is a configured name; without one it is made of the host's. Nothing is taken yet."""
        self._database = database
        self._wanted = wanted
        self._host = host
        self._connection: sa.Connection | None = None
        self.name = ""

    def take(self) -> str:
        """Take a name and return it; raises `HeldForPerson` `INSTANCE_TAKEN`, or as `writing` does."""
        if self._database.dialect.name == "sqlite":
            self.name = self._wanted or _ONLY
            return self.name
        with telling_apart():
            self._connection = self._session()
            for name in self._names():
                if _locked(self._connection, name):
                    self.name = name
                    return name
        self.leave()
        raise _taken(self._wanted or self._host)

    def keep(self) -> None:
        """Make sure the name is still held: with the server's restart it was lost.

        Raises `HeldForPerson` `INSTANCE_TAKEN` (scope store) when another has it by now.
        """
        if self._connection is None or self._is_held(self._connection):
            return
        with telling_apart():
            _log.warning("the session that holds the name %s was cut; taking it again", self.name)
            self._forget()
            try:
                self._connection = self._session()
                mine = _locked(self._connection, self.name)
            except sa.exc.SQLAlchemyError:
                self._forget()  # whatever answers next time must not be taken for a session that has the lock
                raise
        if not mine:
            self._forget()
            raise _taken(self.name)

    @staticmethod
    def _is_held(session: sa.Connection) -> bool:
        """Whether the session lives, and with it its lock; one that was closed never comes back by itself."""
        if session.closed:
            return False
        try:
            session.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError:
            return False
        return True

    def leave(self) -> None:
        """Let the name go."""
        if self._connection is not None:
            self._forget()
            self._connection = None

    def _names(self) -> Iterator[str]:
        if self._wanted:
            yield self._wanted
        else:
            yield from (f"{self._host}-{number}" for number in range(1, _MOST + 1))

    def _session(self) -> sa.Connection:
        connection = self._database.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(sa.text(_MAY_BE_IDLE))
        return connection

    def _forget(self) -> None:
        """Close the session for good: given back to the pool it would keep the lock."""
        if self._connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                self._connection.invalidate()
            with suppress(sa.exc.SQLAlchemyError):
                self._connection.close()


def names_held(database: sa.Engine) -> list[str]:
    """The names that living daemons hold at a PostgreSQL store, a frozen one's too; raises as `reading`.

    One that has not told its heart's first beat yet is called by its lock. None for SQLite, whose daemon
    holds the file (`seat`).
    """
    if database.dialect.name == "sqlite":
        return []
    held = sa.text(
        # 2: a lock of two keys; the ledger's others, of one, begin with the same number.
        "SELECT CAST(objid AS bigint) FROM pg_locks"
        " WHERE locktype = 'advisory' AND objsubid = 2 AND CAST(classid AS bigint) = :space"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with telling_apart(), database.connect() as tx:
        keys = set(tx.scalars(held, {"space": _SPACE}))
        known = tx.scalars(sa.text("SELECT id FROM executor")) if _has_executors(tx) else ()
        named = {_key(name) % 2**32: name for name in known}
    return sorted(named.get(key, f"#{key:08x}") for key in keys)


def _has_executors(tx: sa.Connection) -> bool:
    return tx.scalar(sa.text("SELECT to_regclass('executor')")) is not None


def _key(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31  # crc32 is unsigned, the lock's key is not


def _locked(connection: sa.Connection, name: str) -> bool:
    asked = sa.text("SELECT pg_try_advisory_lock(:space, :key)")
    return bool(connection.scalar(asked, {"space": _SPACE, "key": _key(name)}))


def _taken(name: str) -> HeldForPerson:
    return HeldForPerson(
        INSTANCE_TAKEN, f"another daemon at this store goes by the name {name}", scope=Scope.STORE, name=name
    )
