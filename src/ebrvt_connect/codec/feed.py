"""Feeds ordered by (updatedAt, id): pages cut into the untouched bytes of their rows, and places. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, Strict, ValidationError

from ebrvt_connect.codec.jsonfields import LONGEST_ID, WireValue, bare_or_empty, bounded_moment
from ebrvt_connect.codec.jsonwire import JsonLimits, json_value
from ebrvt_connect.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class Cursor(WireValue):
    """Where reading the outgoing feed goes on; the time is echoed as it was written."""

    updated_after: Annotated[str, Strict(), Field(min_length=1, max_length=100)]
    after_id: Annotated[str, Strict(), BeforeValidator(bare_or_empty), Field(max_length=LONGEST_ID)] = ""

    def moment(self) -> datetime:
        """The time as a place in the order of the feed; raises `ValueError` when it is none."""
        return bounded_moment(self.updated_after)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed: each row in its own untouched bytes, and what was said of the next page."""

    rows: tuple[bytes, ...]
    next: Any = None


_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)


def page_of(body: bytes, limit_bytes: int) -> Page:
    """A page of a feed; raises `InvalidValue` or `ValueError` when it cannot be read as one.

    The rows are cut out by counting brackets, not by parsing: one row that is no valid JSON of its own
    (a number that is none, a key given twice, a thousand levels) must not take the whole page with it.
    """
    start = _items_start(body)
    rows, end = _rows(body, start)
    rest = json_value(body[:start] + body[end:], JsonLimits(body_bytes=limit_bytes))
    return Page(rows, rest.get("next") if isinstance(rest, dict) else None)


def _items_start(body: bytes) -> int:
    """Where the list of the outermost `items` begins, behind its bracket."""
    depth, before, name = 0, b"", b""
    for token in _TOKENS.finditer(body):
        mark = token[0]
        if depth == 1 and mark == b":":
            name = before
        if depth == 1 and mark == b"[" and before == b":" and name == b'"items"':
            return token.end()
        depth += (mark in {b"[", b"{"}) - (mark in {b"]", b"}"})
        before = mark
    raise ValueError("no list named items")


def _rows(body: bytes, start: int) -> tuple[tuple[bytes, ...], int]:
    """The elements of the list that begins at `start`, and where its closing bracket stands."""
    depth = 0
    rows: list[bytes] = []
    for token in _TOKENS.finditer(body, start):
        mark = token[0]
        if depth == 0 and mark in {b",", b"]"}:
            row = body[start : token.start()].strip()
            if row:
                rows.append(row)
            elif mark == b"," or rows:
                raise ValueError("an element is missing in items")
            if mark == b"]":
                return tuple(rows), token.start()
            start = token.end()
        depth += (mark in {b"[", b"{"}) - (mark in {b"]", b"}"})
    raise ValueError("items does not end")


def scalars(row: bytes) -> Iterator[tuple[tuple[str | int, ...], bytes]]:
    """Each text, number and word of a row with its path, in its own bytes, whether or not they can be read.

    By counting brackets: a row with one bad value still says whose it is, and which value is bad.
    """
    path: list[str | int] = []
    name, end = b"", 0
    for token in _TOKENS.finditer(row):
        mark = token[0]
        between = row[end : token.start()].strip()
        end = token.end()
        if between and path:
            yield tuple(path), between
        if mark in {b"{", b"["}:
            path.append("" if mark == b"{" else 0)
        elif mark in {b"}", b"]"}:
            path = path[:-1]
        elif mark == b",":
            if path and isinstance(path[-1], int):
                path[-1] += 1
        elif mark == b":":
            if path:
                path[-1] = _text(name) or "?"
        elif row[end:].lstrip()[:1] != b":":
            yield tuple(path), mark
        name = mark


def _text(token: bytes) -> str:
    """A JSON text; empty where it cannot be read."""
    try:
        value = json_value(token)
    except InvalidValue:
        return ""
    return value if isinstance(value, str) else ""


def scalar_of(row: bytes, name: str) -> str:
    """A text or whole number a row's object has under a name, even where other values cannot be read.

    Empty where there is none, or two that differ.
    """
    found = {token for path, token in scalars(row) if path == (name,)}
    try:
        value = json_value(found.pop()) if len(found) == 1 else None
    except InvalidValue:
        return ""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def unreadable_place(row: bytes) -> tuple[str | int, ...]:
    """The path of the first value of a row that cannot be read by itself; empty where each can."""
    for path, token in scalars(row):
        try:
            json_value(token)
        except InvalidValue:
            return path
    return ()


def fields_of(row: bytes) -> dict[str, Any]:
    """The fields of a row; none where it is no object that can be read."""
    try:
        value = json_value(row)
    except InvalidValue:
        return {}
    return value if isinstance(value, dict) else {}


def word_of(row: bytes, name: str) -> str:
    """A text field of a row, shortened; empty where it cannot be read."""
    value = fields_of(row).get(name)
    return value.strip()[:100] if isinstance(value, str) else ""


def cursor_of(row: bytes) -> Cursor | None:
    """A row's place in its feed, where it can be read."""
    fields = fields_of(row)
    try:
        cursor = Cursor.model_validate({"updatedAfter": fields.get("updatedAt"), "afterId": fields.get("id")})
        cursor.moment()
    except (ValidationError, ValueError):
        return None
    return cursor


def place_of(cursor: Cursor) -> tuple[datetime, str]:
    """A cursor as a value that can be compared; raises `ValueError` for a time that is none."""
    return cursor.moment(), cursor.after_id
