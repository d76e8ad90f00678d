"""A new file, written whole or not at all, and no more open to others than what it is made of."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from ebrvt_connect.ports.durable import sync_folder

_EVERYBODY = 0o666
_OWNER = 0o600
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


def write_whole(path: Path, content: bytes, *, like: int = _EVERYBODY) -> None:
    """Write a new file at once; `like` is the mode of what it is made of, narrowed by the umask.

    Beside it, synced, linked: nobody sees half of it, and a crash leaves at most a hidden `.tmp` file (where
    the disk knows no links, an empty file of that name).
    Raises `FileExistsError` where there is one, even one that has only just been made (it is left as it
    is), and other `OSError`s.
    """
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, like & _EVERYBODY | _OWNER)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        _named(beside, path)
        sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _named(beside: Path, path: Path) -> None:
    """Give the file its name, unless another has it."""
    try:
        os.link(beside, path)
    except FileExistsError as failure:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from failure
    except OSError as failure:
        if failure.errno not in _NO_LINKS:
            raise
        # A memory stick, for instance, knows no links: the name is taken first, the content put under it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _OWNER))
        beside.replace(path)
