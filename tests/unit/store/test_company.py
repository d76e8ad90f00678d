"""What several daemons at one PostgreSQL store need of it: names, turns, and one opinion on the shards."""

import threading
import uuid
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, RetryLater
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Batch
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.store.connect import open_database
from ebrvt_connect.store.instance import Instance
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.migrations import NEWEST
from ebrvt_connect.testing.clock import START
from tests.integration.engine.bench import item

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(databases):
    with databases.migrated() as made:
        yield made


@pytest.fixture
def ledgers(url):
    """Two programs' views of one store."""
    pair = [Ledger.open(url, START) for _ in range(2)]
    yield pair
    for ledger in pair:
        ledger.close()


def instance(ledger, wanted=""):
    return Instance(ledger.database, wanted=wanted, host="may-chu")


def test_two_daemons_of_one_machine_go_by_different_names(ledgers):
    one, two = map(instance, ledgers)
    assert (one.take(), two.take()) == ("may-chu-1", "may-chu-2")
    one.leave()
    assert instance(ledgers[0]).take() == "may-chu-1"


def test_a_name_lost_while_the_server_was_away_is_taken_again_when_it_is_back(ledgers, monkeypatch):
    """A server that restarts is away for several heartbeats: each fails, and the next one tries anew."""
    one = instance(ledgers[0])
    one.take()
    cut_all_others(ledgers[1])
    reaching, away = ledgers[0].database.connect, sa.exc.OperationalError("SELECT 1", {}, OSError("refused"))

    def refused():
        raise away

    monkeypatch.setattr(ledgers[0].database, "connect", refused)
    for _ in range(3):
        with pytest.raises(RetryLater, match="STORE_BUSY"):
            one.keep()
    monkeypatch.setattr(ledgers[0].database, "connect", reaching)
    one.keep()
    assert instance(ledgers[1]).take() == "may-chu-2"


def test_a_name_that_another_has_taken_meanwhile_stays_anothers(ledgers):
    one, two = map(instance, ledgers)
    one.take()
    cut_all_others(ledgers[1])
    assert two.take() == "may-chu-1"
    for _ in range(2):
        with pytest.raises(HeldForPerson, match="goes by the name may-chu-1"):
            one.keep()
    two.leave()
    one.keep()


def test_a_configured_name_is_refused_to_a_second_daemon(ledgers):
    instance(ledgers[0], "tinh-a").take()
    with pytest.raises(HeldForPerson, match="goes by the name tinh-a") as refusal:
        instance(ledgers[1], "tinh-a").take()
    assert refusal.value.code == "INSTANCE_TAKEN"


def test_a_name_whose_session_was_cut_is_taken_again(ledgers):
    one = instance(ledgers[0])
    one.take()
    cut_all_others(ledgers[1])
    one.keep()
    assert instance(ledgers[1]).take() == "may-chu-2"


def test_a_name_that_another_took_meanwhile_is_not_kept(ledgers):
    one, two = map(instance, ledgers)
    one.take()
    two._connection = two._session()
    cut_all_others(ledgers[1])
    assert two.take() == "may-chu-1"
    with pytest.raises(HeldForPerson) as refusal:
        one.keep()
    assert refusal.value.code == "INSTANCE_TAKEN"


def cut_all_others(ledger):
    """As a restart of the server would."""
    with ledger.database.connect() as tx:
        tx.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_housekeeping_is_done_by_one_at_a_time(ledgers):
    one, two = ledgers
    with one.alone() as first, two.alone() as second:
        assert (first, second) == (True, False)
    with two.alone() as again:
        assert again


def test_who_has_ended_is_silent_at_once(ledgers):
    one, two = ledgers
    one.beat("a", "host", 1, START)
    two.beat("b", "host", 2, START)
    assert one.living_executors(START, timedelta(seconds=60)) == {"a", "b"}
    one.gone("a")
    assert two.living_executors(START, timedelta(seconds=60)) == {"b"}
    assert two.silent_executors(START, timedelta(seconds=60)) == ["a"]


def test_the_number_of_shards_is_not_changed_under_others(ledgers):
    one, two = ledgers
    one.fix_shards(16)
    with pytest.raises(HeldForPerson) as refusal:
        two.fix_shards(32, others=True)
    assert refusal.value.code == "STORE_SHARDS_DIFFER"
    two.fix_shards(16, others=True)
    two.fix_shards(32)


