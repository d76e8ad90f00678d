"""Opens the configured ledger for commands that only look: it must be there already."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.ops.config import ConfigInvalid, load_config
from ebrvt_connect.ops.config_words import perhaps
from ebrvt_connect.store.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG_STORE_ABSENT = explain(
    "CONFIG_STORE_ABSENT",
    "Chưa có sổ cái tại {place}.",
    "Kiểm tra mục store.url trong cấu hình, hoặc chạy ebrvt run lần đầu để tạo.",
)

SYSTEM_UNKNOWN = explain(
    "SYSTEM_UNKNOWN",
    "Cấu hình không có hệ thống “{system}” (hiện có: {known}){perhaps}.",
    "Gọi lại lệnh với đúng tên hệ thống trong mục [systems].",
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
    """Raise `InvalidValue` `SYSTEM_UNKNOWN` for a system the configuration does not name."""
    names = list(load_config(config).config.systems)
    if system not in names:
        known = ", ".join(names) or "chưa có"
        detail = f"no system {system!r}; known: {known}"
        raise InvalidValue(SYSTEM_UNKNOWN, detail, system=system, known=known, perhaps=perhaps(system, names))
