"""Reporting periods: the mid-month windows of NĐ 09/2019, to the microsecond."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.period import VIETNAM, Frequency, ReportingPeriod


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        ("2019-Q3", date(2019, 6, 15), date(2019, 9, 14)),
        ("2019-Q1", date(2018, 12, 15), date(2019, 3, 14)),
        ("2019-S1", date(2018, 12, 15), date(2019, 6, 14)),
        ("2019-S2", date(2019, 6, 15), date(2019, 12, 14)),
        ("2019-09", date(2019, 8, 15), date(2019, 9, 14)),
        ("2019-01", date(2018, 12, 15), date(2019, 1, 14)),
        ("2019", date(2018, 12, 15), date(2019, 12, 14)),
    ],
)
def test_a_period_ends_on_the_fourteenth_of_its_last_month(code: str, first: date, last: date) -> None:
    period = ReportingPeriod.parse(code)

    assert (period.first_day, period.last_day) == (first, last)


def test_the_last_microsecond_of_the_fourteenth_counts_and_the_next_does_not() -> None:
    period = ReportingPeriod.parse("2019-Q3")
    edge = datetime(2019, 9, 15, tzinfo=VIETNAM)

    assert period.holds(edge - timedelta(microseconds=1))
    assert not period.holds(edge)
    assert period.holds(datetime(2019, 6, 15, tzinfo=VIETNAM))
    assert not period.holds(datetime(2019, 6, 15, tzinfo=VIETNAM) - timedelta(microseconds=1))


def test_the_edge_is_vietnams_midnight_not_utcs() -> None:
    assert not ReportingPeriod.parse("2019-Q3").holds(datetime(2019, 9, 14, 17, tzinfo=UTC))


def test_what_has_no_time_lies_in_no_window() -> None:
    assert not ReportingPeriod.parse("2019").holds(None)


@pytest.mark.parametrize(
    "text", ["", "2019-Q5", "2019-S0", "2019-13", "2019-00", "19-Q3", "0000", "2019-Q3x"]
)
def test_anything_else_is_refused_with_the_four_forms_named(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        ReportingPeriod.parse(text)

    assert refused.value.code == "PERIOD_INVALID"
    assert "2019-Q3" in refused.value.advice_vi


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(list(Frequency)))
def test_every_day_lies_in_the_period_that_contains_it(day: date, frequency: Frequency) -> None:
    period = ReportingPeriod.containing(day, frequency)

    assert period.frequency is frequency
    assert period.first_day <= day <= period.last_day
    assert period.holds(datetime(day.year, day.month, day.day, 23, 59, 59, 999_999, tzinfo=VIETNAM))
    assert ReportingPeriod.parse(str(period)) == period


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_the_day_after_a_quarter_opens_the_next_one(day: date) -> None:
    quarter = ReportingPeriod.containing(day, Frequency.QUARTER)
    following = ReportingPeriod.containing(quarter.last_day + timedelta(days=1), Frequency.QUARTER)

    assert following.starts_at == quarter.ends_at
