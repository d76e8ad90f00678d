"""When a system is left alone by the calendar (lịch ngừng giao dịch): windows, quiet hours, public holidays.

A closing is one line of text in Vietnam's time (+07:00, no daylight saving):

* `Sat 22:00-Sun 06:00`: every week, from one day's hour to the other's;
* `daily 23:00-01:00`, `Mon-Fri 11:30-13:00`, `Sun 00:00-24:00`: on each of these days; an end not after its
  beginning is on the next day;
* `2026-12-01 08:00/2026-12-02 17:00`: once;
* `public holidays`: whole days, from a dated table (`Holidays`), since the government moves them every year.

Closings may overlap and touch: a system opens when none of them holds. The beginning belongs to a closing,
its end does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from ebrvt_connect.model.period import VIETNAM

PUBLIC_HOLIDAYS = "public holidays"
"""The closing that needs the table."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_HOUR = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00"
_WEEKLY = re.compile(rf"({_DAY}) +({_HOUR}) *- *({_DAY}) +({_HOUR})", re.IGNORECASE)
_DAILY = re.compile(rf"(?:daily|({_DAY})(?:-({_DAY}))?) +({_HOUR}) *- *({_HOUR})", re.IGNORECASE)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ONCE = re.compile(rf"({_DATE})[ T]({_HOUR}) */ *({_DATE})[ T]({_HOUR})")
_DAY_LENGTH = timedelta(days=1)
_WEEK = timedelta(days=7)
_FURTHEST = timedelta(days=400)
"""Who does not open within so long never does."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Left alone until then, because of the closing in these words."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays known (ngày nghỉ lễ, Tết), by date, with their names in Vietnamese."""

    names: Mapping[date, str] = field(default_factory=dict)
    announced: frozenset[int] = frozenset()
    """Years whose days off have been fixed by a notice; others may still change."""

    def span(self, day: date) -> tuple[date, date] | None:
        """The holidays in a row around a day, as first day and day after; None where it is none."""
        if day not in self.names:
            return None
        first, after = day, day + _DAY_LENGTH
        while first - _DAY_LENGTH in self.names:
            first -= _DAY_LENGTH
        while after in self.names:
            after += _DAY_LENGTH
        return first, after


@dataclass(frozen=True, slots=True)
class Closing:
    """One closing, read from its words by `closing_of`."""

    words: str
    every: timedelta | None = None
    """A week, or None for what happens once or by the table."""
    begins: tuple[datetime, ...] = ()
    """In Vietnam's time; of a weekly one those of some week in the past."""
    length: timedelta = timedelta(0)

    def end_of(self, moment: datetime, holidays: Holidays) -> datetime | None:
        """When the closing that holds at `moment` ends; None where it does not hold."""
        if self.words == PUBLIC_HOLIDAYS:
            span = holidays.span(moment.astimezone(VIETNAM).date())
            return span and datetime.combine(span[1], time(), VIETNAM)
        ends = (self._end(begin, moment) for begin in self.begins)
        return max((end for end in ends if end is not None), default=None)

    def _end(self, begin: datetime, moment: datetime) -> datetime | None:
        if self.every is not None:
            begin = moment - (moment - begin) % self.every
        return begin + self.length if begin <= moment < begin + self.length else None


@dataclass(frozen=True, slots=True)
class Calendar:
    """When one system is left alone; made empty, it never is."""

    closings: tuple[Closing, ...] = ()
    holidays: Holidays = Holidays()

    def closed(self, now: datetime) -> Closed | None:
        """Whether it is left alone now, until when at the latest, and why; None while it is open."""
        first, until = "", now
        while until - now < _FURTHEST:
            found = self._holding(until)
            if found is None:
                break
            first, until = first or found[1], found[0]
        return Closed(until.astimezone(now.tzinfo), first) if first else None

    def opens(self, now: datetime) -> bool:
        """Whether it is ever open from `now` on: closings that leave no gap are a mistake."""
        found = self.closed(now)
        return found is None or found.until - now < _FURTHEST

    def _holding(self, moment: datetime) -> tuple[datetime, str] | None:
        ends = ((closing.end_of(moment, self.holidays), closing.words) for closing in self.closings)
        return max(((end, words) for end, words in ends if end is not None), default=None)


def closing_of(text: str) -> Closing:
    """Read one closing; raises `ValueError` for words that are none."""
    words = " ".join(text.split())
    if words.lower() == PUBLIC_HOLIDAYS:
        return Closing(PUBLIC_HOLIDAYS)
    for pattern, read in ((_WEEKLY, _weekly), (_DAILY, _daily), (_ONCE, _once)):
        if match := pattern.fullmatch(words):
            return read(words, match)
    raise ValueError(f"not a closing: {text!r}")


def _weekly(words: str, match: re.Match[str]) -> Closing:
    begin, end = _in_week(match[1], match[2]), _in_week(match[3], match[4])
    length = (end - begin) % _WEEK
    if not length:
        raise ValueError(f"never open: {words!r}")
    return Closing(words, _WEEK, (begin,), length)


def _daily(words: str, match: re.Match[str]) -> Closing:
    days = _days(match[1], match[2])
    begin, end = _hour(match[3]), _hour(match[4])
    length = end - begin if end > begin else end - begin + _DAY_LENGTH
    return Closing(words, _WEEK, tuple(_in_week(day, match[3]) for day in days), length)


def _once(words: str, match: re.Match[str]) -> Closing:
    begin, end = _at(match[1], match[2]), _at(match[3], match[4])
    if end <= begin:
        raise ValueError(f"ends before it begins: {words!r}")
    return Closing(words, None, (begin,), end - begin)


def _days(first: str | None, last: str | None) -> Iterator[str]:
    if first is None:
        yield from _DAYS
        return
    nth, count = _nth(first), (_nth(last or first) - _nth(first)) % 7 + 1
    yield from (_DAYS[(nth + n) % 7] for n in range(count))


def _nth(day: str) -> int:
    return _DAYS.index(day.title())


def _hour(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _in_week(day: str, hour: str) -> datetime:
    """That day and hour of a week long ago; 1 January 1990 was a Monday."""
    return datetime(1990, 1, 1, tzinfo=VIETNAM) + timedelta(days=_nth(day)) + _hour(hour)


def _at(day: str, hour: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), VIETNAM) + _hour(hour)
