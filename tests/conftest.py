"""How property tests run: without a deadline, since machines differ; in CI with fixed seeds.

And the PostgreSQL server tests share: the one `EBRVT_TEST_POSTGRES_URL` names, else one of their own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres.databases import Databases
from tests.postgres.server import running

SERVER = "EBRVT_TEST_POSTGRES_URL"

# Whatever starts the tests in the background has Ctrl-C ignored, by us and by every process we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case of bytes by its argument: bytes made while collecting (an archive carries the time of its
    packing) would else name one case differently in each worker, and the run would end before it began."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server on which databases may be made; each test process has its own server."""
    if os.environ.get(SERVER):
        yield os.environ[SERVER]
        return
    with running(quick=True) as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres) -> Iterator[Databases]:
    """Databases of one's own on that server."""
    made = Databases(postgres)
    yield made
    made.close()
