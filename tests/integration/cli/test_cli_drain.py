"""`ebrvt drain --wait` waits for what goes by itself and says how far it is; its exit code tells the end."""

from datetime import timedelta

import pytest

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.ops.drain_wait import wait_until_drained
from ebrvt_connect.testing.clock import FakeClock
from tests.integration.cli.test_cli_ledger import CONFIG, HoldsOne
from tests.integration.engine.bench import OUT, TROUBLE, Bench, item


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    made = Bench(f"sqlite:///{tmp_path}/ledger.db", links=(OUT,), gates={"out": HoldsOne("d2")})
    yield made
    made.close()


class Turning(FakeClock):
    """Whoever waits a while is given what happens meanwhile."""

    def __init__(self, bench, *turns):
        super().__init__(bench.clock.now())
        self.turns = list(turns)
        self.lines = []

    def sleep(self, seconds):
        super().sleep(seconds)
        if self.turns:
            self.turns.pop(0)()


def waited(bench, clock, minutes=10):
    now = bench.clock.now()
    bench.ledger.drain_system("axis", by="tester", why="thay máy chủ", now=now)
    within = timedelta(minutes=minutes)
    return wait_until_drained(bench.ledger, "axis", within=within, clock=clock, tell=clock.lines.append)


def test_an_empty_queue_is_waited_for_no_time(ebrvt, bench):
    answer = ebrvt("drain", "axis", "--why", "thay máy chủ", "--wait")
    assert (answer.code, answer.err) == (0, "")
    assert "axis đã rút hết." in answer.out


def test_it_waits_until_what_was_under_way_has_gone(bench):
    bench.store(item(1), item(3))
    clock = Turning(bench, lambda: None, bench.drain)
    bench.ledger.beat("one", "host", 1, clock.now())
    ended = waited(bench, clock)
    assert (ended.code, ended.said_vi) == (0, "axis đã rút hết.")
    assert clock.lines == ["axis: còn 2 thông điệp đang chờ gửi."]


def test_that_no_daemon_is_there_to_send_it_is_said(bench):
    bench.store(item(1))
    clock = Turning(bench)
    ended = waited(bench, clock, minutes=1)
    assert ended.code == 1
    assert "cần ebrvt run" in clock.lines[0]
    assert "Đã hết thời gian chờ" in ended.said_vi
    assert "ebrvt status" in ended.said_vi
    assert len(clock.lines) == 7  # at once, and every ten seconds


def test_what_waits_for_a_person_is_not_waited_for(ebrvt, bench):
    bench.store(item(1, lane="một"), item(2, lane="hai"), item(3, lane="hai"))
    bench.drain()
    answer = ebrvt("drain", "axis", "--why", "thay máy chủ", "--wait")
    assert answer.code == 2
    assert "2 thông điệp còn lại chờ người quyết định (ebrvt held list" in answer.out
    (standing,) = ebrvt("status", "--json").data["draining"]
    assert (standing["left"], standing["stuck"], standing["owed"]) == (2, 2, 0)


def test_a_paused_system_never_empties_by_itself(ebrvt, bench):
    bench.store(item(1))
    ebrvt("pause", "axis", "--why", "bảo trì")
    answer = ebrvt("drain", "axis", "--why", "thay máy chủ", "--wait")
    assert answer.code == 2
    assert "ebrvt resume axis" in answer.out


def test_who_resumes_it_ends_the_waiting(bench):
    bench.store(item(1))
    ended = waited(bench, Turning(bench, lambda: bench.ledger.end_draining("axis")))
    assert (ended.code, "ebrvt resume" in ended.said_vi) == (1, True)


def test_what_is_owed_to_a_source_is_waited_for(bench):
    def cut(_batch):
        raise RetryLater(TROUBLE, "cut before the acknowledgement", system="dms")

    bench.offer(item(1))
    bench.dms.on_acknowledge = cut
    bench.fetch()
    bench.ledger.drain_system("dms", by="tester", why="thay máy chủ", now=bench.clock.now())
    (standing,) = bench.ledger.draining()
    assert (standing.left, standing.owed, standing.going) == (0, 1, 1)
    bench.dms.on_acknowledge = lambda _batch: None
    bench.clock.advance(timedelta(minutes=10))
    bench.fetch()
    assert [one.going for one in bench.ledger.draining()] == [0]


def test_a_bound_without_a_unit_is_a_wrong_call(ebrvt, bench):
    answer = ebrvt("drain", "axis", "--why", "x", "--wait", "--within", "10")
    assert answer.code == 64
    assert "--within" in answer.err
    assert bench.ledger.draining() == []
