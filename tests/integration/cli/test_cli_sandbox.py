"""`ebrvt sandbox`: one JSON line when every port answers, an end on SIGTERM, wrong calls told as such."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

READY_KEYS = {"systems", "control_url"}
SYSTEMS = {"baocao", "dvcqg", "motcua", "qlvb", "vxp"}


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as reply:
        return json.load(reply)


def test_one_ready_line_tells_where_everything_is_and_how_to_log_in(start_sandbox, tmp_path):
    (tmp_path / "s.toml").write_text('[qlvb]\nusername = "u"\npassword = "p"\n')
    sandbox = start_sandbox("--config", tmp_path / "s.toml", "--seed", "7")
    assert set(sandbox.ready) == READY_KEYS
    assert set(sandbox.ready["systems"]) == SYSTEMS
    assert all(s["url"].startswith("http://127.0.0.1:") for s in sandbox.ready["systems"].values())
    assert (sandbox.ready["systems"]["qlvb"]["username"], sandbox.ready["systems"]["qlvb"]["password"]) == (
        "u",
        "p",
    )
    assert set(get(sandbox.ready["control_url"] + "/_sandbox/state")["systems"]) == SYSTEMS
    assert get(sandbox.ready["control_url"] + "/_sandbox/journal?system=vxp")["entries"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_told_to_and_says_nothing_more(number, start_sandbox, tmp_path):
    sandbox = start_sandbox("--systems", "qlvb")
    sandbox.process.send_signal(number)
    rest, _ = sandbox.process.communicate(timeout=60)
    assert (sandbox.process.returncode, rest) == (0, b"")
    assert (tmp_path / "sandbox.err").read_bytes() == b""
    with pytest.raises(urllib.error.URLError):
        get(sandbox.ready["control_url"] + "/_sandbox/state")


def test_only_the_systems_asked_for_are_there(start_sandbox):
    assert set(start_sandbox("--systems", "vxp").ready["systems"]) == {"vxp"}


def test_it_ends_with_its_parent_when_so_asked(start_sandbox):
    sandbox = start_sandbox("--systems", "qlvb", "--until-stdin-closes", stdin=subprocess.PIPE)
    sandbox.process.stdin.close()
    assert sandbox.process.wait(timeout=60) == 0


def test_faults_of_a_file_are_armed(start_sandbox, tmp_path):
    (tmp_path / "faults.json").write_text('[{"system": "qlvb", "kind": "status", "code": 503, "count": 1}]')
    sandbox = start_sandbox("--systems", "qlvb", "--faults", tmp_path / "faults.json")
    for expected in (503, 401):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            get(sandbox.url("qlvb") + "/api/agencies")
        assert refusal.value.code == expected
        refusal.value.close()


def test_the_worlds_are_kept_in_a_named_folder(start_sandbox, tmp_path):
    start_sandbox("--systems", "qlvb", "--folder", tmp_path / "worlds")
    assert (tmp_path / "worlds" / "qlvb").is_dir()


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("--faults", "[{}]", "system"),
        ("--faults", "not json", "không khởi động được môi trường mô phỏng"),
        ("--faults", '[{"system": "nobody", "kind": "down"}]', "nobody"),
        ("--config", "qlvb = 5", "không khởi động được môi trường mô phỏng"),
        ("--config", "[broken", "không khởi động được môi trường mô phỏng"),
    ],
)
def test_a_wrong_file_is_a_wrong_call(option, content, told, ebrvt_process, tmp_path):
    (tmp_path / "file").write_text(content)
    answer = ebrvt_process("sandbox", "--systems", "qlvb", option, tmp_path / "file")
    assert (answer.code, answer.out) == (64, "")
    assert told in answer.err
    assert "Traceback" not in answer.err


def test_an_unknown_system_is_a_wrong_call(ebrvt_process):
    answer = ebrvt_process("sandbox", "--systems", "nobody")
    assert (answer.code, answer.out) == (64, "")
    assert "nobody" in answer.err
    assert "qlvb" in answer.err


@pytest.mark.skipif(os.name == "nt", reason="ports are taken differently there")
def test_a_taken_port_is_told(start_sandbox, ebrvt_process):
    taken = start_sandbox("--systems", "qlvb").ready["control_url"].rpartition(":")[2]
    answer = ebrvt_process("sandbox", "--systems", "qlvb", "--port", taken)
    assert (answer.code, answer.out) == (64, "")
    assert "Traceback" not in answer.err
