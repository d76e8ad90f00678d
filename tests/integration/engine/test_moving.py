"""A ledger moved to another database: every row, number and proof, cut off anywhere, and nobody at both."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.model.message import State
from ebrvt_connect.store import moving, rows_to_move, schema
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_to_move import copy_blobs
from ebrvt_connect.store.connect import open_database
from ebrvt_connect.store.crash_points import KILLED
from ebrvt_connect.store.instance import Instance
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.moved import mark_of
from ebrvt_connect.store.moving import Terms, abandon, move, outlook
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.store.proof_audit import altered
from ebrvt_connect.store.seat import Seat
from ebrvt_connect.testing.clock import START
from tests.integration.engine.bench import Bench, failing, held, item, reconcile_first, retry_later
from tests.integration.engine.reckoning import start
from tests.integration.engine.test_kill import (
    assert_every_effect_is_proven_once,
    assert_nothing_lost_or_doubled,
)

pytestmark = pytest.mark.postgres
NOW = START + timedelta(days=1)
TERMS = Terms(NOW, batch=7)


@pytest.fixture
def place(tmp_path, databases):
    """Makes the URL of a place where a store may lie: nothing is there yet."""
    with ExitStack() as held_open:
        made = iter(range(9))

        def of(kind):
            if kind == "sqlite":
                return f"sqlite:///{tmp_path}/{next(made)}.db"
            return held_open.enter_context(databases.empty())

        yield of


@contextmanager
def opened(*urls):
    engines = [open_database(url) for url in urls]
    try:
        yield engines
    finally:
        for engine in engines:
            engine.dispose()


def fill(url):
    """A store in the middle of things: something in every state, every table of the exchange in use."""
    bench = Bench(url)
    bench.store(*(item(n, lane=f"lane{n}") for n in range(20)))
    bench.drain("axis")
    bench.drain("dms")
    trouble = {"d30": held, "d31": retry_later, "d32": reconcile_first, "d33": reconcile_first}

    def fail(work):
        name = work.message.external_id
        if trouble.get(name) is reconcile_first:
            bench.axis.accept(work)
        if name in trouble:
            raise trouble[name]()  # noqa: RSE102 - a function that makes it

    bench.axis.on_submit, bench.axis.on_ask = fail, failing(retry_later)
    bench.store(*(item(n, lane=f"lane{n}") for n in range(30, 34)), item(99, lane="lane30"))
    bench.drain("axis")
    bench.ledger.pause_system("dms", by="tester", why="bảo trì", now=bench.clock.now())
    log = ProofLog(bench.ledger.database)
    while log.link(bench.clock.now()):
        pass
    assert log.seal(bench.clock.now() + timedelta(hours=2), timedelta(hours=1))
    log.stamped(1, b"\x00\xff token", bench.clock.now())
    bench.store(item(40))
    bench.drain("axis", turns=1)
    bench.store(*(item(n) for n in range(50, 60)))
    m, tried = schema.message, schema.attempt
    with bench.ledger.database.begin() as tx:
        # Its daemon died in the midst of the call, which the remote had taken.
        tx.execute(m.update().where(m.c.external_id == "d33").values(state="sending"))
        # As retention does: the newest numbers are gone.
        newest = tx.scalar(sa.select(sa.func.max(tried.c.id)))
        tx.execute(tried.delete().where(tried.c.id > newest - 3))
    bench.close()
    return bench


def rows_of(database, table):
    names = [c.name for c in table.columns if c.computed is None]
    query = sa.select(*(sa.column(name) for name in names)).select_from(sa.table(table.name))
    with database.connect() as tx:
        return sorted(map(tuple, tx.execute(query)), key=repr)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A filled SQLite store, to be copied, with the remotes it has spoken to."""
    path = tmp_path_factory.mktemp("filled") / "ledger.db"
    return path, fill(f"sqlite:///{path}")


