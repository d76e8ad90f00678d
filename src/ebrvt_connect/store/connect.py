"""Opens the database the same way everywhere, and says in our own words when it cannot be written.

SQLite needs all of its settings repeated on every connection: WAL (readers do not wait for the
writer), synchronous FULL (a commit survives a power cut), a generous busy timeout, and BEGIN IMMEDIATE
(a writer takes its lock first instead of failing on the way up). PostgreSQL runs in READ COMMITTED: a
drain clears its flag in one transaction and reads in a newer snapshot. There a round trip costs what a small
query does, so none is made that can be spared: queries have no transaction around them, and a session just
used is not asked whether it is still there.

The SQLite files hold what is in the documents' records: they are for the account of the program alone.
"""

from __future__ import annotations

import math
import os
import select
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from ebrvt_connect.errors import ConnectError, HeldForPerson, RetryLater, Scope, explain
from ebrvt_connect.ports.blobs import STORE_FULL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

STORE_BUSY = explain(
    "STORE_BUSY",
    "Cơ sở dữ liệu đang bận hoặc tạm thời không kết nối được.",
    "Chương trình tự thử lại; nếu kéo dài, kiểm tra máy chủ cơ sở dữ liệu và chương trình khác đang mở tệp.",
)
STORE_DAMAGED = explain(
    "STORE_DAMAGED",
    "Tệp cơ sở dữ liệu bị hỏng hoặc không phải là sổ cái của chương trình.",
    "Dừng chương trình, giữ nguyên tệp để kiểm tra và khôi phục từ bản sao lưu gần nhất.",
)
STORE_INCOMPLETE = explain(
    "STORE_INCOMPLETE",
    "Sổ cái không có đúng các bảng, cột mà chương trình cần: cơ sở dữ liệu đã bị sửa, khôi phục thiếu hoặc do"
    " một phiên bản khác tạo ra.",
    "Dừng chương trình và giữ nguyên cơ sở dữ liệu; kiểm tra store.url (PostgreSQL: cả quyền USAGE trên"
    " schema), phiên bản đang chạy, rồi khôi phục bản sao lưu gần nhất và chạy ebrvt doctor.",
)

STORE_REFUSED = explain(
    "STORE_REFUSED",
    "Máy chủ cơ sở dữ liệu từ chối: sai tài khoản, mật khẩu, thiếu quyền hoặc chưa có cơ sở dữ liệu này.",
    "Kiểm tra store.url, và quyền của tài khoản theo docs/operate/postgresql.md.",
)

_BROUGHT = "ebrvt_brought"
_BRINGING = threading.Lock()
POOL_SIZE = 50
"""Twice the worker threads and some: a starved pool shows up as a locked database, thirty seconds late."""
_OVERFLOW = 20
_USED_AT = "used_at"
_SURE_SECONDS = 5.0
"""So soon after its last use a session is taken to be there still, unless it says otherwise."""
LOCKS_KEPT = timedelta(seconds=20)
"""How long PostgreSQL keeps the locks of a transaction of which nothing is heard; less than a lease."""
_NOTICE_A_DEAD_LINE = (
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
)
_BY_INDEX = "SET random_page_cost = 1.1"
"""What is asked all the time is in memory: found by an index, not by reading a table for every window."""
_SQLITE_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=30000",
    "foreign_keys=ON",
    # Pages written again and again reach the database less often (16 MB of log at most).
    "wal_autocheckpoint=4000",
)
_FULL = (
    "disk is full",
    "disk i/o error",
    "readonly database",
    "unable to open",
    "no space left",
    "could not extend",
)
_DAMAGED = ("malformed", "not a database")
_UNREADABLE = "could not decode"
"""A text whose bytes have changed; the driver quotes it, and we do not: it may be about people."""
_REFUSED = ("authentication failed", "permission denied", "no pg_hba.conf entry", "does not exist")
_FULL_STATES = frozenset({"53100", "25006"})
"""PostgreSQL's disk is full; it is a replica, which only reads."""
_REFUSED_STATES = frozenset({"42501", "28000", "28P01", "3D000"})
"""A right, a login or the database is missing. The words beside a state may be in any language."""
_INCOMPLETE = ("no such table", "no such column", "no such index", "has no column named", "already exists")
_INCOMPLETE_STATES = frozenset({"42P01", "42703", "42704", "42P07", "42701", "42710"})
"""A table (or the right to see its schema), a column or an index is missing, or is there before its time."""


