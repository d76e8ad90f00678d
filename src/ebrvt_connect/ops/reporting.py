"""Opens a configured report desk for commands: which one, over which ledger, with links that exist."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ebrvt_connect.errors import explain
from ebrvt_connect.ops.built_in import BUILT_IN
from ebrvt_connect.ops.composition import system_settings
from ebrvt_connect.ops.config import ConfigInvalid, load_config
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
CONFIG_REPORT_LINK_UNKNOWN = explain(
    "CONFIG_REPORT_LINK_UNKNOWN",
    "Bàn báo cáo {desk} lấy số liệu từ liên kết “{link}” nhưng liên kết này chưa được khai báo.",
    "Sửa dossier_links, document_links của bàn báo cáo cho đúng tên trong [[links]].",
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
    known = {link.name for link in loaded.config.links}
    for link in (*settings.dossier_links, *settings.document_links):
        if link not in known:
            detail = f"systems.{name}.settings: no link {link!r}; known: {', '.join(sorted(known))}"
            raise ConfigInvalid(CONFIG_REPORT_LINK_UNKNOWN, detail, desk=name, link=link)
    with opened_ledger(config) as ledger:
        yield ReportMaking(settings, ledger)


def _desk(loaded: LoadedConfig, wanted: str | None) -> str:
    desks = [name for name, system in loaded.config.systems.items() if system.adapter == _LEDGER]
    if wanted in desks:
        return wanted
    if wanted is None and len(desks) == 1:
        return desks[0]
    known = ", ".join(desks) or "chưa có"
    detail = f"{loaded.path}: no one report desk {wanted or ''}; known: {known}"
    raise ConfigInvalid(CONFIG_NO_REPORT_DESK, detail, place=str(loaded.path), known=known)
