"""Incidents of a running engine: opened, told and closed beside the exchange, which they never disturb."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.incidents import Alerting
from ebrvt_connect.engine.settings import Means
from ebrvt_connect.errors import Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.alerts import What
from ebrvt_connect.ports.ledger import Change, Decisions
from ebrvt_connect.store.incident_rows import IncidentRows
from ebrvt_connect.store.ledger import Ledger
from tests.integration.engine.bench import BACK, OUT, failing, held, item
from tests.integration.engine.test_engine import LONG, Province, until
from tests.integration.engine.test_full_disk import disk_of
from tests.integration.engine.test_incidents import Ear

SOON = timedelta(milliseconds=30)


class Told(Province):
    """A province whose incidents are told of quickly."""

    def __init__(self, url, *sinks):
        self.alerting = Alerting(sinks=sinks, every=SOON, damp=timedelta(milliseconds=200))
        super().__init__(url)

    def fresh_engine(self):
        systems = {"dms": self.dms, "axis": self.axis}
        means = Means(alerting=self.alerting)
        return Engine(self.ledger, systems, [OUT, BACK], {}, self.settings, self.clock, means=means)


@pytest.fixture
def told(tmp_path):
    made = []

    def make(*sinks):
        made.append(Told(f"sqlite:///{tmp_path}/ledger.db", *sinks))
        made[-1].engine.start()
        return made[-1]

    yield make
    for province in made:
        province.close()


def test_a_password_that_has_expired_is_told_once_and_its_end_too(told):
    ear = Ear()
    province = told(ear)
    province.axis.on_submit = failing(lambda: held(Scope.SYSTEM))
    province.dms.outbox.append(item(0))
    until(lambda: ear.heard)
    province.axis.on_submit = lambda _work: None
    province.dms.outbox.extend(item(number) for number in range(1, 5))
    assert province.engine.resume("axis")
    assert province.engine.run_until_settled(LONG)
    until(lambda: len(ear.heard) > 1)
    assert ear.told == [(What.OPENED, "axis", "TEST_TROUBLE"), (What.CLOSED, "axis", "TEST_TROUBLE")]
    assert len(province.axis.keys_arrived()) == 5


def test_a_sink_that_hangs_stops_neither_the_exchange_nor_the_end(told):
    hangs = threading.Event()

    class Hanging:
        name = "hanging"

        def send(self, _alert):
            hangs.set()
            release.wait(60)

    release = threading.Event()
    province = told(Hanging())
    province.ledger.pause_system("dms", by="Lan", why="x", now=province.clock.now())
    province.axis.on_submit = failing(lambda: held(Scope.SYSTEM), only="d1")
    province.engine.resume("dms")
    province.dms.outbox.extend(item(number) for number in range(1, 4))
    until(hangs.is_set)
    province.axis.on_submit = lambda _work: None
    province.engine.resume("axis")
    assert province.engine.run_until_settled(LONG)
    assert province.engine.stop(LONG)
    release.set()


def test_what_was_open_when_the_engine_stopped_is_closed_by_the_next(told):
    ear = Ear()
    province = told(ear)
    province.axis.on_submit = failing(lambda: held(Scope.SYSTEM))
    province.dms.outbox.append(item(1))
    until(lambda: ear.heard)
    assert province.engine.stop(LONG)
    province.ledger.resume_system("axis")
    province.axis.on_submit = lambda _work: None
    province.engine = province.fresh_engine()
    province.engine.start()
    until(lambda: len(ear.heard) > 1)
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]
    assert IncidentRows(province.ledger.database).incidents() == ()


def test_housekeeping_that_breaks_is_told_of(told, monkeypatch):
    ear = Ear()
    province = told(ear)

    def broken():
        raise KeyError("a table the pruner does not know")

    monkeypatch.setattr(province.engine._sweep, "tidy", broken)
    province.engine._standing.sweep_wanted.set()
    until(lambda: ear.heard)
    assert ear.heard[0].incident.code == "HOUSEKEEPING_FAILED"
    monkeypatch.undo()
    province.engine._standing.sweep_wanted.set()
    until(lambda: len(ear.heard) > 1)
    assert ear.heard[1].what is What.CLOSED


def test_what_is_requeued_from_elsewhere_is_taken_up_by_the_running_engine(told):
    """As the command line does: by a ledger of its own, without a dispatcher."""
    province = told()
    province.axis.on_submit = failing(lambda: held(Scope.SYSTEM))
    province.dms.outbox.append(item(1))
    until(lambda: "axis" in province.ledger.paused())
    until(lambda: province.ledger.message(1).state is State.QUEUED)
    message = province.ledger.message(1)
    dead = Change(was=message, state=State.DEAD, code="DEADLINE_PASSED")
    province.ledger.commit(Decisions(changes=[dead], now=province.clock.now()))
    province.axis.on_submit = lambda _work: None
    province.engine.resume("axis")
    elsewhere = Ledger.open(province.ledger.url, province.clock.now())
    try:
        acted = steering.requeue_all(elsewhere, [1], by="Lan", why="x", now=province.clock.now())
    finally:
        elsewhere.close()
    assert [one.state for one in acted.done] == [State.QUEUED]
    until(lambda: province.axis.keys_arrived() == [message.idem_key])


def test_a_full_disk_is_told_although_nothing_can_be_written_and_its_end_too(tmp_path):
    ear = Ear()
    with disk_of(tmp_path / "disk", "6m") as folder:
        province = Told(f"sqlite:///{folder}/ledger.db", ear)
        province.engine.start()
        try:
            with suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
            until(lambda: ear.heard, 60)
            assert ear.heard[0].incident.code == "STORE_FULL"
            (folder / "filler").unlink()
            until(lambda: len(ear.heard) > 1, 60)
            province.dms.outbox.append(item(1))
            until(lambda: len(province.axis.keys_arrived()) == 1, 60)
        finally:
            province.close()
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]
