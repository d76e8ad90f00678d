"""Opens the configured ledger for commands that only look: it must be there already."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import explain
from ebrvt_connect.ops.config import CONFIG_INVALID, ConfigInvalid, load_config
from ebrvt_connect.store.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG_STORE_ABSENT = explain(
    "CONFIG_STORE_ABSENT",
    "Chưa có sổ cái tại {place}.",
    "Kiểm tra mục store.url trong cấu hình, hoặc chạy ebrvt run lần đầu để tạo.",
)


@contextmanager
def opened_ledger(config: Path | None) -> Iterator[Ledger]:
    """The ledger of the configuration; raises `ConfigInvalid` when there is none yet."""
    from pathlib import Path

    url = load_config(config).store_url()
    database = sa.make_url(url)
    if database.get_backend_name() == "sqlite" and not Path(database.database or "").is_file():
        raise ConfigInvalid(CONFIG_STORE_ABSENT, f"no ledger at {database.database}", place=database.database)
    ledger = Ledger.open(url, datetime.now(UTC))
    try:
        yield ledger
    finally:
        ledger.close()


def refuse_unknown_system(config: Path | None, system: str) -> None:
    """Raise `ConfigInvalid` for a system the configuration does not name."""
    loaded = load_config(config)
    if system not in loaded.config.systems:
        known = ", ".join(loaded.config.systems)
        raise ConfigInvalid(
            CONFIG_INVALID,
            f"no system {system!r}; known: {known}",
            key=f"systems.{system}",
            place=str(loaded.path),
        )
