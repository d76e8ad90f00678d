"""Many verifications at once (kiểm tra hàng loạt), each file judged in a worker process under limits.

A hostile file costs itself: whatever it makes its worker do, it ends with a report of `FORMAT_FAILURE`
that says which limit it met, the worker is replaced, and the others are judged as if nothing had been.

Workers are programs of their own, never forks, so they can be started from a program with threads and
from one without `if __name__ == "__main__"`. A file is opened here and handed over as an open file: a path
that does not read is known before, and nothing is copied.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ebrvt_connect.transport.verify_items import ToVerify, VerifyLimits, as_item
from ebrvt_connect.transport.verify_wire import (
    ANSWER,
    LENGTH,
    BatchGrounds,
    content_of,
    packed_grounds,
    size_of,
    somebody_writes,
    spooled,
    unnamed,
)
from ebrvt_connect.trust import limit_findings
from ebrvt_connect.trust.grounds import FileJudgement, Grounds
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.verdict import VerificationReport
from ebrvt_connect.trust.verify import report_of, verify_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.transport.verify_items import Source
    from ebrvt_connect.trust.verdict import Finding

_WAITING_PER_WORKER: Final = 4
"""How many files may be judged or wait to be fetched, for each worker: the order given is kept."""
_START_SECONDS: Final = 60.0
_DYING_SECONDS: Final = 1.0
_TELLING_SECONDS: Final = 10.0
"""For an answer that has begun, of the time in which it is listened to."""
_LONGEST_REPORT_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 4096
_LAST_WORDS_BYTES: Final = 64 * 1024
_PROGRAM: Final = "from ebrvt_connect.transport.verify_worker import main; main()"
_MOST_WORKERS: Final = 64


def available_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _not_read(item: ToVerify, failure: OSError, grounds: BatchGrounds) -> VerificationReport:
    """The report on a file that does not read: nothing was examined."""
    reason = _UNREAD_VI.get(failure.errno or 0, "lỗi đọc tệp")
    if failure.errno == errno.EISDIR:
        reason += f"; hãy nêu các tệp trong đó, ví dụ {(item.name or '').rstrip('/')}/*.pdf"
    finding = grounds.policy.notice(limit_findings.FILE_UNREADABLE, reason=reason)
    return _stopped(item, finding, grounds, None)


_UNREAD_VI: Final = {
    errno.ENOENT: "không có tệp này",
    errno.EACCES: "không có quyền đọc",
    errno.EISDIR: "đây là thư mục",
    errno.ENOTDIR: "đường dẫn đi qua một tệp",
    errno.ENAMETOOLONG: "tên tệp quá dài",
    errno.ELOOP: "liên kết vòng quanh",
}
_CHANGED_VI: Final = "tệp bị thay đổi trong lúc kiểm tra"


def verify_batch(
    sources: Iterable[Source], grounds: BatchGrounds, *, workers: int
) -> Iterator[VerificationReport]:
    """The reports in the order of the sources, which are asked for one by one as workers get free.

    Closing the iterator ends the workers. Raises `RuntimeError` when workers cannot be started.
    """
    coming = iter(sources)
    first = next(coming, None)
    if first is None:
        return
    pool = _Pool(grounds, max(1, min(workers, _MOST_WORKERS)))
    try:
        yield from _reports(chain((first,), coming), pool)
    finally:
        pool.close()


def verify_here(sources: Iterable[Source], grounds: BatchGrounds) -> Iterator[VerificationReport]:
    """The same in this process, one after another, without limits."""
    most = grounds.policy.largest_bytes + 1
    for source in sources:
        job = _Job(as_item(source))
        try:
            job.open(most)
            contents = [content_of(file.fileno(), most) for file in job.files]
        except OSError as failure:
            yield _not_read(job.item, failure, grounds)
            continue
        finally:
            job.close()
        yield verify_bytes(
            contents[0],
            policy=grounds.policy,
            trust=grounds.trust,
            revocation=grounds.revocation,
            at=grounds.at,
            detached=dict(zip(job.item.detached, contents[1:], strict=True)),
            name=job.item.name or "",
        )


def _reports(sources: Iterator[Source], pool: _Pool) -> Iterator[VerificationReport]:
    waiting: deque[_Job] = deque()
    more = True
    while more or waiting:
        if more:
            pool.fill()
        while more and len(waiting) < pool.most_waiting and (worker := pool.idle()):
            source = next(sources, None)
            if source is None:
                more = False
                break
            waiting.append(job := _Job(as_item(source)))
            pool.begin(worker, job)
        while waiting and (report := waiting[0].report) is not None:
            waiting.popleft()
            yield report
        if more or waiting:
            pool.wait(for_idle=more and len(waiting) < pool.most_waiting)


@dataclass(slots=True, eq=False)
class _Job:
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
            self.files.append(spooled(source if isinstance(source, bytes) else source.read(most)))
        self.files += [spooled(content) for content in self.item.detached.values()]
        self.seen = os.fstat(self.files[0].fileno())

    def take(self, written: bytes, grounds: BatchGrounds) -> None:
        """The report of a worker that its file may have taken over: what is known without it must agree.

        The digest is made here a second time, of all that has a size (1.3 ms for each MiB, while workers
        are busy). What a pipe or device gave only the worker knows. Raises `ValueError` and `OSError`.
        """
        report = VerificationReport.model_validate_json(written)
        told = (report.file, report.policy, report.validation_time, report.evidence)
        if told != (self.item.name or "", grounds.policy.reference, grounds.at, ()):
            raise ValueError("a report on something else")
        before, file, most = self.seen, self.files[0].fileno(), grounds.policy.largest_bytes + 1
        if before is not None and stat.S_ISREG(before.st_mode) and (before.st_size or not self.is_path):
            told_of = (report.size_bytes, report.sha256)
            if told_of != (min(before.st_size, most), _sha256(file, most)):
                now = os.fstat(file)
                if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
                    raise _ChangedMeanwhileError
                raise ValueError("a report on another content")
        self.report = report

    @property
    def is_path(self) -> bool:
        """Whether the document lies on a disk, where others may write to it."""
        return isinstance(self.item.source, Path)

    def close(self) -> None:
        """Let go of the files."""
        for file in self.files:
            file.close()
        self.files.clear()

    @property
    def size(self) -> int:
        """Bytes to be judged, as far as is known before."""
        return sum(size_of(file.fileno()) for file in self.files)


class _ChangedMeanwhileError(Exception):
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


def _stopped(
    item: ToVerify, finding: Finding, grounds: BatchGrounds, file: BinaryIO | None
) -> VerificationReport:
    """A report without a judgement: what is known of the file without looking into it."""
    head, size, digest = b"", 0, ""
    if file is not None and (size := size_of(file.fileno())):
        head = content_of(file.fileno(), _HEAD_BYTES)
        digest = _sha256(file.fileno(), grounds.policy.largest_bytes + 1)
    report = report_of(
        FileJudgement((), (finding,)),
        Grounds.of(grounds.policy, grounds.trust, grounds.at, grounds.revocation),
        kind=sighted(head).kind,
        name=item.name or "",
        data=b"",
    )
    return report.model_copy(update={"sha256": digest, "size_bytes": size})


def _sha256(descriptor: int, most: int) -> str:
    made, at = hashlib.sha256(), 0
    while at < most and (piece := os.pread(descriptor, min(_PIECE_BYTES, most - at), at)):
        made.update(piece)
        at += len(piece)
    return made.hexdigest()


class _Pool:
    """The workers of one batch."""

    def __init__(self, grounds: BatchGrounds, size: int) -> None:
        self._grounds = grounds
        self._size = size
        self._packed = packed_grounds(grounds)
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self.most_waiting = size * _WAITING_PER_WORKER
        self._left = time.monotonic()

    def fill(self) -> None:
        """Start the workers that are missing."""
        while len(self._workers) < self._size:
            worker = _Worker(self._packed)
            self._workers.append(worker)
            self._selector.register(worker.connection, selectors.EVENT_READ, worker)

    def idle(self) -> _Worker | None:
        """A worker that has nothing to do, lives and is silent."""
        for worker in [w for w in self._workers if w.ready and w.job is None]:
            if worker.process.poll() is None and worker.is_silent():
                return worker
            self._end(worker)
        return None

    def begin(self, worker: _Worker, job: _Job) -> None:
        """Hand a file to a worker, or settle it at once when it does not read."""
        try:
            job.open(self._grounds.policy.largest_bytes + 1)
        except OSError as failure:
            job.close()
            job.report = _not_read(job.item, failure, self._grounds)
            return
        worker.begin(job, self._grounds.limits.wall_for(job.size))

    def wait(self, *, for_idle: bool) -> None:
        """Until a worker has something to say or its time is over; at once when one is idle and wanted."""
        away, self._left = time.monotonic() - self._left, float("inf")
        for worker in self._workers:
            worker.was_not_heard_for(max(0.0, away))
        try:
            self._wait(for_idle=for_idle)
        finally:
            self._left = time.monotonic()

    def _wait(self, *, for_idle: bool) -> None:
        if for_idle and self.idle():
            return
        deadlines = [w.deadline for w in self._workers if w.job is not None or not w.ready]
        if not deadlines:
            return
        # What has come is looked at before the clock: the caller may have been away for long.
        for key, _ in self._selector.select(max(0.0, min(deadlines) - time.monotonic())):
            self._hear(key.data)
        now = time.monotonic()
        for worker in [w for w in self._workers if now >= w.deadline and (w.job or not w.ready)]:
            self._lose(worker, late=True)

    def _hear(self, worker: _Worker) -> None:
        try:
            answer = worker.hear()
        except _Gone:
            self._lose(worker, late=False)
            return
        if answer is None:
            return
        tired, written = answer
        job, worker.job = worker.job, None
        if job is None:
            worker.ready = True
            return
        try:
            job.take(written, self._grounds)
        except _ChangedMeanwhileError:
            finding = self._grounds.policy.notice(limit_findings.FILE_UNREADABLE, reason=_CHANGED_VI)
            job.report = _stopped(job.item, finding, self._grounds, None)
        except (ValueError, OSError):
            finding = self._grounds.policy.notice(limit_findings.VERIFICATION_CRASHED, how="report")
            job.report = _stopped(job.item, finding, self._grounds, job.files[0])
            tired = True
        job.close()
        if tired:
            self._end(worker)

    def _lose(self, worker: _Worker, *, late: bool) -> None:
        """A worker that died, or is late and is made to die: its file is told which limit it met."""
        job, worker.job = worker.job, None
        if not late:
            worker.died()
        self._end(worker)
        if job is not None:
            finding = self._reason(worker, job, late=late)
            job.report = _stopped(job.item, finding, self._grounds, job.files[0])
            job.close()
        elif not worker.ready:
            raise RuntimeError(f"a verification worker did not start: {worker.last_words()}")

    def _reason(self, worker: _Worker, job: _Job, *, late: bool) -> Finding:
        notice, limits = self._grounds.policy.notice, self._grounds.limits
        code = worker.process.returncode
        if late:
            seconds = f"{limits.wall_for(job.size):.3g}"
            return notice(
                limit_findings.VERIFICATION_TIME_EXCEEDED, seconds=seconds, clock="wall", clock_vi="đồng hồ"
            )
        if code == -signal.SIGPROF:
            seconds = f"{limits.cpu_for(job.size):.3g}"
            return notice(
                limit_findings.VERIFICATION_TIME_EXCEEDED,
                seconds=seconds,
                clock="processor",
                clock_vi="xử lý",
            )
        return notice(limit_findings.VERIFICATION_CRASHED, how=_signal_name(code))

    def _end(self, worker: _Worker) -> None:
        self._selector.unregister(worker.connection)
        self._workers.remove(worker)
        worker.end()

    def close(self) -> None:
        """End the workers, whatever they are at."""
        for worker in list(self._workers):
            if worker.job is not None:
                worker.job.close()
            self._end(worker)
        self._selector.close()
        self._packed.close()


def _signal_name(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return str(code)


class _Gone(Exception):
    """A worker's end of the connection is closed."""


