"""The ledger's files are for the account of the program alone."""

import os
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from ebrvt_connect.store.connect import open_database, reading, writing
from ebrvt_connect.store.ledger import Ledger

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
