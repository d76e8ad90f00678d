"""Dates and times of edXML: `yyyy/MM/dd` and `yyyy/MM/dd HH:mm:ss` in Vietnam's time, strictly.

The vendor's library turns 2020/02/30 into 1 March without a word; here such a date does not exist.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from ebrvt_connect.model.period import VIETNAM

_DATE = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})")
_TIME = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")


class NotThisForm(ValueError):
    """The text is not written as edXML writes dates (a plain `ValueError`: the calendar has no such day)."""


def read_date(text: str) -> date:
    """The day a text names; raises `NotThisForm`, or `ValueError` for a day that does not exist."""
    return date(*_numbers(_DATE, text))


def read_time(text: str) -> datetime:
    """The moment a text names in Vietnam's time, in UTC; raises as `read_date`."""
    year, month, day, hour, minute, second = _numbers(_TIME, text)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM).astimezone(UTC)
    except OverflowError as failure:
        raise ValueError("before the first day of the calendar in UTC") from failure


def write_date(day: date) -> str:
    """As edXML writes it."""
    return f"{day.year:04}/{day.month:02}/{day.day:02}"


def write_time(moment: datetime) -> str:
    """As edXML writes it, in Vietnam's time; raises `ValueError` for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError(f"time without zone: {moment!r}")
    local = moment.astimezone(VIETNAM)
    return f"{write_date(local)} {local.hour:02}:{local.minute:02}:{local.second:02}"


def _numbers(form: re.Pattern[str], text: str) -> tuple[int, ...]:
    found = form.fullmatch(text)
    if found is None:
        raise NotThisForm(text)
    return tuple(int(group) for group in found.groups())
