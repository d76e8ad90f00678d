"""Runs a command with a PostgreSQL server that lives exactly as long: `python -m tests.postgres ebrvt demo`.

The command is given `--store URL`. The password goes by the environment, since anybody on the machine may
read command lines.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import sqlalchemy as sa

from tests.postgres.server import running


def main(command: list[str]) -> int:
    """Answers the command's own exit code; what stops this stops the command first."""
    with running(quick=False) as given:
        url = sa.make_url(given)
        environment = {**os.environ, "PGPASSWORD": url.password or ""}
        without = sa.URL.create(url.drivername, url.username, None, url.host, url.port, url.database)
        child = subprocess.Popen([*command, "--store", str(without)], env=environment)
        # A Ctrl-C reaches the command by itself: both are of the terminal's group.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
