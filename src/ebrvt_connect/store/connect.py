"""Opens the database the same way everywhere, and says in our own words when it cannot be written.

SQLite needs all of its settings repeated on every connection: WAL (readers do not wait for the
writer), synchronous FULL (a commit survives a power cut), a generous busy timeout, and BEGIN IMMEDIATE
(a writer takes its lock first instead of failing on the way up). PostgreSQL runs in READ COMMITTED: a
drain clears its flag in one transaction and reads in a newer snapshot.

The SQLite files hold what is in the documents' records: they are for the account of the program alone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from ebrvt_connect.errors import HeldForPerson, RetryLater, Scope, explain
from ebrvt_connect.ports.blobs import STORE_FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

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

STORE_REFUSED = explain(
    "STORE_REFUSED",
    "Máy chủ cơ sở dữ liệu từ chối: sai tài khoản, mật khẩu, thiếu quyền hoặc chưa có cơ sở dữ liệu này.",
    "Kiểm tra store.url, và quyền của tài khoản theo docs/operate/postgresql.md.",
)

POOL_SIZE = 50
"""Twice the worker threads and some: a starved pool shows up as a locked database, thirty seconds late."""
_OVERFLOW = 20
LOCKS_KEPT = timedelta(seconds=20)
"""How long PostgreSQL keeps the locks of a transaction of which nothing is heard; less than a lease."""
_NOTICE_A_DEAD_LINE = (
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
)
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
_REFUSED_STATES = frozenset({"42501", "28000", "28P01", "3D000", "42P01"})
"""A right, a login, the database or a table is missing. The words beside a state may be in any language."""


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
            pool_pre_ping=True,
        )
        event.listen(engine, "connect", _prepare_postgresql)
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
    connection.execute(f"SET idle_in_transaction_session_timeout = {idle_ms}; {_NOTICE_A_DEAD_LINE}")
    connection.autocommit = False


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


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that writes: takes SQLite's write lock first, commits at the end.

    Raises `HeldForPerson` `STORE_FULL`/`STORE_DAMAGED` (scope store) and `RetryLater` `STORE_BUSY`.
    """
    with telling_apart(), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent snapshot to read from; raises as `writing`."""
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
        # Only the driver's own sentence: SQLAlchemy's adds the parameters, which hold people's data.
        said = str(failure.orig)
        lowered = said.lower()
        state = getattr(failure.orig, "sqlstate", None)
        if state in _FULL_STATES or any(word in lowered for word in _FULL):
            raise HeldForPerson(
                STORE_FULL, f"cannot write the ledger: {said}", scope=Scope.STORE
            ) from failure
        if _UNREADABLE in lowered:
            raise _unreadable() from None
        if any(word in lowered for word in _DAMAGED):
            raise HeldForPerson(
                STORE_DAMAGED, f"cannot use the ledger: {said}", scope=Scope.STORE
            ) from failure
        connecting = state is None and isinstance(failure, exc.OperationalError)
        if state in _REFUSED_STATES or (connecting and any(word in lowered for word in _REFUSED)):
            raise HeldForPerson(
                STORE_REFUSED, f"the ledger is refused: {said}", scope=Scope.STORE
            ) from failure
        # A server that ends a session (it heard nothing of it for too long) calls that an internal error.
        if isinstance(failure, exc.OperationalError) or failure.connection_invalidated:
            raise RetryLater(STORE_BUSY, f"the ledger is busy: {said}") from failure
        raise
    except UnicodeDecodeError:  # in a text so broken that the driver cannot even quote it
        raise _unreadable() from None
    except exc.TimeoutError as failure:
        raise RetryLater(STORE_BUSY, "no free connection to the ledger") from failure
    except OSError as failure:
        raise HeldForPerson(STORE_FULL, f"cannot write the store: {failure}", scope=Scope.STORE) from failure


def _unreadable() -> HeldForPerson:
    return HeldForPerson(STORE_DAMAGED, "a text in the ledger cannot be read", scope=Scope.STORE)
