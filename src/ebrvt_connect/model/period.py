"""Reporting periods (kỳ báo cáo): their codes and windows, which are not those of the calendar.

NĐ 09/2019/NĐ-CP, Đ.12: figures of a month are closed on the 14th, so a month runs from the 15th of the one
before to its own 14th; a quarter, a half-year and a year likewise end on the 14th of their last month.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.ids import ParsedText

VIETNAM = timezone(timedelta(hours=7))
"""Asia/Ho_Chi_Minh: +07:00 without a break since 1975."""

NOT_A_PERIOD = explain(
    "PERIOD_INVALID",
    "“{text}” không phải là kỳ báo cáo hợp lệ.",
    "Ghi kỳ theo một trong các mẫu: 2019-Q3 (quý), 2019-S1 (sáu tháng), 2019-09 (tháng), 2019 (năm).",
)

_CODE = re.compile(r"(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|S(?P<half>[12])|(?P<month>0[1-9]|1[0-2])))?")
_FIRST_DAY, _LAST_DAY = 15, 14


class Frequency(StrEnum):
    """How often a report is due (tần suất báo cáo)."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half-year"
    YEAR = "year"

    @property
    def months(self) -> int:
        """How many months a period of it spans."""
        return _MONTHS[self]


_MONTHS = {Frequency.MONTH: 1, Frequency.QUARTER: 3, Frequency.HALF_YEAR: 6, Frequency.YEAR: 12}


@dataclass(frozen=True, slots=True)
class ReportingPeriod(ParsedText):
    """A reporting period (kỳ báo cáo), by its code: `2019-Q3`, `2019-S1`, `2019-09` or `2019`."""

    text: str

    @classmethod
    def parse(cls, text: str) -> ReportingPeriod:
        """Read a code; raises `InvalidValue` `PERIOD_INVALID`."""
        bare = text.strip()
        match = _CODE.fullmatch(bare)
        if match is None or match["year"] == "0000":
            raise InvalidValue(
                NOT_A_PERIOD, f"reporting period: got {text[:40]!r}, expected e.g. '2019-Q3'", text=text[:40]
            )
        return cls(bare)

    @classmethod
    def containing(cls, day: date, frequency: Frequency) -> ReportingPeriod:
        """The period of that frequency a day's figures belong to (15 September belongs to October)."""
        year, month = day.year, day.month
        if day.day > _LAST_DAY:
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
        match frequency:
            case Frequency.MONTH:
                return cls(f"{year:04d}-{month:02d}")
            case Frequency.QUARTER:
                return cls(f"{year:04d}-Q{(month + 2) // 3}")
            case Frequency.HALF_YEAR:
                return cls(f"{year:04d}-S{(month + 5) // 6}")
            case Frequency.YEAR:
                return cls(f"{year:04d}")

    def __str__(self) -> str:
        """The code."""
        return self.text

    @property
    def frequency(self) -> Frequency:
        """Month, quarter, half-year or year."""
        if "Q" in self.text:
            return Frequency.QUARTER
        if "S" in self.text:
            return Frequency.HALF_YEAR
        return Frequency.MONTH if "-" in self.text else Frequency.YEAR

    @property
    def first_day(self) -> date:
        """The first day whose figures count: the 15th of the month before its first month."""
        year, month = self._last_month
        month -= self.frequency.months
        return date(year, month, _FIRST_DAY) if month > 0 else date(year - 1, month + 12, _FIRST_DAY)

    @property
    def last_day(self) -> date:
        """The last day whose figures count: the 14th of its last month."""
        return date(*self._last_month, _LAST_DAY)

    @property
    def starts_at(self) -> datetime:
        """The first moment of the window, in Vietnam's time."""
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=VIETNAM)

    @property
    def ends_at(self) -> datetime:
        """The first moment after the window, in Vietnam's time."""
        day = self.last_day + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)

    def holds(self, moment: datetime | None) -> bool:
        """Whether an aware moment lies in the window; an absent one does not."""
        return moment is not None and self.starts_at <= moment < self.ends_at

    @property
    def _last_month(self) -> tuple[int, int]:
        match = _CODE.fullmatch(self.text)
        if match is None:
            raise ValueError(f"{self.text!r} is no reporting period")
        year = int(match["year"])
        if match["quarter"]:
            return year, int(match["quarter"]) * 3
        if match["half"]:
            return year, int(match["half"]) * 6
        return year, int(match["month"]) if match["month"] else 12
