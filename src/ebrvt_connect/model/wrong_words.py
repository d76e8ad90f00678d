"""What is wrong with a value that somebody wrote into a file of ours, in Vietnamese."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from ebrvt_connect.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WHAT_VI = {
    "missing": "thiếu mục bắt buộc này",
    "literal_error": "chỉ nhận {expected}",
    "enum": "chỉ nhận {expected}",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "int_from_float": "phải là số nguyên",
    "float_type": "phải là số",
    "float_parsing": "phải là số",
    "bool_type": "phải là true hoặc false",
    "bool_parsing": "phải là true hoặc false",
    "string_type": "phải là chuỗi ký tự đặt trong dấu nháy",
    "path_type": "phải là đường dẫn đặt trong dấu nháy",
    "tuple_type": "phải là danh sách đặt trong dấu [ ]",
    "list_type": "phải là danh sách đặt trong dấu [ ]",
    "dict_type": "phải là bảng đặt trong dấu {{ }}",
    "model_type": "phải là bảng đặt trong dấu {{ }}",
    "model_attributes_type": "phải là bảng đặt trong dấu {{ }}",
    "greater_than": "phải lớn hơn {gt}",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than": "phải nhỏ hơn {lt}",
    "less_than_equal": "không được quá {le}",
    "string_pattern_mismatch": "phải theo mẫu {pattern}",
    "string_too_short": "phải có ít nhất {min_length} ký tự",
    "string_too_long": "không được dài quá {max_length} ký tự",
    "too_short": "phải có ít nhất {min_length} giá trị",
    "too_long": "không được có quá {max_length} giá trị",
    "date_type": "phải là ngày, ví dụ 2026-11-23",
    "date_from_datetime_parsing": "phải là ngày, ví dụ 2026-11-23",
}
"""By pydantic's name of what is wrong; the places are filled from what it says beside."""
_OTHERWISE_VI = "giá trị không dùng được"
_CHOICES = frozenset({"literal_error", "enum"})


def what_is_wrong(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, as half a sentence; the value itself, which may be a secret, is not said.

    `error` is one of pydantic's, with its context. Our own refusals speak for themselves.
    """
    context = error.get("ctx", {})
    refusal = context.get("error")
    if isinstance(refusal, InvalidValue):
        return "; ".join(_as_part(said) for said in (refusal.sentence_vi, refusal.advice_vi))
    said = _WHAT_VI.get(error["type"], _OTHERWISE_VI)
    said = said.format_map({name: _in_words(value) for name, value in context.items()})
    if error["type"] in _CHOICES and isinstance(error.get("input"), str):
        said += perhaps(error["input"], re.findall(r"'([^']+)'", str(context.get("expected", ""))))
    return said


def perhaps(got: str, known: Iterable[str]) -> str:
    """`; có lẽ là “dossier”`, or nothing where nothing known is like it."""
    close = difflib.get_close_matches(got, list(known), n=1, cutoff=0.5)
    return f"; có lẽ là “{close[0]}”" if close else ""


def unknown_name(name: str, known: Iterable[str]) -> str:
    """That a file has no place for this name, with the known one most like it."""
    return f"không có mục “{name[:40]}”{perhaps(name, known)}"


def _as_part(sentence: str) -> str:
    """A sentence as a part of a longer one."""
    return f"{sentence[:1].lower()}{sentence[1:]}".removesuffix(".")


def _in_words(value: object) -> str:
    return str(value).replace(" or ", " hoặc ").replace(" seconds", " giây")