def test_programs_started_together_make_the_tables_once(databases):
    with databases.empty() as url, ExitStack() as closing:
        opened, failed = [], []

        def begin():
            try:
                opened.append(Ledger.open(url, START))
            except Exception as failure:  # noqa: BLE001 - told below
                failed.append(failure)

        threads = [threading.Thread(target=begin) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for ledger in opened:
            closing.callback(ledger.close)
        assert failed == []
        with opened[0].database.connect() as tx:
            assert tx.scalar(sa.text("SELECT count(*) FROM schema_version")) == NEWEST


@pytest.fixture
def limited(url):
    """The URL by which a role comes that may use the tables and make none."""
    role = f"ebrvt_test_{uuid.uuid4().hex}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as tx:
        tx.execute(sa.text(f"CREATE ROLE {role} LOGIN PASSWORD 'tam-thoi'"))
        for schema in ("public", "dbos"):
            tx.execute(sa.text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
            for what in ("TABLES", "SEQUENCES", "FUNCTIONS"):
                tx.execute(sa.text(f"GRANT ALL ON ALL {what} IN SCHEMA {schema} TO {role}"))
    yield sa.make_url(url).set(username=role, password="tam-thoi")
    with admin.connect() as tx:
        tx.execute(sa.text(f"DROP OWNED BY {role}"))
        tx.execute(sa.text(f"DROP ROLE {role}"))


def test_a_role_that_may_make_no_tables_can_use_those_that_are_there(limited):
    ledger = Ledger.open(limited.render_as_string(hide_password=False), START)
    ledger.beat("a", "host", 1, START)
    ledger.close()


@pytest.mark.parametrize(
    "wrong",
    [{"username": "nguoi_la"}, {"database": "khong_co"}],
)
def test_a_server_that_turns_us_away_is_told_from_one_that_is_busy(wrong, limited):
    url = limited.set(**wrong).render_as_string(hide_password=False)
    with pytest.raises(HeldForPerson, match="refused") as refusal:
        Ledger.open(url, START)
    assert refusal.value.code == "STORE_REFUSED"
    assert "tam-thoi" not in str(refusal.value)


def test_a_missing_right_is_told_without_the_statement(limited, url):
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as tx:
        tx.execute(sa.text(f"REVOKE ALL ON executor FROM {limited.username}"))
    ledger = Ledger(open_database(limited.render_as_string(hide_password=False)))
    try:
        with pytest.raises(HeldForPerson) as refusal:
            ledger.beat("a-name", "host", 1, START)
    finally:
        ledger.close()
    assert refusal.value.code == "STORE_REFUSED"
    assert "a-name" not in str(refusal.value)


def test_nobody_waits_for_a_daemon_that_is_deciding_on_the_limits(ledgers):
    """It held the row's lock for as long as it waited for the processor, and all others with it."""
    first, second = ledgers
    first.limited("axis", taking(1))
    asked = []

    def slow(common):
        asked.append(common.day_bytes)
        if len(asked) == 1:
            second.limited("axis", taking(10))
        return taking(100)(common)

    assert first.limited("axis", slow) == 111
    assert asked == [1, 11], "of what it has become meanwhile"
    assert second.shared_limits()["axis"].day_bytes == 111


def test_who_is_always_too_late_for_the_limits_locks_the_others_out(ledgers):
    first, second = ledgers
    first.limited("axis", taking(1))
    turns = []

    def slow(common):
        turns.append(common.day_bytes)
        if len(turns) <= 3:
            second.limited("axis", taking(1))
        return taking(100)(common)

    assert first.limited("axis", slow) == 104
    assert turns == [1, 2, 3, 4]


def test_limits_changed_by_many_at_once_lose_nothing(ledgers):
    def many(ledger):
        for _ in range(40):
            ledger.limited("axis", taking(1))

    threads = [threading.Thread(target=many, args=(ledger,)) for ledger in ledgers * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledgers[0].shared_limits()["axis"].day_bytes == 160


def test_a_window_is_read_by_its_indexes_however_much_waits(ledgers):
    """Once the server knew its tables it read all that waits, for each window of each shard."""
    ledger, asked = ledgers[0], []
    origin = Origin(link="out", source="dms", target="axis", kinds=(Kind.DOCUMENT,))
    waiting = tuple(item(number, lane=f"lane{number // 2}") for number in range(2000))
    ledger.store_batch(origin, Batch(waiting, "0"), START)

    @sa.event.listens_for(ledger.database, "before_cursor_execute")
    def note(_connection, _cursor, statement, values, _context, _many):
        asked.append((statement, values))

    assert ledger.heads("axis", 3, now=START, limit=64, judging_only=False)
    window, values = asked[0]
    with ledger.database.begin() as tx:
        tx.exec_driver_sql("ANALYZE message")
        plan = "\n".join(tx.exec_driver_sql(f"EXPLAIN {window}", values).scalars())
    assert "Index" in plan
    assert "Seq Scan" not in plan


def taking(count):
    """A change of what all share that can be counted."""

    def decide(common):
        after = replace(common, day_bytes=common.day_bytes + count)
        return after, after.day_bytes

    return decide
