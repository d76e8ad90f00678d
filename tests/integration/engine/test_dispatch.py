"""DBOS as we use it: each trap of it that we know of, held by a test."""

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine.dispatch import (
    APPLICATION_VERSION,
    DRAIN,
    FETCH,
    MAX_DISPATCHES,
    SPENT,
    Dispatcher,
    queue_of,
)
from ebrvt_connect.engine.standing import Standing
from ebrvt_connect.engine.sweep import Sweep
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import Batch
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.store.connect import POOL_SIZE
from ebrvt_connect.store.instance import Instance
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT, item
from tests.integration.engine.test_engine import until


class Calls:
    """What the dispatcher asked for; a drain lasts while `busy` is set."""

    def __init__(self):
        self.drained: list[tuple[str, int]] = []
        self.fetched: list[str] = []
        self.at_once: dict[object, int] = {}
        self.most: dict[object, int] = {}
        self.lock = threading.Lock()
        self.busy = threading.Event()

    def drain(self, system, shard):
        self._work((system, shard), self.drained)

    def fetch(self, link):
        self._work(link, self.fetched)

    def _work(self, key, seen):
        with self.lock:
            seen.append(key)
            self.at_once[key] = self.at_once.get(key, 0) + 1
            self.most[key] = max(self.most.get(key, 0), self.at_once[key])
        deadline = time.monotonic() + 60
        while self.busy.is_set() and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        with self.lock:
            self.at_once[key] -= 1


class Seam:
    """A ledger and a dispatcher with nothing behind it."""

    def __init__(self, folder):
        self.clock = SystemClock()
        self.ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", self.clock.now())
        self.calls = Calls()
        self.dispatcher = None

    def launch(self, executor="daemon-1"):
        self.dispatcher = Dispatcher(
            self.ledger.url,
            executor=executor,
            systems=["axis", "dms"],
            links=["out"],
            settings=FAST,
            clock=self.clock,
            drain=self.calls.drain,
            fetch=self.calls.fetch,
        )
        self.dispatcher.launch()
        self.ledger.activate_with(self.dispatcher.activate)
        return self.dispatcher

    def activate(self, system, shard, seq, not_before=None):
        with self.ledger.database.begin() as tx:
            self.dispatcher.activate(tx, system, shard, seq, not_before)

    def rows(self, query, **values):
        with self.ledger.database.connect() as tx:
            return tx.execute(sa.text(query), values).all()

    def change(self, statement, **values):
        with self.ledger.database.begin() as tx:
            tx.execute(sa.text(statement), values)

    def workflow_ids(self):
        return [row[0] for row in self.rows("SELECT workflow_uuid FROM workflow_status ORDER BY 1")]

    def sweep(self):
        standing = Standing(self.ledger, self.clock, timedelta(seconds=1), late_after=timedelta(seconds=30))
        instance = Instance(self.ledger.database, wanted="daemon-1", host="here")
        instance.name = "daemon-1"
        quick = replace(FAST, heartbeat_every=timedelta(milliseconds=20))
        return Sweep(self.ledger, self.dispatcher, quick, self.clock, standing, ["axis", "dms"], instance)

    def close(self):
        self.calls.busy.clear()
        if self.dispatcher is not None:
            self.dispatcher.destroy()
        self.ledger.close()


@pytest.fixture
def seam(tmp_path):
    made = Seam(tmp_path)
    yield made
    made.close()


def store(seam, *items):
    origin = Origin(link=OUT.name, source=OUT.source, target=OUT.target, kinds=OUT.kinds)
    seam.ledger.store_batch(origin, Batch(items, "1"), seam.clock.now())


def test_the_dispatchers_own_connections_are_as_safe_as_the_ledgers(seam):
    dispatcher = seam.launch()
    for engine in (seam.ledger.database, dispatcher._database):
        with engine.connect() as tx:
            settings = {
                name: tx.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30000, "foreign_keys": 1}
        with engine.connect() as tx:
            assert tx.connection.driver_connection.isolation_level == "IMMEDIATE"


def test_no_pool_can_be_starved_by_the_threads_that_use_it(seam):
    dispatcher = seam.launch()
    threads = dispatcher._config(dispatcher._database)["max_executor_threads"]
    assert 2 * threads + 10 <= POOL_SIZE + 20
    assert dispatcher._database is not seam.ledger.database


def test_work_belongs_to_a_version_named_by_hand_not_to_a_hash_of_the_code(seam):
    seam.launch()
    seam.activate("axis", 3, 1)
    seam.dispatcher.tick("out")
    rows = seam.rows("SELECT DISTINCT application_version FROM workflow_status")
    assert rows == [(APPLICATION_VERSION,)]


