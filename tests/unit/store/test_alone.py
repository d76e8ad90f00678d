"""What one daemon does alone it does alone for as long as it takes, and nothing is wrong in the end."""

import time
from datetime import timedelta

import pytest

from ebrvt_connect.store import connect
from ebrvt_connect.store.alone import alone_with
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.retention import last_upkeep, note_upkeep, tending
from ebrvt_connect.testing.clock import START


@pytest.fixture
def pair(store_url):
    """Two programs' views of one store."""
    ledgers = [Ledger.open(store_url, START) for _ in range(2)]
    yield ledgers
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def url(databases):
    with databases.migrated() as made:
        yield made


@pytest.mark.postgres
def test_a_round_that_takes_longer_than_locks_are_kept_is_alone_to_its_end(url, monkeypatch):
    """PostgreSQL ends a transaction of which nothing is heard, and with it whatever that has locked."""
    monkeypatch.setattr(connect, "LOCKS_KEPT", timedelta(milliseconds=100))
    one, two = (Ledger.open(url, START) for _ in range(2))
    with tending(one.database) as alone, one.alone() as housekeeper:
        time.sleep(0.4)  # no less: the server's own clock is what is looked at
        with tending(two.database) as second, two.alone() as third:
            assert (alone, housekeeper, second, third) == (True, True, False, False)
        note_upkeep(one.database, {"done": 1})
    assert last_upkeep(two.database) == {"done": 1}
    with tending(two.database) as alone, two.alone() as housekeeper:
        assert (alone, housekeeper) == (True, True)
    one.close()
    two.close()


@pytest.mark.postgres
def test_a_lock_whose_session_was_cut_is_free_and_its_end_is_no_trouble(url):
    one, two = (Ledger.open(url, START) for _ in range(2))
    with alone_with(one.database, 7) as first:
        with two.database.connect() as admin:
            admin.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with alone_with(two.database, 7) as second:
            assert (first, second) == (True, True)
    one.close()
    two.close()


def test_what_goes_wrong_while_alone_is_told_and_the_lock_is_let_go(pair):
    with pytest.raises(KeyError), alone_with(pair[0].database, 7):
        raise KeyError("bug")
    with alone_with(pair[1].database, 7) as alone:
        assert alone
