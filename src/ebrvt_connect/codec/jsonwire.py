"""JSON on the wire, strict (RFC 8259): UTF-8, no NaN, no key twice, bounded in size, depth and number.

Python's own reader takes NaN and Infinity, keeps the last of two equal keys and overflows the stack on
deep nesting; a remote that sends such things is misread rather than refused.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from ebrvt_connect.errors import InvalidValue, explain

JSON_MALFORMED = explain(
    "JSON_MALFORMED",
    "Dữ liệu JSON bị hỏng hoặc sai cú pháp (dòng {line}, cột {column}).",
    "Báo đơn vị vận hành hệ thống gửi kiểm tra lại dữ liệu trả về.",
)
JSON_TOO_LARGE = explain(
    "JSON_TOO_LARGE",
    "Dữ liệu JSON lớn hơn giới hạn cho phép ({limit} byte).",
    "Giảm số bản ghi mỗi lần lấy, hoặc nâng giới hạn trong cấu hình nếu đúng quy định.",
)
JSON_TOO_DEEP = explain(
    "JSON_TOO_DEEP",
    "Dữ liệu JSON lồng nhau quá sâu (hơn {limit} cấp).",
    "Kiểm tra nguồn gốc dữ liệu với đơn vị vận hành hệ thống gửi.",
)
JSON_TOO_MANY_VALUES = explain(
    "JSON_TOO_MANY_VALUES",
    "Dữ liệu JSON có quá nhiều giá trị (hơn {limit}).",
    "Giảm số bản ghi mỗi lần lấy, hoặc báo đơn vị vận hành hệ thống gửi kiểm tra lại dữ liệu.",
)
JSON_ENCODING_INVALID = explain(
    "JSON_ENCODING_INVALID",
    "Dữ liệu JSON không đúng bảng mã UTF-8.",
    "Báo đơn vị vận hành hệ thống gửi sửa phần mềm để xuất dữ liệu theo UTF-8.",
)
JSON_KEY_REPEATED = explain(
    "JSON_KEY_REPEATED",
    "Dữ liệu JSON có trường “{name}” xuất hiện hai lần nên không biết giá trị nào là đúng.",
    "Báo đơn vị vận hành hệ thống gửi sửa phần mềm.",
)
JSON_NUMBER_INVALID = explain(
    "JSON_NUMBER_INVALID",
    "Dữ liệu JSON có số không hợp lệ ({got}).",
    "Báo đơn vị vận hành hệ thống gửi sửa phần mềm.",
)
JSON_TEXT_INVALID = explain(
    "JSON_TEXT_INVALID",
    "Dữ liệu JSON có ký tự không hợp lệ trong nội dung chữ.",
    "Sửa nội dung ở hệ thống gửi (thường do sao chép từ tệp khác) rồi gửi lại.",
)

JsonValue = None | bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON can say."""

_BOM = b"\xef\xbb\xbf"
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_FORBIDDEN_IN_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """How much JSON is read before it is refused."""

    body_bytes: int = 8 * 1024 * 1024
    depth: int = 32
    """Objects and arrays within each other."""
    values: int = 250_000
    """Brackets and commas: a small object takes 30 times the memory of its text."""


JSON_LIMITS = JsonLimits()


@dataclass(frozen=True, slots=True)
class JsonReading:
    """A value read, and whether a byte order mark stood before it (tolerated, not correct)."""

    value: JsonValue
    had_bom: bool


def read_json(body: bytes, limits: JsonLimits = JSON_LIMITS) -> JsonReading:
    """Read one JSON value; raises `InvalidValue` `JSON_…` for everything not strictly JSON."""
    if len(body) > limits.body_bytes:
        limit = limits.body_bytes
        raise InvalidValue(JSON_TOO_LARGE, f"JSON exceeds {limit} bytes", limit=limit)
    plain = body.removeprefix(_BOM)
    _check_shape(plain, limits)
    value = _parsed(_decoded(plain))
    if _SUSPECT_ESCAPE.search(plain):
        _check_texts(value)
    return JsonReading(value, had_bom=len(plain) < len(body))


def json_value(body: bytes, limits: JsonLimits = JSON_LIMITS) -> JsonValue:
    """`read_json` for callers who do not care about a byte order mark."""
    return read_json(body, limits).value


def write_json(value: JsonValue) -> bytes:
    """Compact UTF-8 JSON in the order given; raises `ValueError` for NaN, Infinity or a lone surrogate."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as failure:
        detail = f"JSON not UTF-8 at byte {failure.start}"
        raise InvalidValue(JSON_ENCODING_INVALID, detail) from failure


def _check_shape(body: bytes, limits: JsonLimits) -> None:
    """Count brackets and commas outside of strings before the reader, recursive and greedy, meets them."""
    depth, values = 0, 1
    for token in _MARKS.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            values += 1
            if depth > limits.depth:
                limit = limits.depth
                raise InvalidValue(JSON_TOO_DEEP, f"JSON nested deeper than {limit}", limit=limit)
        elif mark in b"]}":
            depth -= 1
        elif mark == b",":
            values += 1
        if values > limits.values:
            limit = limits.values
            raise InvalidValue(JSON_TOO_MANY_VALUES, f"JSON has more than {limit} values", limit=limit)


def _parsed(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_number, parse_float=_float, parse_int=_int
        )
    except json.JSONDecodeError as failure:
        # The message alone: `str()` of it is safe, `failure.doc` would be the whole body.
        detail = f"JSON not well-formed: {failure.msg}"
        raise InvalidValue(JSON_MALFORMED, detail, line=failure.lineno, column=failure.colno) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        twice = counted.most_common(1)[0][0][:80]
        raise InvalidValue(JSON_KEY_REPEATED, f"key {twice!r} given twice", name=twice)
    return made


def _refuse_number(text: str) -> NoReturn:
    raise InvalidValue(JSON_NUMBER_INVALID, f"not a JSON number: {text[:40]}", got=text[:40])


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # longer than the interpreter is willing to convert
        _refuse_number(text)


def _check_texts(value: JsonValue) -> None:
    if any(_FORBIDDEN_IN_TEXT.search(text) for text in _texts(value)):
        raise InvalidValue(JSON_TEXT_INVALID, "text with NUL or half a surrogate pair")


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text and key, without recursion."""
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            waiting.extend(item.values())
        else:
            waiting.extend(item if isinstance(item, list) else ())
