"""A remote on loopback in a process of its own, as fast as Python makes one: it answers 200 to anything.

    with Loopback() as url: ...

As a script it serves until its standard input closes: `python -m tests.bench.loopback SECONDS TYPE`, where
SECONDS is how long it thinks about each answer and TYPE the answer's media type. The answer's body is the
first line of its input, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys

_JSON = "application/json"
_HEAD_END = b"\r\n\r\n"


class Loopback:
    """The remote as a child process; `with` gives its address."""

    def __init__(
        self, thinks_seconds: float = 0.0, *, answer: str = '{"ok": "xin"}', media_type: str = _JSON
    ) -> None:
        self._command = [sys.executable, "-m", "tests.bench.loopback", str(thinks_seconds), media_type]
        self._answer = answer

    def __enter__(self) -> str:
        piped = subprocess.PIPE
        self._child = subprocess.Popen(self._command, stdin=piped, stdout=piped, text=True)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(self._answer) + "\n")
        self._child.stdin.flush()
        return f"http://127.0.0.1:{int(self._child.stdout.readline())}"

    def __exit__(self, *_: object) -> None:
        self._child.communicate(timeout=10)


class _Exchange(asyncio.Protocol):
    """One connection: whole requests in, one answer each out."""

    def __init__(self, thinks_seconds: float, answer: bytes) -> None:
        self._thinks_seconds = thinks_seconds
        self._answer = answer
        self._seen = bytearray()
        self._missing = -1
        """Bytes of the body still to come; -1 while the head is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while self._request_complete():
            if self._thinks_seconds:
                asyncio.get_running_loop().call_later(
                    self._thinks_seconds, self._transport.write, self._answer
                )
            else:
                self._transport.write(self._answer)

    def _request_complete(self) -> bool:
        if self._missing < 0:
            end = self._seen.find(_HEAD_END)
            if end < 0:
                return False
            self._missing = _announced(bytes(self._seen[:end]))
            del self._seen[: end + len(_HEAD_END)]
        if len(self._seen) < self._missing:
            return False
        del self._seen[: self._missing]
        self._missing = -1
        return True


def _announced(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _response(body: bytes, media_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _serve(thinks_seconds: float, answer: bytes) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Exchange(thinks_seconds, answer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the parent closes it, or is gone
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        said = json.loads(sys.stdin.readline()).encode()
        asyncio.run(_serve(float(sys.argv[1]), _response(said, sys.argv[2])))
