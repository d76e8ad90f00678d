"""A store of every earlier schema is brought up to date; a kill in the midst of it changes nothing (R18)."""

import multiprocessing
import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.ledger import NewMessage
from ebrvt_connect.store import migrations, rows, schema
from ebrvt_connect.store.connect import open_database
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.migrations import NEWEST, migrate
from ebrvt_connect.testing.clock import START
from tests.integration.engine.bench import Bench, document

EARLIER = range(1, NEWEST)
KILLED = 137


def made_by(schema_version, folder, monkeypatch):
    """A store of an earlier schema with three documents in it that nobody has sent yet."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:schema_version])
        earlier.setattr(migrations, "NEWEST", schema_version)
        database = open_database(f"sqlite:///{folder}/ledger.db")
        migrate(database, START)
        columns = {column["name"] for column in sa.inspect(database).get_columns("message")}
        with database.begin() as tx:
            for number in range(3):
                new = NewMessage(
                    idem_key=f"out:d{number}:1",
                    link="out",
                    source="dms",
                    target="axis",
                    kind=Kind.DOCUMENT,
                    lane=f"lane{number}",
                    external_id=f"d{number}",
                    record=document(number).model_dump_json(),
                )
                values = rows.new_values(replace(new), 0, START)
                kept = {name: value for name, value in values.items() if name in columns}
                tx.execute(schema.message.insert().values(**kept))
        database.dispose()


@pytest.mark.parametrize("schema_version", EARLIER)
def test_what_an_earlier_program_had_stored_is_carried_by_this_one(schema_version, tmp_path, monkeypatch):
    made_by(schema_version, tmp_path, monkeypatch)
    bench = Bench(f"sqlite:///{tmp_path}/ledger.db")
    try:
        bench.drain()
        assert bench.states() == [State.DONE] * 3
        assert sorted(bench.keys()) == ["out:d0:1", "out:d1:1", "out:d2:1"]
    finally:
        bench.close()


def migrated_and_killed(folder, last):
    """In a process of its own: gone without a word at this statement of the migration."""
    database = open_database(f"sqlite:///{folder}/ledger.db")
    left = [last]

    @sa.event.listens_for(database, "before_cursor_execute")
    def _end(_connection, _cursor, statement, *_more):
        if statement.lstrip().startswith(("CREATE", "ALTER", "DROP", "INSERT")):
            left[0] -= 1
            if left[0] < 0:
                os._exit(KILLED)

    migrate(database, START)


@pytest.mark.parametrize(("schema_version", "last"), [(1, 3), (NEWEST - 1, 1)])
def test_killed_in_the_midst_of_it_the_store_is_as_it_was_and_can_be_brought_up(
    schema_version, last, tmp_path, monkeypatch
):
    made_by(schema_version, tmp_path, monkeypatch)
    killed = multiprocessing.get_context("fork").Process(target=migrated_and_killed, args=(tmp_path, last))
    killed.start()
    killed.join(60)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        found = database.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (killed.exitcode, found) in {(KILLED, schema_version), (0, NEWEST)}
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    assert [message.external_id for message in ledger.messages()] == ["d0", "d1", "d2"]
    ledger.close()
