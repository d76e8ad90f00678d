"""Numbered migrations: from empty, once, forward only, and equal to what the code believes."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.ledger import NewMessage
from ebrvt_connect.store import migrations, rows, schema
from ebrvt_connect.store.connect import open_database
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.migrations import NEWEST, migrate
from ebrvt_connect.testing.clock import START
from tests.integration.engine.databases import EITHER


@pytest.fixture(params=EITHER)
def store_url(request, tmp_path):
    """Without a single table: elsewhere in these tests a store is migrated already."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.db"
    else:
        with request.getfixturevalue("databases").empty() as url:
            yield url


@pytest.fixture
def database(store_url):
    engine = open_database(store_url)
    yield engine
    engine.dispose()


def test_an_empty_store_is_brought_to_the_newest(database):
    assert migrate(database, START) == NEWEST
    assert migrate(database, START) == 0


def test_the_tables_are_what_the_code_believes(database):
    migrate(database, START)
    found = sa.inspect(database)
    for table in schema.metadata.tables.values():
        columns = {column["name"] for column in found.get_columns(table.name)}
        assert columns == set(table.columns.keys()), table.name
    assert set(found.get_table_names()) == set(schema.metadata.tables)


def test_when_a_migration_was_applied_is_noted(database):
    migrate(database, START)
    with database.connect() as tx:
        assert tx.execute(sa.select(schema.schema_version)).all() == [
            (number, START) for number in range(1, NEWEST + 1)
        ]


def test_a_store_made_by_a_newer_program_is_refused_untouched(database, store_url):
    migrate(database, START)
    with database.begin() as tx:
        tx.execute(schema.schema_version.insert().values(version=NEWEST + 1, applied_at=START))
    with pytest.raises(HeldForPerson, match="expected at most") as refusal:
        Ledger.open(store_url, START)
    assert refusal.value.code == "STORE_TOO_NEW"
    assert refusal.value.scope is Scope.STORE
    assert str(NEWEST + 1) in refusal.value.explanation_vi


def test_a_migration_that_fails_leaves_the_store_as_it_was(database, monkeypatch):
    migrate(database, START)
    broken = (*migrations.MIGRATIONS, ("CREATE TABLE half (id INTEGER)", "CREATE TABLE message (id INTEGER)"))
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    monkeypatch.setattr(migrations, "NEWEST", NEWEST + 1)
    with pytest.raises(Exception, match="already exists"):
        migrate(database, START)
    assert "half" not in sa.inspect(database).get_table_names()
    monkeypatch.undo()
    assert migrate(database, START) == 0


def test_what_an_older_program_stored_keeps_its_order(database, monkeypatch):
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
    monkeypatch.setattr(migrations, "NEWEST", 1)
    migrate(database, START)
    message = schema.message
    new = NewMessage(
        idem_key="", link="out", source="dms", target="axis", kind=Kind.DOCUMENT, lane="one", record="{}"
    )
    with database.begin() as tx:
        for number in range(3):
            tx.execute(
                message.insert().values(**rows.new_values(replace(new, idem_key=f"k{number}"), 0, START))
            )
    monkeypatch.undo()
    assert migrate(database, START) == NEWEST - 1
    with database.connect() as tx:
        assert tx.execute(sa.select(message.c.id, message.c.place)).all() == [(1, 1), (2, 2), (3, 3)]


def test_every_statement_is_spelled_for_both_databases():
    for spelling in migrations._SPELLING.values():
        for migration in migrations.MIGRATIONS:
            for statement in migration:
                assert "{" not in statement.format_map(spelling)


def test_nothing_in_the_ledger_is_said_in_sqlite_only(tmp_path):
    """Every statement the ledger makes also compiles for PostgreSQL."""
    from sqlalchemy.dialects import postgresql

    from ebrvt_connect.store import delivery, intake_rows, shards

    statements = [
        delivery._APPLY,
        delivery._MARK,
        delivery._TOLD,
        delivery._inserting("postgresql"),
        intake_rows._KNOWN,
        intake_rows._arriving("postgresql"),
        shards.raising("postgresql"),
        sa.select(schema.message).where(*shards.due_heads(START, judging_only=False)),
    ]
    for statement in statements:
        assert str(statement.compile(dialect=postgresql.dialect()))
