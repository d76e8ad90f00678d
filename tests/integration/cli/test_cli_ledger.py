"""The commands that look at the ledger and steer it, over one that the engine has filled."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.ports.gate import Judgement
from tests.integration.engine.bench import (
    BACK,
    DOSSIERS,
    OUT,
    Bench,
    dossier_code,
    dossier_item,
    failing,
    held,
    item,
    progress_item,
    rejected,
    retry_later,
    status_item,
    told_of_dossier,
)

CONFIG = """\
[province]
code = "H06"
[store]
url = "sqlite:///ledger.db"
[systems.dms]
adapter = "qlvb"
[systems.axis]
adapter = "vxp"
"""
GIVES_UP = replace(OUT, give_up_after=timedelta(minutes=3))
FINDING = {"code": "HASH_MISMATCH", "severity": "error", "message_vi": "Đã bị sửa.", "message_en": "Changed."}
VERDICT = json.dumps(
    {
        "documents": [
            {
                "file": "cong-van.pdf",
                "headline_vi": "KHÔNG HỢP LỆ",
                "findings": [],
                "signatures": [{"findings": [FINDING, {**FINDING, "severity": "info", "code": "NOTED"}]}],
            }
        ]
    }
)


class HoldsOne:
    """A gate that holds what comes under one external id."""

    def __init__(self, external_id):
        self.external_id = external_id

    def judge(self, message, _record):
        if message.external_id == self.external_id:
            return Judgement(False, "TEST_HELD", "Chưa ký số.", "Ký lại rồi phát hành.", VERDICT)
        return Judgement(passed=True)


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    made = Bench(
        f"sqlite:///{tmp_path}/ledger.db", links=(GIVES_UP, BACK), gates={"out": HoldsOne("d2"), "back": None}
    )
    yield made
    made.close()


@pytest.fixture
def carried(bench):
    """One sent after a retry, one held, one known as a repetition; statuses told back."""
    bench.axis.on_submit = failing(retry_later, only="d1")
    bench.offer(item(1), item(2), item(3, same_as="the third"))
    bench.fetch()
    bench.drain()
    bench.axis.on_submit = lambda _work: None
    bench.clock.advance(timedelta(minutes=2))
    bench.drain()
    bench.store(replace(item(3, same_as="the third"), external_id="d3-again"))
    bench.axis.outbox.append(status_item(1, about=1, code=StatusCode.ACCEPTED))
    bench.fetch("back")
    bench.drain()
    return bench


def dead(bench):
    bench.axis.on_submit = failing(retry_later)
    bench.offer(item(9))
    bench.fetch()
    bench.drain()
    bench.clock.advance(timedelta(minutes=10))
    bench.drain()


# --- status -----------------------------------------------------------------------------------------


def test_an_absent_ledger_is_4(ebrvt, tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    answer = ebrvt("status")
    assert (answer.code, answer.out) == (4, "")
    assert "CONFIG_STORE_ABSENT" in answer.err
    assert not (tmp_path / "ledger.db").exists()


def test_an_empty_ledger_is_well(ebrvt, bench):
    answer = ebrvt("status")
    assert (answer.code, answer.out.splitlines()[1:]) == (0, ["Chưa có gì được chuyển."])
    told = ebrvt("status", "--json").data
    assert not any(standing["used"] for standing in told.pop("limits"))
    assert told.pop("incidents") == []
    assert told.pop("store")["free_bytes"] == 0
    assert told.pop("daemons") == []
    assert told == {"links": [], "systems": [], "draining": [], "held": [], "dead": []}


def test_the_status_says_whether_anybody_is_at_work(ebrvt, bench):
    """It told of queues only: nothing said that the daemon was down."""
    assert ebrvt("status").out.startswith("KHÔNG có dịch vụ nào đang chạy")
    ledger = bench.ledger
    ledger.beat("may-1", "may-chu", 7, datetime.now(UTC) - timedelta(minutes=10))
    lost = ebrvt("status").out
    assert "mất tín hiệu" in lost
    assert "chạy lại ebrvt run" in lost
    ledger.beat("may-2", "may-chu", 8, datetime.now(UTC))
    text = ebrvt("status").out
    assert "Dịch vụ may-2 (máy may-chu, tiến trình 8) đang chạy" in text
    assert "dịch vụ khác làm tiếp việc của nó" in text
    ledger.beat("may-2", "may-chu", 8, datetime.now(UTC) - timedelta(seconds=30))
    assert "may-2 (máy may-chu, tiến trình 8) im lặng" in ebrvt("status").out
    ledger.gone("may-1")
    (left,) = ebrvt("status", "--json").data["daemons"]
    assert (left["name"], left["alive"]) == ("may-2", True)


def test_the_status_counts_what_was_carried_and_names_what_waits(ebrvt, carried):
    answer = ebrvt("status", "--json")
    assert (answer.code, answer.err) == (2, "")
    links = {link["link"]: link for link in answer.data["links"]}
    assert links["out"]["by_state"] == {"done": 2, "held": 1}
    assert links["out"]["retries"] == 1
    assert links["out"]["duplicates"] == 1
    assert datetime.fromisoformat(links["out"]["last_done_at"]).tzinfo is not None
    (held,) = answer.data["held"]
    assert (held["title"], held["code"], held["reason_vi"]) == ("2/UBND-VP", "TEST_HELD", "Chưa ký số.")
    assert datetime.fromisoformat(held["since"]).tzinfo is not None
    text = ebrvt("status").out
    assert "out: 2 đã xong; 1 bị giữ, chờ người quyết định; thử lại 1 lần" in text
    assert "Chờ người quyết định:\n  số 2  2/UBND-VP  [TEST_HELD]\n    Chưa ký số.\n    → Ký lại" in text


def test_all_done_is_0(ebrvt, bench):
    bench.offer(item(1))
    bench.fetch()
    bench.drain()
    assert ebrvt("status").code == 0


def test_something_dead_is_1_whatever_is_held(ebrvt, carried):
    dead(carried)
    answer = ebrvt("status", "--json")
    assert answer.code == 1
    assert [m["title"] for m in answer.data["dead"]] == ["9/UBND-VP"]
    assert "Đã bỏ cuộc:" in ebrvt("status").out


def test_a_source_in_trouble_is_told(ebrvt, bench):
    def cut():
        raise retry_later()

    bench.dms.on_fetch = cut
    bench.fetch()
    assert "không lấy được từ 23/11/2026" in ebrvt("status").out
    assert "[TEST_TROUBLE]" in ebrvt("status").out


def test_a_paused_system_is_told_and_is_2(ebrvt, bench):
    assert ebrvt("pause", "axis", "--why", "bảo trì", "--by", "Lan").code == 0
    answer = ebrvt("status")
    assert answer.code == 2
    assert "Hệ thống axis đang tạm dừng: bảo trì" in answer.out
    (system,) = (s for s in ebrvt("status", "--json").data["systems"] if s["system"] == "axis")
    assert (system["pause"]["by"], system["pause"]["reason_vi"]) == ("Lan", "bảo trì")
    assert ebrvt("resume", "axis").out == "Đã cho axis chạy tiếp.\n"
    assert ebrvt("resume", "axis").out == "axis không bị tạm dừng.\n"
    assert ebrvt("status").code == 0


def test_a_ledger_that_is_no_ledger_is_told_without_a_traceback(ebrvt, tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 100)
    answer = ebrvt("status")
    assert (answer.code, answer.out) == (2, "")
    assert "STORE_DAMAGED" in answer.err


# --- explain ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["1/UBND-VP", "H06.15,2026/11/23,1/UBND-VP", "d1", "1"])
def test_a_story_is_found_by_number_document_id_external_id_and_ledger_id(name, ebrvt, carried):
    answer = ebrvt("explain", name, "--json")
    assert answer.code == 0
    assert "1/UBND-VP" in [story["message"]["title"] for story in answer.data["stories"]]


def test_a_story_tells_every_try_and_what_came_back(ebrvt, carried):
    (story,) = (s for s in ebrvt("explain", "d1", "--json").data["stories"] if s["message"]["link"] == "out")
    assert [(e["step"], e["effect"], e["code"]) for e in story["exchanges"]] == [
        ("submit", "retry-later", "TEST_TROUBLE"),
        ("submit", None, ""),
    ]
    assert all(datetime.fromisoformat(e["ended_at"]).tzinfo for e in story["exchanges"])
    assert {m["link"] for m in story["related"]} == {"out~feedback", "back"}
    text = ebrvt("explain", "d1").out
    assert "Văn bản 1/UBND-VP (số 1 trong sổ cái)" in text
    assert "gửi (lần 1): sẽ thử lại [TEST_TROUBLE]" in text
    assert "gửi: xong, mã bên nhận r" in text
    assert "Hiện nay: đã xong" in text
    assert "trạng thái “đã gửi” [SENT] – H06.15 → dms: đã xong" in text
    assert "trạng thái “đã tiếp nhận” [03] – H06.15 → dms: đã xong" in text


def test_a_held_one_tells_why_and_what_to_do(ebrvt, carried):
    text = ebrvt("explain", "2/UBND-VP").out
    assert "Hiện nay: bị giữ, chờ người quyết định\n    Lý do: Chưa ký số. [TEST_HELD]" in text
    assert "Cách xử lý: Ký lại rồi phát hành." in text
    assert "Chữ ký số của “cong-van.pdf”: KHÔNG HỢP LỆ\n      Đã bị sửa. [HASH_MISMATCH]" in text
    assert "NOTED" not in text


def test_the_findings_of_a_verdict_are_told_in_english_on_request(ebrvt, carried):
    text = ebrvt("explain", "2/UBND-VP", "--lang", "en").out
    assert "Changed. [HASH_MISMATCH]" in text
    assert "Đã bị sửa." not in text
    (story,) = (s for s in ebrvt("explain", "d2", "--json").data["stories"] if s["message"]["link"] == "out")
    assert story["verdict"] == json.loads(VERDICT)


def test_a_repetition_is_told(ebrvt, carried):
    (story,) = (s for s in ebrvt("explain", "d3", "--json").data["stories"] if s["message"]["link"] == "out")
    assert story["duplicates"] == ["d3-again"]
    assert "Nhận lại lần nữa với mã d3-again: nhận ra là trùng" in ebrvt("explain", "d3").out


def test_a_refusal_tells_its_reason(ebrvt, bench):
    bench.axis.on_submit = failing(rejected)
    bench.offer(item(1))
    bench.fetch()
    bench.drain()
    text = ebrvt("explain", "1/UBND-VP").out
    assert "gửi (lần 1): bên kia từ chối [TEST_TROUBLE]" in text
    assert "Hiện nay: bị từ chối" in text


def test_what_awaits_a_decision_is_told_so_by_status_and_story(ebrvt, bench):
    bench.axis.decides_later = lambda _work: timedelta(minutes=5)
    bench.store(item(1))
    bench.drain("axis")
    text = ebrvt("explain", "1/UBND-VP").out
    assert "gửi: bên nhận đã nhận, chờ phê duyệt, mã bên nhận r1" in text
    assert "Hiện nay: chờ phê duyệt" in text
    assert "Lý do" not in text
    answer = ebrvt("status")
    assert (answer.code, "out: 1 chờ phê duyệt; thử lại 0 lần" in answer.out) == (0, True)


def test_a_dossiers_story_lists_its_progress_and_what_its_source_was_told(ebrvt, bench):
    bench.dms.feedbacks = told_of_dossier
    bench.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    bench.drain()
    code = str(dossier_code(1))
    text = ebrvt("explain", code).out
    assert f"Hồ sơ {code} (số 1 trong sổ cái)" in text
    assert f"Mã hồ sơ: {code}" in text
    assert "Trạng thái, tiến độ kèm theo:" in text
    assert "bước 1 Thẩm định → axis: đã xong" in text
    assert "trạng thái “đã được tiếp nhận” [ACCEPTED] – hệ thống axis → dms: đã xong" in text
    assert text.count("trong sổ cái") == 1, "its progress has no story of its own here"


def test_why_a_dossier_was_refused_is_told_with_what_its_source_heard(ebrvt, bench):
    bench.dms.feedbacks = told_of_dossier
    bench.axis.on_submit = failing(rejected)
    bench.store(dossier_item(1), link=DOSSIERS)
    bench.drain()
    text = ebrvt("explain", str(dossier_code(1))).out
    heard = "trạng thái “bị từ chối” [REFUSED] – hệ thống axis (Hệ thống thử nghiệm gặp sự cố.)"
    assert f"{heard} → dms: đã xong" in text


def test_what_nobody_knows_is_1(ebrvt, carried):
    answer = ebrvt("explain", "77/UBND-XX")
    assert (answer.code, answer.out) == (1, "Không tìm thấy “77/UBND-XX” trong sổ cái.\n")
    assert ebrvt("explain", "77/UBND-XX", "--json").data == {"stories": []}


def test_a_name_in_decomposed_letters_is_found_as_well(ebrvt, bench):
    bench.offer(replace(item(1), title="7849/QĐ-UBND-Bà"))
    bench.fetch()
    assert ebrvt("explain", "7849/QĐ-UBND-Ba\u0300").code == 0


def test_the_original_bytes_and_receipts_are_not_printed(ebrvt, carried):
    for story in ebrvt("explain", "d1", "--json").data["stories"]:
        assert not {"record", "payload", "receipt", "raw"} & set(story["message"])


# --- held -------------------------------------------------------------------------------------------


def test_what_is_held_is_listed(ebrvt, carried):
    (held,) = ebrvt("held", "list", "--json").data["held"]
    assert (held["id"], held["title"], held["link"]) == (2, "2/UBND-VP", "out")
    assert "số 2  2/UBND-VP  [TEST_HELD]" in ebrvt("held", "list").out


def test_nothing_held_is_said(ebrvt, bench):
    assert ebrvt("held", "list").out == "Không có thông điệp nào bị giữ.\n"


def test_a_released_one_goes_on_and_its_story_names_who_and_why(ebrvt, carried):
    answer = ebrvt("held", "release", "2", "--why", "đã đối chiếu bản giấy", "--by", "Lan")
    assert answer.code == 0
    carried.drain()
    assert [work.message.external_id for work in carried.axis.arrived].count("d2") == 1
    assert "người xử lý: cho gửi tiếp, Lan: đã đối chiếu bản giấy" in ebrvt("explain", "d2").out


@pytest.mark.parametrize(("word", "state"), [("return", "đã hủy"), ("refuse", "bị từ chối")])
def test_a_persons_no_is_told_to_the_source(word, state, ebrvt, carried):
    answer = ebrvt("held", word, "2", "--why", "thiếu chữ ký", "--by", "Lan")
    assert answer.code == 0
    assert state in answer.out
    carried.drain()
    assert "d2" not in [work.message.external_id for work in carried.axis.arrived]
    assert "trạng thái “không gửi được” [FAILED]" in ebrvt("explain", "d2").out


def test_what_did_arrive_is_confirmed_and_told_to_the_source_as_sent(ebrvt, bench):
    bench.axis.on_submit = failing(held)
    bench.store(item(7))
    bench.drain("axis")
    answer = ebrvt("held", "confirm", "1", "--why", "bên nhận đã gọi điện", "--by", "Lan")
    assert (answer.code, answer.out) == (0, "số 1  7/UBND-VP: đã xong\n")
    bench.drain()
    assert "trạng thái “đã gửi” [SENT]" in ebrvt("explain", "d7").out
    assert bench.keys() == []


def test_what_never_left_is_not_confirmed(ebrvt, carried):
    answer = ebrvt("held", "confirm", "2", "--why", "x")
    assert (answer.code, answer.out) == (1, "")
    assert "ACTION_NOT_POSSIBLE" in answer.err


def test_what_was_given_up_is_listed_beside_what_is_held(ebrvt, bench):
    dead(bench)
    listed = ebrvt("held", "list", "--json").data
    assert (listed["held"], [one["title"] for one in listed["dead"]]) == ([], ["9/UBND-VP"])
    assert "9/UBND-VP  [DEADLINE_PASSED]" in ebrvt("held", "list").out


def test_a_reason_is_required(ebrvt, carried):
    answer = ebrvt("held", "release", "2")
    assert (answer.code, answer.out) == (64, "")


@pytest.mark.parametrize(("number", "code"), [("999", "MESSAGE_UNKNOWN"), ("1", "ACTION_NOT_POSSIBLE")])
def test_what_cannot_be_released_is_told(number, code, ebrvt, carried):
    answer = ebrvt("held", "release", number, "--why", "x")
    assert (answer.code, answer.out) == (1, "")
    assert code in answer.err


def test_an_unknown_system_cannot_be_paused(ebrvt, bench):
    for call in (["pause", "asix", "--why", "x"], ["resume", "asix"]):
        answer = ebrvt(*call)
        assert (answer.code, answer.out) == (64, "")
        assert "SYSTEM_UNKNOWN: Cấu hình không có hệ thống “asix”" in answer.err
        assert "(hiện có: dms, axis); có lẽ là “axis”." in answer.err


def test_what_cannot_be_done_is_told_in_the_words_of_the_list(ebrvt, carried):
    answer = ebrvt("held", "return", "1", "--why", "x")
    assert "“đã xong” nên không thể thực hiện thao tác “trả lại”" in answer.err
