"""Base64 cut at any place."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.base64_stream import decode_base64, encode_base64
from ebrvt_connect.errors import InvalidValue

WRAP = st.sampled_from(["", " ", "\n", "\r\n", "\t"])


@given(st.lists(st.binary(max_size=20)))
def test_pieces_encode_to_what_the_whole_encodes_to(chunks):
    assert b"".join(encode_base64(chunks)) == base64.b64encode(b"".join(chunks))


@given(st.binary(max_size=100), st.lists(st.tuples(st.integers(1, 7), WRAP), min_size=1))
def test_text_decodes_however_it_is_cut_and_wrapped(content, cuts):
    text = base64.b64encode(content).decode()
    pieces, at, turn = [], 0, 0
    while at < len(text):
        length, wrap = cuts[turn % len(cuts)]
        pieces.append(text[at : at + length] + wrap)
        at, turn = at + length, turn + 1
    assert b"".join(decode_base64(pieces)) == content


@pytest.mark.parametrize(
    "pieces", [["QQ==", "QQ=="], ["QQ", "=="], ["QQ=", "=", "", " "], ["Q", "Q", "=", "="]]
)
def test_padding_ends_the_text(pieces):
    if pieces == ["QQ==", "QQ=="]:
        with pytest.raises(InvalidValue):
            list(decode_base64(pieces))
    else:
        assert b"".join(decode_base64(pieces)) == b"A"


@pytest.mark.parametrize(
    "pieces", [["Q"], ["QQ"], ["QQ="], ["QQQQ", "Q"], ["Q===", ""], ["QQ-_"], ["QQQQ", "===="]]
)
def test_what_is_not_base64_is_refused(pieces):
    with pytest.raises(InvalidValue) as refusal:
        list(decode_base64(pieces))
    assert refusal.value.code == "BASE64_INVALID"
