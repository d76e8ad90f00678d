"""Told to stop, and told to drain: what `ebrvt run`, `drain`, `status` and `resume` do then."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.integration.engine.bench import Bench, item

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


@pytest.fixture
def silent_server():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", listening


def test_a_call_that_does_not_end_is_cut_off_after_the_time_allowed(province, silent_server, tmp_path):
    url, listening = silent_server
    config = province(qlvb=url, **{'poll = "100ms"': 'poll = "100ms"\nstop_within = "1s"'})
    listening.settimeout(60)
    with (tmp_path / "run.err").open("wb") as told:
        command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "run", "--config", str(config)]
        daemon = subprocess.Popen(command, stderr=told, env=os.environ)
    try:
        connection, _ = listening.accept()
        with connection:
            assert connection.recv(1000)  # it has been asked, and waits for the answer
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0
    finally:
        daemon.kill()
        daemon.wait()
    assert "việc dở dang sẽ được hỏi lại" in (tmp_path / "run.err").read_text()


def test_a_system_is_drained_seen_and_taken_up_again(ebrvt, tmp_path):
    (tmp_path / "ebrvt.toml").write_text(CONFIG)
    bench = Bench(f"sqlite:///{tmp_path}/ledger.db")
    bench.store(item(1), item(2))
    bench.close()
    begun = ebrvt("drain", "axis", "--why", "thay máy chủ", "--by", "An")
    assert (begun.code, "còn 2 thông điệp" in begun.out) == (0, True)
    assert "từ trước" in ebrvt("drain", "axis", "--why", "nữa").out
    seen = ebrvt("status", "--json").data["draining"]
    assert [(one["system"], one["by"], one["why"], one["left"]) for one in seen] == [
        ("axis", "An", "thay máy chủ", 2)
    ]
    assert "axis đang rút hết" in ebrvt("status").out
    ended = ebrvt("resume", "axis")
    assert (ended.code, ended.out) == (0, "axis lại nhận cái mới.\n")
    assert ebrvt("status", "--json").data["draining"] == []
    assert "không bị tạm dừng" in ebrvt("resume", "axis").out
    wrong = ebrvt("drain", "truc", "--why", "x")
    assert (wrong.code, "SYSTEM_UNKNOWN" in wrong.err) == (64, True)