def test_nothing_is_pickled(seam):
    seam.launch()
    seam.activate("axis", 3, 1)
    seam.dispatcher.tick("out")
    until(lambda: seam.calls.drained and seam.calls.fetched)
    rows = seam.rows(
        "SELECT s.name, s.serialization, coalesce(i.inputs, s.inputs) FROM workflow_status s"
        " LEFT JOIN workflow_input i ON i.workflow_uuid = s.workflow_uuid"
    )
    assert {row[0]: json.loads(row[2])["positionalArgs"] for row in rows} == {
        DRAIN: ["axis", 3],
        FETCH: ["out"],
    }
    assert {row[1] for row in rows} == {"portable_json"}


def test_ids_sort_as_their_numbers_do(seam):
    seam.launch()
    seam.calls.busy.set()
    for seq in (1, 2, 10, 100):
        seam.activate("axis", 3, seq)
    ids = [row[0] for row in seam.rows("SELECT workflow_uuid FROM workflow_status ORDER BY workflow_uuid")]
    assert [int(name.rsplit(":", 1)[1]) for name in ids] == [1, 2, 10, 100]


def test_one_shard_is_drained_by_one_at_a_time(seam):
    seam.launch()
    seam.calls.busy.set()
    for seq in range(1, 4):
        seam.activate("axis", 3, seq)
        seam.activate("axis", 4, seq)
    until(lambda: set(seam.calls.drained) == {("axis", 3), ("axis", 4)})
    seam.calls.busy.clear()
    until(lambda: len(seam.calls.drained) == 6)
    assert set(seam.calls.most.values()) == {1}


def test_one_link_is_fetched_by_one_at_a_time(seam):
    seam.launch()
    for _ in range(3):
        seam.dispatcher.tick("out")
    until(lambda: len(seam.calls.fetched) == 3)
    assert seam.calls.most == {"out": 1}


def test_a_delayed_drain_waits_and_does_not_hold_up_the_next(seam):
    seam.launch()
    seam.activate("axis", 3, 1, seam.clock.now() + timedelta(hours=1))
    seam.activate("axis", 3, 2)
    until(lambda: seam.calls.drained == [("axis", 3)])
    assert seam.rows("SELECT status FROM workflow_status WHERE workflow_uuid LIKE 'wake:%'") == [("DELAYED",)]


def test_an_activation_rolled_back_with_its_transaction_never_happens(seam):
    seam.launch()
    with seam.ledger.database.connect() as tx:
        seam.dispatcher.activate(tx, "axis", 3, 1, None)
        tx.rollback()
    assert seam.workflow_ids() == []


def test_a_workflow_id_used_twice_is_silently_nothing_so_numbers_are_never_used_twice(seam):
    seam.launch()
    store(seam, item(1, lane="one"))
    until(lambda: len(seam.calls.drained) == 1)
    shard = seam.ledger.shard_of("one")
    seam.activate("axis", shard, 1)
    for n in range(2, 6):
        seam.ledger.open_shard("axis", shard, seam.clock.now())
        store(seam, item(n, lane="one"))
    until(lambda: len(seam.calls.drained) == 5)
    assert len(seam.workflow_ids()) == 5


def test_a_flag_left_up_with_its_activation_gone_is_found_by_the_sweep(seam):
    seam.launch()
    seam.calls.busy.set()
    store(seam, item(1, lane="one"))
    until(lambda: seam.calls.drained)
    assert seam.sweep().sweep() == 0
    seam.calls.busy.clear()
    until(lambda: not seam.dispatcher.drains_at_work())
    assert seam.rows("SELECT pending FROM shard") == [(1,)]
    assert seam.sweep().sweep() == 1
    until(lambda: len(seam.calls.drained) == 2)


def test_the_sweep_leaves_alone_what_waits_its_turn(seam):
    seam.launch()
    seam.change("UPDATE queues SET worker_concurrency = 0 WHERE name = :n", n=queue_of("axis"))
    threading.Event().wait(0.5)  # ten looks of the queue's thread: it may have read the old number just now
    store(seam, item(1))
    assert seam.sweep().sweep() == 0


def test_a_dead_machines_drain_is_taken_over_in_its_own_queue_and_partition(seam):
    seam.launch("daemon-2")
    seam.calls.busy.set()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained)
    seam.dispatcher.destroy()  # and its work stays busy: ended, it would note so after what is written next
    seam.change(
        "UPDATE workflow_status SET status = 'PENDING', executor_id = 'daemon-2', completed_at = NULL"
    )
    seam.ledger.beat("daemon-2", "elsewhere", 1, seam.clock.now() - timedelta(minutes=5))
    seam.launch("daemon-1")
    seam.ledger.beat("daemon-1", "here", 2, seam.clock.now())
    threading.Event().wait(0.3)
    assert len(seam.calls.drained) == 1
    sweep = seam.sweep()
    until(lambda: sweep.take_over() or len(seam.calls.drained) == 2)
    assert seam.rows("SELECT queue_name, queue_partition_key FROM workflow_status") == [("out-axis", "0003")]
    assert seam.ledger.silent_executors(seam.clock.now(), timedelta(minutes=1)) == []


