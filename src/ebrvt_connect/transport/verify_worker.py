"""A worker process of a batch: one verification after another, each under limits the kernel keeps.

It is started by `transport.verify_batch` and speaks only with it. Processor time past the limit ends the
process (its parent knows the signal); the clock is kept by the parent. Memory is limited as address space,
of which what is resident is a part: past the limit nothing is handed out, which is an exception or the end of
the process. After start it can create no process and write to no file, and has no network where the system
lets a process give that up. It can still read files.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ebrvt_connect.transport.verify_items import MOST_FILES
from ebrvt_connect.transport.verify_wire import (
    ANSWER,
    ENDED_BY_MACHINE,
    ENDED_UNREADABLE,
    ENDED_WITHOUT_MEMORY,
    LENGTH,
    READY,
    BatchGrounds,
    content_of,
    unpacked_grounds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPEN_FILES = MOST_FILES + 64
_KEPT_BYTES: Final = 16 * 1024 * 1024
"""What a worker may still hold after a file before it asks to be replaced: the next has that much less."""
_USUAL_BYTES: Final = 110_000_000
"""What a worker has asked for before the first file, revocation lists of a usual size among it.

Whoever keeps larger lists gets as much more: they are no file's fault.
"""
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NAMERS: Final = ("transport.verify_parts",)
_JUDGES: Final = (*_NAMERS, *(f"trust.{name}" for name in ("cms", "ooxml", "pades", "verify", "xades")))


def main() -> None:
    """Serve the socket whose number is the program's first argument, until its other end is closed.

    With `names` behind it, packets are opened for the names of their files, and nothing is judged.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    sys.dont_write_bytecode = True
    only_names = sys.argv[2:] == ["names"]
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        try:
            serve(parent, _names if only_names else _judged, _NAMERS if only_names else _JUDGES)
        except MemoryError:
            os._exit(ENDED_WITHOUT_MEMORY)
    # Not sys.exit: nothing here needs an ending, and exit handlers would write to files.
    os._exit(0)


def serve(
    parent: socket.socket, answer: Callable[[BatchGrounds, Asked], bytes], modules: tuple[str, ...]
) -> None:
    """Take the grounds, get ready, then answer each request."""
    requests = _requests(parent)
    _, (descriptor,) = next(requests)
    grounds = unpacked_grounds(descriptor)
    os.close(descriptor)
    for name in modules:  # now, so that no file pays for loading it
        import_module(f"ebrvt_connect.{name}")
    confine()
    parent.sendall(READY)
    before = asked_for()
    more = max(0, before - _USUAL_BYTES)
    for request, descriptors in requests:
        told = answer(grounds, _received(request, descriptors, grounds, more))
        tired = asked_for() > before + _KEPT_BYTES and _given_back() > before + _KEPT_BYTES
        parent.sendall(ANSWER.pack(tired, len(told)) + told)


def _requests(parent: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """What is asked, and open files in the order of their names; ends with the connection."""
    while True:
        head, descriptors, _, _ = socket.recv_fds(parent, LENGTH.size, MOST_FILES)
        if len(head) < LENGTH.size:
            return
        (length,) = LENGTH.unpack(head)
        written = bytearray()
        while len(written) < length:
            piece = parent.recv(length - len(written))
            if not piece:
                return
            written += piece
        yield json.loads(written), descriptors


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with what it is about."""

    name: str
    part: int | None
    content: bytes
    beside: dict[str, bytes]
    memory: int
    """How much this process may hold over it."""

    @property
    def size(self) -> int:
        """All bytes handed in."""
        return len(self.content) + sum(map(len, self.beside.values()))


def _received(
    request: dict[str, Any], descriptors: list[int], grounds: BatchGrounds, more_memory: int
) -> Asked:
    """The files read. What the machine does not give is no fault of theirs: then this process ends."""
    most = grounds.policy.largest_bytes + 1
    try:
        contents = [content_of(descriptor, most) for descriptor in descriptors]
    except MemoryError:
        os._exit(ENDED_BY_MACHINE)
    except OSError:
        os._exit(ENDED_UNREADABLE)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    names = request["names"]
    total = sum(map(len, contents))
    beside = dict(zip(names[1:], contents[1:], strict=True))
    memory = grounds.limits.memory_for(total) + more_memory
    return Asked(names[0], request["part"], contents[0], beside, memory)


def _judged(grounds: BatchGrounds, asked: Asked) -> bytes:
    """The report on one file, made under its limits."""
    from ebrvt_connect.transport.verify_parts import PartMissing, content_and_siblings
    from ebrvt_connect.trust.limit_findings import VERIFICATION_MEMORY_EXCEEDED
    from ebrvt_connect.trust.verify import verify_bytes

    with _limited(grounds, asked) as scarce:
        try:
            content, beside = content_and_siblings(asked.content, asked.beside, asked.part, grounds.policy)
        except PartMissing:
            os._exit(ENDED_UNREADABLE)
        report = verify_bytes(
            content,
            policy=grounds.policy,
            trust=grounds.trust,
            revocation=grounds.revocation,
            at=grounds.at,
            detached=beside,
            name=asked.name,
        )
    if scarce and any(f.code == VERIFICATION_MEMORY_EXCEEDED for f in report.findings):
        os._exit(ENDED_BY_MACHINE)
    return report.model_dump_json().encode()


def _names(grounds: BatchGrounds, asked: Asked) -> bytes:
    """What the files attached to a packet are called."""
    from ebrvt_connect.transport.verify_parts import names_of

    with _limited(grounds, asked):
        return json.dumps(names_of(asked.content, grounds.policy)).encode()


@contextmanager
def _limited(grounds: BatchGrounds, asked: Asked) -> Iterator[bool]:
    """Processor time and address space limited by the kernel; whether the machine gives less than that."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    scarce = hard != resource.RLIM_INFINITY and hard < asked.memory
    signal.setitimer(signal.ITIMER_PROF, grounds.limits.cpu_for(asked.size))
    resource.setrlimit(resource.RLIMIT_AS, (hard if scarce else asked.memory, hard))
    try:
        yield scarce
    except MemoryError:
        os._exit(ENDED_BY_MACHINE if scarce else ENDED_WITHOUT_MEMORY)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        signal.setitimer(signal.ITIMER_PROF, 0)


def asked_for() -> int:
    """How much memory this process has asked for, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _given_back() -> int:
    """The same, after what is free was handed back to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # the GNU library has it
    if trim is not None:
        trim(0)
    return asked_for()


def confine() -> None:
    """Give up what judging does not need; where the system does not let us, the rest still holds."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, hard = resource.getrlimit(what)
        lowered = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (lowered, lowered))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if library.unshare(_NEW_NETWORK) != 0:
        library.unshare(_NEW_USER | _NEW_NETWORK)
