"""The operator's page names every setting, every code and every journal event there is."""

import re
from pathlib import Path

import ebrvt_adapters.dvcqg
import pytest
from ebrvt_adapters.dvcqg import DvcqgSettings
from ebrvt_adapters.dvcqg import sandbox as simulated
from ebrvt_adapters.dvcqg.sandbox_portal import DvcqgAccount

from ebrvt_connect.errors import CATALOGUE

FOLDER = Path(ebrvt_adapters.dvcqg.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")
CODES = sorted(code for code in CATALOGUE if code.startswith("DVCQG_"))


@pytest.mark.parametrize("setting", DvcqgSettings.model_fields)
def test_setting_is_in_the_table(setting):
    assert f"`{setting}`" in README


@pytest.mark.parametrize("setting", DvcqgAccount.model_fields)
def test_simulator_setting_is_shown(setting):
    assert re.search(rf"^    {setting} = ", README, re.MULTILINE)


@pytest.mark.parametrize("code", [*CODES, "UNMAPPED_PROCEDURE", "UNMAPPED_STATUS"])
def test_code_has_its_cure(code):
    assert f"`{code}`" in README


@pytest.mark.parametrize("code", [*CODES, "UNMAPPED_PROCEDURE", "UNMAPPED_STATUS"])
def test_explanation_is_a_sentence_and_an_advice(code):
    explanation = CATALOGUE[code]

    assert explanation.sentence_vi.endswith(".")
    assert explanation.advice_vi.endswith(".")


def test_codes_named_are_codes_that_exist():
    assert set(re.findall(r"`(DVCQG_[A-Z_]+)`", README)) <= set(CATALOGUE)


def test_journal_event_is_named():
    text = (FOLDER / "sandbox_portal.py").read_text("utf-8")
    events = {*re.findall(r'"((?:dossier|progress|logged|sessions)-[a-z]+)"', text), "refused"}
    events |= set(simulated._EVENTS.values())

    assert len(events) >= 12
    assert [event for event in events if f"`{event}`" not in README] == []


@pytest.mark.parametrize(
    "fault", [simulated.EXPIRE_SESSIONS, *simulated.SPOILING, *simulated.IDLE, *simulated.BEHIND]
)
def test_fault_is_named(fault):
    assert f"`{fault}`" in README
