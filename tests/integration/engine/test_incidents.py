"""One trouble is one incident: opened once by whichever daemon, counted, told once, closed when it ends."""

import logging
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.incidents import Alerting, IncidentKeeper
from ebrvt_connect.errors import HeldForPerson, RetryLater, Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.alerts import Cause, What
from ebrvt_connect.ports.ledger import Pause
from ebrvt_connect.resilience.breaker import Breaker, Position
from ebrvt_connect.store import schema
from ebrvt_connect.store.choice import Choice
from ebrvt_connect.store.connect import STORE_BUSY
from ebrvt_connect.store.incident_rows import IncidentRows
from tests.integration.engine.bench import TROUBLE, failing, held, item
from tests.integration.engine.test_dead_letters import many_dead

DAMP = timedelta(minutes=10)
ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""What is the same on both databases need not be waited for twice."""


class Ear:
    """A sink that remembers, or fails."""

    def __init__(self, name="ear"):
        self.name = name
        self.heard = []
        self.deaf = None

    def send(self, alert):
        if self.deaf is not None:
            raise self.deaf
        self.heard.append(alert)

    @property
    def told(self):
        return [(alert.what, alert.incident.system, alert.incident.code) for alert in self.heard]


class Daemon:
    """A daemon as far as incidents are concerned."""

    def __init__(self, bench, name="one", *sinks, living=(), **alerting):
        self.bench, self.clock = bench, bench.clock
        self.troubles = []
        self.rows = IncidentRows(bench.ledger.database)
        self.keeper = IncidentKeeper(
            self.rows,
            Alerting(sinks=sinks, damp=DAMP, **alerting),
            bench.clock,
            lambda failures: timedelta(minutes=failures),
            name=lambda: name,
            living=lambda: {name, *living},
            troubles=lambda: self.troubles,
            sources={"out": "dms"},
        )

    def turn(self, **later):
        self.clock.advance(timedelta(**later))
        self.keeper.turn()

    def open(self):
        return [(one.system, one.code, one.place) for one in self.rows.incidents()]


@pytest.fixture
def ear():
    return Ear()


@pytest.fixture
def daemon(bench, ear):
    return Daemon(bench, "one", ear)


def paused(bench, system="axis", code="REMOTE_UNAUTHENTICATED"):
    bench.ledger.pause(Pause(system, "engine", "Sai mật khẩu.", code, bench.clock.now()))


def turned(bench, system, position):
    bench.ledger.limited(system, lambda common: (replace(common, breaker=Breaker(position)), None))


def test_a_storm_of_ten_thousand_failures_is_one_incident_and_one_alert(bench, daemon, ear):
    number = 10_000 if bench.ledger.database.dialect.name == "sqlite" else 1_000
    for part in range(4):
        many_dead(bench.ledger, number // 4, code=f"STORM{part}", now=bench.clock.now())
        daemon.turn(seconds=5)
    (incident,) = daemon.rows.incidents()
    assert (incident.system, incident.code, incident.count) == ("axis", "MESSAGES_GIVEN_UP", number)
    assert ear.told == [(What.OPENED, "axis", "MESSAGES_GIVEN_UP")]
    with bench.ledger.database.begin() as tx:
        tx.execute(schema.message.update().values(state=State.CANCELLED.value))
    daemon.turn(seconds=5)
    daemon.turn(minutes=11)
    assert ear.told[1:] == [(What.CLOSED, "axis", "MESSAGES_GIVEN_UP")]
    assert daemon.rows.incidents() == ()


def test_a_paused_system_is_one_until_it_is_resumed_and_what_a_person_pauses_is_none(bench, daemon, ear):
    bench.ledger.pause_system("dms", by="Lan", why="bảo trì", now=bench.clock.now())
    paused(bench)
    opened_at = bench.clock.now()
    daemon.turn()
    daemon.turn(hours=1)
    (incident,) = daemon.rows.incidents()
    assert (incident.system, incident.code, incident.reason_vi) == (
        "axis",
        "REMOTE_UNAUTHENTICATED",
        "Sai mật khẩu.",
    )
    assert (incident.opened_at, incident.last_at) == (opened_at, bench.clock.now())
    assert "ebrvt resume axis" in incident.advice_vi
    bench.ledger.resume_system("axis")
    daemon.turn(seconds=5)
    gone_at = bench.clock.now()
    daemon.turn(minutes=10)
    closed = daemon.rows.incident(incident.id)
    assert (closed.closed_at, closed.closed_by) == (gone_at, "")
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]
    assert ear.heard[0].subject_vi == "[ebrvt] Sự cố số 1: axis REMOTE_UNAUTHENTICATED"
    assert "Cách xử lý: Khắc phục xong thì chạy: ebrvt resume axis." in ear.heard[0].text_vi
    assert len({alert.id for alert in ear.heard}) == 2


def test_a_system_behind_its_breaker_is_one_with_the_messages_that_wait_for_it(bench, daemon, ear):
    bench.axis.on_submit = failing(lambda: RetryLater(TROUBLE, "away", system="axis"))
    bench.store(*(item(n) for n in range(5)))
    bench.drain("axis")
    turned(bench, "axis", Position.OPEN)
    daemon.turn()
    (incident,) = daemon.rows.incidents()
    assert (incident.system, incident.code, incident.count) == ("axis", "SYSTEM_AWAY", 5)
    assert incident.reason_vi == "Hệ thống axis không phục vụ được. [TEST_TROUBLE]"
    turned(bench, "axis", Position.CLOSED)  # whether or not anybody could note it for people
    daemon.turn(seconds=5)
    daemon.turn(minutes=10)
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]


def test_a_system_that_nobody_waits_for_any_more_is_no_trouble_though_its_breaker_is_open(bench, daemon, ear):
    bench.axis.on_submit = failing(lambda: RetryLater(TROUBLE, "away", system="axis"))
    bench.store(item(1))
    bench.drain("axis")
    turned(bench, "axis", Position.OPEN)
    daemon.turn()
    steering.skip(bench.ledger, bench.only().id, by="Lan", why="gửi giấy", now=bench.clock.now())
    daemon.turn(seconds=5)
    daemon.turn(minutes=10)
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]


def test_a_source_that_fails_for_long_is_away_and_the_same_incident_as_its_breaker(bench, daemon):
    bench.offer(item(1))
    bench.fetch()
    bench.ledger.note_fetch("out", bench.clock.now(), "TEST_TROUBLE", "Sự cố.")
    daemon.turn(minutes=5)
    assert daemon.open() == []
    daemon.turn(minutes=10)
    assert daemon.open() == [("dms", "SYSTEM_AWAY", "")]
    turned(bench, "dms", Position.OPEN)
    daemon.turn()
    assert daemon.open() == [("dms", "SYSTEM_AWAY", "")]


def test_what_is_held_for_long_needs_somebody(bench, daemon):
    bench.axis.on_submit = failing(held)
    bench.store(item(1))
    bench.drain("axis")
    daemon.turn(hours=23)
    assert daemon.open() == []
    daemon.turn(hours=2)
    assert daemon.open() == [("axis", "MESSAGES_HELD_LONG", "")]


@ON_SQLITE
def test_what_flaps_is_one_incident_told_once(bench, daemon, ear):
    for _ in range(20):
        paused(bench)
        daemon.turn(minutes=1)
        bench.ledger.resume_system("axis")
        daemon.turn(minutes=5)
    (incident,) = daemon.rows.incidents()
    assert incident.returns == 19
    daemon.turn(minutes=11)
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]
    assert "Số lần tái diễn: 19" in ear.heard[1].text_vi
    paused(bench)
    daemon.turn()
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED, What.OPENED]
    assert [one.id for one in daemon.rows.incidents(closed=True)] == [2, 1]


@ON_SQLITE
def test_what_goes_on_is_reminded_of_once_a_day_and_not_made_up_for(bench, daemon, ear):
    paused(bench)
    daemon.turn()
    for _ in range(50):
        daemon.turn(hours=1)
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.REMINDER, What.REMINDER]
    daemon.turn(days=5)
    daemon.turn()
    assert len(ear.heard) == 4
    assert len({alert.id for alert in ear.heard}) == 4


def test_several_daemons_open_close_and_tell_of_it_once(bench):
    """Both look at the same moment, again and again: each of them as a thread of its own."""
    ears = [Ear("mail"), Ear("mail")]
    two = [
        Daemon(bench, name, ear, living=("one", "two"))
        for name, ear in zip(("one", "two"), ears, strict=True)
    ]

    def together():
        threads = [threading.Thread(target=daemon.keeper.turn) for daemon in two]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    for _ in range(3):
        paused(bench)
        many_dead(bench.ledger, 50, code=f"D{_}", now=bench.clock.now())
        for _ in range(3):
            together()
        bench.ledger.resume_system("axis")
        dead = bench.ledger.chosen_ids(Choice(states=(State.DEAD,)))
        steering.skip_all(bench.ledger, dead, by="Lan", why="x", now=bench.clock.now())
        together()
        bench.clock.advance(timedelta(minutes=11))
        together()
        bench.clock.advance(timedelta(minutes=11))
    heard = [alert.id for ear in ears for alert in ear.heard]
    assert len(heard) == len(set(heard)) == 12
    assert len(two[0].rows.incidents(closed=True)) == 6


@ON_SQLITE
def test_a_daemons_own_trouble_is_its_own_and_another_closes_it_only_when_it_is_gone(bench, ear):
    one = Daemon(bench, "one", ear, living=("two",))
    two = Daemon(bench, "two", living=("one",))
    one.keeper.housekeeping(RuntimeError("pruner: bảng bị khóa"))
    one.turn()
    two.turn(hours=1)
    assert one.open() == [("", "HOUSEKEEPING_FAILED", "one")]
    assert "RuntimeError" in ear.heard[0].text_vi
    alone = Daemon(bench, "two", ear)
    alone.turn(seconds=5)
    alone.turn(minutes=10)
    assert alone.open() == []
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]


@ON_SQLITE
def test_housekeeping_that_fails_silently_or_never_ends_is_an_incident(bench, daemon):
    daemon.keeper.housekeeping(OSError("x"))
    daemon.keeper.housekeeping(OSError("x"))
    daemon.turn()
    (incident,) = daemon.rows.incidents()
    assert (incident.code, incident.count) == ("HOUSEKEEPING_FAILED", 2)
    daemon.keeper.housekeeping(None)
    daemon.turn(seconds=1)
    daemon.turn(minutes=11)
    assert daemon.open() == [("", "HOUSEKEEPING_STALLED", "one")]
    daemon.keeper.spent(3)
    daemon.keeper.housekeeping(None)
    daemon.turn()
    daemon.turn(minutes=10)
    assert daemon.open() == [("", "DISPATCH_STUCK", "")]


@ON_SQLITE
def test_a_watch_tells_of_its_machine_and_one_that_fails_is_told_of(bench, ear):
    def full(_now):
        yield Cause(code="DISK_LOW", reason_vi="Sắp đầy.", advice_vi="Dọn.")

    def broken(_now):
        raise OSError("no such disk")

    daemon = Daemon(bench, "one", ear, watches={"disk": full, "certificates": broken})
    daemon.turn()
    assert sorted(daemon.open()) == [("", "DISK_LOW", "one"), ("", "HOUSEKEEPING_FAILED", "one/certificates")]
    daemon.turn(minutes=1)
    assert len(ear.heard) == 2


def test_what_a_person_closes_stays_closed_until_its_cause_has_been_gone(bench, daemon, ear):
    paused(bench)
    daemon.turn()
    daemon.rows.close(1, by="Lan", why="đang chờ Bộ", now=bench.clock.now())
    for _ in range(5):
        daemon.turn(minutes=20)
    assert daemon.open() == []
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]
    assert "Người đóng: Lan (đang chờ Bộ)" in ear.heard[1].text_vi
    bench.ledger.resume_system("axis")
    daemon.turn(minutes=1)
    paused(bench)
    daemon.turn(minutes=1)
    assert [one.id for one in daemon.rows.incidents()] == [2]


@ON_SQLITE
def test_dead_letters_that_come_after_a_person_has_closed_the_incident_are_told_again(bench, daemon, ear):
    many_dead(bench.ledger, 10, code="ONE", now=bench.clock.now())
    daemon.turn()
    few = [message.id for message in bench.ledger.messages(limit=8)]
    steering.skip_all(bench.ledger, few, by="Lan", why="x", now=bench.clock.now())
    daemon.rows.close(1, by="Lan", why="hai cái này để sau", now=bench.clock.now())
    daemon.turn(minutes=20)
    assert daemon.open() == []
    many_dead(bench.ledger, 3, code="TWO", now=bench.clock.now())
    daemon.turn(seconds=5)
    assert daemon.open() == [("axis", "MESSAGES_GIVEN_UP", "")]
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED, What.OPENED]


@ON_SQLITE
@pytest.mark.parametrize(("number", "code"), [(1, "INCIDENT_CLOSED"), (9, "INCIDENT_UNKNOWN")])
def test_what_is_not_open_cannot_be_closed(number, code, bench, daemon):
    paused(bench)
    daemon.turn()
    daemon.rows.close(1, by="Lan", why="x", now=bench.clock.now())
    with pytest.raises(HeldForPerson) as refusal:
        daemon.rows.close(number, by="Lan", why="x", now=bench.clock.now())
    assert refusal.value.code == code


def test_an_alert_that_does_not_go_through_is_sent_again_in_order_and_disturbs_no_other_sink(bench, ear):
    bad = Ear("bad")
    bad.deaf = RetryLater(TROUBLE, "no route", system="mail")
    daemon = Daemon(bench, "one", bad, ear)
    paused(bench)
    daemon.turn()
    assert daemon.rows.unsent() == [("bad", 1, "TEST_TROUBLE")]
    daemon.turn(seconds=30)
    assert daemon.rows.told(1)[0]["attempts"] == 1, "it is waited longer and longer"
    bench.ledger.resume_system("axis")
    daemon.turn(minutes=1)
    daemon.turn(minutes=10)
    assert [alert.what for alert in ear.heard] == [What.OPENED, What.CLOSED]
    bad.deaf = None
    for _ in range(3):
        daemon.turn(minutes=10)
    assert [alert.what for alert in bad.heard] == [What.OPENED, What.CLOSED]
    assert daemon.rows.unsent() == []


@ON_SQLITE
def test_an_alert_whose_sending_could_not_be_noted_comes_again_under_the_same_id(
    bench, daemon, ear, monkeypatch
):
    def killed(*_args):
        raise RetryLater(STORE_BUSY, "as if the process had ended here")

    paused(bench)
    with monkeypatch.context() as cut:
        cut.setattr(daemon.rows, "sent", killed)
        daemon.turn()
    daemon.turn(minutes=1)
    assert len(ear.heard) == 1, "somebody else may still be sending it"
    daemon.turn(minutes=5)
    daemon.turn(minutes=10)
    first, again = ear.heard
    assert first.id == again.id


@ON_SQLITE
def test_a_sink_that_breaks_does_not_stop_the_keeper(bench, ear):
    broken = Ear("a broken one")
    broken.deaf = ZeroDivisionError()
    daemon = Daemon(bench, "one", broken, ear)
    paused(bench)
    daemon.turn()
    assert ear.told == [(What.OPENED, "axis", "REMOTE_UNAUTHENTICATED")]


@ON_SQLITE
def test_the_log_is_told_without_any_sink(bench, caplog):
    caplog.set_level(logging.WARNING)
    daemon = Daemon(bench)
    paused(bench)
    for _ in range(5):
        daemon.turn(seconds=5)
    lines = [record.getMessage() for record in caplog.records if "incident" in record.getMessage()]
    assert lines == ["incident opened: REMOTE_UNAUTHENTICATED (axis) x1: Sai mật khẩu."]
    bench.ledger.resume_system("axis")
    daemon.turn(seconds=5)
    daemon.turn(minutes=10)
    assert "incident 1 is over" in caplog.text


@ON_SQLITE
def test_what_remotes_have_said_is_kept_without_peoples_numbers(bench, ear):
    daemon = Daemon(bench, "one", ear, redact=lambda text: text.replace("079123456789", "[…]"))
    bench.ledger.pause(Pause("axis", "engine", "Công dân 079123456789.", "X_Y", bench.clock.now()))
    daemon.turn()
    assert daemon.rows.incidents()[0].reason_vi == "Công dân […]."
    assert "079123456789" not in ear.heard[0].text_vi


FULL = HeldForPerson(
    TROUBLE,
    "database or disk is full",
    scope=Scope.STORE,
)


@ON_SQLITE
def test_a_store_that_cannot_be_written_is_told_directly_once_and_closed_like_any_other(
    bench, daemon, ear, monkeypatch
):
    opened_at = bench.clock.now()
    daemon.troubles = [FULL]

    def cannot(*_args, **_kwargs):
        raise FULL

    with monkeypatch.context() as broken:
        broken.setattr(daemon.rows, "move", cannot)
        for _ in range(5):
            daemon.turn(seconds=5)
        assert ear.told == [(What.OPENED, "", "TEST_TROUBLE")]
    daemon.troubles = []
    daemon.turn(seconds=5)
    daemon.turn(seconds=5)
    assert daemon.open() == [("", "TEST_TROUBLE", "one")]
    assert daemon.rows.incidents()[0].opened_at == opened_at + timedelta(seconds=5)
    daemon.turn(minutes=10)
    assert ear.told == [(What.OPENED, "", "TEST_TROUBLE"), (What.CLOSED, "", "TEST_TROUBLE")]


@ON_SQLITE
def test_a_store_that_is_only_busy_is_no_incident_for_a_minute(bench, daemon, ear, monkeypatch):
    def busy(*_args, **_kwargs):
        raise RetryLater(STORE_BUSY, "locked")

    monkeypatch.setattr(daemon.rows, "causes", busy)
    daemon.turn(seconds=5)
    daemon.turn(seconds=30)
    assert ear.heard == []
    daemon.turn(seconds=40)
    assert ear.told == [(What.OPENED, "", "STORE_BUSY")]


@ON_SQLITE
def test_nothing_is_written_while_nothing_changes(bench, daemon):
    paused(bench)
    daemon.turn()
    begun = []
    sa.event.listen(bench.ledger.database, "commit", begun.append)
    for _ in range(10):
        daemon.turn(seconds=5)
    assert begun == []


def test_closed_ones_are_forgotten_after_a_year(bench, daemon):
    paused(bench)
    daemon.turn()
    bench.ledger.resume_system("axis")
    daemon.turn(seconds=5)
    daemon.turn(minutes=10)
    daemon.turn(days=401)
    assert daemon.rows.incidents(closed=True) == ()
    with bench.ledger.database.connect() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(schema.alert)) == 0
