"""What the command line's exit codes mean; scripts rely on them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended (mã thoát)."""

    DONE = 0
    """Yes, or done."""
    NO = 1
    """A document failed, a check failed, something is dead."""
    UNDECIDED = 2
    """It cannot be told yet, or a person must decide."""
    UNAVAILABLE = 3
    """A remote system cannot be reached."""
    CONFIGURATION = 4
    USAGE = 64
    INTERNAL = 70


INTERRUPTED = 130
"""Stopped by Ctrl-C, as shells count."""
