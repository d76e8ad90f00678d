"""PostgreSQL: between a window's ids and its rows a person skips one of them; it must not be sent."""

import pytest
from sqlalchemy import event

from ebrvt_connect.engine import steering
from ebrvt_connect.model.message import State
from ebrvt_connect.store.ledger import Ledger
from tests.integration.engine.bench import item
from tests.integration.engine.databases import made


@pytest.fixture
def store_url(tmp_path, request):
    with made("postgresql", tmp_path, request) as url:
        yield url


@pytest.mark.postgres
def test_what_is_skipped_between_the_look_at_the_window_and_at_its_rows_is_not_sent(bench, store_url):
    person = Ledger.open(store_url, bench.clock.now())
    bench.store(item(1))
    skipped = []

    @event.listens_for(bench.ledger.database, "before_cursor_execute")
    def skip(_connection, _cursor, statement, *_rest):
        if (
            not skipped
            and statement.startswith("SELECT message.id, message.idem_key")
            and "IN (" in statement
        ):
            skipped.append(steering.skip(person, 1, by="Lan", why="x", now=bench.clock.now()))

    bench.drain("axis")
    assert skipped
    assert bench.only().state is State.CANCELLED
    assert bench.axis.submitted == []
    person.close()