def open_database(url: str) -> sa.Engine:
    """An engine for `sqlite:///...` or `postgresql+psycopg://...`; makes the SQLite file and its folder.

    Both are for the owner alone (0600, 0700); a folder that is there already is left as it is.
    Raises `HeldForPerson` `STORE_FULL` when they cannot be made.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = sa.create_engine(
            parsed,
            pool_size=POOL_SIZE,
            max_overflow=_OVERFLOW,
            isolation_level="READ COMMITTED",
            # A few are in use and keep what they have prepared; the others are there for a rush.
            pool_use_lifo=True,
            skip_autocommit_rollback=True,
        )
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_look_after, engine.dialect))
        return engine
    if parsed.database:
        with telling_apart():
            _make_private(Path(parsed.database))
    engine = sa.create_engine(parsed, pool_size=POOL_SIZE, max_overflow=_OVERFLOW)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _make_private(file: Path) -> None:
    """Make the file before SQLite does, which gives its `-wal` and `-shm` the same permissions.

    Those of an older program, readable by others, are narrowed.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    for suffix in ("", "-wal", "-shm", "-journal"):
        # They come and go with the connections of another process.
        with suppress(FileNotFoundError):
            _narrow(file.with_name(file.name + suffix))


def _narrow(file: Path) -> None:
    found = file.stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        file.chmod(0o600)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own connection
    connection.isolation_level = "IMMEDIATE"
    for setting in _SQLITE_SETTINGS:
        connection.execute(f"PRAGMA {setting}")


def _prepare_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own connection
    """A daemon that is frozen, or whose machine is gone, must not keep its locks from the others.

    Told in the session, not at its start: poolers refuse settings they do not know there.
    """
    idle_ms = round(LOCKS_KEPT.total_seconds() * 1000)
    connection.autocommit = True
    connection.execute(
        f"SET idle_in_transaction_session_timeout = {idle_ms}; {_NOTICE_A_DEAD_LINE}; {_BY_INDEX}"
    )
    connection.autocommit = False


