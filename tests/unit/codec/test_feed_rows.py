"""Rows of a feed that are no good JSON still say whose they are; times at the calendar's end do no harm."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.feed import Cursor, place_of, scalar_of, scalars, unreadable_place
from ebrvt_connect.codec.jsonfields import bounded_moment, parse_moment, written_moment

ROW = rb'{"id": "hs-1", "n": [1, {"x": "a\u0000b"}], "code": "H06", "k": {"code": "z"}, "q": NaN, "e": []}'


def test_every_value_of_a_row_has_its_path():
    assert [path for path, _ in scalars(ROW)] == [
        ("id",),
        ("n", 0),
        ("n", 1, "x"),
        ("code",),
        ("k", "code"),
        ("q",),
    ]
    assert unreadable_place(ROW) == ("n", 1, "x")
    assert unreadable_place(rb'{"a": 1}') == ()


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (ROW, "H06"),
        (rb'{"code": 7}', "7"),
        (rb'{"code": true}', ""),
        (rb'{"code": null}', ""),
        (rb'{"code": "a", "code": "b"}', ""),
        (rb'{"code": "a", "code": "a"}', "a"),
        (rb'{"code": "\u0000"}', ""),
        (rb'{"code": {"code": "a"}}', ""),
        (rb'[{"code": "a"}]', ""),
        (b"[" * 5000 + b"]" * 5000, ""),
        (b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b', "code": "a"}', "a"),
    ],
)
def test_a_name_is_read_from_a_row_that_cannot_be_read(row, value):
    assert scalar_of(row, "code") == value


@given(st.binary(max_size=300))
def test_any_bytes_have_some_values_or_none(row):
    assert all(isinstance(path, tuple) for path, _ in scalars(row))
    unreadable_place(row)


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_any_time_can_be_written(moment):
    assert written_moment(moment)


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:30:00Z", "9999-12-31T23:30:00-05:00", "0001-01-01T00:00:00+07:00"]
)
def test_a_time_at_the_end_of_the_calendar_is_no_value_but_a_place_in_an_order(text):
    with pytest.raises(ValueError, match="calendar"):
        parse_moment(text)
    here = place_of(Cursor(updated_after="2026-11-23T08:00:00+07:00"))
    assert (place_of(Cursor(updated_after=text)) < here) is text.startswith("0001")


def test_the_last_moment_keeps_its_own_offset():
    last = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
    assert written_moment(last) == "9999-12-31T23:30:00+00:00"
    assert written_moment(last.replace(tzinfo=timezone(timedelta(hours=7)))) == "9999-12-31T23:30:00+07:00"
    assert bounded_moment("9999-12-31T23:30:00Z") == last
