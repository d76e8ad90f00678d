"""`ebrvt run`: the daemon in a process of its own, over the real adapters and simulators."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from tests.integration.cli.conftest import AXIS_SECRET, DMS_PASSWORD

FAST = {'[engine]\npoll = "100ms"': '[retry]\nladder = ["1h"]\n\n[engine]\npoll = "100ms"'}


@pytest.fixture
def daemon(tmp_path):
    """Starts the daemon; whatever still runs in the end is killed."""
    started = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "run"]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )
        started.append(process)
        for line in process.stderr:
            if line.startswith("ebrvt đang chạy"):
                break
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def seed(sandbox, content: bytes, name: str) -> None:
    """One issued document in the document system."""
    control = sandbox.ready["control_url"]
    kept = call(f"{control}/_sandbox/blob?system=qlvb", "PUT", content)
    at = "2026-11-23T08:00:00.000+07:00"
    document = {
        "id": name,
        "revision": 1,
        "codeNumber": "125",
        "codeNotation": "BC-STTTT",
        "type": {"code": "BC", "name": "Báo cáo"},
        "abstract": "Báo cáo thử",
        "promulgation": {"place": "Bà Rịa", "date": "2026-11-23"},
        "issuer": {"code": "000.00.15.H06", "name": "Sở Thông tin và Truyền thông (mẫu)"},
        "signatory": {"position": "GIÁM ĐỐC", "fullName": "Trần Thị Ví Dụ"},
        "urgency": 0,
        "confidentiality": "NORMAL",
        "recipients": [{"code": "000.00.00.G22", "name": "Văn phòng Chính phủ (mẫu)"}],
        "places": [],
        "responseFor": [],
        "taskCodes": [],
        "appendixes": [],
        "business": {"kind": "NEW"},
        "attachments": [
            {
                "seq": 1,
                "name": "125.signed.pdf",
                "mediaType": "application/pdf",
                "size": kept["size_bytes"],
                "sha256": kept["sha256"],
                "role": "MAIN",
            }
        ],
        "issuedAt": at,
        "updatedAt": at,
    }
    call(
        f"{control}/_sandbox/seed",
        "POST",
        json.dumps({"system": "qlvb", "data": {"documents": [document]}}).encode(),
    )


def call(url: str, method: str, body: bytes) -> dict:
    request = urllib.request.Request(
        url, data=body, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read() or b"{}")


def accepted(sandbox) -> list[str]:
    with urllib.request.urlopen(
        sandbox.ready["control_url"] + "/_sandbox/journal?system=vxp", timeout=60
    ) as r:
        return [e["number"] for e in json.load(r)["entries"] if e["event"] == "document-accepted"]


def test_until_idle_carries_what_there_is_and_ends(province, sandbox, desk, ebrvt_process):
    province(qlvb=sandbox.url("qlvb"), vxp=sandbox.url("vxp"))
    seed(sandbox, desk.issued(timestamper=desk.stamped()), "vb-1")
    answer = ebrvt_process("run", "--until-idle")
    assert (answer.code, answer.out) == (0, "")
    assert accepted(sandbox) == ["125/BC-STTTT"]
    assert "ebrvt đã dừng." in answer.err
    for secret in (DMS_PASSWORD, AXIS_SECRET):
        assert secret not in answer.err


def test_something_held_ends_with_2(province, sandbox, desk, ebrvt, ebrvt_process):
    province(qlvb=sandbox.url("qlvb"), vxp=sandbox.url("vxp"))
    seed(sandbox, desk.signed(role="person", timestamper=desk.stamped()), "vb-1")
    answer = ebrvt_process("run", "--until-idle")
    assert (answer.code, answer.out) == (2, "")
    assert accepted(sandbox) == []
    assert "NOT_SIGNED_BY_ISSUING_AGENCY" in ebrvt("status").out


def test_once_delivers_what_can_go_and_does_not_wait_for_a_remote_that_is_away(
    province, sandbox, desk, ebrvt, ebrvt_process
):
    province(qlvb=sandbox.url("qlvb"), **FAST)
    seed(sandbox, desk.issued(timestamper=desk.stamped()), "vb-1")
    answer = ebrvt_process("run", "--once")
    assert (answer.code, answer.out) == (0, "")
    (message,) = (s["message"] for s in ebrvt("explain", "vb-1", "--json").data["stories"])
    assert (message["state"], message["code"]) == ("waiting", "REMOTE_REFUSED_CONNECTION")


def test_once_ends_when_a_source_is_away_and_every_diagnostic_line_is_a_sentence_or_json(
    province, ebrvt, ebrvt_process
):
    province()
    answer = ebrvt_process("run", "--once")
    assert (answer.code, answer.out) == (0, "")
    assert "REMOTE_REFUSED_CONNECTION" in ebrvt("status").out
    assert answer.err
    for line in answer.err.splitlines():
        assert line.startswith(("ebrvt ", "{")), line
        if line.startswith("{"):
            assert {"event", "level", "logger", "timestamp"} <= set(json.loads(line))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop(number, province, daemon):
    province()
    running = daemon()
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, "")
    assert err.splitlines()[-1].startswith("ebrvt đã dừng")
    assert "Traceback" not in err


def test_a_second_daemon_on_the_same_ledger_is_refused_and_touches_nothing(
    province, daemon, ebrvt_process, tmp_path
):
    province()
    daemon()
    half_written = tmp_path / "var" / "blobs" / ".tmp" / "half-written"
    half_written.write_bytes(b"half")
    answer = ebrvt_process("run")
    assert (answer.code, answer.out) == (2, "")
    assert "ALREADY_RUNNING" in answer.err
    assert half_written.read_bytes() == b"half"


def test_commands_that_look_may_do_so_while_it_runs(province, daemon, ebrvt):
    province()
    daemon()
    assert ebrvt("status").code == 0
    assert ebrvt("pause", "axis", "--why", "bảo trì").code == 0
    assert ebrvt("status").code == 2


def until(holds, seconds: float = 120) -> None:
    """Look again and again, until it holds; fails after a deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)


