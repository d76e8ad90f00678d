"""R14, the soak: a long stream of messages through a daemon, one in twenty with a fault, killed now and then.

Memory, open files, the database's size and the rate are sampled all along. What is written: `soak.json` with
all samples, and `soak.svg`, a picture of them. Judged: nothing lost, doubled, invented or out of order; every
settlement proven once; and in the daemon's last life, which is the longest, memory and open files stay flat.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.store.proof_audit import altered
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.reckoning import effects
from tests.torture.drawing import Panel, svg
from tests.torture.outcome import Tried
from tests.torture.soak_daemon import DOCUMENTS_A_LANE, Fault, number_of, planned

MESSAGES = 100_000
WRITTEN_TO = Path("var") / "torture"
_SEED = 14
_ROOT = Path(__file__).resolve().parents[2]
_EVERY_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_KILLED_WITHIN = 0.4
"""Kills come in this first part of the documents: the rest is one long life, whose memory is looked at."""
_DOCUMENTS_A_KILL = 5_000
_SAMPLES_A_PICTURE = 30
_STUCK_SECONDS = 600
_WARM_UP = 0.2
_ENOUGH_SAMPLES = 30
_MOST_GROWTH = 1.10
_MOST_MORE_FILES = 8
_PROVEN = """
    SELECT count(*), count(DISTINCT message_id) FROM proof_entry
    WHERE instr(body, char(10) || 'state: done' || char(10))
        + instr(body, char(10) || 'state: refused' || char(10))
"""
_STUCK = "nothing has moved for ten minutes"


@dataclass(frozen=True)
class Sample:
    """How the daemon stood at a moment."""

    seconds: float
    life: int
    settled: int
    """Messages, both ways."""
    memory_mb: float
    files: int
    database_mb: float
    log_mb: float
    """The database's write-ahead log."""


@dataclass
class Soak:
    """What a soak has seen."""

    folder: Path
    documents: int
    seed: int
    write_to: Path
    samples: list[Sample] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    """Seconds."""
    began: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began


