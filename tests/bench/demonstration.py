"""`ebrvt demo`, seconds to its end and to the first document delivered: from nothing, and with keys present.

Measured only when named, since the whole demonstration runs twice. Installing is not in it. Targets:
60 s from nothing to the end; 5 s from a start with keys to the first document on the axis.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import Figure, Setup, noise

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE_SECONDS, _FIRST_SECONDS = 60.0, 5.0
_KEYS = Path("var/demo/pki")
_STORE = Path("var/demo/ebrvt.db")
_LOOK_SECONDS = 0.05
_DELIVERED = "SELECT 1 FROM message WHERE link = 'van-ban-di' AND state = 'done' LIMIT 1"


def measure(setup: Setup) -> list[Figure]:
    cold, warm = setup.folder / "cold", setup.folder / "warm"
    found = list(_run(cold, "from nothing", whole_target=True))
    shutil.copytree(cold / _KEYS, warm / _KEYS)
    return [*found, *_run(warm, "keys present", first_target=True)]


def _run(
    folder: Path, name: str, *, whole_target: bool = False, first_target: bool = False
) -> Iterator[Figure]:
    noise.listen()
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "demo", "--root", str(folder)]
    begun, first, peak = time.perf_counter(), 0.0, 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        while child.poll() is None:
            time.sleep(_LOOK_SECONDS)
            peak = max(peak, _peak_of(child.pid))
            if not first and _delivered(folder / _STORE):
                first = time.perf_counter() - begun
    whole = time.perf_counter() - begun
    if child.returncode != 0:
        raise RuntimeError(f"the demonstration ended with {child.returncode}")
    told = json.loads((folder / "var" / "run" / "summary.json").read_text("utf-8"))
    yield _seconds(f"{name}: to the end", whole, _WHOLE_SECONDS if whole_target else None)
    yield _seconds(f"{name}: first document delivered", first, _FIRST_SECONDS if first_target else None)
    yield Figure(f"{name}: peak memory of the daemon", peak / 2**20, "MB")
    yield Figure(f"{name}: documents lost", told["lost"], "", target="0", met=told["lost"] == 0)


def _seconds(what: str, seconds: float, target: float | None) -> Figure:
    if target is None:
        return Figure(what, seconds, "s")
    return Figure(what, seconds, "s", target=f"{target:g} s", met=0 < seconds <= target)


def _delivered(store: Path) -> bool:
    """Whether a document has reached the axis, by the ledger; false while there is none yet."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=0.0)) as ledger,
    ):
        return ledger.execute(_DELIVERED).fetchone() is not None
    return False


def _peak_of(pid: int) -> int:
    """Peak resident bytes of a process; 0 where the system does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
