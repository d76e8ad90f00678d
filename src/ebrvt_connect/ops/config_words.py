"""How a wrong setting is told: on which line it stands, what it may be, and which known name is nearest."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from pydantic import BaseModel

from ebrvt_connect.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Loc: TypeAlias = tuple[int | str, ...]
"""Where a value stands: `("links", 0, "carries")`."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\"-][\w.\" -]*?)\s*\]\]?\s*")
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


def nearest_key(loc: Loc, model: type[BaseModel], *, but: frozenset[str] = frozenset()) -> str:
    """The known key most like the unknown one at `loc`, looked for beside it; `but` are left out."""
    inner: type[BaseModel] | None = model
    for part in loc[:-1]:
        if isinstance(part, str) and inner is not None and part in inner.model_fields:
            kinds = kinds_of(inner.model_fields[part].annotation)
            inner = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
    fields = (inner or model).model_fields
    names = [name for key, field in fields.items() if (name := field.alias or key) not in but]
    close = difflib.get_close_matches(str(loc[-1]), names, n=1, cutoff=0.0)
    return close[0] if close else "?"


def kinds_of(annotation: object) -> list[type]:
    """The classes an annotation names, whatever they are wrapped in (`X | None`, `tuple[X, ...]`)."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [kind for argument in get_args(annotation) for kind in kinds_of(argument)]


def line_of(loc: Loc, text: str) -> int | None:
    """The line a value stands on (from 1); its table's where it has none; None where that has none either.

    Read by line and not by the TOML parser, which forgets where things stood.
    """
    table: Loc = ()
    seen = Counter[str]()
    best, found = 0, None
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.split("#")[0]
        header = _HEADER.fullmatch(bare)
        if header:
            table = _table(header[1], header[2], seen)
            depth = _common(table, loc)
            deep = depth if depth == min(len(table), len(loc)) else 0
        else:
            deep = _deepest(table, loc, bare)
        if deep > best:
            best, found = deep, number
    return found


def _table(brackets: str, name: str, seen: Counter[str]) -> Loc:
    parts = tuple(part.strip(' "') for part in name.split("."))
    if brackets == "[":
        return parts
    seen[name] += 1
    return (*parts, seen[name] - 1)


def _common(one: Loc, other: Loc) -> int:
    same = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        same += 1
    return same


def _deepest(table: Loc, loc: Loc, line: str) -> int:
    """How much of `loc` a line of `table` names; 0 for a line of another table."""
    if loc[: len(table)] != table:
        return 0
    for depth in range(len(loc), len(table), -1):
        name = loc[depth - 1]
        if isinstance(name, str) and re.search(rf"(?:^|[\s{{,.])\"?{re.escape(name)}\"?\s*[=.]", line):
            return depth
    return 0


def _as_part(sentence: str) -> str:
    """A sentence as a part of a longer one."""
    return f"{sentence[:1].lower()}{sentence[1:]}".removesuffix(".")


def _in_words(value: object) -> str:
    return str(value).replace(" or ", " hoặc ").replace(" seconds", " giây")