def soak(messages: int = MESSAGES, write_to: Path = WRITTEN_TO) -> Tried:
    """R14: so many messages, half of them documents and half what is told back about each."""
    folder = Path(tempfile.mkdtemp(prefix="ebrvt-soak-"))
    run = Soak(folder, max(messages // 2, DOCUMENTS_A_LANE), _SEED, write_to)
    write_to.mkdir(parents=True, exist_ok=True)
    outcome = Tried("R14", "sqlite", messages=2 * run.documents)
    with outcome.case("the daemon's lives"):
        _live(run)
    with outcome.case("the remotes' journals"):
        _reckon(run, outcome)
    with outcome.case("the books"):
        _assert_the_books_agree(run)
    with outcome.case("memory and files"):
        _assert_flat(run)
    outcome.faults = sum(faults_of(folder).values()) + len(run.kills)
    outcome.told = _written(run, outcome)
    if not outcome.failed:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _live(run: Soak) -> None:
    """One life after the other; the last one ends by itself."""
    chance = random.Random(run.seed)
    kills = max(1, run.documents // _DOCUMENTS_A_KILL)
    ends = sorted(chance.uniform(0.02, _KILLED_WITHIN) * run.documents for _ in range(kills))
    for life, end in enumerate((*ends, None)):
        daemon = _started(run)
        try:
            _watch(run, daemon, life, end)
        finally:
            daemon.kill()
            code = daemon.wait()
        if end is None and code != 0:
            log = (run.folder / "daemon.log").read_text()[-1000:]
            raise AssertionError(f"not settled: exit code {code}\n{log}")


def _started(run: Soak) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.torture.soak_daemon"]
    command += [str(run.folder), str(run.documents), str(run.seed)]
    with (run.folder / "daemon.log").open("ab") as log:
        return subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=log)


def _watch(run: Soak, daemon: subprocess.Popen[bytes], life: int, end: float | None) -> None:
    """Sample until it ends, or so many documents are told back and it is to be killed."""
    due, moved_at, before = 0.0, time.monotonic(), -1
    while daemon.poll() is None:
        back = _rows(run.folder, "dms")
        if back != before:
            moved_at, before = time.monotonic(), back
        elif time.monotonic() - moved_at > _STUCK_SECONDS:
            raise AssertionError(_STUCK)
        if run.seconds() >= due:
            due = run.seconds() + _EVERY_SECONDS
            with suppress(OSError):  # it has just ended
                run.samples.append(_sampled(run, daemon.pid, life, back))
            if len(run.samples) % _SAMPLES_A_PICTURE == 0:
                (run.write_to / "soak.svg").write_text(picture(run, f"{run.samples[-1].settled:,} so far"))
        if end is not None and back >= end:
            run.kills.append(run.seconds())
            return
        time.sleep(_LOOK_SECONDS)


def _sampled(run: Soak, pid: int, life: int, back: int) -> Sample:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Sample(
        seconds=round(run.seconds(), 1),
        life=life,
        settled=back + _rows(run.folder, "axis"),
        memory_mb=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        files=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        database_mb=_megabytes(run.folder / "ledger.db"),
        log_mb=_megabytes(run.folder / "ledger.db-wal"),
    )


def _rows(folder: Path, system: str) -> int:
    """Effects at a remote so far."""
    place = folder / f"{system}.db"
    if not place.exists():
        return 0
    with closing(sqlite3.connect(place)) as journal:
        try:
            return int(journal.execute("SELECT coalesce(max(id), 0) FROM effect").fetchone()[0])
        except sqlite3.OperationalError:  # it is just being made
            return 0


def _megabytes(place: Path) -> float:
    return place.stat().st_size / 2**20 if place.exists() else 0.0


def faults_of(folder: Path) -> Counter[str]:
    """How often each fault was played, by the remotes' journals."""
    counted: Counter[str] = Counter()
    for system in ("axis", "dms"):
        with closing(sqlite3.connect(folder / f"{system}.db")) as journal:
            counted.update(dict(journal.execute("SELECT fault, sum(times) FROM played GROUP BY fault")))
    return counted


def _reckon(run: Soak, outcome: Tried) -> None:
    """What was offered, against what the remotes have seen."""
    refused = {n for n in range(run.documents) if planned(run.seed, "axis", n) == (Fault.REJECTED, 1)}
    taken = [n for n in range(run.documents) if n not in refused]
    wanted = {
        "axis": {f"out:d{n}:1" for n in taken},
        "dms": {f"out:d{n}:1>SENT" for n in taken} | {f"out:d{n}:1>FAILED" for n in refused},
    }
    wrong: list[str] = []
    for system, keys in wanted.items():
        counted = Counter(key for key, _ in effects(run.folder, system))
        lost, invented = sorted(keys - counted.keys()), sorted(counted.keys() - keys)
        doubled = sorted(key for key, n in counted.items() if n > 1)
        outcome.lost += len(lost)
        outcome.doubled += len(doubled)
        wrong += [f"lost {key}" for key in lost] + [f"doubled {key}" for key in doubled]
        wrong += [f"invented {key}" for key in invented]
    wrong += [f"out of order: {lane}" for lane in _out_of_order(run.folder)]
    if wrong:
        raise AssertionError(f"{len(wrong)}: {', '.join(wrong[:20])} in {run.folder}")


def _out_of_order(folder: Path) -> list[str]:
    lanes: dict[str, list[int]] = {}
    for key, lane in effects(folder, "axis"):
        lanes.setdefault(lane, []).append(number_of(key))
    return [lane for lane, order in lanes.items() if order != sorted(order)]


def _assert_the_books_agree(run: Soak) -> None:
    """Every message settled, each settlement proven once, the chain whole, the database sound."""
    clock = SystemClock()
    ledger = Ledger.open(f"sqlite:///{run.folder}/ledger.db", clock.now())
    try:
        log = ProofLog(ledger.database)
        while log.link(clock.now()):
            pass
        assert [*log.breaks(), *altered(ledger.database)] == []
    finally:
        ledger.close()
    with closing(sqlite3.connect(run.folder / "ledger.db")) as database:
        ask = lambda query: database.execute(query).fetchall()  # noqa: E731
        assert ask("PRAGMA integrity_check") == [("ok",)]
        assert ask("SELECT count(*) FROM message") == [(2 * run.documents,)]
        assert ask("SELECT count(*) FROM message WHERE state NOT IN ('done', 'refused')") == [(0,)]
        assert ask(_PROVEN) == [(2 * run.documents,) * 2]


def last_life(run: Soak) -> list[Sample]:
    """The samples of the last life, without its warming up."""
    last = [sample for sample in run.samples if sample.life == len(run.kills)]
    return last[int(len(last) * _WARM_UP) :]


def _assert_flat(run: Soak) -> None:
    """Memory and files of the last third of the last life, against its first third."""
    samples = last_life(run)
    if len(samples) < _ENOUGH_SAMPLES:
        return
    third = len(samples) // 3
    first, last = samples[:third], samples[-third:]
    grown = median(s.memory_mb for s in last) / median(s.memory_mb for s in first)
    assert grown <= _MOST_GROWTH, f"memory has grown to {grown:.2f} of what it was"
    more = max(s.files for s in last) - max(s.files for s in first)
    assert more <= _MOST_MORE_FILES, f"{more} more open files than at first"


def rates(samples: list[Sample], over: int = 5) -> list[tuple[float, float]]:
    """(seconds, messages a second), each over a few samples."""
    pairs = zip(samples, samples[over:], strict=False)
    return [(b.seconds, (b.settled - a.settled) / (b.seconds - a.seconds)) for a, b in pairs]


def _written(run: Soak, outcome: Tried) -> str:
    """Keeps numbers and picture; returns the gist of them."""
    last = last_life(run) or run.samples
    took = run.samples[-1].seconds if run.samples else 0.0
    gist = {
        "messages": outcome.messages,
        "faults": outcome.faults,
        "of_which": dict(faults_of(run.folder)),
        "kills": len(run.kills),
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "seconds": took,
        "messages_a_second": round(outcome.messages / took, 1) if took else 0.0,
        "memory_mb": [round(min(s.memory_mb for s in last), 1), round(max(s.memory_mb for s in last), 1)],
        "files": [min(s.files for s in last), max(s.files for s in last)],
    }
    kept = {**gist, "seed": run.seed, "kills_at": run.kills, "samples": [asdict(s) for s in run.samples]}
    (run.write_to / "soak.json").write_text(json.dumps(kept, indent=1))
    title = (
        f"{outcome.messages:,} messages, {outcome.faults:,} faults, {len(run.kills)} kills (dashed): "
        f"lost {outcome.lost}, doubled {outcome.doubled}"
    )
    (run.write_to / "soak.svg").write_text(picture(run, title))
    memory = "{} to {} MB".format(*gist["memory_mb"])
    files = "{} to {} files".format(*gist["files"])
    return f"{gist['messages_a_second']}/s, {memory}, {files}, {len(run.kills)} kills"


def picture(run: Soak, title: str) -> str:
    """The samples over time; the kills as upright lines."""
    samples = run.samples
    over_time = {
        "messages settled a second": {"": rates(samples)},
        "memory of the daemon (RSS, MB)": {"": [(s.seconds, s.memory_mb) for s in samples]},
        "open files of the daemon": {"": [(s.seconds, float(s.files)) for s in samples]},
        "size (MB)": {
            "database": [(s.seconds, s.database_mb) for s in samples],
            "its log": [(s.seconds, s.log_mb) for s in samples],
        },
        "messages settled": {"": [(s.seconds, float(s.settled)) for s in samples]},
    }
    return svg(title, [Panel(name, lines, "seconds") for name, lines in over_time.items()], run.kills)
