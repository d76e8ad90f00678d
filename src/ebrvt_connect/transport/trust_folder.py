"""The trust folder on disk: read whole, changed a file at a time; `trust.anchors` knows what the files mean.

Names that begin with a dot are not part of it: a file being written is one until it is complete.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.codec.faults_vi import os_fault_vi
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope
from ebrvt_connect.ports.durable import sync_folder
from ebrvt_connect.trust.anchors import TRUST_FOLDER_INVALID, TrustStore, store_of_files
from ebrvt_connect.trust.pins import TRUST_FOLDER_MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # not on POSIX: two at once are the operator's matter
    fcntl = None  # type: ignore[assignment]

_LARGEST_BYTES = 64 * 1024 * 1024
"""A national authority's revocation list has some megabytes; anything larger is no trust file."""


def load_trust_folder(folder: Path) -> TrustStore:
    """The trust store of a folder (kho tin cậy): anchors, pins, hints, revocation lists, signers.

    Raises `HeldForPerson` (scope system): `TRUST_FOLDER_INVALID` for a folder or file that does not
    read, `TRUST_PIN_MISSING` for an anchor nobody pinned, `SIGNER_REGISTER_INVALID` for `signers.toml`.
    """
    with _unchanged(folder):
        files = trust_files(folder)
    try:
        return store_of_files(files)
    except InvalidValue as failure:
        raise failure.held(system="trust", operation="load", scope=Scope.SYSTEM) from failure


def trust_files(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of everything in the folder and its branches.

    Raises `HeldForPerson` `TRUST_FOLDER_INVALID` (scope system) for what cannot be read.
    """
    try:
        if not folder.is_dir():
            raise _missing(folder)
        return {path.relative_to(folder).as_posix(): _content(path) for path in _files(folder)}
    except OSError as failure:
        reason = os_fault_vi(failure)
        raise _unreadable(str(failure.filename or folder), reason) from failure


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Nobody else changes or loads the folder within the `with`; it is made where it is not.

    Within it, files are read with `trust_files`: to load the folder would wait for ever.
    """
    _make_folder(folder)
    with _locked(folder, exclusive=True):
        yield


def _unchanged(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Pins and certificates belong together: half of a change is not to be read."""
    return _locked(folder, exclusive=False)


@contextlib.contextmanager
def _locked(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Holds the folder itself, so that nothing is left behind; where that cannot be, goes on without."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield  # who may not open it is told so by what comes next
        return
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def write_trust_file(folder: Path, path: str, content: bytes) -> None:
    """Write one file of the folder, whole or not at all, and durably; who may read the folder may read it.

    An existing file keeps who may read it, and loses everybody else's right to write it. Raises `OSError`.
    """
    target = folder / path
    _make_folder(folder)
    _make_branch(target.parent, folder)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            _like_the_folder(out.fileno(), folder, target)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def remove_trust_file(folder: Path, path: str) -> None:
    """Take one file away, durably. Raises `OSError`."""
    target = folder / path
    target.unlink()
    sync_folder(target.parent)


def _like_the_folder(handle: int, folder: Path, target: Path) -> None:
    """An administrator's new file is the folder's owner's and readers', or the daemon could not read it."""
    owner = folder.stat()
    like = owner
    with contextlib.suppress(FileNotFoundError):
        like = target.stat()
    os.fchmod(handle, 0o200 | (like.st_mode & 0o644))
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.fchown(handle, owner.st_uid, owner.st_gid)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        above = folder.parent.stat()
        os.chown(folder, above.st_uid, above.st_gid)
    sync_folder(folder.parent)


def _make_branch(branch: Path, folder: Path) -> None:
    """As open as the trust folder itself: a branch its readers cannot enter stops every verification."""
    if branch.is_dir():
        return
    _make_folder(branch)
    branch.chmod(stat.S_IMODE(folder.stat().st_mode) & ~stat.S_IWOTH)
    sync_folder(folder)


def _files(folder: Path) -> list[Path]:
    """Two levels are all there is: the folder itself and its branches.

    Raises `OSError` for what cannot be looked into: a list of revoked certificates that cannot be read is
    not one that is not there. A link that leads nowhere is given too, and does not read.
    """
    entries = _entries(folder)
    branches = [entry for entry in entries if entry.is_dir()]
    found = [entry for entry in entries if entry not in branches]
    for branch in branches:
        found += [entry for entry in _entries(Path(branch.path)) if not entry.is_dir()]
    return [Path(entry.path) for entry in found if entry.is_file() or entry.is_symlink()]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)


def _content(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_BYTES:
        raise OSError(0, f"lớn hơn {_LARGEST_BYTES} byte", str(path))
    return path.read_bytes()


def _missing(folder: Path) -> HeldForPerson:
    return HeldForPerson(
        TRUST_FOLDER_MISSING,
        f"no trust folder {folder}",
        scope=Scope.SYSTEM,
        system="trust",
        operation="load",
        folder=str(folder),
    )


def _unreadable(file: str, reason: str) -> HeldForPerson:
    return HeldForPerson(
        TRUST_FOLDER_INVALID,
        f"trust folder: {file}: {reason}",
        scope=Scope.SYSTEM,
        system="trust",
        operation="load",
        file=file,
        reason=reason,
    )
