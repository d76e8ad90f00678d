"""What a stranger made is read up to a limit, and no further."""

import io

import pytest

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.ports.bounded import read_bounded

TOO_LARGE = explain("TEST_TOO_LARGE", "Tệp quá lớn.", "Gửi tệp nhỏ hơn.")


@pytest.mark.parametrize("length", [0, 9, 10])
def test_within_the_limit_all_of_it_is_read(tmp_path, length):
    (tmp_path / "tep").write_bytes(b"x" * length)
    refusal = InvalidValue(TOO_LARGE, "too large")

    assert read_bounded(tmp_path / "tep", 10, too_large=refusal) == b"x" * length


def test_past_the_limit_one_byte_tells_whoever_weighs_it(tmp_path):
    (tmp_path / "tep").write_bytes(b"x" * 1000)

    assert len(read_bounded(tmp_path / "tep", 10)) == 11
    assert len(read_bounded(io.BytesIO(b"x" * 1000), 10)) == 11


def test_past_the_limit_the_error_given_is_raised():
    with pytest.raises(InvalidValue) as refused:
        read_bounded(io.BytesIO(b"x" * 11), 10, too_large=InvalidValue(TOO_LARGE, "too large"))

    assert refused.value.code == "TEST_TOO_LARGE"
