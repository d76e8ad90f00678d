"""`ebrvt incidents` and its part of `ebrvt status`; and `status` while a system is closed by its calendar."""

import sys
from datetime import datetime, timedelta

import pytest

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ports.ledger import Pause
from ebrvt_connect.testing.clock import START
from tests.integration.cli.test_cli_ledger import CONFIG
from tests.integration.engine.bench import Bench
from tests.integration.engine.test_incidents import Daemon, Ear


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    made = Bench(f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


@pytest.fixture
def daemon(bench):
    """One that has found a wrong password, and told of it."""
    made = Daemon(bench, "one", Ear("smtp"))
    reason = "Sai mật khẩu; công dân 079123456789."
    bench.ledger.pause(Pause("axis", "engine", reason, "REMOTE_UNAUTHENTICATED", bench.clock.now()))
    made.turn()
    return made


def test_nothing_wrong_is_said(ebrvt, bench):
    assert ebrvt("incidents", "list").out == "Không có sự cố nào.\n"
    assert ebrvt("incidents", "list", "--json").data == {"incidents": [], "unsent": []}


def test_what_is_open_is_listed_without_peoples_numbers(ebrvt, daemon):
    (incident,) = ebrvt("incidents", "list", "--json").data["incidents"]
    assert (incident["system"], incident["code"], incident["count"]) == ("axis", "REMOTE_UNAUTHENTICATED", 1)
    assert (incident["opened_at"], incident["closed_at"]) == (START.isoformat(), None)
    text = ebrvt("incidents", "list").out
    assert "số 1  axis  [REMOTE_UNAUTHENTICATED]  từ 23/11/2026" in text
    assert "→ Khắc phục xong thì chạy: ebrvt resume axis." in text
    assert "079123456789" not in text + ebrvt("status").out + ebrvt("incidents", "list", "--json").out


def test_one_is_shown_with_who_was_told(ebrvt, daemon):
    told = ebrvt("incidents", "show", "1", "--json").data
    (alert,) = told["alerts"]
    assert (alert["what"], alert["sink"], alert["sent_at"] is not None) == ("opened", "smtp", True)
    text = ebrvt("incidents", "show", "1").out
    assert "Sự cố số 1 [REMOTE_UNAUTHENTICATED]" in text
    assert "báo sự cố qua smtp: đã gửi 23/11/2026" in text


def test_one_is_closed_by_hand_with_a_reason(ebrvt, daemon):
    assert ebrvt("incidents", "close", "1").code == 64
    answer = ebrvt("incidents", "close", "1", "--why", "đang chờ Bộ", "--by", "Lan")
    assert (answer.code, answer.out) == (0, "Đã đóng sự cố số 1.\n")
    assert ebrvt("incidents", "list").out == "Không có sự cố nào.\n"
    assert "Lan đóng: đang chờ Bộ" in ebrvt("incidents", "show", "1").out
    assert [one["id"] for one in ebrvt("incidents", "list", "--all", "--json").data["incidents"]] == [1]
    again = ebrvt("incidents", "close", "1", "--why", "x")
    assert (again.code, "INCIDENT_CLOSED: Sự cố số 1" in again.err) == (1, True)


@pytest.mark.parametrize("call", [["show", "9"], ["close", "9", "--why", "x"]])
def test_what_is_not_there_is_1(call, ebrvt, bench):
    answer = ebrvt("incidents", *call)
    assert (answer.code, answer.out) == (1, "")
    assert "INCIDENT_UNKNOWN: Không có sự cố số 9" in answer.err


def test_one_that_has_calmed_down_is_said_to_be_calm_and_then_over(ebrvt, bench, daemon):
    bench.ledger.resume_system("axis")
    daemon.turn(minutes=1)
    assert "đã yên từ 23/11/2026" in ebrvt("incidents", "list").out
    assert "sắp được coi là kết thúc" in ebrvt("incidents", "show", "1").out
    daemon.turn(minutes=10)
    assert "Kết thúc: 23/11/2026" in ebrvt("incidents", "show", "1").out


def test_alerts_that_did_not_go_through_are_said(ebrvt, bench):
    deaf = Ear("webhook")
    deaf.deaf = ZeroDivisionError()
    bench.ledger.pause(Pause("axis", "engine", "x", "X_Y", bench.clock.now()))
    Daemon(bench, "one", deaf).turn()
    assert "Kênh webhook còn 1 cảnh báo chưa gửi được [ZeroDivisionError]." in ebrvt("incidents", "list").out
    assert "chưa gửi được sau 1 lần" in ebrvt("incidents", "show", "1").out


def test_the_status_tells_of_what_is_open(ebrvt, daemon):
    assert [one["code"] for one in ebrvt("status", "--json").data["incidents"]] == ["REMOTE_UNAUTHENTICATED"]
    assert "\nSự cố:\n  số 1  axis  [REMOTE_UNAUTHENTICATED]" in ebrvt("status").out


def test_the_status_tells_which_system_is_closed_until_when_and_by_which_words(ebrvt, bench, tmp_path):
    now = datetime.now(VIETNAM)
    words = f"{now - timedelta(days=1):%Y-%m-%d} 00:00/{now + timedelta(days=9):%Y-%m-%d} 08:00"
    (tmp_path / "ebrvt.toml").write_text(f'{CONFIG}closed = ["{words}"]\n')
    answer = ebrvt("status")
    opens = f"{now + timedelta(days=9):%d/%m/%Y} 08:00"
    said = f"axis đang ngừng giao dịch theo lịch “{words}”, mở lại lúc {opens}"
    assert (answer.code, said in answer.out) == (0, True), answer
    (limits,) = (one for one in ebrvt("status", "--json").data["limits"] if one["system"] == "axis")
    assert (limits["used"], limits["closed_why"]) == (True, words)
    until = datetime.fromisoformat(limits["closed_until"])
    assert f"{until.astimezone(VIETNAM):%d/%m/%Y %H:%M}" == opens


def test_sinks_are_tried_before_they_are_needed(ebrvt, bench, tmp_path):
    assert ebrvt("incidents", "test").out.startswith("Chưa khai báo kênh cảnh báo nào")
    command = f'[alerts.command]\nargv = ["{sys.executable}", "-c", "import sys; sys.stdin.read()"]\n'
    (tmp_path / "ebrvt.toml").write_text(CONFIG + command)
    answer = ebrvt("incidents", "test")
    assert (answer.code, answer.out) == (0, "command: đã gửi thử.\n")
    (tmp_path / "ebrvt.toml").write_text(f'{CONFIG}{command}[alerts.webhook]\nurl = "http://127.0.0.1:9/x"\n')
    answer = ebrvt("incidents", "test", "--json")
    assert (answer.code, [one["code"] for one in answer.data["sinks"]]) == (3, ["", "ALERT_NOT_SENT"])
    assert "webhook: Không gửi được cảnh báo qua kênh webhook" in ebrvt("incidents", "test").out
