"""What every command owes its caller: exit codes, JSON and nothing else on stdout, never a traceback."""

import itertools
import json
import re
import subprocess
import sys
import types

import click
import pytest

from ebrvt_connect import __version__
from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, explain
from ebrvt_connect.ops import cli
from ebrvt_connect.ops.cli import ebrvt as ebrvt_group
from ebrvt_connect.ops.config import ConfigInvalid
from ebrvt_connect.ops.redaction import remember_secret

HEAVY = {"pydantic", "sqlalchemy", "dbos", "zeep", "pyhanko", "lxml", "requests", "reportlab", "jinja2"}
HEAVY |= {"cryptography", "starlette", "uvicorn", "structlog", "tenacity"}
TROUBLE = explain("TEST_COMMAND_TROUBLE", "Lệnh thử nghiệm gặp sự cố.", "Không cần làm gì.")


def every_command(group: click.Group = ebrvt_group, *path: str) -> list[tuple[str, ...]]:
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += every_command(command, *path, name)
    return found


@pytest.fixture
def failing_command(monkeypatch):
    """Puts a command `trouble` among the others that fails as it is told."""

    def make(failure):
        @click.command()
        def command():
            raise failure

        module = types.ModuleType("ebrvt_connect.ops.commands.trouble")
        module.command = command
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(cli._COMMANDS, "trouble", "Fails.")

    return make


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(path, ebrvt):
    answer = ebrvt(*path, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert f"Example: ebrvt {path[0]}" in answer.out


def test_the_commands_of_the_contract_are_there(ebrvt):
    told = ebrvt("--help").out
    for name in ("verify", "edxml", "sandbox", "demo", "run", "status", "explain", "adapters", "doctor"):
        assert re.search(rf"^  {name} ", told, re.MULTILINE)
    assert "Example: ebrvt" in told


def test_the_version_is_told(ebrvt):
    assert ebrvt("--version").out == f"ebrvt, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["verify"],
        ["verify", "--no-such-option", "a.pdf"],
        ["verify", "a.pdf", "--policy", "VN_1999"],
        ["edxml", "no-such-command"],
        ["edxml", "show", "no-such-file.edxml"],
        ["status", "--lang", "fr"],
        ["sandbox", "--port", "70000"],
        ["--no-such-option"],
        [],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_64_and_says_nothing_on_stdout(arguments, ebrvt):
    answer = ebrvt(*arguments)
    assert (answer.code, answer.out) == (64, "")
    assert answer.err


@pytest.mark.parametrize(
    "command", ["run", "status", "doctor", "explain 7849/UBND-VP", "held list", "resume axis"]
)
def test_a_missing_configuration_is_4(command, ebrvt):
    answer = ebrvt(*command.split())
    assert (answer.code, answer.out) == (4, "")
    assert "CONFIG_NOT_FOUND" in answer.err
    assert "Cách xử lý" in answer.err


@pytest.mark.parametrize("command", ["run", "status", "doctor", "explain 7849/UBND-VP"])
def test_a_broken_configuration_is_4_and_names_the_nearest_key(command, ebrvt, tmp_path):
    (tmp_path / "ebrvt.toml").write_text('[province]\ncode = "H06"\n[store]\nulr = "sqlite:///x.db"\n')
    answer = ebrvt(*command.split())
    assert (answer.code, answer.out) == (4, "")
    assert "CONFIG_UNKNOWN_KEY" in answer.err
    assert "url" in answer.err
    assert "ebrvt.toml:4" in answer.err


def test_the_configuration_is_found_by_option_then_by_environment(ebrvt, tmp_path, monkeypatch):
    (tmp_path / "named.toml").write_text("[provinces]\n")
    (tmp_path / "other.toml").write_text("[systemz]\n")
    monkeypatch.setenv("EBRVT_CONFIG", str(tmp_path / "other.toml"))
    assert "systemz" in ebrvt("status").err
    assert "provinces" in ebrvt("status", "--config", tmp_path / "named.toml").err


@pytest.mark.parametrize(
    ("effect", "code"), [(RetryLater, 3), (ReconcileFirst, 2), (HeldForPerson, 2), (Rejected, 1)]
)
def test_each_effect_has_its_exit_code(effect, code, ebrvt, failing_command):
    failing_command(effect(TROUBLE, "no answer from the remote", system="axis"))
    answer = ebrvt("trouble")
    assert (answer.code, answer.out) == (code, "")
    assert "TEST_COMMAND_TROUBLE: Lệnh thử nghiệm gặp sự cố." in answer.err
    assert "no answer from the remote" in answer.err


def test_what_is_wrong_with_the_configuration_is_4_whatever_its_code(ebrvt, failing_command):
    """A list that an adapter cannot read, for instance: its code is the adapter's own."""
    failing_command(ConfigInvalid.of(HeldForPerson(TROUBLE, "cannot read {list}.toml", system="cong")))
    answer = ebrvt("trouble")
    assert (answer.code, answer.out) == (4, "")
    assert "TEST_COMMAND_TROUBLE: Lệnh thử nghiệm gặp sự cố." in answer.err
    assert "cannot read {list}.toml" in answer.err


def test_an_internal_error_is_70_with_a_code_and_neither_traceback_nor_data(ebrvt, failing_command):
    failing_command(ZeroDivisionError("079123456789 of Nguyễn Văn Mẫu"))
    answer = ebrvt("trouble")
    assert (answer.code, answer.out) == (70, "")
    assert re.match(r"INTERNAL-[0-9a-f]{8}: Chương trình gặp lỗi nội bộ\.\n", answer.err)
    assert "ZeroDivisionError at test_cli_manners.py, line" in answer.err
    assert "Traceback" not in answer.err
    assert "079123456789" not in answer.err
    assert "Nguyễn" not in answer.err


def test_a_database_that_goes_away_under_the_dispatcher_is_no_internal_error(failing_command, ebrvt):
    import psycopg

    failing_command(psycopg.OperationalError("connection failed: Connection refused"))
    answer = ebrvt("trouble")
    assert (answer.code, answer.err.startswith("STORE_BUSY:")) == (3, True)


def test_two_internal_errors_are_told_apart_and_the_same_one_is_recognised(ebrvt, failing_command):
    def code_of(failure):
        failing_command(failure)
        return ebrvt("trouble").err.split(":")[0]

    assert code_of(KeyError("a")) == code_of(KeyError("b"))
    assert code_of(KeyError("a")) != code_of(TypeError("a"))


def test_a_library_that_is_not_installed_is_named_with_its_cure(ebrvt, failing_command):
    failing_command(ModuleNotFoundError("No module named 'dbos'", name="dbos"))
    answer = ebrvt("trouble")
    assert (answer.code, answer.out) == (4, "")
    assert "EXTRA_NOT_INSTALLED: Chưa cài đặt thư viện dbos" in answer.err


def test_a_module_of_our_own_that_is_missing_is_an_internal_error(ebrvt, failing_command):
    failing_command(ModuleNotFoundError("No module named 'ebrvt_connect.x'", name="ebrvt_connect.x"))
    assert ebrvt("trouble").code == 70


def test_a_file_that_cannot_be_written_is_named_and_no_internal_error(ebrvt, failing_command):
    failing_command(PermissionError(13, "Permission denied", "/etc/out.edxml"))
    answer = ebrvt("trouble")
    assert (answer.code, answer.out) == (64, "")
    assert "FILE_UNUSABLE" in answer.err
    assert "/etc/out.edxml" in answer.err


def test_an_interruption_ends_with_130_and_no_traceback(ebrvt, failing_command):
    failing_command(KeyboardInterrupt())
    answer = ebrvt("trouble")
    assert (answer.code, answer.out) == (130, "")
    assert answer.err.strip() == "Đã dừng; chạy lại lệnh để làm tiếp."


def test_what_fails_because_it_was_interrupted_is_no_failure_of_its_own(ebrvt, failing_command):
    """The feeder of the demonstration finds its sandbox gone: that is Ctrl-C, and no network error."""
    failure = RetryLater(TROUBLE, "connection refused", system="sandbox")
    failure.__context__ = KeyboardInterrupt()
    failing_command(failure)
    answer = ebrvt("trouble")
    assert (answer.code, answer.out, answer.err) == (130, "", "Đã dừng; chạy lại lệnh để làm tiếp.\n")


def test_a_wrong_call_is_told_in_vietnamese(ebrvt):
    answer = ebrvt("held", "release", "3")
    assert answer.err == (
        "Gọi lệnh sai: thiếu --why.\n"
        "  Cách gọi: ebrvt held release [OPTIONS] IDS...\n"
        "  Xem thêm: ebrvt held release --help\n"
    )


@pytest.mark.parametrize("code", ["REPORT_RETURNED", "SIGNER_NOT_REGISTERED", "CONFIG_INVALID"])
def test_a_code_is_explained_without_names_of_places_to_be_filled(code, ebrvt):
    told = ebrvt("explain", code).out
    assert "…" in told
    assert not re.search(r"\{\w+\}", told)


def test_a_secret_the_program_knows_is_blotted_out_of_its_diagnostics(ebrvt, failing_command):
    remember_secret("correct horse battery")
    failing_command(RetryLater(TROUBLE, "the remote said: correct horse battery is wrong"))
    answer = ebrvt("trouble")
    assert "correct horse" not in answer.err
    assert "the remote said: […] is wrong" in answer.err


def test_what_a_remote_says_cannot_steer_the_terminal(ebrvt, failing_command):
    failing_command(RetryLater(TROUBLE, "\x1b]0;title\x07\x1b[2J\u202eevil"))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", ebrvt("trouble").err)


def test_help_loads_nothing_heavy():
    program = "import sys\nfrom ebrvt_connect.ops.cli import main\ntry:\n    main(['--help'])\nfinally:\n"
    program += "    print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    help_text, _, loaded = answer.stdout.partition("LOADED")
    assert "Commands:" in help_text
    assert "click" in loaded.split()
    assert set(loaded.split()) & HEAVY == set()
    assert answer.stderr == ""


def test_text_is_utf8_whatever_the_locale_says(ebrvt_process):
    answer = ebrvt_process("explain", "SECRET_HELD", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert answer.code == 0
    assert "độ mật" in answer.out


def test_a_reader_who_goes_away_leaves_no_traceback():
    command = f"{sys.executable} -m ebrvt_connect.ops.cli adapters --json | head -c 1"
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.stderr) == ("{", "")


def test_adapters_are_listed_with_the_provenance_of_their_dialects(ebrvt):
    listed = {a["name"]: a for a in ebrvt("adapters", "--json").data["adapters"]}
    assert {"qlvb", "vxp"} <= set(listed)
    assert listed["vxp"]["dialects"][0]["provenance"] == "captured"
    text = ebrvt("adapters").out
    assert "vxp: Trục liên thông văn bản quốc gia" in text
    assert "dialect vxp: provenance captured" in text


def test_a_code_is_explained_without_a_configuration(ebrvt):
    told = ebrvt("explain", "CONFIG_SECRET", "--json")
    assert told.code == 0
    assert told.data["code"] == "CONFIG_SECRET"
    assert "{ file = ... }" in told.data["advice_vi"]
    assert "CONFIG_SECRET: " in ebrvt("explain", "CONFIG_SECRET").out


def test_a_finding_is_explained_in_either_language(ebrvt):
    assert "Nội dung văn bản đã bị thay đổi sau khi ký." in ebrvt("explain", "HASH_MISMATCH").out
    assert "The digest of the signed bytes differs" in ebrvt("explain", "HASH_MISMATCH", "--lang", "en").out
    told = ebrvt("explain", "HASH_MISMATCH", "--json").data
    assert set(told) == {"code", "severity", "message_vi", "message_en", "legal_ref", "advice_vi"}


def test_a_code_of_an_adapter_is_explained_too(ebrvt):
    assert "VXP_UNKNOWN_RECIPIENT" in ebrvt("explain", "VXP_UNKNOWN_RECIPIENT").out


def test_json_is_readable_vietnamese_in_nfc():
    told = []
    for text in ("Bà Rịa", "Ba\u0300 Ri\u0323a"):
        program = f"from ebrvt_connect.ops.console import say_json; say_json({{'name': {text!r}}})"
        answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        told.append(answer.stdout.decode("utf-8"))
    assert all(one == '{\n  "name": "Bà Rịa"\n}\n' for one in told)
    assert all(json.loads(a) == json.loads(b) for a, b in itertools.pairwise(told))
