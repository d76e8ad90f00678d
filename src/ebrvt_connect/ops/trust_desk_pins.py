"""Rows of `pins.toml` put in and taken out; comments, order and everything else in it stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from ebrvt_connect.trust.pins import PINS_FILE, USES_OF, Pin, invalid_file, read_pins

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_HEADER = (
    "# Chứng thư được tin cậy, ghim theo SHA-256. Sửa bằng: ebrvt trust add, ebrvt trust remove.\n"
    "# Ai sửa được tệp này thì quyết định được chữ ký nào hợp lệ.\n"
)


def with_row(content: bytes, pin: Pin, *, subject: str) -> bytes:
    """The file with one more row at its end. Raises `InvalidValue` where it cannot be done."""
    document = _parsed(content.decode() or _HEADER)
    row = tomlkit.table()
    _fill(row, pin, subject)
    rows = document.get("pin")
    if rows is None:
        rows = tomlkit.aot()
        rows.append(row)
        document.append("pin", rows)
    elif isinstance(rows, AoT):
        rows.append(row)
    else:  # pin = [{...}, ...]
        inline = tomlkit.inline_table()
        _fill(inline, pin, subject)
        rows.append(inline)
    return _checked(document, (*read_pins(content), pin))


def without_row(content: bytes, branch: str, sha256: str) -> bytes:
    """The file without the rows of one certificate in one branch. Raises as `with_row`."""
    old = read_pins(content)
    document = _parsed(content.decode())
    rows = document["pin"]
    for place in reversed(range(len(old))):
        if (old[place].branch, old[place].sha256) == (branch, sha256):
            del rows[place]
    if not rows:
        del document["pin"]
    return _checked(document, tuple(p for p in old if (p.branch, p.sha256) != (branch, sha256)))


def _fill(row: MutableMapping[str, object], pin: Pin, subject: str) -> None:
    row["file"] = pin.file
    row["sha256"] = pin.sha256
    row["branch"] = pin.branch
    if pin.uses != USES_OF[pin.branch]:
        row["uses"] = sorted(pin.uses)
    for name, value in (
        ("valid_from", pin.valid_from),
        ("valid_to", pin.valid_to),
        ("subject", subject),
        ("source", pin.source),
        ("checked", pin.checked),
    ):
        if value:
            row[name] = value


def _parsed(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as failure:
        raise invalid_file(PINS_FILE, str(failure)) from failure


def _checked(document: tomlkit.TOMLDocument, wanted: tuple[Pin, ...]) -> bytes:
    """Read back what will be written: a row that binds otherwise than meant must never reach the disk."""
    content = tomlkit.dumps(document).encode()
    if read_pins(content) != wanted:
        raise invalid_file(PINS_FILE, "không sửa tự động được, hãy sửa bằng tay")
    return content
