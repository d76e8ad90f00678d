"""Where a demonstration's ledger lies: in its folder, or in a PostgreSQL database made for it alone."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import ConnectError, InvalidValue, explain
from ebrvt_connect.ops.redaction import remember_url_password
from ebrvt_connect.store.databases import create_database, drop_database, is_marked

if TYPE_CHECKING:
    from pathlib import Path

DEMO_STORE_INVALID = explain(
    "DEMO_STORE_INVALID",
    "Địa chỉ máy chủ PostgreSQL cho bản trình diễn không đúng.",
    "Viết theo mẫu postgresql+psycopg://user:password@host:5432/postgres; tài khoản cần quyền CREATEDB.",
)

SQLITE = "sqlite:///ebrvt.db"
"""Beside the province's configuration."""
_MARK = "ebrvt demonstration"
_FILE = "store"
_DRIVER = "postgresql+psycopg"


@dataclass(frozen=True, slots=True)
class MadeDatabase:
    """A database that a demonstration has made, and where."""

    server: str
    """URL of the server, password included: kept in a private file of the province, and nowhere else."""
    name: str

    @property
    def url(self) -> str:
        """The database's own URL, password included."""
        return sa.make_url(self.server).set(database=self.name).render_as_string(hide_password=False)


def server_url(given: str) -> str:
    """The server's URL in the one spelling the store takes; raises `InvalidValue` `DEMO_STORE_INVALID`."""
    remember_url_password(given)
    try:
        url = sa.make_url(given)
    except (sa.exc.ArgumentError, ValueError):
        # Not chained: it quotes what was given, and with it the password.
        raise InvalidValue(DEMO_STORE_INVALID, "--store: not a URL") from None
    if url.get_backend_name() != "postgresql":
        raise InvalidValue(DEMO_STORE_INVALID, f"--store: {url.get_backend_name()!r}, expected {_DRIVER}://")
    return url.set(drivername=_DRIVER).render_as_string(hide_password=False)


def goes_on(folder: Path, server: str | None) -> bool:
    """Whether an unfinished province in `folder` can go on where it is asked to keep its ledger.

    Another server than last time, or one whose database is gone, means a new province.
    """
    made = _made(folder)
    if made is None:
        return server is None or not any(folder.glob("*.toml"))
    return server is not None and _same(made.server, server) and is_marked(server, made.name, _MARK)


def open_ledger_place(folder: Path, server: str | None) -> str:
    """The URL of the province's ledger; makes its database if it has none yet."""
    if server is None:
        return SQLITE
    made = _made(folder)
    if made is None:
        made = MadeDatabase(server, f"ebrvt_demo_{secrets.token_hex(6)}")
        path = folder / _FILE
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(made)), "utf-8")
    if not is_marked(server, made.name, _MARK):
        create_database(server, made.name, _MARK)
    return MadeDatabase(server, made.name).url


def forget_ledger_place(folder: Path, server: str | None) -> None:
    """Drop the database that the province in `folder` has made. Any other is left alone.

    So is one on a server that does not answer any more.
    """
    made = _made(folder)
    if made is None:
        return
    reach = server if server is not None and _same(made.server, server) else made.server
    try:
        drop_database(reach, made.name, _MARK)
    except ConnectError:
        return


def _made(folder: Path) -> MadeDatabase | None:
    try:
        return MadeDatabase(**json.loads((folder / _FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _same(one: str, other: str) -> bool:
    """Whether two URLs name the same server: its password may have changed."""
    first, second = sa.make_url(one), sa.make_url(other)
    return (first.host, first.port, dict(first.query)) == (second.host, second.port, dict(second.query))
