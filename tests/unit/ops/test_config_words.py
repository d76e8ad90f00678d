"""How a wrong setting is told: its line, what would be right, the nearest known name."""

from datetime import timedelta
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ops.config_words import line_of, nearest_key, perhaps, what_is_wrong

TEXT = """\
[systems.qlvb]                       # 1
adapter = "qlvb"
transport = { url = "https://a" }    # 3
[systems.axis]
adapter = "vxp"
transport = { url = "https://b", ca = "x" }

[systems.axis.settings]
agencies = [
  "H06.15",
]
"poll" = 2                           # 12

[[links]]
name = "a"
[[links]]
name = "b"                           # 17
gates = []
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("systems", "qlvb", "transport", "url"), 3),
        (("systems", "axis", "transport", "url"), 6),
        (("systems", "axis", "transport", "ca"), 6),
        (("systems", "axis", "settings", "agencies", 0), 9),
        (("systems", "axis", "settings", "poll"), 12),
        (("systems", "axis", "credentials"), 4),
        (("systems", "bo"), None),
        (("links", 0, "name"), 15),
        (("links", 1, "name"), 17),
        (("links", 1, "gates", 0), 18),
        (("links", 1), 16),
        (("systems",), 1),
        (("province", "code"), None),
    ],
)
def test_a_value_is_found_in_its_own_table(loc, line):
    assert line_of(loc, TEXT) == line


class Inner(BaseModel):
    read_seconds: int = Field(ge=1, le=9)


class Settings(BaseModel):
    word: Literal["captured", "sandbox"] = "sandbox"
    code: AgencyCode | None = None
    number: float = Field(default=1.0, gt=0)
    switch: bool = False
    inner: Inner | None = None
    text: Annotated[str, Field(min_length=2, pattern="^a")] = "ab"
    rows: tuple[int, ...] = Field(default=(1,), min_length=1)
    long: timedelta = Field(default=timedelta(1), gt=timedelta(0))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"word": "captrued"}, "chỉ nhận 'captured' hoặc 'sandbox'; có lẽ là “captured”"),
        ({"word": 5}, "chỉ nhận 'captured' hoặc 'sandbox'"),
        ({"code": "Bo TTTT"}, "“Bo TTTT” không phải là mã định danh cơ quan hợp lệ; sửa mã định danh"),
        ({"number": "a"}, "phải là số"),
        ({"number": 0}, "phải lớn hơn 0"),
        ({"switch": "maybe"}, "phải là true hoặc false"),
        ({"inner": {}}, "thiếu mục bắt buộc này"),
        ({"inner": 5}, "phải là bảng đặt trong dấu { }"),
        ({"inner": {"read_seconds": 10}}, "không được quá 9"),
        ({"inner": {"read_seconds": 0}}, "phải từ 1 trở lên"),
        ({"inner": {"read_seconds": "x"}}, "phải là số nguyên"),
        ({"text": "bb"}, "phải theo mẫu ^a"),
        ({"text": "a"}, "phải có ít nhất 2 ký tự"),
        ({"text": 5}, "phải là chuỗi ký tự"),
        ({"rows": []}, "phải có ít nhất 1 giá trị"),
        ({"rows": 5}, "phải là danh sách"),
        ({"long": "-PT1S"}, "phải lớn hơn 0 giây"),
        ({"long": "soon"}, "giá trị không dùng được"),
    ],
    ids=str,
)
def test_what_would_be_right_is_said_in_vietnamese(given, said):
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(given)
    (error,) = refused.value.errors(include_url=False)
    assert what_is_wrong(error).startswith(said)


def test_the_nearest_key_is_looked_for_beside_the_unknown_one():
    assert nearest_key(("numbr",), Settings) == "number"
    assert nearest_key(("inner", "red_seconds"), Settings) == "read_seconds"
    assert nearest_key(("nowhere", "texts"), Settings) == "text"
    assert nearest_key(("words",), Settings, but=frozenset({"word"})) != "word"


def test_a_guess_is_made_only_where_something_is_like_it():
    assert perhaps("dossiers", ["document", "dossier"]) == "; có lẽ là “dossier”"
    assert perhaps("x", ["document"]) == ""
