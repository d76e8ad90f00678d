"""The pages made from tables cannot rot: what is stale is noticed, and every code is on them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ebrvt_connect.errors import CATALOGUE
from ebrvt_connect.ops.error_catalogue import as_read, catalogue_by_room, full_catalogue
from ebrvt_connect.ops.scaffold import TEMPLATE
from ebrvt_connect.trust.findings import CATALOGUE as FINDINGS

ROOT = Path(__file__).parents[3]
PAGES = ("errors.md", "findings.md")


@pytest.fixture(scope="module")
def generator():
    """docs/generate.py, which is a script and no module."""
    spec = importlib.util.spec_from_file_location("generate_pages", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(generator, tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    assert generator.main(["--folder", str(folder)]) == 0
    return {name: (folder / name).read_text("utf-8") for name in PAGES}


@pytest.fixture
def folder(written, tmp_path) -> Path:
    for name, text in written.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def check(generator, folder, capsys):
    """Exit code and stderr of a check of the folder; stdout stays empty."""

    def run() -> tuple[int, str]:
        code = generator.main(["--check", "--folder", str(folder)])
        told = capsys.readouterr()
        assert told.out == ""
        return code, told.err

    return run


def test_as_a_script_it_answers_by_its_exit_code(folder):
    script = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check", "--folder", str(folder)]
    (folder / "findings.md").write_text("old")
    answer = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"stale: findings.md in {folder}; run ./dev docs\n"


def test_fresh_pages_pass_and_are_not_touched(folder, check):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert check() == (0, "")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", PAGES)
def test_a_stale_page_fails_and_is_named_but_not_mended(name, folder, check):
    (folder / name).write_text((folder / name).read_text("utf-8").replace("|", "¦", 1), "utf-8")
    stale = (folder / name).read_text("utf-8")
    assert check() == (1, f"stale: {name} in {folder}; run ./dev docs\n")
    assert (folder / name).read_text("utf-8") == stale


@pytest.mark.parametrize("name", PAGES)
def test_a_missing_page_fails(name, folder, check):
    (folder / name).unlink()
    assert check() == (1, f"stale: {name} in {folder}; run ./dev docs\n")
    assert not (folder / name).exists()


def test_a_stale_page_is_written_anew(generator, folder, written):
    (folder / "errors.md").write_text("old")
    assert generator.main(["--folder", str(folder)]) == 0
    assert (folder / "errors.md").read_text("utf-8") == written["errors.md"]


def test_every_error_code_is_on_its_page_with_sentence_and_advice(written):
    for code, explanation in full_catalogue().items():
        (line,) = (line for line in written["errors.md"].splitlines() if line.startswith(f"| `{code}` "))
        assert line == f"| `{code}` | {as_read(explanation.sentence_vi)} | {as_read(explanation.advice_vi)} |"


def test_every_finding_is_on_its_page_with_both_languages_and_its_article(written):
    for code, kind in FINDINGS.items():
        (line,) = (line for line in written["findings.md"].splitlines() if line.startswith(f"| `{code}` "))
        for text in (kind.weight.severity.value, kind.message_vi, kind.message_en, kind.legal_ref):
            assert text in line


def test_no_table_row_is_broken(written):
    for page in written.values():
        widths = {line.count("|") for line in page.splitlines() if line.startswith("| ")}
        assert len(widths) == 1


def test_codes_are_grouped_by_room_and_adapter():
    rooms = catalogue_by_room()
    assert {"codec", "transport", "store", "engine", "ops"} <= set(rooms)
    assert "BLOB_MISSING" in [e.code for e in rooms["ports"]], "not with the rooms that import it"
    assert all(e.code.startswith("QLVB_") for e in rooms["ebrvt_adapters.qlvb"] if "QLVB" in e.code)
    told = [e.code for explanations in rooms.values() for e in explanations]
    assert len(told) == len(set(told))


def test_codes_of_simulators_tests_and_the_demonstration_are_left_out(written):
    import ebrvt_connect.ops.demo.sandbox_child  # noqa: F401 - registers one of them

    assert "SANDBOX_NOT_READY" in CATALOGUE
    assert "SANDBOX_NOT_READY" not in full_catalogue()
    assert "SANDBOX_NOT_READY" not in written["errors.md"]


def test_nothing_else_of_the_house_is_left_out():
    of_nobody = ("TEST_", f"{TEMPLATE.upper()}_")  # the template's become those of whoever fills it in
    ours = {code for code in CATALOGUE if not code.startswith(of_nobody)}
    assert ours - set(full_catalogue()) <= {"SANDBOX_NOT_READY", "DEMO_STORE_INVALID"}
