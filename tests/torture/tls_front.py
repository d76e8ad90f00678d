"""A door of TLS before a plain remote on loopback: it wants a client certificate, and notes which came."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Sequence

import trustme

from ebrvt_connect.testing.loopback import LOOPBACK

_PIECE_BYTES = 65536
_REST_SECONDS = 30.0


class TlsFront:
    """Listens, lets in whoever one of `admitted` has issued a certificate to, and hands the rest through."""

    def __init__(self, target: str, authority: trustme.CA, admitted: Sequence[trustme.CA]) -> None:
        """`target` is `http://host:port`; `authority` has issued the door's own certificate."""
        self._target = (LOOPBACK, int(target.rpartition(":")[2]))
        self._own = authority.issue_cert("localhost", LOOPBACK)
        self.seen: list[int] = []
        """Serial numbers of client certificates, a connection each."""
        self.admit(admitted)
        self._listening = socket.create_server((LOOPBACK, 0))
        self.url = f"https://localhost:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def admit(self, authorities: Sequence[trustme.CA]) -> None:
        """From now on only who has a certificate of one of these comes in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._own.configure_cert(context)
        for authority in authorities:
            authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        self._context = context

    def close(self) -> None:
        """Let nobody in any more."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), raw:
            raw.settimeout(_REST_SECONDS)
            with (
                self._context.wrap_socket(raw, server_side=True) as inside,
                socket.create_connection(self._target) as behind,
            ):
                shown = inside.getpeercert() or {}
                self.seen.append(int(str(shown["serialNumber"]), 16))
                _hand_through(inside, behind)


def _hand_through(inside: ssl.SSLSocket, behind: socket.socket) -> None:
    """Both ways, by one thread: OpenSSL bears no two in one connection."""
    while True:
        ready = [inside] if inside.pending() else select.select([inside, behind], [], [], _REST_SECONDS)[0]
        if not ready:
            return
        for one in ready:
            piece = one.recv(_PIECE_BYTES)
            if not piece:
                return
            (behind if one is inside else inside).sendall(piece)
