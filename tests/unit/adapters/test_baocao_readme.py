"""The operator's page of baocao names every setting, every code, every fault and every journal event."""

import re
from pathlib import Path

import ebrvt_adapters.baocao
import pytest
from ebrvt_adapters.baocao import BaocaoCredentials, BaocaoSettings
from ebrvt_adapters.baocao.sandbox import BaocaoDesk

from ebrvt_connect.errors import CATALOGUE
from ebrvt_connect.model.report import ReportState

FOLDER = Path(ebrvt_adapters.baocao.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")
CODES = sorted(code for code in CATALOGUE if code.startswith(("BAOCAO_", "REPORT_")))
OWN = [code for code in CODES if any(f'"{code}"' in path.read_text("utf-8") for path in FOLDER.glob("*.py"))]
SIMULATOR = (FOLDER / "sandbox.py").read_text("utf-8")
FAULTS = re.findall(r'^[A-Z0-9_]+ = "([a-z0-9-]+)"\n"""', SIMULATOR, re.MULTILINE)


@pytest.mark.parametrize("setting", [*BaocaoSettings.model_fields, *BaocaoCredentials.model_fields])
def test_setting_is_in_the_table(setting):
    assert f"`{setting}`" in README


@pytest.mark.parametrize("setting", BaocaoDesk.model_fields)
def test_simulator_setting_is_shown(setting):
    assert re.search(rf"^    {setting} = ", README, re.MULTILINE)


@pytest.mark.parametrize("code", OWN)
def test_code_has_its_cure(code):
    assert f"`{code}`" in README


@pytest.mark.parametrize("code", OWN)
def test_explanation_is_a_sentence_and_an_advice(code):
    assert CATALOGUE[code].sentence_vi.endswith(".")
    assert CATALOGUE[code].advice_vi.endswith(".")


def test_codes_named_are_codes_that_exist():
    assert set(re.findall(r"`(BAOCAO_[A-Z_]+)`", README)) <= set(CATALOGUE)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_simulator_is_named(fault):
    assert f"`{fault}`" in README


def test_faults_are_found():
    assert len(FAULTS) == 13


def test_journal_events_are_named():
    sources = "".join(path.read_text("utf-8") for path in FOLDER.glob("sandbox*.py"))
    written = set(re.findall(r'journal\(\s*"([a-z-]+)"', sources))
    moved = {f"report-{state.lower().replace('_', '-')}" for state in ReportState} - {"report-held"}

    assert {"report-received", "report-repeated", "refused"} <= written
    assert [event for event in sorted(written | moved) if f"`{event}`" not in README] == []
