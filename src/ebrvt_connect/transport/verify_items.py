"""What a batch of verifications is given: files, what belongs to them, and how much one may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

from ebrvt_connect.ports.bounded import expect_content

_MIB: Final = 1024 * 1024
MOST_FILES: Final = 101
"""Open files that go to a worker with one request: the document, and contents beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyLimits:
    """What the verification of one file may take (giới hạn cho một tệp) before it is stopped.

    The document's own size, and that of the content beside it, adds to each: a large file is no attack.
    """

    cpu_seconds: float = 1.75
    """Processor time."""
    wall_seconds: float = 10.0
    """Time by the clock, for what waits instead of working (a pipe that nobody writes to)."""
    seconds_per_mib: float = 0.04
    """Added to both."""
    memory_bytes: int = 200_000_000
    """Address space of the whole worker process: interpreter, libraries, trust store, file and all."""
    memory_per_byte: float = 2.0
    """Added for each byte of the file, which itself is within it."""

    def cpu_for(self, size: int) -> float:
        """Seconds of processor time for a file of this size."""
        return self.cpu_seconds + self.seconds_per_mib * size / _MIB

    def wall_for(self, size: int) -> float:
        """Seconds by the clock for a file of this size."""
        return self.wall_seconds + self.seconds_per_mib * size / _MIB

    def memory_for(self, size: int) -> int:
        """How much a worker may hold while it judges a file of this size."""
        return self.memory_bytes + int(self.memory_per_byte * size)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToVerify:
    """One file of a batch with what belongs to it."""

    source: bytes | Path | BinaryIO
    name: str | None = None
    """What the report calls it; the path's name unless given."""
    detached: Mapping[str, bytes] = field(default_factory=dict)
    """Content that stands beside its signature, by name; a hundred at most."""
    part: int | None = None
    """Not the source itself is meant but what is attached to it, an edXML packet: the first file is 0."""


Source = bytes | Path | BinaryIO | ToVerify
"""What a batch takes."""


def as_item(source: Source) -> ToVerify:
    """A source with a name that is text, whatever bytes the path is made of.

    Raises `TypeError` for what is no source, `ValueError` for too many contents beside it.
    """
    item = source if isinstance(source, ToVerify) else ToVerify(source=source)
    expect_content(item.source)
    called = item.name
    if called is None:
        called = item.source.name if isinstance(item.source, Path) else ""
    if len(item.detached) >= MOST_FILES:
        raise ValueError(f"at most {MOST_FILES - 1} detached contents, got {len(item.detached)}")
    return replace(item, name=as_text(called), detached=texts_of(item.detached))


def as_text(name: str) -> str:
    """A name as text: a file system's bytes that are none become question marks."""
    return name.encode("utf-8", "replace").decode()


def texts_of(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Contents by names that are text; none is lost where two names become one."""
    named: dict[str, bytes] = {}
    for name, content in contents.items():
        called = as_text(name)
        while called != name and (called in named or called in contents):
            called += "?"
        named[called] = content
    return named
