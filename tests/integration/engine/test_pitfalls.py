"""Pitfalls of engine, dispatcher and shards that no other test holds; the page in docs/guide has all."""

import ast
import re
import threading
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine import dispatch
from ebrvt_connect.engine.standing import Standing
from ebrvt_connect.errors import HeldForPerson, RetryLater
from ebrvt_connect.model.message import State
from ebrvt_connect.store import connect, migrations, schema
from ebrvt_connect.store.connect import open_database, writing
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START, FakeClock
from tests.integration.engine.bench import Bench, item
from tests.integration.engine.test_dispatch import Seam
from tests.integration.engine.test_engine import until

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "guide" / "engine-pitfalls.md"
SOON = timedelta(milliseconds=500)


@pytest.fixture
def seam(tmp_path):
    made = Seam(tmp_path)
    yield made
    made.close()


@pytest.fixture
def shared_url(databases):
    with databases.migrated() as url:
        yield url


@pytest.fixture
def pair(shared_url):
    """Two daemons' benches on one PostgreSQL store."""
    benches = [Bench(shared_url, shards=1) for _ in range(2)]
    for bench in benches:
        bench.ledger.fix_shards(1)
    yield benches
    for bench in benches:
        bench.close()


# --- the page that names every test -----------------------------------------------------------------


def test_every_test_the_page_names_is_there():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    there = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 30
    assert named - there == set()


# --- the dispatcher ---------------------------------------------------------------------------------


def test_of_dbos_only_what_is_public_is_used():
    """What begins with an underscore moved to the paid part once already."""
    tree = ast.parse(Path(dispatch.__file__).read_text("utf-8"))
    ours = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr[0] == "_"}
    of_self = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    assert ours <= of_self
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {m for m in modules if m and m.startswith("dbos")} == {"dbos"}
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names}
    assert "SQLAlchemyDatasource" not in names


def test_the_train_of_releases_is_held_at_the_next_major():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = [need for needs in wanted["project"]["optional-dependencies"].values() for need in needs]
    assert {need for need in extras if need.startswith("dbos")} == {"dbos>=3.4,<4"}


def test_queues_stay_on_the_fast_path_and_limit_nothing_but_workers(seam):
    seam.launch()
    rows = seam.rows("SELECT * FROM queues WHERE name IN ('in', 'out-axis', 'out-dms')")
    assert len(rows) == 3
    for row in rows:
        told = row._asdict()
        assert told["partition_concurrency"] == 1
        assert told["worker_concurrency"] >= 1
        slow = {name: told[name] for name in told if "limiter" in name or name == "concurrency"}
        assert slow
        assert set(slow.values()) <= {None, 0, "null"}


def test_neither_priorities_nor_deduplication_are_asked_of_it(seam):
    seam.launch()
    seam.activate("axis", 3, 1)
    seam.dispatcher.tick("out")
    assert seam.rows("SELECT DISTINCT deduplication_id, priority FROM workflow_status") == [(None, 0)]


def test_a_drain_has_no_steps_of_the_dispatchers_and_sleeps_nowhere_in_it(seam):
    seam.launch()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained and not seam.dispatcher.drains_at_work())
    assert seam.rows("SELECT count(*) FROM operation_outputs") == [(0,)]


def test_the_name_it_is_registered_under_is_one_it_takes():
    assert re.fullmatch(r"[a-z0-9_-]{3,256}", dispatch.APPLICATION)


# --- PostgreSQL -------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_new_snapshot_is_read_after_each_commit_and_a_dead_line_is_noticed(shared_url):
    engine = open_database(shared_url)
    try:
        with engine.connect() as tx:
            told = {
                name: tx.exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("transaction_isolation", "idle_in_transaction_session_timeout")
            }
            # A socket of this machine has no keepalive to tell of.
            assert tx.exec_driver_sql("SHOW tcp_keepalives_idle").scalar() in {"10", "0"}
        assert told == {
            "transaction_isolation": "read committed",
            "idle_in_transaction_session_timeout": "20s",
        }
        assert timedelta(seconds=60) > connect.LOCKS_KEPT
    finally:
        engine.dispose()


@pytest.mark.postgres
def test_a_frozen_daemons_locks_are_taken_from_it(shared_url, monkeypatch):
    """It stood still between two statements, and all others waited for its rows until it thawed."""
    monkeypatch.setattr(connect, "LOCKS_KEPT", SOON)
    frozen, other = Bench(shared_url, shards=1), Bench(shared_url, shards=1)
    try:
        for bench in (frozen, other):
            bench.ledger.fix_shards(1)
        other.store(item(1))
        with pytest.raises(RetryLater, match="STORE_BUSY"):
            freeze_with_locks(frozen, other)
    finally:
        frozen.close()
        other.close()


def freeze_with_locks(frozen, other):
    with writing(frozen.ledger.database) as tx:
        tx.execute(schema.shard.update().values(pending=1))
        assert other.ledger.open_shard("axis", 0, START, holder="other")
        tx.execute(sa.text("SELECT 1"))  # thawed


