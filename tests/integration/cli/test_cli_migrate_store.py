"""`ebrvt migrate-store`: the ledger moved to PostgreSQL and back by an operator."""

import re

import pytest
import sqlalchemy as sa

from ebrvt_connect.store import moving
from tests.integration.engine.bench import Bench, item

CONFIG = """\
[province]
code = "H06"
[store]
url = "{url}"
[systems.dms]
adapter = "qlvb"
[systems.axis]
adapter = "vxp"
"""


@pytest.fixture
def province(tmp_path):
    """A small store with blobs, and its configuration."""
    (tmp_path / "ebrvt.toml").write_text(CONFIG.format(url="sqlite:///ledger.db"))
    bench = Bench(f"sqlite:///{tmp_path}/ledger.db")
    bench.store(*(item(n) for n in range(5)))
    bench.drain("axis")
    bench.close()
    return tmp_path


@pytest.fixture
def server_url(databases):
    with databases.empty() as url:
        yield url


@pytest.mark.postgres
def test_from_a_look_to_the_new_store_and_back_into_a_file(ebrvt, province, server_url):
    looked = ebrvt("migrate-store", "--to", server_url, "--dry-run", "--json")
    assert (looked.code, looked.data["tables"]["message"], looked.data["finished"]) == (0, 10, False)
    moved = ebrvt("migrate-store", "--to", server_url)
    assert moved.code == 0, moved.err
    assert "mã băm, khớp" in moved.out
    assert "chuỗi còn nguyên" in moved.out
    assert sa.make_url(server_url).password not in moved.out + moved.err

    refused = ebrvt("status")
    assert (refused.code, "STORE_MOVED" in refused.err, "store.url" in refused.err) == (2, True, True)
    assert re.search(r"lúc \d\d/\d\d/\d{4} \d\d:\d\d;", refused.err), "a time of Vietnam"
    again = ebrvt("migrate-store", "--to", server_url)
    assert (again.code, "từ trước" in again.out) == (0, True)

    (province / "ebrvt.toml").write_text(CONFIG.format(url=server_url))
    assert ebrvt("status", "--json").data["links"][0]["by_state"] == {"done": 5}
    back = ebrvt("migrate-store", "--to", "sqlite:///back.db", "--json")
    assert (back.code, back.data["tables"]["message"]["rows"]) == (0, 10)
    (province / "ebrvt.toml").write_text(CONFIG.format(url="sqlite:///back.db"))
    assert ebrvt("proof", "status", "--json").data["entries"] == 5


def test_a_look_makes_no_file(ebrvt, province):
    assert ebrvt("migrate-store", "--to", "sqlite:///new/ledger.db", "--dry-run").code == 0
    assert not (province / "new").exists()


def test_one_that_was_cut_off_goes_on_or_is_given_up(ebrvt, province, monkeypatch):
    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_compare", cut)
        assert ebrvt("migrate-store", "--to", "sqlite:///new.db").code == 130
    refused = ebrvt("pause", "axis", "--why", "x")
    assert (refused.code, "STORE_MOVING" in refused.err, "--abandon" in refused.err) == (2, True, True)
    given_up = ebrvt("migrate-store", "--abandon")
    assert (given_up.code, "dùng lại được" in given_up.out) == (0, True)
    assert ebrvt("status").code == 0
    assert "dở dang" in ebrvt("migrate-store", "--abandon").out


def test_blobs_come_along_where_the_folder_is_another(ebrvt, province):
    (province / "var" / "blobs").mkdir(parents=True)
    moved = ebrvt("migrate-store", "--to", "sqlite:///new.db", "--blobs", "shared/blobs", "--json")
    assert (moved.code, moved.data["blobs"]) == (0, {"new": 0, "there": 0, "damaged": []})
    assert (province / "shared" / "blobs").is_dir()


@pytest.mark.parametrize("arguments", [(), ("--to", "mysql://x/y"), ("--to", "sqlite:///")])
def test_without_a_place_to_go_to_the_call_is_wrong(ebrvt, province, arguments):
    answer = ebrvt("migrate-store", *arguments)
    assert (answer.code, "--to" in answer.err) == (64, True)
    assert province.is_dir()


def test_there_must_be_a_ledger_to_move(ebrvt, tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG.format(url="sqlite:///ledger.db"))
    answer = ebrvt("migrate-store", "--to", "sqlite:///new.db")
    assert (answer.code, "CONFIG_STORE_ABSENT" in answer.err) == (4, True)
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["move", "look"])
def test_a_store_moved_onto_itself_is_no_daemon_at_work(options, ebrvt, province):
    """It met its own lock, and told the operator to stop a daemon that was not there."""
    answer = ebrvt("migrate-store", "--to", "sqlite:///ledger.db", *options)
    assert (answer.code, "MOVE_SAME_PLACE" in answer.err) == (2, True)
