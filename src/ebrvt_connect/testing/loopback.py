"""Where simulators and proxies listen: on this machine alone (chỉ trong máy này)."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def bound_socket(port: int) -> socket.socket:
    """A socket for an event loop that only this machine reaches; port 0 takes a free one.

    Raises `OSError` for a port that is taken.
    """
    # Without IPPROTO_TCP asyncio does not switch Nagle off: 44 ms a request.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setblocking(False)  # noqa: FBT003 - as the socket module spells it
    try:
        made.bind((LOOPBACK, port))
    except OSError:
        made.close()
        raise
    return made
