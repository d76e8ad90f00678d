"""`ebrvt store compact`: what was emptied is given back, while nobody is at work, and wholly or not."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from ebrvt_connect.store.seat import Seat
from tests.integration.engine.bench import Bench, item

CONFIG = """\
[province]
code = "H06"
[store]
url = "{url}"
"""


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG.format(url="sqlite:///ledger.db"))
    made = Bench(f"sqlite:///{tmp_path}/ledger.db")
    made.store(item(1))
    made.drain()
    yield made
    made.close()


def emptied(folder, megabytes=4):
    """The ledger with so much room in it that deleted lines have left."""
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        database.executemany(
            "INSERT INTO attempt (message_id, step, attempt, started_at, ended_at, code, detail, external_id,"
            " raw) VALUES (9, 'submit', 1, 0, 0, '', '', '', ?)",
            [(b"x" * 50_000,) for _ in range(megabytes * 20)],
        )
        database.commit()
        database.execute("DELETE FROM attempt WHERE message_id = 9")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_a_file_that_was_emptied_becomes_smaller_and_keeps_all_that_is_in_it(ebrvt, bench, tmp_path):
    emptied(tmp_path)
    before = (tmp_path / "ledger.db").stat().st_size
    rehearsed = ebrvt("store", "compact", "--dry-run", "--json").data
    assert (rehearsed["total_bytes"], rehearsed["free_bytes"] > 3_000_000) == (before, True)
    assert (tmp_path / "ledger.db").stat().st_size == before
    answer = ebrvt("store", "compact", "--json")
    assert (answer.code, answer.data["before_bytes"]) == (0, before)
    assert (tmp_path / "ledger.db").stat().st_size == answer.data["after_bytes"] < before - 3_000_000
    assert ebrvt("explain", "1/UBND-VP").code == 0
    assert ebrvt("proof", "status").code in {0, 2}
    assert ebrvt("store", "compact", "--dry-run", "--json").data["free_bytes"] == 0


def test_while_a_daemon_is_at_work_nothing_is_done(ebrvt, bench, tmp_path):
    emptied(tmp_path)
    before = (tmp_path / "ledger.db").stat().st_size
    seat = Seat(bench.ledger.url)
    seat.take()
    answer = ebrvt("store", "compact")
    seat.leave()
    assert (answer.code, "ALREADY_RUNNING" in answer.err) == (2, True)
    assert (tmp_path / "ledger.db").stat().st_size == before


def test_a_disk_too_full_for_the_copy_is_told_before_anything_is_done(ebrvt, bench, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    answer = ebrvt("store", "compact")
    assert answer.code == 1
    assert "COMPACT_NO_ROOM" in answer.err


def test_much_empty_room_is_told_by_status_and_doctor(ebrvt, bench, tmp_path, monkeypatch):
    emptied(tmp_path)
    assert "Tệp sổ cái" not in ebrvt("status").out
    monkeypatch.setattr("ebrvt_connect.ops.words._MUCH_BYTES", 1_000_000)
    assert "chạy ebrvt store compact" in ebrvt("status").out
    assert ebrvt("status", "--json").data["store"]["free_bytes"] > 3_000_000
    checks = ebrvt("doctor", "--offline", "--json").data["checks"]
    (found,) = (check for check in checks if check["name"] == "store-file")
    assert (found["grade"], "ebrvt store compact" in found["cure_vi"]) == ("pass", True)


def test_killed_in_the_midst_of_it_the_file_is_what_it_was(bench, tmp_path):
    emptied(tmp_path, megabytes=1)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("CREATE TABLE ballast (bytes BLOB)")
        database.executemany("INSERT INTO ballast VALUES (?)", [(b"y" * 1_000_000,)] * 20)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log = tmp_path / "ledger.db-wal"
    process = subprocess.Popen(
        [sys.executable, "-m", "ebrvt_connect.ops.cli", "store", "compact"], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and log.stat().st_size > 2_000_000:
            process.send_signal(signal.SIGKILL)
            break
    process.wait(60)
    assert process.returncode in {0, -signal.SIGKILL}
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kept = database.execute("SELECT count(*), sum(length(bytes)) FROM ballast").fetchone()
    assert kept == (20, 20_000_000)
    assert [m.external_id for m in bench.ledger.messages(link="out")] == ["d1"]


@pytest.mark.postgres
def test_a_server_looks_after_its_own_files(ebrvt, databases, tmp_path):
    with databases.migrated() as url:
        (tmp_path / "ebrvt.toml").write_text(CONFIG.format(url=url))
        answer = ebrvt("store", "compact")
        assert (answer.code, "COMPACT_NOT_HERE" in answer.err) == (1, True)
        room = ebrvt("status", "--json").data["store"]
        assert (room["free_bytes"], room["total_bytes"] > 0) == (None, True)
