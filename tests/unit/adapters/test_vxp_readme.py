"""The operator's page names every setting, every code and every journal event there is."""

import re
from pathlib import Path

import ebrvt_adapters.vxp
import pytest
from ebrvt_adapters.vxp import VxpSettings, faults
from ebrvt_adapters.vxp.sandbox_entry import VxpAccount

from ebrvt_connect.errors import CATALOGUE

FOLDER = Path(ebrvt_adapters.vxp.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")
SOURCES = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.py")}


@pytest.mark.parametrize("setting", VxpSettings.model_fields)
def test_setting_is_in_the_table(setting):
    assert f"`{setting}`" in README


@pytest.mark.parametrize("setting", VxpAccount.model_fields)
def test_simulator_setting_is_shown(setting):
    assert re.search(rf"^    {setting} = ", README, re.MULTILINE)


@pytest.mark.parametrize("code", sorted(code for code in CATALOGUE if code.startswith("VXP_")))
def test_code_has_its_cure(code):
    assert f"`{code}`" in README


def test_codes_named_are_codes_that_exist():
    named = set(re.findall(r"`(VXP_[A-Z_]+)`", README))

    assert named <= set(CATALOGUE)


@pytest.mark.parametrize("name", ["sandbox.py", "sandbox_axis.py"])
def test_journal_event_is_named(name):
    events = re.findall(r'journal\("([a-z-]+)"', SOURCES[name])

    assert events
    assert [event for event in events if f"`{event}`" not in README] == []


def test_every_meaning_has_words_and_an_effect():
    words = faults._words()
    effects = {*faults._HELD, *faults._REJECTED, faults.Meaning.DUPLICATE, faults.Meaning.TROUBLE_THERE}

    assert {meaning for meaning, _ in words} == set(faults.Meaning) == effects


@pytest.mark.parametrize("code", sorted(code for code in CATALOGUE if code.startswith("VXP_")))
def test_explanation_is_a_sentence_and_an_advice(code):
    explanation = CATALOGUE[code]

    assert explanation.sentence_vi.endswith(".")
    assert explanation.advice_vi.endswith(".")