@contextmanager
def storing(bench, number, *, lane):
    """A submitter that has raised its flag and not committed yet; it stores and commits at the end."""
    stored, go_on = threading.Event(), threading.Event()
    held_up = threading.Thread(target=lambda: bench.store(item(number, lane=lane)))
    hooked = bench.ledger.raise_flags

    def raise_flags(tx, touched):
        hooked(tx, touched)
        stored.set()
        go_on.wait(60)

    bench.ledger.raise_flags = raise_flags
    held_up.start()
    assert stored.wait(60)
    bench.ledger.raise_flags = hooked
    try:
        yield
    finally:
        go_on.set()
        held_up.join(60)


@pytest.mark.postgres
def test_a_drain_that_clears_a_raised_flag_waits_for_the_submitter_that_counts_on_it(pair):
    """A submitter that merely looked, found the flag up and stored would have put the shard to sleep."""
    one, two = pair
    one.store(item(1, lane="a"))
    cleared = threading.Event()

    def clear():
        two.ledger.open_shard("axis", 0, START, holder="two")
        cleared.set()

    drain = threading.Thread(target=clear)
    with storing(one, 2, lane="b"):
        drain.start()
        assert not cleared.wait(0.3)
    drain.join(60)
    assert cleared.is_set()
    heads = two.ledger.heads("axis", 0, now=START, limit=9, judging_only=False)
    assert len(heads) == 2, "the message stored meanwhile is not seen"


@pytest.mark.postgres
def test_numbers_follow_the_order_of_commits_within_a_shard(pair):
    """The flag's row is locked before a number is drawn: no later one is seen before an earlier one."""
    one, two = pair
    done = threading.Event()

    def store():
        two.store(item(2, lane="a"))
        done.set()

    later = threading.Thread(target=store)
    with storing(one, 1, lane="a"):
        later.start()
        assert not done.wait(0.3)
    later.join(60)
    assert [m.external_id for m in one.ledger.messages()] == ["d1", "d2"]


# --- frozen, or of another time ---------------------------------------------------------------------


class NoPauses:
    def paused(self):
        return {}


def test_a_machine_that_was_suspended_is_late_although_its_clock_stood_still():
    """The monotonic clock does not count while a machine sleeps; the clock on the wall does."""
    clock = FakeClock()
    standing = Standing(NoPauses(), clock, timedelta(seconds=5), late_after=timedelta(seconds=30))
    standing.beaten()
    clock.jump(clock.now() + timedelta(minutes=2))
    assert standing.late()
    standing.beaten()
    assert not standing.late()
    clock.jump(clock.now() - timedelta(hours=1))
    assert not standing.late()
    clock.advance(31)
    assert standing.late()


def test_a_heart_that_beats_first_when_it_thaws_sends_nothing_that_was_marked_before(bench):
    """Its heartbeat was on time again when the thread that had marked a message went on to send it."""
    bench.store(item(1))
    standing, commit = bench.engine._standing, bench.ledger.commit
    standing.beaten()

    def frozen_after_the_mark(decisions):
        fenced = commit(decisions)
        if decisions.sending:
            bench.clock.advance(timedelta(minutes=2))
            standing.beaten()
        return fenced

    bench.ledger.commit = frozen_after_the_mark
    bench.drain_shard("axis", bench.only().shard)
    assert bench.axis.submitted == []
    bench.ledger.commit = commit
    bench.drain("axis")
    assert bench.keys() == ["out:d1:1"]


def test_a_daemon_goes_on_no_longer_where_a_newer_program_has_changed_the_tables(tmp_path, monkeypatch):
    """Somebody upgraded, and looked at `ebrvt status`, while the old daemon was still running."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    running = Ledger.open(url, START)
    running.beat("daemon-1", "here", 1, START)
    with monkeypatch.context() as newer:
        newer.setattr(
            migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("CREATE TABLE later (id INTEGER)",))
        )
        newer.setattr(migrations, "NEWEST", migrations.NEWEST + 1)
        Ledger.open(url, START).close()
    with pytest.raises(HeldForPerson) as refused:
        running.beat("daemon-1", "here", 1, START)
    assert refused.value.code == "STORE_TOO_NEW"
    running.close()


def test_a_daemon_that_leaves_knocks_for_those_that_stay(bench):
    """What it was told to begin, and did not, is found by their next look around, not by the next sweep."""
    bench.ledger.beat("daemon-1", "here", 1, START)
    before = bench.ledger.knocks()
    bench.ledger.gone("daemon-1")
    assert bench.ledger.knocks() != before
    assert bench.ledger.silent_executors(START, timedelta(minutes=1)) == ["daemon-1"]
    bench.store(item(1))
    bench.drain("axis")
    assert bench.states() == [State.DONE]


def test_a_daemon_that_stops_beats_until_its_last_call_has_ended(seam):
    """Silent for as long as its calls lasted, it was taken for dead, and they were made once more."""
    seam.launch()
    sweep = seam.sweep()
    standing = sweep._standing
    sweep._settings = replace(sweep._settings, heartbeat_every=timedelta(milliseconds=20))
    sweep.start()
    standing.stop()
    seam.change("UPDATE executor SET beat_at = 0")
    until(lambda: seam.rows("SELECT beat_at FROM executor WHERE beat_at > 0"))
    sweep.join(60)
    assert not sweep._thread.is_alive()
