"""libfiu, which makes system calls of a process fail: fetched when it is not there, and told which ones.

A process it is loaded into (`preloaded`) enables failures from inside, so that starting up is spared, and
counts them in a file that outlives it. Linux and Debian's packages `libfiu0` and `fiu-utils` only.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

TOOLS = Path("var") / "torture" / "tools"
_PACKAGES = ("libfiu0", "fiu-utils")
_PRELOADED = "usr/lib/fiu/fiu_posix_preload.so"
_LIBRARIES = "usr/lib"
_SECONDS = 60
_COUNTED = "failures"
_Decides = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_int),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_uint),
)


def fetched(tools: Path = TOOLS) -> Path | None:
    """The folder it lies in, fetched and unpacked (not installed) at first; None where it cannot be had."""
    tools = tools.absolute()
    if (tools / _PRELOADED).exists():
        return tools
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    tools.mkdir(parents=True, exist_ok=True)
    try:
        download = ["apt-get", "-q", "download", *_PACKAGES]
        subprocess.run(download, cwd=tools, check=True, capture_output=True, timeout=_SECONDS)
        for package in tools.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(tools)], check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return tools if (tools / _PRELOADED).exists() else None


def preloaded(tools: Path) -> dict[str, str]:
    """The environment of a process it is to be loaded into."""
    where = {"LD_PRELOAD": str(tools / _PRELOADED), "LD_LIBRARY_PATH": str(tools / _LIBRARIES)}
    return {**os.environ, **where}


class Failures:
    """Within the process it is loaded into: which calls fail, and how often they have."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Counts in a file of this folder."""
        self._library = ctypes.CDLL("libfiu.so.0")
        self._library.fiu_init(0)
        self._chance = random.Random(seed)
        place = folder / _COUNTED
        place.write_bytes(bytes(8) if not place.exists() else place.read_bytes())
        with place.open("r+b") as file:
            self._counter = mmap.mmap(file.fileno(), 8)
        self._decides: list[object] = []
        self._names: list[bytes] = []

    def begin(self, calls: Sequence[tuple[str, int, float]]) -> None:
        """Each call by libfiu's name of it, the errno it fails with, and how often of one."""
        for name, errno, probability in calls:
            decide = _Decides(self._decision(errno, probability))
            self._decides.append(decide)  # else it would be collected while C still calls it
            self._names.append(name.encode())
            self._library.fiu_enable_external(name.encode(), 1, None, 0, decide)

    def end(self) -> None:
        """From now on nothing fails."""
        for name in self._names:
            self._library.fiu_disable(name)

    def _decision(self, errno: int, probability: float):
        def decide(_name, _number, info, _flags) -> int:
            if self._chance.random() >= probability:
                return 0
            info[0] = errno
            self._counter[:] = (int.from_bytes(self._counter[:], "little") + 1).to_bytes(8, "little")
            return 1

        return decide


def counted(folder: Path) -> int:
    """How many calls have failed in this folder's processes."""
    place = folder / _COUNTED
    return int.from_bytes(place.read_bytes(), "little") if place.exists() else 0
