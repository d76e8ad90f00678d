"""Bytes on the local disk: `blobs/ab/cd/<sha256>`, written beside, synced, renamed, and the folder synced.

Only after all four may a row name them; until then a crash leaves a temporary file, cleaned at the next
opening: whoever writes one holds its lock, so that daemons that share the folder leave each other's alone.
What is there already is hashed again but not written again; its age begins anew. What a collector has set
aside lies in `blobs/.aside/<sha256>`, whole or not at all, since a rename takes it there and back.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.blobs import STORE_FULL, CollectableBlobs, KeptBlob
from ebrvt_connect.ports.durable import sync_folder
from ebrvt_connect.store.crash_points import crash_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TEMPORARY = ".tmp"
_ASIDE = ".aside"
_OWNERS = ".owners"
_HEX = frozenset("0123456789abcdef")
_SHA256_HEX = 64
_LEDGER_HEX = 32
_IN_MEMORY_BYTES = 256 * 1024


class LocalBlobs(CollectableBlobs):
    """Blobs in a folder that all daemons of a store share; any number of processes and threads."""

    def __init__(self, folder: Path | str) -> None:
        """Make the folder (for the owner alone) if need be and clean up what a crash left half written."""
        self.folder = Path(folder)
        self._temporary = self.folder / _TEMPORARY
        self._aside = self.folder / _ASIDE
        self._synced: set[str] = set()
        """Folders whose entry in their parent is known to be on the disk, by their digits: there are up to
        65,792 of them, and each `Path` would take ten times as much memory."""
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
        """Whether the bytes are here, set aside or not."""
        return self.path_of(sha256).is_file() or (self._aside / sha256).is_file()

    def kept(self) -> Iterator[KeptBlob]:
        """Everything that is not set aside, folder by folder."""
        with _disk_told():
            for outer in _named(self.folder, 2):
                for inner in _named(Path(outer.path), 2):
                    yield from _blobs_in(Path(inner.path))

    def aside(self) -> Iterator[KeptBlob]:
        """What is set aside."""
        with _disk_told():
            if self._aside.is_dir():
                yield from _blobs_in(self._aside)

    def set_aside(self, sha256: str) -> None:
        """Set aside, as of now."""
        with _disk_told(), suppress(FileNotFoundError):
            self._aside.mkdir(mode=0o700, exist_ok=True)
            # First: killed in between it is merely young again, and not deleted before its time.
            os.utime(self.path_of(sha256))
            self.path_of(sha256).replace(self._aside / sha256)

    def bring_back(self, sha256: str) -> None:
        """Take back what was set aside; the same bytes may lie there anew."""
        with _disk_told(), suppress(FileNotFoundError):
            final = self.path_of(sha256)
            self._make_folder(final.parent)
            (self._aside / sha256).replace(final)
            sync_folder(final.parent)

    def delete(self, sha256: str) -> None:
        """Delete for good what is set aside."""
        with _disk_told():
            (self._aside / self.path_of(sha256).name).unlink(missing_ok=True)

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        """What a crash left half written before then."""
        with _disk_told():
            for draft in self._temporary.iterdir():
                with suppress(FileNotFoundError):
                    found = draft.stat()
                    if datetime.fromtimestamp(found.st_mtime, UTC) < before and not _is_written(draft):
                        yield draft.name, found.st_size

    def clear(self, name: str) -> None:
        """Delete something half written, unless somebody is writing it."""
        with _disk_told():
            _remove_unless_written(self._temporary / Path(name).name)

    def owners(self) -> frozenset[str]:
        """The ledgers whose contents lie here."""
        with _disk_told(), suppress(FileNotFoundError):
            return frozenset(entry.name for entry in _named(self.folder / _OWNERS, _LEDGER_HEX))
        return frozenset()

    def own(self, ledger: str) -> None:
        """Note that this ledger's contents lie here."""
        with _disk_told():
            note = self._note_of(ledger)
            note.parent.mkdir(mode=0o700, exist_ok=True)
            note.touch(mode=0o600)
            sync_folder(note.parent)
            sync_folder(self.folder)

    def disown(self, ledger: str) -> None:
        """Note that this ledger is gone for good."""
        with _disk_told():
            self._note_of(ledger).unlink(missing_ok=True)

    def _note_of(self, ledger: str) -> Path:
        if len(ledger) != _LEDGER_HEX or not _HEX.issuperset(ledger):
            raise ValueError(f"not a ledger's id: {ledger[:70]!r}")
        return self.folder / _OWNERS / ledger

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
        if self._renewed(self.path_of(sha256)):
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
                self._keep(out, temporary, self.path_of(sha256))  # while it is open, its lock is held
        finally:
            temporary.unlink(missing_ok=True)
        return BlobRef(sha256=sha256, size_bytes=size)

    def _keep(self, out: BinaryIO, temporary: Path, final: Path) -> None:
        """Sync, move into place and sync what names it.

        What is there already may have been moved by another thread that has not come to syncing yet.
        """
        if self._renewed(final):
            sync_folder(final.parent)
            return
        out.flush()
        os.fsync(out.fileno())
        crash_point("after_blob_written_before_rename")
        self._make_folder(final.parent)
        temporary.replace(final)
        sync_folder(final.parent)
        crash_point("after_blob_renamed")

    @staticmethod
    def _renewed(final: Path) -> bool:
        """Whether the bytes are in their place; their age begins anew, for somebody is about to name them."""
        try:
            os.utime(final)
        except FileNotFoundError:
            return False
        return True

    def _make_folder(self, folder: Path) -> None:
        """Make `ab/cd`, syncing each parent that gained an entry.

        What another thread or process has made, and may not have synced yet, is synced once more: waiting
        for one another, threads would sync one at a time.
        """
        outer = folder.parent
        for new, digits in ((outer, outer.name), (folder, outer.name + folder.name)):
            if digits not in self._synced:
                new.mkdir(exist_ok=True)
                sync_folder(new.parent)
                self._synced.add(digits)

    def _open(self, sha256: str) -> BinaryIO:
        """From wherever it lies; between two looks it may be set aside or brought back."""
        final = self.path_of(sha256)
        for path in (final, self._aside / sha256):
            with suppress(FileNotFoundError):
                return path.open("rb")
        return final.open("rb")


def _draft(folder: Path) -> tuple[int, Path]:
    """A new temporary file, open and locked."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # somebody opened the store just then, and took it for a leftover


def _named(folder: Path, length: int) -> Iterator[os.DirEntry[str]]:
    """What of a folder bears a name of so many hex digits."""
    with os.scandir(folder) as entries:
        yield from (e for e in entries if len(e.name) == length and _HEX.issuperset(e.name))


def _blobs_in(folder: Path) -> Iterator[KeptBlob]:
    for entry in _named(folder, _SHA256_HEX):
        with suppress(FileNotFoundError):  # it may go elsewhere meanwhile
            found = entry.stat(follow_symlinks=False)
            yield KeptBlob(entry.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


@contextmanager
def _disk_told() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise HeldForPerson(STORE_FULL, f"cannot collect blobs: {failure}", scope=Scope.STORE) from failure


def _is_written(draft: Path) -> bool:
    """Whether somebody is at it: then its lock is held."""
    with draft.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _remove_unless_written(leftover: Path) -> None:
    """Remove what a crash left half written; what another process is writing is locked."""
    with suppress(FileNotFoundError, BlockingIOError), leftover.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink(missing_ok=True)