def test_our_own_unfinished_work_is_taken_up_at_start(seam):
    seam.launch()
    seam.calls.busy.set()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained)
    seam.dispatcher.destroy()
    seam.change("UPDATE workflow_status SET status = 'PENDING', completed_at = NULL")
    seam.launch()
    until(lambda: len(seam.calls.drained) == 2)


def test_work_whose_end_could_not_be_written_does_not_keep_its_shard_shut(seam):
    seam.launch()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained and not seam.dispatcher.drains_at_work())
    seam.change(
        "UPDATE workflow_status SET status = 'PENDING', completed_at = NULL,"
        " started_at_epoch_ms = started_at_epoch_ms - 60000"
    )
    seam.activate("axis", 3, 2)
    threading.Event().wait(0.3)
    assert len(seam.calls.drained) == 1
    seam.sweep().sweep()
    until(lambda: len(seam.calls.drained) == 3)


def test_work_that_is_really_running_is_left_alone(seam):
    seam.launch()
    seam.calls.busy.set()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained)
    seam.change("UPDATE workflow_status SET started_at_epoch_ms = started_at_epoch_ms - 60000")
    assert seam.dispatcher.take_up_ended() == 0
    seam.calls.busy.clear()


def test_work_claimed_this_moment_is_left_alone(seam):
    seam.launch()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained and not seam.dispatcher.drains_at_work())
    seam.change("UPDATE workflow_status SET status = 'PENDING', completed_at = NULL")
    assert seam.dispatcher.take_up_ended() == 0


def test_dispatches_are_counted_to_a_thousand_and_then_cried_out_over_once(seam, caplog):
    seam.launch()
    seam.activate("axis", 3, 1)
    until(lambda: seam.calls.drained and not seam.dispatcher.drains_at_work())
    seam.change("UPDATE workflow_status SET status = :s", s=SPENT)
    sweep = seam.sweep()
    sweep.tidy()
    sweep.tidy()
    assert caplog.text.count("DISPATCH_SPENT") == 1
    assert MAX_DISPATCHES == 1000
    from dbos._dbos import _dbos_global_registry
    from dbos._registrations import get_func_info

    limits = {
        get_func_info(f).max_recovery_attempts
        for f in _dbos_global_registry.workflow_info_map.values()
        if get_func_info(f)
    }
    assert MAX_DISPATCHES in limits


def test_finished_work_is_forgotten_after_its_time(seam):
    seam.launch()
    for seq in range(1, 6):
        seam.activate("axis", 3, seq)
    until(lambda: len(seam.calls.drained) == 5 and not seam.dispatcher.drains_at_work())
    assert seam.dispatcher.forget_finished(seam.clock.now() - timedelta(minutes=1)) == 0
    assert seam.dispatcher.forget_finished(seam.clock.now() + timedelta(minutes=1)) == 5
    assert seam.workflow_ids() == []
    assert seam.rows("SELECT count(*) FROM workflow_input") == [(0,)]


def test_a_flag_cleared_before_reading_loses_no_message(seam):
    """Whoever stores a message after the flag was cleared raises it again, even while the drain runs."""
    seam.launch()
    seam.calls.busy.set()
    store(seam, item(1, lane="one"))
    until(lambda: seam.calls.drained)
    shard = seam.ledger.shard_of("one")
    seam.ledger.open_shard("axis", shard, seam.clock.now())
    store(seam, item(2, lane="one"))
    seam.calls.busy.clear()
    until(lambda: len(seam.calls.drained) == 2)
    assert {m.state for m in seam.ledger.messages()} == {State.RECEIVED}


def test_daemons_together_look_for_work_as_often_and_drain_as_much_at_once_as_one(seam):
    """Each look costs milliseconds of the processor: three daemons took a fifth of a machine while idle."""
    seam.launch()
    told = "SELECT polling_interval_sec, worker_concurrency FROM queues WHERE name = 'out-axis'"
    alone = (FAST.poll.total_seconds(), 4)
    assert seam.rows(told) == [alone]
    seam.dispatcher.company(3)
    assert seam.rows(told) == [((3 * FAST.poll).total_seconds(), 2)]
    seam.dispatcher.company(1000)
    assert seam.rows(told) == [(1.0, 1)]
    seam.dispatcher.company(1)
    assert seam.rows(told) == [alone]