class _Worker:
    """One process, as its parent sees it."""

    def __init__(self, grounds: BinaryIO) -> None:
        self.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, unnamed() as told:
            self.process = _started(theirs, told)
            self._told = os.dup(told.fileno())
        self.ready = False
        self.job: _Job | None = None
        self.deadline = time.monotonic() + _START_SECONDS
        self._heard = bytearray()
        self._closed = False
        self._words = b""
        self._send([], [grounds])

    def begin(self, job: _Job, seconds: float) -> None:
        """Hand over a file that must be judged within `seconds`."""
        self.job = job
        self.deadline = time.monotonic() + seconds
        self._send([job.item.name or "", *job.item.detached], job.files)

    def _send(self, names: list[str], files: list[BinaryIO]) -> None:
        written = json.dumps(names).encode()
        with contextlib.suppress(OSError):  # it has died; that is heard when its answer is waited for
            socket.send_fds(
                self.connection, [LENGTH.pack(len(written)) + written], [f.fileno() for f in files]
            )

    def hear(self) -> tuple[bool, bytes] | None:
        """An answer when all of it has come, and nothing behind it. Raises `_Gone`."""
        begun = bool(self._heard)
        while self._piece():
            if len(self._heard) > _LONGEST_REPORT_BYTES or self.is_idle:
                raise _Gone
        if not begun and self._heard:
            self.deadline = max(self.deadline, time.monotonic() + _TELLING_SECONDS)
        tired, length = ANSWER.unpack_from(self._heard) if len(self._heard) >= ANSWER.size else (False, None)
        if length is None or len(self._heard) < ANSWER.size + length:
            if self._closed:
                raise _Gone
            return None
        if len(self._heard) > ANSWER.size + length:
            raise _Gone
        written = bytes(self._heard[ANSWER.size :])
        self._heard.clear()
        return tired, written

    def _piece(self) -> bool:
        """Whether there was more to hear at once."""
        try:
            piece = self.connection.recv(_PIECE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            piece = b""
        self._closed = not piece
        self._heard += piece
        return bool(piece)

    @property
    def is_idle(self) -> bool:
        """Whether it is ready and was asked nothing: whatever it says then it must not say."""
        return self.ready and self.job is None

    def is_silent(self) -> bool:
        """Whether nothing of it waits to be heard."""
        try:
            self.connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
        except BlockingIOError:
            return not self._heard
        except OSError:
            pass
        return False

    def was_not_heard_for(self, seconds: float) -> None:
        """What it has begun to tell waited for us that long, and not the other way round."""
        if self._heard:
            self.deadline += seconds

    def end(self) -> None:
        """No more of it, whatever it is at."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self._words = content_of(self._told, _LAST_WORDS_BYTES) if not self.ready else b""
        os.close(self._told)

    def last_words(self) -> str:
        """How one ended that never got ready."""
        line = self._words.decode(errors="replace").strip().rpartition("\n")[2]
        return f"exit code {self.process.returncode}; {line}"

    def died(self) -> None:
        """Its connection is closed already: let it die of what it dies of."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_DYING_SECONDS)


def _started(connection: socket.socket, told: BinaryIO) -> subprocess.Popen[bytes]:
    """A new interpreter with our own import path and nothing of the current folder.

    Out of the terminal's process group: Ctrl-C is for the parent, which ends its workers.
    """
    path = os.pathsep.join(p for p in sys.path if Path(p).is_absolute())
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, str(connection.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=told,
        pass_fds=(connection.fileno(),),
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": path},
    )
