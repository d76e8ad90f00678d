"""The tests' own PostgreSQL server leaves nothing behind, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.postgres.keeper import LOCK, PREFIX, remove_leftovers
from tests.postgres.server import KEEPER, installation, running

pytestmark = pytest.mark.postgres


def until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def owner():
    """A process that has started a server, and what it was told of it."""
    script = (
        "import json, subprocess, sys\n"
        f"command = [sys.executable, '-I', {str(KEEPER)!r}, {str(installation())!r}, 'quick']\n"
        "keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,"
        " start_new_session=True)\n"
        "told = json.loads(keeper.stdout.readline())\n"
        "print(json.dumps({**told, 'keeper': keeper.pid}), flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield process, json.loads(process.stdout.readline())
    process.kill()
    process.communicate()


def test_a_server_ends_with_its_owner_even_one_killed(owner):
    process, told = owner
    assert is_alive(told["pid"])
    process.kill()
    until(lambda: not is_alive(told["pid"]) and not Path(told["folder"]).exists())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_keepers_server_ends_and_its_folder_is_removed_by_the_next(owner):
    _, told = owner
    folder = Path(told["folder"])
    os.kill(told["keeper"], signal.SIGKILL)
    until(lambda: not is_alive(told["pid"]))
    remove_leftovers(folder.parent)
    assert folder.exists(), "one that is just being made looks the same"
    os.utime(folder, (0, 0))
    remove_leftovers(folder.parent)
    assert not folder.exists()


def test_what_a_living_keeper_holds_is_left_alone(owner, tmp_path):
    _, told = owner
    os.utime(told["folder"], (0, 0))
    remove_leftovers(Path(told["folder"]).parent)
    assert is_alive(told["pid"])
    assert (Path(told["folder"]) / LOCK).exists()
    assert Path(told["folder"]).name.startswith(PREFIX)


def test_it_is_reached_on_loopback_and_with_its_password_only(postgres):
    if os.environ.get("EBRVT_TEST_POSTGRES_URL"):
        pytest.skip("somebody else's server")
    url = sa.make_url(postgres)
    assert url.host == "127.0.0.1"
    with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
        sa.create_engine(url.set(password="x"), poolclass=sa.NullPool).connect()


def test_a_durable_one_keeps_what_it_confirms():
    with running(quick=False) as url, sa.create_engine(url, poolclass=sa.NullPool).connect() as tx:
        assert [tx.exec_driver_sql(f"SHOW {name}").scalar() for name in ("fsync", "synchronous_commit")] == [
            "on",
            "on",
        ]
