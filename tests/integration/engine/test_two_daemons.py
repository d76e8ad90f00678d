"""Two daemons, two processes, one PostgreSQL store: work is shared, and what one leaves the other ends."""

import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from ebrvt_connect.model.message import State
from ebrvt_connect.store.ledger import Ledger
from tests.integration.engine.crashing_daemon import HELD, SLOWLY
from tests.integration.engine.reckoning import DAEMON
from tests.integration.engine.test_kill import (
    assert_every_effect_is_proven_once,
    assert_nothing_lost_or_doubled,
)

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]
ITEMS = 40


@pytest.fixture
def url(databases):
    with databases.migrated() as made:
        yield made


@pytest.fixture
def start(tmp_path, url):
    started = []

    def begin(at=url, items=ITEMS):
        with (tmp_path / "daemon.log").open("ab") as log:
            command = [sys.executable, str(DAEMON), str(tmp_path), str(items), at]
            environment = {"PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield begin
    for daemon in started:
        daemon.kill()
        daemon.wait()


def effects_of(folder, daemon):
    """How many documents the remote has taken from this process."""
    path = folder / "axis.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as journal:
        try:
            return journal.execute("SELECT count(*) FROM effect WHERE pid = ?", (daemon.pid,)).fetchone()[0]
        except sqlite3.OperationalError:  # it is just being made
            return 0


def until(holds, log, seconds=120):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def assert_all_is_done(folder, url, items=ITEMS):
    assert_nothing_lost_or_doubled(folder, items)
    ledger = Ledger.open(url, datetime.now(UTC))
    try:
        assert ledger.counts() == {"out": {State.DONE: items}, "out~feedback": {State.DONE: items}}
        assert_every_effect_is_proven_once(ledger)
    finally:
        ledger.close()


def executors(url):
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as tx:
        return {row.id: row for row in tx.execute(sa.text("SELECT id, pid, beat_at FROM executor"))}


def test_two_daemons_share_the_work_and_each_is_told_when_all_is_settled(tmp_path, url, start):
    log = tmp_path / "daemon.log"
    (tmp_path / SLOWLY).touch()
    one, two = start(), start()
    until(lambda: effects_of(tmp_path, one) and effects_of(tmp_path, two), log)
    (tmp_path / SLOWLY).unlink()
    names = executors(url)
    assert {row.pid for row in names.values()} == {one.pid, two.pid}
    assert sorted(name.rpartition("-")[2] for name in names) == ["1", "2"]
    assert (one.wait(240), two.wait(240)) == (0, 0), log.read_text()
    assert_all_is_done(tmp_path, url)


def test_what_a_daemon_killed_for_good_had_begun_is_ended_by_the_other(tmp_path, url, start):
    log = tmp_path / "daemon.log"
    (tmp_path / SLOWLY).touch()
    one, two = start(), start()
    until(lambda: effects_of(tmp_path, one) and effects_of(tmp_path, two), log)
    one.kill()
    one.wait()
    assert sum(effects_of(tmp_path, daemon) for daemon in (one, two)) < ITEMS, "nothing was left to take over"
    (tmp_path / SLOWLY).unlink()
    assert two.wait(240) == 0, log.read_text()
    assert_all_is_done(tmp_path, url)
    assert {row.pid for row in executors(url).values()} == {two.pid}, log.read_text()


def test_a_daemon_started_again_at_once_goes_by_its_former_name(tmp_path, url, start):
    log = tmp_path / "daemon.log"
    (tmp_path / HELD).write_text("10")
    one = start()
    until(lambda: effects_of(tmp_path, one) >= 10, log)
    [name] = executors(url)
    one.kill()
    one.wait()
    (tmp_path / HELD).unlink()
    again = start()
    assert again.wait(240) == 0, log.read_text()
    assert list(executors(url)) == [name]
    assert_all_is_done(tmp_path, url)


def test_connections_cut_by_the_server_again_and_again_cost_nothing(tmp_path, url, start):
    log = tmp_path / "daemon.log"
    (tmp_path / HELD).write_text("5")
    daemon = start()
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    cut = sa.text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for taken, go_on_to in ((5, "15"), (15, "25"), (25, str(ITEMS))):
        until(lambda taken=taken: effects_of(tmp_path, daemon) >= taken, log)
        with admin.connect() as tx:
            assert tx.scalar(cut) > 1
        (tmp_path / HELD).write_text(go_on_to)
    (tmp_path / HELD).unlink()
    assert daemon.wait(240) == 0, log.read_text()
    assert_all_is_done(tmp_path, url)


GRANTS = """
    GRANT USAGE ON SCHEMA public, dbos TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, dbos TO {role};
    GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public, dbos TO {role};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA dbos TO {role}
"""
"""As docs/operate/postgresql.md gives them."""


def test_a_daemon_works_under_a_role_that_may_make_no_tables(tmp_path, url, start):
    role = f"ebrvt_test_{uuid.uuid4().hex}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as tx:
        tx.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'tam-thoi'")
        tx.exec_driver_sql(GRANTS.format(role=role))
        own = sa.make_url(url).set(username=role, password="tam-thoi").render_as_string(hide_password=False)
        try:
            assert start(own, 10).wait(240) == 0, (tmp_path / "daemon.log").read_text()
        finally:
            tx.exec_driver_sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert_all_is_done(tmp_path, url, 10)
    assert "tam-thoi" not in (tmp_path / "daemon.log").read_text()
