"""Taking DER sets and sequences apart without making objects of them."""

import pytest

from ebrvt_connect.trust.der_count import content_of, has_more_than, values_in

LONG = b"\x04\x81\x80" + bytes(128)


@pytest.mark.parametrize(
    ("members", "expected"),
    [(None, ()), (b"", ()), (b"\x05\x00\x02\x01\x07", (b"\x05\x00", b"\x02\x01\x07")), (LONG, (LONG,))],
)
def test_values_are_taken_out_as_they_stand(members, expected):
    assert values_in(members, 2) == expected


@pytest.mark.parametrize(
    "members",
    [
        b"\x05",
        b"\x04\x02x",
        b"\x30\x80",
        b"\x30\x80\x05\x00\x00",
        b"\x04\x80\x00\x00",
        b"\x1f\x20\x00",
        b"\x04\x85\x01",
        b"\x05\x00" * 3,
        b"\x30\x80" * 1000 + bytes(2000),
        b"\x30\x80" + b"\x05\x00" * 100_000 + bytes(2),
    ],
)
def test_what_does_not_read_or_is_too_many_is_refused(members):
    with pytest.raises(ValueError, match="values"):
        values_in(members, 2)


def test_contents_are_those_of_one_value_of_its_tag():
    assert content_of(LONG, 0x04) == bytes(128)
    assert content_of(b"\x30\x00", 0x30) == b""
    for value, tag in ((LONG, 0x30), (LONG + b"\x05\x00", 0x04), (b"", 0x30), (b"\x30\x05", 0x30)):
        with pytest.raises(ValueError, match="tag"):
            content_of(value, tag)


def test_counting_and_taking_apart_agree():
    assert not has_more_than(3, b"\x05\x00" * 3)
    assert has_more_than(2, b"\x05\x00" * 3)
    assert len(values_in(b"\x05\x00" * 3, 3)) == 3


def test_a_value_without_a_length_ends_where_it_says():
    token = b"\x30\x80\xa0\x80\x04\x02\x00\x00\x00\x00\x05\x00\x00\x00"

    assert values_in(token + b"\x05\x00", 2) == (token, b"\x05\x00")
    assert content_of(token, 0x30) == token[2:-2]
    assert values_in(b"\x30\x80\x00\x00", 1) == (b"\x30\x80\x00\x00",)
