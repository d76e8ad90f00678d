"""The operator's page names every setting, every code and every journal event there is."""

import re
from pathlib import Path

import ebrvt_adapters.motcua
import pytest
from ebrvt_adapters.motcua import MotcuaSettings, faults

from ebrvt_connect.codec.simulated_rest import RestAccount
from ebrvt_connect.errors import CATALOGUE

FOLDER = Path(ebrvt_adapters.motcua.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")
SIMULATOR = "".join(path.read_text("utf-8") for path in FOLDER.glob("sandbox*.py"))
OURS = sorted(code for code in CATALOGUE if code.startswith(("MOTCUA_", "RESULT_FILE_")))


@pytest.mark.parametrize("setting", MotcuaSettings.model_fields)
def test_setting_is_in_the_table(setting):
    assert f"`{setting}`" in README


@pytest.mark.parametrize("setting", RestAccount.model_fields)
def test_simulator_setting_is_shown(setting):
    assert re.search(rf"^    {setting} = ", README, re.MULTILINE)


@pytest.mark.parametrize("code", OURS)
def test_code_has_its_cure(code):
    assert f"`{code}`" in README


def test_codes_named_are_codes_that_exist():
    assert set(re.findall(r"`(MOTCUA_[A-Z_]+)`", README)) <= set(CATALOGUE)


def test_journal_event_is_named():
    events = re.findall(r'journal\(\s*"([a-z-]+)"', SIMULATOR)
    assert events
    assert [event for event in events if f"`{event}`" not in README] == []


@pytest.mark.parametrize("code", OURS)
def test_explanation_is_a_sentence_and_an_advice(code):
    explanation = CATALOGUE[code]
    assert explanation.sentence_vi.endswith(".")
    assert explanation.advice_vi.endswith(".")


def test_every_word_of_the_system_has_one_meaning():
    table = faults.TABLE
    words = [*table.held, *table.later, *table.rejected]
    assert len(words) == len(set(words))
