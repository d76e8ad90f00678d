"""Reading what a stranger made: never more of it than is looked at (giới hạn khi đọc)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from ebrvt_connect.errors import ConnectError, InvalidValue


def expect_content(source: object) -> None:
    """Raises `TypeError` for what is neither bytes, a path nor an open file, and says what to write instead.

    Text is none of these: it might be meant as a path or as the content itself.
    """
    if not isinstance(source, bytes | Path) and not hasattr(source, "read"):
        kind = type(source).__name__
        raise TypeError(f"expected bytes, a pathlib.Path or a file opened with 'rb', got {kind}")


def read_bounded(
    source: Path | BinaryIO, limit_bytes: int, *, too_large: ConnectError | InvalidValue | None = None
) -> bytes:
    """The bytes of a file or an open stream; of one past the limit, one byte more than the limit.

    Raises `too_large` for one past the limit, where that is given; else the one byte too many is for whoever
    weighs the content next: a verdict says so by itself, and a reader of JSON or XML refuses it. Raises
    `OSError` for what does not read, `TypeError` for what is no file, or one opened as text.
    """
    expect_content(source)
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return read_bounded(stream, limit_bytes, too_large=too_large)
    content = source.read(limit_bytes + 1)
    if not isinstance(content, bytes):
        raise TypeError("expected a file opened with 'rb', got one that reads text")
    if too_large is not None and len(content) > limit_bytes:
        raise too_large
    return content
