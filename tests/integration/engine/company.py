"""Several daemons in processes of their own on one store, and what the remote has seen of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from ebrvt_connect.model.message import State
from ebrvt_connect.store.ledger import Ledger
from tests.integration.engine.company_daemon import noted

DAEMON = Path(__file__).with_name("company_daemon.py")


class Company:
    """Daemons on one store, and what the remote has seen of them."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.log = folder / "daemon.log"
        self.daemons: list[subprocess.Popen[bytes]] = []

    def start(self, **orders):
        told = json.dumps({"folder": str(self.folder), "url": self.url, **orders})
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with self.log.open("ab") as log:
            command = [sys.executable, str(DAEMON), told]
            self.daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return self.daemons[-1]

    def effects(self, daemon=None):
        """Keys of what the axis has taken, from one daemon or all."""
        pids = {pid for pid, _ in self.noted("effect")} if daemon is None else {daemon.pid}
        return [key for pid, key in self.noted("effect") if pid in pids]

    def noted(self, what):
        """(pid, key) of what the axis has seen, in its order."""
        return noted(self.folder, "axis", what)

    def until(self, holds, seconds=120):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.last_words()
            time.sleep(0.02)

    def last_words(self):
        """What the daemons have said, and where those that still run stand."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGUSR1)
        time.sleep(1.0)
        return self.log.read_text()

    def ended(self, daemon, seconds=200):
        self.until(lambda: daemon.poll() is not None, seconds)
        assert daemon.returncode == 0, self.log.read_text()

    def assert_all_is_done_once(self, items):
        counted = Counter(self.effects())
        assert {key: n for key, n in counted.items() if n > 1} == {}, self.log.read_text()
        assert counted.keys() == {f"out:d{n}:1" for n in range(items)}
        ledger = Ledger.open(self.url, datetime.now(UTC))
        try:
            assert ledger.counts()["out"] == {State.DONE: items}
        finally:
            ledger.close()

    def close(self):
        for daemon in self.daemons:
            daemon.kill()
            daemon.wait()


def is_stopped(daemon):
    return Path(f"/proc/{daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
