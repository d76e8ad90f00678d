"""Recipes whose cases are tests of `./dev test` already: they are run by pytest, and counted.

A case is a fault tried, one message or file each. What is skipped was not tried, and is said.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.torture.outcome import Tried

_ROOT = Path(__file__).resolve().parents[2]
_LONGEST_SECONDS = 3600
_SHOWN = 300

_TRUST = "tests/unit/trust/"
CASES: dict[str, tuple[str, ...]] = {
    "R5": (
        "tests/unit/transport/test_clocks.py",
        "tests/unit/store/test_proof_log.py",
        "tests/unit/resilience",
        "tests/integration/engine/test_pitfalls.py",
    ),
    "R9": ("tests/unit/transport/test_tls.py", "tests/unit/transport/test_http_failures.py"),
    "R10": (
        "tests/integration/proof/test_proof_keeping.py",
        "tests/unit/transport/test_signing_timestamps.py",
        "tests/unit/trust/test_stolen_stamp_keys.py",
    ),
    "R11": (
        *(_TRUST + f"test_{name}_attacks.py" for name in ("pdf", "ooxml", "xml", "packet_edxml")),
        *(_TRUST + f"test_{name}_attacks_more.py" for name in ("pdf", "ooxml", "xml", "cms")),
        _TRUST + "test_pdf_later_attacks.py",
        _TRUST + "test_ooxml_wrapping.py",
        _TRUST + "test_pdf_hidden_signatures.py",
        "tests/unit/codec/test_username_token.py",
    ),
    "R12": (
        "tests/contract/vxp/test_vxp_simulator_faults.py",
        "tests/contract/vxp/test_vxp_receiving.py",
        "tests/contract/motcua/test_motcua_in_the_ledger.py",
        "tests/contract/motcua/test_motcua_renumbering.py",
        "tests/integration/engine/test_any_order.py",
        "tests/integration/engine/test_intake.py",
    ),
    "R16": (
        "tests/integration/engine/test_patience.py",
        "tests/unit/engine/test_overload.py",
    ),
    "R18": ("tests/unit/store/test_migrations.py", "tests/unit/store/test_upgrade.py"),
    "R20": ("tests/unit/ops/test_log.py", "tests/unit/ops/test_redaction.py", "tests/unit/transport"),
}
"""Files, folders and tests by the name of their recipe."""


def tested(recipe: str) -> Tried:
    """All tests of a recipe, one after the other."""
    outcome = Tried(recipe, "tests")
    with tempfile.TemporaryDirectory(prefix="ebrvt-torture-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
        command += [f"--junitxml={report}", *CASES[recipe]]
        with outcome.case("pytest"):
            subprocess.run(command, cwd=_ROOT, capture_output=True, timeout=_LONGEST_SECONDS, check=False)
            _count(ET.parse(report).getroot(), outcome)
    return outcome


def _count(report: ET.Element, outcome: Tried) -> None:
    skipped = 0
    for case in report.iter("testcase"):
        if case.find("skipped") is not None:
            skipped += 1
            continue
        outcome.faults += 1
        outcome.messages += 1
        for wrong in (*case.iter("failure"), *case.iter("error")):
            outcome.troubles.append(f"{case.get('name')}: {wrong.get('message', '')[:_SHOWN]}")
    if skipped:
        outcome.told = f"{skipped} not played: something they need is not here"
    if not outcome.faults:
        raise AssertionError("no test was run")
