"""What commands print is UTF-8, in NFC, and steers no terminal; JSON keeps to JSON."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.model.message import State
from ebrvt_connect.ops.console import note, readable, say, say_json, shown_path

STEERING = [chr(n) for n in (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), 0x200F)]


@given(st.text())
def test_readable_text_steers_nothing_and_keeps_the_rest(text):
    told = readable(text)
    assert not [c for c in told if c in STEERING and c not in "\t\n"]
    if text.isprintable():
        assert readable(told) == told


def test_decomposed_letters_are_composed():
    assert readable("Ba\u0300 Ri\u0323a – Vu\u0303ng Ta\u0300u") == "Bà Rịa – Vũng Tàu"


def test_sentences_go_to_stdout_and_diagnostics_to_stderr(capsys):
    say("Đã gửi\x1b[2J")
    note("đang chờ\x07")
    told = capsys.readouterr()
    assert (told.out, told.err) == (
        "Đã gửi\N{REPLACEMENT CHARACTER}[2J\n",
        "đang chờ\N{REPLACEMENT CHARACTER}\n",
    )


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.booleans()))
def test_json_says_what_it_was_given(value):
    # Texts are normalised; what is equal then stays equal.
    composed = {readable(k): readable(v) if isinstance(v, str) else v for k, v in value.items()}
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("click.echo", lines.append)
        say_json(value)
    (text,) = lines
    read = json.loads(text)
    assert not [c for c in text if c in STEERING and c != "\n"]
    assert {readable(k): readable(v) if isinstance(v, str) else v for k, v in read.items()} == composed


def test_times_are_iso_8601_and_words_are_words(capsys):
    say_json({"at": datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "on": date(2026, 11, 23), "state": State.DONE})
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-11-23T01:00:00+00:00",
        "on": "2026-11-23",
        "state": "done",
    }


def test_a_path_that_is_no_text_is_shown_as_far_as_it_is():
    assert shown_path(Path("a\udcff.pdf")) == "a?.pdf"
    assert shown_path(Path("văn bản.pdf")) == "văn bản.pdf"
