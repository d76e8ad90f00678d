"""Many verifications at once (kiểm tra hàng loạt), each file judged in a worker process under limits.

A hostile file costs itself: whatever it makes its worker do, it ends with a report of `FORMAT_FAILURE`
that says which limit it met, the worker is replaced, and the others are judged as if nothing had been. What
the machine does to a worker (no memory, a disk that does not answer, an end from outside, an upgrade of this
program meanwhile) is no file's fault and leaves it undecided.

Workers are programs of their own, never forks, so they can be started from a program with threads and
from one without `if __name__ == "__main__"`. A file is opened here and handed over as an open file: a path
that does not read is known before, and nothing is copied.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import time
from collections import deque
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ebrvt_connect.transport.verify_code import BUILD, was_changed
from ebrvt_connect.transport.verify_items import ToVerify, VerifyLimits, as_item
from ebrvt_connect.transport.verify_jobs import ChangedMeanwhile, Job, Naming, sha256_of
from ebrvt_connect.transport.verify_parts import PartMissing, content_and_siblings
from ebrvt_connect.transport.verify_process import Gone, Worker
from ebrvt_connect.transport.verify_wire import (
    ENDED_BY_MACHINE,
    ENDED_UNREADABLE,
    ENDED_WITHOUT_MEMORY,
    BatchGrounds,
    content_of,
    packed_grounds,
    size_of,
)
from ebrvt_connect.trust import limit_findings
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.grounds import FileJudgement, Grounds
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.verdict import VerificationReport
from ebrvt_connect.trust.verify import report_of, verify_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.transport.verify_items import Source
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding

_WAITING_PER_WORKER: Final = 4
"""How many files may be judged or wait to be fetched, for each worker: the order given is kept."""
_HEAD_BYTES: Final = 4096
_MOST_WORKERS: Final = 64
_ANY_TIME: Final = datetime.min.replace(tzinfo=UTC)


def available_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _not_read(item: ToVerify, failure: OSError, grounds: BatchGrounds) -> VerificationReport:
    """The report on a file that does not read: nothing was examined."""
    reason = _UNREAD_VI.get(failure.errno or 0, _NOT_READ_VI)
    if isinstance(failure, PartMissing):
        reason = _CHANGED_VI
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
_NOT_READ_VI: Final = "lỗi đọc tệp"
_REPLACED_VI: Final = "chương trình bị thay bằng bản khác trong lúc đang chạy; dịch vụ thì phải khởi động lại"
_REPLACED_EN: Final = "the program was replaced by another build while it ran; a daemon must be restarted"
_NO_MORE: Final = ToVerify(source=b"")
"""The end of the sources: none of them, whatever they yield, so that none of them ends a batch early."""
_FROM_OUTSIDE: Final = frozenset(
    -s for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGXCPU)
)
"""What a process dies of when others want it to: the system when memory runs out, a person, a quota."""


def verify_batch(
    sources: Iterable[Source], grounds: BatchGrounds, *, workers: int
) -> Iterator[VerificationReport]:
    """The reports in the order of the sources, which are asked for one by one as workers get free.

    Closing the iterator ends the workers. Raises `RuntimeError` when workers cannot be started.
    """
    coming = iter(sources)
    first = next(coming, _NO_MORE)
    if first is _NO_MORE:
        return
    pool = _Pool(grounds, max(1, min(workers, _MOST_WORKERS)))
    try:
        yield from _reports(chain((first,), coming), pool)
    finally:
        pool.close()


def attached_names(packets: Iterable[Path], policy: VerificationPolicy) -> Iterator[tuple[str, ...]]:
    """For each edXML packet what its files are called, in their order; none where it does not open.

    Opened one after another, by a worker under the limits of a verification. The nth is verified as
    `ToVerify(source=packet, part=n)`. Raises as `verify_batch`.
    """
    nobody = BatchGrounds(
        policy=policy, trust=TrustStore(), revocation=None, at=_ANY_TIME, limits=VerifyLimits()
    )
    pool = _Pool(nobody, 1, arguments=("names",))
    try:
        for packet in packets:
            job = Naming(as_item(packet))
            pool.settle(job)
            yield job.names or ()
    finally:
        pool.close()


def verify_here(sources: Iterable[Source], grounds: BatchGrounds) -> Iterator[VerificationReport]:
    """The same in this process, one after another, without limits."""
    most = grounds.policy.largest_bytes + 1
    for source in sources:
        job = Job(as_item(source))
        try:
            job.open(most)
            contents = [content_of(file.fileno(), most) for file in job.files]
            given = dict(zip(job.item.detached, contents[1:], strict=True))
            content, beside = content_and_siblings(contents[0], given, job.item.part, grounds.policy)
        except OSError as failure:
            yield _not_read(job.item, failure, grounds)
            continue
        finally:
            job.close()
        yield verify_bytes(
            content,
            policy=grounds.policy,
            trust=grounds.trust,
            revocation=grounds.revocation,
            at=grounds.at,
            detached=beside,
            name=job.item.name or "",
        )


def _reports(sources: Iterator[Source], pool: _Pool) -> Iterator[VerificationReport]:
    waiting: deque[Job] = deque()
    more = True
    while more or waiting:
        if more:
            pool.fill()
        while more and len(waiting) < pool.most_waiting and ((worker := pool.idle()) or pool.is_over):
            source = next(sources, _NO_MORE)
            if source is _NO_MORE:
                more = False
                break
            waiting.append(job := Job(as_item(source)))
            pool.begin(worker, job)
        while waiting and (report := waiting[0].report) is not None:
            waiting.popleft()
            yield report
        if more or waiting:
            pool.wait(for_idle=more and len(waiting) < pool.most_waiting)


def _stopped(
    item: ToVerify, finding: Finding, grounds: BatchGrounds, file: BinaryIO | None
) -> VerificationReport:
    """A report without a judgement: what is known of the file without looking into it."""
    head, size, digest = b"", 0, ""
    with contextlib.suppress(OSError):  # told already, or about to be
        if file is not None and item.part is None and (size := size_of(file.fileno())):
            head = content_of(file.fileno(), _HEAD_BYTES)
            digest = sha256_of(file.fileno(), grounds.policy.largest_bytes + 1)
    report = report_of(
        FileJudgement((), (finding,)),
        Grounds.of(grounds.policy, grounds.trust, grounds.at, grounds.revocation),
        kind=sighted(head).kind,
        name=item.name or "",
        data=b"",
    )
    return report.model_copy(update={"sha256": digest, "size_bytes": size})


class _Pool:
    """The workers of one batch."""

    def __init__(self, grounds: BatchGrounds, size: int, arguments: tuple[str, ...] = ()) -> None:
        self._grounds = grounds
        self._arguments = arguments
        self._size = size
        self._packed = packed_grounds(grounds)
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self.most_waiting = size * _WAITING_PER_WORKER
        self._left = time.monotonic()
        self._replaced = False
        """Whether this program was replaced by another on the disk: no more workers are started."""

    @property
    def is_over(self) -> bool:
        """Whether no worker is left and none will come."""
        return self._replaced and not self._workers

    def fill(self) -> None:
        """Start the workers that are missing."""
        while len(self._workers) < self._size and not self._replaced:
            worker = Worker(self._packed, self._arguments)
            self._workers.append(worker)
            self._selector.register(worker.connection, selectors.EVENT_READ, worker)

    def idle(self) -> Worker | None:
        """A worker that has nothing to do, lives and is silent."""
        for worker in [w for w in self._workers if w.ready and w.job is None]:
            if worker.process.poll() is None and worker.is_silent():
                return worker
            self._end(worker)
        return None

    def begin(self, worker: Worker | None, job: Job) -> None:
        """Hand a file to a worker, or settle it at once when it does not read or nobody is left to judge."""
        try:
            job.open(self._grounds.policy.largest_bytes + 1)
        except OSError as failure:
            job.close()
            job.report = _not_read(job.item, failure, self._grounds)
            return
        if worker is not None:
            worker.begin(job, self._grounds.limits.wall_for(job.size))
            return
        job.report = _stopped(job.item, self._other_code(), self._grounds, job.files[0])
        job.close()

    def settle(self, job: Job) -> None:
        """Hand a file to the next worker that is idle, and wait until it is done with it."""
        self.fill()
        while (worker := self.idle()) is None and not self.is_over:
            self.wait(for_idle=True)
            self.fill()
        self.begin(worker, job)
        while not job.settled:
            self.wait(for_idle=False)

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

    def _hear(self, worker: Worker) -> None:
        try:
            answer = worker.hear()
        except Gone:
            self._lose(worker, late=False)
            return
        if answer is None:
            return
        tired, written = answer
        job, worker.job = worker.job, None
        if job is None:
            worker.ready = written == BUILD
            if not worker.ready:
                self._replaced = True
                self._end(worker)
            return
        try:
            job.take(written, self._grounds)
        except ChangedMeanwhile:
            finding = self._grounds.policy.notice(limit_findings.FILE_UNREADABLE, reason=_CHANGED_VI)
            job.report = _stopped(job.item, finding, self._grounds, None)
        except OSError:
            finding = self._grounds.policy.notice(limit_findings.FILE_UNREADABLE, reason=_NOT_READ_VI)
            job.report = _stopped(job.item, finding, self._grounds, None)
        except ValueError:
            job.report = _stopped(job.item, self._crash("report"), self._grounds, job.files[0])
            tired = True
        job.close()
        if tired:
            self._end(worker)

    def _lose(self, worker: Worker, *, late: bool) -> None:
        """A worker that died, or is late and is made to die: its file is told which limit it met."""
        job, worker.job = worker.job, None
        if not late:
            worker.died()
        self._end(worker)
        if job is not None:
            finding = self._reason(worker, job, late=late)
            job.report = _stopped(job.item, finding, self._grounds, job.files[0])
            job.close()
        elif not worker.ready and was_changed():
            self._replaced = True
        elif not worker.ready:
            raise RuntimeError(f"a verification worker did not start: {worker.last_words()}")

    def _reason(self, worker: Worker, job: Job, *, late: bool) -> Finding:
        """Why there is no report: the file's doing, or the machine's."""
        notice, limits = self._grounds.policy.notice, self._grounds.limits
        code = worker.process.returncode
        interrupted = limit_findings.VERIFICATION_INTERRUPTED
        if late:  # of its processor time it would have died
            seconds = f"{limits.wall_for(job.size):.3g}"
            return notice(
                interrupted,
                how=f"chờ máy hoặc nơi lưu tệp quá {seconds} giây",
                how_en=f"waited for the machine, or the file's place, for more than {seconds} s",
            )
        if code == -signal.SIGPROF:
            return notice(
                limit_findings.VERIFICATION_TIME_EXCEEDED, seconds=f"{limits.cpu_for(job.size):.3g}"
            )
        if code == ENDED_WITHOUT_MEMORY:
            return notice(limit_findings.VERIFICATION_MEMORY_EXCEEDED)
        if code == ENDED_BY_MACHINE:
            return notice(interrupted, how="máy không cấp đủ bộ nhớ", how_en="not enough memory given")
        if code == ENDED_UNREADABLE:
            reason = _NOT_READ_VI if job.item.part is None else _CHANGED_VI
            return notice(limit_findings.FILE_UNREADABLE, reason=reason)
        how = _signal_name(code)
        if code in _FROM_OUTSIDE and not worker.ended_by_us:
            return notice(interrupted, how=how, how_en=how)
        return self._crash(how) if code > 0 else notice(limit_findings.VERIFICATION_CRASHED, how=how)

    def _crash(self, how: str) -> Finding:
        """What a worker did that knows its way in Python: the file's doing, or that of mixed code."""
        if was_changed():
            return self._other_code()
        return self._grounds.policy.notice(limit_findings.VERIFICATION_CRASHED, how=how)

    def _other_code(self) -> Finding:
        return self._grounds.policy.notice(
            limit_findings.VERIFICATION_INTERRUPTED, how=_REPLACED_VI, how_en=_REPLACED_EN
        )

    def _end(self, worker: Worker) -> None:
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