@pytest.fixture
def from_sqlite(place, filled):
    """Source, filled, and target, as URLs."""
    source = place("sqlite")
    shutil.copy(filled[0], source.removeprefix("sqlite:///"))
    return source, place("postgresql")


@pytest.fixture(params=["sqlite-postgresql", "postgresql-sqlite"])
def way(request, place):
    """The same in both directions."""
    if request.param == "sqlite-postgresql":
        return request.getfixturevalue("from_sqlite")
    source = place("postgresql")
    fill(source)
    return source, place("sqlite")


# --- what arrives -----------------------------------------------------------------------------------


def test_every_row_arrives_as_it_was_and_the_proof_still_holds(way):
    with opened(*way) as (source, target):
        before = {table.name: rows_of(source, table) for table in schema.metadata.tables.values()}
        copied = move(source, target, TERMS)
        exempt = {"executor", "schema_version", "shard", "store_meta"}
        for table in schema.metadata.tables.values():
            if table.name not in exempt:
                assert rows_of(target, table) == before[table.name], table.name
                assert copied[table.name].rows == len(before[table.name])
        used = {name for name, found in before.items() if found}
        assert used >= {"message", "attempt", "inbox", "checkpoint", "system", "limit_state", "proof_stamp"}
        log, old = ProofLog(target), ProofLog(source)
        assert (list(log.breaks()), list(altered(target))) == ([], [])
        assert log.standing() == old.standing()
        assert log.seals([1]) == old.seals([1])
        assert log.seals([1])[0].token == b"\x00\xff token"


def test_a_table_that_somebody_adds_is_moved_too():
    """Whatever a later migration makes comes along, unless it is named as each store's own."""
    moved = {table.name for table in rows_to_move.moved_tables()}
    assert set(schema.metadata.tables) - moved == {"executor", "schema_version"}


def test_numbers_go_on_where_they_were_and_none_comes_back(way):
    with opened(*way) as (source, target):
        given = {
            t.name: rows_to_move.last_given(source, t) for t in (schema.message, schema.attempt, schema.inbox)
        }
        highest = rows_to_move.newest_key(source, schema.attempt)
        move(source, target, TERMS)
    assert given["attempt"] == highest + 3
    ledger = Ledger.open(way[1], NOW)
    try:
        now = {name: rows_to_move.last_given(ledger.database, schema.metadata.tables[name]) for name in given}
        assert now == given
        with ledger.database.begin() as tx:
            line = tx.execute(sa.select(schema.attempt).limit(1)).one()._asdict() | {"id": None}
            del line["id"]
            made = tx.execute(schema.attempt.insert().values(line)).inserted_primary_key[0]
        assert made == given["attempt"] + 1
    finally:
        ledger.close()


def test_what_was_being_sent_is_asked_after_at_the_new_place_and_not_sent_again(from_sqlite, filled):
    old = filled[1]
    with opened(*from_sqlite) as (source, target):
        move(source, target, TERMS)
    bench = Bench(from_sqlite[1])
    try:
        bench.clock.advance(timedelta(days=1))
        bench.axis.arrived, bench.blobs.contents = [*old.axis.arrived], old.blobs.contents
        states = {m.external_id: m.state for m in bench.ledger.messages(link="out")}
        assert (states["d32"], states["d33"]) == (State.IN_DOUBT, State.SENDING)
        bench.drain("axis")
        assert {"out:d32:1", "out:d33:1"} <= set(bench.axis.asked)
        assert not {"out:d32:1", "out:d33:1"} & set(bench.axis.submitted)
        states = {m.external_id: m.state for m in bench.ledger.messages(link="out")}
        assert (states.pop("d30"), states.pop("d99")) == (State.HELD, State.RECEIVED)
        assert set(states.values()) == {State.DONE}
        assert list(bench.ledger.paused()) == ["dms"]
    finally:
        bench.close()


