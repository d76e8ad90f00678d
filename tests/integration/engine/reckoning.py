"""Reckoning after the crashes: what the remotes' own journals and the ledger say about the same messages."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ebrvt_connect.store.crash_points import CRASH_AT
from tests.integration.engine.crashing_daemon import DECIDES_AFTER

DAEMON = Path(__file__).with_name("crashing_daemon.py")


def start(
    folder: Path, items: int, crash_at: str | None = None, *, url: str | None = None
) -> subprocess.Popen[bytes]:
    """The daemon to be killed, on this folder; its words go to `daemon.log` there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if crash_at is not None:
        environment[CRASH_AT] = crash_at
    command = [sys.executable, str(DAEMON), str(folder), str(items), *([url] if url else [])]
    with (folder / "daemon.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def effects(folder: Path, system: str) -> list[tuple[str, str]]:
    """(key, lane) of every effect at a remote, in the order of their happening."""
    with closing(sqlite3.connect(folder / f"{system}.db")) as journal:
        return journal.execute("SELECT key, lane FROM effect ORDER BY id").fetchall()


@dataclass(frozen=True)
class Reckoning:
    """What is not as it must be."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    invented: tuple[str, ...]
    out_of_order: tuple[str, ...]
    """Lanes."""
    undecided: tuple[str, ...]
    """Done, though the remote had not decided."""
    unacknowledged: tuple[str, ...]


def reckoned(folder: Path, items: int) -> Reckoning:
    """Compare what was offered with what the remotes have seen."""
    lost: list[str] = []
    doubled: list[str] = []
    invented: list[str] = []
    for system, suffix in (("axis", ""), ("dms", ">SENT")):
        counted = Counter(key for key, _lane in effects(folder, system))
        wanted = {f"out:d{n}:1{suffix}" for n in range(items)}
        lost += sorted(wanted - counted.keys())
        doubled += sorted(key for key, n in counted.items() if n > 1)
        invented += sorted(counted.keys() - wanted)
    return Reckoning(
        tuple(lost),
        tuple(doubled),
        tuple(invented),
        _lanes_out_of_order(folder),
        _done_undecided(folder, items),
        _unacknowledged(folder, items),
    )


def _lanes_out_of_order(folder: Path) -> tuple[str, ...]:
    lanes: dict[str, list[int]] = {}
    for key, lane in effects(folder, "axis"):
        lanes.setdefault(lane, []).append(int(key.split(":")[1][1:]))
    return tuple(lane for lane, order in lanes.items() if order != sorted(order))


def _done_undecided(folder: Path, items: int) -> tuple[str, ...]:
    with closing(sqlite3.connect(folder / "axis.db")) as journal:
        asked = dict(journal.execute("SELECT key, count(*) FROM asked GROUP BY key"))
    later = (f"out:d{n}:1" for n in range(0, items, 3))
    return tuple(key for key in later if asked.get(key, 0) < DECIDES_AFTER)


def _unacknowledged(folder: Path, items: int) -> tuple[str, ...]:
    with closing(sqlite3.connect(folder / "dms.db")) as journal:
        acknowledged = {row[0] for row in journal.execute("SELECT external_id FROM acknowledged")}
    return tuple(sorted({f"d{n}" for n in range(items)} ^ acknowledged))
