"""What the system and the TOML parser say, in Vietnamese."""

import errno
import tomllib

import pytest

from ebrvt_connect.codec.faults_vi import os_fault_vi, toml_fault_vi


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a = 1\nb = "x\n', "sai cú pháp TOML ở dòng 2, cột 7"),
        ('a = """', "sai cú pháp TOML ở cuối tệp"),
    ],
)
def test_a_syntax_error_is_told_by_its_place(text, said):
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert toml_fault_vi(caught.value) == said


def test_other_faults_of_a_file():
    assert toml_fault_vi(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")) == "không phải văn bản UTF-8"
    assert toml_fault_vi(KeyError("branch")) == "thiếu mục branch"
    assert toml_fault_vi(TypeError("x")) == "sai cấu trúc"


def test_the_systems_words():
    assert os_fault_vi(PermissionError(errno.EACCES, "Permission denied")) == "không có quyền truy cập"
    assert os_fault_vi(OSError(0, "lớn hơn 5 byte")) == "lớn hơn 5 byte"
    assert os_fault_vi(OSError("x")) == "OSError"