def test_shards_with_open_work_count_as_asked_for_and_promises_of_the_old_dispatcher_are_left(from_sqlite):
    with opened(*from_sqlite) as (source, target):
        move(source, target, TERMS)
        with target.connect() as tx:
            m, s = schema.message, schema.shard
            wanted = {
                tuple(row)
                for row in tx.execute(
                    sa.select(m.c.target, m.c.shard).where(sa.or_(m.c.in_lane == 1, m.c.untold == 1))
                )
            }
            flags = tx.execute(sa.select(s)).all()
        assert {(f.system, f.shard) for f in flags if f.pending} == wanted
        assert {(f.wake_at, f.holder) for f in flags} == {(None, None)}


# --- cut off ----------------------------------------------------------------------------------------


class _CutOff(Exception):
    pass


def cutting(at):
    """Something to be called that fails the n-th time."""
    calls = iter(range(10_000))

    def tell(*_):
        if next(calls) == at:
            raise _CutOff

    return tell


def test_cut_off_after_any_batch_it_goes_on_where_it_was(from_sqlite):
    written = []
    with opened(*from_sqlite) as (source, target):
        for at in range(1, 99):
            try:
                move(source, target, replace(TERMS, tell=cutting(at)))
            except _CutOff:
                written.append(rows_to_move.count(target, schema.message))
                for url in from_sqlite:
                    with pytest.raises(HeldForPerson) as refused:
                        Ledger.open(url, NOW)
                    assert refused.value.code in {"STORE_MOVING", "STORE_HALF_FILLED"}
            else:
                break
        assert len(written) > 5
        assert written == sorted(written), "it began anew"
        for table in (schema.message, schema.attempt, schema.proof_entry):
            assert rows_of(target, table) == rows_of(source, table)
        assert mark_of(source).done
        assert mark_of(target).done


@pytest.mark.parametrize("at", range(4))
def test_cut_off_between_any_two_marks_nobody_works_on_both_and_it_ends_well(from_sqlite, monkeypatch, at):
    marks = iter(range(99))
    put = moving.put_mark

    def put_mark(database, mark):
        if next(marks) == at:
            raise _CutOff
        put(database, mark)

    with opened(*from_sqlite) as (source, target):
        monkeypatch.setattr(moving, "put_mark", put_mark)
        with pytest.raises(_CutOff):
            move(source, target, TERMS)
        monkeypatch.undo()
        usable = []
        for url in from_sqlite:
            try:
                Ledger.open(url, NOW).close()
                usable.append(url)
            except HeldForPerson:
                pass
        assert len(usable) <= (2 if at == 0 else 1)  # before the first mark, both: nothing has been copied
        move(source, target, TERMS)
        Ledger.open(from_sqlite[1], NOW).close()
        assert move(source, target, TERMS) == {}


@pytest.mark.timeout(600)
def test_killed_mid_message_moved_with_a_kill_and_taken_up_elsewhere_nothing_is_lost_or_doubled(
    tmp_path, place
):
    """The whole way with real processes: a daemon killed while sending, the move killed while copying."""
    items, target = 20, place("postgresql")
    assert start(tmp_path, items, "after_send_before_settle:7").wait(240) == KILLED
    (tmp_path / "ebrvt.toml").write_text(
        '[province]\ncode = "H06"\n[store]\nurl = "sqlite:///ledger.db"\nblobs = "blobs"\n'
    )
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "migrate-store", "--to", target]
    command += ["--config", str(tmp_path / "ebrvt.toml"), "--batch", "1"]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with opened(target) as (there,):
        deadline = time.monotonic() + 60
        while not begun(there):
            assert killed.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    ended = subprocess.run(command, capture_output=True, check=False, env=os.environ, timeout=240)
    assert ended.returncode == 0, ended.stderr.decode()
    daemon = start(tmp_path, items, url=target)
    assert daemon.wait(240) == 0, (tmp_path / "daemon.log").read_text()
    assert_nothing_lost_or_doubled(tmp_path, items)
    ledger = Ledger.open(target, NOW)
    try:
        assert ledger.counts() == {"out": {State.DONE: items}, "out~feedback": {State.DONE: items}}
        assert_every_effect_is_proven_once(ledger)
    finally:
        ledger.close()
    assert start(tmp_path, items).wait(240) == 1
    assert "STORE_MOVED" in (tmp_path / "daemon.log").read_text()


