"""Named places where a test may end the process as `kill -9` would; anywhere else these do nothing.

`EBRVT_TEST_CRASH_AT=after_send_before_settle:3` ends the process the third time it passes there.
"""

from __future__ import annotations

import os
import threading

CRASH_AT = "EBRVT_TEST_CRASH_AT"
KILLED = 137
"""The exit code of a process ended by SIGKILL, as a shell tells it."""

POINTS = (
    "after_fetch_before_store",
    "in_store_before_commit",
    "after_store_before_acknowledge",
    "after_acknowledge_before_note",
    "after_blob_written_before_rename",
    "after_blob_renamed",
    "after_shard_opened",
    "after_judge_before_commit",
    "in_commit",
    "after_contents_before_commit",
    "after_mark_before_send",
    "after_send_before_settle",
    "after_settle",
    "before_ask",
    "after_ask_before_settle",
    "before_shard_closed",
    "after_shard_closed",
    "in_link_before_commit",
    "after_link",
    "in_seal_before_commit",
    "after_seal",
    "after_stamp_before_kept",
    "after_stamp_kept",
)

_lock = threading.Lock()
_left: dict[str, int] = {}


def crash_point(name: str) -> None:
    """End the process here if the environment asks for it; raises `ValueError` for a name not in `POINTS`."""
    wanted = os.environ.get(CRASH_AT)
    if wanted is None:
        return
    if name not in POINTS:
        raise ValueError(f"crash point {name!r} is not one of POINTS")
    point, _, count = wanted.partition(":")
    if point != name:
        return
    with _lock:
        _left[name] = _left.get(name, int(count or 1)) - 1
        if _left[name] == 0:
            os._exit(KILLED)
