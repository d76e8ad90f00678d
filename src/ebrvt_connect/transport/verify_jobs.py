"""One file of a batch on its way to a report, and what a worker may tell of it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.transport.verify_items import VerifyLimits
from ebrvt_connect.transport.verify_wire import size_of, somebody_writes, spooled
from ebrvt_connect.trust.verdict import VerificationReport

if TYPE_CHECKING:
    from ebrvt_connect.transport.verify_items import ToVerify
    from ebrvt_connect.transport.verify_wire import BatchGrounds

_PIECE_BYTES: Final = 256 * 1024
_LONGEST_NAME: Final = 1000
_MOST_NAMES: Final = 1000


@dataclass(slots=True, eq=False)
class Job:
    """One file on its way to a report."""

    item: ToVerify
    report: VerificationReport | None = None
    files: list[BinaryIO] = field(default_factory=list)
    """The document first; kept open until there is a report."""
    seen: os.stat_result | None = None
    """The document as it was when it was opened."""

    def open(self, most: int) -> None:
        """Raises `OSError` for a path that does not read."""
        source = self.item.source
        if isinstance(source, Path):
            self.files.append(opened(source))
        else:
            content = source if isinstance(source, bytes) else read_bounded(source, most - 1)
            self.files.append(spooled(content))
        self.files += [spooled(content) for content in self.item.detached.values()]
        self.seen = os.fstat(self.files[0].fileno())

    @property
    def request(self) -> dict[str, object]:
        """What the worker is told besides the open files."""
        return {"names": [self.item.name or "", *self.item.detached], "part": self.item.part}

    @property
    def settled(self) -> bool:
        """Whether what was asked for has come, or will not come any more."""
        return self.report is not None

    def take(self, written: bytes, grounds: BatchGrounds) -> None:
        """The report of a worker that its file may have taken over: what is known without it must agree.

        The digest is made here a second time, of all that has a size (1.3 ms for each MiB, while workers
        are busy). What a pipe or device gave, or a packet holds, only the worker knows. Raises `ValueError`
        and `OSError`.
        """
        report = VerificationReport.model_validate_json(written)
        told = (report.file, report.policy, report.validation_time, report.evidence)
        if told != (self.item.name or "", grounds.policy.reference, grounds.at, ()):
            raise ValueError("a report on something else")
        before, file, most = self.seen, self.files[0].fileno(), grounds.policy.largest_bytes + 1
        if before is not None and self._is_seen_whole(before):
            told_of = (report.size_bytes, report.sha256)
            if told_of != (min(before.st_size, most), sha256_of(file, most)):
                now = os.fstat(file)
                if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
                    raise ChangedMeanwhile
                raise ValueError("a report on another content")
        self.report = report

    def _is_seen_whole(self, status: os.stat_result) -> bool:
        """Whether the parent sees what is judged: not what a device gives, nor what a packet holds."""
        has_size = stat.S_ISREG(status.st_mode) and (status.st_size or not isinstance(self.item.source, Path))
        return self.item.part is None and bool(has_size)

    def close(self) -> None:
        """Let go of the files."""
        for file in self.files:
            file.close()
        self.files.clear()

    @property
    def size(self) -> int:
        """Bytes to be judged, as far as is known before."""
        return sum(size_of(file.fileno()) for file in self.files)


@dataclass(slots=True, eq=False)
class Naming(Job):
    """A packet on its way to the names of the files attached to it."""

    names: tuple[str, ...] | None = None

    @property
    def settled(self) -> bool:
        """As above."""
        return self.names is not None or self.report is not None

    def take(self, written: bytes, grounds: BatchGrounds) -> None:  # noqa: ARG002 - as a report is taken
        """The names as a worker tells them; raises `ValueError` for anything else."""
        told = json.loads(written)
        if not isinstance(told, list) or not all(isinstance(n, str) and len(n) < _LONGEST_NAME for n in told):
            raise ValueError("not a list of names")
        self.names = tuple(told[:_MOST_NAMES])


class ChangedMeanwhile(Exception):
    """Somebody wrote to the file while it was judged."""


def opened(path: Path) -> BinaryIO:
    """A file opened without waiting for anybody: that is for who reads it, by the clock. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb", buffering=0)  # refuses a folder
    except OSError:
        os.close(descriptor)
        raise


def opened_in_time(path: Path) -> BinaryIO:
    """The same, once there is something to read: who reads it here has no clock. Raises `OSError`."""
    file = opened(path)
    waits = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
    if waits and not somebody_writes(file.fileno(), VerifyLimits().wall_seconds):
        file.close()
        raise TimeoutError(errno.ETIMEDOUT, "nobody writes to this pipe", str(path))
    return file


def sha256_of(descriptor: int, most: int) -> str:
    """The digest of an open file's first bytes; raises `OSError`."""
    made, at = hashlib.sha256(), 0
    while at < most and (piece := os.pread(descriptor, min(_PIECE_BYTES, most - at), at)):
        made.update(piece)
        at += len(piece)
    return made.hexdigest()
