"""`ebrvt run` tells of an outage through the configured sink: once, however many daemons see it."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from ebrvt_connect.ports.alerts import What
from ebrvt_connect.store.incident_rows import IncidentRows
from ebrvt_connect.store.ledger import Ledger
from tests.integration.engine.test_engine import until

ALERTS = """
[alerts]
fetch_failing = "500ms"
damp = "1s"
remind_every = "2s"
[alerts.command]
argv = ["{python}", "{script}", "{told}"]
"""
TELL = """import os, sys
told = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(told, sys.stdin.buffer.read() + b"\\n")
"""


@contextmanager
def running(number, folder):
    """So many daemons, each a process."""
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "run"]
    with (folder / "daemons.log").open("ab") as log:
        daemons = [subprocess.Popen(command, stdout=log, stderr=log, env=os.environ) for _ in range(number)]
    try:
        yield
    finally:
        for daemon in daemons:
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(60)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_two_daemons_tell_of_one_outage_once_and_go_on_reminding_in_turns(province, databases, tmp_path):
    told, script = tmp_path / "told.jsonl", tmp_path / "tell.py"
    script.write_text(TELL)

    def heard():
        return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []

    with databases.migrated() as url:
        config = province(**{"sqlite:///var/ebrvt.db": url})
        alerts = ALERTS.format(python=sys.executable, script=script, told=told)
        config.write_text(config.read_text() + alerts)
        with running(2, tmp_path):
            reminded = What.REMINDER.value
            until(lambda: sum(one["what"] == reminded for one in heard()) >= 3, 150)
        ledger = Ledger.open(url, datetime.now(UTC))
        (incident,) = IncidentRows(ledger.database).incidents()
        ledger.close()
    whats = [one["what"] for one in heard()]
    assert (whats[0], whats.count("opened")) == ("opened", 1), (tmp_path / "daemons.log").read_text()
    assert len({one["id"] for one in heard()}) == len(whats)
    assert (incident.system, incident.code) == ("qlvb", "SYSTEM_AWAY")
    log = (tmp_path / "daemons.log").read_text()
    assert log.count("incident opened") == 1