def _note_use(_connection: object, record: pool.ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _look_after(dialect: sa.Dialect, connection: Any, record: Any, _lent: object) -> None:  # noqa: ANN401 - as above
    """Have a new session opened instead of one that is gone, and of all the others: the server is another."""
    try:
        if _may_be_gone(connection, record):
            dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as gone:
        raise exc.InvalidatePoolError from gone


def _may_be_gone(connection: Any, record: pool.ConnectionPoolEntry) -> bool:  # noqa: ANN401 - as above
    """Whether a session has rested, or the server has said something unasked: most likely that it ends."""
    if time.monotonic() - record.info.get(_USED_AT, math.inf) >= _SURE_SECONDS:
        return True
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a PostgreSQL server says of itself."""

    version: str
    encoding: str
    """Of this database; the ledger needs UTF8."""
    max_connections: int


def server_facts(engine: sa.Engine) -> ServerFacts | None:
    """Ask the server; None for SQLite, which has none. Raises as `reading` does."""
    if engine.dialect.name != "postgresql":
        return None
    names = ("server_version", "server_encoding", "max_connections")
    asked = sa.select(*(sa.func.current_setting(name) for name in names))
    with reading(engine) as tx:
        version, encoding, connections = tx.execute(asked).one()
    return ServerFacts(version, encoding, int(connections))


class Brought(Protocol):
    """What whoever writes next brings along into the database."""

    def write(self, tx: sa.Connection) -> Collection[str]:
        """Write what waits, as the last thing in a transaction; returns what it was."""
        ...

    def written(self, brought: Collection[str]) -> None:
        """That transaction is on the disk."""
        ...


_AnyBrought = TypeVar("_AnyBrought", bound=Brought)


def bring_along(engine: sa.Engine, kind: type[_AnyBrought]) -> _AnyBrought:
    """What transactions on this database bring along: there is one, made when it is first asked for."""
    with _BRINGING:
        found = engine.get_execution_options().get(_BROUGHT)
        if not isinstance(found, kind):
            found = kind()
            engine.update_execution_options(**{_BROUGHT: found})
        return found


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that writes: takes SQLite's write lock first, commits at the end.

    Raises `HeldForPerson` `STORE_FULL`/`STORE_DAMAGED`/`STORE_INCOMPLETE`/`STORE_REFUSED` (scope store) and
    `RetryLater` `STORE_BUSY`.
    """
    along: Brought | None = engine.get_execution_options().get(_BROUGHT)
    brought: Collection[str] = ()
    with telling_apart(), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        if along is not None:
            brought = along.write(connection)
    if along is not None and brought:
        along.written(brought)


@contextmanager
def writing_soon(engine: sa.Engine) -> Iterator[sa.Connection]:
    """As `writing`, but PostgreSQL need not have it on its disk yet when this returns.

    It comes before whatever is committed after it, or not at all should the server crash within a moment.
    """
    with telling_apart(), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """For queries: one snapshot of SQLite; each of its own on PostgreSQL, and no transaction around them.

    Raises as `writing`.
    """
    with _to_read(engine) as connection:
        if engine.dialect.name == "postgresql":
            # Two round trips fewer. The second, a rollback, would also have all prepared statements dropped.
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextmanager
def holding(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that stays open while inside, for its locks or its cursors; raises as `writing`."""
    with _to_read(engine) as connection:
        yield connection


@contextmanager
def _to_read(engine: sa.Engine) -> Iterator[sa.Connection]:
    with telling_apart(), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN DEFERRED")
        try:
            yield connection
        except OverflowError:  # a number that has become no time
            raise _unreadable() from None


@contextmanager
def telling_apart() -> Iterator[None]:
    """Turn what a database or disk says into what must happen next."""
    try:
        yield
    except exc.DBAPIError as failure:
        told = _told_by(failure)
        if told is None:
            raise
        if told.code == STORE_DAMAGED.code:
            raise told from None  # the driver may have quoted what it could not read
        raise told from failure
    except UnicodeDecodeError:  # in a text so broken that the driver cannot even quote it
        raise _unreadable() from None
    except exc.TimeoutError as failure:
        raise RetryLater(STORE_BUSY, "no free connection to the ledger") from failure
    except OSError as failure:
        raise HeldForPerson(STORE_FULL, f"cannot write the store: {failure}", scope=Scope.STORE) from failure


def told_by_any(failure: Exception) -> ConnectError | None:
    """What an error of the database means that somebody else has met; None for one that is a mistake of ours.

    A driver's own error too: the dispatcher speaks to it without SQLAlchemy.
    """
    if isinstance(failure, exc.DBAPIError):
        return _told_by(failure)
    if type(failure).__name__ == "OperationalError":
        return _told_by(exc.OperationalError("", {}, failure))
    return None


def _told_by(failure: exc.DBAPIError) -> ConnectError | None:
    """What a driver's error means; None for one that is a mistake of ours."""
    # Only the driver's own sentence: SQLAlchemy's adds the parameters, which hold people's data.
    said = str(failure.orig)
    lowered = said.lower()
    state = getattr(failure.orig, "sqlstate", None)
    connecting = state is None and isinstance(failure, exc.OperationalError)

    def says(*words: str) -> bool:
        return any(word in lowered for word in words)

    if state in _FULL_STATES or says(*_FULL):
        return HeldForPerson(STORE_FULL, f"cannot write the ledger: {said}", scope=Scope.STORE)
    if says(_UNREADABLE):
        return _unreadable()
    if says(*_DAMAGED):
        return HeldForPerson(STORE_DAMAGED, f"cannot use the ledger: {said}", scope=Scope.STORE)
    if state in _INCOMPLETE_STATES or (state is None and says(*_INCOMPLETE)):
        return HeldForPerson(STORE_INCOMPLETE, f"the ledger is not whole: {said}", scope=Scope.STORE)
    if state in _REFUSED_STATES or (connecting and says(*_REFUSED)):
        return HeldForPerson(STORE_REFUSED, f"the ledger is refused: {said}", scope=Scope.STORE)
    # A server that ends a session (it heard nothing of it for too long) calls that an internal error.
    if isinstance(failure, exc.OperationalError) or failure.connection_invalidated:
        return RetryLater(STORE_BUSY, f"the ledger is busy: {said}")
    return None


def _unreadable() -> HeldForPerson:
    return HeldForPerson(STORE_DAMAGED, "a text in the ledger cannot be read", scope=Scope.STORE)
