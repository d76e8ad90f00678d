"""What clerks call the fields of the wire, and how long texts may be: data (`mapping.toml`). Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@cache
def data() -> Mapping[str, Any]:
    """All of the data file."""
    return tomllib.loads(files(__package__).joinpath("mapping.toml").read_text("utf-8"))


def field_vi(path: Iterable[str | int]) -> str:
    """What a clerk calls a field, with its wire path: “Ngày hẹn trả (dueAt)”.

    Of a path nobody has named, its longest known beginning gives the name.
    """
    names: Mapping[str, str] = data()["field_names"]
    known = ""
    walked: list[str] = []
    for part in path:
        if isinstance(part, str):
            walked.append(part)
            known = names.get(".".join(walked), known)
    shown = "".join(c for c in ".".join(walked[:3])[:80] if c.isprintable())
    if not shown:
        return "toàn bộ nội dung"
    return f"{known} ({shown})" if known else shown
