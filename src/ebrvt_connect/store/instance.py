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
_NOTICE_A_DEAD_LINE = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    # Idle is what this session is meant to be.
    "SET idle_session_timeout = 0",
)

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
        if self._connection is None:
            return
        with telling_apart():
            try:
                self._connection.execute(sa.text("SELECT 1"))
            except sa.exc.DBAPIError:
                _log.warning("the session that holds the name %s was cut; taking it again", self.name)
                self._forget()
                self._connection = self._session()
                mine = _locked(self._connection, self.name)
            else:
                return
        if not mine:
            raise _taken(self.name)

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
        for setting in _NOTICE_A_DEAD_LINE:
            connection.execute(sa.text(setting))
        return connection

    def _forget(self) -> None:
        """Close the session for good: given back to the pool it would keep the lock."""
        if self._connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                self._connection.invalidate()
            with suppress(sa.exc.SQLAlchemyError):
                self._connection.close()


def _locked(connection: sa.Connection, name: str) -> bool:
    key = zlib.crc32(name.encode()) - 2**31  # crc32 is unsigned, the lock's key is not
    return bool(
        connection.scalar(sa.text("SELECT pg_try_advisory_lock(:space, :key)"), {"space": _SPACE, "key": key})
    )


def _taken(name: str) -> HeldForPerson:
    return HeldForPerson(
        INSTANCE_TAKEN, f"another daemon at this store goes by the name {name}", scope=Scope.STORE, name=name
    )
