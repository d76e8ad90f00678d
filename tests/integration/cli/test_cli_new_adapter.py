"""`ebrvt new-adapter` makes an adapter that works at once, and `ebrvt conformance` says whether one does."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from ebrvt_connect.ops.scaffold import TEMPLATE
from ebrvt_connect.testing.conformance import AdapterConformance

SHORT, LONG = "ab", "so_theo_doi_van_ban1"
TOOLS = Path(sys.executable).parent


def run(folder, *command, **environment):
    """A program in another folder, as its user would start it."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def ended(answer):
    """How it ended, with what it said if that was not well."""
    return answer.returncode, answer.stdout + answer.stderr if answer.returncode else ""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two new adapters, with the shortest and the longest name."""
    into = tmp_path_factory.mktemp("made")
    for name in (SHORT, LONG):
        assert ended(run(into, TOOLS / "ebrvt", "new-adapter", name)) == (0, "")
    return {name: into / f"ebrvt-{name.replace('_', '-')}" for name in (SHORT, LONG)}


# --- what is made -----------------------------------------------------------------------------------------


def test_new_adapter_passes_the_conformance_suite_at_once(made):
    assert ended(run(made[LONG], TOOLS / "ebrvt", "conformance")) == (0, "")


@pytest.mark.parametrize("name", [SHORT, LONG])
@pytest.mark.parametrize("task", [("check",), ("format", "--check")], ids=["check", "format"])
def test_new_adapter_is_tidy_whatever_its_name(made, name, task):
    assert ended(run(made[name], TOOLS / "ruff", *task, "--no-cache", ".")) == (0, "")


def test_new_adapter_is_typed(made, tmp_path):
    assert ended(run(made[LONG], TOOLS / "mypy", "--cache-dir", tmp_path)) == (0, "")


@pytest.mark.parametrize("name", [SHORT, LONG])
def test_nothing_of_the_template_stays_in_it(made, name):
    files = [path for path in made[name].rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert [path.name for path in files if TEMPLATE in path.read_text("utf-8").lower()] == []
    assert [path.name for path in files if path.suffix == ".in"] == []


def test_new_adapter_is_a_distribution_that_is_found_once_installed(made, tmp_path):
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    assert ended(run(made[LONG], *build)) == (0, "")
    installed = tmp_path / "installed"
    zipfile.ZipFile(next(tmp_path.glob("*.whl"))).extractall(installed)

    answer = run(tmp_path, TOOLS / "ebrvt", "adapters", PYTHONPATH=str(installed))

    assert f"{LONG}: " in answer.stdout
    assert f"{TEMPLATE}: " not in answer.stdout


def test_new_adapter_asks_for_the_version_it_was_made_with(made):
    project = tomllib.loads((made[SHORT] / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["dependencies"] == ["ebrvt-connect>=0.1.0"]
    assert project["entry-points"]["ebrvt_connect.adapters"] == {SHORT: "ebrvt_ab:Ab"}


# --- manners ----------------------------------------------------------------------------------------------


def test_what_was_made_is_told_as_json(ebrvt, tmp_path):
    answer = ebrvt("new-adapter", SHORT, "--into", str(tmp_path / "new"), "--json")

    assert answer.code == 0
    assert answer.data["package"] == "ebrvt_ab"
    assert {"pyproject.toml", "src/ebrvt_ab/adapter.toml", "tests/test_conformance.py"} <= set(
        answer.data["files"]
    )


UNUSABLE = ["", "A", "a", "Ab", "1ab", "a-b", "a__b", "ab_", "sổ", "../ab", "class", "a" * 21]


@pytest.mark.parametrize("name", UNUSABLE)
def test_name_that_cannot_be_used_is_refused_and_nothing_is_written(ebrvt, tmp_path, name):
    answer = ebrvt("new-adapter", "--", name)

    assert answer.code == 64
    assert "ADAPTER_NAME_INVALID" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["qlvb", TEMPLATE, "ledger", "connect", "adapters", "schemas"])
def test_name_that_is_taken_is_refused(ebrvt, tmp_path, name):
    answer = ebrvt("new-adapter", name)

    assert answer.code == 64
    assert "ADAPTER_NAME_TAKEN" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(ebrvt, tmp_path):
    mine = tmp_path / "ebrvt-ab"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")

    answer = ebrvt("new-adapter", "ab")

    assert answer.code == 64
    assert "ADAPTER_FOLDER_TAKEN" in answer.err
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]


# --- the suite as a command -------------------------------------------------------------------------------


def test_broken_promise_ends_with_one(ebrvt, tmp_path):
    test = tmp_path / "test_broken.py"
    test.write_text("def test_broken_promise():\n    assert False\n\ndef test_kept(): ...\n")

    assert ebrvt("conformance", str(test)).code == 1
    assert ebrvt("conformance", str(test), "--only", "kept").code == 0


def test_tests_that_cannot_be_read_are_no_yes(ebrvt, tmp_path):
    (tmp_path / "test_torn.py").write_text("import nowhere_to_be_found\n")

    assert ebrvt("conformance", "test_torn.py").code == 1


def test_without_pytest_it_says_what_to_install(ebrvt, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)

    answer = ebrvt("conformance", str(tmp_path))

    assert answer.code == 64
    assert "pip install pytest" in answer.err


def test_where_there_is_nothing_to_run_the_call_is_wrong(ebrvt, tmp_path):
    (tmp_path / "empty").mkdir()

    assert ebrvt("conformance").code == 64
    assert ebrvt("conformance", "empty").code == 64
    assert ebrvt("conformance", "not-there").code == 64


# --- the guide --------------------------------------------------------------------------------------------

GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "writing-an-adapter.md").read_text("utf-8")


def block(language):
    """The guide's only block in that language."""
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return text


def test_guide_works_as_it_stands(tmp_path):
    way, _, suite = block("sh").rstrip().rpartition("\n")
    path = os.pathsep.join((str(TOOLS), os.environ["PATH"]))
    assert ended(run(tmp_path, "sh", "-e", "-c", way, PATH=path)) == (0, "")
    folder = tmp_path / "ebrvt-so-theo-doi"

    (folder / "tests" / "test_conformance.py").write_text(block("python"), "utf-8")

    assert ended(run(folder, "sh", "-e", "-c", suite, PATH=path)) == (0, "")
    assert ended(run(folder, TOOLS / "ruff", "check", "--no-cache", "tests")) == (0, "")


def test_guide_names_every_promise():
    promises = {name.removeprefix("test_") for name in vars(AdapterConformance) if name.startswith("test_")}
    table = GUIDE.partition("| promise")[2].partition("\n\n")[0]
    first_column = "".join(line.split("|")[1] for line in table.splitlines()[2:])

    assert set(re.findall(r"`(\w+)`", first_column)) == promises