def test_a_system_that_is_resumed_is_opened_with_the_password_as_it_is_now(
    province, sandbox, desk, daemon, ebrvt, tmp_path
):
    """An operator corrects the secret and resumes, as the advice says: nobody restarts the daemon."""
    province(qlvb=sandbox.url("qlvb"), vxp=sandbox.url("vxp"))
    secret = tmp_path / "secrets" / "vxp"
    secret.write_text("sai\n")
    seed(sandbox, desk.issued(timestamper=desk.stamped()), "vb-1")
    daemon()
    until(lambda: "đang tạm dừng" in ebrvt("status").out)
    assert accepted(sandbox) == []
    secret.unlink()
    assert ebrvt("resume", "axis").code == 0
    until(lambda: "CONFIG_SECRET" in ebrvt("status").out)  # no secret: paused again
    secret.touch(mode=0o600)
    secret.write_text(AXIS_SECRET + "\n")
    assert ebrvt("resume", "axis").code == 0
    until(lambda: accepted(sandbox) == ["125/BC-STTTT"])


def test_what_a_person_releases_goes_at_once(province, sandbox, desk, daemon, ebrvt):
    """It waited for the next sweep, up to a minute, while the operator looked at the screen."""
    province(qlvb=sandbox.url("qlvb"), vxp=sandbox.url("vxp"))
    seed(sandbox, desk.signed(role="person", timestamper=desk.stamped()), "vb-1")
    daemon()
    until(lambda: "NOT_SIGNED_BY_ISSUING_AGENCY" in ebrvt("status").out)
    assert ebrvt("held", "release", "1", "--why", "đã xác minh bằng điện thoại").code == 0
    until(lambda: accepted(sandbox) == ["125/BC-STTTT"], 40)  # before the sweep comes
