"""JSON, strictly."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.jsonwire import JsonLimits, json_value, read_json, write_json
from ebrvt_connect.errors import InvalidValue

LIMITS = JsonLimits(body_bytes=20_000, depth=5)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "JSON_MALFORMED"),
        (b"<html>502</html>", "JSON_MALFORMED"),
        (b'{"a": 1', "JSON_MALFORMED"),
        (b'{"a": 1} x', "JSON_MALFORMED"),
        (b"{'a': 1}", "JSON_MALFORMED"),
        (b'"a\x00b"', "JSON_MALFORMED"),
        (b'{"a": 1, "b": 2, "a": 3}', "JSON_KEY_REPEATED"),
        (b'[{"x": {"a": 1, "\\u0061": 2}}]', "JSON_KEY_REPEATED"),
        (b"NaN", "JSON_NUMBER_INVALID"),
        (b"[-Infinity]", "JSON_NUMBER_INVALID"),
        (b"1e999", "JSON_NUMBER_INVALID"),
        (b"1" * 10_000, "JSON_NUMBER_INVALID"),
        (b"[" * 6 + b"]" * 6, "JSON_TOO_DEEP"),
        (b'{"a":' * 6 + b"1" + b"}" * 6, "JSON_TOO_DEEP"),
        (b"[" * 10_000, "JSON_TOO_DEEP"),
        (b" " * 20_001, "JSON_TOO_LARGE"),
        ('"Việt"'.encode("utf-16"), "JSON_ENCODING_INVALID"),
        (b'"Vi\xf2t"', "JSON_ENCODING_INVALID"),
        (b'"\\ud800"', "JSON_TEXT_INVALID"),
        (b'{"\\uDFFF": 1}', "JSON_TEXT_INVALID"),
        (b'{"a": [1, {"b": "\\u0000"}]}', "JSON_TEXT_INVALID"),
        (b'["a\\u0000b"]', "JSON_TEXT_INVALID"),
    ],
)
def test_what_is_not_strict_json_is_refused(body, code):
    with pytest.raises(InvalidValue) as refusal:
        read_json(body, LIMITS)
    assert refusal.value.code == code


def test_the_refusal_quotes_no_content():
    with pytest.raises(InvalidValue) as refusal:
        read_json(b'{"password": "hunter2" oops}')
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_a_byte_order_mark_is_tolerated_and_told():
    assert read_json(b"\xef\xbb\xbf[]").had_bom
    assert not read_json(b"[]").had_bom


def test_brackets_inside_text_are_no_depth():
    text = "[{" * 100 + '\\"' + "[" * 100
    assert json_value(json.dumps({"a": text}).encode(), LIMITS) == {"a": text}


def test_a_surrogate_pair_is_one_character():
    assert json_value(b'{"a": [null, "\\ud83c\\uddfb"]}') == {"a": [None, "🇻"]}
    assert json_value(b'"\\ud83c\\uddfb"') == "🇻"


def test_vietnamese_is_written_as_itself():
    assert write_json({"trích yếu": "Về việc"}) == '{"trích yếu":"Về việc"}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_not_written(value):
    with pytest.raises(ValueError, match=r"."):
        write_json(value)


@given(VALUES)
def test_a_value_written_is_read_back(value):
    assert json_value(write_json(value), JsonLimits(depth=50)) == value


@given(st.binary(max_size=100))
def test_whatever_the_bytes_only_the_one_error_comes_out(body):
    with suppress(InvalidValue):
        read_json(body)


@pytest.mark.parametrize("piece", [b'{"":{}},', b"[],", b"0,", b'"",', b'{"":0},'])
def test_megabytes_of_small_values_are_refused_before_they_are_made(piece):
    body = b"[" + piece * (8 * 1024 * 1024 // len(piece) - 2) + b"0]"
    began = time.process_time()
    with pytest.raises(InvalidValue) as refusal:
        read_json(body)
    assert refusal.value.code == "JSON_TOO_MANY_VALUES"
    assert time.process_time() - began < 2


def test_as_many_values_as_the_limit_says_are_read():
    limits = JsonLimits(values=7)
    assert json_value(b'[1, {"a,b": 2, "c": []}, "x,y,z"]', limits) == [1, {"a,b": 2, "c": []}, "x,y,z"]
    with pytest.raises(InvalidValue) as refusal:
        json_value(b'[1, {"a,b": 2, "c": []}, "x,y,z", 7]', limits)
    assert refusal.value.code == "JSON_TOO_MANY_VALUES"
