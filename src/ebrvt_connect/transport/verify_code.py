"""Whether a worker runs the code of its parent: an upgrade (nâng cấp) under a running program divides them.

The parent goes on with what it loaded; a worker started later loads what is on the disk now. What one packs
the other may misread, so a worker tells its build before it is asked anything.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

_DISTRIBUTION: Final = "ebrvt-connect"
_PACKAGE: Final = Path(__file__).parent.parent


def _build() -> bytes:
    """What is installed: the file with the version, and what the installer wrote down of each file."""
    written = ""
    with suppress(PackageNotFoundError, OSError, UnicodeDecodeError):  # none of a plain folder on the path
        written = distribution(_DISTRIBUTION).read_text("RECORD") or ""
    versioned = (_PACKAGE / "__init__.py").read_bytes()
    return hashlib.sha256(versioned + written.encode()).hexdigest().encode()


def _files(package: Path) -> str:
    """Size and time of every file of the package; none of it when it is being replaced just now."""
    seen, folders = [], [str(package)]
    try:
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir():
                        folders += [] if entry.name == "__pycache__" else [entry.path]
                        continue
                    status = entry.stat()
                    seen.append(f"{entry.path}|{status.st_size}|{status.st_mtime_ns}")
    except OSError:
        return ""
    return hashlib.sha256("\n".join(sorted(seen)).encode("utf-8", "surrogateescape")).hexdigest()


BUILD: Final = _build()
"""The build this process was started with (ASCII)."""
_AT_START: Final = _files(_PACKAGE)


def was_changed(package: Path = _PACKAGE) -> bool:
    """Whether the files of the package are others than when this process began; 2 ms."""
    return _files(package) != _AT_START
