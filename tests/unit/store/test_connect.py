"""The ledger's files are for the account of the program alone."""

import os
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import (
    holding,
    open_database,
    reading,
    told_by_any,
    writing,
    writing_soon,
)
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.soundness import refuse_incomplete

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def modes(folder) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.fixture
def wide_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_folder_and_files_are_made_for_the_owner_alone(tmp_path, wide_umask):
    ledger = Ledger.open(f"sqlite:///{tmp_path}/var/ebrvt.db", NOW)
    ledger.beat("one", "host", 1, NOW)
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert modes(tmp_path / "var") == dict.fromkeys(["ebrvt.db", "ebrvt.db-wal", "ebrvt.db-shm"], 0o600)
    ledger.close()


def test_files_others_could_read_are_narrowed_while_another_process_has_them_open(tmp_path):
    first = open_database(f"sqlite:///{tmp_path}/ebrvt.db")
    with writing(first) as tx:
        tx.execute(sa.text("create table kept (n integer)"))
    with reading(first):
        for path in tmp_path.iterdir():
            path.chmod(0o644)
        second = open_database(f"sqlite:///{tmp_path}/ebrvt.db")
        with writing(second) as tx:
            tx.execute(sa.text("insert into kept values (1)"))
        assert modes(tmp_path) == dict.fromkeys(["ebrvt.db", "ebrvt.db-wal", "ebrvt.db-shm"], 0o600)
    first.dispose()
    second.dispose()


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o755)
    open_database(f"sqlite:///{tmp_path}/ebrvt.db").dispose()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


LACKING = {
    "a table": "DROP TABLE executor",
    "a column": "ALTER TABLE executor DROP COLUMN host",
}


@pytest.mark.parametrize("lacking", LACKING)
def test_a_missing_table_or_column_is_no_busy_store(lacking, store_url):
    """It was told as STORE_BUSY, and the daemon waited for what never comes."""
    ledger = Ledger.open(store_url, NOW)
    refuse_incomplete(ledger.database)
    with ledger.database.begin() as tx:
        tx.execute(sa.text(LACKING[lacking]))
    with pytest.raises(HeldForPerson) as writing_it:
        ledger.beat("one", "host", 1, NOW)
    with pytest.raises(HeldForPerson) as reading_it, reading(ledger.database) as tx:
        tx.execute(sa.select(schema.executor))
    with pytest.raises(HeldForPerson, match="STORE_INCOMPLETE"):
        refuse_incomplete(ledger.database)
    ledger.close()
    assert (writing_it.value.code, writing_it.value.scope) == ("STORE_INCOMPLETE", Scope.STORE)
    assert reading_it.value.code == "STORE_INCOMPLETE"


def test_a_sentence_that_a_remote_said_is_no_missing_table(store_url):
    """PostgreSQL has states; only SQLite is known by its words."""
    ledger = Ledger.open(store_url, NOW)
    with pytest.raises(sa.exc.IntegrityError), writing(ledger.database) as tx:
        tx.execute(schema.store_meta.insert().values(key="no such table", value=None))
    ledger.close()


def test_a_store_whose_number_does_not_tell_what_is_in_it_is_no_busy_store(store_url):
    """Restored in part, or made by an unreleased program: a migration meets what it is to make."""
    ledger = Ledger.open(store_url, NOW)
    with ledger.database.begin() as tx:
        newest = sa.select(sa.func.max(schema.schema_version.c.version)).scalar_subquery()
        tx.execute(schema.schema_version.delete().where(schema.schema_version.c.version == newest))
    ledger.close()
    with pytest.raises(HeldForPerson) as told:
        Ledger.open(store_url, NOW)
    assert told.value.code == "STORE_INCOMPLETE"


@pytest.fixture
def served(databases):
    """A PostgreSQL store, and a second view of it for what the first one's sessions do."""
    with databases.migrated() as url:
        ours, watching = open_database(url), sa.create_engine(url, isolation_level="AUTOCOMMIT")
        yield ours, watching
        ours.dispose()
        watching.dispose()


@pytest.mark.postgres
def test_queries_have_no_transaction_around_them_and_what_is_prepared_stays(served):
    """A rollback at the end of each had the driver drop all that the session had prepared."""
    ours, watching = served
    state = sa.text("SELECT state FROM pg_stat_activity WHERE pid = :pid")
    for _ in range(8):
        with reading(ours) as tx:
            tx.execute(sa.select(schema.store_meta.c.key))
            pid = tx.scalar(sa.select(sa.func.pg_backend_pid()))
            with watching.connect() as other:
                assert other.scalar(state, {"pid": pid}) == "idle"
    with writing(ours) as tx:
        prepared = tx.scalars(sa.text("SELECT statement FROM pg_prepared_statements")).all()
    assert any("store_meta" in statement for statement in prepared)


@pytest.mark.postgres
def test_a_transaction_that_is_held_keeps_its_lock(served):
    ours, watching = served
    free = sa.text("SELECT pg_try_advisory_xact_lock(1)")
    with holding(ours) as tx, watching.connect() as other:
        assert tx.scalar(free)
        assert not other.scalar(free)


@pytest.mark.postgres
def test_a_session_that_the_server_has_ended_is_replaced_before_it_is_used(served):
    """Without asking the server at every turn: it says by itself that it ends one."""
    ours, watching = served
    for _ in range(2):
        with reading(ours) as tx:
            pid = tx.scalar(sa.select(sa.func.pg_backend_pid()))
        with watching.connect() as other:
            assert other.scalar(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with writing(ours) as tx:
            assert tx.scalar(sa.select(sa.func.pg_backend_pid())) != pid


@pytest.mark.postgres
def test_what_need_not_be_on_the_disk_at_once_is_so_for_its_own_transaction_alone(served):
    ours, _ = served
    told = sa.text("SELECT setting, source FROM pg_settings WHERE name = 'synchronous_commit'")
    with writing_soon(ours) as tx:
        assert tx.execute(told).one() == ("off", "session")
        tx.execute(schema.store_meta.insert().values(key="soon", value="1"))
    with writing(ours) as tx:
        assert tx.execute(told).one().source != "session"
        assert tx.scalar(sa.select(schema.store_meta.c.value).where(schema.store_meta.c.key == "soon")) == "1"


def test_what_a_driver_says_to_others_is_understood_as_well():
    """A server that went away while the dispatcher was started came out as an internal error."""
    refused = psycopg.OperationalError("connection failed: Connection refused")
    assert told_by_any(refused).code == "STORE_BUSY"
    assert told_by_any(sa.exc.OperationalError("SELECT 1", {}, refused)).code == "STORE_BUSY"
    assert told_by_any(psycopg.ProgrammingError("syntax error")) is None
