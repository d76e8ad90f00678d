"""A document system and an axis on loopback, and `ebrvt run` between them as a process of its own.

Issued documents go from one to the other, and what became of each goes back. Both remotes keep journals;
what is told about a run is read from them and from the daemon's ledger, after the daemon has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.torture.outcome import Tried

PATIENCE_SECONDS = 120.0
DMS, AXIS = "qlvb", "vxp"
SYSTEMID = "vxp.test.06"
SENDER, RECIPIENT = "000.00.15.H06", "000.00.00.G22"
_ROOT = Path(__file__).resolve().parents[2]
_PAPER = b"%PDF-1.4\n% a paper nobody looks into\n%%EOF\n"
_CONFIG = """\
[province]
code = "H06"
[store]
url = "sqlite:///ledger.db"
reserve = "none"
[trust]
folder = "trust"
[engine]
poll = "100ms"
[retry]
ladder = ["500ms", "1s"]
breaker_rest = "500ms"
breaker_longest_rest = "1s"
[systems.dms]
adapter = "qlvb"
transport = {{ {dms} }}
credentials = {{ username = "ebrvt", password = {{ file = "secrets/dms" }} }}
settings = {{ call_seconds = {seconds}, transfer_seconds = {seconds} }}
[systems.axis]
adapter = "vxp"
dialect = "vxp"
transport = {{ {axis} }}
credentials = {{ systemid = "vxp.test.06", secret = {{ file = "secrets/axis" }} }}
[systems.axis.settings]
agencies = ["000.00.15.H06"]
call_seconds = {seconds}
transfer_seconds = {seconds}
ask_after_seconds = 4
[[links]]
name = "van-ban-di"
carries = "document"
from = "dms"
to = "axis"
every = "200ms"
verify = false
"""
_ALERTS = """\
[alerts]
[alerts.command]
argv = ["/bin/sh", "-c", "cat >> alerts; echo >> alerts"]
"""


class Province:
    """One folder with everything in it."""

    def __init__(self, folder: Path) -> None:
        """The remotes listen at once; there is no configuration yet."""
        self.folder = folder
        (folder / "trust").mkdir()
        (folder / "secrets").mkdir(mode=0o700)
        accounts = {
            DMS: {"username": "ebrvt", "password": "first"},
            AXIS: [
                {"systemid": SYSTEMID, "secret": "first", "agencies": [SENDER], "recipients": [RECIPIENT]}
            ],
        }
        self.host = SandboxHost(folder / "remotes", [DMS, AXIS], accounts).start()
        self.secret("dms", "first")
        self.secret("axis", "first")
        self.issued = 0
        self._daemons: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        """Kill what still runs."""
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()
        self.host.stop()

    def secret(self, name: str, value: str) -> None:
        """Put a secret in its place, as a careful script does: written elsewhere, then renamed."""
        place = self.folder / "secrets" / name
        draft = place.with_name(f".{name}.new")
        draft.touch(mode=0o600)
        draft.write_text(value + "\n")
        draft.replace(place)

    def configure(self, dms: str = "", axis: str = "", *, seconds: int = 30) -> None:
        """Write `ebrvt.toml`; by default both remotes are reached as they are, without TLS.

        `seconds`: how long a call may take.
        """
        dms = dms or f'url = "{self.host.url(DMS)}"'
        axis = axis or f'url = "{self.host.url(AXIS)}"'
        text = _CONFIG.format(dms=dms, axis=axis, seconds=seconds) + _ALERTS
        (self.folder / "ebrvt.toml").write_text(text)

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """The daemon; its words go to `daemon.log`."""
        command = [sys.executable, "-W", "ignore", "-X", "faulthandler", "-m", "ebrvt_connect.ops.cli", "run"]
        paths = {"PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
        with (self.folder / "daemon.log").open("ab") as log:
            daemon = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={**os.environ, **paths, **environment},
            )
        self._daemons.append(daemon)
        return daemon

    def stop(self, daemon: subprocess.Popen[bytes]) -> None:
        """As a service manager does it."""
        daemon.send_signal(signal.SIGTERM)
        if daemon.wait(PATIENCE_SECONDS) != 0:
            raise AssertionError(f"the daemon ended with {daemon.returncode}: {self.last_words()}")

    def issue(self) -> None:
        """One more document."""
        number, now = self.issued + 1, datetime.now(UTC)
        with self.host.held(DMS) as system:
            kept = system.world.keep([_PAPER])
            system.issue(_document(number, kept.sha256, kept.size_bytes), now)
        self.issued = number

    @contextmanager
    def busy(self, a_second: float = 4.0) -> Iterator[None]:
        """Documents are issued all the time while inside."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(1.0 / a_second):
                self.issue()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def accepted(self) -> Counter[str]:
        """Effects at the axis by document."""
        entries = self.host.seats[AXIS].world.journal_after(0)
        return Counter(str(one["number"]) for one in entries if one["event"] == "document-accepted")

    def told(self) -> set[str]:
        """Documents whose document system was told what became of them."""
        entries = self.host.seats[DMS].world.journal_after(0)
        return {str(one["id"]) for one in entries if one["event"] == "exchange-status"}

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for it; raises `AssertionError` with the daemon's last words, and where its threads stood."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                self._abort()
                raise AssertionError(f"{what}: not within {PATIENCE_SECONDS:.0f} s: {self.last_words()}")
            time.sleep(0.05)

    def _abort(self) -> None:
        """Have every daemon write into its log what all of its threads are at, and end."""
        for daemon in self._daemons:
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGABRT)
                daemon.wait()

    def until_all_is_there(self) -> None:
        """Every issued document has arrived, its document system knows, and the daemon knows both."""
        wanted = self.issued
        self.until(lambda: len(self.accepted()) >= wanted and len(self.told()) >= wanted, "all is there")
        self.until(lambda: set(self.states()) == {"done"}, "the daemon has heard of it")

    def until_more_is_there(self) -> None:
        """At least two more documents arrive from now on."""
        before = self.accepted().total()
        self.until(lambda: self.accepted().total() >= before + 2, "documents arrive")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Of the daemon's ledger."""
        with closing(sqlite3.connect(self.folder / "ledger.db", timeout=30)) as ledger:
            return ledger.execute(query).fetchall()

    def states(self) -> dict[str, int]:
        """How many messages are in each state."""
        return dict(self.ask("SELECT state, count(*) FROM message GROUP BY state"))

    def failed_calls(self) -> list[tuple[Any, ...]]:
        """The attempts that ended otherwise than well: message, effect, code, detail."""
        return self.ask("SELECT message_id, effect, code, detail FROM attempt WHERE effect <> '' ORDER BY id")

    def paused(self) -> dict[str, str]:
        """Systems left alone, with the code of what is the matter."""
        found: Mapping[str, str] = dict(self.ask("SELECT name, paused_code FROM system WHERE paused = 1"))
        return dict(found)

    def opened(self) -> list[tuple[str, str]]:
        """System and code of every incident that people were told of when it opened."""
        place = self.folder / "alerts"
        lines = place.read_text().splitlines() if place.exists() else []
        told = [json.loads(line) for line in lines if line]
        return [
            (one["incident"]["system"], one["incident"]["code"]) for one in told if one["what"] == "opened"
        ]

    def reckon(self, outcome: Tried) -> None:
        """What is lost, doubled or in the end not done."""
        accepted, told = self.accepted(), self.told()
        wanted = {f"{number}/BC-STTTT" for number in range(1, self.issued + 1)}
        outcome.messages += self.issued
        outcome.lost += len(wanted - accepted.keys()) + max(self.issued - len(told), 0)
        outcome.doubled += sum(1 for times in accepted.values() if times > 1)
        states = self.states()
        if lost := wanted - accepted.keys():
            raise AssertionError(f"lost: {sorted(lost)[:5]} in {self.folder}")
        if accepted.keys() != wanted or accepted.total() != len(wanted) or set(states) != {"done"}:
            raise AssertionError(f"{accepted.total()} for {len(wanted)}, {states} in {self.folder}")

    def last_words(self) -> str:
        """The end of the daemon's log."""
        return (self.folder / "daemon.log").read_text()[-1500:]


def _document(number: int, sha256: str, size: int) -> dict[str, Any]:
    return {
        "id": f"vb-{number}",
        "codeNumber": str(number),
        "codeNotation": "BC-STTTT",
        "type": {"code": "BC", "name": "Báo cáo"},
        "abstract": "Báo cáo thử",
        "promulgation": {"place": "Bà Rịa", "date": "2026-11-23"},
        "issuer": {"code": SENDER, "name": "Sở Thông tin và Truyền thông (mẫu)"},
        "signatory": {"position": "GIÁM ĐỐC", "fullName": "Trần Thị Ví Dụ"},
        "urgency": 0,
        "confidentiality": "NORMAL",
        "recipients": [{"code": RECIPIENT, "name": "Văn phòng Chính phủ (mẫu)"}],
        "places": [],
        "responseFor": [],
        "taskCodes": [],
        "appendixes": [],
        "business": {"kind": "NEW"},
        "attachments": [
            {
                "seq": 1,
                "name": f"{number}.pdf",
                "mediaType": "application/pdf",
                "size": size,
                "sha256": sha256,
                "role": "MAIN",
            }
        ],
    }
