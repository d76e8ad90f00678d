"""When a system is left alone by the calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.calendars import load_holidays
from ebrvt_connect.ops.config import LoadedConfig
from ebrvt_connect.ops.config_model import Config
from ebrvt_connect.resilience.calendar import Calendar, Closed, Closing, Holidays, closing_of


@pytest.fixture(scope="module")
def holidays(tmp_path_factory):
    config = Config.model_validate({"province": {"code": "H06"}})
    return load_holidays(LoadedConfig(config, tmp_path_factory.mktemp("here") / "ebrvt.toml", {}))


def here(text):
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def until(words, text, table=None):
    """When a system with such closings opens, seen from a moment in Vietnam; None where it is open."""
    parts = {} if table is None else {"holidays": table}
    closed = Calendar(tuple(map(closing_of, words)), **parts).closed(here(text).astimezone(UTC))
    return closed and closed.until.astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("words", "moment", "opens"),
    [
        # 2026-11-21 is a Saturday.
        ("Sat 22:00-Sun 06:00", "2026-11-21T21:59:59", None),
        ("Sat 22:00-Sun 06:00", "2026-11-21T22:00", "2026-11-22 06:00"),
        ("Sat 22:00-Sun 06:00", "2026-11-22T05:59:59", "2026-11-22 06:00"),
        ("Sat 22:00-Sun 06:00", "2026-11-22T06:00", None),
        ("Fri 18:00-Mon 07:00", "2026-11-23T06:00", "2026-11-23 07:00"),
        ("daily 23:00-01:00", "2026-12-31T23:30", "2027-01-01 01:00"),
        ("daily 23:00-01:00", "2027-01-01T00:59", "2027-01-01 01:00"),
        ("daily 23:00-01:00", "2027-01-01T01:00", None),
        ("Mon-Fri 11:30-13:00", "2026-11-23T12:00", "2026-11-23 13:00"),
        ("Mon-Fri 11:30-13:00", "2026-11-22T12:00", None),
        ("Fri-Mon 11:30-13:00", "2026-11-22T12:00", "2026-11-22 13:00"),
        ("Fri-Mon 11:30-13:00", "2026-11-24T12:00", None),
        ("Mon 08:00-08:00", "2026-11-23T09:00", "2026-11-24 08:00"),
        ("sun 00:00-24:00", "2026-11-22T23:59", "2026-11-23 00:00"),
        ("2026-12-01 08:00/2026-12-02 17:00", "2026-12-01T08:00", "2026-12-02 17:00"),
        ("2026-12-01 08:00/2026-12-02 17:00", "2026-12-02T17:00", None),
        ("2026-12-01 08:00/2026-12-02 17:00", "2027-12-01T09:00", None),
    ],
)
def test_a_closing_holds_from_its_beginning_up_to_its_end(words, moment, opens):
    assert until([words], moment) == opens


def test_the_hours_are_those_of_vietnam_and_the_answer_is_in_the_askers_zone():
    calendar = Calendar((closing_of("daily 23:00-01:00"),))
    closed = calendar.closed(datetime(2026, 11, 23, 16, 30, tzinfo=UTC))
    assert closed is not None
    assert closed.until == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    assert closed.until.tzinfo is UTC
    assert closed.why == "daily 23:00-01:00"


def test_the_words_of_the_closing_that_holds_now_are_told_and_not_of_what_follows():
    calendar = Calendar((closing_of("daily 08:00-09:00"), closing_of("daily 09:00-10:00")))
    closed = calendar.closed(here("2026-11-23T08:30"))
    assert closed == Closed(here("2026-11-23T10:00"), "daily 08:00-09:00")


def test_of_those_that_hold_now_the_longest_is_told():
    calendar = Calendar(
        tuple(map(closing_of, ["daily 08:00-09:00", "daily 08:00-12:00", "daily 08:00-10:00"]))
    )
    assert calendar.closed(here("2026-11-23T08:30")) == Closed(here("2026-11-23T12:00"), "daily 08:00-12:00")


def test_closings_that_overlap_or_touch_are_one_long_one():
    words = ["Sat 22:00-Sun 06:00", "Sun 05:00-07:00", "2026-11-22 07:00/2026-11-22 09:30"]
    assert until(words, "2026-11-21T23:00") == "2026-11-22 09:30"


@pytest.mark.parametrize(
    "words",
    [
        "Sat 22:00",
        "Sat 22-Sun 06",
        "daily 25:00-01:00",
        "Sat 22:00-Sat 22:00",
        "sometimes",
        "",
        "2026-12-02 08:00/2026-12-01 17:00",
        "2026-12-01 08:00/2026-12-01 08:00",
        "2026-13-02 08:00/2026-13-03 17:00",
    ],
)
def test_what_is_no_closing_is_refused(words):
    with pytest.raises(ValueError, match=r"closing|open|ends|month"):
        closing_of(words)


def test_closings_without_a_gap_are_known_never_to_open():
    now = here("2026-11-23T12:00")
    assert not Calendar((closing_of("daily 00:00-24:00"),)).opens(now)
    assert Calendar((closing_of("daily 00:00-23:59"),)).opens(now)
    assert Calendar().opens(now)


def test_a_closing_of_so_many_days_is_taken_for_never_opening():
    first = here("2026-01-01T00:00")
    for days, opens in ((399, True), (400, False), (401, False)):
        last = (first + timedelta(days=days)).strftime("%Y-%m-%d %H:%M")
        assert Calendar((closing_of(f"2026-01-01 00:00/{last}"),)).opens(first) is opens


def test_the_last_day_of_a_run_of_holidays_and_a_single_one_end_at_midnight():
    days = Holidays({date(2026, 11, n): "lễ" for n in (10, 11, 12, 20)})
    assert days.span(date(2026, 11, 11)) == (date(2026, 11, 10), date(2026, 11, 13))
    assert days.span(date(2026, 11, 20)) == (date(2026, 11, 20), date(2026, 11, 21))
    assert days.span(date(2026, 11, 13)) is None


@pytest.mark.parametrize("day", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
def test_every_day_of_the_week_has_its_name(day):
    moment = next(m for m in (here(f"2026-11-{n}T12:00") for n in range(16, 23)) if m.strftime("%a") == day)
    calendar = Calendar((closing_of(f"{day} 11:00-13:00"),))
    assert calendar.closed(moment) is not None
    assert all(calendar.closed(moment + timedelta(days=n)) is None for n in range(1, 7))


def test_spaces_and_capitals_do_not_matter():
    assert closing_of("  Public  HOLIDAYS ") == Closing("public holidays")
    assert until(["mon   08:00 -  TUE 09:00"], "2026-11-23T08:00") == "2026-11-24 09:00"
    assert until(["2026-11-23T08:00/2026-11-23T09:00"], "2026-11-23T08:00") == "2026-11-23 09:00"


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        ("2024-02-07", None),
        ("2024-02-08", "2024-02-15 00:00"),  # Tết Giáp Thìn
        ("2024-04-18", "2024-04-19 00:00"),  # Giỗ Tổ, 10 tháng Ba âm lịch
        ("2024-04-29", "2024-05-02 00:00"),  # exchanged for Saturday 4 May
        ("2025-01-27", "2025-02-01 00:00"),  # Tết Ất Tỵ
        ("2025-04-07", "2025-04-08 00:00"),
        ("2025-05-02", "2025-05-03 00:00"),  # exchanged for Saturday 26 April
        ("2025-09-01", "2025-09-03 00:00"),
        ("2026-01-02", "2026-01-03 00:00"),  # exchanged for Saturday 10 January
        ("2026-01-10", None),
        ("2026-02-17", "2026-02-21 00:00"),  # Tết Bính Ngọ
        ("2026-04-27", "2026-04-28 00:00"),  # for Giỗ Tổ on a Sunday
        ("2026-08-31", "2026-09-03 00:00"),  # exchanged for Saturday 22 August
        ("2026-11-24", "2026-11-25 00:00"),  # Ngày Văn hóa Việt Nam
    ],
)
def test_public_holidays_follow_the_notice_of_each_year(holidays, day, opens):
    assert until(["public holidays"], f"{day}T10:00", holidays) == opens


def test_a_holiday_and_the_quiet_night_after_it_are_one(holidays):
    words = ["public holidays", "daily 23:00-06:30"]
    assert until(words, "2026-02-15T23:30", holidays) == "2026-02-21 06:30"


def test_years_without_a_notice_are_known(holidays):
    assert holidays.announced >= {2024, 2025, 2026}
    assert 2027 not in holidays.announced


def test_every_moment_of_a_year_is_either_open_or_opens_later(holidays):
    calendar = Calendar(
        tuple(map(closing_of, ["Sat 22:00-Sun 06:00", "daily 23:00-01:00", "public holidays"])), holidays
    )
    moment = here("2026-01-01T00:00")
    while moment.year == 2026:
        closed = calendar.closed(moment)
        if closed is not None:
            assert closed.until > moment
            assert calendar.closed(closed.until) is None
            assert calendar.closed(closed.until - timedelta(seconds=1)) is not None
        moment += timedelta(hours=2, minutes=47)
