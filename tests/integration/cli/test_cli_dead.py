"""`ebrvt dead`: what was given up is listed, shown, explained, tried again and skipped."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.errors import Rejected, explain
from ebrvt_connect.model.message import State
from ebrvt_connect.testing.clock import START
from tests.integration.cli.test_cli_ledger import CONFIG, GIVES_UP
from tests.integration.engine.bench import BACK, Bench, failing, item, retry_later
from tests.integration.engine.test_dead_letters import LATER, many_dead

CITIZEN = explain("TEST_CITIZEN", "Không nhận: công dân 079123456789, điện thoại 0912345678.", "Sửa hồ sơ.")


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    made = Bench(f"sqlite:///{tmp_path}/ledger.db", links=(GIVES_UP, BACK))
    yield made
    made.close()


@pytest.fixture
def dead(bench):
    """Three given up, two of them in one lane."""
    bench.axis.on_submit = failing(retry_later)
    bench.store(item(1, lane="one"), item(2, lane="one"), item(3), link=GIVES_UP)
    bench.drain("axis")
    bench.clock.advance(LATER)
    bench.drain("axis")
    bench.axis.on_submit = lambda _work: None
    return bench


def test_what_was_given_up_is_listed_with_what_it_is_and_why(ebrvt, dead):
    answer = ebrvt("dead", "list", "--json")
    assert answer.code == 0
    assert (answer.data["total"], answer.data["next_after"]) == (2, None)
    first, last = answer.data["messages"]
    assert (first["title"], first["code"], first["attempts"]) == ("1/UBND-VP", "DEADLINE_PASSED", 1)
    assert (first["kind"], first["target"], first["state"]) == ("document", "axis", "dead")
    assert datetime.fromisoformat(first["deadline"]) == START + timedelta(minutes=3)
    text = ebrvt("dead", "list").out
    assert f"số {last['id']}  3/UBND-VP  [DEADLINE_PASSED]" in text
    assert "2/2 thông điệp." in text


def test_a_long_list_comes_in_pages(ebrvt, dead):
    first = ebrvt("dead", "list", "--limit", "1", "--json").data
    assert [one["title"] for one in first["messages"]] == ["1/UBND-VP"]
    assert f"thêm --after {first['next_after']}" in ebrvt("dead", "list", "--limit", "1").out
    then = ebrvt("dead", "list", "--limit", "1", "--after", str(first["next_after"]), "--json").data
    assert ([one["title"] for one in then["messages"]], then["next_after"]) == (["3/UBND-VP"], None)


def test_the_list_is_narrowed_by_options(ebrvt, dead):
    assert [m["title"] for m in ebrvt("dead", "list", "--text", "3/ubnd", "--json").data["messages"]] == [
        "3/UBND-VP"
    ]
    assert ebrvt("dead", "list", "--agency", "000.00.15.H06", "--json").data["total"] == 2
    assert ebrvt("dead", "list", "--since", "2026-11-24", "--json").data["total"] == 0
    assert ebrvt("dead", "list", "--until", "2026-11-23", "--json").data["total"] == 2
    assert ebrvt("dead", "list", "--kind", "dossier").out == "Không có thông điệp nào.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--kind", "hoso"], "--kind"), (["--since", "hôm qua"], "--since"), (["--state", "held"], "--state")],
)
def test_an_option_nobody_understands_is_64(options, said, ebrvt, dead):
    answer = ebrvt("dead", "list", *options)
    assert (answer.code, answer.out) == (64, "")
    assert said in answer.err


def test_lists_hold_no_personal_numbers(ebrvt, bench):
    def refuses(_work):
        raise Rejected(CITIZEN, "citizen 079123456789 refused", system="axis", operation="submit")

    bench.dms.feedbacks = lambda *_: ()
    bench.axis.on_submit = refuses
    bench.store(item(1))
    bench.drain("axis")
    for call in (["held", "list"], ["dead", "list", "--state", "refused"], ["status"]):
        for form in ([], ["--json"]):
            told = ebrvt(*call, *form).out
            assert told
            assert "079123456789" not in told, call
            assert "0912345678" not in told, call


def test_one_is_shown_with_attempts_key_receipt_and_who_waits_behind(ebrvt, dead):
    answer = ebrvt("dead", "show", "1", "--json")
    assert answer.code == 0
    told = answer.data
    assert [(e["step"], e["code"]) for e in told["exchanges"]] == [
        ("submit", "TEST_TROUBLE"),
        ("submit", "DEADLINE_PASSED"),
    ]
    assert (told["failed_at"], told["again_from"], told["doubted"]) == ("submit", "submit", False)
    assert (told["correlation_id"], told["waiting_behind"], told["receipt"]) == ("out:d1:1", 1, None)
    assert told["payload"]["size_bytes"] > 0
    text = ebrvt("dead", "show", "1").out
    assert "gửi (lần 1): sẽ thử lại [TEST_TROUBLE]" in text
    assert "Mã trao đổi với bên nhận: out:d1:1" in text
    assert "Chờ phía sau: 1 thông điệp" in text


def test_one_is_explained_with_what_to_do_next(ebrvt, dead):
    told = ebrvt("dead", "explain", "1", "--json").data
    assert "Đã bỏ cuộc lúc 23/11/2026" in told["happened_vi"][0]
    assert any("TEST_TROUBLE (1 lần)" in line for line in told["happened_vi"])
    assert told["meaning_vi"] == [
        "axis chưa nhận thông điệp này.",
        "1 thông điệp phía sau của cùng hồ sơ, văn bản đang chờ nó.",
    ]
    assert any("ebrvt dead requeue 1 --no-deadline" in line for line in told["advice_vi"])
    assert any("ebrvt dead skip 1" in line for line in told["advice_vi"])
    text = ebrvt("dead", "explain", "1").out
    assert text.startswith("Số 1  1/UBND-VP\n  Chuyện gì:\n")


def test_a_dry_run_says_how_many_and_which_and_changes_nothing(ebrvt, dead):
    call = ["dead", "requeue", "--system", "axis", "--no-deadline", "--why", "đã sửa"]
    told = ebrvt(*call, "--dry-run", "--json").data
    assert (told["dry_run"], told["requeued"], told["from_step"]) == (True, 2, {"submit": 2})
    assert [one["title"] for one in told["messages"]] == ["1/UBND-VP", "3/UBND-VP"]
    text = ebrvt(*call, "--dry-run").out
    assert "Sẽ gửi lại 2 thông điệp, theo đúng thứ tự cũ.\n  2: gửi lại đúng nội dung và mã đã dùng" in text
    assert dead.states().count(State.DEAD) == 2


def test_what_is_requeued_goes_on_and_its_story_names_who_and_why(ebrvt, dead):
    answer = ebrvt("dead", "requeue", "--all", "--no-deadline", "--why", "đã sửa", "--by", "Lan")
    assert (answer.code, "Gửi lại 2 thông điệp" in answer.out) == (0, True)
    dead.ledger.revive(dead.ledger.due_shards(dead.clock.now()))
    dead.drain("axis")
    assert sorted(dead.keys()) == ["out:d1:1", "out:d3:1"]
    assert dead.ledger.message(2).state is State.DEAD, "it waited behind, and its own deadline has passed"
    assert "người xử lý: gửi lại nguyên bản đã đóng gói, Lan: đã sửa" in ebrvt("dead", "show", "1").out


def test_one_past_its_deadline_needs_a_word_about_it(ebrvt, dead):
    answer = ebrvt("dead", "requeue", "1", "--why", "x")
    assert answer.code == 1
    assert "DEADLINE_OVER: Thông điệp số 1 đã quá thời hạn (23/11/2026" in answer.err
    later = ebrvt("dead", "requeue", "1", "--why", "x", "--deadline", "2999-01-01", "--json")
    assert (later.code, later.data["requeued"]) == (0, 1)
    assert dead.ledger.message(1).deadline == datetime(2999, 1, 1, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "call",
    [
        ["requeue", "--why", "x"],
        ["requeue", "1", "--all", "--why", "x"],
        ["requeue", "1", "--deadline", "2027-01-01", "--no-deadline", "--why", "x"],
        ["requeue", "1"],
        ["skip", "1"],
        ["skip", "--why", "x"],
    ],
)
def test_a_word_about_nothing_or_without_a_reason_is_64(call, ebrvt, dead):
    answer = ebrvt("dead", *call)
    assert (answer.code, answer.out) == (64, "")


def test_what_is_not_there_is_1_and_the_rest_is_done(ebrvt, dead):
    answer = ebrvt("dead", "requeue", "1", "999", "--no-deadline", "--why", "x", "--json")
    assert (answer.code, answer.data["requeued"]) == (1, 1)
    assert answer.data["refused"] == [{"id": 999, "code": "MESSAGE_UNKNOWN"}]
    assert "MESSAGE_UNKNOWN: Không có thông điệp số 999" in answer.err
    for word in ("show", "explain"):
        assert ebrvt("dead", word, "999").code == 1


def test_a_skipped_one_is_told_to_its_source_and_its_lane_goes_on(ebrvt, dead):
    assert ebrvt("dead", "skip", "--text", "1/UBND-VP", "--dry-run", "--why", "x", "--json").data == {
        "dry_run": True,
        "skipped": [1],
        "refused": [],
    }
    answer = ebrvt("dead", "skip", "1", "--why", "đã gửi bản giấy", "--by", "Lan")
    assert (answer.code, answer.out) == (0, "số 1  1/UBND-VP: đã hủy\n")
    dead.ledger.revive(dead.ledger.due_shards(dead.clock.now()))
    requeued = ebrvt("dead", "requeue", "--all", "--no-deadline", "--why", "x", "--json").data
    assert requeued["requeued"] == 1
    assert ebrvt("dead", "skip", "1", "--why", "x").code == 1


def test_ten_thousand_are_told_in_a_few_lines(ebrvt, bench):
    many_dead(bench.ledger, 300, now=bench.clock.now())
    answer = ebrvt("dead", "requeue", "--all", "--why", "x")
    assert (answer.code, len(answer.out.splitlines())) == (0, 23)
    assert "… và 280 thông điệp nữa" in answer.out
    many_dead(bench.ledger, 300, code="OTHER", now=bench.clock.now())
    assert ebrvt("dead", "skip", "--all", "--why", "x").out.endswith("… tổng cộng 300 thông điệp\n")


def test_what_is_held_is_narrowed_by_the_same_options(ebrvt, dead):
    told = ebrvt("held", "list", "--text", "3/UBND", "--json").data
    assert (told["held"], [one["title"] for one in told["dead"]]) == ([], ["3/UBND-VP"])
    assert json.loads(ebrvt("held", "list", "--system", "portal", "--json").out) == {"held": [], "dead": []}


def test_one_that_was_delivered_is_not_called_given_up(ebrvt, bench):
    """It was said of it that the remote had not received it, and that it could be sent again."""
    bench.store(item(1))
    bench.drain("axis")
    explained, shown = ebrvt("dead", "explain", "1").out, ebrvt("dead", "show", "1").out
    assert "không phải đã bỏ cuộc hay bị từ chối; hiện nay: đã xong" in explained
    for text in (explained, shown):
        assert "chưa nhận" not in text
        assert "gửi lại" not in text
    assert "Bước không thành" not in shown
