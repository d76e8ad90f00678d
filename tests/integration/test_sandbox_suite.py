"""The sandbox tests, given addresses, go to those addresses: simulators of another process play them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox import simulated
from tests.sandbox.peers import PREFIX

SECRETS = ("VXP_SECRET", *(f"{system}_PASSWORD" for system in ("QLVB", "MOTCUA", "DVCQG", "BAOCAO")))
ROOT = Path(__file__).parents[2]


def suite(variables, *arguments):
    """Run the suite as a province would, but for the addresses."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("EBRVT_", "PYTEST_"))}
    given = {PREFIX + name: text for name, text in variables.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/sandbox", *arguments]
    return subprocess.run(command, cwd=ROOT, env=kept | given, capture_output=True, text=True, check=False)


@pytest.fixture
def host(tmp_path):
    with simulated.simulators(tmp_path) as started:
        yield started


@pytest.fixture
def variables(host):
    """What the operators of the endpoints would have written in their letters."""
    accounts = {
        "vxp": {**simulated.OURS, "RECIPIENT": simulated.OURS["AGENCIES"]},
        "qlvb": simulated.DOCUMENT_SYSTEM,
        "motcua": simulated.ONE_STOP,
        "dvcqg": simulated.PORTAL,
        "baocao": host.reporting,
    }
    told = {
        f"{system.upper()}_{name}": text
        for system, account in accounts.items()
        for name, text in {**account, "URL": host.url(system)}.items()
    }
    return {"PATIENCE": "10", **told}


def events(host, system):
    with host.host.held(system) as simulator:
        return [entry["event"] for entry in simulator.world.journal_entries()]


def test_suite_passes_against_the_addresses_it_is_given(host, variables):
    answer = suite(variables)

    assert answer.returncode == 0, answer.stdout
    assert "skipped" not in answer.stdout
    assert {"document-accepted", "status-repeated", "acknowledged"} <= set(events(host, "vxp"))
    assert {"incoming-stored", "exchange-status-repeated"} <= set(events(host, "qlvb"))
    assert {"dossier-exchange-repeated", "file-served", "progress"} <= set(events(host, "motcua"))
    assert {"dossier-inserted", "dossier-updated", "progress-appended"} <= set(events(host, "dvcqg"))
    assert {"report-received", "report-repeated"} <= set(events(host, "baocao"))
    assert "written there: document" in answer.stdout
    assert not any(variables[name] in answer.stdout for name in SECRETS)


def test_wrong_secret_fails_the_suite_in_words_for_the_province(variables):
    answer = suite(variables | {"VXP_SECRET": "not this"}, "-k", "test_signed_request_is_let_in")

    assert answer.returncode == 1
    assert "VXP_NOT_AUTHENTIC" in answer.stdout
    assert "what this means" in answer.stdout
    assert "systemid or secret are not those of the operator's letter" in answer.stdout
    assert "not this" not in answer.stdout


def test_incomplete_variables_fail_the_suite_instead_of_testing_the_simulator(variables):
    del variables["VXP_SYSTEMID"]

    answer = suite(variables, "-k", "test_signed_request_is_let_in")

    assert answer.returncode == 1
    assert f"{PREFIX}VXP_* is set, but not {PREFIX}VXP_SYSTEMID" in answer.stdout
