"""What must be on the disk before anybody is told of it (ghi bền xuống đĩa)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sync_folder(folder: Path) -> None:
    """See that a folder's entries are on the disk: a rename, a new name or a removal lasts only then.

    Raises `OSError` for what is no folder, or a disk that fails.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
