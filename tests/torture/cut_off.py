"""R21: the machine's network is taken away, several times, and comes back.

Run as a script it plays one seed within a network namespace of its own, where loopback is all the network
there is, and prints what came of it:

    unshare -n python -m tests.torture.cut_off FOLDER SEED OUTAGES

The daemon and its remotes lie in it together. While loopback is down nothing can be connected to, and what is
under way hears nothing any more, not even that it was cut off.
"""

from __future__ import annotations

import fcntl
import json
import logging
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.torture.outcome import Tried
from tests.torture.province import Province

SEEDS, OUTAGES = 10, 6
_LONGEST_SECONDS = 900
_SHORT_SECONDS = (0.2, 3.0)
_LONG_SECONDS = (12.0, 25.0)
"""Longer than any call may take."""
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_ROOT = Path(__file__).resolve().parents[2]


def possible() -> bool:
    """Whether this machine lets us have a network of our own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0


def cut_off(seeds: int = SEEDS) -> Tried:
    """R21: so many daemons, each with as many outages."""
    outcome = Tried("R21", "netns")
    if not possible():
        outcome.told = "not played: a network namespace (unshare -n) cannot be had here"
        return outcome
    for seed in range(seeds):
        with outcome.case(f"seed {seed}"):
            within(seed, OUTAGES, outcome)
    return outcome


def within(seed: int, outages: int, outcome: Tried) -> None:
    """One seed in a namespace of its own; raises `AssertionError` for what is not as it must be."""
    folder = Path(tempfile.mkdtemp(prefix="ebrvt-torture-"))
    command = ["unshare", "-n", sys.executable, "-W", "ignore", "-m", "tests.torture.cut_off"]
    command += [str(folder), str(seed), str(outages)]
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode} in {folder}: {done.stderr[-1500:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    for name in ("faults", "messages", "lost", "doubled"):
        setattr(outcome, name, getattr(outcome, name) + told[name])
    if told["troubles"]:
        raise AssertionError("; ".join(told["troubles"]))
    shutil.rmtree(folder, ignore_errors=True)


def _loopback(*, up: bool) -> None:
    """As `ip link set lo up` and `down` do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        named = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(asking, _GET_FLAGS, named), 16)
        flags = flags | _UP if up else flags & ~_UP
        fcntl.ioctl(asking, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags))


def _play(folder: Path, chance: random.Random, outages: int, outcome: Tried) -> None:
    province = Province(folder)
    try:
        province.configure(seconds=3)
        daemon = province.start()
        with province.busy():
            for number in range(outages):
                province.until_more_is_there()
                _loopback(up=False)
                outcome.faults += 1
                time.sleep(chance.uniform(*(_LONG_SECONDS if number % 3 == 2 else _SHORT_SECONDS)))
                _loopback(up=True)
                if paused := province.paused():
                    raise AssertionError(f"a lost network is no reason to wait for a person: {paused}")
            province.until_more_is_there()
        province.until_all_is_there()
        province.stop(daemon)
        province.reckon(outcome)
    finally:
        province.close()


def main(folder: Path, seed: int, outages: int) -> int:
    """One line of JSON; what went wrong stands in it."""
    logging.disable(logging.CRITICAL)
    _loopback(up=True)
    outcome = Tried("R21", "netns")
    with outcome.case(f"seed {seed}"):
        _play(folder, random.Random(f"R21:{seed}"), outages, outcome)
    print(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
