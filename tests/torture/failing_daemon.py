"""The daemon of R4: what it writes fails for a while, at random; then the disk is well again.

    python -m tests.torture.failing_daemon FOLDER ITEMS SEED

libfiu must be loaded into it (`libfiu.preloaded`). Ends as `crashing_daemon` does.
"""

from __future__ import annotations

import errno
import random
import sys
import threading
from pathlib import Path

from tests.integration.engine.crashing_daemon import main
from tests.torture.libfiu import Failures

PLANS = {
    "no space for the database": (("posix/io/rw/pwrite", errno.ENOSPC, 0.05),),
    "database cannot be written": (("posix/io/rw/pwrite", errno.EIO, 0.03),),
    "nothing can be synced": (
        ("posix/io/sync/fsync", errno.EIO, 0.05),
        ("posix/io/sync/fdatasync", errno.EIO, 0.05),
    ),
    "no space for blobs": (("posix/io/rw/write", errno.ENOSPC, 0.1),),
    "blobs cannot be renamed": (("posix/io/dir/rename", errno.EIO, 0.2),),
    "everything, now and then": (
        ("posix/io/rw/pwrite", errno.EIO, 0.01),
        ("posix/io/rw/write", errno.EIO, 0.01),
        ("posix/io/sync/fsync", errno.EIO, 0.01),
        ("posix/io/sync/fdatasync", errno.EIO, 0.01),
        ("posix/io/rw/ftruncate", errno.EIO, 0.05),
        ("posix/io/dir/rename", errno.EIO, 0.02),
        ("posix/io/dir/unlink", errno.EIO, 0.05),
    ),
}
"""By turns, seed by seed; reading is spared, since Python reads its own modules by it."""


def plan_of(seed: int) -> str:
    """Which plan a seed plays."""
    return list(PLANS)[seed % len(PLANS)]


def failing(folder: Path, items: int, seed: int) -> int:
    """Run until settled, with failures for a few seconds of it."""
    chance = random.Random(seed)
    failures = Failures(folder, seed)
    begin = threading.Timer(chance.uniform(0.0, 2.0), failures.begin, [PLANS[plan_of(seed)]])
    end = threading.Timer(chance.uniform(5.0, 8.0), failures.end)
    for timer in (begin, end):
        timer.daemon = True
        timer.start()
    return main(folder, items)


if __name__ == "__main__":
    sys.exit(failing(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
