"""Moving the configured store elsewhere, blobs included: `ebrvt migrate-store` without its words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.engine.settings import EngineSettings
from ebrvt_connect.ops.blob_place import open_blobs
from ebrvt_connect.ops.config import ConfigInvalid
from ebrvt_connect.ops.ledger_access import CONFIG_STORE_ABSENT
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_to_move import Carried, copy_blobs
from ebrvt_connect.store.connect import open_database
from ebrvt_connect.store.migrations import migrate
from ebrvt_connect.store.moving import (
    BATCH,
    Copied,
    Outlook,
    Tell,
    Terms,
    alone,
    move,
    outlook,
    refuse_same_place,
)
from ebrvt_connect.store.moving import abandon as given_up
from ebrvt_connect.store.proof import ProofBreak, ProofLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.ops.config import LoadedConfig

_MOST_BREAKS = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """Where the store is to go, and how."""

    url: str
    """`sqlite:///` with an absolute path, or `postgresql+psycopg://`."""
    blobs: Path | None = None
    """The folder for blobs; None: they stay where they are."""
    heartbeats: bool = True
    batch: int = BATCH
    tell: Tell = lambda _what, _there, _all: None


@dataclass(frozen=True, slots=True)
class Moved:
    """A store that has arrived."""

    tables: Mapping[str, Copied]
    """None of them where it had arrived before."""
    blobs: Carried | None
    breaks: tuple[ProofBreak, ...]
    """Where the evidence log does not hold, here as there; the first few."""


def look(loaded: LoadedConfig, wish: Wish, now: datetime) -> Outlook:
    """What a move would do; nothing is made. Raises as `store.moving.outlook`."""
    with _opened(loaded.store_url(), now) as source, alone(source):
        if _is_file_to_be_made(wish.url):
            return outlook(source, None, _terms(wish, now))
        with _engine(wish.url) as target:
            refuse_same_place(source, target)
            with alone(target):
                return outlook(source, target, _terms(wish, now))


def bring(loaded: LoadedConfig, wish: Wish, now: datetime) -> Moved:
    """Move the store, or go on with what was cut off. Raises as `store.moving.move`."""
    carried: list[Carried] = []

    def carry() -> None:
        if wish.blobs is not None:
            there = LocalBlobs(wish.blobs)
            carried.append(copy_blobs(open_blobs(loaded), there, lambda done: wish.tell("blobs", done, 0)))

    with _opened(loaded.store_url(), now) as source, _engine(wish.url) as target:
        tables = move(source, target, replace(_terms(wish, now), carry=carry))
        breaks = [found for _, found in zip(range(_MOST_BREAKS), ProofLog(target).breaks(), strict=False)]
    return Moved(tables, carried[0] if carried else None, tuple(breaks))


def abandon(loaded: LoadedConfig, now: datetime) -> bool:
    """Give up a move that is not done; False where there is none. Raises as `store.moving.abandon`."""
    with _opened(loaded.store_url(), now) as source:
        return given_up(source)


def absolute_url(loaded: LoadedConfig, url: str) -> str:
    """The URL with a relative SQLite path made absolute, as in the configuration."""
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        return f"sqlite:///{loaded.resolve(url.removeprefix('sqlite:///'))}"
    return url


def _terms(wish: Wish, now: datetime) -> Terms:
    dead_after = EngineSettings().dead_after
    return Terms(now, dead_after, heartbeats=wish.heartbeats, batch=wish.batch, tell=wish.tell)


@contextmanager
def _opened(url: str, now: datetime) -> Iterator[sa.Engine]:
    """The store as it is, marked or not: only moving may open one that is."""
    if _is_file_to_be_made(url):
        place = sa.make_url(url).database
        raise ConfigInvalid(CONFIG_STORE_ABSENT, f"no ledger at {place}", place=place)
    with _engine(url) as database:
        migrate(database, now)
        yield database


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    database = open_database(url)
    try:
        yield database
    finally:
        database.dispose()


def _is_file_to_be_made(url: str) -> bool:
    parsed = sa.make_url(url)
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()
