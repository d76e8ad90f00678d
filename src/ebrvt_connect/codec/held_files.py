"""The files of one packet, kept in memory while it is read; names they may be written under."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.blobs import Blobs

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_STEM_BYTES = 150
_LONGEST_EXTENSION_BYTES = 20
_NOT_IN_NAMES = frozenset('<>:"|?*')


class TooMuchHeld(Exception):
    """The files of a packet are larger, together, than is kept in memory."""


class HeldFiles(Blobs):
    """Blobs of a packet that is judged and forgotten; raises `TooMuchHeld` past a limit on all together."""

    def __init__(self, most_bytes: int) -> None:
        """Empty; what is put in twice counts once."""
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._contents: dict[str, bytes] = {}

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return sha256 in self._contents

    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        content = bytearray()
        for chunk in chunks:
            content += chunk
            if len(content) > self._most_bytes:
                raise TooMuchHeld
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 not in self._contents:
            if self._held_bytes + len(content) > self._most_bytes:
                raise TooMuchHeld
            self._contents[sha256] = bytes(content)
            self._held_bytes += len(content)
        return BlobRef(sha256=sha256, size_bytes=len(content))

    def _open(self, sha256: str) -> BinaryIO:
        return io.BytesIO(self._contents[sha256])


def harmless_name(seq: int, name: str) -> str:
    """A name from the other side as a file name of ours: numbered, without folders, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in last if c.isprintable() and c not in _NOT_IN_NAMES).strip(" .")
    stem, dot, extension = kept.rpartition(".") if "." in kept else (kept, "", "")
    short = _cut(stem, _LONGEST_STEM_BYTES) + dot + _cut(extension, _LONGEST_EXTENSION_BYTES)
    return f"{seq:02d}-{short.strip(' .') or 'attachment'}"


def _cut(text: str, most_bytes: int) -> str:
    """At most so many bytes of UTF-8, whole letters only."""
    return text.encode()[:most_bytes].decode(errors="ignore")
