"""A demonstration's database on PostgreSQL: its own, kept while it is needed, and no other ever dropped."""

import json
import stat

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ops.demo.ledger_place import (
    SQLITE,
    forget_ledger_place,
    goes_on,
    open_ledger_place,
    server_url,
)
from ebrvt_connect.store.databases import create_database

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder(tmp_path):
    """A province's folder, as far as its ledger is concerned."""
    (tmp_path / "sandbox.toml").touch()
    return tmp_path


@pytest.fixture
def opened(folder, postgres):
    """Opens the province's ledger place and drops it in the end, whatever the test has done to it."""
    made = []

    def place():
        (folder / "sandbox.toml").unlink(missing_ok=True)
        made.append(open_ledger_place(folder, postgres))
        (folder / "sandbox.toml").touch()
        return made[-1]

    yield place
    with admin(postgres) as tx:
        for url in made:
            tx.exec_driver_sql(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)")


def admin(server):
    return sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect()


def databases_of(server):
    with admin(server) as tx:
        return set(tx.exec_driver_sql("SELECT datname FROM pg_database").scalars())


def name_in(url):
    return sa.make_url(url).database


def test_a_province_gets_a_database_of_its_own_and_finds_it_again(folder, opened, postgres):
    url = opened()
    assert name_in(url) in databases_of(postgres)
    assert goes_on(folder, postgres)
    assert opened() == url
    assert stat.S_IMODE((folder / "store").stat().st_mode) == 0o600


def test_forgetting_drops_what_was_made(folder, opened, postgres):
    url = opened()
    forget_ledger_place(folder, postgres)
    assert name_in(url) not in databases_of(postgres)
    assert not goes_on(folder, postgres)


def test_a_database_without_our_mark_is_never_dropped(folder, opened, postgres):
    name = name_in(opened())
    with admin(postgres) as tx:
        tx.exec_driver_sql(f"COMMENT ON DATABASE {name} IS 'the payroll'")
    assert not goes_on(folder, postgres)
    forget_ledger_place(folder, postgres)
    assert name in databases_of(postgres)


def test_an_altered_note_leads_to_nobody_elses_database(folder, databases, postgres):
    with databases.empty() as other:
        name = name_in(other)
        (folder / "store").write_text(json.dumps({"server": postgres, "name": name}))
        forget_ledger_place(folder, postgres)
        assert name in databases_of(postgres)


def test_another_place_than_last_time_is_a_new_province(folder, opened, postgres):
    opened()
    assert not goes_on(folder, None)
    elsewhere = sa.make_url(postgres).set(port=1).render_as_string(hide_password=False)
    assert not goes_on(folder, elsewhere)


def test_a_province_begun_on_sqlite_does_not_go_on_elsewhere(folder, postgres):
    assert goes_on(folder, None)
    assert not goes_on(folder, postgres)
    assert open_ledger_place(folder, None) == SQLITE


def test_a_server_that_is_gone_hinders_nobody(folder):
    gone = "postgresql+psycopg://u:secret@127.0.0.1:1/postgres?connect_timeout=2"
    (folder / "store").write_text(json.dumps({"server": gone, "name": "ebrvt_demo_0"}))
    forget_ledger_place(folder, None)
    assert not goes_on(folder, None)


@pytest.mark.parametrize("given", ["sqlite:///x.db", "mysql://u:hidden@h/x", "not a url hidden", ""])
def test_what_is_no_postgresql_server_is_refused_without_its_password(given):
    with pytest.raises(InvalidValue) as refusal:
        server_url(given)
    assert refusal.value.code == "DEMO_STORE_INVALID"
    assert "hidden" not in str(refusal.value)


def test_either_spelling_of_the_driver_will_do():
    assert server_url("postgresql://u:p@h:5/d") == "postgresql+psycopg://u:p@h:5/d"


def test_names_and_marks_are_plain(postgres):
    for name, mark in (('x" ; DROP', "ours"), ("x", "it's")):
        with pytest.raises(ValueError, match="not a plain name"):
            create_database(postgres, name, mark)
