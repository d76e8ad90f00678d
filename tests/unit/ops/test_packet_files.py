"""Names from the other side become harmless file names of ours, whatever they are."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.ops.packet_files import harmless_name, write_new


@given(name=st.text(max_size=400), seq=st.integers(1, 9999))
def test_every_name_is_one_printable_file_name_of_a_bounded_length(name, seq):
    made = harmless_name(seq, name)
    assert made.startswith(f"{seq:02d}-")
    assert made.isprintable()
    assert PurePosixPath(made).parts == (made,)
    assert PureWindowsPath(made).parts == (made,)
    assert not set(made) & set('<>:"|?*')
    assert not made.endswith((" ", "."))
    assert len(made.encode()) <= 200


@given(names=st.lists(st.text(max_size=30), max_size=20))
def test_no_two_files_of_a_packet_share_a_name(names):
    assert len({harmless_name(seq, name) for seq, name in enumerate(names, start=1)}) == len(names)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Báo cáo quý III.pdf", "01-Báo cáo quý III.pdf"),
        ("../../etc/passwd", "01-passwd"),
        ("C:\\Windows\\a.dll", "01-a.dll"),
        ("..", "01-attachment"),
        ("", "01-attachment"),
        (".bashrc", "01-bashrc"),
        ("a.tar.gz", "01-a.tar.gz"),
        ("CON", "01-CON"),
        ("a" * 300 + ".pdf", "01-" + "a" * 150 + ".pdf"),
        ("a." + "b" * 300, "01-a." + "b" * 20),
    ],
)
def test_what_becomes_of_a_name(name, made):
    assert harmless_name(1, name) == made


def test_a_file_that_is_there_is_left_as_it_is(tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a", [b"theirs"])
    assert (tmp_path / "a").read_bytes() == b"mine"


def test_a_half_written_file_is_taken_away_again(tmp_path):
    def breaking_off():
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_new(tmp_path / "a", breaking_off())
    assert list(tmp_path.iterdir()) == []
