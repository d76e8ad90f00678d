"""Bytes on the local disk: `blobs/ab/cd/<sha256>`, written beside, synced, renamed, and the folder synced.

Only after all four may a row name them; until then a crash leaves a temporary file, cleaned at the next
opening: whoever writes one holds its lock, so that daemons that share the folder leave each other's alone.
What is there already is hashed again but not written again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.blobs import Blobs
from ebrvt_connect.ports.durable import sync_folder
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TEMPORARY = ".tmp"
_HEX = frozenset("0123456789abcdef")
_SHA256_HEX = 64
_IN_MEMORY_BYTES = 256 * 1024


class LocalBlobs(Blobs):
    """Blobs in a folder that all daemons of a store share; any number of processes and threads."""

    def __init__(self, folder: Path | str) -> None:
        """Make the folder (for the owner alone) if need be and clean up what a crash left half written."""
        self.folder = Path(folder)
        self._temporary = self.folder / _TEMPORARY
        self._making = threading.Lock()
        self._synced: set[Path] = set()
        """Folders whose entry in their parent is known to be on the disk."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        for leftover in self._temporary.iterdir():
            _remove_unless_written(leftover)

    def path_of(self, sha256: str) -> Path:
        """Where the bytes lie; raises `KeyError` for what is not a SHA-256: never a path somebody made up."""
        if len(sha256) != _SHA256_HEX or not _HEX.issuperset(sha256):
            raise KeyError(sha256)
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return self.path_of(sha256).is_file()

    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        """Small contents are known before the disk is touched; large ones are written as they come."""
        digest = hashlib.sha256()
        flow = iter(chunks)
        held = bytearray()
        for chunk in flow:
            digest.update(chunk)
            held += chunk
            if len(held) > _IN_MEMORY_BYTES:
                return self._spill(bytes(held), flow, digest)
        sha256 = digest.hexdigest()
        if self.has(sha256):
            sync_folder(self.path_of(sha256).parent)
        else:
            self._spill(bytes(held), iter(()), digest)
        return BlobRef(sha256=sha256, size_bytes=len(held))

    def _spill(self, begun: bytes, rest: Iterator[bytes], digest: hashlib._Hash) -> BlobRef:
        """Write what was read so far and what follows; `digest` has already seen the beginning."""
        handle, temporary = _draft(self._temporary)
        try:
            size = len(begun)
            with os.fdopen(handle, "wb") as out:
                out.write(begun)
                for chunk in rest:
                    digest.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
                sha256 = digest.hexdigest()
                if not self.has(sha256):
                    out.flush()
                    os.fsync(out.fileno())
                self._keep(temporary, self.path_of(sha256))  # while it is open, its lock is held
        finally:
            temporary.unlink(missing_ok=True)
        return BlobRef(sha256=sha256, size_bytes=size)

    def _keep(self, temporary: Path, final: Path) -> None:
        """Move into place and sync what names it.

        What is there already may have been moved by another thread that has not come to syncing yet.
        """
        if final.is_file():
            sync_folder(final.parent)
            return
        crash_point("after_blob_written_before_rename")
        self._make_folder(final.parent)
        temporary.replace(final)
        sync_folder(final.parent)
        crash_point("after_blob_renamed")

    def _make_folder(self, folder: Path) -> None:
        """Make `ab/cd`, syncing each parent that gained an entry.

        A thread at a time, so that what another has made has been synced, too; what another process has
        made is synced once more.
        """
        with self._making:
            for new in (folder.parent, folder):
                if new not in self._synced:
                    new.mkdir(exist_ok=True)
                    sync_folder(new.parent)
                    self._synced.add(new)

    def _open(self, sha256: str) -> BinaryIO:
        return self.path_of(sha256).open("rb")


def _draft(folder: Path) -> tuple[int, Path]:
    """A new temporary file, open and locked."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # somebody opened the store just then, and took it for a leftover


def _remove_unless_written(leftover: Path) -> None:
    """Remove what a crash left half written; what another process is writing is locked."""
    with suppress(FileNotFoundError, BlockingIOError), leftover.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink(missing_ok=True)
