"""`ebrvt blobs` and `ebrvt retention`, over a ledger that the engine has filled; `doctor` on storage."""

from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.model.message import State
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.ops.upkeep_round import UpkeepRound
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.connect import writing
from ebrvt_connect.testing.clock import FakeClock
from tests.integration.engine.bench import Bench, item

CONFIG = """\
[province]
code = "H06"
[store]
url = "sqlite:///ledger.db"
blobs = "blobs"
reserve = "100kB"
[retention]
attempts = "30d"
contents = "30d"
[trust]
folder = "{trust}"
"""


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def bench(tmp_path, pki, blobs):
    """One document carried long ago, its blobs on the disk."""
    (tmp_path / "ebrvt.toml").write_text(CONFIG.format(trust=pki.trust_folder))
    made = Bench(f"sqlite:///{tmp_path}/ledger.db")
    made.clock.jump(made.clock.now() - timedelta(days=400))
    made.blobs = made.dms.blobs = made.axis.blobs = blobs
    made.store(item(1, original=blobs.put([b"<edxml/>"], limit_bytes=100)))
    made.drain()
    assert set(made.states()) == {State.DONE}
    yield made
    made.close()


def test_all_that_is_needed_is_there(ebrvt, bench):
    answer = ebrvt("blobs", "check")
    assert (answer.code, answer.err) == (0, "")
    assert "còn nguyên vẹn" in answer.out
    assert ebrvt("blobs", "check", "--quick", "--json").data == {"faults": []}


def test_a_content_is_written_out_byte_for_byte_from_a_file_or_from_the_ledger(ebrvt, bench, blobs):
    in_a_file = bench.only().original.sha256
    assert ebrvt("blobs", "show", in_a_file).out == "<edxml/>"
    small = LedgerBlobs(bench.ledger.database, blobs, FakeClock()).put([b"small"], limit_bytes=100).sha256
    with writing(bench.ledger.database):
        pass
    assert ebrvt("blobs", "show", small.upper()).out == "small"
    missing = ebrvt("blobs", "show", "0" * 64)
    assert (missing.code, missing.out) == (2, "")
    assert "BLOB_MISSING" in missing.err


def test_what_is_damaged_is_named_with_its_message(ebrvt, bench, blobs):
    original = bench.only().original.sha256
    blobs.path_of(original).write_bytes(b"<EDXML/>")
    told = ebrvt("blobs", "check", "--json")
    (fault,) = told.data["faults"]
    assert told.code == 1
    assert (fault["code"], fault["role"], fault["sha256"]) == ("BLOB_DAMAGED", "original", original)
    assert "bản gốc của thông điệp 1 (1/UBND-VP)" in ebrvt("blobs", "check").out
    assert ebrvt("blobs", "check", "--quick").code == 0


def test_what_nobody_names_is_counted_and_then_set_aside(ebrvt, bench, blobs):
    import os

    stranger = blobs.put([b"left over"], limit_bytes=100).sha256
    os.utime(blobs.path_of(stranger), (0, 0))
    assert ebrvt("blobs", "collect", "--dry-run", "--json").data["set_aside"] == 1
    assert {blob.sha256 for blob in blobs.aside()} == set()
    assert "để riêng 1 nội dung" in ebrvt("blobs", "collect").out
    assert {blob.sha256 for blob in blobs.aside()} == {stranger}


def test_a_store_that_another_ledger_shares_is_not_collected_until_adopted(ebrvt, bench, blobs):
    blobs.own("ab" * 16)
    refused = ebrvt("blobs", "collect")
    assert refused.code == 2
    assert "BLOBS_SHARED" in refused.err
    assert ebrvt("blobs", "collect", "--adopt").code == 0


def test_periods_are_shown_and_what_is_due_is_given_up(ebrvt, bench, blobs):
    shown = ebrvt("retention", "show")
    assert "Bản gốc, nội dung gửi đi và tệp đính kèm: 30 ngày" in shown.out
    assert "giữ mãi" in shown.out
    assert "Chưa dọn lần nào." in shown.out
    rehearsed = ebrvt("retention", "run", "--dry-run", "--json").data
    done = ebrvt("retention", "run", "--json").data
    assert done["given_up"] == rehearsed["given_up"] == {"attempts": 2, "contents": 2, "evidence": 0}
    assert ebrvt("retention", "run", "--dry-run", "--json").data["given_up"]["contents"] == 0
    assert "nội dung của 2 thông điệp" in ebrvt("retention", "show").out
    assert ebrvt("explain", bench.only().business_key).code == 0
    assert ebrvt("blobs", "check").code == 0
    told = ebrvt("retention", "show", "--json").data
    assert told["seconds"]["evidence"] is None
    assert told["last_round"]["given_up"] == done["given_up"]


def test_what_was_given_up_is_collected_in_two_looks_and_not_missed(bench, blobs, tmp_path):
    def round_at(days):
        clock = FakeClock(datetime.now(UTC) + timedelta(days=days))
        retention = load_config(tmp_path / "ebrvt.toml").config.retention
        return UpkeepRound(retention, bench.ledger.database, blobs, clock)()["collected"]

    lying = len(list(blobs.kept()))
    assert lying == 3
    assert round_at(8)["set_aside"] == lying
    assert round_at(10)["deleted"] == lying


def test_a_round_that_fails_is_told_by_doctor(ebrvt, bench, blobs):
    blobs.own("ab" * 16)
    assert ebrvt("retention", "run").code == 2
    assert "BLOBS_SHARED" in ebrvt("retention", "show").out
    (found,) = [c for c in ebrvt("doctor", "--offline", "--json").data["checks"] if c["name"] == "upkeep"]
    assert found["grade"] == "fail"


def test_a_reserve_that_had_to_be_given_up_is_told_by_doctor(ebrvt, bench, blobs, tmp_path, monkeypatch):
    def reserve():
        checks = ebrvt("doctor", "--offline", "--json").data["checks"]
        return [c["grade"] for c in checks if c["name"] == "disk-reserve"]

    assert reserve() == ["pass"]
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    assert reserve() == ["fail"]
    (tmp_path / ".reserve").write_bytes(b"")
    assert reserve() == ["pass"]


def test_a_story_whose_lines_are_given_up_does_not_look_as_if_nothing_was_sent(ebrvt, bench):
    assert "đã hết thời hạn lưu giữ" not in ebrvt("explain", "1/UBND-VP").out
    ebrvt("retention", "run")
    text = ebrvt("explain", "1/UBND-VP").out
    assert "gửi lần đầu, tất cả 1 lần; diễn biến từng lần đã hết thời hạn lưu giữ" in text
