"""Envelopes and times as they stand on the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ebrvt_adapters.dvcqg import wire
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.dvcqg.desk import CODE, PASSWORD, SESSION, UNIT, USERNAME, vector


def test_login_is_the_example():
    assert wire.login_body(USERNAME, PASSWORD) == vector("1_login_request")


def test_look_up_is_the_example():
    body = wire.read_body(SESSION, UNIT, wire.Service.TRA_CUU_HO_SO, [("mahoso", CODE)])

    assert body == vector("2_look_up_request")


@pytest.mark.parametrize(("updating", "said"), [(True, b'"True"'), (False, b'"False"')])
def test_is_updating_is_a_text_before_the_data(updating, said):
    body = wire.write_body("s", "u", "DongBoHoSoMC", b"[]", updating=updating)

    assert body == b'{"session":"s","madonvi":"u","service":"DongBoHoSoMC","isUpdating":%b,"data":[]}' % said


def test_data_is_taken_over_as_it_is():
    data = b'[ { "odd" : "\\u0111" } ]'

    assert wire.write_body("s", "u", "x", data).endswith(b',"data":' + data + b"}")


@pytest.mark.parametrize(
    "text", ["", "2023031509300", "202303150930001", "20230230093000", "2023-03-15T09:30", "٢" * 14]
)
def test_time_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        wire.parse_time(text)


@given(st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - aware below
def test_time_there_and_back(moment):
    aware = moment.replace(tzinfo=UTC, microsecond=0)

    assert wire.parse_time(wire.written_time(aware)) == aware


@pytest.mark.parametrize(
    "moment",
    [
        datetime(9999, 12, 31, 23, 30, tzinfo=UTC),
        datetime(999, 12, 31, 16, 59, 59, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_time_without_fourteen_digits_in_vietnam_is_refused(moment):
    with pytest.raises(ValueError, match=r"."):
        wire.written_time(moment)


def test_absent_time_is_empty():
    assert wire.written_time(None) == ""


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"error_code": None}, {"error_code": ""}, {"error_code": False}]
)
def test_answer_without_an_error_code_is_none(value):
    assert wire.envelope_of(value) is None


@pytest.mark.parametrize(("code", "text"), [(0, "0"), ("0", "0"), ("00", "00"), (-1, "-1")])
def test_error_code_may_be_a_number_or_a_text(code, text):
    envelope = wire.envelope_of({"error_code": code, "message": None, "extra": 1})

    assert envelope is not None
    assert (envelope.error_code, envelope.message, envelope.model_extra) == (text, "", {"extra": 1})


def test_session_is_not_shown():
    assert "s3cret" not in repr(wire.envelope_of({"error_code": 0, "session": "s3cret"}))
