"""Opens a configured report desk for commands: which one, over which ledger, with links that exist."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ebrvt_connect.errors import explain
from ebrvt_connect.ops.built_in import BUILT_IN
from ebrvt_connect.ops.composition import refuse_unknown_report_links, system_settings
from ebrvt_connect.ops.config import ConfigInvalid, load_agencies, load_config
from ebrvt_connect.ops.ledger_access import opened_ledger
from ebrvt_connect.ops.report_making import DeskSettings, ReportMaking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebrvt_connect.ops.config import LoadedConfig

CONFIG_NO_REPORT_DESK = explain(
    "CONFIG_REPORT_DESK_ABSENT",
    "Chưa xác định được bàn báo cáo trong {place} (hiện có: {known}).",
    'Khai báo một hệ thống có adapter = "ledger"; nếu có nhiều, chọn bằng --desk.',
)

_LEDGER = next(iter(BUILT_IN))


@contextmanager
def opened_desk(config: Path | None, desk: str | None = None) -> Iterator[ReportMaking]:
    """The report making of the desk of that name, or of the only one; raises `ConfigInvalid`."""
    loaded = load_config(config)
    name = _desk(loaded, desk)
    settings = system_settings(loaded, name)
    if not isinstance(settings, DeskSettings):
        raise TypeError(f"system {name} is no report desk")
    refuse_unknown_report_links(loaded, name)
    with opened_ledger(config) as ledger:
        yield ReportMaking(settings, ledger, load_agencies(loaded))


def _desk(loaded: LoadedConfig, wanted: str | None) -> str:
    desks = [name for name, system in loaded.config.systems.items() if system.adapter == _LEDGER]
    if wanted in desks:
        return wanted
    if wanted is None and len(desks) == 1:
        return desks[0]
    known = ", ".join(desks) or "chưa có"
    detail = f"{loaded.path}: no one report desk {wanted or ''}; known: {known}"
    raise ConfigInvalid(CONFIG_NO_REPORT_DESK, detail, place=str(loaded.path), known=known)
