"""Signed headers, times and tolerant boundary types of the axis."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ebrvt_adapters.vxp import wire

VECTORS = Path(__file__).parents[2] / "vectors" / "vxp" / "wire.jsonl"
CAPTURES = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
SECRET = "s3cret-test"


def received(capture):
    """The captured headers as text: the file shows bytes as latin-1, the axis' text is UTF-8."""
    return [(name, value.encode("latin-1").decode()) for name, value in capture["headers"]]


def logical_of(capture):
    headers = dict(received(capture))
    names = headers["XroadVnpt-sign-header-key"].split(";")
    return tuple((name, headers["XroadVnpt-" + name]) for name in names)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture["line"].split()[1])
def test_captured_request_is_signed_byte_for_byte(capture):
    made = wire.signed_headers(logical_of(capture), SECRET)
    caught = received(capture)

    ours = [header for header in caught if header[0].startswith("XroadVnpt-")]
    assert [header for header in made if header[0].startswith("XroadVnpt-")] == ours
    assert {header for header in made if header not in ours} == {
        header for header in caught if header[0] in {"Content-Type", "User-Agent"}
    }


def test_there_are_eleven_captures():
    assert len(CAPTURES) == 11


def test_file_hash_drops_leading_zeros_as_the_vendor_does():
    digest = "8d55f6c7bf7cd534cf027a10e1bb5731c68279c3cb991c0f4844774c685b3758"

    assert wire.file_hash(digest) == "8d55f6c7bf7cd534cf27a10e1bb5731c68279c3cb991cf4844774c685b3758"
    assert wire.file_hash(digest, padded=True) == digest


def test_timestamp_is_local_time_with_milliseconds_behind_the_plus():
    moment = datetime(2026, 11, 22, 21, 4, 41, 537_999, tzinfo=UTC)

    assert wire.timestamp(moment) == "23112026T040441+0537"
    assert wire.parse_timestamp("23112026T040441+0537") == moment.replace(microsecond=537_000)


@pytest.mark.parametrize("text", ["", "23112026T040441", "23112026T040441+07:00", "32112026T040441+0000"])
def test_timestamp_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        wire.parse_timestamp(text)


def test_line_separators_are_escaped_as_the_vendor_escapes_them():
    text = wire.sign_header([("title", 'a\u2028b\u2029c "d" \\ \n')])

    assert text == '{"XroadVnpt-title":"a\\u2028b\\u2029c \\"d\\" \\\\ \\n"}'


@pytest.mark.parametrize("value", ["Về việc", "a\r\nb: c", "\x00", "é"])
def test_header_that_would_be_mangled_is_named(value):
    assert wire.unsendable([("systemid", "x"), ("title", value)]) == "title"


def test_plain_headers_can_be_sent():
    assert wire.unsendable([("to", '["000.00.00.G22"]'), ("empty", "")]) is None


@pytest.mark.parametrize(
    "text", ["2026-11-23 08:00:00", "23/11/2026 08:00:00", "2026-11-23T08:00:00", "2026-11-23 08:00:00.0"]
)
def test_list_times_seen_in_the_field_are_read(text):
    assert wire.parse_list_time(text) == datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30 08:00:00"])
def test_unknown_list_time_is_no_time(text):
    assert wire.parse_list_time(text) is None


def test_list_time_is_written_local():
    assert (
        wire.list_time(datetime(2026, 11, 23, 1, tzinfo=UTC) + timedelta(seconds=5)) == "23/11/2026 08:00:05"
    )


@pytest.mark.parametrize(
    ("answer", "succeeded", "contradicts"),
    [
        ({"status": "OK", "ErrorCode": "0"}, True, False),
        ({"status": "OK", "ErrorCode": 0}, True, False),
        ({"ErrorCode": "0"}, True, False),
        ({"status": "FAIL", "ErrorCode": "0"}, False, True),
        ({"status": "OK", "ErrorCode": "5"}, False, True),
        ({"status": "FAIL", "ErrorCode": "5"}, False, False),
        ({"status": "OK", "ErrorCode": ""}, False, True),
        ({"status": "OK", "ErrorCode": None}, False, True),
        ({"status": "OK", "ErrorCode": "00"}, False, True),
    ],
)
def test_only_error_code_zero_is_success(answer, succeeded, contradicts):
    envelope = wire.envelope_of(answer)

    assert envelope is not None
    assert envelope.succeeded is succeeded
    assert envelope.contradicts_itself is contradicts


@pytest.mark.parametrize("value", [None, [], "OK", 0, {}, {"status": "OK"}, {"ErrorCode": []}])
def test_what_has_no_error_code_is_no_envelope(value):
    assert wire.envelope_of(value) is None


def test_unknown_fields_of_a_row_are_kept():
    row = wire.ReceivedEdoc.model_validate({"docId": 17, "created_time": None, "moi": "x"})

    assert (row.doc_id, row.created_time) == ("17", "")
    assert row.model_extra == {"moi": "x"}
