"""`ebrvt doctor`: named checks with cause and cure; 3 only where just remotes are away."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import AXIS_SECRET, DMS_PASSWORD

CHECK_KEYS = {"name", "grade", "cause_vi", "cure_vi", "remote"}
LOCAL_CHECKS = ["configuration", "clock", "agencies", "trust", "trust-pins", "trust-permissions"]
LOCAL_CHECKS += ["trust-anchors", "trust-branches", "certificates", "revocation-lists", "schemas"]
LOCAL_CHECKS += ["store", "disk", "disk-reserve", "links", "calendars", "system-qlvb", "system-axis"]


def grades(answer) -> dict[str, str]:
    return {check["name"]: check["grade"] for check in answer.data["checks"]}


def failed(answer) -> list[str]:
    return [name for name, grade in grades(answer).items() if grade == "fail"]


@pytest.fixture
def doctor(ebrvt, province):
    """Writes a province with changes to its file and examines it."""

    def run(*options: str, **changes: str):
        province(**changes)
        return ebrvt("doctor", "--json", *options)

    return run


def test_offline_everything_that_is_ours_is_looked_at(doctor):
    answer = doctor("--offline")
    assert (answer.code, answer.err) == (0, "")
    assert [check["name"] for check in answer.data["checks"]] == LOCAL_CHECKS
    assert all(set(check) == CHECK_KEYS for check in answer.data["checks"])
    assert {n: g for n, g in grades(answer).items() if g != "pass"} == {
        "agencies": "warn",
        "store": "warn",
        "system-qlvb": "warn",
    }


def test_whatever_does_not_pass_has_a_cure_except_what_cures_itself(doctor):
    checks = doctor().data["checks"]
    bare = [c["name"] for c in checks if c["grade"] != "pass" and not c["cure_vi"]]
    assert bare == ["store"]
    assert all(c["cause_vi"] for c in checks)


def test_it_shows_where_each_value_came_from(doctor, monkeypatch):
    monkeypatch.setenv("EBRVT_ENGINE__POLL", "200ms")
    origins = doctor("--offline").data["origins"]
    assert origins["engine.poll"] == "environment"
    assert origins["province.code"] == "file"


def test_a_running_sandbox_is_reached(doctor, sandbox):
    answer = doctor(qlvb=sandbox.url("qlvb"), vxp=sandbox.url("vxp"))
    assert answer.code == 0
    assert (grades(answer)["reach-qlvb"], grades(answer)["reach-axis"]) == ("pass", "pass")


def test_only_remotes_away_is_3(doctor, sandbox):
    answer = doctor(qlvb=sandbox.url("qlvb"))
    assert (answer.code, failed(answer)) == (3, ["reach-axis"])
    (away,) = (check for check in answer.data["checks"] if check["name"] == "reach-axis")
    assert away["remote"] is True
    assert "REMOTE_REFUSED_CONNECTION" in away["cause_vi"]


def test_a_remote_away_and_something_of_ours_wrong_is_1(doctor):
    answer = doctor(**{'to = "axis"': 'to = "nobody"'})
    assert answer.code == 1
    assert failed(answer) == ["links", "reach-qlvb", "reach-axis"]


def test_a_remote_that_does_not_know_us_is_ours_to_cure(doctor, sandbox, tmp_path):
    wrong = "mat-khau-sai-55d1"
    (tmp_path / "wrong").write_text(wrong)
    (tmp_path / "wrong").chmod(0o600)
    answer = doctor(
        qlvb=sandbox.url("qlvb"),
        vxp=sandbox.url("vxp"),
        **{"secrets/qlvb": "wrong"},
    )
    assert (answer.code, failed(answer)) == (1, ["reach-qlvb"])
    for secret in (wrong, DMS_PASSWORD, AXIS_SECRET):
        assert secret not in answer.out + answer.err


@pytest.mark.parametrize(
    ("old", "new", "name", "code"),
    [
        ('adapter = "qlvb"', 'adapter = "qlbv"', "system-qlvb", "CONFIG_ADAPTER_UNKNOWN"),
        ('dialect = "vxp"', 'dialect = "edxml2"', "system-axis", "CONFIG_DIALECT_UNKNOWN"),
        ('{ file = "secrets/vxp" }', '"plain-secret-0c7e"', "system-axis", "CONFIG_SECRET"),
        ("secrets/vxp", "secrets/none", "system-axis", "CONFIG_SECRET"),
        ('agencies = ["000.00.15.H06"]', "agencies = []", "system-axis", "CONFIG_INVALID"),
        ("http://127.0.0.1:9", "ftp://127.0.0.1:9", "system-qlvb", "CONFIG_INVALID"),
        ('from = "qlvb"', 'from = "qlbv"', "links", "CONFIG_LINK_INVALID"),
    ],
)
def test_what_would_keep_the_daemon_from_starting_is_found_offline(old, new, name, code, doctor):
    answer = doctor("--offline", **{old: new})
    assert answer.code == 1
    (check,) = (c for c in answer.data["checks"] if c["name"] == name)
    assert check["grade"] == "fail"
    assert code in check["cause_vi"]
    assert "plain-secret-0c7e" not in answer.out + answer.err


def test_a_trust_folder_that_is_not_there_fails_its_checks(doctor, tmp_path, pki):
    answer = doctor("--offline", **{str(pki.trust_folder): str(tmp_path / "nowhere")})
    assert (answer.code, failed(answer)) == (1, ["trust", "certificates", "revocation-lists"])


def test_a_world_readable_secret_is_refused(doctor, province, tmp_path, ebrvt):
    province()
    (tmp_path / "secrets" / "vxp").chmod(0o644)
    answer = ebrvt("doctor", "--offline", "--json")
    assert (answer.code, failed(answer)) == (1, ["system-axis"])


def test_a_working_daemons_blobs_are_left_alone(doctor, sandbox, tmp_path):
    half_written = tmp_path / "var" / "blobs" / ".tmp" / "half-written"
    half_written.parent.mkdir(parents=True)
    half_written.write_bytes(b"half")
    assert doctor(qlvb=sandbox.url("qlvb"), vxp=sandbox.url("vxp")).code == 0
    assert half_written.read_bytes() == b"half"


def test_the_text_marks_each_check_and_names_the_cure(ebrvt, province, monkeypatch):
    province()
    answer = ebrvt("doctor")
    assert answer.code == 3
    lines = answer.out.splitlines()
    assert lines[0].startswith("✓ Tệp cấu hình: Đọc được")
    assert any(line.startswith("✗ Kết nối tới axis: ") for line in lines)
    assert any(line.startswith("    → ") for line in lines)
    assert not any("tệp cấu hình" in line for line in lines[1:]), "what the file says need not be repeated"
    monkeypatch.setenv("EBRVT_STORE__URL", f"sqlite:///{Path.cwd() / 'other.db'}")
    lines = ebrvt("doctor", "--offline").out.splitlines()
    assert lines[-2:] == ["Giá trị cấu hình không lấy từ tệp cấu hình:", "  store.url: biến môi trường"]


def test_no_secret_of_the_configuration_is_printed_by_any_command(ebrvt, province):
    province()
    for arguments in (["doctor"], ["doctor", "--json"], ["status"], ["explain", "7849/UBND-VP"]):
        answer = ebrvt(*arguments)
        for secret in (DMS_PASSWORD, AXIS_SECRET):
            assert secret not in answer.out + answer.err


def test_the_json_is_what_other_programs_expect(doctor):
    told = doctor("--offline")
    assert json.loads(told.out) == told.data
    assert set(told.data) == {"checks", "origins"}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("http://127.0.0.1:9", "http://10.0.0.8:9", "http://10.0.0.8"),
        ("http://127.0.0.1:9", "http://truc.example", "http://truc.example"),
        ('url = "http://127.0.0.1:9"', 'url = "https://truc.example", verify = "off"', "verify = false"),
    ],
)
def test_a_transport_others_could_listen_to_is_warned_of_in_a_sandbox_too(old, new, what, doctor):
    answer = doctor("--offline", **{old: new})
    assert answer.code == 0
    (check,) = (c for c in answer.data["checks"] if c["name"] == "transport-axis")
    assert (check["grade"], what in check["cause_vi"], "https" in check["cure_vi"]) == ("warn", True, True)
