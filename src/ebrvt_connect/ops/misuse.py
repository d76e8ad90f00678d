"""A wrong call (gọi lệnh sai) told in Vietnamese; what the command line's library says of it comes after."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAID_VI = (
    (r"'?(.*?)'? is not (?:one of )?('.*')\.", "“{0}” không có trong các giá trị cho phép: {1}"),
    (r"'?(.*?)'? is not a valid integer\.", "“{0}” không phải là số nguyên"),
    (r"'?(.*?)'? is not a valid float\.", "“{0}” không phải là số"),
    (r"(.*?) is not in the range (.*)\.", "{0} nằm ngoài khoảng cho phép {1}"),
    (r"\w+ '(.*)' does not exist\.", "không có “{0}”"),
    (r"\w+ '(.*)' is a directory\.", "“{0}” là thư mục, ở đây cần tệp"),
    (r"\w+ '(.*)' is a file\.", "“{0}” là tệp, ở đây cần thư mục"),
    (r"\w+ '(.*)' is not readable\.", "không có quyền đọc “{0}”"),
    (r"No such command '(.*)'\.", "không có lệnh “{0}”"),
    (r"Got unexpected extra arguments? \((.*)\)", "thừa tham số: {0}"),
    (r"Option '(.*)' requires an argument\.", "tùy chọn {0} cần một giá trị"),
    (r"Option '(.*)' does not take a value\.", "tùy chọn {0} không nhận giá trị"),
)
_NAME_WITH_DASH_VI = "; nếu đây là tên tệp bắt đầu bằng “-” thì viết ./-TÊN, hoặc đặt sau --"
"""What click says, as patterns, and the same in Vietnamese; whatever is not here stays as it was said."""


def misuse_vi(misuse: click.ClickException) -> str:
    """What was wrong with the call, how it is to be made, and where more is told."""
    lines = [f"Gọi lệnh sai: {_what(misuse)}."]
    context = misuse.ctx if isinstance(misuse, click.UsageError) else None
    if context is not None:
        pieces = " ".join(context.command.collect_usage_pieces(context))
        lines.append(f"  Cách gọi: {context.command_path} {pieces}")
        lines.append(f"  Xem thêm: {context.command_path} --help")
    return "\n".join(lines)


def _what(misuse: click.ClickException) -> str:
    if isinstance(misuse, click.MissingParameter):
        return f"thiếu {_which(misuse)}"
    if isinstance(misuse, click.NoSuchOption):
        one_dash = "" if misuse.option_name.startswith("--") else _NAME_WITH_DASH_VI
        return f"không có tùy chọn {misuse.option_name}{_perhaps(misuse.possibilities)}{one_dash}"
    said = _in_vietnamese(misuse.message)
    if isinstance(misuse, click.BadParameter):
        return f"giá trị của {_which(misuse)} không dùng được, {said}"
    return said


def _which(misuse: click.BadParameter) -> str:
    """The option or argument as it is written in a call."""
    hint = misuse.param_hint
    if hint is None and misuse.param is not None:
        options = [*misuse.param.opts, *misuse.param.secondary_opts]
        named = [name for name in options if name.startswith("-")]
        hint = named or [misuse.param.make_metavar(misuse.ctx or click.Context(click.Command("ebrvt")))]
    return " / ".join([hint] if isinstance(hint, str) else hint or ["tham số"])


def _in_vietnamese(message: str) -> str:
    for pattern, said in _SAID_VI:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return said.format(*found.groups())
    return message.removesuffix(".")


def _perhaps(possibilities: Iterable[str] | None) -> str:
    near = ", ".join(possibilities or ())
    return f"; có lẽ là {near}" if near else ""