def begun(database):
    try:
        with database.connect() as tx:
            return tx.scalar(sa.text("SELECT count(*) FROM message")) > 2
    except sa.exc.ProgrammingError:  # its tables are just being made
        return False


# --- refusals ---------------------------------------------------------------------------------------


def refusal(source, target, terms=TERMS):
    with opened(source, target) as engines, pytest.raises(HeldForPerson) as refused:
        move(*engines, terms)
    return refused.value.code


def test_a_store_moved_away_is_refused_and_says_where_it_went(from_sqlite):
    with opened(*from_sqlite) as (source, target):
        ledger = Ledger.open(from_sqlite[0], NOW)
        move(source, target, TERMS)
        with pytest.raises(HeldForPerson) as refused:
            Ledger.open(from_sqlite[0], NOW)
        assert (refused.value.code, target.url.database in refused.value.explanation_vi) == (
            "STORE_MOVED",
            True,
        )
        assert "store.url" in refused.value.advice_vi
        # A daemon that was frozen all the while finds out with its next heartbeat.
        with pytest.raises(HeldForPerson, match="STORE_MOVED"):
            ledger.beat("daemon-1", "here", 1, NOW)
        ledger.close()


def test_a_daemon_at_the_file_is_left_its_file(from_sqlite):
    seat = Seat(from_sqlite[0])
    seat.take()
    assert refusal(*from_sqlite) == "ALREADY_RUNNING"
    seat.leave()
    Ledger.open(from_sqlite[0], NOW).close()


@pytest.mark.parametrize("end", ["source", "target"])
def test_heartbeats_of_a_moment_ago_are_heeded_unless_told(from_sqlite, place, end):
    source, target = from_sqlite if end == "target" else (from_sqlite[1], place("sqlite"))
    ledger = Ledger.open(from_sqlite[1], NOW)
    ledger.beat("may-chu-1", "may-chu", 1, NOW - timedelta(seconds=20))
    ledger.close()
    assert refusal(source, target) == "MOVE_DAEMON_ALIVE"
    Ledger.open(source, NOW).close()
    with opened(source, target) as engines:
        assert move(*engines, replace(TERMS, heartbeats=False))


def test_a_frozen_daemon_still_holds_its_name_and_is_heeded_whatever_one_is_told(place):
    source, target = place("postgresql"), place("sqlite")
    Ledger.open(source, NOW).close()
    with opened(source) as (database,):
        ledger = Ledger(database)
        ledger.beat("may-chu-1", "may-chu", 1, NOW - timedelta(hours=1))
        name = Instance(database, wanted="may-chu-1", host="")
        name.take()
        with opened(source, target) as engines, pytest.raises(HeldForPerson) as refused:
            move(*engines, replace(TERMS, heartbeats=False))
        assert refused.value.code == "MOVE_DAEMON_ALIVE"
        assert "may-chu-1" in refused.value.explanation_vi
        name.leave()


def test_a_target_with_anything_in_it_is_left_alone(from_sqlite, place):
    source, other = from_sqlite[0], place("sqlite")
    bench = Bench(other)
    bench.store(item(1))
    bench.close()
    with opened(other) as (database,):
        before = rows_of(database, schema.message)
        assert refusal(source, other) == "MOVE_TARGET_NOT_EMPTY"
        assert rows_of(database, schema.message) == before
    Ledger.open(source, NOW).close()


