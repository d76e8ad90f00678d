"""One worker process of a batch as its parent sees it: started, asked, heard, ended."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ebrvt_connect.transport.verify_wire import ANSWER, LENGTH, content_of, unnamed

if TYPE_CHECKING:
    from ebrvt_connect.transport.verify_jobs import Job

_START_SECONDS: Final = 60.0
_DYING_SECONDS: Final = 1.0
_TELLING_SECONDS: Final = 10.0
"""For an answer that has begun, of the time in which it is listened to."""
_LONGEST_REPORT_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_LAST_WORDS_BYTES: Final = 64 * 1024
_PROGRAM: Final = "from ebrvt_connect.transport.verify_worker import main; main()"


class Gone(Exception):
    """A worker's end of the connection is closed."""


class Worker:
    """One process, as its parent sees it."""

    def __init__(self, grounds: BinaryIO, arguments: tuple[str, ...]) -> None:
        self.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, unnamed() as told:
            self.process = _started(theirs, told, arguments)
            self._told = os.dup(told.fileno())
        self.ready = False
        self.ended_by_us = False
        """It spoke out of turn, or hung up and lived on."""
        self.job: Job | None = None
        self.deadline = time.monotonic() + _START_SECONDS
        self._heard = bytearray()
        self._closed = False
        self._words = b""
        self._send({}, [grounds])

    def begin(self, job: Job, seconds: float) -> None:
        """Hand over a file that must be judged within `seconds`."""
        self.job = job
        self.deadline = time.monotonic() + seconds
        self._send(job.request, job.files)

    def _send(self, request: dict[str, object], files: list[BinaryIO]) -> None:
        written = json.dumps(request).encode()
        with contextlib.suppress(OSError):  # it has died; that is heard when its answer is waited for
            socket.send_fds(
                self.connection, [LENGTH.pack(len(written)) + written], [f.fileno() for f in files]
            )

    def hear(self) -> tuple[bool, bytes] | None:
        """An answer when all of it has come, and nothing behind it. Raises `Gone`."""
        begun = bool(self._heard)
        while self._piece():
            if len(self._heard) > _LONGEST_REPORT_BYTES or self.is_idle:
                raise Gone
        if not begun and self._heard:
            self.deadline = max(self.deadline, time.monotonic() + _TELLING_SECONDS)
        tired, length = ANSWER.unpack_from(self._heard) if len(self._heard) >= ANSWER.size else (False, None)
        if length is None or len(self._heard) < ANSWER.size + length:
            if self._closed:
                raise Gone
            return None
        if len(self._heard) > ANSWER.size + length:
            raise Gone
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
        try:
            self.process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self.ended_by_us = True


def _started(
    connection: socket.socket, told: BinaryIO, arguments: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    """A new interpreter with our own import path and nothing of the current folder.

    Out of the terminal's process group: Ctrl-C is for the parent, which ends its workers.
    """
    path = os.pathsep.join(p for p in sys.path if Path(p).is_absolute())
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, str(connection.fileno()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=told,
        pass_fds=(connection.fileno(),),
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": path},
    )
