"""Where a store can lie: in SQLite and in PostgreSQL, a real server that is started when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

EITHER = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@contextmanager
def made(kind, folder, request) -> Iterator[str]:
    """The URL of an empty store of this kind, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/ledger.db"
        return
    with request.getfixturevalue("databases").migrated() as url:
        yield url
