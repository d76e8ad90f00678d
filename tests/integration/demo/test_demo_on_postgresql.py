"""The demonstration with its ledger on PostgreSQL: begun, killed, gone on with, ended; and begun anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

pytestmark = pytest.mark.postgres
_DOCUMENTS = "12"


def start(root: Path, server: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ebrvt_connect.ops.cli",
            "demo",
            "--root",
            str(root),
            "--store",
            server,
            *more,
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "EBRVT_TEST_DEMO_DOCUMENTS": _DOCUMENTS},
    )


def kill_after(root: Path, server: str, lines: int) -> None:
    """Kill the group once it has told so much."""
    with start(root, server) as demo:
        assert demo.stderr is not None
        told = [line for _, line in zip(range(lines), demo.stderr, strict=False)]
        assert demo.poll() is None, told
        os.killpg(demo.pid, signal.SIGKILL)
        demo.stderr.read()


def demo_databases(server: str) -> set[str]:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as tx:
        named = tx.exec_driver_sql("SELECT datname FROM pg_database WHERE datname LIKE 'ebrvt_demo_%%'")
        return set(named.scalars())


def drop(server: str, names: set[str]) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as tx:
        for name in names:
            tx.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def messages_in(server: str, name: str) -> int:
    engine = sa.create_engine(sa.make_url(server).set(database=name), poolclass=sa.NullPool)
    with engine.connect() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM message").scalar_one())


@pytest.mark.timeout(900)
def test_a_province_on_postgresql_killed_in_the_middle_still_ends_right(
    tmp_path: Path, postgres: str
) -> None:
    before = demo_databases(postgres)
    try:
        kill_after(tmp_path, postgres, 4)
        [database] = demo_databases(postgres) - before
        with start(tmp_path, postgres) as demo:
            assert demo.stderr is not None
            told = demo.stderr.read()
        run = tmp_path / "var" / "run"
        summary = json.loads((run / "summary.json").read_text("utf-8"))
        failed = [check for check in summary["checks"] if not check["ok"]]
        assert (summary["lost"], summary["duplicates_at_remote"], failed) == (0, 0, []), told
        assert summary["documents"]["sent"] == int(_DOCUMENTS)
        assert summary["dossiers"]["synchronised"] == int(_DOCUMENTS)
        assert (summary["reports"]["returned"], summary["reports"]["approved"]) == (1, 1)
        assert demo_databases(postgres) - before == {database}, "the second run went on in the first one's"
        assert messages_in(postgres, database) > int(_DOCUMENTS)
        assert not list((tmp_path / "var" / "demo").glob("*.db")), "nothing was kept in SQLite"
        secret = sa.make_url(postgres).password or "-"
        shown = [told, *(path.read_text("utf-8") for path in run.iterdir())]
        assert not any(secret in text for text in shown)

        kill_after(tmp_path, postgres, 3)
        [another] = demo_databases(postgres) - before
        assert another != database, "a finished province is not gone on with, and its database goes with it"
    finally:
        drop(postgres, demo_databases(postgres) - before)
