"""What the engine asks all day is found by indexes: it costs the same with a million finished messages."""

import re
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from ebrvt_connect.model.document import StatusCode
from tests.integration.engine.bench import BACK, Bench, item, progress_item, status_item

_READ_THROUGH = re.compile(r"^SCAN (message|attempt|inbox|proof_entry)\b")
ONCE_A_SWEEP = "SELECT DISTINCT message.target, message.shard FROM message WHERE message.untold = ?"
"""Reads the smallest index through, once a minute."""


@pytest.fixture
def asked(tmp_path):
    """A ledger of SQLite, and every statement it is asked with the values of one time."""
    bench = Bench(f"sqlite:///{tmp_path}/ledger.db")
    statements: dict[str, object] = {}

    @sa.event.listens_for(bench.ledger.database, "before_cursor_execute")
    def _note(_connection, _cursor, statement, values, _context, many):
        statements[" ".join(statement.split())] = values[0] if many else values

    yield bench, statements
    bench.close()


def read_through(folder, statements):
    """The statements for which the database reads a growing table from its beginning to its end."""
    found = []
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        for statement, values in statements.items():
            of_values = statement.startswith("INSERT") and "SELECT" not in statement
            if statement.split()[0] in {"SELECT", "UPDATE", "INSERT", "WITH"} and not of_values:
                plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
                if any(_READ_THROUGH.match(row[3]) for row in plan):
                    found.append(statement)
    return found


def test_carrying_a_message_reads_no_growing_table_through(asked, tmp_path):
    bench, statements = asked
    bench.store(item(1), item(2))
    bench.drain()
    bench.store(status_item(1, 1, StatusCode.ACCEPTED), link=BACK)
    bench.store(progress_item(1, 1))
    bench.drain()
    bench.ledger.newest_id()
    assert len(statements) > 20
    assert [one for one in read_through(tmp_path, statements) if one != ONCE_A_SWEEP] == []


def test_the_document_a_status_tells_of_is_found_by_its_id_and_by_its_names(asked):
    """Each alternative by its own index: as one AND of an OR the whole table was read for each status."""
    bench, _ = asked
    bench.store(item(1), item(2))
    bench.drain()
    told_back = bench.ledger.messages(link="out~feedback")
    record = status_item(7, 2).record
    for message in told_back:
        assert bench.ledger.origin_of(message, record).id == message.origin_id, "not what its words name"
    bench.store(status_item(7, 2), link=BACK)
    (named,) = bench.ledger.messages(link="back")
    assert bench.ledger.origin_of(named, record).external_id == "d2"


def test_what_people_ask_of_a_long_ledger_is_answered_from_indexes(asked, tmp_path):
    """`ebrvt status` read every message (774 ms at a million), `explain` by a title too (299 ms)."""
    bench, statements = asked
    bench.store(item(1))
    bench.drain()
    statements.clear()
    bench.ledger.link_statistics()
    bench.ledger.find("1/UBND-VP")
    bench.ledger.draining()
    assert len(statements) > 6
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        plans = [
            row[3]
            for statement, values in statements.items()
            for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    reading = [step for step in plans if _READ_THROUGH.match(step)]
    assert [step for step in reading if "INDEX" not in step] == []
    whole = [step for step in reading if not re.search("message_untried|message_retried|inbox_again", step)]
    assert whole == ["SCAN message USING COVERING INDEX message_by_state"]
