"""The systems' calendars, from the configuration and the table of public holidays."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING

from ebrvt_connect.errors import explain
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.config import CONFIG_INVALID, ConfigInvalid, unread_vi
from ebrvt_connect.ops.config_model import HolidaysFile
from ebrvt_connect.resilience.calendar import PUBLIC_HOLIDAYS, Calendar, Holidays, closing_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.config_model import HolidayRow

CONFIG_NEVER_OPEN = explain(
    "CONFIG_NEVER_OPEN",
    "Hệ thống {system} ({place}) không bao giờ mở: các khoảng ngừng giao dịch phủ kín mọi thời gian.",
    "Sửa mục closed của hệ thống đó, chừa lại thời gian được gửi.",
)

_SHIPPED = "public_holidays.toml"
_LONGEST_HOLIDAY_DAYS = 31


def load_calendars(loaded: LoadedConfig, now: datetime) -> dict[str, Calendar]:
    """When each system is left alone.

    Raises `ConfigInvalid` for a table of holidays that does not read, and for a system that never opens.
    """
    systems = loaded.config.systems
    calendars: dict[str, Calendar] = {}
    holidays = load_holidays(loaded)
    for name, system in systems.items():
        calendar = Calendar(tuple(map(closing_of, system.closed)), holidays)
        if not calendar.opens(now):
            place = loaded.writing.place(("systems", name, "closed"))
            raise ConfigInvalid(CONFIG_NEVER_OPEN, f"{place}: {name} is never open", system=name, place=place)
        calendars[name] = calendar
    return calendars


def load_holidays(loaded: LoadedConfig) -> Holidays:
    """The public holidays, from the configured table or the one that comes with the program.

    Raises `ConfigInvalid` for a table that does not read.
    """
    named = loaded.config.province.holidays
    path = resources.files("ebrvt_connect.ops") / _SHIPPED if named is None else loaded.resolve(named)
    try:
        years = HolidaysFile.model_validate(tomllib.loads(path.read_text("utf-8-sig"))).year
        names = {day: row.name for year in years for row in year.days for day in _days(row)}
    except (OSError, ValueError) as failure:
        what = f"không đọc được tệp ({unread_vi(failure)})"
        detail = f"{path}: {type(failure).__name__}"
        raise ConfigInvalid(
            CONFIG_INVALID, detail, key="province.holidays", place=str(path), what=what
        ) from failure
    return Holidays(names, frozenset(year.year for year in years if year.notice))


def unannounced(loaded: LoadedConfig, now: datetime) -> int | None:
    """The year whose days off are needed and not fixed by a notice yet; in December that may be the next."""
    if not any(PUBLIC_HOLIDAYS in system.closed for system in loaded.config.systems.values()):
        return None
    here = now.astimezone(VIETNAM)
    announced = load_holidays(loaded).announced
    years = {here.year, (here + timedelta(days=_LONGEST_HOLIDAY_DAYS)).year}
    return min(years - announced, default=None)


def _days(row: HolidayRow) -> Iterator[date]:
    last = row.last or row.first
    length = (last - row.first).days + 1
    if not 0 < length <= _LONGEST_HOLIDAY_DAYS:
        raise ValueError(f"not a holiday: {row.first} to {last}")
    yield from (row.first + timedelta(days=n) for n in range(length))
