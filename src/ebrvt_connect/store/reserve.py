"""A reserve of disk space (dự trữ đĩa): kept while all is well, given up when the disk is full.

A program that finds the disk full can no longer say so: logs, heartbeats and the ledger's own journal need
room as well. The reserve is a file of real blocks beside the ledger and, where the blobs lie on another disk,
one beside them. When a write is refused for want of space the files go, so that the trouble can be written
down; work is taken up again only when they could be made anew, so that nothing lives off the reserve.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

NAME = ".reserve"
"""In the folder of the ledger, and of the blobs on another disk."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Headroom:
    """How a disk stands."""

    folder: Path
    free_bytes: int
    reserved: bool
    """Whether the reserve is there, whole."""


class Reserve:
    """The reserve on each disk the store writes to; no method raises, since a full disk is its business."""

    def __init__(self, folders: Iterable[Path], size_bytes: int) -> None:
        """`folders` are there already; one reserve is kept on each disk, `size_bytes` of it."""
        self._size = size_bytes
        self._files = tuple(folder / NAME for folder in _one_a_disk(folders))

    def keep(self) -> bool:
        """Make what is missing where there is room for it and as much again; whether all is there now."""
        there = [self._is_whole(file) or self._made(file) for file in self._files]
        return all(there)

    def give_up(self) -> bool:
        """Give up the reserve of each disk that has less than that left; whether anything was given up."""
        given = False
        for file in self._files:
            if _free(file.parent) < self._size and file.exists():
                with suppress(OSError):
                    file.unlink()
                    given = True
                    _log.critical("%s is full: its reserve of %s bytes is given up", file.parent, self._size)
        return given

    def headroom(self) -> tuple[Headroom, ...]:
        """How each disk stands."""
        return tuple(Headroom(file.parent, _free(file.parent), self._is_whole(file)) for file in self._files)

    def _is_whole(self, file: Path) -> bool:
        try:
            return file.stat().st_size >= self._size
        except OSError:
            return False

    def _made(self, file: Path) -> bool:
        """Whether it could be made; blocks are taken, not only a length noted."""
        if _free(file.parent) < 2 * self._size:
            return False
        try:
            handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)
        except OSError:
            with suppress(OSError):
                file.unlink(missing_ok=True)
            return False
        return True


def _one_a_disk(folders: Iterable[Path]) -> Iterator[Path]:
    seen = set[int]()
    for folder in folders:
        device = folder.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield folder


def _free(folder: Path) -> int:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize
