"""A worker process of a batch: one verification after another, each under limits the kernel keeps.

It is started by `transport.verify_batch` and speaks only with it. Processor time past the limit ends the
process (its parent knows the signal); memory past the limit is an exception where it is asked for, or the
end of the process; the clock is kept by the parent. After start it can create no process and write to no
file, and has no network where the system lets a process give that up. It can still read files.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ebrvt_connect.transport.verify_items import MOST_FILES
from ebrvt_connect.transport.verify_wire import (
    ANSWER,
    LENGTH,
    READY,
    BatchGrounds,
    content_of,
    unpacked_grounds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.verdict import VerificationReport

_OPEN_FILES = MOST_FILES + 64
_KEPT_BYTES: Final = 64 * 1024 * 1024
"""What a worker may still hold after a file before it asks to be replaced."""
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def main() -> None:
    """Serve the socket whose number is the program's only argument, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    sys.dont_write_bytecode = True
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        serve(parent)
    # Not sys.exit: nothing here needs an ending, and exit handlers would write to files.
    os._exit(0)


def serve(parent: socket.socket) -> None:
    """Take the grounds, get ready, then answer each request with a report."""
    requests = _requests(parent)
    _, (descriptor,) = next(requests)
    grounds = unpacked_grounds(descriptor)
    os.close(descriptor)
    _load_judges()
    confine()
    parent.sendall(READY)
    before = asked_for()
    for name, descriptors in requests:
        report = _judged(grounds, name, descriptors, before).model_dump_json().encode()
        tired = asked_for() > before + _KEPT_BYTES and _given_back() > before + _KEPT_BYTES
        parent.sendall(ANSWER.pack(tired, len(report)) + report)


def _requests(parent: socket.socket) -> Iterator[tuple[list[str], list[int]]]:
    """Names and open files, in the same order: the document first; ends with the connection."""
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


def _judged(
    grounds: BatchGrounds, names: list[str], descriptors: list[int], before: int
) -> VerificationReport:
    """One file judged under its limits."""
    from ebrvt_connect.trust.verify import verify_bytes

    limits, most = grounds.limits, grounds.policy.largest_bytes + 1
    try:
        contents = [content_of(descriptor, most) for descriptor in descriptors]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    total = sum(map(len, contents))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_for(total))
    resource.setrlimit(resource.RLIMIT_AS, (before + total + limits.growth_for(total), hard))
    try:
        return verify_bytes(
            contents[0],
            policy=grounds.policy,
            trust=grounds.trust,
            revocation=grounds.revocation,
            at=grounds.at,
            detached=dict(zip(names[1:], contents[1:], strict=True)),
            name=names[0],
        )
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


def _load_judges() -> None:
    """What the judges are made of, so that no file pays for loading it."""
    for name in ("cms", "ooxml", "pades", "xades"):
        import_module(f"ebrvt_connect.trust.{name}")


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
