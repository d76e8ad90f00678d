"""How a wrong setting is told: on which line it stands, what it may be, and which known name is nearest."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import TypeAlias, get_args

from pydantic import BaseModel

from ebrvt_connect.model.wrong_words import perhaps, what_is_wrong

Loc: TypeAlias = tuple[int | str, ...]
"""Where a value stands: `("links", 0, "carries")`."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\"-][\w.\" -]*?)\s*\]\]?\s*")


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


__all__ = ["Loc", "kinds_of", "line_of", "nearest_key", "perhaps", "what_is_wrong"]