def test_a_target_that_was_only_opened_counts_as_empty(from_sqlite):
    ledger = Ledger.open(from_sqlite[1], NOW)
    ledger.fix_shards(4)
    ledger.close()
    with opened(*from_sqlite) as engines:
        assert move(*engines, TERMS)


def test_one_that_is_under_way_goes_nowhere_else(from_sqlite, place):
    with opened(*from_sqlite) as engines, pytest.raises(_CutOff):
        move(*engines, replace(TERMS, tell=cutting(3)))
    assert refusal(from_sqlite[0], place("sqlite")) == "MOVE_ELSEWHERE"


def test_a_store_is_not_moved_onto_itself(from_sqlite):
    with opened(*from_sqlite[:1]) as (source,), pytest.raises(HeldForPerson, match="MOVE_SAME_PLACE"):
        outlook(source, source, TERMS)


def test_given_up_the_old_store_goes_on_and_the_half_filled_one_never(from_sqlite):
    with opened(*from_sqlite) as (source, target):
        assert not abandon(source)
        with pytest.raises(_CutOff):
            move(source, target, replace(TERMS, tell=cutting(3)))
        assert abandon(source)
        Ledger.open(from_sqlite[0], NOW).close()
        with pytest.raises(HeldForPerson, match="STORE_HALF_FILLED"):
            Ledger.open(from_sqlite[1], NOW)
    assert refusal(*from_sqlite) == "MOVE_TARGET_NOT_EMPTY"


def test_one_that_is_done_cannot_be_given_up(from_sqlite):
    with opened(*from_sqlite) as (source, target):
        move(source, target, TERMS)
        with pytest.raises(HeldForPerson, match="STORE_MOVED"):
            abandon(source)


def test_a_difference_is_found_and_the_source_kept(from_sqlite):
    def alter():
        with target.begin() as tx:
            tx.execute(schema.message.update().where(schema.message.c.id == 5).values(title="khác"))

    with opened(*from_sqlite) as (source, target):
        with pytest.raises(HeldForPerson) as refused:
            move(source, target, replace(TERMS, carry=alter))
        assert (refused.value.code, refused.value.facts["table"]) == ("MOVE_DIFFERS", "message")
        assert abandon(source)
    Ledger.open(from_sqlite[0], NOW).close()


def test_what_postgresql_cannot_keep_is_named(from_sqlite):
    with opened(*from_sqlite) as (source, target):
        with source.begin() as tx:
            tx.execute(schema.inbox.update().where(schema.inbox.c.id == 5).values(version="1\0"))
        with pytest.raises(HeldForPerson) as refused:
            move(source, target, TERMS)
    assert refused.value.code == "MOVE_NUL_IN_TEXT"
    assert {name: refused.value.facts[name] for name in ("table", "key", "column")} == {
        "table": "inbox",
        "key": 5,
        "column": "version",
    }


def test_looking_first_writes_nothing(from_sqlite):
    with opened(*from_sqlite) as (source, target):
        looked = outlook(source, target, TERMS)
        assert looked.tables["message"] == rows_to_move.count(source, schema.message)
        assert (looked.resumes, looked.finished) == (False, False)
        assert sa.inspect(target).get_table_names() == []
        assert mark_of(source) is None


# --- blobs ------------------------------------------------------------------------------------------


def test_blobs_are_copied_hashed_and_only_once(tmp_path):
    here, there = LocalBlobs(tmp_path / "here"), LocalBlobs(tmp_path / "there")
    kept = [here.put([f"content {n}".encode()], limit_bytes=100).sha256 for n in range(3)]
    here.path_of(kept[1]).write_bytes(b"spoiled")
    here.set_aside(kept[2])
    first = copy_blobs(here, there)
    assert (first.new, first.there, first.damaged) == (2, 0, (kept[1],))
    assert there.read(kept[0]) == b"content 0"
    again = copy_blobs(here, there)
    assert (again.new, again.there, again.damaged) == (0, 2, (kept[1],))
